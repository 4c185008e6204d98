//! The writer: one thread, one connection, one transaction for all that waits.
//!
//! It takes what waits, up to a bound, does it in one transaction, publishes the new heads, and then answers each caller. A run that loses
//! the compare fails alone. If the transaction fails, nothing of the batch was written and nothing is published.
//! Absent: retries. A full disk is the caller's to wait for; any other failed write ends the store.

mod batch;
mod change;
mod log;
mod settle;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use dormouse_core::{
    Time,
    position::{Head, Position},
};
use dormouse_journal::{Attempt, IndexChange, Lease, StoredSnapshot};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

pub(crate) use log::{Log, Slot};
pub(crate) use settle::time_of;

use crate::{
    Options, closing,
    failure::{Cause, Failure},
    tails::{FailOnPanic, Key, Shared},
};
use batch::Batch;

/// What a caller wants written, and where it waits.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) reply: oneshot::Sender<Result<Answer, Failure>>,
}

pub(crate) enum Work {
    Append(Box<Append>),
    PutSnapshot(Key, StoredSnapshot),
    Fence(Key, u32),
    Delete(Key),
    Reindex(Key, Position, Box<IndexChange>),
    Lease { kinds: Vec<String>, now: Time, until: Time, limit: usize },
    Release { actor: Key, lease: Lease, retry_at: Time, attempt: Attempt },
}

/// A run, packed by its caller so that the writer need not touch each record.
pub(crate) struct Append {
    pub(crate) actor: Key,
    pub(crate) expected: Head,
    pub(crate) head: Head,
    pub(crate) begun: Time,
    pub(crate) time: Time,
    pub(crate) index: IndexChange,
    pub(crate) packed: Vec<u8>,
}

#[derive(Debug)]
pub(crate) enum Answer {
    Done,
    Leases(Vec<Lease>),
}

pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: Log,
    /// Where the file was opened.
    pub(crate) file: PathBuf,
    pub(crate) options: Options,
    /// Actors whose rows could not be moved; they stay in the log.
    pub(crate) stuck: HashSet<i64>,
    /// Whether this process has written, so that the note of the last close is forgotten.
    pub(crate) has_written: bool,
}

/// The longest that a batch waits for callers of the one before.
const PATIENCE_MAX: Duration = Duration::from_micros(200);

/// Batches between two looks at the size of the WAL.
const WAL_LOOK_BATCHES: u32 = 16;

impl Writer {
    /// Work until every handle is gone.
    pub(crate) fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let shared = self.shared.clone();
        let _guard = FailOnPanic(&shared);
        let max = self.options.batch_jobs_max;
        let mut waiting = Vec::with_capacity(max);
        let (mut batches, mut expected, mut patience) = (0, 0, Duration::ZERO);
        while jobs.blocking_recv_many(&mut waiting, max) > 0 {
            gather(&mut jobs, &mut waiting, expected, patience);
            let (begun, taken) = (Instant::now(), waiting.len());
            self.batch(&mut waiting);
            patience = (begun.elapsed() / 4).min(PATIENCE_MAX);
            // Those who were answered, and those who came meanwhile.
            expected = (taken + jobs.len()).min(max);
            batches += 1;
            // Never after a failure: a checkpoint syncs.
            if batches % WAL_LOOK_BATCHES == 0 && shared.check().is_ok() {
                self.checkpoint_if_due(jobs.is_empty());
            }
        }
        if self.shared.check().is_ok() {
            self.trim_all();
            self.checkpoint("TRUNCATE");
        }
    }

    /// Leave nothing in the log that was moved, so that the next start need not look at it, and note where the log ends. If it fails, the next
    /// start does.
    fn trim_all(&mut self) {
        if let Some(end) = self.log.trim_end(1, i64::MAX)
            && self.conn.execute("DELETE FROM log WHERE id < ?1", [end]).is_ok()
        {
            self.log.trimmed_to(end);
        }
        let live = self.shared.tails().actors.values().map(|tail| tail.rows.len()).sum();
        // Without it, the next start believes what it finds.
        let _ = closing::note(&self.conn, live, self.log.next_id() - 1);
    }

    /// Whether the file is still where it was opened: one that was removed takes every write, and nobody finds any of it again.
    fn check_file(&self) -> Result<(), Failure> {
        if self.file.exists() {
            return Ok(());
        }
        self.shared.fail("the journal's file was removed while it was open");
        self.shared.check()
    }

    fn batch(&mut self, jobs: &mut Vec<Job>) {
        if let Err(failed) = self.shared.check() {
            return refuse(jobs, &failed);
        }
        match self.transact(jobs) {
            Ok(answers) => {
                // Asked after the commit: what is told to be durable was in a file that somebody can find.
                if let Err(failed) = self.check_file() {
                    return refuse(jobs, &failed);
                }
                for (job, answer) in jobs.drain(..).zip(answers) {
                    // A caller that went away does not want to know.
                    let _ = job.reply.send(answer);
                }
            }
            Err(error) => {
                let failure = self.roll_back(error);
                refuse(jobs, &failure);
            }
        }
    }

    /// Do the jobs in one transaction; each gets its own answer.
    fn transact(&mut self, jobs: &mut [Job]) -> rusqlite::Result<Vec<Result<Answer, Failure>>> {
        // Deferred: a batch of losers, or of leases where there is nothing to lease, writes nothing and syncs nothing.
        self.conn.prepare_cached("BEGIN")?.execute([])?;
        let before = self.conn.total_changes();
        let mut batch = Batch::new(&self.conn, &self.shared, &mut self.log, jobs.len());
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            answers.push(batch.perform(&mut job.work)?);
        }
        batch.keep_log_bounded(&self.options, &mut self.stuck)?;
        batch.write_totals()?;
        let writes = self.conn.total_changes() > before;
        if writes && !self.has_written {
            closing::forget(&self.conn)?;
        }
        self.conn.prepare_cached("COMMIT")?.execute([])?;
        batch.publish(answers.len());
        self.has_written |= writes;
        Ok(answers)
    }

    /// Undo the batch. If even that fails, or the error is none that may pass, the store has failed.
    fn roll_back(&mut self, error: rusqlite::Error) -> Failure {
        let undone = self.conn.is_autocommit() || self.conn.execute_batch("ROLLBACK").is_ok();
        let failure = Failure::from(error).of_the_file();
        match failure {
            Failure::Unavailable(_) if undone => failure,
            Failure::Unavailable(cause) | Failure::Fatal(cause) => {
                self.shared.fail(&describe(&cause));
                Failure::Fatal(cause)
            }
            Failure::Conflict(_) | Failure::Damaged(_) => unreachable!("a batch fails as a whole"),
        }
    }

    /// Copy the WAL into the file once it is long; earlier if nobody waits, later if somebody does.
    fn checkpoint_if_due(&mut self, idle: bool) {
        let max = i64::from(self.options.wal_pages_max);
        let Ok((length, copied)) = self.wal_pages() else { return };
        if length > 4 * max {
            // Readers kept the WAL from starting over. Wait for them, a little.
            self.checkpoint("RESTART");
        } else if length - copied >= if idle { max / 4 } else { max } {
            self.checkpoint("PASSIVE");
        }
    }

    /// Pages in the WAL, and those of them that are in the file too.
    fn wal_pages(&self) -> rusqlite::Result<(i64, i64)> {
        let mut look = self.conn.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
        look.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
    }

    fn checkpoint(&mut self, mode: &str) {
        let outcome = self.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        // A full disk, or a reader in the way: the WAL keeps everything, and the next checkpoint copies it.
        if let Err(error) = outcome
            && let Failure::Fatal(cause) = Failure::from(error).of_the_file()
        {
            self.shared.fail(&describe(&cause));
        }
    }
}

/// Callers that were answered together come back together, but the first of them wakes the writer. Give the rest a moment: a batch of
/// few costs the same sync as one of many.
fn gather(jobs: &mut mpsc::Receiver<Job>, waiting: &mut Vec<Job>, expected: usize, patience: Duration) {
    if waiting.len() < expected {
        let begun = Instant::now();
        while waiting.len() + jobs.len() < expected && begun.elapsed() < patience {
            std::thread::yield_now();
        }
        while waiting.len() < expected
            && let Ok(job) = jobs.try_recv()
        {
            waiting.push(job);
        }
    }
}

fn refuse(jobs: &mut Vec<Job>, failure: &Failure) {
    for job in jobs.drain(..) {
        let _ = job.reply.send(Err(failure.clone()));
    }
}

fn describe(cause: &Cause) -> String {
    let source = std::error::Error::source(cause).map(|source| format!(": {source}"));
    format!("{cause}{}", source.unwrap_or_default())
}
