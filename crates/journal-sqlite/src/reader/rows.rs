//! Single rows, due wakes, sweeps.

use dormouse_core::{Address, Summary, Time, position::Head};
use dormouse_journal::Row;
use rusqlite::{Connection, OptionalExtension};

use crate::{
    absent,
    convert::{address_at, hash_at, int, nat_at, texts, time_at, unusable},
    failure::{Failure, whole},
    seal,
};

/// What [`row_at`] reads, in its order.
pub(crate) const COLUMNS: &str = "a.id, a.tenant, a.kind, a.name, a.head_seq, a.head_hash, a.created, a.updated, a.wake, a.summary, a.retired, a.present, a.sort, a.epoch, a.seal";
/// Where among them the newest commit's time is, and the summary's sort.
pub(crate) const UPDATED: usize = 7;
pub(crate) const SORT: usize = 12;

/// The row, and its actor's number.
pub(crate) fn row_at(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Row)> {
    let address = address_at(row, 1)?;
    let head = Head { epoch: seal::epoch_at(row, 13, &address)?, seq: nat_at(row, 4)?, hash: hash_at(row, 5)? };
    let wake: Option<i64> = row.get(8)?;
    let found = Row {
        address,
        position: head.position(),
        created: time_at(row, 6)?,
        updated: time_at(row, 7)?,
        wake: wake.map(|_| time_at(row, 8)).transpose()?,
        summary: summary_at(row, 9)?,
        retired: row.get::<_, i64>(10)? != 0,
        present: row.get::<_, i64>(11)? != 0,
    };
    Ok((row.get(0)?, found))
}

fn summary_at(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Summary>> {
    let json = row.get_ref(column)?.as_str_or_null().map_err(|error| unusable(column, error))?;
    json.map(serde_json::from_str).transpose().map_err(|error| unusable(column, error))
}

/// Lay the head in memory over the row, unless the row was settled past it meanwhile.
pub(crate) fn lay_over(row: &mut Row, head: Head, updated: Time) {
    if head.seq >= row.position.seq {
        // The epoch is always current in the file.
        row.position = Head { epoch: row.position.epoch, ..head }.position();
        row.updated = updated;
    }
}

pub(crate) fn one(
    conn: &Connection,
    address: &Address,
    tail: Option<(i64, Head, Time)>,
) -> Result<Option<Row>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM actors AS a WHERE tenant = ?1 AND kind = ?2 AND name = ?3");
    let found = conn.prepare_cached(&sql)?.query_row(texts(address), row_at).optional()?;
    let found = absent::found(conn, address, found)?;
    Ok(found.map(|(id, mut row)| {
        if let Some((_, head, updated)) = tail.filter(|(actor, ..)| *actor == id) {
            lay_over(&mut row, head, updated);
        }
        row
    }))
}

pub(crate) fn due(conn: &Connection, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, Failure> {
    let sql = "SELECT wake, tenant, kind, name, epoch, seal FROM actors WHERE wake IS NOT NULL AND wake <= ?1
               ORDER BY wake, tenant, kind, name";
    let mut select = conn.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        let address = address_at(row, 1)?;
        seal::epoch_at(row, 4, &address)?;
        Ok((time_at(row, 0)?, address))
    };
    // Counted here: in SQL, damaged rows would count, and so many of them would hide the others for ever.
    let due = select.query_map([int(now.0)], read)?.filter_map(whole).take(limit);
    Ok(due.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn sweep(conn: &Connection, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, Failure> {
    let sql = "SELECT tenant, kind, name FROM actors WHERE (tenant, kind, name) > (?1, ?2, ?3)
               ORDER BY tenant, kind, name";
    addresses(conn, sql, after, limit)
}

pub(crate) fn present(conn: &Connection, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, Failure> {
    let sql = "SELECT tenant, kind, name FROM actors WHERE present = 1 AND (tenant, kind, name) > (?1, ?2, ?3)
               ORDER BY tenant, kind, name";
    addresses(conn, sql, after, limit)
}

fn addresses(conn: &Connection, sql: &str, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, Failure> {
    // No name is empty, so every address comes after the empty one.
    let (tenant, kind, name) = after.map_or(("", "", ""), texts);
    let mut select = conn.prepare_cached(sql)?;
    let found = select.query_map([tenant, kind, name], |row| address_at(row, 0))?.filter_map(whole).take(limit);
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
