//! `chaos`: does harm to real processes, and says whether every promise was kept.

use std::{io::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, Parser, Subcommand};
use dormouse_chaos::{Report, crowd::Crowd, disk::DiskFull, kill::Kill, overload::Overload, two::Two};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

/// Kill, stop, fill and flood the real binary beside real clients, and hold its journal against what they were promised.
///
/// The last line is JSON. The exit code is not 0 if a promise was broken or a bar missed.
#[derive(Parser)]
#[command(name = "chaos", version)]
struct Options {
    #[command(subcommand)]
    experiment: Experiment,
    /// The binary; by default the `arcade` beside this program.
    #[arg(long, global = true)]
    arcade: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Experiment {
    /// kill -9 and SIGSTOP/SIGCONT at random moments under load.
    Kill(KillArgs),
    /// A second process on the same data: beside one that runs, one that is stopped, and one that was killed.
    Two {
        /// How often each.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
        attempts: u64,
    },
    /// A disk that fills under load, and is given space again.
    DiskFull {
        /// How often.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
        rounds: u64,
    },
    /// A multiple of what the host can take.
    Overload(OverloadArgs),
    /// Connections that never finish and viewers that do not read, beside people who play.
    Crowd(CrowdArgs),
    /// All of them, one after another.
    All {
        /// A small share of each, for every change.
        #[arg(long)]
        small: bool,
    },
}

#[derive(Args)]
struct KillArgs {
    /// Kills and stops together.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    cycles: u64,
    /// Chooses when, and which of them.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Stops that last longer than a client waits, half a minute each: most of the time of a short run.
    #[arg(long, default_value_t = 8)]
    long_stops: u64,
}

#[derive(Args)]
struct OverloadArgs {
    /// Clients.
    #[arg(long, default_value_t = 256, value_parser = some)]
    lines: usize,
    /// Lists that they write to.
    #[arg(long, default_value_t = 16, value_parser = some)]
    lists: usize,
    /// Seconds of each closed loop that looks for the peak.
    #[arg(long, default_value_t = 4.0, value_parser = positive)]
    rung: f64,
    /// Seconds of overload.
    #[arg(long, default_value_t = 30.0, value_parser = positive)]
    flood: f64,
    /// What is offered, in peaks.
    #[arg(long, default_value_t = 5.0, value_parser = positive)]
    factor: f64,
}

/// Bars of figures that are times.
struct Times {
    goodput_min: f64,
    overload_p99_max: f64,
    crowd_p99_max: Duration,
}

const FULL: Times = Times { goodput_min: 0.8, overload_p99_max: 2.0, crowd_p99_max: Duration::from_millis(250) };
/// A small run may share its cores with anything, and its binary is not optimised: its times are told and not judged.
const SMALL: Option<&Times> = None;

/// Two hundred kills and as many stops.
const SMALL_CYCLES: u64 = 420;

#[derive(Args)]
struct CrowdArgs {
    /// Connections that send a byte now and then and never finish, half of them before the upgrade and half before hello.
    #[arg(long, default_value_t = 10_000, value_parser = some)]
    loris: usize,
    /// Signed-in viewers that do not read.
    #[arg(long, default_value_t = 5_000, value_parser = some)]
    readers: usize,
    /// People who play.
    #[arg(long, default_value_t = 200, value_parser = some)]
    players: usize,
    /// Seconds of the players alone.
    #[arg(long, default_value_t = 20.0, value_parser = positive)]
    quiet: f64,
    /// Seconds among the whole crowd.
    #[arg(long, default_value_t = 60.0, value_parser = positive)]
    crowded: f64,
}

/// One or more.
fn some(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "a whole number from 1".to_owned())
}

/// More than nothing, and finite.
fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| "a number above 0".to_owned())
}

fn main() -> ExitCode {
    let options = Options::parse();
    let arcade = options.arcade.unwrap_or_else(|| {
        std::env::current_exe().map_or_else(|_| "arcade".into(), |this| this.with_file_name("arcade"))
    });
    let run = Run { arcade };
    let reports = match options.experiment {
        Experiment::Kill(args) => vec![run.kill(&args)],
        Experiment::Two { attempts } => vec![run.two(attempts)],
        Experiment::DiskFull { rounds } => vec![run.disk_full(rounds)],
        Experiment::Overload(args) => vec![run.overload(&args, Some(&FULL))],
        Experiment::Crowd(args) => vec![run.crowd(&args, Some(&FULL))],
        Experiment::All { small: true } => run.small(),
        Experiment::All { small: false } => run.all(),
    };
    tell(&reports)
}

/// What an experiment came to: of this process, or of one that was begun for it.
struct Outcome {
    json: Value,
    is_good: bool,
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Self {
        print!("{report}");
        let _ = std::io::stdout().flush();
        Self { json: report.json(), is_good: report.is_good() }
    }
}

struct Run {
    arcade: PathBuf,
}

impl Run {
    fn kill(&self, &KillArgs { cycles, seed, long_stops }: &KillArgs) -> Outcome {
        with_bar("kill", cycles, |bar| Kill { arcade: self.arcade.clone(), cycles, seed, long_stops }.run(bar)).into()
    }

    fn two(&self, attempts: u64) -> Outcome {
        with_bar("two", attempts, |bar| Two { arcade: self.arcade.clone(), attempts }.run(bar)).into()
    }

    /// In a process with mounts of its own where this one may not mount.
    fn disk_full(&self, rounds: u64) -> Outcome {
        let arguments = ["disk-full", "--rounds", &rounds.to_string(), "--arcade", &self.arcade.display().to_string()];
        let arguments = arguments.map(str::to_owned);
        let inner = DiskFull::needs_own_mounts().then(|| DiskFull::with_own_mounts(&arguments)).flatten();
        if let Some(output) = inner.and_then(|mut command| command.output().ok()) {
            let said = String::from_utf8_lossy(&output.stdout);
            let (people, program) = said.trim_end().rsplit_once('\n').unwrap_or_default();
            println!("{people}");
            return Outcome {
                json: serde_json::from_str(program).unwrap_or_default(),
                is_good: output.status.success(),
            };
        }
        with_bar("disk-full", rounds, |bar| DiskFull { arcade: self.arcade.clone(), rounds }.run(bar)).into()
    }

    fn overload(
        &self,
        &OverloadArgs { lines, lists, rung, flood, factor }: &OverloadArgs,
        times: Option<&Times>,
    ) -> Outcome {
        let (goodput_min, p99_max) = (times.map(|it| it.goodput_min), times.map(|it| it.overload_p99_max));
        let (rung, flood) = (Duration::from_secs_f64(rung), Duration::from_secs_f64(flood));
        // A ladder has at most seven rungs.
        with_bar("overload", 8, |bar| {
            Overload { arcade: self.arcade.clone(), lines, lists, rung, flood, factor, goodput_min, p99_max }.run(bar)
        })
        .into()
    }

    fn crowd(
        &self,
        &CrowdArgs { loris, readers, players, quiet, crowded }: &CrowdArgs,
        times: Option<&Times>,
    ) -> Outcome {
        let p99_max = times.map(|it| it.crowd_p99_max);
        let (quiet, crowded) = (Duration::from_secs_f64(quiet), Duration::from_secs_f64(crowded));
        // Then those who do not read are closed, which takes about as long as they may stall.
        with_bar("crowd", quiet.as_secs() + crowded.as_secs() + 30, |bar| {
            Crowd { arcade: self.arcade.clone(), loris, readers, players, quiet, crowded, p99_max }.run(bar)
        })
        .into()
    }

    fn all(&self) -> Vec<Outcome> {
        let flood = OverloadArgs { lines: 256, lists: 16, rung: 4.0, flood: 30.0, factor: 5.0 };
        let crowd = CrowdArgs { loris: 10_000, readers: 5_000, players: 200, quiet: 20.0, crowded: 60.0 };
        vec![
            self.kill(&KillArgs { cycles: 1_000, seed: 7, long_stops: 8 }),
            self.two(20),
            self.disk_full(10),
            self.overload(&flood, Some(&FULL)),
            self.crowd(&crowd, Some(&FULL)),
        ]
    }

    fn small(&self) -> Vec<Outcome> {
        let flood = OverloadArgs { lines: 96, lists: 4, rung: 0.7, flood: 3.0, factor: 5.0 };
        let crowd = CrowdArgs { loris: 200, readers: 100, players: 16, quiet: 2.0, crowded: 5.0 };
        vec![
            self.kill(&KillArgs { cycles: SMALL_CYCLES, seed: 7, long_stops: 0 }),
            self.two(1),
            self.disk_full(2),
            self.overload(&flood, SMALL),
            self.crowd(&crowd, SMALL),
        ]
    }
}

/// A bar on a terminal, nothing elsewhere.
fn with_bar(name: &'static str, total: u64, run: impl FnOnce(&ProgressBar) -> Report) -> Report {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}").expect("a well-formed template");
    let bar = ProgressBar::new(total).with_style(style).with_message(name);
    let report = run(&bar);
    bar.finish_and_clear();
    report
}

fn tell(outcomes: &[Outcome]) -> ExitCode {
    let good = outcomes.iter().all(|outcome| outcome.is_good);
    let skipped = outcomes.iter().filter(|outcome| !outcome.json["skipped"].is_null()).count();
    match outcomes {
        [one] => println!("{}", one.json),
        all => {
            let all: Vec<&Value> = all.iter().map(|outcome| &outcome.json).collect();
            println!("{}", json!({ "good": good, "skipped": skipped, "experiments": all }));
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
