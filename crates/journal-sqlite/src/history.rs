//! Reading an actor's commits: segments first, then its rows in the log.
//!
//! The list of rows is taken before the read transaction begins. A row of it that was moved meanwhile is in a segment that the transaction
//! sees, so nothing is skipped; one that was moved and not yet trimmed is in both, and is taken once.

use std::fmt::Display;

use dormouse_journal::Entry;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{convert::int, convert::nat, failure::Failure, packed::unpack, tails::LogRow};

/// Up to `limit` commits after `after`, oldest first; `rows` are those in the log that hold commits after `after`.
pub(crate) fn read(
    conn: &Connection,
    actor: i64,
    rows: &[LogRow],
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>, Failure> {
    let mut page = Page { entries: Vec::new(), next: after.saturating_add(1), limit };
    let sql = "SELECT first, last, bytes FROM segments WHERE actor = ?1 AND last > ?2 ORDER BY last";
    let mut segments = conn.prepare_cached(sql)?;
    let mut found = segments.query(params![actor, int(after)])?;
    while let Some(row) = found.next()? {
        if !page.take(nat(row.get(0)?)?, nat(row.get(1)?)?, row.get_ref(2)?.as_blob().map_err(damage)?)? {
            return Ok(page.entries);
        }
    }
    let mut log = conn.prepare_cached("SELECT first, last, bytes FROM log WHERE id = ?1 AND actor = ?2")?;
    for row in rows {
        let mut found = log.query(params![row.id, actor])?;
        let Some(row) = found.next()? else { continue };
        if !page.take(nat(row.get(0)?)?, nat(row.get(1)?)?, row.get_ref(2)?.as_blob().map_err(damage)?)? {
            return Ok(page.entries);
        }
    }
    match rows.last() {
        Some(row) if page.next <= row.last => gone_or_missing(conn, actor, page.next),
        _ => Ok(page.entries),
    }
}

/// Rows that were there when the read began are not: the actor was deleted, or they are lost.
fn gone_or_missing(conn: &Connection, actor: i64, seq: u64) -> Result<Vec<Entry>, Failure> {
    let mut exists = conn.prepare_cached("SELECT 1 FROM actors WHERE id = ?1")?;
    match exists.query_row([actor], |_| Ok(())).optional()? {
        None => Ok(Vec::new()),
        Some(()) => Err(missing(seq)),
    }
}

/// That a commit is not there that must be.
pub(crate) fn missing(seq: u64) -> Failure {
    damage(format!("commit {seq} is missing"))
}

/// What is damaged, in words.
pub(crate) fn damage(what: impl Display) -> Failure {
    Failure::Damaged(what.to_string())
}

struct Page {
    entries: Vec<Entry>,
    next: u64,
    limit: usize,
}

impl Page {
    /// Take what belongs to the page of these commits; whether it wants more.
    fn take(&mut self, first: u64, last: u64, packed: &[u8]) -> Result<bool, Failure> {
        if last < self.next {
            return Ok(true);
        }
        if first > self.next {
            return Err(missing(self.next));
        }
        let mut seq = first;
        for record in unpack(packed) {
            let record = record.ok_or_else(|| damage(format!("commit {seq} is cut short")))?;
            if self.entries.len() == self.limit {
                return Ok(false);
            }
            if seq >= self.next {
                self.entries.push(Entry { seq, record: record.into() });
            }
            seq += 1;
        }
        if seq != last + 1 {
            return Err(damage(format!("commits {first} to {last} are {} records", seq - first)));
        }
        self.next = seq;
        Ok(self.entries.len() < self.limit)
    }
}
