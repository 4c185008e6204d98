//! One disk that several hosts share, and the line over which each host reaches it.
//!
//! A host that dies or freezes has its line cut: what it asks the disk for never comes back, so nothing of it is seen again.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use dormouse_core::{Address, Time, position::Head, position::Position, record};
use dormouse_engine::Store;
use dormouse_journal::{
    AppendError, Attempt, Entry, Filter, Index, IndexChange, Journal, Lease, LocalHints, MemoryStore, Page, ReadError,
    Row, Run, StoreError, StoredSnapshot, faulty::FaultyJournal, index::Counts,
};
use tokio::sync::watch;

/// What all hosts share.
#[derive(Clone)]
pub struct Disk {
    pub store: MemoryStore,
    pub faults: FaultyJournal<MemoryStore>,
    pub hints: LocalHints,
    damaged: Arc<Mutex<BTreeSet<(Address, u64)>>>,
    hides_snapshots: Arc<AtomicBool>,
    kept: Arc<Mutex<Option<StoredSnapshot>>>,
    appends_left: Arc<AtomicUsize>,
    lists_read: Arc<AtomicUsize>,
    refuses_lists: Arc<AtomicBool>,
}

/// No script has as many appends. Beyond it nothing comes back, so that an actor that writes without end ends its test.
const APPENDS_MAX: usize = 600;

impl Disk {
    pub fn new() -> Self {
        let store = MemoryStore::new();
        let faults = FaultyJournal::new(store.clone());
        let hints = LocalHints::default();
        Self {
            store,
            faults,
            hints,
            damaged: Arc::default(),
            hides_snapshots: Arc::default(),
            kept: Arc::default(),
            appends_left: Arc::new(AtomicUsize::new(APPENDS_MAX)),
            lists_read: Arc::default(),
            refuses_lists: Arc::default(),
        }
    }

    /// How many lists were read so far.
    pub fn lists_read(&self) -> usize {
        self.lists_read.load(Ordering::Relaxed)
    }

    /// Whether lists cannot be read from now on.
    pub fn refuse_lists(&self, refused: bool) {
        self.refuses_lists.store(refused, Ordering::Relaxed);
    }

    /// This test has more appends than others.
    pub fn takes_appends(&self, count: usize) {
        self.appends_left.store(count, Ordering::Relaxed);
    }

    /// From now on this commit reads back with one bit flipped.
    pub fn damage(&self, address: &Address, seq: u64) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert((address.clone(), seq));
    }

    /// Whether there are no snapshots to read from now on.
    pub fn hide_snapshots(&self, hidden: bool) {
        self.hides_snapshots.store(hidden, Ordering::Relaxed);
    }

    /// The position of a commit, as the store has it.
    pub async fn position(&self, address: &Address, epoch: u32, seq: u64) -> Position {
        if seq == 0 {
            return Head::start(epoch).position();
        }
        let entries = self.store.read(address, seq - 1, 1).await.unwrap();
        let hash = entries.first().map(|entry| record::trailing_hash(&entry.record).unwrap());
        Head { epoch, seq, hash: hash.unwrap_or_default() }.position()
    }

    /// The snapshot of now comes back after everything else has changed, as from a backup of its own.
    pub async fn swap_snapshot(&self, address: &Address) {
        let now = self.store.snapshot(address).await.unwrap();
        let before = std::mem::replace(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner), now);
        if let Some(snapshot) = before {
            self.store.put_snapshot(address, snapshot).await.unwrap();
        }
    }

    /// An older copy of the actor is restored: what came after `seq` is lost.
    pub async fn restore(&self, address: &Address, seq: u64) {
        let entries = self.store.read(address, 0, usize::try_from(seq).unwrap()).await.unwrap();
        let epoch = self.store.head(address).await.unwrap().unwrap().epoch;
        self.store.delete(address).await.unwrap();
        let mut expected = Head::start(epoch);
        for Entry { seq, record } in entries {
            let time = record::header(&record).unwrap().time;
            let head = Head { epoch, seq, hash: record::trailing_hash(&record).unwrap() };
            let (address, index) = (address.clone(), IndexChange::default());
            self.store.append(Run { address, records: vec![record], expected, head, time, index }).await.unwrap();
            expected = head;
        }
    }

    fn spoil(&self, address: &Address, entry: Entry) -> Entry {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if !damaged.contains(&(address.clone(), entry.seq)) {
            return entry;
        }
        let mut bytes = entry.record.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        Entry { seq: entry.seq, record: bytes.into() }
    }
}

/// How one host reaches the disk.
#[derive(Clone)]
pub struct Line {
    disk: Disk,
    open: watch::Sender<bool>,
    /// Reach past the faults, as somebody else's host does.
    direct: bool,
    hints: LocalHints,
}

impl Line {
    pub fn new(disk: &Disk, direct: bool) -> Self {
        Self { disk: disk.clone(), open: watch::Sender::new(true), direct, hints: disk.hints.clone() }
    }

    /// Hear of what other hosts write, and be heard.
    pub fn hear(&mut self) {
        self.hints = self.hints.of_another_host();
    }

    pub fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// The seams of a host on this line.
    pub fn seams(&self) -> Store {
        let (journal, index) = (Arc::new(self.clone()), Arc::new(self.clone()));
        Store { journal, index, hints: Arc::new(self.hints.clone()) }
    }

    /// Waits for ever if the line stays cut.
    async fn pass<T>(&self, call: impl Future<Output = T>) -> T {
        let mut open = self.open.subscribe();
        let _ = open.wait_for(|open| *open).await;
        let answer = call.await;
        let _ = open.wait_for(|open| *open).await;
        answer
    }
}

#[async_trait]
impl Journal for Line {
    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, run: Run) -> Result<(), AppendError> {
        if self
            .disk
            .appends_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_err()
        {
            return std::future::pending().await;
        }
        if self.direct {
            return self.pass(self.disk.store.append(run)).await;
        }
        self.pass(self.disk.faults.append(run)).await
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        self.pass(self.disk.faults.head(address)).await
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let entries = self.pass(self.disk.faults.read(address, after_seq, limit)).await?;
        Ok(entries.into_iter().map(|entry| self.disk.spoil(address, entry)).collect())
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        let snapshot = self.pass(self.disk.faults.snapshot(address)).await?;
        Ok(snapshot.filter(|_| !self.disk.hides_snapshots.load(Ordering::Relaxed)))
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        self.pass(self.disk.faults.put_snapshot(address, snapshot)).await
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        self.pass(self.disk.faults.fence(address, epoch)).await
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        self.pass(self.disk.faults.delete(address)).await
    }
}

#[async_trait]
impl Index for Line {
    async fn due(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, StoreError> {
        self.pass(self.disk.store.due(now, limit)).await
    }

    async fn lease(&self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Result<Vec<Lease>, StoreError> {
        self.pass(self.disk.store.lease(kinds, now, until, limit)).await
    }

    async fn release(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), StoreError> {
        self.pass(self.disk.store.release(lease, retry_at, attempt)).await
    }

    async fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.disk.lists_read.fetch_add(1, Ordering::Relaxed);
        if self.disk.refuses_lists.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("the test asked for this".into()));
        }
        self.pass(self.disk.store.list(filter, after, limit)).await
    }

    async fn row(&self, address: &Address) -> Result<Option<Row>, StoreError> {
        self.pass(self.disk.store.row(address)).await
    }

    async fn sweep(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.pass(self.disk.store.sweep(after, limit)).await
    }

    async fn present(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.pass(self.disk.store.present(after, limit)).await
    }

    async fn reindex(&self, address: &Address, at: Position, change: IndexChange) -> Result<(), StoreError> {
        self.pass(self.disk.store.reindex(address, at, change)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.pass(self.disk.store.counts()).await
    }

    async fn activity(&self, since: Time) -> Result<Vec<(Time, u64)>, StoreError> {
        self.pass(self.disk.store.activity(since)).await
    }
}
