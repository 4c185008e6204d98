//! The journal that all hosts share, and the line over which each reaches it: late, at times not at all, at times without a word of what
//! became of an append, and with an index that is old.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use dormouse_core::{
    Address, Time,
    position::{Head, Position},
};
use dormouse_engine::Store;
use dormouse_journal::{
    AppendError, Attempt, Entry, Filter, Hints, Index, IndexChange, Journal, Lease, LocalHints, MemoryStore, Page,
    ReadError, Row, Run, StoreError, StoredSnapshot, hints::Listener, index::Counts,
};
use tokio::sync::watch;

use crate::{chance::Chance, faults, rules};

/// What all hosts' lines share: what went wrong on them, and what the journal must not do.
#[derive(Default)]
pub struct Ledgers {
    counts: Mutex<faults::Counts>,
    /// The newest commit of each actor that some host was told is there.
    confirmed: Mutex<BTreeMap<Address, Head>>,
    /// Snapshots that newer ones have replaced.
    replaced: Mutex<BTreeMap<Address, StoredSnapshot>>,
    /// How often each instance of a task was performed.
    performed: Mutex<BTreeMap<String, u32>>,
    violations: Mutex<Vec<String>>,
}

impl Ledgers {
    /// How often each thing happened.
    pub fn counts(&self) -> faults::Counts {
        locked(&self.counts).clone()
    }

    /// What the journal did that it must not, since the last call.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.violations))
    }

    /// The history is another one: an older copy was restored, or an epoch raised.
    pub fn forget(&self) {
        locked(&self.confirmed).clear();
        locked(&self.replaced).clear();
        locked(&self.performed).clear();
    }

    /// EFFECT-BUDGET: no instance of a task is performed more often than it may be.
    pub fn perform(&self, instance: String) {
        let mut performed = locked(&self.performed);
        let times = performed.entry(instance.clone()).or_default();
        *times += 1;
        if *times > 1 {
            self.count("tasks_done_again");
        }
        if *times > rules::ATTEMPTS {
            locked(&self.violations).push(format!("EFFECT-BUDGET: {instance} was performed {times} times"));
        }
    }

    fn count(&self, what: &'static str) {
        *locked(&self.counts).entry(what.into()).or_default() += 1;
    }

    fn confirmed(&self, address: &Address) -> Option<Head> {
        locked(&self.confirmed).get(address).copied()
    }

    fn confirm(&self, address: &Address, head: Head) {
        let mut confirmed = locked(&self.confirmed);
        let newest = confirmed.entry(address.clone()).or_insert(head);
        if (newest.epoch, newest.seq) < (head.epoch, head.seq) {
            *newest = head;
        }
    }

    /// CAS-LINEAR: whoever reads after a confirmed append sees it. `known` was confirmed before the read began.
    fn must_show(&self, address: &Address, known: Option<Head>, shown: u64) {
        // What was known may have been undone while the read was under way.
        if let Some(known) = known.filter(|known| self.confirmed(address).is_some_and(|now| now.seq >= known.seq))
            && shown < known.seq
        {
            let text = format!("CAS-LINEAR: a read of {address} shows {shown} after {} was confirmed", known.seq);
            locked(&self.violations).push(text);
        }
    }
}

fn locked<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is wrong with one host's way to the journal, until it is set right.
#[derive(Default)]
pub struct Trouble {
    /// Nothing can be written.
    full: AtomicBool,
    /// Nothing can be read.
    unreadable: AtomicBool,
    /// The next append fails in a way that leaves the store uncertain.
    breaks: AtomicBool,
    /// The index answers what it answered before.
    old_index: AtomicBool,
}

impl Trouble {
    /// Of this kind, by the name that `faults` has for it.
    pub fn begin(&self, kind: &str) {
        match kind {
            "full_disks" => self.full.store(true, Ordering::Relaxed),
            "unreadable_disks" => self.unreadable.store(true, Ordering::Relaxed),
            "old_indexes" => self.old_index.store(true, Ordering::Relaxed),
            _ => self.breaks.store(true, Ordering::Relaxed),
        }
    }

    /// All is well again.
    pub fn end(&self) {
        for trouble in [&self.full, &self.unreadable, &self.breaks, &self.old_index] {
            trouble.store(false, Ordering::Relaxed);
        }
    }
}

/// How one host reaches the journal.
#[derive(Clone)]
pub struct Line {
    store: MemoryStore,
    hints: LocalHints,
    chance: Chance,
    open: watch::Sender<bool>,
    /// Whether things go wrong.
    rough: Arc<AtomicBool>,
    pub ledgers: Arc<Ledgers>,
    pub trouble: Arc<Trouble>,
    /// What was due when the index was last asked.
    due_before: Arc<Mutex<Vec<(Time, Address)>>>,
}

impl Line {
    pub fn new(
        store: &MemoryStore,
        hints: &LocalHints,
        chance: Chance,
        rough: &Arc<AtomicBool>,
        ledgers: &Arc<Ledgers>,
    ) -> Self {
        Self {
            store: store.clone(),
            hints: hints.of_another_host(),
            chance,
            open: watch::Sender::new(true),
            rough: rough.clone(),
            ledgers: ledgers.clone(),
            trouble: Arc::default(),
            due_before: Arc::default(),
        }
    }

    /// A host whose line stays cut is dead: nothing that it asks for comes back.
    pub fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// The seams of a host on this line.
    pub fn seams(&self) -> Store {
        Store { journal: Arc::new(self.clone()), index: Arc::new(self.clone()), hints: Arc::new(self.clone()) }
    }

    fn goes_wrong(&self, once_in: u64) -> bool {
        self.rough.load(Ordering::Relaxed) && self.chance.once_in(once_in)
    }

    async fn pass<T>(&self, call: impl Future<Output = T>) -> T {
        let mut open = self.open.subscribe();
        tokio::time::sleep(self.chance.millis(0, 4)).await;
        let _ = open.wait_for(|open| *open).await;
        let answer = call.await;
        tokio::time::sleep(self.chance.millis(0, 4)).await;
        let _ = open.wait_for(|open| *open).await;
        answer
    }

    async fn ask<T, E: From<StoreError>>(
        &self,
        trouble: &AtomicBool,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.pass(async {
            if trouble.load(Ordering::Relaxed) || self.goes_wrong(200) {
                self.ledgers.count("store_unavailable");
                return Err(unavailable().into());
            }
            call.await
        })
        .await
    }

    async fn read_with<T, E: From<StoreError>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.ask(&self.trouble.unreadable, call).await
    }

    async fn write_with<T, E: From<StoreError>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.ask(&self.trouble.full, call).await
    }

    async fn put(&self, run: Run) -> Result<(), AppendError> {
        if self.trouble.full.load(Ordering::Relaxed) {
            self.ledgers.count("appends_without_room");
            return Err(unavailable().into());
        }
        if self.trouble.breaks.swap(false, Ordering::Relaxed) {
            self.ledgers.count("appends_broken");
            if self.chance.once_in(2) {
                let _ = self.write(run).await;
            }
            return Err(StoreError::Fatal("the simulation asked for this".into()).into());
        }
        if self.goes_wrong(12) { self.put_badly(run).await } else { self.write(run).await }
    }

    async fn put_badly(&self, run: Run) -> Result<(), AppendError> {
        match self.chance.below(4) {
            0 => {
                self.ledgers.count("appends_written_but_unknown");
                let written = self.write(run).await;
                written.and(Err(AppendError::Unknown("the answer was lost".into())))
            }
            1 => {
                self.ledgers.count("appends_lost");
                Err(AppendError::Unknown("the request was lost".into()))
            }
            2 => {
                self.ledgers.count("appends_late");
                let (line, late) = (self.clone(), self.chance.millis(1, 2_000));
                tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    let _ = line.write(run).await;
                });
                Err(AppendError::Unknown("the request is late".into()))
            }
            _ => {
                self.ledgers.count("store_unavailable");
                Err(unavailable().into())
            }
        }
    }

    /// FENCED: what an older epoch writes is not taken.
    async fn write(&self, run: Run) -> Result<(), AppendError> {
        let (address, expected) = (run.address.clone(), run.expected);
        let before = self.store.head(&address).await.ok().flatten();
        let written = self.store.append(run).await;
        let after = self.store.head(&address).await.ok().flatten();
        let is_fenced = before.is_some_and(|before| before.epoch > expected.epoch);
        if is_fenced && written.is_ok() && before.map(|head| head.seq) != after.map(|head| head.seq) {
            let text = format!("FENCED: a run of epoch {} was appended to {address} behind a fence", expected.epoch);
            locked(&self.ledgers.violations).push(text);
        }
        written
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("the simulation asked for this".into())
}

#[async_trait]
impl Journal for Line {
    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, run: Run) -> Result<(), AppendError> {
        let (address, head) = (run.address.clone(), run.head);
        let appended = self.pass(self.put(run)).await;
        match &appended {
            Ok(()) if self.store.head(&address).await.ok().flatten().is_some_and(|now| now.epoch == head.epoch) => {
                self.ledgers.confirm(&address, head);
            }
            Err(AppendError::Conflict(_)) => self.ledgers.count("append_conflicts"),
            _ => {}
        }
        appended
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        let known = self.ledgers.confirmed(address);
        let head = self.read_with(self.store.head(address)).await?;
        self.ledgers.must_show(address, known, head.map_or(0, |head| head.seq));
        Ok(head)
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let known = self.ledgers.confirmed(address);
        let entries = self.read_with(self.store.read(address, after_seq, limit)).await?;
        if entries.is_empty() && limit > 0 {
            self.ledgers.must_show(address, known, after_seq);
        }
        Ok(entries)
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        let newest = self.read_with(self.store.snapshot(address)).await?;
        let older = locked(&self.ledgers.replaced).get(address).cloned().filter(|_| self.goes_wrong(3));
        self.ledgers.count(if older.is_some() { "old_snapshots" } else { "snapshots_read" });
        Ok(older.or(newest))
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        if self.goes_wrong(4) {
            self.ledgers.count("snapshots_lost");
            return Ok(());
        }
        if let Ok(Some(older)) = self.store.snapshot(address).await {
            locked(&self.ledgers.replaced).insert(address.clone(), older);
        }
        self.write_with(self.store.put_snapshot(address, snapshot)).await
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        self.read_with(self.store.fence(address, epoch)).await
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        self.write_with(self.store.delete(address)).await
    }
}

#[async_trait]
impl Index for Line {
    /// Late, or again what was due before: the index may be behind the journal.
    async fn due(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, StoreError> {
        let due = self.read_with(self.store.due(now, limit)).await?;
        if self.trouble.old_index.load(Ordering::Relaxed) {
            self.ledgers.count("late_or_doubled_wakes");
            return Ok(locked(&self.due_before).clone());
        }
        locked(&self.due_before).clone_from(&due);
        Ok(due)
    }

    async fn lease(&self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Result<Vec<Lease>, StoreError> {
        self.write_with(self.store.lease(kinds, now, until, limit)).await
    }

    async fn release(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), StoreError> {
        self.write_with(self.store.release(lease, retry_at, attempt)).await
    }

    async fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.read_with(self.store.list(filter, after, limit)).await
    }

    async fn row(&self, address: &Address) -> Result<Option<Row>, StoreError> {
        self.read_with(self.store.row(address)).await
    }

    async fn sweep(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.read_with(self.store.sweep(after, limit)).await
    }

    async fn present(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.read_with(self.store.present(after, limit)).await
    }

    async fn reindex(&self, address: &Address, at: Position, change: IndexChange) -> Result<(), StoreError> {
        self.write_with(self.store.reindex(address, at, change)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.read_with(self.store.counts()).await
    }

    async fn activity(&self, since: Time) -> Result<Vec<(Time, u64)>, StoreError> {
        self.read_with(self.store.activity(since)).await
    }
}

impl Hints for Line {
    fn moved(&self, address: &Address, position: Position) {
        if self.goes_wrong(5) {
            self.ledgers.count("lost_hints");
        } else {
            self.hints.moved(address, position);
        }
    }

    fn listen(&self) -> Listener {
        self.hints.listen()
    }
}
