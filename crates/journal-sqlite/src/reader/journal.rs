//! Heads, commits and snapshots.

use dormouse_core::{Address, position::Head};
use dormouse_journal::{Entry, StoredSnapshot};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    absent,
    convert::{epoch_at, hash_at, nat_at, texts},
    failure::Failure,
    history, seal,
    tails::LogRow,
};

/// The head of an actor that has no rows in the log.
pub(crate) fn head(conn: &Connection, address: &Address) -> Result<Option<Head>, Failure> {
    let sql = "SELECT epoch, seal, head_seq, head_hash FROM actors WHERE tenant = ?1 AND kind = ?2 AND name = ?3";
    let mut select = conn.prepare_cached(sql)?;
    let head = select.query_row(texts(address), |row| {
        Ok(Head { epoch: seal::epoch_at(row, 0, address)?, seq: nat_at(row, 2)?, hash: hash_at(row, 3)? })
    });
    Ok(absent::found(conn, address, head.optional()?)?)
}

/// Commits of an actor; `tail` are its number and its rows in the log, if it had any when the read began.
pub(crate) fn read(
    conn: &mut Connection,
    address: &Address,
    tail: Option<(i64, Vec<LogRow>)>,
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>, Failure> {
    let transaction = conn.transaction()?;
    let Some((actor, rows)) = tail else { return read_settled(&transaction, address, after, limit) };
    history::read(&transaction, actor, &rows, after, limit)
}

/// Commits of an actor that has them all in segments. Its row says where they end: one that was lost there would be missed by nobody.
fn read_settled(conn: &Connection, address: &Address, after: u64, limit: usize) -> Result<Vec<Entry>, Failure> {
    let sql = "SELECT id, head_seq FROM actors WHERE tenant = ?1 AND kind = ?2 AND name = ?3";
    let found = conn.prepare_cached(sql)?.query_row(texts(address), |row| Ok((row.get(0)?, nat_at(row, 1)?)));
    let Some((actor, end)) = absent::found(conn, address, found.optional()?)? else { return Ok(Vec::new()) };
    let entries = history::read(conn, actor, &[], after, limit)?;
    let last = entries.last().map_or(after, |entry| entry.seq);
    if last < end && entries.len() < limit { Err(history::missing(last + 1)) } else { Ok(entries) }
}

pub(crate) fn snapshot(conn: &Connection, address: &Address) -> Result<Option<StoredSnapshot>, Failure> {
    let sql = "SELECT s.epoch, s.seq, s.hash, s.bytes FROM actors AS a JOIN snapshots AS s ON s.actor = a.id
               WHERE a.tenant = ?1 AND a.kind = ?2 AND a.name = ?3";
    let mut select = conn.prepare_cached(sql)?;
    let (tenant, kind, name) = texts(address);
    let snapshot = select.query_row(params![tenant, kind, name], |row| {
        let head = Head { epoch: epoch_at(row, 0)?, seq: nat_at(row, 1)?, hash: hash_at(row, 2)? };
        Ok(StoredSnapshot { head, bytes: row.get_ref(3)?.as_blob()?.into() })
    });
    Ok(snapshot.optional()?)
}
