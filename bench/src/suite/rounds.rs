//! How long, how often, and which rounds count.

use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use indicatif::ProgressBar;
use tempfile::TempDir;

use super::children::{Kind, Programs, Server};
use crate::machine::{Sync, SyncKind, fdatasync_probe, load_average};

/// Syncs of one probe: a tenth of a second.
const PROBE: usize = 200;

/// How often a round waits for a better disk, and how long each time.
const WAITS: usize = 15;
const WAIT: Duration = Duration::from_secs(1);

/// What to run and how.
pub struct Plan {
    /// Where the programs are.
    pub programs: Programs,
    /// Where the servers' directories are made: on the disk that is to be measured.
    pub dir: PathBuf,
    /// Rounds of each paired cell.
    pub rounds: usize,
    /// Small numbers, to see that all works. Its figures are not for a table.
    pub quick: bool,
    /// Shows what runs now.
    pub bar: ProgressBar,
}

impl Plan {
    /// A number of things, or far fewer if it must be quick.
    pub(super) fn many(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// The driver's times, in its words.
    pub(super) fn times(&self) -> [&'static str; 4] {
        if self.quick { ["--seconds", "0.5", "--warmup", "0.2"] } else { ["--seconds", "3", "--warmup", "1"] }
    }

    /// A fresh directory for one server.
    pub(super) fn fresh(&self) -> io::Result<TempDir> {
        tempfile::tempdir_in(&self.dir)
    }

    /// Starts a server in `dir`.
    pub(super) fn start(&self, kind: Kind, dir: &Path) -> io::Result<Server> {
        self.bar.set_message(format!("{kind:?}"));
        self.bar.tick();
        Server::start(&self.programs, kind, dir)
    }

    /// Runs a round as often as planned. Rounds beside a sync of one kernel tick are dropped and tried again, as often
    /// once more.
    pub(super) fn rounds<T>(
        &self,
        cell: &str,
        mut once: impl FnMut() -> io::Result<(T, String)>,
    ) -> io::Result<Vec<T>> {
        let mut kept = Vec::with_capacity(self.rounds);
        for round in 1..=2 * self.rounds {
            let before = self.good_disk()?;
            let (result, said) = once()?;
            let after = fdatasync_probe(&self.dir, PROBE)?;
            let verdict = judge(before.kind(), after.kind());
            self.say(&format!(
                "{cell} {round}: {said}; fdatasync {:.0}/s and {:.0}/s, load {:.1}{verdict}",
                before.rate(),
                after.rate(),
                load_average(),
            ));
            if verdict.is_empty() {
                kept.push(result);
            }
            if kept.len() == self.rounds {
                break;
            }
        }
        if kept.is_empty() {
            return Err(io::Error::other("no round was beside a disk that syncs by itself"));
        }
        Ok(kept)
    }

    /// Probes until the disk syncs by itself, or for a while: a machine that others use may leave the ticking state.
    fn good_disk(&self) -> io::Result<Sync> {
        let mut sync = fdatasync_probe(&self.dir, PROBE)?;
        for _ in 0..self.many(WAITS, 0) {
            if sync.kind() != SyncKind::Tick {
                break;
            }
            self.bar.set_message("waiting for the disk");
            sleep(WAIT);
            sync = fdatasync_probe(&self.dir, PROBE)?;
        }
        Ok(sync)
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }
}

/// Why a round between these two probes is dropped, if it is.
fn judge(before: SyncKind, after: SyncKind) -> &'static str {
    match (before, after) {
        (SyncKind::Tick, _) | (_, SyncKind::Tick) => "; DROPPED: the disk syncs in kernel ticks",
        (SyncKind::Memory, _) | (_, SyncKind::Memory) => "; DROPPED: this is no disk",
        (SyncKind::Device, SyncKind::Device) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_counts_only_between_two_good_probes() {
        assert_eq!(judge(SyncKind::Device, SyncKind::Device), "");
        assert!(judge(SyncKind::Device, SyncKind::Tick).contains("DROPPED"));
        assert!(judge(SyncKind::Tick, SyncKind::Device).contains("DROPPED"));
        assert!(judge(SyncKind::Memory, SyncKind::Device).contains("DROPPED"));
    }
}
