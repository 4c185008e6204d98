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
    /// What was the limit.
    pub limit: Limit,
}

/// What kept a run from being faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The driver's thread: the figure is a lower bound of the server's.
    Driver,
    /// Server and driver together used the machine up.
    Machine,
    /// Neither: the server's own waits, such as the disk.
    Server,
}

/// Processor time of both sides at the start of a measurement.
pub(super) struct BusyMeter {
    server: u32,
    driver_before: Cpu,
    server_before: Cpu,
}

impl BusyMeter {
    pub(super) fn start(server: u32) -> io::Result<Self> {
        Ok(Self { server, driver_before: Cpu::of(process::id())?, server_before: Cpu::of(server)? })
    }

    pub(super) fn stop(self) -> io::Result<Busy> {
        let driver_cores = Cpu::of(process::id())?.cores_since(&self.driver_before);
        let server_cores = Cpu::of(self.server)?.cores_since(&self.server_before);
        let cores = std::thread::available_parallelism()?.get();
        Ok(Busy { driver_cores, server_cores, limit: limit(driver_cores, server_cores, cores) })
    }
}

fn limit(driver: f64, server: f64, cores: usize) -> Limit {
    if driver >= DRIVER_FULL {
        Limit::Driver
    } else if driver + server >= DRIVER_FULL * cores as f64 {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_driver_says_when_it_was_the_limit() {
        assert_eq!(limit(0.95, 0.8, 2), Limit::Driver);
        assert_eq!(limit(0.8, 1.1, 2), Limit::Machine);
        assert_eq!(limit(0.3, 0.5, 2), Limit::Server);
    }
}
