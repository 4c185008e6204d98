//! Rows: wakes, sweeps, changes outside any run, counts.

use std::sync::Arc;

use dormouse_core::{Address, Summary, Time, position::Position};

use super::sample::Writer;
use crate::{
    index::{ACTIVITY_BUCKET_MS, Counts, Index},
    journal::{IndexChange, Journal},
};

pub(super) fn wake(time: Option<u64>) -> IndexChange {
    IndexChange { wake: Some(time.map(Time)), ..IndexChange::default() }
}

pub(super) fn summary(status: &str, members: &[&str]) -> Summary {
    let members = members.iter().map(|&member| member.into()).collect();
    Summary { title: "A title".into(), status: status.into(), members, ..Summary::default() }
}

pub(super) fn says(summary: Summary) -> IndexChange {
    IndexChange { summary: Some(Some(summary)), ..IndexChange::default() }
}

pub(super) fn retire() -> IndexChange {
    IndexChange { retired: true, ..IndexChange::default() }
}

pub(super) fn present(anybody: bool) -> IndexChange {
    IndexChange { present: Some(anybody), ..IndexChange::default() }
}

async fn due(store: &impl Index, now: u64, limit: usize) -> Vec<(u64, String)> {
    let due = store.due(Time(now), limit).await.unwrap();
    due.into_iter().map(|(time, address)| (time.0, address.to_string())).collect()
}

pub(super) async fn a_row_follows_its_actor<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    assert_eq!(store.row(&writer.address).await.unwrap(), None);
    let created = writer.time;
    writer.append(&*store, 2).await;
    let change = IndexChange { wake: Some(Some(Time(77))), ..says(summary("open", &["ana"])) };
    writer.change(&*store, change).await;
    for settle in [false, true, false] {
        writer.time = Time(writer.time.0 + 5);
        writer.append(&*store, 1).await;
        if settle {
            store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
        }
        let row = store.row(&writer.address).await.unwrap().unwrap();
        assert_eq!((&row.address, row.position), (&writer.address, writer.head.position()));
        assert_eq!((row.created, row.updated, row.wake), (created, writer.time, Some(Time(77))));
        assert_eq!((row.summary, row.retired), (Some(summary("open", &["ana"])), false));
    }
    writer.change(&*store, IndexChange { summary: Some(None), ..retire() }).await;
    let row = store.row(&writer.address).await.unwrap().unwrap();
    assert_eq!((row.summary, row.retired, row.position), (None, true, writer.head.position()));
}

pub(super) async fn due_wakes_come_in_order_and_bounded<S: Journal + Index>(store: Arc<S>) {
    for (name, time) in [("e", 50), ("a", 30), ("d", 10), ("b", 30), ("c", 40)] {
        let mut writer = Writer::new(&format!("main/todo/{name}"));
        writer.change(&*store, wake(Some(time))).await;
    }
    Writer::new("main/todo/asleep").append(&*store, 1).await;
    let all: Vec<_> = [(10, "d"), (30, "a"), (30, "b"), (40, "c"), (50, "e")].into();
    let all: Vec<_> = all.into_iter().map(|(time, name)| (time, format!("main/todo/{name}"))).collect();
    assert_eq!(due(&*store, 9, 10).await, []);
    assert_eq!(due(&*store, 10, 10).await, all[..1]);
    assert_eq!(due(&*store, 49, 10).await, all[..4]);
    assert_eq!(due(&*store, 50, 10).await, all);
    assert_eq!(due(&*store, u64::MAX, 3).await, all[..3]);
}

pub(super) async fn a_wake_moves_and_clears<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    writer.change(&*store, wake(Some(30))).await;
    writer.append(&*store, 2).await;
    assert_eq!(due(&*store, 30, 10).await.len(), 1);
    writer.change(&*store, wake(Some(60))).await;
    assert_eq!(due(&*store, 59, 10).await, []);
    assert_eq!(due(&*store, 60, 10).await.len(), 1);
    writer.change(&*store, wake(None)).await;
    assert_eq!(due(&*store, u64::MAX, 10).await, []);
    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    assert_eq!(due(&*store, u64::MAX, 10).await, []);
}

pub(super) async fn a_retired_actor_is_never_due<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    writer.change(&*store, wake(Some(30))).await;
    writer.change(&*store, retire()).await;
    assert_eq!(due(&*store, u64::MAX, 10).await, []);
    store.reindex(&writer.address, writer.head.position(), wake(Some(40))).await.unwrap();
    assert_eq!(due(&*store, u64::MAX, 10).await, []);
}

pub(super) async fn who_has_somebody_present_is_found<S: Journal + Index>(store: Arc<S>) {
    let named = async |after: Option<&Address>, limit| {
        let found = store.present(after, limit).await.unwrap();
        found.iter().map(|address| address.id.to_string()).collect::<Vec<_>>().concat()
    };
    for name in ["d", "a", "c", "b", "e"] {
        let mut writer = Writer::new(&format!("main/todo/{name}"));
        writer.change(&*store, present(true)).await;
        writer.append(&*store, 1).await;
        assert!(store.row(&writer.address).await.unwrap().unwrap().present);
        match name {
            "b" => writer.change(&*store, present(false)).await,
            "d" => writer.change(&*store, retire()).await,
            "e" => store.delete(&writer.address).await.unwrap(),
            _ => continue,
        }
        let row = store.row(&writer.address).await.unwrap();
        assert!(row.is_none_or(|row| !row.present), "{name}");
    }
    assert_eq!(named(None, 9).await, "ac");
    assert_eq!(named(None, 1).await, "a");
    assert_eq!(named(Some(&"main/todo/a".parse().unwrap()), 9).await, "c");
    // Outside a run, as after a load of what an older program wrote.
    let mut writer = Writer::new("main/todo/f");
    writer.append(&*store, 1).await;
    store.reindex(&writer.address, writer.head.position(), present(true)).await.unwrap();
    assert_eq!(named(None, 9).await, "acf");
}

pub(super) async fn a_sweep_is_in_order_and_bounded<S: Journal + Index>(store: Arc<S>) {
    // `-` sorts before `/`, and `Z` before `a`: addresses are compared name by name, by bytes.
    let texts = ["a-b/k/x", "a/k/x", "a/kk/x", "Z/k/x", "a/k/y", "a/k-1/x", "a/k/X", "a/k/10", "a/k/9"];
    for text in texts {
        let mut writer = Writer::new(text);
        writer.change(&*store, if text == "a/k/y" { retire() } else { wake(None) }).await;
    }
    let mut sorted: Vec<Address> = texts.iter().map(|text| text.parse().unwrap()).collect();
    sorted.sort_unstable();
    assert_eq!(store.sweep(None, 100).await.unwrap(), sorted);
    let mut swept: Vec<Address> = Vec::new();
    loop {
        let page = store.sweep(swept.last(), 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        swept.extend(page);
        assert!(swept.len() <= sorted.len(), "a sweep has an end");
    }
    assert_eq!(swept, sorted);
    let absent = "a/k/V".parse().unwrap();
    assert_eq!(store.sweep(Some(&absent), 1).await.unwrap()[0].to_string(), "a/k/X");
}

pub(super) async fn reindex_applies_where_the_row_stands<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 2).await;
    for settle in [false, true] {
        if settle {
            store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
        }
        let change = IndexChange { wake: Some(Some(Time(20))), ..says(summary("open", &["ana"])) };
        store.reindex(&writer.address, writer.head.position(), change).await.unwrap();
        let row = store.row(&writer.address).await.unwrap().unwrap();
        assert_eq!((row.wake, row.summary), (Some(Time(20)), Some(summary("open", &["ana"]))));
        let back = IndexChange { wake: Some(None), summary: Some(None), ..IndexChange::default() };
        store.reindex(&writer.address, writer.head.position(), back).await.unwrap();
        let row = store.row(&writer.address).await.unwrap().unwrap();
        assert_eq!((row.wake, row.summary, row.updated), (None, None, writer.time));
    }
    let nobody = Writer::new("main/todo/nobody").address;
    store.reindex(&nobody, writer.head.position(), wake(Some(1))).await.unwrap();
    assert_eq!(store.row(&nobody).await.unwrap(), None);
}

pub(super) async fn reindex_is_dropped_where_the_row_has_moved<S: Journal + Index>(store: Arc<S>) {
    let mut writer = Writer::new("main/todo/a");
    writer.change(&*store, wake(Some(10))).await;
    let old = writer.head.position();
    writer.change(&*store, wake(Some(20))).await;
    let here = writer.head.position();
    let other_life = Position { epoch: 0, ..here };
    let other_commit = Position { tag: [9; 8], ..here };
    for at in [old, other_life, other_commit] {
        store.reindex(&writer.address, at, wake(None)).await.unwrap();
        assert_eq!(store.row(&writer.address).await.unwrap().unwrap().wake, Some(Time(20)));
    }
}

pub(super) async fn counts_follow<S: Journal + Index>(store: Arc<S>) {
    assert_eq!(store.counts().await.unwrap(), Counts::default());
    let mut writers: Vec<Writer> = (0..4).map(|n| Writer::new(&format!("main/todo/a{n}"))).collect();
    for (n, writer) in writers.iter_mut().enumerate() {
        writer.append(&*store, n + 1).await;
    }
    assert_eq!(store.counts().await.unwrap(), Counts { actors: 4, commits: 10, retired: 0 });
    store.put_snapshot(&writers[3].address, writers[3].snapshot()).await.unwrap();
    writers[2].change(&*store, retire()).await;
    assert_eq!(store.counts().await.unwrap(), Counts { actors: 4, commits: 11, retired: 1 });
    store.delete(&writers[2].address).await.unwrap();
    assert_eq!(store.counts().await.unwrap(), Counts { actors: 3, commits: 7, retired: 0 });
    store.delete(&writers[3].address).await.unwrap();
    assert_eq!(store.counts().await.unwrap(), Counts { actors: 2, commits: 3, retired: 0 });
}

pub(super) async fn activity_counts_commits_by_ten_minutes<S: Journal + Index>(store: Arc<S>) {
    let start = |bucket: u64| Time((3_000_000 + bucket) * ACTIVITY_BUCKET_MS);
    let (mut a, mut b) = (Writer::new("main/todo/a"), Writer::new("main/todo/b"));
    for (bucket, commits) in [(0, 1), (0, 2), (1, 3), (3, 1)] {
        a.time = Time(start(bucket).0 + 5);
        a.append(&*store, commits).await;
    }
    store.put_snapshot(&a.address, a.snapshot()).await.unwrap();
    b.time = start(3);
    b.append(&*store, 4).await;
    let all = vec![(start(0), 3), (start(1), 3), (start(3), 5)];
    assert_eq!(store.activity(Time(0)).await.unwrap(), all);
    assert_eq!(store.activity(Time(start(1).0 + 99)).await.unwrap(), all[1..]);
    assert_eq!(store.activity(start(2)).await.unwrap(), all[2..]);
    assert_eq!(store.activity(start(4)).await.unwrap(), []);
}

pub(super) async fn a_deleted_actor_has_no_row<S: Journal + Index>(store: Arc<S>) {
    for settle in [false, true] {
        let mut writer = Writer::new("main/todo/a");
        let change = IndexChange { wake: Some(Some(Time(5))), ..says(summary("open", &["ana"])) };
        writer.change(&*store, change).await;
        if settle {
            store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
        }
        store.delete(&writer.address).await.unwrap();
        assert_eq!(store.row(&writer.address).await.unwrap(), None);
        assert_eq!(due(&*store, u64::MAX, 10).await, []);
        assert_eq!(store.sweep(None, 10).await.unwrap(), []);
        assert_eq!(store.list(&Default::default(), None, 10).await.unwrap().rows, []);
    }
}
