//! What the operating system says of this process, where it is Linux: memory and processor time.

use std::fs;

/// Linux counts processor time in hundredths of a second for whoever reads `/proc`, whatever its own clock.
const TICK_MS: u64 = 10;

/// Bytes of memory that are resident, and milliseconds of processor time used so far.
pub(super) fn usage() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    Some((resident(&status)?, used(&stat)?))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// User and system time, the 14th and 15th field. The name before them may hold anything but ends at the last parenthesis.
fn used(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<u64>() * TICK_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found() {
        assert_eq!(resident("Name:\tx\nVmPeak:\t  9 kB\nVmRSS:\t    2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(used("7 (a) b) R 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20"), Some(420));
        assert_eq!((resident("Name: x"), used("7 (a) R 1")), (None, None));
    }
}
