//! The embedded journal under power loss, for as long as one likes.

use std::{process::ExitCode, time::Instant};

use clap::Parser;
use dormouse_power::{CUT_SPAN, Flaw, FlipTally, Image, Tally, Work, flip_all, live, live_all};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

#[derive(Parser)]
#[command(about = "The embedded journal over a disk that loses power, fails, and flips bits")]
struct Args {
    /// Cuts of the power.
    #[arg(long, default_value_t = 100_000)]
    cycles: u64,
    /// Single bits of a database file to flip; each bit once if there are no more than that.
    #[arg(long, default_value_t = 100_000)]
    flips: u64,
    /// From which everything comes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; one for each core if absent. The outcome is the same.
    #[arg(long)]
    jobs: Option<usize>,
    /// Only the life of this disk: how a violation is seen again.
    #[arg(long)]
    life: Option<u64>,
    /// Only this bit, likewise.
    #[arg(long)]
    bit: Option<u64>,
    /// Print the figures as JSON on the last line.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match (args.life, args.bit) {
        (Some(life), _) => again(args.seed, life),
        (_, Some(bit)) => Image::new(args.seed).flip(bit, &mut FlipTally::default()).map(drop),
        _ => run(&args),
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
    live(seed, life, Flaw::None, &mut Tally::default()).map_err(|violation| violation.to_string())
}

fn run(args: &Args) -> Result<(), String> {
    let Args { seed, .. } = *args;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let work = Work { seed, jobs: args.jobs.unwrap_or(cores).max(1) };
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let bar = bar(args.cycles, "cycles");
    let lived = live_all(work, args.cycles, Flaw::None, &|cycles| bar.inc(cycles));
    bar.finish_and_clear();
    let tally = lived.map_err(|violation| {
        let life = violation.life;
        format!("{violation}\nsee it again: cargo run --release -p dormouse-power -- --seed {seed} --life {life}")
    })?;
    let cycles_cpu = cpu_seconds() - cpu;
    let bar = self::bar(args.flips, "flips");
    let flipped = flip_all(work, args.flips, &|flips| bar.inc(flips));
    bar.finish_and_clear();
    let flips = flipped.map_err(|(bit, what)| {
        format!("{what}\nsee it again: cargo run --release -p dormouse-power -- --seed {seed} --bit {bit}")
    })?;
    report(args, &tally, &flips, (begun.elapsed().as_secs_f64(), tally.cycles as f64 / cycles_cpu.max(0.01)));
    Ok(())
}

fn report(args: &Args, tally: &Tally, flips: &FlipTally, (seconds, speed): (f64, f64)) {
    println!(
        "{} cuts of the power in {} processes; {} of {} calls acknowledged, and all of them found; {} of {CUT_SPAN} places hit; {speed:.0} cycles per CPU second",
        tally.cycles,
        tally.processes,
        tally.acknowledged,
        tally.calls,
        tally.covered()
    );
    println!(
        "{} flips: {} harmless, {} told of, {} kept the store shut; none served",
        flips.flips,
        flips.harmless,
        flips.told_of_one + flips.told_of_several,
        flips.refused
    );
    if args.json {
        let line = json!({
            "seed": args.seed, "power": tally, "places": CUT_SPAN, "places_hit": tally.covered(), "flips": flips, "violations": 0,
            "digest": format!("{:016x}", tally.digest), "seconds": seconds.round(), "cycles_per_cpu_second": speed.round(),
        });
        println!("{line}");
    }
}

fn bar(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    let bar = ProgressBar::new(length).with_message(what);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// CPU time of this process: Linux counts it in hundredths. Elsewhere 0.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split(' ').skip(12).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
