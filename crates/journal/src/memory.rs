//! The memory version of [`Journal`] and [`Index`]: what tests and `dev` run on, and what the other stores are compared with.
//!
//! Everything is behind one lock, so every call is atomic. Nothing survives the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use dormouse_core::{
    Address, Summary, TaskKey, Time,
    planted::{Bug, planted},
    position::{Head, Position},
    record::{Opened, trailing_hash},
};

use crate::{
    index::{ACTIVITY_KEPT, Attempt, Counts, Cursor, Filter, Index, Lease, Page, Row, activity_bucket},
    journal::{AppendError, Entry, IndexChange, Journal, ReadError, Run, StoreError, StoredSnapshot},
};

/// Journal and index in memory. Clones are handles of one store.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another store that holds what this one holds now: a backup.
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// From now on this store holds what that one does: a backup is restored, and what came after it is lost. Raise epochs after it
    /// ([`Journal::fence`]), or positions of the lost history would be taken for positions of the new one.
    pub fn restore(&self, backup: &Self) {
        let restored = backup.state().clone();
        *self.state() = restored;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No caller's code runs under the lock, and every change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Default)]
struct State {
    actors: BTreeMap<Address, Actor>,
    wakes: BTreeSet<(Time, Address)>,
    /// Actors with open tasks.
    busy: BTreeSet<Address>,
    /// Actors with somebody present.
    present: BTreeSet<Address>,
    commits: u64,
    activity: BTreeMap<Time, u64>,
}

#[derive(Debug, Clone)]
struct Actor {
    head: Head,
    records: Vec<Arc<[u8]>>,
    snapshot: Option<StoredSnapshot>,
    created: Time,
    updated: Time,
    wake: Option<Time>,
    summary: Option<Summary>,
    present: bool,
    retired: bool,
    tasks: BTreeMap<(TaskKey, u64), OpenTask>,
}

#[derive(Debug, Clone)]
struct OpenTask {
    task: Opened,
    /// Nobody may lease it before; `None` until its first lease.
    free_at: Option<Time>,
    attempts: u32,
}

impl OpenTask {
    fn is_free(&self, now: Time) -> bool {
        self.free_at.is_none_or(|free_at| free_at <= now)
    }

    fn ready_at(&self) -> Time {
        self.free_at.unwrap_or(self.task.at)
    }
}

impl Actor {
    fn born(run: &Run) -> Self {
        Self {
            head: run.expected,
            records: Vec::new(),
            snapshot: None,
            created: run.begun(),
            updated: run.time,
            wake: None,
            summary: None,
            present: false,
            retired: false,
            tasks: BTreeMap::new(),
        }
    }

    /// Whether this run is part of the history already.
    fn holds(&self, run: &Run) -> bool {
        let last = usize::try_from(run.head.seq - 1).ok().and_then(|at| self.records.get(at));
        last.is_some_and(|record| trailing_hash(record) == Ok(run.head.hash))
    }

    fn row(&self, address: &Address) -> Row {
        Row {
            address: address.clone(),
            position: self.head.position(),
            created: self.created,
            updated: self.updated,
            wake: self.wake,
            summary: self.summary.clone(),
            present: self.present,
            retired: self.retired,
        }
    }

    fn change_tasks(&mut self, opened: Vec<Opened>, closed: &[(TaskKey, u64)]) {
        for task in opened {
            let open = self.tasks.entry((task.key.clone(), task.seq));
            open.or_insert(OpenTask { task, free_at: None, attempts: 0 });
        }
        for instance in closed {
            self.tasks.remove(instance);
        }
    }
}

impl State {
    fn append(&mut self, run: Run) -> Result<(), AppendError> {
        let head = self.actors.get(&run.address).map(|actor| actor.head);
        if !follows(head.unwrap_or(Head::start(run.expected.epoch)), run.expected) {
            return self.settle(&run);
        }
        let Run { address, records, head, time, .. } = &run;
        let actor = self.actors.entry(address.clone()).or_insert_with(|| Actor::born(&run));
        if planted(Bug::Overwritten) {
            actor.records.truncate(run.expected.seq as usize);
        }
        actor.records.extend(records.iter().map(stored).skip(usize::from(planted(Bug::Hole) && records.len() > 1)));
        (actor.head, actor.updated) = (*head, *time);
        self.commits += records.len() as u64;
        *self.activity.entry(activity_bucket(*time)).or_default() += records.len() as u64;
        if self.activity.len() > ACTIVITY_KEPT {
            self.activity.pop_first();
        }
        self.change(&run.address, run.index);
        Ok(())
    }

    /// What becomes of a run that does not follow the head: it is committed if it is there already.
    fn settle(&self, run: &Run) -> Result<(), AppendError> {
        match self.actors.get(&run.address) {
            Some(actor) if actor.holds(run) => Ok(()),
            Some(actor) => Err(AppendError::Conflict(actor.head)),
            None => Err(AppendError::Conflict(Head::start(run.expected.epoch))),
        }
    }

    fn change(&mut self, address: &Address, change: IndexChange) {
        let Some(actor) = self.actors.get_mut(address) else { return };
        actor.retired |= change.retired;
        if let Some(summary) = change.summary {
            actor.summary = summary;
        }
        actor.change_tasks(change.opened, &change.closed);
        let wake = if actor.retired { None } else { change.wake.unwrap_or(actor.wake) };
        let old = std::mem::replace(&mut actor.wake, wake);
        actor.present = !actor.retired && change.present.unwrap_or(actor.present);
        keep(&mut self.present, address, actor.present);
        keep(&mut self.busy, address, !actor.tasks.is_empty());
        if old != wake {
            old.map(|time| self.wakes.remove(&(time, address.clone())));
            wake.map(|time| self.wakes.insert((time, address.clone())));
        }
    }

    fn put_snapshot(&mut self, address: &Address, snapshot: StoredSnapshot) {
        let Some(actor) = self.actors.get_mut(address) else { return };
        let (new, head) = (snapshot.head, actor.head);
        let committed = new.epoch == head.epoch && (new.seq < head.seq || new == head);
        let older = actor.snapshot.as_ref().is_some_and(|stored| stored.head.seq > new.seq);
        if committed && !older {
            actor.snapshot = Some(snapshot);
        }
    }

    fn delete(&mut self, address: &Address) {
        let Some(actor) = self.actors.remove(address) else { return };
        self.commits -= actor.head.seq;
        self.busy.remove(address);
        self.present.remove(address);
        actor.wake.map(|time| self.wakes.remove(&(time, address.clone())));
    }

    fn lease(&mut self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Vec<Lease> {
        let mut free: Vec<(Time, Address, u64, u16, TaskKey)> = Vec::new();
        for address in &self.busy {
            let wanted = |task: &OpenTask| task.is_free(now) && kinds.contains(&task.task.kind.as_str());
            let tasks = self.actors[address].tasks.iter().filter(|(_, task)| wanted(task));
            let place = |(key, seq): &(TaskKey, u64), task: &OpenTask| {
                (task.ready_at(), address.clone(), *seq, task.task.nth, key.clone())
            };
            free.extend(tasks.map(|(instance, task)| place(instance, task)));
        }
        free.sort_unstable();
        free.truncate(limit);
        free.into_iter().map(|(_, address, seq, _, key)| self.hold(address, key, seq, until)).collect()
    }

    fn hold(&mut self, address: Address, key: TaskKey, seq: u64, until: Time) -> Lease {
        let actor = self.actors.get_mut(&address).expect("an actor with tasks exists");
        let open = actor.tasks.get_mut(&(key, seq)).expect("the task was found under this lock");
        open.free_at = Some(until);
        open.attempts += 1;
        Lease { address, task: open.task.clone(), attempt: open.attempts, until }
    }

    fn release(&mut self, lease: &Lease, retry_at: Time, attempt: Attempt) {
        let instance = (lease.task.key.clone(), lease.task.seq);
        let open = self.actors.get_mut(&lease.address).and_then(|actor| actor.tasks.get_mut(&instance));
        if let Some(open) = open.filter(|open| open.attempts == lease.attempt) {
            open.free_at = Some(retry_at);
            open.attempts -= u32::from(attempt == Attempt::NotMade);
        }
    }

    fn list(&self, filter: &Filter, after: Option<&Cursor>, limit: usize) -> Page {
        let rows = self.actors.iter().map(|(address, actor)| actor.row(address)).filter(|row| filter.wants(row));
        let mut rows: Vec<(Cursor, Row)> = rows.map(|row| (Cursor::of(&row), row)).collect();
        rows.retain(|(cursor, _)| after.is_none_or(|after| cursor < after));
        rows.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(cursor, _)| cursor.to_string());
        Page { rows: rows.into_iter().map(|(_, row)| row).collect(), next }
    }
}

/// Whether a run that expects this follows the head.
fn follows(head: Head, expected: Head) -> bool {
    let is_same_but_epoch = (head.seq, head.hash) == (expected.seq, expected.hash);
    let may_overwrite = planted(Bug::Overwritten) && expected.seq + 1 == head.seq;
    head == expected || planted(Bug::FenceIgnored) && is_same_but_epoch || may_overwrite
}

fn stored(record: &Arc<[u8]>) -> Arc<[u8]> {
    let mut bytes = record.clone();
    if planted(Bug::Flipped) {
        let middle = bytes.len() / 2;
        Arc::make_mut(&mut bytes)[middle] ^= 1;
    }
    bytes
}

fn beyond(after: Option<&Address>) -> (Bound<&Address>, Bound<&Address>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// Have the address in the set, or not.
fn keep(set: &mut BTreeSet<Address>, address: &Address, within: bool) {
    if within {
        set.insert(address.clone());
    } else {
        set.remove(address);
    }
}

#[async_trait]
impl Journal for MemoryStore {
    async fn append(&self, run: Run) -> Result<(), AppendError> {
        run.assert_sound();
        self.state().append(run)
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        Ok(self.state().actors.get(address).map(|actor| actor.head))
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let state = self.state();
        let Some(actor) = state.actors.get(address) else { return Ok(Vec::new()) };
        let after = usize::try_from(after_seq).unwrap_or(usize::MAX);
        let there = actor.records.len() - usize::from(planted(Bug::StaleReads) && actor.records.len() > 1);
        let records = actor.records[..there].iter().skip(after).take(limit);
        Ok(records.zip(1..).map(|(record, n)| Entry { seq: after_seq + n, record: record.clone() }).collect())
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        Ok(self.state().actors.get(address).and_then(|actor| actor.snapshot.clone()))
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        self.state().put_snapshot(address, snapshot);
        Ok(())
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        if let Some(actor) = self.state().actors.get_mut(address).filter(|actor| actor.head.epoch < epoch) {
            actor.head.epoch = epoch;
            actor.snapshot = None;
        }
        Ok(())
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        self.state().delete(address);
        Ok(())
    }
}

#[async_trait]
impl Index for MemoryStore {
    async fn due(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, StoreError> {
        let state = self.state();
        Ok(state.wakes.iter().take_while(|(time, _)| *time <= now).take(limit).cloned().collect())
    }

    async fn lease(&self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Result<Vec<Lease>, StoreError> {
        Ok(self.state().lease(kinds, now, until, limit))
    }

    async fn release(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), StoreError> {
        self.state().release(lease, retry_at, attempt);
        Ok(())
    }

    async fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        match after.map(str::parse::<Cursor>).transpose() {
            Ok(after) => Ok(self.state().list(filter, after.as_ref(), limit)),
            Err(_) => Ok(Page { rows: Vec::new(), next: None }),
        }
    }

    async fn row(&self, address: &Address) -> Result<Option<Row>, StoreError> {
        Ok(self.state().actors.get(address).map(|actor| actor.row(address)))
    }

    async fn sweep(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        Ok(self.state().actors.range(beyond(after)).take(limit).map(|(a, _)| a.clone()).collect())
    }

    async fn present(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        Ok(self.state().present.range(beyond(after)).take(limit).cloned().collect())
    }

    async fn reindex(&self, address: &Address, at: Position, change: IndexChange) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.actors.get(address).is_some_and(|actor| actor.head.position() == at) {
            state.change(address, change);
        }
        Ok(())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let state = self.state();
        let retired = state.actors.values().filter(|actor| actor.retired).count() as u64;
        Ok(Counts { actors: state.actors.len() as u64, commits: state.commits, retired })
    }

    async fn activity(&self, since: Time) -> Result<Vec<(Time, u64)>, StoreError> {
        let state = self.state();
        Ok(state.activity.range(activity_bucket(since)..).map(|(time, commits)| (*time, *commits)).collect())
    }
}
