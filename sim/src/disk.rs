//! The journal that all hosts share, and the line over which each reaches it: late, at times not at all, and at times without a word of
//! what became of an append.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use async_trait::async_trait;
use dormouse_core::{Address, Time, position::Head, position::Position};
use dormouse_engine::Store;
use dormouse_journal::{
    AppendError, Attempt, Entry, Filter, Hints, Index, IndexChange, Journal, Lease, LocalHints, MemoryStore, Page,
    ReadError, Row, Run, StoreError, StoredSnapshot, index::Counts,
};
use tokio::sync::watch;

use crate::chance::Chance;

/// What became of appends, for the report.
#[derive(Default)]
pub struct Tally {
    pub unknown_written: AtomicU64,
    pub unknown_lost: AtomicU64,
    pub unknown_late: AtomicU64,
    pub unavailable: AtomicU64,
    pub conflicts: AtomicU64,
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
    tally: Arc<Tally>,
}

impl Line {
    pub fn new(
        store: &MemoryStore,
        hints: &LocalHints,
        chance: Chance,
        rough: &Arc<AtomicBool>,
        tally: &Arc<Tally>,
    ) -> Self {
        Self {
            store: store.clone(),
            hints: hints.of_another_host(),
            chance,
            open: watch::Sender::new(true),
            rough: rough.clone(),
            tally: tally.clone(),
        }
    }

    /// A host whose line stays cut is dead: nothing that it asks for comes back.
    pub fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    /// The seams of a host on this line.
    pub fn seams(&self) -> Store {
        let hints: Arc<dyn Hints> = Arc::new(self.hints.clone());
        Store { journal: Arc::new(self.clone()), index: Arc::new(self.clone()), hints }
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

    async fn ask<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.pass(async {
            if self.goes_wrong(200) {
                self.tally.unavailable.fetch_add(1, Ordering::Relaxed);
                return Err(unavailable());
            }
            call.await
        })
        .await
    }

    async fn read_with<T>(&self, call: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
        self.pass(async {
            if self.goes_wrong(200) {
                self.tally.unavailable.fetch_add(1, Ordering::Relaxed);
                return Err(unavailable().into());
            }
            call.await
        })
        .await
    }

    async fn put(&self, run: Run) -> Result<(), AppendError> {
        if !self.goes_wrong(12) {
            return self.store.append(run).await;
        }
        match self.chance.below(4) {
            0 => {
                self.tally.unknown_written.fetch_add(1, Ordering::Relaxed);
                let written = self.store.append(run).await;
                written.and(Err(AppendError::Unknown("the answer was lost".into())))
            }
            1 => {
                self.tally.unknown_lost.fetch_add(1, Ordering::Relaxed);
                Err(AppendError::Unknown("the request was lost".into()))
            }
            2 => {
                self.tally.unknown_late.fetch_add(1, Ordering::Relaxed);
                let (store, late) = (self.store.clone(), self.chance.millis(1, 2_000));
                tokio::spawn(async move {
                    tokio::time::sleep(late).await;
                    let _ = store.append(run).await;
                });
                Err(AppendError::Unknown("the request is late".into()))
            }
            _ => {
                self.tally.unavailable.fetch_add(1, Ordering::Relaxed);
                Err(unavailable().into())
            }
        }
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
        let appended = self.pass(self.put(run)).await;
        self.tally.conflicts.fetch_add(u64::from(matches!(appended, Err(AppendError::Conflict(_)))), Ordering::Relaxed);
        appended
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        self.read_with(self.store.head(address)).await
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.read_with(self.store.read(address, after_seq, limit)).await
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        self.read_with(self.store.snapshot(address)).await
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        self.ask(self.store.put_snapshot(address, snapshot)).await
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        self.read_with(self.store.fence(address, epoch)).await
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        self.ask(self.store.delete(address)).await
    }
}

#[async_trait]
impl Index for Line {
    async fn due(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, StoreError> {
        self.ask(self.store.due(now, limit)).await
    }

    async fn lease(&self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Result<Vec<Lease>, StoreError> {
        self.ask(self.store.lease(kinds, now, until, limit)).await
    }

    async fn release(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), StoreError> {
        self.ask(self.store.release(lease, retry_at, attempt)).await
    }

    async fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.ask(self.store.list(filter, after, limit)).await
    }

    async fn row(&self, address: &Address) -> Result<Option<Row>, StoreError> {
        self.ask(self.store.row(address)).await
    }

    async fn sweep(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.ask(self.store.sweep(after, limit)).await
    }

    async fn present(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.ask(self.store.present(after, limit)).await
    }

    async fn reindex(&self, address: &Address, at: Position, change: IndexChange) -> Result<(), StoreError> {
        self.ask(self.store.reindex(address, at, change)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.ask(self.store.counts()).await
    }

    async fn activity(&self, since: Time) -> Result<Vec<(Time, u64)>, StoreError> {
        self.ask(self.store.activity(since)).await
    }
}
