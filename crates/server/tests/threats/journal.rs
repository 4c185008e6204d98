//! A journal that counts how often actors are loaded, and on request keeps appends waiting or has no room for them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use dormouse_core::{Address, position::Head};
use dormouse_journal::{AppendError, Entry, Journal, MemoryStore, ReadError, Run, StoreError, StoredSnapshot};
use tokio::sync::Semaphore;

pub struct Watched {
    store: MemoryStore,
    loads: AtomicU64,
    gate: Semaphore,
    full: AtomicBool,
}

impl Watched {
    pub fn over(store: MemoryStore) -> Self {
        Self { store, loads: AtomicU64::new(0), gate: Semaphore::new(1), full: AtomicBool::new(false) }
    }

    /// How often a snapshot was asked for: once for each load.
    pub fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    /// No append ends while the answer is held.
    pub async fn hold(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.gate.acquire().await.unwrap()
    }

    /// From now on the disk is full, or it is not any more.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }
}

#[async_trait]
impl Journal for Watched {
    async fn append(&self, run: Run) -> Result<(), AppendError> {
        let _open = self.hold().await;
        if self.full.load(Ordering::Relaxed) {
            return Err(AppendError::Store(StoreError::Unavailable("the disk is full".into())));
        }
        self.store.append(run).await
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        self.store.head(address).await
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.store.read(address, after_seq, limit).await
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.store.snapshot(address).await
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        self.store.put_snapshot(address, snapshot).await
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        self.store.fence(address, epoch).await
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        self.store.delete(address).await
    }
}
