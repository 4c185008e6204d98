//! Settling: an actor's rows move from the log to segments, so that its history lies together and it costs no memory.
//!
//! A snapshot settles its actor. When the log grows past its bounds the owners of the oldest rows are settled too, so that the scan at the
//! next start, and the list of rows in memory, stay bounded. Moved rows are trimmed in ranges.

use std::collections::HashSet;

use dormouse_core::{Address, Time, record};
use dormouse_journal::{StoredSnapshot, index::activity_bucket};
use rusqlite::{OptionalExtension, params};

use super::batch::Batch;
use crate::{
    Options,
    convert::{address_at, int, nat_at, texts},
    failure::{Failure, is_damage},
    packed::unpack,
    seal,
    tails::Key,
};

/// A segment ends once it is this long; it is read as a whole.
const SEGMENT_BYTES_MAX: usize = 1024 * 1024;

/// Rows are trimmed when so many are dead, so that a commit does not pay for a few, and so many at most, so that none waits long.
const TRIM_ROWS: i64 = 1024;
const TRIM_ROWS_MAX: i64 = 4096;

impl Batch<'_> {
    pub(super) fn put_snapshot(
        &mut self,
        actor: &Key,
        snapshot: &StoredSnapshot,
    ) -> rusqlite::Result<Result<(), Failure>> {
        let Some(state) = self.state(actor) else { return Ok(Ok(())) };
        let (id, new, head) = (state.id, snapshot.head, state.head);
        if new.epoch != head.epoch || new.seq > head.seq || (new.seq == head.seq && new != head) {
            return Ok(Ok(()));
        }
        let sql = "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE
                   SET epoch = excluded.epoch, seq = excluded.seq, hash = excluded.hash, bytes = excluded.bytes
                   WHERE seq <= excluded.seq";
        self.alone(|batch| {
            let values = params![id, new.epoch, int(new.seq), new.hash.0, &*snapshot.bytes];
            batch.conn.prepare_cached(sql)?.execute(values)?;
            batch.settle(actor)
        })
    }

    /// Do this; if it meets damaged pages, undo it alone. `work` changes the batch only once it can no longer fail.
    pub(super) fn alone<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Result<T, Failure>> {
        // What the batch has before must not be undone with it.
        self.flush()?;
        self.conn.prepare_cached("SAVEPOINT alone")?.execute([])?;
        match work(self) {
            Err(error) if is_damage(&error) => {
                self.conn.execute_batch("ROLLBACK TO alone; RELEASE alone")?;
                Ok(Err(error.into()))
            }
            outcome => {
                let done = outcome?;
                self.conn.prepare_cached("RELEASE alone")?.execute([])?;
                Ok(Ok(done))
            }
        }
    }

    fn settle(&mut self, actor: &Key) -> rusqlite::Result<()> {
        let rows = self.all_rows(actor);
        let Some(state) = self.state(actor).filter(|_| !rows.is_empty()) else { return Ok(()) };
        let (id, head, updated) = (state.id, state.head, state.updated);
        let mut segment = Segment::default();
        let mut activity = Vec::with_capacity(rows.len());
        let mut read = self.conn.prepare_cached("SELECT first, last, bytes FROM log WHERE id = ?1")?;
        for row in &rows {
            let mut found = read.query([row.id])?;
            let row = found.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            let (first, last, bytes) = (nat_at(row, 0)?, nat_at(row, 1)?, row.get_ref(2)?.as_blob()?);
            activity.push((activity_bucket(time_of(bytes)), last + 1 - first));
            if segment.bytes.len() + bytes.len() > SEGMENT_BYTES_MAX {
                self.add_segment(id, &std::mem::take(&mut segment))?;
            }
            segment.take(first, last, bytes);
        }
        self.add_segment(id, &segment)?;
        let sql = "UPDATE actors SET head_seq = ?2, head_hash = ?3, updated = ?4 WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![id, int(head.seq), head.hash.0, int(updated.0)])?;
        self.settled(actor, activity);
        self.killed.extend(rows.iter().map(|row| row.id));
        Ok(())
    }

    /// Every change of the file is made: change the batch too.
    fn settled(&mut self, actor: &Key, activity: Vec<(Time, u64)>) {
        for (bucket, commits) in activity {
            *self.moved.entry(bucket).or_default() += commits;
            self.totals.settled += commits as i64;
        }
        let state = self.state(actor).expect("it was settled");
        state.rows.clear();
        state.moved = true;
    }

    fn add_segment(&self, actor: i64, segment: &Segment) -> rusqlite::Result<()> {
        if segment.bytes.is_empty() {
            return Ok(());
        }
        let mut insert =
            self.conn.prepare_cached("INSERT INTO segments(actor, first, last, bytes) VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute(params![actor, int(segment.first), int(segment.last), segment.bytes])?;
        Ok(())
    }

    /// Settle owners of the oldest rows while the log is past its bounds, as much as pays for what this batch added; trim what is dead.
    pub(super) fn keep_log_bounded(&mut self, options: &Options, stuck: &mut HashSet<i64>) -> rusqlite::Result<()> {
        let added: u64 = self.added.iter().map(|slot| u64::from(slot.bytes)).sum();
        self.flush()?;
        let full = self.log.rows() + self.added.len() > options.log_rows_max
            || self.log.bytes() + added > options.log_bytes_max;
        if full {
            let budget = options.settle_rows_min + 2 * self.added.len();
            self.settle_oldest(budget, stuck)?;
        }
        if let Some(end) = self.log.trim_end(TRIM_ROWS, TRIM_ROWS_MAX) {
            self.conn.prepare_cached("DELETE FROM log WHERE id < ?1")?.execute([end])?;
            self.trimmed = Some(end);
        }
        Ok(())
    }

    fn settle_oldest(&mut self, budget: usize, stuck: &mut HashSet<i64>) -> rusqlite::Result<()> {
        let owners: Vec<i64> = self.log.owners().filter(|owner| !stuck.contains(owner)).take(budget).collect();
        let mut done = HashSet::new();
        for owner in owners {
            if self.killed.len() >= budget {
                break;
            }
            if done.insert(owner) && self.alone(|batch| batch.settle_owner(owner))?.is_err() {
                stuck.insert(owner);
            }
        }
        Ok(())
    }

    fn settle_owner(&mut self, owner: i64) -> rusqlite::Result<()> {
        let Some(address) = self.address_of(owner)? else { return Ok(()) };
        let actor = self.shared.key(&address);
        self.look(&actor)?;
        self.settle(&actor)
    }

    fn address_of(&self, actor: i64) -> rusqlite::Result<Option<Address>> {
        let sql = "SELECT tenant, kind, name FROM actors WHERE id = ?1";
        self.conn.prepare_cached(sql)?.query_row([actor], |row| address_at(row, 0)).optional()
    }

    pub(super) fn fence(&mut self, actor: &Key, epoch: u32) -> rusqlite::Result<()> {
        let Some(state) = self.state(actor).filter(|state| state.head.epoch < epoch) else { return Ok(()) };
        state.head.epoch = epoch;
        let (id, seal) = (state.id, seal::of(&actor.address, epoch));
        let sql = "UPDATE actors SET epoch = ?2, seal = ?3 WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![id, epoch, seal])?;
        // It names the old epoch.
        self.conn.prepare_cached("DELETE FROM snapshots WHERE actor = ?1")?.execute([id])?;
        Ok(())
    }

    pub(super) fn delete(&mut self, actor: &Key) -> rusqlite::Result<()> {
        let Some(state) = self.state(actor) else { return Ok(()) };
        let (id, seq) = (state.id, state.head.seq);
        self.delete_tail(actor, id)?;
        let sql = "DELETE FROM actors WHERE tenant = ?1 AND kind = ?2 AND name = ?3 RETURNING head_seq, retired";
        let mut delete = self.conn.prepare_cached(sql)?;
        let (settled, retired) =
            delete.query_row(texts(&actor.address), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        for sql in [
            "DELETE FROM members WHERE actor = ?1",
            "DELETE FROM tasks WHERE actor = ?1",
            "DELETE FROM segments WHERE actor = ?1",
            "DELETE FROM snapshots WHERE actor = ?1",
        ] {
            self.conn.prepare_cached(sql)?.execute([id])?;
        }
        self.totals.actors -= 1;
        self.totals.retired -= retired;
        self.totals.settled -= settled;
        self.totals.commits -= seq as i64;
        self.staged.insert(actor.clone(), None);
        Ok(())
    }

    /// Empty the actor's rows in the log; they are trimmed with their neighbours. Numbers of actors are never used again, so nobody else
    /// can own them.
    fn delete_tail(&mut self, actor: &Key, id: i64) -> rusqlite::Result<()> {
        self.flush()?;
        for row in self.all_rows(actor) {
            let mut read = self.conn.prepare_cached("SELECT first, last, bytes FROM log WHERE id = ?1")?;
            let (time, commits) = read.query_row([row.id], |row| {
                Ok((time_of(row.get_ref(2)?.as_blob()?), nat_at(row, 1)? + 1 - nat_at(row, 0)?))
            })?;
            self.conn.prepare_cached("UPDATE log SET bytes = x'' WHERE id = ?1")?.execute([row.id])?;
            *self.moved.entry(activity_bucket(time)).or_default() += commits;
            self.killed.push(row.id);
        }
        // Those that were moved before, too: a row of nobody that is not empty is somebody's, and damaged.
        self.conn.execute("UPDATE log SET bytes = x'' WHERE actor = ?1 AND length(bytes) > 0", [id])?;
        Ok(())
    }
}

/// The time of the last record; a run counts at it.
pub(crate) fn time_of(packed: &[u8]) -> Time {
    let last = unpack(packed).last().flatten();
    last.and_then(|last| record::header(last).ok()).map_or(Time(0), |header| header.time)
}

#[derive(Debug, Default)]
struct Segment {
    first: u64,
    last: u64,
    bytes: Vec<u8>,
}

impl Segment {
    fn take(&mut self, first: u64, last: u64, bytes: &[u8]) {
        if self.bytes.is_empty() {
            self.first = first;
        }
        self.last = last;
        self.bytes.extend_from_slice(bytes);
    }
}
