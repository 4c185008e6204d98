//! People who play, beside thousands who only cost: connections that never finish what they begin to say, and viewers who do not read.
//!
//! The players have a thread of their own, so that what they measure is the host and not this program.

mod loris;
mod players;
mod readers;

use std::{
    fs,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use dormouse_bench::machine::{pss_kib, raise_open_files};
use dormouse_core::limits::{CONNECTIONS_MAX, HANDSHAKE, LINGER, WRITE_STALL_MAX};
use indicatif::ProgressBar;
use tokio::time::{interval, sleep};

use crate::{
    Bound, Broken, Report,
    host::{Host, Place},
    overload::Memory,
    renames::check,
    report::hold,
};
use loris::{Loris, Lorises};
use players::Players;
use readers::Readers;

/// Busy processors may be this late.
const LATE: Duration = Duration::from_secs(10);
/// Of the players and of this program: lines that are no part of the crowd.
const OTHERS: usize = 64;
/// What one connection of the crowd may cost, in KiB.
const CONNECTION_KIB: usize = 40;
/// What the crowd may cost together: frames that wait for several readers are kept once, and code is paged in.
const SHARED_KIB: usize = 32 * 1024;
/// Of the kernel, in KiB.
const PAGE_KIB: u64 = 4;

/// How many and how long.
pub struct Crowd {
    /// The binary.
    pub arcade: PathBuf,
    /// Connections that send a byte now and then and never finish. One that is closed comes again.
    pub loris: usize,
    /// Signed-in viewers who read nothing.
    pub readers: usize,
    /// People who play.
    pub players: usize,
    /// The players alone.
    pub quiet: Duration,
    /// The players among the crowd.
    pub crowded: Duration,
    /// What 99 of 100 answers to players may take among the crowd.
    pub p99_max: Option<Duration>,
}

impl Crowd {
    /// Play it. `bar` counts seconds.
    #[must_use]
    pub fn run(&self, bar: &ProgressBar) -> Report {
        Report::of("crowd", |report| {
            let all = self.loris + self.readers + self.players + OTHERS;
            hold(all <= CONNECTIONS_MAX, || {
                format!("a host has at most {CONNECTIONS_MAX} connections, this needs {all}")
            })?;
            raise_open_files()?;
            enough_files(all)?;
            crate::flood(self.play(bar, report))
        })
    }

    async fn play(&self, bar: &ProgressBar, report: &mut Report) -> Result<(), Broken> {
        let folder = tempfile::tempdir()?;
        let place = Place::new(&self.arcade, folder.path().join("data"))?;
        let mut host = place.start()?;
        let players = Players::start(place.port, self.players)?;
        progress(self.quiet, bar).await;
        let quiet = players.lap()?;
        let before = pss_kib(host.pid())?;
        let (memory, kernel) = (Memory::watch(host.pid()), Kernel::watch());
        let lorises = Lorises::start(place.port, self.loris);
        let readers = Readers::start(place.port, self.readers).await?;
        // The lap is of the whole crowd; its arrival belongs to it too.
        progress(self.crowded, bar).await;
        let crowded = players.lap()?;
        lorises.over();
        let gone = self.until_gone(&place, &mut host, bar).await;
        let (samples, kernel) = (memory.stop(), kernel.stop());
        report.figure("memory_before_kib", before);
        report.figure("kernel_peak_kib", kernel);
        report.measured("last_closed_after_s", gone?.as_secs_f64());
        let after_crowd = players.lap()?;
        drop(readers);
        let loris = lorises.finish().await?;
        let (lists, promises) = players.finish()?;
        check(place.port, &lists, &promises).await?;
        host.drain()?;
        place.verify()?;
        report.figure("players", self.players);
        report.figure("acknowledged", promises.len());
        self.tell_loris(report, &loris);
        self.tell_memory(report, before, &samples);
        report.measured("quiet_p50_ms", quiet.p50_ms);
        report.measured("quiet_p99_ms", quiet.p99_ms);
        report.measured("crowded_p50_ms", crowded.p50_ms);
        report.measured("crowded_p99_of_quiet", crowded.p99_ms / quiet.p99_ms);
        let p99_max = self.p99_max.map(|most| Bound::AtMost(most.as_secs_f64() * 1e3));
        report.time("crowded_p99_ms", crowded.p99_ms, p99_max);
        let dropped = quiet.dropped + crowded.dropped + after_crowd.dropped;
        report.bar("live_players_dropped", dropped as f64, Bound::AtMost(0.0));
        Ok(())
    }

    /// Nobody of the crowd comes any more, and nobody of it leaves: the host closes them all.
    async fn until_gone(&self, place: &Place, host: &mut Host, bar: &ProgressBar) -> Result<Duration, Broken> {
        let (since, most) = (Instant::now(), WRITE_STALL_MAX + HANDSHAKE + LINGER + 3 * LATE);
        // The one that asks is one more.
        while place.metric("dormouse_connections")? > (self.players + readers::LOUD + 1) as f64 {
            host.still_runs()?;
            let open = || format!("{:?} of the crowd are still connected", place.metric("dormouse_connections"));
            hold(since.elapsed() < most, open)?;
            sleep(Duration::from_secs(1)).await;
            bar.inc(1);
        }
        Ok(since.elapsed())
    }

    fn tell_loris(&self, report: &mut Report, loris: &Loris) {
        report.figure("loris", self.loris);
        report.figure("loris_connections", loris.connections);
        report.figure("loris_told_408", loris.told_408);
        report.figure("loris_told_1409", loris.told_1409);
        report.figure("loris_closed_without_a_word", loris.silent);
        report.figure("loris_turned_away", loris.turned_away);
        let most = (HANDSHAKE + LINGER + LATE).as_secs_f64();
        report.bar("longest_loris_s", loris.longest.as_secs_f64(), Bound::AtMost(most));
        let told = (loris.told_408 + loris.told_1409) as f64 / loris.connections as f64;
        report.bar("loris_told_why", told, Bound::AtLeast(0.9));
    }

    fn tell_memory(&self, report: &mut Report, before: u64, samples: &[u64]) {
        let peak = samples.iter().copied().max().unwrap_or_default();
        report.figure("readers", self.readers);
        report.figure("memory_peak_kib", peak);
        let (grown, crowd) = (peak.saturating_sub(before) as f64, self.loris + self.readers);
        report.measured("memory_of_a_connection_kib", grown / crowd as f64);
        report.bar("memory_of_the_crowd_kib", grown, Bound::AtMost((SHARED_KIB + CONNECTION_KIB * crowd) as f64));
    }
}

/// Both sides of every connection count against a limit of their own process.
fn enough_files(wanted: usize) -> Result<(), Broken> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    hold(limit > wanted as u64, || {
        format!("a process may open {limit} files here, and {wanted} connections need more: raise `ulimit -n`")
    })
}

async fn progress(time: Duration, bar: &ProgressBar) {
    let mut left = time;
    while !left.is_zero() {
        let step = left.min(Duration::from_secs(1));
        sleep(step).await;
        left -= step;
        bar.inc(1);
    }
}

/// What the kernel holds for all TCP connections of this machine, at most, while it is watched.
struct Kernel {
    highest: Rc<std::cell::Cell<u64>>,
    sampler: tokio::task::JoinHandle<()>,
}

impl Kernel {
    fn watch() -> Self {
        let highest: Rc<std::cell::Cell<u64>> = Rc::default();
        let sampled = highest.clone();
        let sampler = tokio::task::spawn_local(async move {
            let mut ticks = interval(Duration::from_millis(500));
            loop {
                ticks.tick().await;
                sampled.set(sampled.get().max(tcp_pages().unwrap_or_default() * PAGE_KIB));
            }
        });
        Self { highest, sampler }
    }

    fn stop(self) -> u64 {
        self.sampler.abort();
        self.highest.get()
    }
}

fn tcp_pages() -> Option<u64> {
    let stat = fs::read_to_string("/proc/net/sockstat").ok()?;
    let tcp = stat.lines().find_map(|line| line.strip_prefix("TCP: "))?;
    tcp.rsplit_once("mem ")?.1.trim().parse().ok()
}
