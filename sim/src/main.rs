//! `sim`: simulations from seeds, and what they found.

mod planted;

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use dormouse_sim::{
    Report, Setup,
    apart::{ALONE, alone, apart, twice},
    faults::{Counts, kinds},
    shrink::shrink,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Play the whole engine with faults from seeds, and hold its journal against what its clients were promised. The last line is JSON.
#[derive(Parser)]
#[command(name = "sim", version)]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=SEED_MAX))]
    first: u64,
    /// As many seeds as this many simulated hours take, in place of a number of seeds.
    #[arg(long, value_parser = hours)]
    hours: Option<f64>,
    /// How long things go wrong, in milliseconds.
    #[arg(long, default_value_t = 60_000)]
    rough_ms: u64,
    /// What does not go wrong, by the names that the report has.
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(kinds()))]
    without: Vec<String>,
    /// Plant each bug in turn instead, and see that it is found within this many seeds; and play the seeds that are kept.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    planted: Option<u64>,
}

/// So many seeds come after every first one.
const SEED_MAX: u64 = u64::MAX / 2;

fn hours(text: &str) -> Result<f64, String> {
    let hours: f64 = text.parse().map_err(|_| "a number of hours".to_owned())?;
    if hours > 0.0 && hours.is_finite() { Ok(hours) } else { Err("more than none, and not for ever".to_owned()) }
}

impl Options {
    fn setup(&self, seed: u64) -> Setup {
        Setup { seed, rough: Duration::from_millis(self.rough_ms), without: self.without.clone(), bug: None }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((ALONE, rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return match alone(rest) {
            Some(report) => {
                println!("{report}");
                ExitCode::SUCCESS
            }
            None => ExitCode::FAILURE,
        };
    }
    let options = Options::parse();
    if let Some(within) = options.planted {
        return planted::find_all(within);
    }
    let since = Instant::now();
    let mut reports = play(&options);
    reports.sort_by_key(|report| report.seed);
    if let Some(first) = reports.first_mut() {
        *first = twice(&options.setup(first.seed), std::mem::take(first));
    }
    for report in &reports {
        report.violations.iter().for_each(|violation| eprintln!("seed {}: {violation}", report.seed));
    }
    if let Some(failed) = reports.iter().find(|report| !report.violations.is_empty()) {
        tell_shortest(&options, failed);
    }
    tell(&reports, since.elapsed())
}

/// Every seed, on every core.
fn play(options: &Options) -> Vec<Report> {
    let (next, simulated, reports) = (AtomicU64::new(options.first), AtomicU64::new(0), Mutex::new(Vec::new()));
    let wanted = |seed: u64| match options.hours {
        Some(hours) => (simulated.load(Ordering::Relaxed) as f64) < hours * 3_600_000.0,
        None => seed < options.first + options.seeds,
    };
    let bar = options.hours.map_or_else(|| progress(options.seeds), |_| ProgressBar::new_spinner());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !wanted(seed) {
                return;
            }
            let report = apart(&options.setup(seed));
            simulated.fetch_add(report.simulated.as_millis() as u64, Ordering::Relaxed);
            reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
            bar.inc(1);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    reports.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A bar on a terminal, nothing elsewhere.
fn progress(total: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("simulating {wide_bar} {pos}/{len} {eta}").expect("a well-formed template");
    ProgressBar::new(total).with_style(style)
}

fn tell_shortest(options: &Options, failed: &Report) {
    eprintln!("looking for the shortest schedule that fails as seed {} does", failed.seed);
    let (setup, report) = shrink(&options.setup(failed.seed), failed);
    for violation in &report.violations {
        eprintln!("  {violation}");
    }
    let without =
        if setup.without.is_empty() { String::new() } else { format!(" --without {}", setup.without.join(",")) };
    let (seed, rough) = (setup.seed, setup.rough.as_millis());
    eprintln!(
        "  again: cargo run --profile quick -p dormouse-sim -- --first {seed} --seeds 1 --rough-ms {rough}{without}"
    );
}

fn tell(reports: &[Report], took: Duration) -> ExitCode {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let simulated: Duration = reports.iter().map(|report| report.simulated).sum();
    let mut faults = Counts::new();
    for (name, count) in reports.iter().flat_map(|report| &report.faults) {
        *faults.entry(name.clone()).or_default() += count;
    }
    let failed: Vec<u64> =
        reports.iter().filter(|report| !report.violations.is_empty()).map(|report| report.seed).collect();
    let mut digest = Sha256::new();
    reports.iter().for_each(|report| digest.update(report.digest.as_bytes()));
    let digest: String = digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let hours = simulated.as_secs_f64() / 3600.0;
    println!("{} seeds, {hours:.2} simulated hours in {took:.1?}", reports.len());
    faults.iter().for_each(|(name, count)| println!("{count:>9} {}", name.replace('_', " ")));
    println!("{:>9} commits\n{:>9} checks", sum(|report| report.commits), sum(|report| report.checks));
    if !failed.is_empty() {
        println!("seeds that failed: {failed:?}");
    }
    let violations = sum(|report| report.violations.len() as u64);
    let count = |name| faults.get(name).copied().unwrap_or_default();
    let last = json!({
        "seeds": reports.len(), "simulated_hours": hours, "acknowledged": sum(|report| report.acknowledged),
        "crashes": count("crashes"), "partitions": count("partitions"), "violations": violations, "digest": digest,
    });
    println!("{last}");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
