//! What a sync costs now, and reading as if the machine had just started.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};

const PROBE_RECORD: [u8; 200] = [b'x'; 200];

/// The disk's sync as a probe found it.
#[derive(Clone, Copy, Debug)]
pub struct Sync {
    /// Median of one append and fdatasync.
    pub median: Duration,
}

/// What a probe's median says about the run beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncKind {
    /// No device at all: the directory is in memory, and durable figures mean nothing.
    Memory,
    /// The device answers by itself.
    Device,
    /// The answer waits for a kernel tick: the machine is in a state that no figure survives.
    Tick,
}

impl Sync {
    /// Syncs per second, one after the other.
    #[must_use]
    pub fn rate(&self) -> f64 {
        1.0 / self.median.as_secs_f64()
    }

    /// A tick is 4 ms, a good device takes a tenth of one. The gap is wide, so the border may be coarse; slower than a
    /// tick is no better than a tick.
    #[must_use]
    pub fn kind(&self) -> SyncKind {
        match self.median.as_micros() {
            ..10 => SyncKind::Memory,
            10..2_000 => SyncKind::Device,
            2_000.. => SyncKind::Tick,
        }
    }
}

/// Appends and syncs `times` small records to a file in `dir`, one after the other.
///
/// # Errors
/// If the file cannot be written.
pub fn fdatasync_probe(dir: &Path, times: usize) -> io::Result<Sync> {
    let mut file = tempfile::tempfile_in(dir)?;
    let mut samples = (0..times.max(1)).map(|_| sync_once(&mut file)).collect::<io::Result<Vec<_>>>()?;
    samples.sort_unstable();
    Ok(Sync { median: samples[samples.len() / 2] })
}

fn sync_once(file: &mut File) -> io::Result<Duration> {
    let start = Instant::now();
    file.write_all(&PROBE_RECORD)?;
    file.sync_data()?;
    Ok(start.elapsed())
}

/// Reads all files below `dir`, so that the next reader finds them in memory.
///
/// # Errors
/// If a file cannot be read.
pub fn fill_page_cache(dir: &Path) -> io::Result<()> {
    each_file(dir, &mut |mut file| io::copy(&mut file, &mut io::sink()).map(drop))
}

/// Asks the kernel to forget the pages of all files below `dir`, so that the next reader goes to the device.
///
/// # Errors
/// If a file cannot be opened or synced.
pub fn drop_page_cache(dir: &Path) -> io::Result<()> {
    each_file(dir, &mut |file| {
        // Dirty pages cannot be dropped.
        file.sync_all()?;
        Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
    })
}

fn each_file(dir: &Path, work: &mut impl FnMut(File) -> io::Result<()>) -> io::Result<()> {
    for entry in dir.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            each_file(&entry.path(), work)?;
        } else {
            work(File::open(entry.path())?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(micros: u64) -> SyncKind {
        Sync { median: Duration::from_micros(micros) }.kind()
    }

    #[test]
    fn a_sync_of_one_kernel_tick_is_told_from_the_devices_own() {
        assert_eq!(kind(2), SyncKind::Memory);
        assert_eq!(kind(130), SyncKind::Device);
        assert_eq!(kind(250), SyncKind::Device);
        assert_eq!(kind(1_900), SyncKind::Device);
        assert_eq!(kind(3_990), SyncKind::Tick);
        assert_eq!(kind(4_050), SyncKind::Tick);
        assert_eq!(kind(8_000), SyncKind::Tick);
    }

    #[test]
    fn the_rate_is_the_medians() {
        let sync = Sync { median: Duration::from_micros(250) };
        assert!((sync.rate() - 4_000.0).abs() < 1e-6);
    }

    #[test]
    fn probe_and_page_cache_work_on_a_real_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert!(fdatasync_probe(dir.path(), 3).unwrap().median > Duration::ZERO);
        std::fs::create_dir(dir.path().join("inner")).unwrap();
        std::fs::write(dir.path().join("inner/file"), "text").unwrap();
        fill_page_cache(dir.path()).unwrap();
        drop_page_cache(dir.path()).unwrap();
    }
}
