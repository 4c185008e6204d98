//! The journal seam: where commits live.

use std::sync::Arc;

use async_trait::async_trait;
use dormouse_core::{
    Address, Summary, Time, limits,
    position::Head,
    record::{self, Changes},
};

/// Consecutive commits of one actor, appended all or nothing.
#[derive(Debug, Clone)]
pub struct Run {
    /// Whose.
    pub address: Address,
    /// The records, oldest first; their seqs follow `expected` without a hole. At most `RUN_COMMITS_MAX` and `RUN_BYTES_MAX`.
    pub records: Vec<Arc<[u8]>>,
    /// The head that the first record links to.
    pub expected: Head,
    /// The head after the last record.
    pub head: Head,
    /// The time of the last record.
    pub time: Time,
    /// What the index must learn, in the same transaction where the store has one.
    pub index: IndexChange,
}

impl Run {
    /// Whether the run keeps what its fields promise. Stores call it before they append: a run that contradicts itself would be read back as damage.
    ///
    /// # Panics
    /// If it does not.
    pub fn assert_sound(&self) {
        let bytes: usize = self.records.iter().map(|record| record.len()).sum();
        assert!((1..=limits::RUN_COMMITS_MAX).contains(&self.records.len()), "a run has 1 to RUN_COMMITS_MAX commits");
        assert!(bytes <= limits::RUN_BYTES_MAX, "a run has at most RUN_BYTES_MAX");
        assert_eq!(self.head.epoch, self.expected.epoch, "a run stays in its epoch");
        assert_eq!(self.head.seq, self.expected.seq + self.records.len() as u64, "a run has no holes");
        let (first, last) = (&self.records[0], &self.records[self.records.len() - 1]);
        let prev = record::header(first).map(|header| header.prev);
        assert_eq!(prev, Ok(self.expected.hash), "a run's first record links to the expected head");
        assert_eq!(record::trailing_hash(last), Ok(self.head.hash), "a run's last record has the head's hash");
    }

    /// The time of the first record.
    pub fn begun(&self) -> Time {
        record::header(&self.records[0]).map_or(self.time, |header| header.time)
    }
}

/// What a run changes in an actor's index row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexChange {
    /// The next wake, if it changed.
    pub wake: Option<Option<Time>>,
    /// Task instances that opened in this run and are still open after it.
    pub opened: Vec<dormouse_core::record::Opened>,
    /// Task instances that closed, whether or not they opened in this run.
    pub closed: Vec<(dormouse_core::TaskKey, u64)>,
    /// The summary, if it changed.
    pub summary: Option<Option<Summary>>,
    /// Whether anybody is present, if that changed.
    pub present: Option<bool>,
    /// Whether the run retires the actor.
    pub retired: bool,
}

impl IndexChange {
    /// Also what one more commit changes.
    pub fn merge(&mut self, changes: Changes, summary: Option<Option<Summary>>, present: Option<bool>) {
        if changes.wake.is_some() {
            self.wake = changes.wake;
        }
        for (key, seq) in changes.closed {
            self.opened.retain(|open| (&open.key, open.seq) != (&key, seq));
            self.closed.push((key, seq));
        }
        self.opened.extend(changes.opened);
        if summary.is_some() {
            self.summary = summary;
        }
        self.present = present.or(self.present);
    }

    /// Whether the row changes in anything but its position.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One record as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The commit's number.
    pub seq: u64,
    /// Its bytes, as they were appended.
    pub record: Arc<[u8]>,
}

/// A snapshot as stored: bytes of `dormouse_core::snapshot`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// The position it stands at.
    pub head: Head,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

/// The store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It may work later; nothing was written. Disk full, throttled, connection refused.
    #[error("the store is not available now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The process must end: what the store holds is uncertain until it is opened again. A failed fsync, an I/O error.
    #[error("the store failed and must be opened again")]
    Fatal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why an append was not committed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else's commit came first, or the epoch was raised; nothing of the run was written. Catch up and decide again.
    #[error("the journal is at {} and not where the run begins", .0.position())]
    Conflict(Head),
    /// The run may or may not have been written, now or later. Append the *same* run again until it is committed or in conflict; tell
    /// nobody anything before that. A store that is not available meanwhile leaves it unknown.
    #[error("the outcome of the append is unknown")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing was written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stored bytes are damaged; this actor is quarantined, others are not touched.
    #[error("the stored history of {0} is damaged: {1}")]
    Damaged(Address, String),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where commits live; the only source of truth.
///
/// *Ordering*: an actor's commits are read in the order of their seq, without holes. *Atomicity*: a run is visible wholly or not at all.
/// *Durability*: `Ok` from [`append`](Self::append) means that the run survives a power cut. *Isolation*: whoever reads after an
/// `Ok` sees the run; a reader that started before may not.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Whether other hosts may write to it. Then what a host knows of an actor may be old, and before it refuses an input on that it asks for
    /// the head.
    fn is_shared(&self) -> bool {
        false
    }

    /// Append a run if the journal stands exactly at `run.expected` (epoch, seq and hash).
    ///
    /// Of several runs that race for one place exactly one is committed. A run that finds *itself* at its place (same head after it) is committed:
    /// that is how an unknown outcome ends. Index changes are in the same transaction where the store has one. A run for an actor with
    /// `expected.seq == 0` makes it, in the epoch that the run names; for one that is not there, any other run conflicts with `Head::start`.
    ///
    /// # Errors
    /// [`AppendError`], whose variants say what the caller does next.
    async fn append(&self, run: Run) -> Result<(), AppendError>;

    /// The newest committed head; `None` if there is no such actor.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError>;

    /// Up to `limit` commits after `after_seq`, oldest first. Empty means that there are none yet. May return fewer than there are; never
    /// skips one.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError>;

    /// The newest snapshot, if there is one. It may be older than the head, never newer.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError>;

    /// Keep a snapshot of a committed position. A cache: one that is older than what is stored, of another epoch, or not on the committed history's
    /// head or below it, is dropped silently; one at the same seq replaces (newer rules wrote it). Losing it changes no result.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError>;

    /// Raise the actor's epoch to `epoch`, so that runs of older epochs conflict from now on. The commits stay, the snapshot goes (it names the old epoch). Does
    /// nothing if the epoch is that high already or there is no such actor.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError>;

    /// Delete an actor and its index row. The caller has seen it retired for long enough that no writer can still hold its old head.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn delete(&self, address: &Address) -> Result<(), StoreError>;
}
