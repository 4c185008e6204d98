//! One transaction: jobs are compared with what the jobs before them made, and nothing is published before the commit.

use std::collections::BTreeMap;

use dormouse_core::{Time, position::Head, record};
use dormouse_journal::index::activity_bucket;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::{Answer, Append, Log, Slot, Work};
use crate::{
    absent,
    convert::{hash_at, int, nat_at, texts, time_at},
    failure::{Failure, is_damage},
    history, seal,
    tails::{ByKey, Key, Listed, LogRow, Shared, Tail, privacy, rows_after},
};

pub(super) struct Batch<'a> {
    pub(super) conn: &'a Connection,
    pub(super) shared: &'a Shared,
    pub(super) log: &'a mut Log,
    /// Rows that are not in the file yet; see [`flush`](Self::flush).
    pending: Vec<NewRow>,
    /// Actors that this batch has looked at; `None` if there is no such actor.
    pub(super) staged: ByKey<Option<Staged>>,
    pub(super) added: Vec<Slot>,
    pub(super) killed: Vec<i64>,
    pub(super) trimmed: Option<i64>,
    pub(super) totals: Totals,
    /// Commits by ten minutes: appended, and moved to segments.
    appended: BTreeMap<Time, u64>,
    pub(super) moved: BTreeMap<Time, u64>,
}

/// An actor as the batch would leave it.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) id: i64,
    pub(super) head: Head,
    pub(super) updated: Time,
    pub(super) listed: Listed,
    /// Rows that the batch added.
    pub(super) rows: Vec<LogRow>,
    /// Whether the rows from before the batch are no longer in the log.
    pub(super) moved: bool,
}

/// How the totals change.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) actors: i64,
    pub(super) retired: i64,
    /// Commits in segments: what the file counts.
    pub(super) settled: i64,
    /// Commits of all.
    pub(super) commits: i64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(conn: &'a Connection, shared: &'a Shared, log: &'a mut Log, jobs: usize) -> Self {
        Self {
            conn,
            shared,
            log,
            pending: Vec::with_capacity(jobs),
            staged: ByKey::with_capacity_and_hasher(jobs, Default::default()),
            added: Vec::with_capacity(jobs),
            killed: Vec::new(),
            trimmed: None,
            totals: Totals::default(),
            appended: BTreeMap::new(),
            moved: BTreeMap::new(),
        }
    }

    /// Do one job. The outer error is the whole batch's, the inner one this job's alone.
    pub(super) fn perform(&mut self, work: &mut Work) -> rusqlite::Result<Result<Answer, Failure>> {
        let actor = match work {
            Work::Append(append) => &append.actor,
            Work::PutSnapshot(actor, _)
            | Work::Fence(actor, _)
            | Work::Delete(actor)
            | Work::Reindex(actor, ..)
            | Work::Release { actor, .. } => actor,
            Work::Lease { kinds, now, until, limit } => {
                // All or nothing: of a lease that nobody is told of, an attempt would count that nobody makes.
                let leased = self.alone(|batch| batch.lease(kinds, *now, *until, *limit))?;
                return Ok(leased.map(Answer::Leases));
            }
        };
        match self.look(actor) {
            Err(error) if is_damage(&error) => return Ok(Err(error.into())),
            looked => looked?,
        }
        Ok(match work {
            Work::Append(append) => self.append(append)?.map(|()| Answer::Done),
            Work::PutSnapshot(actor, snapshot) => self.put_snapshot(actor, snapshot)?.map(|()| Answer::Done),
            Work::Fence(actor, epoch) => self.fence(actor, *epoch).map(|()| Ok(Answer::Done))?,
            Work::Delete(actor) => self.delete(actor).map(|()| Ok(Answer::Done))?,
            Work::Reindex(actor, at, change) => {
                self.reindex(actor, *at, std::mem::take(&mut **change)).map(|()| Ok(Answer::Done))?
            }
            Work::Release { actor, lease, retry_at, attempt } => {
                self.release(actor, lease, *retry_at, *attempt).map(|()| Ok(Answer::Done))?
            }
            Work::Lease { .. } => unreachable!("answered above"),
        })
    }

    /// Bring an actor's state into the batch.
    pub(super) fn look(&mut self, actor: &Key) -> rusqlite::Result<()> {
        if !self.staged.contains_key(actor) {
            let live = self.shared.tails().actors.get(actor).map(|tail| tail.check().map(Staged::of)).transpose()?;
            let state = if live.is_some() { live } else { self.load(actor)? };
            self.staged.insert(actor.clone(), state);
        }
        Ok(())
    }

    /// The actor's state, after [`look`](Self::look).
    pub(super) fn state(&mut self, actor: &Key) -> Option<&mut Staged> {
        self.staged.get_mut(actor).and_then(Option::as_mut)
    }

    /// An actor without rows in the log: its own row has its head.
    fn load(&self, actor: &Key) -> rusqlite::Result<Option<Staged>> {
        let sql = format!(
            "SELECT id, epoch, seal, head_seq, head_hash, updated, {} FROM actors WHERE tenant = ?1 AND kind = ?2 AND name = ?3",
            Listed::COLUMNS
        );
        let read = |row: &rusqlite::Row<'_>| {
            let epoch = seal::epoch_at(row, 1, &actor.address)?;
            let head = Head { epoch, seq: nat_at(row, 3)?, hash: hash_at(row, 4)? };
            let (id, updated, listed) = (row.get(0)?, time_at(row, 5)?, Listed::at(row, 6)?);
            Ok(Staged { id, head, updated, listed, rows: Vec::new(), moved: false })
        };
        let found = self.conn.prepare_cached(&sql)?.query_row(texts(&actor.address), read).optional()?;
        absent::found(self.conn, &actor.address, found)
    }

    fn append(&mut self, append: &mut Append) -> rusqlite::Result<Result<(), Failure>> {
        let head = self.state(&append.actor).map(|state| state.head);
        match head {
            Some(head) if head == append.expected => self.write(append).map(Ok),
            Some(head) => self.find_again(append, head),
            None if append.expected == Head::start(append.expected.epoch) => {
                self.intern(append)?;
                self.write(append).map(Ok)
            }
            None => Ok(Err(Failure::Conflict(Head::start(append.expected.epoch)))),
        }
    }

    /// Add the run to the log.
    fn write(&mut self, append: &mut Append) -> rusqlite::Result<()> {
        let id = self.log.next_id() + self.added.len() as i64;
        let (actor, head, time) = (&append.actor, append.head, append.time);
        let state = self.staged.get_mut(actor).and_then(Option::as_mut).expect("the run's head was compared");
        let (first, last) = (append.expected.seq + 1, head.seq);
        let bytes = append.packed.len() as u32;
        let row = NewRow { actor: state.id, first, last, packed: std::mem::take(&mut append.packed) };
        self.pending.push(row);
        state.rows.push(LogRow { id, last });
        (state.head, state.updated) = (head, time);
        self.added.push(Slot { actor: Some(state.id), bytes });
        self.totals.commits += (last + 1 - first) as i64;
        *self.appended.entry(activity_bucket(time)).or_default() += last + 1 - first;
        if append.index.is_empty() { Ok(()) } else { self.change(actor, std::mem::take(&mut append.index)) }
    }

    /// Put pending rows into the file, several with one statement: opening the table costs more than adding a row at its end.
    pub(super) fn flush(&mut self) -> rusqlite::Result<()> {
        let mut pending = std::mem::take(&mut self.pending);
        let (chunks, rest) = pending.as_chunks::<ROWS_PER_INSERT>();
        for chunk in chunks {
            insert(&mut self.conn.prepare_cached(INSERT_CHUNK)?, chunk)?;
        }
        for row in rest {
            insert(&mut self.conn.prepare_cached(INSERT_ONE)?, std::slice::from_ref(row))?;
        }
        if !pending.is_empty() {
            let expected = self.log.next_id() + self.added.len() as i64 - 1;
            assert_eq!(self.conn.last_insert_rowid(), expected, "the log numbers its rows without a hole");
        }
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    /// The first run of an actor gives it a row.
    fn intern(&mut self, append: &Append) -> rusqlite::Result<()> {
        let sql = "INSERT INTO actors(tenant, kind, name, epoch, head_seq, head_hash, created, updated, private, seal)
                   VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9)";
        let (tenant, kind, name) = texts(&append.actor.address);
        let head = append.expected;
        let seal = seal::of(&append.actor.address, head.epoch);
        let (created, updated) = (int(append.begun.0), int(append.time.0));
        let mut insert = self.conn.prepare_cached(sql)?;
        let hash = head.hash.0;
        insert.execute(params![tenant, kind, name, head.epoch, hash, created, updated, privacy(None), seal])?;
        let id = self.conn.last_insert_rowid();
        // No rows from before: those of an actor of this name that was deleted in this batch are not its own.
        let (updated, listed) = (append.time, Listed::default());
        let state = Staged { id, head, updated, listed, rows: Vec::new(), moved: true };
        self.staged.insert(append.actor.clone(), Some(state));
        self.totals.actors += 1;
        Ok(())
    }

    /// A run that is not at the head is committed if it is at its place already.
    fn find_again(&mut self, append: &Append, head: Head) -> rusqlite::Result<Result<(), Failure>> {
        let conflict = Failure::Conflict(head);
        let seq = append.head.seq;
        if seq >= head.seq {
            let same = seq == head.seq && append.head.hash == head.hash;
            return Ok(if same { Ok(()) } else { Err(conflict) });
        }
        self.flush()?;
        let rows = self.all_rows(&append.actor);
        let actor = self.state(&append.actor).expect("it has a head").id;
        Ok(match history::read(self.conn, actor, rows_after(&rows, seq - 1), seq - 1, 1) {
            Ok(found) if found.iter().any(|e| record::trailing_hash(&e.record) == Ok(append.head.hash)) => Ok(()),
            Ok(_) => Err(conflict),
            Err(failure) => Err(failure),
        })
    }

    /// The actor's rows in the log, those of this batch included.
    pub(super) fn all_rows(&mut self, actor: &Key) -> Vec<LogRow> {
        let Some(state) = self.staged.get(actor).and_then(Option::as_ref) else { return Vec::new() };
        let mut rows = match self.shared.tails().actors.get(actor) {
            Some(tail) if !state.moved => tail.rows.clone(),
            _ => Vec::new(),
        };
        rows.extend_from_slice(&state.rows);
        rows
    }

    /// Write what the file counts; a plain commit changes none of it.
    pub(super) fn write_totals(&mut self) -> rusqlite::Result<()> {
        let Totals { actors, retired, settled, .. } = self.totals;
        if (actors, retired, settled) != (0, 0, 0) {
            let sql = "UPDATE totals SET actors = actors + ?1, retired = retired + ?2, commits = commits + ?3";
            self.conn.prepare_cached(sql)?.execute([actors, retired, settled])?;
        }
        let sql = "INSERT INTO activity VALUES (?1, ?2) ON CONFLICT DO UPDATE SET commits = commits + excluded.commits";
        for (bucket, commits) in &self.moved {
            self.conn.prepare_cached(sql)?.execute([int(bucket.0), int(*commits)])?;
        }
        Ok(())
    }

    /// The transaction is durable: let everybody see it.
    pub(super) fn publish(self, jobs: usize) {
        let next = self.log.next_id();
        for (id, slot) in (next..).zip(self.added) {
            self.log.push(id, slot);
        }
        self.killed.into_iter().for_each(|id| self.log.kill(id));
        self.trimmed.into_iter().for_each(|end| self.log.trimmed_to(end));
        let mut tails = self.shared.tails();
        tails.batches += 1;
        tails.jobs += jobs as u64;
        for (actor, state) in self.staged {
            publish_actor(&mut tails.actors, actor, state);
        }
        for (bucket, commits) in self.appended {
            tails.count_activity(bucket, commits);
        }
        let change = |total: &mut u64, by: i64| *total = total.saturating_add_signed(by);
        change(&mut tails.counts.actors, self.totals.actors);
        change(&mut tails.counts.retired, self.totals.retired);
        change(&mut tails.counts.commits, self.totals.commits);
    }
}

/// A run on its way into the log.
struct NewRow {
    actor: i64,
    first: u64,
    last: u64,
    packed: Vec<u8>,
}

/// More gain little, and the statement's text grows.
const ROWS_PER_INSERT: usize = 16;

// SQLite numbers the rows itself, one after the highest, which is cheaper than looking whether a number is free. So the highest is never
// deleted.
const INSERT_ONE: &str = "INSERT INTO log(actor, first, last, bytes) VALUES (?, ?, ?, ?)";
const INSERT_CHUNK: &str = "INSERT INTO log(actor, first, last, bytes) VALUES
    (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?),
    (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?), (?, ?, ?, ?)";

fn insert(statement: &mut CachedStatement<'_>, rows: &[NewRow]) -> rusqlite::Result<()> {
    for (n, NewRow { actor, first, last, packed }) in rows.iter().enumerate() {
        let at = 4 * n;
        statement.raw_bind_parameter(at + 1, actor)?;
        statement.raw_bind_parameter(at + 2, int(*first))?;
        statement.raw_bind_parameter(at + 3, int(*last))?;
        statement.raw_bind_parameter(at + 4, packed)?;
    }
    statement.raw_execute().map(drop)
}

impl Staged {
    fn of(tail: &Tail) -> Self {
        let Tail { id, head, updated, ref listed, .. } = *tail;
        Self { id, head, updated, listed: listed.clone(), rows: Vec::new(), moved: false }
    }
}

fn publish_actor(actors: &mut ByKey<Tail>, actor: Key, state: Option<Staged>) {
    let Some(Staged { id, head, updated, listed, rows, moved }) = state else {
        actors.remove(&actor);
        return;
    };
    let Some(tail) = actors.get_mut(&actor) else {
        if !rows.is_empty() {
            actors.insert(actor, Tail { id, head, updated, listed, rows, is_damaged: false });
        }
        return;
    };
    if moved {
        tail.rows.clear();
    }
    tail.rows.extend(rows);
    if tail.rows.is_empty() {
        actors.remove(&actor);
    } else {
        (tail.id, tail.head, tail.updated, tail.listed) = (id, head, updated, listed);
    }
}
