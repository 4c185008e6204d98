//! That there is no such actor, asked twice.
//!
//! A flipped bit in an index hides a row from whoever looks for it there, and SQLite does not notice. An actor that is there would be
//! answered as if it were not, and be made a second time under its own name. So before an actor counts as absent another index says the
//! same: a single fault hides a row from one of the two.

use dormouse_core::Address;
use rusqlite::{Connection, OptionalExtension, ffi};

use crate::convert::texts;

/// What an index found, unless it found nothing and there is something.
pub(crate) fn found<T>(conn: &Connection, address: &Address, found: Option<T>) -> rusqlite::Result<Option<T>> {
    if found.is_none() && is_there(conn, address)? {
        return Err(corrupt("an index does not have this actor"));
    }
    Ok(found)
}

/// As SQLite itself tells of damage.
pub(crate) fn corrupt(what: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what.to_owned()))
}

fn is_there(conn: &Connection, address: &Address) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM actors INDEXED BY actors_again WHERE tenant = ?1 AND kind = ?2 AND name = ?3";
    let found = conn.prepare_cached(sql)?.query_row(texts(address), |_| Ok(())).optional()?;
    Ok(found.is_some())
}
