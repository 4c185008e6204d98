//! Heads, commits and snapshots.

use dormouse_core::{Address, position::Head};
use dormouse_journal::{Entry, StoredSnapshot};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    absent,
    convert::{epoch_at, hash_at, nat_at, texts},
    failure::Failure,
    history,
    tails::LogRow,
};

/// The head of an actor that has no rows in the log.
pub(crate) fn head(conn: &Connection, address: &Address) -> Result<Option<Head>, Failure> {
    let sql = "SELECT epoch, head_seq, head_hash FROM actors WHERE tenant = ?1 AND kind = ?2 AND name = ?3";
    let mut select = conn.prepare_cached(sql)?;
    let head = select.query_row(texts(address), |row| {
        Ok(Head { epoch: epoch_at(row, 0)?, seq: nat_at(row, 1)?, hash: hash_at(row, 2)? })
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
    let (actor, rows) = match tail {
        Some(tail) => tail,
        None => match actor_of(&transaction, address)? {
            Some(actor) => (actor, Vec::new()),
            None => return Ok(Vec::new()),
        },
    };
    history::read(&transaction, actor, &rows, after, limit)
}

fn actor_of(conn: &Connection, address: &Address) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT id FROM actors WHERE tenant = ?1 AND kind = ?2 AND name = ?3";
    let actor = conn.prepare_cached(sql)?.query_row(texts(address), |row| row.get(0)).optional()?;
    absent::found(conn, address, actor)
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
