//! Snapshots, epochs and deletion.

use std::sync::Arc;

use dormouse_core::position::Head;

use super::sample::{Writer, read_all, snapshot_at};
use crate::journal::{AppendError, Journal, StoredSnapshot};

async fn stored(store: &impl Journal, writer: &Writer) -> Option<StoredSnapshot> {
    store.snapshot(&writer.address).await.unwrap()
}

async fn put(store: &impl Journal, writer: &Writer, snapshot: &StoredSnapshot) {
    store.put_snapshot(&writer.address, snapshot.clone()).await.unwrap();
}

pub(super) async fn there_is_none_at_first(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    put(&*store, &writer, &writer.snapshot()).await;
    assert_eq!(stored(&*store, &writer).await, None);
    writer.append(&*store, 3).await;
    assert_eq!(stored(&*store, &writer).await, None);
}

pub(super) async fn a_newer_one_replaces(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    for commits in [1, 3, 2] {
        writer.append(&*store, commits).await;
        put(&*store, &writer, &writer.snapshot()).await;
        assert_eq!(stored(&*store, &writer).await, Some(writer.snapshot()));
    }
}

pub(super) async fn an_older_one_is_dropped(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 3).await;
    let older = writer.snapshot();
    writer.append(&*store, 3).await;
    put(&*store, &writer, &older).await;
    assert_eq!(stored(&*store, &writer).await, Some(older.clone()));
    put(&*store, &writer, &writer.snapshot()).await;
    put(&*store, &writer, &older).await;
    assert_eq!(stored(&*store, &writer).await, Some(writer.snapshot()));
}

pub(super) async fn one_at_the_same_place_replaces(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 3).await;
    put(&*store, &writer, &writer.snapshot()).await;
    let by_newer_rules = snapshot_at(writer.head, 50);
    put(&*store, &writer, &by_newer_rules).await;
    assert_eq!(stored(&*store, &writer).await, Some(by_newer_rules));
}

pub(super) async fn one_of_another_epoch_is_dropped(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 3).await;
    for epoch in [0, 2] {
        put(&*store, &writer, &snapshot_at(Head { epoch, ..writer.head }, 10)).await;
        assert_eq!(stored(&*store, &writer).await, None);
    }
}

pub(super) async fn one_that_is_not_committed_is_dropped(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 3).await;
    let mut ahead = writer.clone();
    ahead.run(1);
    put(&*store, &writer, &ahead.snapshot()).await;
    let mut twisted = writer.snapshot();
    twisted.head.hash.0[0] ^= 1;
    put(&*store, &writer, &twisted).await;
    assert_eq!(stored(&*store, &writer).await, None);
}

pub(super) async fn a_large_one_comes_back(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 3).await;
    let large = snapshot_at(writer.head, 3_000_000);
    put(&*store, &writer, &large).await;
    assert_eq!(stored(&*store, &writer).await, Some(large));
}

pub(super) async fn appends_go_on_after_one(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    for _ in 0..5 {
        writer.append(&*store, 2).await;
        let inside = writer.snapshot();
        writer.append(&*store, 3).await;
        put(&*store, &writer, &inside).await;
        assert_eq!(stored(&*store, &writer).await, Some(inside));
        assert_eq!(store.head(&writer.address).await.unwrap(), Some(writer.head));
    }
    assert_eq!(read_all(&*store, &writer.address, 4).await.len(), 25);
}

pub(super) async fn a_fence_conflicts_with_older_epochs(store: Arc<impl Journal>) {
    for settled in [false, true] {
        let mut writer = Writer::new(&format!("main/todo/{settled}"));
        writer.append(&*store, 3).await;
        if settled {
            put(&*store, &writer, &writer.snapshot()).await;
        }
        store.fence(&writer.address, 5).await.unwrap();
        let fenced = Head { epoch: 5, ..writer.head };
        assert_eq!(store.head(&writer.address).await.unwrap(), Some(fenced));
        let old = store.append(writer.clone().run(1)).await;
        assert!(matches!(old, Err(AppendError::Conflict(head)) if head == fenced), "{old:?}");
        writer.head = fenced;
        writer.append(&*store, 2).await;
        assert_eq!(store.head(&writer.address).await.unwrap(), Some(writer.head));
        assert_eq!(read_all(&*store, &writer.address, 100).await.len(), 5);
    }
}

pub(super) async fn a_fence_takes_the_snapshot_along(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 3).await;
    let old = writer.snapshot();
    put(&*store, &writer, &old).await;
    store.fence(&writer.address, 2).await.unwrap();
    assert_eq!(stored(&*store, &writer).await, None);
    put(&*store, &writer, &old).await;
    assert_eq!(stored(&*store, &writer).await, None);
    writer.head.epoch = 2;
    put(&*store, &writer, &writer.snapshot()).await;
    assert_eq!(stored(&*store, &writer).await, Some(writer.snapshot()));
}

pub(super) async fn a_lower_fence_does_nothing(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.head = Head::start(3);
    writer.append(&*store, 1).await;
    put(&*store, &writer, &writer.snapshot()).await;
    for epoch in [0, 1, 3] {
        store.fence(&writer.address, epoch).await.unwrap();
        assert_eq!(store.head(&writer.address).await.unwrap(), Some(writer.head));
        assert_eq!(stored(&*store, &writer).await, Some(writer.snapshot()));
    }
}

pub(super) async fn an_unknown_run_is_found_behind_a_fence(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    let run = writer.append(&*store, 2).await;
    store.fence(&writer.address, 2).await.unwrap();
    store.append(run).await.expect("it was committed before the fence");
}

pub(super) async fn a_deleted_actor_is_gone_and_can_be_made_again(store: Arc<impl Journal>) {
    let other = {
        let mut other = Writer::new("main/todo/other");
        other.append(&*store, 2).await;
        other
    };
    for settled in [false, true] {
        let mut writer = Writer::new("main/todo/a");
        writer.append(&*store, 3).await;
        if settled {
            put(&*store, &writer, &writer.snapshot()).await;
            writer.append(&*store, 1).await;
        }
        store.delete(&writer.address).await.unwrap();
        assert_eq!(store.head(&writer.address).await.unwrap(), None);
        assert_eq!(store.read(&writer.address, 0, 10).await.unwrap(), vec![]);
        assert_eq!(stored(&*store, &writer).await, None);
        let late = store.append(writer.run(1)).await;
        assert!(matches!(late, Err(AppendError::Conflict(head)) if head.seq == 0), "{late:?}");
        let mut again = Writer::new("main/todo/a");
        let again_run = again.append(&*store, 2).await;
        assert_eq!(read_all(&*store, &again.address, 10).await, again_run.records);
        store.delete(&again.address).await.unwrap();
    }
    assert_eq!(read_all(&*store, &other.address, 10).await.len(), 2);
}
