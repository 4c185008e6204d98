//! The embedded journal under power loss, for as long as one likes.

use std::{
    process::ExitCode,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use clap::Parser;
use dormouse_power::{
    Bug, CUT_SPAN, FlipTally, Image, Tally, Work, flip_all, flip_every, live, live_all,
    planted::{ALL, find_all},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

/// From so many cycles on, a run must have met all that it can meet.
const ENOUGH_CYCLES: u64 = 2_000;

/// Characters of what a check says of a planted bug: it may print a state.
const LINE: usize = 120;

/// How often a run tells how far it is where there is no terminal: seldom enough that a log of hours can be read.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Let the embedded journal live on a disk that loses power, fails and flips bits, and compare it with what it acknowledged. The last line is JSON.
#[derive(Parser)]
#[command(name = "power", version)]
struct Options {
    /// Cuts of the power.
    #[arg(long, default_value_t = 100_000)]
    cycles: u64,
    /// Single bits of a database file to flip, drawn by chance.
    #[arg(long, default_value_t = 100_000)]
    flips: u64,
    /// Flip every bit of a small database file instead.
    #[arg(long)]
    every_bit: bool,
    /// From which everything comes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; one for each core if absent. The outcome is the same.
    #[arg(long)]
    jobs: Option<usize>,
    /// Only the life of this disk: how a violation is seen again.
    #[arg(long)]
    life: Option<u64>,
    /// Only this bit, likewise; with `--every-bit` one of the small file.
    #[arg(long)]
    bit: Option<u64>,
    /// Plant each bug in turn instead, and see that its check finds it within this many cycles or flips.
    #[arg(long)]
    planted: Option<u64>,
    /// Print nothing but the JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match (options.planted, options.life, options.bit) {
        (Some(within), ..) => plant(&options, within),
        (_, Some(life), _) => again(options.seed, life),
        (.., Some(bit)) => flip(&options, bit),
        _ => run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

fn again(seed: u64, life: u64) -> Result<(), String> {
    live(seed, life, Bug::None, &mut Tally::default()).map_err(|violation| violation.to_string())
}

fn flip(options: &Options, bit: u64) -> Result<(), String> {
    let image = if options.every_bit { Image::small(options.seed) } else { Image::new(options.seed) };
    let mut tally = FlipTally::default();
    image.flip(bit, &mut tally)?;
    options.say(&format!("{tally:?}"));
    Ok(())
}

impl Options {
    fn work(&self) -> Work {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Work { seed: self.seed, jobs: self.jobs.unwrap_or(cores).max(1) }
    }

    fn progress(&self, length: u64, what: &'static str) -> Progress {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}").expect("a well-formed template");
        let bar = ProgressBar::new(length).with_message(what).with_style(style);
        Progress { bar, what, is_quiet: self.json, told: Mutex::new(Instant::now()) }
    }

    fn say(&self, line: &str) {
        if !self.json {
            println!("{line}");
        }
    }

    fn see_again(&self, how: &str) -> String {
        format!("see it again: cargo run --profile quick -p dormouse-power -- --seed {} {how}", self.seed)
    }
}

fn plant(options: &Options, within: u64) -> Result<(), String> {
    let progress = options.progress(ALL.len() as u64, "bugs");
    let found = find_all(options.work(), within, &|| progress.step(1));
    drop(progress);
    let missed: Vec<&str> = found.iter().filter(|(_, what)| what.is_err()).map(|(name, _)| *name).collect();
    for (name, what) in &found {
        let first_line = |what: &str| what.lines().next().unwrap_or_default().chars().take(LINE).collect::<String>();
        options.say(&match what {
            Ok(what) => format!("{name}: found: {}", first_line(what)),
            Err(None) => format!("{name}: not found within {within}"),
            Err(Some(other)) => format!("{name}: not found within {within}, but this: {}", first_line(other)),
        });
    }
    println!("{}", json!({ "planted": found.len(), "missed": missed }));
    if missed.is_empty() { Ok(()) } else { Err(format!("these bugs were not found: {}", missed.join(", "))) }
}

fn run(options: &Options) -> Result<(), String> {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let tally = lives(options)?;
    let (lived, flipping) = (cpu_seconds() - cpu, cpu_seconds());
    let flips = flips(options)?;
    report(options, &tally, &flips);
    let speed = |count: u64, seconds: f64| (count as f64 / seconds.max(0.01)).round();
    let mut line = json!({
        "seed": options.seed, "power": tally, "places": CUT_SPAN, "places_hit": tally.covered(), "flips": flips,
        "every_bit": options.every_bit, "violations": 0, "digest": format!("{:016x}", tally.digest),
        "seconds": begun.elapsed().as_secs_f64().round(),
    });
    // Where the system says how much time of the processor it took.
    if lived > 0.0 {
        line["cycles_per_cpu_second"] = speed(tally.cycles, lived).into();
        line["flips_per_cpu_second"] = speed(flips.flips, cpu_seconds() - flipping).into();
    }
    println!("{line}");
    check_gaps(&tally)
}

fn lives(options: &Options) -> Result<Tally, String> {
    let progress = options.progress(options.cycles, "cycles");
    let lived = live_all(options.work(), options.cycles, Bug::None, &|cycles| progress.step(cycles));
    drop(progress);
    lived.map_err(|violation| format!("{violation}\n{}", options.see_again(&format!("--life {}", violation.life))))
}

fn flips(options: &Options) -> Result<FlipTally, String> {
    let (work, small) = (options.work(), Image::small(options.seed).bits());
    let (bits, every) = if options.every_bit { (small, " --every-bit") } else { (options.flips, "") };
    let progress = options.progress(bits, "flips");
    let step = |flips| progress.step(flips);
    let flipped = if options.every_bit { flip_every(work, &step) } else { flip_all(work, bits, &step) };
    drop(progress);
    flipped.map_err(|(bit, what)| format!("{what}\n{}", options.see_again(&format!("--bit {bit}{every}"))))
}

fn report(options: &Options, tally: &Tally, flips: &FlipTally) {
    let Tally { cycles, processes, calls, acknowledged, losses, .. } = tally;
    options.say(&format!(
        "{cycles} cuts of the power in {processes} processes; {acknowledged} of {calls} calls acknowledged, and all of them found; {} of {CUT_SPAN} places hit",
        tally.covered()
    ));
    let counts = [
        (losses.torn, "torn writes"),
        (losses.lost, "lost writes that were not synced"),
        (losses.reordered, "writes that arrived before an earlier one"),
        (tally.kills, "kills in the middle of a write"),
        (tally.failed_syncs, "failed syncs"),
        (tally.failed_writes, "failed writes"),
        (tally.full, "times without room"),
        (tally.failed_opens, "processes that the disk kept from opening the store"),
        (tally.appeared, "commits that were there though nobody had been told"),
    ];
    counts.iter().for_each(|(count, what)| options.say(&format!("{count:>9} {what}")));
    let whole = if options.every_bit { ", every bit of a file" } else { "" };
    options.say(&format!("{} flips{whole}; none served", flips.flips));
    let counts = [
        (flips.harmless, "harmless"),
        (flips.told_of_one, "told of, of one actor"),
        (flips.told_of_several, "told of, of several that share a page"),
        (flips.refused, "kept the store shut"),
        (flips.index_told, "changed what the index answers, and verify tells"),
        (flips.index_mended, "of these, what verify --reindex mends"),
        (flips.only_there, "changed a lease, a count of attempts or a bar of the activity, which nothing tells"),
    ];
    counts.iter().for_each(|(count, what)| options.say(&format!("{count:>9} {what}")));
}

/// A long run that never met one of its faults has shown less than it says.
fn check_gaps(tally: &Tally) -> Result<(), String> {
    let gaps = if tally.cycles < ENOUGH_CYCLES { Vec::new() } else { tally.gaps() };
    if gaps.is_empty() { Ok(()) } else { Err(format!("in all of this there was not once: {}", gaps.join(", "))) }
}

/// A bar on a terminal; elsewhere a line from time to time, so that a run that is cut off has said something. A violation ends it.
struct Progress {
    bar: ProgressBar,
    what: &'static str,
    is_quiet: bool,
    told: Mutex<Instant>,
}

impl Progress {
    fn step(&self, count: u64) {
        self.bar.inc(count);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bar.is_hidden() && !self.is_quiet && told.elapsed() >= TELL_EVERY {
            *told = Instant::now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            println!("{done} of {all} {}, no violation", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Time of the processor that this process took: Linux counts it in hundredths of seconds. Elsewhere 0.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split(' ').skip(12).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
