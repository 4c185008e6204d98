//! What SQLite's errors mean to callers.
//!
//! A full disk may get better: `Unavailable`. Damaged pages are one actor's matter where one actor's rows were asked for. Anything else
//! (a failed write or sync, no memory, a broken assumption) is `Fatal`: what the file holds is uncertain until it is opened again, and a
//! sync that failed once must not be tried again, because the kernel may have dropped the pages that it could not write.

use std::{error::Error, sync::Arc};

use dormouse_core::{Address, position::Head};
use dormouse_journal::{AppendError, ReadError, StoreError};
use rusqlite::ErrorCode;

/// Why a job or a read failed.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    Conflict(Head),
    Damaged(String),
    Unavailable(Cause),
    Fatal(Cause),
}

/// A cause that several callers share.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Cause {
    #[error("SQLite failed")]
    Sqlite(#[source] Arc<rusqlite::Error>),
    #[error("the rows of this actor are damaged: {0}")]
    Damaged(String),
    #[error("the store failed before: {0}")]
    Earlier(Arc<str>),
    #[error("a thread of the store is gone")]
    Gone,
    #[error("the store was closed")]
    Closed,
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) {
            return Self::Damaged(error.to_string());
        }
        let unavailable = matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy));
        let cause = Cause::Sqlite(Arc::new(error));
        if unavailable { Self::Unavailable(cause) } else { Self::Fatal(cause) }
    }
}

/// Whether SQLite found that what it reads is not what it wrote.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) || is_of_row(error)
}

/// Whether one row is not what was written, and SQLite can go on to the next.
fn is_of_row(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..))
}

/// This row, or nothing if it is damaged: its actor is not served, and those who come after it do not wait for it.
pub(crate) fn whole<T>(row: rusqlite::Result<T>) -> Option<rusqlite::Result<T>> {
    (!row.as_ref().is_err_and(is_of_row)).then_some(row)
}

impl Failure {
    /// The same, where nothing but the whole file can be damaged.
    pub(crate) fn of_the_file(self) -> Self {
        match self {
            Self::Damaged(what) => Self::Fatal(Cause::Damaged(what)),
            other => other,
        }
    }

    pub(crate) fn append(self) -> AppendError {
        match self {
            Self::Conflict(head) => AppendError::Conflict(head),
            other => other.store().into(),
        }
    }

    pub(crate) fn read(self, address: &Address) -> ReadError {
        match self {
            Self::Damaged(what) => ReadError::Damaged(address.clone(), what),
            other => other.store().into(),
        }
    }

    pub(crate) fn store(self) -> StoreError {
        let boxed = |cause: Cause| -> Box<dyn Error + Send + Sync> { Box::new(cause) };
        match self {
            // One actor's damage must not end the process that serves the others.
            Self::Damaged(what) => StoreError::Unavailable(boxed(Cause::Damaged(what))),
            Self::Unavailable(cause) => StoreError::Unavailable(boxed(cause)),
            Self::Fatal(cause) => StoreError::Fatal(boxed(cause)),
            Self::Conflict(_) => unreachable!("only appends conflict"),
        }
    }
}
