//! What a run of the driver says, one line of JSON each.

use std::io;
use std::process;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::machine::Cpu;

/// Above this share of its one thread the driver, not the server, may have been the limit.
const DRIVER_FULL: f64 = 0.9;

/// Who was busy, and so whom the figures are of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Busy {
    /// Cores that the driver used, of the one that it can use.
    pub driver_cores: f64,
    /// Cores that the server used.
    pub server_cores: f64,
    /// Cores that neither of them used: builds, other services. They make a figure worse than it is.
    pub other_cores: f64,
    /// What was the limit.
    pub limit: Limit,
}

/// What kept a run from being faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The driver's thread: the figure is a lower bound of the server's.
    Driver,
    /// No core was left: server, driver and whoever else.
    Machine,
    /// Neither: the server's own waits, such as the disk.
    Server,
}

/// Processor time of both sides at the start of a measurement.
pub(super) struct BusyMeter {
    server: u32,
    driver: Cpu,
    of_server: Cpu,
    machine: Cpu,
}

impl BusyMeter {
    pub(super) fn start(server: u32) -> io::Result<Self> {
        let (driver, of_server) = (Cpu::of(process::id())?, Cpu::of(server)?);
        Ok(Self { server, driver, of_server, machine: Cpu::of_machine()? })
    }

    pub(super) fn stop(self) -> io::Result<Busy> {
        let driver_cores = Cpu::of(process::id())?.cores_since(&self.driver);
        let server_cores = Cpu::of(self.server)?.cores_since(&self.of_server);
        let all_cores = Cpu::of_machine()?.cores_since(&self.machine);
        let other_cores = (all_cores - driver_cores - server_cores).max(0.0);
        let cores = std::thread::available_parallelism()?.get();
        Ok(Busy { driver_cores, server_cores, other_cores, limit: limit(driver_cores, all_cores, cores) })
    }
}

fn limit(driver: f64, all: f64, cores: usize) -> Limit {
    if driver >= DRIVER_FULL {
        Limit::Driver
    } else if all >= DRIVER_FULL * cores as f64 {
        Limit::Machine
    } else {
        Limit::Server
    }
}

/// Latencies in microseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Half are below.
    pub p50_us: f64,
    /// All but one in a hundred are below.
    pub p99_us: f64,
    /// The worst.
    pub max_us: f64,
}

impl Latency {
    pub(super) fn of(nanos: &Histogram<u64>) -> Self {
        let micros = |nanos: u64| nanos as f64 / 1_000.0;
        Self {
            p50_us: micros(nanos.value_at_quantile(0.5)),
            p99_us: micros(nanos.value_at_quantile(0.99)),
            max_us: micros(nanos.max()),
        }
    }
}

/// Nanoseconds up to a minute, three digits.
pub(super) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are valid")
}

/// Commands and their answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadReport {
    /// Answers that came while it was measured.
    pub answers: u64,
    /// Answers a second.
    pub per_second: f64,
    /// From the send to the answer.
    pub latency: Latency,
    /// Answers to nothing that was asked, which must be none.
    pub strays: u64,
    /// Who was busy.
    pub busy: Busy,
}

/// One room and its viewers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FanReport {
    /// Frames that showed a viewer a commit for the first time; one may show several commits and counts once.
    pub deliveries: u64,
    /// Deliveries a second.
    pub per_second: f64,
    /// Commits that such a frame spanned on average: above 1 the server merged.
    pub commits_per_frame: f64,
    /// From the send to the last viewer.
    pub latency: Latency,
    /// Who was busy.
    pub busy: Busy,
}

/// Games, or rooms in which four take turns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GamesReport {
    /// Moves that everybody has seen.
    pub moves: u64,
    /// The same a second.
    pub per_second: f64,
    /// Games that ended, a second.
    pub games_per_second: f64,
    /// From a command to the last of the four.
    pub everyone: Latency,
    /// From a command to its answer.
    pub answer: Latency,
    /// Who was busy.
    pub busy: Busy,
}

/// Memory of the server before and after it got so many of something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemoryReport {
    /// How many.
    pub count: usize,
    /// PSS before.
    pub before_kib: u64,
    /// PSS after.
    pub after_kib: u64,
    /// The difference for one.
    pub each_kib: f64,
}

impl MemoryReport {
    pub(super) fn new(count: usize, before_kib: u64, after_kib: u64) -> Self {
        let each_kib = (after_kib as f64 - before_kib as f64) / count as f64;
        Self { count, before_kib, after_kib, each_kib }
    }
}

/// Rooms that were made and driven.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FillReport {
    /// The rooms, as `kind/id`.
    pub rooms: Vec<String>,
    /// Commands that each of them got.
    pub commands: usize,
    /// Commands a second, over all rooms.
    pub per_second: f64,
}

/// First answers of rooms that slept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FirstReport {
    /// How many rooms were asked, each once.
    pub rooms: usize,
    /// From the request to the whole answer.
    pub latency: Latency,
}

/// Everybody comes back at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StormReport {
    /// How many clients.
    pub clients: usize,
    /// From the start of the storm until the client was resumed.
    pub wait: Latency,
    /// Connections that failed and were tried again.
    pub retries: u64,
    /// PSS with all connected, before.
    pub before_kib: u64,
    /// The highest PSS on the way.
    pub peak_kib: u64,
    /// PSS with all connected again, after some quiet.
    pub after_kib: u64,
    /// The same after a second storm.
    pub again_kib: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_says_when_it_was_the_limit() {
        assert_eq!(limit(0.95, 1.75, 2), Limit::Driver);
        assert_eq!(limit(0.8, 1.9, 2), Limit::Machine);
        assert_eq!(limit(0.3, 0.8, 2), Limit::Server);
    }
}
