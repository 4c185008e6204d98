//! Appends per second beside raw `write` and `fdatasync` of the same bytes.
//!
//! `cargo run --release -p dormouse-journal-sqlite --example append_rate [DIR [PATTERN]]`. Records are sealed beforehand. Each actor appends its
//! next run as soon as the last is durable; the raw loop syncs one run of every actor at a time, which is the best that grouping can do.
//! Raw and store take turns, and the ratio is of the medians.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use dormouse_journal::{Journal, Run, conformance::sample::Writer};
use dormouse_journal_sqlite::{Options, SqliteStore};

struct Pattern {
    name: &'static str,
    actors: usize,
    commits: usize,
    rounds: usize,
    snapshots: bool,
    wakes: bool,
}

const PLAIN: Pattern = Pattern { name: "plain", actors: 64, commits: 1, rounds: 2000, snapshots: false, wakes: false };
const PATTERNS: [Pattern; 7] = [
    Pattern { actors: 1, rounds: 3000, ..PLAIN },
    PLAIN,
    Pattern { name: "snapshots", snapshots: true, ..PLAIN },
    Pattern { name: "wakes move", wakes: true, ..PLAIN },
    Pattern { commits: 16, rounds: 400, ..PLAIN },
    Pattern { name: "snapshots", commits: 16, rounds: 400, snapshots: true, ..PLAIN },
    Pattern { actors: 5000, rounds: 30, ..PLAIN },
];
const PASSES: usize = 5;
const SNAPSHOT_COMMITS: u64 = 128;

fn main() {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "target/append_rate".into());
    std::fs::create_dir_all(&dir).expect("the directory can be made");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    println!(
        "actors × commits   pattern      raw commits/s   store commits/s   ratio   writer µs/run    batch    p50 µs    p99 µs    max ms"
    );
    let only: Option<usize> = std::env::args().nth(2).map(|text| text.parse().expect("PATTERN is a number from 0"));
    for pattern in PATTERNS.into_iter().enumerate().filter(|(n, _)| only.is_none_or(|only| only == *n)).map(|(_, p)| p)
    {
        let (mut raws, mut stores, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
        let (mut cpus, mut batches) = (Vec::new(), Vec::new());
        for _ in 0..PASSES {
            let runs: Vec<Vec<Run>> = (0..pattern.actors).map(|n| prepare(n, &pattern)).collect();
            raws.push(raw(Path::new(&dir), &runs, &pattern));
            let (rate, cpu, batch) = runtime.block_on(store(Path::new(&dir), runs, &pattern, &mut latencies));
            stores.push(rate);
            cpus.push(cpu);
            batches.push(batch);
        }
        report(&pattern, median(raws), median(stores), (median(cpus), median(batches)), latencies);
    }
}

fn report(pattern: &Pattern, raw: f64, store: f64, (cpu, batch): (f64, f64), mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_micros();
    println!(
        "{:>6} × {:<3}         {:<10} {:>14.0} {:>17.0} {:>7.2} {:>15.2} {:>8.1} {:>9} {:>9} {:>9}",
        pattern.actors,
        pattern.commits,
        pattern.name,
        raw,
        store,
        store / raw,
        cpu,
        batch,
        at(0.5),
        at(0.99),
        at(1.0) / 1000,
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn prepare(actor: usize, pattern: &Pattern) -> Vec<Run> {
    let mut writer = Writer::new(&format!("main/bench/a{actor}"));
    let mut next = || {
        let mut run = writer.run_of(pattern.commits, 70);
        // A turn's clock: every commit moves the wake.
        run.index.wake = pattern.wakes.then(|| Some(run.time.after(Duration::from_millis(run.head.seq))));
        run
    };
    (0..pattern.rounds).map(|_| next()).collect()
}

fn raw(dir: &Path, runs: &[Vec<Run>], pattern: &Pattern) -> f64 {
    let mut file = File::create(dir.join("raw")).expect("a file can be made");
    let begun = Instant::now();
    let mut bytes = Vec::new();
    for round in 0..pattern.rounds {
        bytes.clear();
        for record in runs.iter().flat_map(|runs| &runs[round].records) {
            bytes.extend_from_slice(record);
        }
        file.write_all(&bytes).expect("there is room");
        file.sync_data().expect("the disk works");
    }
    rate(pattern, begun)
}

fn rate(pattern: &Pattern, begun: Instant) -> f64 {
    (pattern.actors * pattern.commits * pattern.rounds) as f64 / begun.elapsed().as_secs_f64()
}

async fn store(dir: &Path, runs: Vec<Vec<Run>>, pattern: &Pattern, latencies: &mut Vec<Duration>) -> (f64, f64, f64) {
    let dir = dir.join("store");
    let _ = std::fs::remove_dir_all(&dir);
    let store = SqliteStore::open(&dir, Options::default()).expect("the store opens");
    let begun = Instant::now();
    let tasks: Vec<_> = runs
        .into_iter()
        .enumerate()
        .map(|(n, runs)| tokio::spawn(actor(store.clone(), n, runs, pattern.snapshots)))
        .collect();
    for task in tasks {
        latencies.extend(task.await.expect("no task panics"));
    }
    let rate = rate(pattern, begun);
    let cpu = writer_cpu().as_secs_f64() * 1e6 / (pattern.actors * pattern.rounds) as f64;
    let stats = store.stats();
    store.close().await;
    (rate, cpu, stats.jobs as f64 / stats.batches as f64)
}

/// What the writer's thread has used, user and system: steadier than wall time on a machine that is shared. Zero where there is no `/proc`.
fn writer_cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let mut stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    let stat = stats.find(|stat| stat.contains("(journal-writer)")).unwrap_or_default();
    let fields: Vec<u64> = stat.split(' ').skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    // Clock ticks, a hundredth of a second each.
    Duration::from_millis(10 * fields.iter().sum::<u64>())
}

async fn actor(store: SqliteStore, n: usize, runs: Vec<Run>, snapshots: bool) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(runs.len());
    // Spread, as an engine should: actors in step would settle together.
    let mut next_snapshot = SNAPSHOT_COMMITS - n as u64 % SNAPSHOT_COMMITS;
    for run in runs {
        let (address, head) = (run.address.clone(), run.head);
        let begun = Instant::now();
        store.append(run).await.expect("nobody else writes here");
        latencies.push(begun.elapsed());
        if snapshots && head.seq >= next_snapshot {
            next_snapshot = head.seq + SNAPSHOT_COMMITS;
            let snapshot = dormouse_journal::conformance::sample::snapshot_at(head, 2000);
            store.put_snapshot(&address, snapshot).await.expect("there is room");
        }
    }
    latencies
}
