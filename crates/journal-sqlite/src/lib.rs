//! The embedded journal: one SQLite file, one process, every commit synced.
//!
//! One writer thread does all that waits in one transaction, so one sync serves every actor that moved in that moment. A run is one row of an
//! append-only log; heads of actors with rows there are in memory, and a snapshot moves those rows to the actor's segments.
//! A `DIR/lock` keeps a second process out. Readers have threads of their own, so the runtime's never block.
//!
//! Absent: a cache of records (SQLite's pages are one), checks of hashes (whoever loads an actor does that), repair of anything but indexes.

mod absent;
mod closing;
mod convert;
mod failure;
mod history;
mod inherit;
mod inspect;
mod lock;
mod packed;
mod reader;
mod recover;
mod schema;
mod seal;
mod store;
mod tails;
mod writer;

use std::{io, path::PathBuf, sync::Arc};

#[doc(hidden)]
pub use inherit::Vfs;
pub use store::{SqliteStore, Stats};

/// Bounds of a store, with defaults that were measured (`examples/append_rate.rs`). Tests lower them to reach them.
#[derive(Debug, Clone)]
pub struct Options {
    /// Jobs that one transaction takes: bounds how long the first of them waits.
    pub batch_jobs_max: usize,
    /// Jobs that wait for the writer before callers wait to hand theirs over.
    pub waiting_jobs_max: usize,
    /// Threads that read.
    pub readers: usize,
    /// Rows of the log past which the store settles the owners of the oldest: bounds memory (about 100 B each) and the scan at a start.
    pub log_rows_max: usize,
    /// Bytes of the log, likewise.
    pub log_bytes_max: u64,
    /// Rows that one batch settles at least while the log is past its bounds.
    pub settle_rows_min: usize,
    /// Pages of the WAL that wait for a checkpoint: large, so that few commits see one.
    pub wal_pages_max: u32,
    /// Pages of the file, after which it counts as full; for tests.
    pub page_count_max: Option<u32>,
    /// The file system that SQLite is given instead of the system's: for tests that cut its power.
    #[doc(hidden)]
    pub vfs: Option<Arc<dyn Vfs>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch_jobs_max: 1024,
            waiting_jobs_max: 4096,
            readers: 2,
            log_rows_max: 65_536,
            log_bytes_max: 16 * 1024 * 1024,
            settle_rows_min: 64,
            wal_pages_max: 16_000,
            page_count_max: None,
            vfs: None,
        }
    }
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{0} is in use by another process; stop that process first, or give this one a directory of its own \
         (the lock ends with the process that holds it, so `lock` need never be deleted)"
    )]
    Locked(PathBuf),
    /// The directory cannot be made, its lock not be opened, or what is in it not be made durable.
    #[error("{dir} cannot be used as a data directory")]
    Directory {
        /// Which one.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A newer program wrote it.
    #[error("the data has schema {0} and this program reads up to {max}; start the newer program again", max = schema::SCHEMA)]
    NewerSchema(i64),
    /// The linked SQLite may corrupt the file.
    #[error("SQLite {0} may corrupt the data (WAL reset bug); 3.51.3 or newer is needed")]
    OldSqlite(String),
    /// SQLite fell back to another kind of journal, with which a commit that was told to be durable may be undone by a power cut.
    #[error(
        "SQLite cannot keep a write-ahead log there (its journal is `{0}`); use a local disk, or start again if the disk had failed"
    )]
    NoWal(String),
    /// The log or the tables that a start reads are damaged.
    #[error("the data is damaged where every actor needs it; restore a backup")]
    Damaged(#[source] rusqlite::Error),
    /// Anything else that SQLite says.
    #[error("SQLite cannot open the data")]
    Sqlite(#[source] rusqlite::Error),
    /// A thread cannot be started.
    #[error("a thread cannot be started")]
    Thread(#[source] io::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        if failure::is_damage(&error) { Self::Damaged(error) } else { Self::Sqlite(error) }
    }
}
