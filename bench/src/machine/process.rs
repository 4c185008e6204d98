//! Processor time and memory, from `/proc`.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A few thousand connections on each side, with room to spare.
const OPEN_FILES: u64 = 65_536;

/// Raises the limit of open files: to what the cells need if the process may, else to the hard limit.
///
/// # Errors
/// If the system refuses both.
pub fn raise_open_files() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|now| now >= OPEN_FILES) {
        return Ok(());
    }
    let maximum = limit.maximum.map_or(OPEN_FILES, |maximum| maximum.max(OPEN_FILES));
    let wanted = Rlimit { current: Some(OPEN_FILES), maximum: Some(maximum) };
    // Raising the hard limit takes a privilege that a container may lack.
    setrlimit(Resource::Nofile, wanted)
        .or_else(|_| setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }))?;
    Ok(())
}

/// The processor time that a process, or the whole machine, had used at one moment.
#[derive(Clone, Copy)]
pub struct Cpu {
    used: Duration,
    at: Instant,
}

impl Cpu {
    /// Of the process `pid`.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Ok(Self::at_ticks(cpu_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?))
    }

    /// Of all processes together.
    ///
    /// # Errors
    /// If `/proc` is not there.
    pub fn of_machine() -> io::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        Ok(Self::at_ticks(machine_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?))
    }

    fn at_ticks(ticks: u64) -> Self {
        let seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        Self { used: Duration::from_secs_f64(seconds), at: Instant::now() }
    }

    /// How many cores were kept busy since `earlier`.
    #[must_use]
    pub fn cores_since(&self, earlier: &Self) -> f64 {
        let wall = self.at.duration_since(earlier.at).as_secs_f64();
        if wall > 0.0 { self.used.saturating_sub(earlier.used).as_secs_f64() / wall } else { 0.0 }
    }
}

/// User and system time, fields 14 and 15. The name before them may hold spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// All that is not idle, waiting for a disk, or taken by the hypervisor: fields 4, 5 and 8 of the first line. Guest time is
/// counted in the user's already.
fn machine_ticks(stat: &str) -> Option<u64> {
    let first = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields = first.split_ascii_whitespace().take(8).enumerate();
    let busy = fields.filter(|(place, _)| ![3, 4, 7].contains(place)).map(|(_, ticks)| ticks.parse::<u64>());
    busy.sum::<Result<u64, _>>().ok()
}

/// Memory of the process in KiB: its own pages, and its share of those that it shares.
///
/// # Errors
/// If the process is gone or somebody else's.
pub fn pss_kib(pid: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    pss_of(&rollup).ok_or(io::ErrorKind::InvalidData.into())
}

fn pss_of(rollup: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The load average of the last minute; above the number of cores, timings are somebody else's too.
#[must_use]
pub fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_ascii_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_ticks_skips_a_name_with_spaces() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 1000 1 1";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("42 (x) S 1"), None);
    }

    #[test]
    fn an_idle_machine_is_not_busy() {
        assert_eq!(machine_ticks("cpu  10 2 3 9000 900 4 5 70 6 0\ncpu0 1"), Some(24));
        assert_eq!(machine_ticks("intr 5"), None);
    }

    #[test]
    fn pss_is_not_one_of_its_parts() {
        let rollup = "55d0 ---p [rollup]\nRss:  9000 kB\nPss:   1234 kB\nPss_Dirty: 99 kB\n";
        assert_eq!(pss_of(rollup), Some(1234));
    }

    #[test]
    fn this_process_uses_memory_and_no_more_cores_than_there_are() {
        let pid = std::process::id();
        let before = Cpu::of(pid).unwrap();
        assert!(pss_kib(pid).unwrap() > 0);
        assert!(Cpu::of(pid).unwrap().cores_since(&before) >= 0.0);
    }
}
