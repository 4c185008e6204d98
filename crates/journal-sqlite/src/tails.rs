//! What lives in memory: for each actor with rows in the log its head and where those rows are.
//!
//! Published after the commit and before the callers hear of it, so whoever reads after an `Ok` sees the run. An actor whose rows were moved
//! to segments is not here; its row in the file has its head. So a sleeping actor costs no memory.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use dormouse_core::{Address, Summary, Time, position::Head};
use dormouse_journal::{
    Filter, IndexChange,
    index::{ACTIVITY_KEPT, Counts, activity_bucket},
};
use rusqlite::Row;

use crate::{
    absent::corrupt,
    failure::{Cause, Failure},
};

/// Shared by the writer, the readers and the handles.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    tails: Mutex<Tails>,
    hashes: RandomState,
    /// Set once: the store failed and stays failed.
    failed: OnceLock<Arc<str>>,
}

#[derive(Debug, Default)]
pub(crate) struct Tails {
    pub(crate) actors: ByKey<Tail>,
    pub(crate) counts: Counts,
    pub(crate) activity: BTreeMap<Time, u64>,
    /// Transactions since the start, and jobs in them.
    pub(crate) batches: u64,
    pub(crate) jobs: u64,
}

/// An address with its hash, which its caller computes, so that the one writer need not for each map that it looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    hash: u64,
    pub(crate) address: Address,
}

/// Keyed by address.
pub(crate) type ByKey<V> = HashMap<Key, V, BuildHasherDefault<Computed>>;

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// Passes a [`Key`]'s hash on.
#[derive(Debug, Default)]
pub(crate) struct Computed(u64);

impl Hasher for Computed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a key writes its hash and nothing else")
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// An actor with rows in the log.
#[derive(Debug, Clone)]
pub(crate) struct Tail {
    /// Its row in `actors`.
    pub(crate) id: i64,
    pub(crate) head: Head,
    pub(crate) updated: Time,
    pub(crate) listed: Listed,
    /// Its rows in the log, oldest first.
    pub(crate) rows: Vec<LogRow>,
    /// Its row in `actors` is not what was written: it is kept as it is, and not served.
    pub(crate) is_damaged: bool,
}

impl Tail {
    /// This, if the actor may be served.
    pub(crate) fn check(&self) -> rusqlite::Result<&Self> {
        if self.is_damaged { Err(corrupt("the row of this actor is not as it was written")) } else { Ok(self) }
    }
}

/// What lists choose and sort by, as the actor's row in the file has it, so that they read the rows of those alone that they show.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) sort: i64,
    /// Absent without a summary.
    pub(crate) status: Option<Arc<str>>,
    pub(crate) private: i64,
    pub(crate) retired: bool,
}

/// The column `private`: a row that everybody sees, one that its members see, and one without a summary, which is in no list.
pub(crate) const PUBLIC: i64 = 0;
pub(crate) const PRIVATE: i64 = 1;
pub(crate) const UNLISTED: i64 = 2;

pub(crate) fn privacy(summary: Option<&Summary>) -> i64 {
    summary.map_or(UNLISTED, |summary| if summary.private { PRIVATE } else { PUBLIC })
}

impl Default for Listed {
    fn default() -> Self {
        Self { sort: 0, status: None, private: UNLISTED, retired: false }
    }
}

impl Listed {
    /// What [`at`](Self::at) reads.
    pub(crate) const COLUMNS: &str = "sort, status, private, retired";

    /// From these columns, `column` and after.
    pub(crate) fn at(row: &Row<'_>, column: usize) -> rusqlite::Result<Self> {
        let (private, retired) = (row.get(column + 2)?, row.get(column + 3)?);
        Ok(Self { sort: row.get(column)?, status: row.get(column + 1)?, private, retired })
    }

    pub(crate) fn change(&mut self, change: &IndexChange) {
        if let Some(summary) = &change.summary {
            let summary = summary.as_ref();
            self.sort = summary.map_or(0, |summary| summary.sort);
            self.status = summary.map(|summary| summary.status.as_str().into());
            self.private = privacy(summary);
        }
        self.retired |= change.retired;
    }

    /// Whether the list may want the actor if it has not retired. Of its members the file is asked.
    pub(crate) fn may_be_in(&self, filter: &Filter) -> bool {
        let is_shown = match self.private {
            PUBLIC => true,
            PRIVATE => filter.private || filter.member.is_some(),
            _ => filter.unlisted && filter.member.is_none(),
        };
        is_shown && filter.status.as_ref().is_none_or(|wanted| self.status.as_deref() == Some(wanted))
    }
}

/// A run in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogRow {
    pub(crate) id: i64,
    /// The seq of its last commit.
    pub(crate) last: u64,
}

/// Those of `rows` that hold commits after `after`.
pub(crate) fn rows_after(rows: &[LogRow], after: u64) -> &[LogRow] {
    &rows[rows.partition_point(|row| row.last <= after)..]
}

impl Shared {
    /// Seeded by the process: clients choose names, and must not be able to choose ones that collide.
    pub(crate) fn key(&self, address: &Address) -> Key {
        Key { hash: self.hashes.hash_one(address), address: address.clone() }
    }

    pub(crate) fn tails(&self) -> MutexGuard<'_, Tails> {
        // Changes under this lock are plain moves; one that panicked has also failed the store.
        self.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuse everything from now on.
    pub(crate) fn fail(&self, why: &str) {
        let _ = self.failed.set(why.into());
    }

    /// An error once the store has failed.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.failed.get().map_or(Ok(()), |why| Err(Failure::Fatal(Cause::Earlier(why.clone()))))
    }
}

impl Tails {
    /// Count commits of that time.
    pub(crate) fn count_activity(&mut self, time: Time, commits: u64) {
        *self.activity.entry(activity_bucket(time)).or_default() += commits;
        if self.activity.len() > ACTIVITY_KEPT {
            self.activity.pop_first();
        }
    }
}

/// Fails the store if the thread that holds it panics.
pub(crate) struct FailOnPanic<'a>(pub(crate) &'a Shared);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("a thread of the store panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_fails_the_store_for_good() {
        let shared = Shared::default();
        std::thread::scope(|scope| {
            let calm = scope.spawn(|| drop(FailOnPanic(&shared)));
            assert!(calm.join().is_ok() && shared.check().is_ok());
            let panics = scope.spawn(|| {
                let _guard = FailOnPanic(&shared);
                panic!("the test asked for this");
            });
            assert!(panics.join().is_err());
        });
        assert!(matches!(shared.check(), Err(Failure::Fatal(_))));
    }
}
