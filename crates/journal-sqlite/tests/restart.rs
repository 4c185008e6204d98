//! What a store finds when it is opened again, and who may open it.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use dormouse_core::{Summary, Time, position::Head};
use dormouse_journal::{
    AppendError, Filter, Index, IndexChange, Journal, StoreError, conformance::sample::Writer, index::Counts,
};
use dormouse_journal_sqlite::{OpenError, Options, SqliteStore};
use support::{check, open, writers};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_in_the_log_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut writers = writers(20);
    for round in 1..4 {
        let store = open(dir.path());
        check(&store, &writers).await;
        for writer in &mut writers {
            for commits in [1, round, 3] {
                writer.append(&store, commits).await;
            }
        }
        assert_eq!(in_memory(&store), (20, 60 * round));
        store.close().await;
    }
    let store = open(dir.path());
    check(&store, &writers).await;
    let commits = writers.iter().map(|writer| writer.head.seq).sum();
    assert_eq!(store.counts().await.unwrap(), Counts { actors: 20, commits, retired: 0 });
    assert_eq!(store.activity(Time(0)).await.unwrap().iter().map(|(_, n)| n).sum::<u64>(), commits);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_closed_keeps_nothing_in_the_log_that_sleeps() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut writers) = (open(dir.path()), writers(20));
    for writer in &mut writers {
        writer.append(&store, 3).await;
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    }
    store.close().await;
    let conn = rusqlite::Connection::open(dir.path().join("journal.sqlite")).unwrap();
    let rows: i64 = conn.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1, "the newest, after which the next is numbered");
    drop(conn);
    check(&open(dir.path()), &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settled_and_moving_actors_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut writers = writers(30);
    let store = open(dir.path());
    for (n, writer) in writers.iter_mut().enumerate() {
        writer.append(&store, 5).await;
        if n % 3 != 0 {
            store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
        }
        if n % 3 == 1 {
            writer.append(&store, 2).await;
        }
        if n % 5 == 0 {
            store.fence(&writer.address, 9).await.unwrap();
            writer.head.epoch = 9;
        }
    }
    let (before, activity) = (store.counts().await.unwrap(), store.activity(Time(0)).await.unwrap());
    store.close().await;
    let store = open(dir.path());
    assert_eq!(in_memory(&store), (20, 20));
    check(&store, &writers).await;
    assert_eq!((store.counts().await.unwrap(), store.activity(Time(0)).await.unwrap()), (before, activity));
    for (n, writer) in writers.iter_mut().enumerate() {
        let snapshot = store.snapshot(&writer.address).await.unwrap();
        assert_eq!(snapshot.is_some(), n % 3 != 0 && n % 5 != 0);
        writer.append(&store, 1).await;
    }
    check(&store, &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_actor_stays_deleted() {
    for settle in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut kept = writers(3);
        for writer in &mut kept {
            writer.append(&store, 2).await;
        }
        let mut gone = kept.remove(2);
        if settle {
            store.put_snapshot(&gone.address, gone.snapshot()).await.unwrap();
            gone.append(&store, 1).await;
        }
        store.delete(&gone.address).await.unwrap();
        store.close().await;
        let store = open(dir.path());
        assert_eq!(store.counts().await.unwrap(), Counts { actors: 2, commits: 4, retired: 0 });
        assert_eq!(store.head(&gone.address).await.unwrap(), None);
        // Rows of the deleted one may still be in the log; the next actor must not find them under its number.
        let mut other = Writer::new("main/todo/other");
        other.append(&store, 1).await;
        store.close().await;
        kept.push(other);
        check(&open(dir.path()), &kept).await;
    }
}

/// Its rows are trimmed later than they are moved, and until then the log has rows of nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_actor_whose_rows_were_moved_keeps_nothing_shut() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut writers) = (open(dir.path()), writers(1));
    let mut gone = Writer::new("main/todo/gone");
    gone.append(&store, 2).await;
    writers[0].append(&store, 1).await;
    store.put_snapshot(&gone.address, gone.snapshot()).await.unwrap();
    store.delete(&gone.address).await.unwrap();
    let killed = tempfile::tempdir().unwrap();
    for name in ["journal.sqlite", "journal.sqlite-wal"] {
        std::fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
    }
    check(&open(killed.path()), &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_place_moving_actors_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writers = writers(3);
    for (n, writer) in writers.iter_mut().enumerate() {
        writer.append(&store, 1).await;
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
        writer.time = Time(writer.time.0 + 10 - n as u64);
        writer.append(&store, 1).await;
    }
    store.close().await;
    let all = Filter { unlisted: true, ..Filter::default() };
    let page = open(dir.path()).list(&all, None, 10).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row.address.id.to_string()).collect::<Vec<_>>(), ["a0", "a1", "a2"]);
    assert_eq!(page.rows.iter().map(|row| row.updated).collect::<Vec<_>>(), [0, 1, 2].map(|n| writers[n].time));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sleeping_actors_cost_no_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writers = writers(200);
    for writer in &mut writers {
        writer.append(&store, 3).await;
        writer.append(&store, 1).await;
    }
    assert_eq!(in_memory(&store), (200, 400));
    for writer in &writers {
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    }
    assert_eq!(in_memory(&store), (0, 0));
    check(&store, &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_bounded_without_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { log_rows_max: 100, ..Options::default() };
    let store = SqliteStore::open(dir.path(), options).unwrap();
    let mut writers = writers(60);
    for _ in 0..60 {
        let mut appends = tokio::task::JoinSet::new();
        for run in writers.iter_mut().map(|writer| writer.run(1)) {
            let store = store.clone();
            appends.spawn(async move { store.append(run).await.unwrap() });
        }
        appends.join_all().await;
        // One batch may be added on top of the bound.
        assert!(store.stats().rows <= 160, "{:?}", store.stats());
    }
    check(&store, &writers).await;
    store.close().await;
    let rows: i64 = sqlite(dir.path()).query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
    assert!(rows < 100 + 1024 + 100, "{rows} rows are left of 3600");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_opener_is_refused_until_the_first_closes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let other = store.clone();
    let refused = SqliteStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked(_)));
    let text = refused.to_string();
    assert!(text.contains(dir.path().to_str().unwrap()) && text.contains("stop that process"), "{text}");
    store.close().await;
    // A handle that outlives the close fails, and does not hold the directory.
    let mut writer = Writer::new("main/todo/a");
    let closed = other.append(writer.run(1)).await;
    assert!(matches!(closed, Err(AppendError::Store(StoreError::Fatal(_)))), "{closed:?}");
    assert!(other.head(&writer.address).await.is_err());
    let reopened = open(dir.path());
    // Dropping the last handle closes too.
    drop(reopened);
    open(dir.path());
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).close().await;
    sqlite(dir.path()).execute("UPDATE dormouse SET schema = 2", []).unwrap();
    let refused = SqliteStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::NewerSchema(2)), "{refused}");
    assert!(refused.to_string().contains("newer program"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_unavailable_and_later_appends_work() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { page_count_max: Some(100), ..Options::default() };
    let store = SqliteStore::open(dir.path(), options).unwrap();
    let mut writer = Writer::new("main/todo/a");
    let (full, run) = loop {
        let before = writer.clone();
        let run = writer.run_of(1, 20_000);
        match store.append(run.clone()).await {
            Ok(()) => assert!(writer.head.seq < 100, "the disk is never full"),
            Err(AppendError::Store(StoreError::Unavailable(_))) => break (before, run),
            Err(other) => panic!("{other:?}"),
        }
    };
    assert!(full.head.seq > 3);
    check(&store, std::slice::from_ref(&full)).await;
    // A small one still fits, and so does everything once there is room.
    let mut small = Writer::new("main/todo/small");
    small.append(&store, 1).await;
    store.close().await;
    let store = open(dir.path());
    store.append(run).await.unwrap();
    check(&store, &[writer, small]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_change_comes_with_its_run_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writer = Writer::new("main/todo/a");
    let wake = |time| IndexChange { wake: Some(Some(Time(time))), ..IndexChange::default() };
    let lost = writer.clone().changing(wake(5));
    writer.change(&store, wake(7)).await;
    assert!(store.append(lost).await.is_err());
    store.close().await;
    let store = open(dir.path());
    assert_eq!(store.due(Time(100), 10).await.unwrap(), [(Time(7), writer.address.clone())]);
    assert_eq!(store.head(&writer.address).await.unwrap().map(|head: Head| head.seq), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_choose_among_moved_actors_after_a_restart_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (n, mut writer) in writers(8).into_iter().enumerate() {
        let (status, private) = (["open", "over"][n % 2].into(), n & 2 != 0);
        let summary = Some(Some(Summary { status, private, sort: n as i64, ..Summary::default() }));
        writer.change(&store, IndexChange { summary, retired: n & 4 != 0, ..IndexChange::default() }).await;
    }
    store.close().await;
    let store = open(dir.path());
    assert_eq!(in_memory(&store), (8, 8));
    let listed = async |filter: Filter| {
        let page = store.list(&filter, None, 100).await.unwrap();
        page.rows.iter().map(|row| row.address.id.to_string()).collect::<Vec<_>>()
    };
    let open = Filter { status: Some("open".into()), ..Filter::default() };
    assert_eq!(listed(Filter::default()).await, ["a1", "a0"]);
    assert_eq!(listed(Filter { retired: true, ..open.clone() }).await, ["a4", "a0"]);
    assert_eq!(listed(Filter { private: true, ..open }).await, ["a2", "a0"]);
}

fn sqlite(dir: &std::path::Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("journal.sqlite")).expect("the file is there")
}

/// Actors and rows that the store keeps in memory.
fn in_memory(store: &SqliteStore) -> (usize, usize) {
    let stats = store.stats();
    (stats.tails, stats.rows)
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_removed_takes_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut writers) = (open(dir.path()), writers(1));
    writers[0].append(&store, 1).await;
    std::fs::remove_file(dir.path().join("journal.sqlite")).unwrap();
    let lost = store.append(writers[0].clone().run(1)).await;
    assert!(matches!(lost, Err(AppendError::Store(StoreError::Fatal(_)))), "{lost:?}");
    assert!(store.counts().await.is_err(), "and the store says so to everybody");
}
