//! What a start reads: totals, activity, and the log, which is bounded, for the heads of actors that have rows in it.

use std::collections::HashMap;

use dormouse_core::{Address, position::Head, record};
use dormouse_journal::index::{ACTIVITY_BUCKET_MS, ACTIVITY_KEPT, Counts};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    OpenError, absent, closing,
    convert::{address_at, epoch_at, hash_at, int, nat_at, texts, time_at},
    history,
    packed::unpack,
    seal,
    tails::{Listed, LogRow, Shared, Tail, Tails},
    writer::{Log, Slot, time_of},
};

/// Rebuild what lives in memory. `reader` is for this alone, so that the pages of the log do not stay in the writer's cache.
pub(crate) fn recover(writer: &Connection, reader: &Connection) -> Result<(Shared, Log), OpenError> {
    forget_activity(writer)?;
    Ok(recover_rows(reader)?)
}

fn recover_rows(conn: &Connection) -> rusqlite::Result<(Shared, Log)> {
    let mut tails = Tails { counts: totals(conn)?, ..Tails::default() };
    read_activity(conn, &mut tails)?;
    let first = conn.query_row("SELECT coalesce(min(id), 1) FROM log", [], |row| row.get(0))?;
    let mut scan = Scan { tails, log: Log::new(first), owners: HashMap::new() };
    let mut select = conn.prepare("SELECT id, actor, first, last, bytes FROM log ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        scan.take(conn, row)?;
    }
    let live = scan.owners.values().flatten().map(|(_, tail)| tail.rows.len()).sum();
    closing::check(conn, live, scan.log.next_id() - 1)?;
    Ok(scan.finish())
}

fn totals(conn: &Connection) -> rusqlite::Result<Counts> {
    let read =
        |row: &Row<'_>| Ok(Counts { actors: nat_at(row, 0)?, commits: nat_at(row, 1)?, retired: nat_at(row, 2)? });
    conn.query_row("SELECT actors, commits, retired FROM totals", [], read)
}

fn forget_activity(conn: &Connection) -> rusqlite::Result<()> {
    let kept = ACTIVITY_KEPT as u64 * ACTIVITY_BUCKET_MS;
    conn.execute("DELETE FROM activity WHERE bucket < (SELECT max(bucket) FROM activity) - ?1", [int(kept)])?;
    Ok(())
}

fn read_activity(conn: &Connection, tails: &mut Tails) -> rusqlite::Result<()> {
    let mut select = conn.prepare("SELECT bucket, commits FROM activity")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        tails.activity.insert(time_at(row, 0)?, nat_at(row, 1)?);
    }
    Ok(())
}

struct Scan {
    tails: Tails,
    log: Log,
    owners: HashMap<i64, Option<(Address, Tail)>>,
}

impl Scan {
    fn take(&mut self, conn: &Connection, row: &Row<'_>) -> rusqlite::Result<()> {
        let (id, actor): (i64, i64) = (row.get(0)?, row.get(1)?);
        if id != self.log.next_id() {
            return Err(absent::corrupt("a row of the log is missing"));
        }
        let (first, last) = (nat_at(row, 2)?, nat_at(row, 3)?);
        if let std::collections::hash_map::Entry::Vacant(owner) = self.owners.entry(actor) {
            owner.insert(owner_of(conn, actor)?);
        }
        let slot = match self.owners.get_mut(&actor) {
            Some(Some((address, tail))) if last > tail.head.seq => {
                if tail.rows.is_empty() {
                    check_name(conn, actor, address)?;
                }
                let bytes = row.get_ref(4)?.as_blob()?;
                follow(tail, first, last, bytes)?;
                tail.rows.push(LogRow { id, last });
                self.tails.counts.commits += last + 1 - first;
                self.tails.count_activity(tail.updated, last + 1 - first);
                Slot { actor: Some(actor), bytes: bytes.len() as u32 }
            }
            // Moved to a segment, or of an actor that is gone; not trimmed yet.
            Some(Some((address, _))) => {
                check_moved(conn, (actor, address), (first, last), row.get_ref(4)?.as_blob()?)?;
                Slot { actor: None, bytes: 0 }
            }
            _ if row.get_ref(4)?.as_blob()?.is_empty() => Slot { actor: None, bytes: 0 },
            _ => return Err(absent::corrupt("a row of the log is nobody's")),
        };
        self.log.push(id, slot);
        Ok(())
    }

    fn finish(mut self) -> (Shared, Log) {
        let shared = Shared::default();
        let dirty = self.owners.into_values().flatten().filter(|(_, tail)| !tail.rows.is_empty());
        self.tails.actors.extend(dirty.map(|(address, tail)| (shared.key(&address), tail)));
        *shared.tails() = self.tails;
        (shared, self.log)
    }
}

/// An actor as its own row says: as of its newest segment.
fn owner_of(conn: &Connection, actor: i64) -> rusqlite::Result<Option<(Address, Tail)>> {
    let sql = format!(
        "SELECT tenant, kind, name, epoch, seal, head_seq, head_hash, updated, {} FROM actors WHERE id = ?1",
        Listed::COLUMNS
    );
    let read = |row: &Row<'_>| {
        let address = address_at(row, 0)?;
        let head = Head { epoch: epoch_at(row, 3)?, seq: nat_at(row, 5)?, hash: hash_at(row, 6)? };
        let (updated, listed) = (time_at(row, 7)?, Listed::at(row, 8)?);
        let is_damaged = seal::epoch_at(row, 3, &address).is_err();
        Ok((address, Tail { id: actor, head, updated, listed, rows: Vec::new(), is_damaged }))
    };
    conn.prepare_cached(&sql)?.query_row(params![actor], read).optional()
}

/// Whoever asks for an actor finds it by its name in the index. If its row has another name, the row is damaged: its tail would be kept
/// under that name, and who asks would be told of the actor without it.
fn check_name(conn: &Connection, actor: i64, address: &Address) -> rusqlite::Result<()> {
    let sql = "SELECT id FROM actors WHERE tenant = ?1 AND kind = ?2 AND name = ?3";
    let found: Option<i64> = conn.prepare_cached(sql)?.query_row(texts(address), |row| row.get(0)).optional()?;
    if found == Some(actor) {
        Ok(())
    } else {
        Err(absent::corrupt("an actor's row and its index have different names"))
    }
}

/// A row that its actor has in a segment too. One of somebody else is not passed over for that: it is their newest run.
fn check_moved(
    conn: &Connection,
    (actor, address): (i64, &Address),
    (first, last): (u64, u64),
    bytes: &[u8],
) -> rusqlite::Result<()> {
    let follows = |(seq, record): (u64, Option<&[u8]>)| {
        record.is_some_and(|record| record::open(address, record).is_ok_and(|opening| opening.header.seq == seq))
    };
    let is_theirs = (first..).zip(unpack(bytes)).all(follows) && first + unpack(bytes).count() as u64 == last + 1;
    if is_theirs || is_in_segment(conn, actor, last, bytes) {
        Ok(())
    } else {
        Err(absent::corrupt("a row of the log is not its actor's"))
    }
}

/// It does not verify, but nobody reads it: the same commit is in a segment.
fn is_in_segment(conn: &Connection, actor: i64, last: u64, bytes: &[u8]) -> bool {
    let found = history::read(conn, actor, &[], last.saturating_sub(1), 1).unwrap_or_default();
    found.iter().any(|entry| record::trailing_hash(&entry.record) == record::trailing_hash(bytes))
}

/// The head after this run, which must follow the one before: a run of somebody else may have the next number, and links to something else.
fn follow(tail: &mut Tail, first: u64, last: u64, bytes: &[u8]) -> rusqlite::Result<()> {
    let links = |record| record::header(record).is_ok_and(|header| header.prev == tail.head.hash);
    let follows = first == tail.head.seq + 1 && unpack(bytes).next().flatten().is_some_and(links);
    let hash = record::trailing_hash(bytes).ok().filter(|_| follows);
    let hash = hash.ok_or(rusqlite::Error::IntegralValueOutOfRange(2, int(first)))?;
    (tail.head.seq, tail.head.hash, tail.updated) = (last, hash, time_of(bytes));
    Ok(())
}
