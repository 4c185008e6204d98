//! Several hosts on the same tables: what one may remember of what another does.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use dormouse_core::{Time, position::Head};
use dormouse_journal::{
    AppendError, Journal,
    conformance::sample::{Writer, read_all, snapshot_at},
};
use dormouse_journal_dynamodb::{CONFIRMED_MAX, DynamoStore, Tables};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory};
use support::{Emulator, on_each_emulator};

on_each_emulator!(
    a_head_is_read_again_after_five_minutes,
    what_is_deleted_elsewhere_is_noticed_after_five_minutes,
    an_append_without_a_predecessor_writes_nothing,
    a_fence_elsewhere_is_noticed_at_once,
    a_second_fence_replaces_the_mark_of_the_first,
    a_snapshot_from_before_a_fence_is_not_served,
    a_large_snapshot_is_an_object,
    an_object_that_is_gone_is_no_snapshot,
);

/// A host with a clock that the test moves.
struct Host {
    store: DynamoStore,
    time: Arc<AtomicU64>,
}

impl Host {
    fn new(emulator: Emulator, tables: &Tables, objects: &Arc<InMemory>) -> Self {
        let time = Arc::new(AtomicU64::new(1_790_000_000_000));
        let clock = time.clone();
        let store = DynamoStore::new(&emulator.client(), tables.clone(), objects.clone());
        Self { store: store.with_clock(Arc::new(move || Time(clock.load(Ordering::Relaxed)))), time }
    }

    fn pass(&self, milliseconds: u64) {
        self.time.fetch_add(milliseconds, Ordering::Relaxed);
    }

    fn calls(&self, operation: &str) -> u64 {
        self.store.usage().calls.get(operation).copied().unwrap_or_default()
    }
}

async fn two_hosts(emulator: Emulator) -> (Host, Host, Arc<InMemory>) {
    let (tables, objects) = (emulator.tables().await, Arc::new(InMemory::new()));
    (Host::new(emulator, &tables, &objects), Host::new(emulator, &tables, &objects), objects)
}

fn five_minutes() -> u64 {
    CONFIRMED_MAX.as_millis() as u64
}

fn conflict(outcome: Result<(), AppendError>) -> Head {
    match outcome {
        Err(AppendError::Conflict(head)) => head,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

async fn a_head_is_read_again_after_five_minutes(emulator: Emulator) {
    let (host, _, _) = two_hosts(emulator).await;
    let mut writer = Writer::new("main/todo/a");
    host.store.head(&writer.address).await.unwrap();
    for (passed, reads) in [(0, 1), (five_minutes() - 1, 1), (five_minutes(), 2), (1, 2)] {
        host.pass(passed);
        writer.append(&host.store, 1).await;
        assert_eq!((host.calls("Query"), host.calls("GetItem")), (reads, 0), "after {passed} ms");
    }
}

async fn what_is_deleted_elsewhere_is_noticed_after_five_minutes(emulator: Emulator) {
    let (host, other, _) = two_hosts(emulator).await;
    let mut writer = Writer::new("main/todo/a");
    writer.append(&host.store, 3).await;
    other.store.delete(&writer.address).await.unwrap();
    host.pass(five_minutes());
    assert_eq!(conflict(host.store.append(writer.run(1)).await), Head::start(1));
    assert_eq!(other.store.head(&writer.address).await.unwrap(), None);
}

/// The key would be free: that nobody is there is not enough.
async fn an_append_without_a_predecessor_writes_nothing(emulator: Emulator) {
    let (host, other, _) = two_hosts(emulator).await;
    let mut writer = Writer::new("main/todo/a");
    let mut lost = writer.clone();
    lost.run(4);
    assert_eq!(conflict(host.store.append(lost.run(1)).await), Head::start(1));
    writer.append(&other.store, 2).await;
    assert_eq!(conflict(host.store.append(lost.run(1)).await), writer.head);
    assert_eq!(read_all(&host.store, &writer.address, 10).await.len(), 2);
    assert_eq!(host.calls("PutItem"), 0);
}

async fn a_fence_elsewhere_is_noticed_at_once(emulator: Emulator) {
    let (host, other, _) = two_hosts(emulator).await;
    let mut writer = Writer::new("main/todo/a");
    writer.append(&host.store, 3).await;
    other.store.fence(&writer.address, 2).await.unwrap();
    let fenced = Head { epoch: 2, ..writer.head };
    assert_eq!(conflict(host.store.append(writer.clone().run(1)).await), fenced);
    writer.head = fenced;
    writer.append(&host.store, 1).await;
    assert_eq!(other.store.head(&writer.address).await.unwrap(), Some(writer.head));
}

async fn a_second_fence_replaces_the_mark_of_the_first(emulator: Emulator) {
    let (host, other, _) = two_hosts(emulator).await;
    let mut writer = Writer::new("main/todo/a");
    writer.append(&host.store, 3).await;
    host.store.fence(&writer.address, 2).await.unwrap();
    // So that this host remembers the first one.
    writer.head = host.store.head(&writer.address).await.unwrap().unwrap();
    other.store.fence(&writer.address, 4).await.unwrap();
    other.store.fence(&writer.address, 3).await.unwrap();
    assert_eq!(conflict(host.store.append(writer.clone().run(1)).await), Head { epoch: 4, ..writer.head });
    writer.head.epoch = 4;
    writer.append(&host.store, 2).await;
    assert_eq!(read_all(&other.store, &writer.address, 1).await.len(), 5);
}

async fn a_snapshot_from_before_a_fence_is_not_served(emulator: Emulator) {
    let (host, other, _) = two_hosts(emulator).await;
    let mut writer = Writer::new("main/todo/a");
    writer.append(&host.store, 3).await;
    other.store.fence(&writer.address, 2).await.unwrap();
    // This host has not heard of it, and what it remembers says that the snapshot is of the history.
    host.store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    assert_eq!(other.store.snapshot(&writer.address).await.unwrap(), None);
    writer.head.epoch = 2;
    other.store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    assert_eq!(host.store.snapshot(&writer.address).await.unwrap(), Some(writer.snapshot()));
}

async fn objects_in(objects: &InMemory) -> Vec<object_store::path::Path> {
    use futures_util::TryStreamExt;
    objects.list(None).map_ok(|object| object.location).try_collect().await.unwrap()
}

async fn a_large_snapshot_is_an_object(emulator: Emulator) {
    let (host, other, objects) = two_hosts(emulator).await;
    let mut writer = Writer::new("main/todo/a");
    let mut older = Vec::new();
    for (bytes, count) in [(300 * 1024, 0), (300 * 1024 + 1, 1), (1_000_000, 1), (10, 0), (500_000, 1)] {
        writer.append(&host.store, 2).await;
        let snapshot = snapshot_at(writer.head, bytes);
        host.store.put_snapshot(&writer.address, snapshot.clone()).await.unwrap();
        assert_eq!(other.store.snapshot(&writer.address).await.unwrap(), Some(snapshot.clone()));
        assert_eq!(objects_in(&objects).await.len(), count, "{bytes} bytes");
        older.push(snapshot);
    }
    let newest = older.pop();
    for old in older {
        host.store.put_snapshot(&writer.address, old).await.unwrap();
    }
    assert_eq!(other.store.snapshot(&writer.address).await.unwrap(), newest);
    assert_eq!(objects_in(&objects).await.len(), 1, "what was put for nothing is gone");
    // What a process left that ended between an object and its pointer.
    objects.put(&"snapshots/main/todo/a/1-9-x".into(), "x".into()).await.unwrap();
    objects.put(&"snapshots/main/todo/ab/1-9-x".into(), "x".into()).await.unwrap();
    host.store.delete(&writer.address).await.unwrap();
    let left: Vec<String> = objects_in(&objects).await.iter().map(ToString::to_string).collect();
    assert_eq!(left, ["snapshots/main/todo/ab/1-9-x"]);
}

async fn an_object_that_is_gone_is_no_snapshot(emulator: Emulator) {
    let (host, _, objects) = two_hosts(emulator).await;
    let mut writer = Writer::new("main/todo/a");
    writer.append(&host.store, 2).await;
    host.store.put_snapshot(&writer.address, snapshot_at(writer.head, 400_000)).await.unwrap();
    for object in objects_in(&objects).await {
        objects.delete(&object).await.unwrap();
    }
    assert_eq!(host.store.snapshot(&writer.address).await.unwrap(), None);
    host.store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    assert_eq!(host.store.snapshot(&writer.address).await.unwrap(), Some(writer.snapshot()));
}
