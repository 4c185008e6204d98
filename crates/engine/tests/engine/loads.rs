//! Loading while the store is not what it was: a copy is restored between two reads, or a newer program wrote the history.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dormouse_core::{
    Address, Code, Hash, Kind, Machine, Principal, Stimulus, Time, Viewer,
    dice::Secret,
    machine::{Decision, Sealed},
    position::Head,
};
use dormouse_engine::{LoadError, LoadOptions, load};
use dormouse_journal::{
    AppendError, Entry, IndexChange, Journal, MemoryStore, ReadError, Run, StoreError, StoredSnapshot,
};

use crate::actors;

/// A store to which something happens while it is read.
struct Odd {
    store: MemoryStore,
    /// What it becomes after its head was read for the first time.
    then: Mutex<Option<MemoryStore>>,
    /// What becomes of the newest record when it is read.
    change: fn(&mut [u8]),
    is_shared: bool,
}

#[async_trait]
impl Journal for Odd {
    fn is_shared(&self) -> bool {
        self.is_shared
    }

    async fn append(&self, run: Run) -> Result<(), AppendError> {
        self.store.append(run).await
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        let head = self.store.head(address).await;
        if let Some(then) = self.then.lock().unwrap().take() {
            self.store.restore(&then);
        }
        head
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let mut entries = self.store.read(address, after_seq, limit).await?;
        if let Some(newest) = entries.last_mut() {
            let mut record = newest.record.to_vec();
            (self.change)(&mut record);
            newest.record = record.into();
        }
        Ok(entries)
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
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

fn address() -> Address {
    "main/counter/x".parse().unwrap()
}

fn kind() -> Arc<Kind> {
    actors::kinds(1).into_iter().find(|kind| kind.name.as_str() == "counter").unwrap()
}

/// Write what the rules make of this.
async fn write(store: &MemoryStore, machine: &mut Machine, stimulus: &Stimulus) {
    let expected = machine.head();
    let Decision::Commit(sealed) = machine.decide(stimulus, Time(1_000), [7; 16]).unwrap() else {
        panic!("this is a commit")
    };
    let Sealed { record, head, time, .. } = *sealed;
    let (records, index) = (vec![record.into()], IndexChange::default());
    store.append(Run { address: address(), records, expected, head, time, index }).await.unwrap();
}

fn ana() -> Viewer {
    Viewer::new(Principal { id: "ana".into(), name: "Ana".into() }, vec!["guest".into()])
}

fn add(by: u64) -> Stimulus {
    let command = format!(r#"{{"type":"add","by":{by}}}"#).into_bytes().into();
    Stimulus::Command { by: ana(), id: None, command, resent: false }
}

async fn created(store: &MemoryStore) -> Machine {
    let mut machine = Machine::blank(kind(), address(), 1);
    let create = Stimulus::Create { by: ana(), config: b"{}".as_slice().into(), secret: Secret([5; 32]) };
    write(store, &mut machine, &create).await;
    machine
}

/// A history of four commits, and the one that began with the first of them, after it was restored from a backup.
async fn histories() -> (MemoryStore, MemoryStore) {
    let store = MemoryStore::new();
    let mut machine = created(&store).await;
    let backup = store.copy();
    for by in 1..=3 {
        write(&store, &mut machine, &add(by)).await;
    }
    backup.fence(&address(), 2).await.unwrap();
    let mut restored = load(&backup, &kind(), &address(), LoadOptions::default()).await.unwrap();
    write(&backup, &mut restored, &add(100)).await;
    (store, backup)
}

async fn loaded(journal: &Odd) -> Result<Head, LoadError> {
    load(journal, &kind(), &address(), LoadOptions::default()).await.map(|machine| machine.head())
}

#[tokio::test]
async fn a_copy_that_is_restored_between_two_reads_is_loaded_and_no_damage() {
    let (store, backup) = histories().await;
    let restored = backup.head(&address()).await.unwrap().unwrap();
    let odd = |is_shared| Odd { store: store.copy(), then: Mutex::new(Some(backup.copy())), change: |_| {}, is_shared };
    assert_eq!(loaded(&odd(true)).await.unwrap(), restored);
    let refused = loaded(&odd(false)).await.unwrap_err();
    assert!(matches!(refused, LoadError::Damaged(..)), "nobody else writes here: {refused}");
}

#[tokio::test]
async fn what_a_newer_program_wrote_is_no_damage_and_what_only_looks_like_it_is() {
    fn flipped(record: &mut [u8]) {
        record[0] = 99;
    }
    fn newer(record: &mut [u8]) {
        flipped(record);
        let end = record.len() - 32;
        let parts = [b"main".as_slice(), b"counter", b"x", &record[..end]];
        let hash = Hash::of("dormouse/commit/1", &parts);
        record[end..].copy_from_slice(&hash.0);
    }
    let (store, _) = histories().await;
    let odd = |change| Odd { store: store.copy(), then: Mutex::default(), change, is_shared: false };
    let refused = loaded(&odd(newer)).await.unwrap_err();
    assert!(matches!(refused, LoadError::NewerProgram(_, 99)), "{refused}");
    assert_eq!(refused.failure().code, Code::NewerRules);
    let refused = loaded(&odd(flipped)).await.unwrap_err();
    assert_eq!(refused.failure().code, Code::Quarantined, "{refused}");
}
