//! A second process on the same data: refused while the first one lives, whether it runs or is stopped, and let in once it is dead.

use std::{
    path::PathBuf,
    process::{Child, Output},
    time::{Duration, Instant},
};

use dormouse_client::Status;
use indicatif::ProgressBar;

use crate::{
    Bound, Broken, PATIENCE, Report, all_live,
    host::{Host, Place},
    renames::{Load, settle},
    report::hold,
};

/// Clients, each with a list.
const CLIENTS: usize = 4;
/// Commands that each has under way.
const HANDS: usize = 4;
/// Commands that are accepted beside each attempt, so that an attempt that disturbs is noticed.
const BESIDE: u64 = 50;

/// How often.
pub struct Two {
    /// The binary.
    pub arcade: PathBuf,
    /// Attempts of a second process beside one that runs, as many beside one that is stopped, and as many deaths.
    pub attempts: u64,
}

/// What the attempts came to.
#[derive(Default)]
struct Counts {
    refused_beside_running: u64,
    refused_beside_stopped: u64,
    took_over: u64,
    races: u64,
    slowest: Duration,
    slowest_take_over: Duration,
}

impl Two {
    /// Play it. `bar` counts attempts.
    #[must_use]
    pub fn run(&self, bar: &ProgressBar) -> Report {
        Report::of("two", |report| crate::runtime()?.block_on(self.play(bar, report)))
    }

    async fn play(&self, bar: &ProgressBar, report: &mut Report) -> Result<(), Broken> {
        let folder = tempfile::tempdir()?;
        let place = Place::new(&self.arcade, folder.path().join("data"))?;
        let mut host = place.start()?;
        let load = Load::start(&place.url(), CLIENTS, HANDS, 0).await?;
        let mut counts = Counts::default();
        for _ in 0..self.attempts {
            beside_running(&place, &load, &mut counts).await?;
            host.still_runs()?;
            beside_stopped(&place, &host, &load, &mut counts).await?;
            host.still_runs()?;
            host = take_over(&place, host, &load, &mut counts).await?;
            bar.inc(1);
        }
        let accepted = load.accepted();
        let (lists, promises) = load.finish().await?;
        settle(&place, host, &lists, &promises).await?;
        report.figure("acknowledged", accepted);
        report.figure("refused_beside_one_that_runs", counts.refused_beside_running);
        report.figure("refused_beside_one_that_is_stopped", counts.refused_beside_stopped);
        report.figure("took_over_from_a_dead_one", counts.took_over);
        report.figure("of_two_at_once_one_served", counts.races);
        report.measured("slowest_take_over_ms", counts.slowest_take_over.as_secs_f64() * 1e3);
        // A second process that took a lock of the first, if only for a moment, would show here.
        report.bar("slowest_answer_beside_a_second_ms", counts.slowest.as_secs_f64() * 1e3, Bound::AtMost(2_000.0));
        Ok(())
    }
}

/// Refused, in one sentence that says why; the first one serves on, over the lines that it has.
async fn beside_running(place: &Place, load: &Load, counts: &mut Counts) -> Result<(), Broken> {
    all_live(load.clients.iter()).await?;
    load.goes_on(1).await?;
    load.slowest();
    let blocking = place.clone();
    let (refused, _) = tokio::join!(tokio::task::spawn_blocking(move || attempts(&blocking)), load.goes_on(BESIDE));
    counts.refused_beside_running += refused??;
    load.goes_on(BESIDE).await?;
    counts.slowest = counts.slowest.max(load.slowest());
    let live = load.clients.iter().all(|client| *client.status().borrow() == Status::Live);
    hold(live, || "a client lost its line beside a second process".into())
}

async fn beside_stopped(place: &Place, host: &Host, load: &Load, counts: &mut Counts) -> Result<(), Broken> {
    host.stop()?;
    let blocking = place.clone();
    let refused = tokio::task::spawn_blocking(move || attempts(&blocking)).await?;
    host.go_on()?;
    counts.refused_beside_stopped += refused?;
    load.goes_on(BESIDE).await?;
    Ok(())
}

/// One of each command that opens the data.
fn attempts(place: &Place) -> Result<u64, Broken> {
    let elsewhere = ["serve", "--port", "0"];
    for arguments in [&elsewhere[..], &["verify"]] {
        is_refused(place, &place.run(arguments)?)?;
    }
    Ok(2)
}

fn is_refused(place: &Place, output: &Output) -> Result<(), Broken> {
    let said = String::from_utf8_lossy(&output.stderr);
    let names = said.contains("is in use by another process") && said.contains(&*place.data.to_string_lossy());
    let one_sentence = said.trim().lines().count() == 1;
    hold(!output.status.success() && names && one_sentence, || {
        format!("a second process should be refused: {} {said:?}", output.status)
    })
}

/// kill -9, and then two at once: one of them serves and the other one is refused. The clients find the one that serves.
async fn take_over(place: &Place, host: Host, load: &Load, counts: &mut Counts) -> Result<Host, Broken> {
    host.kill()?;
    let since = Instant::now();
    let (one, other) = (place.spawn()?, place.spawn()?);
    let winner = the_one_that_lives(one, other)?;
    counts.races += 1;
    load.goes_on(BESIDE).await?;
    counts.took_over += 1;
    counts.slowest_take_over = counts.slowest_take_over.max(since.elapsed());
    Ok(winner)
}

/// Two that were begun at the same time: waits until one has ended, badly.
fn the_one_that_lives(one: Child, other: Child) -> Result<Host, Broken> {
    let (mut one, mut other) = (Host::of(one), Host::of(other));
    let since = Instant::now();
    loop {
        match (one.still_runs().is_ok(), other.still_runs().is_ok()) {
            (true, false) => return Ok(one),
            (false, true) => return Ok(other),
            (false, false) => return Err(Broken("of two that were begun at once none serves".into())),
            (true, true) => {}
        }
        hold(since.elapsed() < PATIENCE, || "of two that were begun at once both live".into())?;
        std::thread::sleep(Duration::from_millis(5));
    }
}
