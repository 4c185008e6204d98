//! Damaged pages are the matter of the actors whose rows are on them.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use dormouse_core::{Summary, TaskKey, Time, record, record::Opened};
use dormouse_journal::{
    AppendError, Filter, Index, IndexChange, Journal, ReadError, StoreError, conformance::sample::Writer,
};
use dormouse_journal_sqlite::{OpenError, Options, SqliteStore};
use support::{check, open, writers};

const PAGE: u64 = 4096;

fn file(dir: &Path) -> PathBuf {
    dir.join("journal.sqlite")
}

/// Where in the file these bytes are.
fn find(dir: &Path, bytes: &[u8]) -> u64 {
    let content = std::fs::read(file(dir)).unwrap();
    let mut places = content.windows(bytes.len()).enumerate().filter(|(_, window)| *window == bytes);
    let (place, _) = places.next().expect("the bytes are in the file");
    assert_eq!(places.next(), None, "the bytes are there once");
    place as u64
}

fn overwrite(dir: &Path, at: u64, bytes: &[u8]) {
    File::options().write(true).open(file(dir)).unwrap().write_all_at(bytes, at).unwrap();
}

/// Twenty settled actors with records large enough that each has pages of its own.
async fn settled(dir: &Path) -> Vec<Writer> {
    let store = open(dir);
    let mut writers = writers(20);
    for writer in &mut writers {
        for _ in 0..3 {
            let run = writer.run_of(1, 3000);
            store.append(run).await.unwrap();
        }
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    }
    store.close().await;
    // What was moved and is not trimmed yet would be found twice.
    let conn = rusqlite::Connection::open(file(dir)).unwrap();
    conn.execute_batch("DELETE FROM log; UPDATE totals SET closed_end = 0, closed_live = 0; VACUUM").unwrap();
    writers
}

async fn first_record(dir: &Path, writer: &Writer) -> Vec<u8> {
    let store = open(dir);
    let record = store.read(&writer.address, 0, 1).await.unwrap()[0].record.to_vec();
    store.close().await;
    record
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_page_damages_one_actor() {
    let dir = tempfile::tempdir().unwrap();
    let mut writers = settled(dir.path()).await;
    let store = open(dir.path());
    let second = store.read(&writers[7].address, 1, 1).await.unwrap()[0].record.to_vec();
    store.close().await;
    // It lies on an overflow page, which is its actor's alone and begins with the number of the next.
    let page = find(dir.path(), &second[..200]) / PAGE * PAGE;
    overwrite(dir.path(), page, &[0xff; 4]);
    let store = open(dir.path());
    let broken = writers.remove(7);
    let read = store.read(&broken.address, 0, 10).await;
    assert!(matches!(&read, Err(ReadError::Damaged(address, _)) if *address == broken.address), "{read:?}");
    check(&store, &writers).await;
    for writer in &mut writers {
        writer.append(&store, 1).await;
    }
    check(&store, &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte_in_a_record_is_left_to_its_hash() {
    let dir = tempfile::tempdir().unwrap();
    let mut writers = settled(dir.path()).await;
    let record = first_record(dir.path(), &writers[7]).await;
    overwrite(dir.path(), find(dir.path(), &record[..200]) + 150, &[record[150] ^ 1]);
    let store = open(dir.path());
    let flipped = writers.remove(7);
    let read = store.read(&flipped.address, 0, 1).await.unwrap();
    assert_eq!(record::open(&flipped.address, &read[0].record), Err(record::Damage::BadHash));
    check(&store, &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_length_damages_one_actor() {
    let dir = tempfile::tempdir().unwrap();
    let mut writers = settled(dir.path()).await;
    let record = first_record(dir.path(), &writers[7]).await;
    let at = find(dir.path(), &record[..200]) - 4;
    for length in [0_u32, 1, record.len() as u32 - 1, record.len() as u32 + 1, u32::MAX] {
        overwrite(dir.path(), at, &length.to_le_bytes());
        let store = open(dir.path());
        let read = store.read(&writers[7].address, 0, 10).await;
        assert!(matches!(read, Err(ReadError::Damaged(..))), "{length}: {read:?}");
        store.close().await;
    }
    writers.remove(7);
    check(&open(dir.path()), &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_that_holds_fewer_commits_than_it_says_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let mut writers = settled(dir.path()).await;
    let conn = rusqlite::Connection::open(file(dir.path())).unwrap();
    assert_eq!(conn.execute("UPDATE segments SET last = last + 1 WHERE actor = 8", []).unwrap(), 1);
    drop(conn);
    let store = open(dir.path());
    let read = store.read(&writers.remove(7).address, 0, 10).await;
    assert!(matches!(read, Err(ReadError::Damaged(..))), "{read:?}");
    check(&store, &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_segment_is_a_hole_and_not_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writer = Writer::new("main/todo/a");
    for _ in 0..3 {
        writer.append(&store, 2).await;
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    }
    writer.append(&store, 2).await;
    store.close().await;
    let conn = rusqlite::Connection::open(file(dir.path())).unwrap();
    assert_eq!(conn.execute("DELETE FROM segments WHERE first = 3", []).unwrap(), 1);
    drop(conn);
    let store = open(dir.path());
    let read = store.read(&writer.address, 0, 2).await.unwrap();
    assert_eq!(read.len(), 2);
    for after in [2, 3] {
        assert!(matches!(store.read(&writer.address, after, 10).await, Err(ReadError::Damaged(..))), "{after}");
    }
    assert_eq!(store.read(&writer.address, 4, 10).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hole_in_the_log_keeps_the_store_shut() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writer = Writer::new("main/todo/a");
    for _ in 0..3 {
        writer.append(&store, 2).await;
    }
    store.close().await;
    let conn = rusqlite::Connection::open(file(dir.path())).unwrap();
    assert_eq!(conn.execute("DELETE FROM log WHERE first = 3", []).unwrap(), 1);
    drop(conn);
    let refused = SqliteStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_end_is_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writer = Writer::new("main/todo/a");
    for _ in 0..2 {
        writer.append(&store, 2).await;
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    }
    store.close().await;
    change(dir.path(), "DELETE FROM segments WHERE first = 3");
    let store = open(dir.path());
    assert_eq!(store.read(&writer.address, 0, 2).await.unwrap().len(), 2);
    for after in [0, 2, 3] {
        let read = store.read(&writer.address, after, 10).await;
        assert!(matches!(read, Err(ReadError::Damaged(..))), "{after}: {read:?}");
    }
    assert_eq!(store.read(&writer.address, 4, 10).await.unwrap(), []);
}

/// The other actor stands just before it, so that nothing but the hash that it links to tells whose it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_of_the_log_that_would_follow_somebody_else_keeps_the_store_shut() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut writers) = (open(dir.path()), writers(2));
    for (writer, commits) in writers.iter_mut().zip([3, 2]) {
        writer.append(&store, commits - 1).await;
        writer.append(&store, 1).await;
    }
    store.close().await;
    change(dir.path(), "UPDATE log SET actor = 2, id = 5 WHERE actor = 1 AND first = 3");
    change(dir.path(), "UPDATE log SET id = id - 1 WHERE id > 2");
    let refused = SqliteStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged(_)), "{refused}");
}

/// After a kill there is no note of how many rows there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newest_row_that_says_that_it_is_somebody_elses_keeps_the_store_shut() {
    let to_a_settled_one = "UPDATE log SET actor = 1 WHERE actor = 2 AND first = 3";
    let moved = "UPDATE log SET last = 1 WHERE actor = 2 AND first = 3";
    let to_nobody = "UPDATE log SET actor = 99 WHERE actor = 2 AND first = 3";
    let a_moved_one =
        "UPDATE log SET bytes = CAST(substr(bytes, 1, 80) || '*' || substr(bytes, 82) AS BLOB) WHERE actor = 1";
    for (damage, opens) in [(to_a_settled_one, false), (moved, false), (to_nobody, false), (a_moved_one, true)] {
        let dir = tempfile::tempdir().unwrap();
        let (store, mut writers) = (open(dir.path()), writers(2));
        for writer in &mut writers {
            writer.append(&store, 2).await;
            writer.append(&store, 2).await;
        }
        store.put_snapshot(&writers[0].address, writers[0].snapshot()).await.unwrap();
        let killed = tempfile::tempdir().unwrap();
        for name in ["journal.sqlite", "journal.sqlite-wal"] {
            std::fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
        }
        change(killed.path(), damage);
        match SqliteStore::open(killed.path(), Options::default()) {
            Ok(store) => check(&store, &writers).await,
            Err(error) => assert!(!opens && matches!(error, OpenError::Damaged(_)), "{damage}: {error}"),
        }
        assert!(opens || SqliteStore::open(killed.path(), Options::default()).is_err(), "{damage}");
    }
}

/// Do this to a closed file, as a flipped bit would; it changes one row.
fn change(dir: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(file(dir)).unwrap();
    assert!(conn.execute(sql, []).unwrap() > 0, "{sql}");
}

/// A title in its list, somebody present, a wake that is due, and a task.
fn everything() -> IndexChange {
    let opened = Opened { key: TaskKey::from("t"), kind: "think".into(), seq: 1, nth: 0, at: Time(1) };
    let summary = Summary { status: "open".into(), ..Summary::default() };
    let (wake, present) = (Some(Some(Time(1))), Some(true));
    IndexChange { wake, present, summary: Some(Some(summary)), opened: vec![opened], ..IndexChange::default() }
}

/// Whoever the index names, once by each of its ways.
async fn named(store: &SqliteStore) -> Vec<Vec<String>> {
    let due = store.due(Time(9), 10).await.unwrap().into_iter().map(|(_, address)| address).collect();
    let leases = store.lease(&["think"], Time(9), Time(10), 10).await.unwrap();
    let leased = leases.into_iter().map(|lease| lease.address).collect();
    let listed = store.list(&Filter::default(), None, 10).await.unwrap().rows;
    let listed = listed.into_iter().map(|row| row.address).rev().collect();
    let (present, all) = (store.present(None, 10).await.unwrap(), store.sweep(None, 10).await.unwrap());
    let names = |found: Vec<dormouse_core::Address>| found.iter().map(|address| address.id.to_string()).collect();
    [due, leased, listed, present, all].map(names).to_vec()
}

/// Its commits are whole, and clients would be told of them at positions that nobody ever was at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_epoch_damages_one_actor() {
    for is_settled in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (store, mut writers) = (open(dir.path()), writers(3));
        for writer in &mut writers {
            writer.change(&store, everything()).await;
            if is_settled {
                store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
            }
        }
        store.fence(&writers[0].address, 3).await.unwrap();
        writers[0].head.epoch = 3;
        store.close().await;
        // Another seal, so that the trigger takes it for a program that seals.
        change(dir.path(), "UPDATE actors SET epoch = 3, seal = seal + 2 WHERE name = 'a1'");
        let store = open(dir.path());
        let mut broken = writers.remove(1);
        let head = store.head(&broken.address).await;
        assert!(matches!(&head, Err(ReadError::Damaged(address, _)) if *address == broken.address), "{head:?}");
        assert!(store.row(&broken.address).await.is_err());
        for epoch in [1, 3] {
            broken.head.epoch = epoch;
            let refused = store.append(broken.clone().run(1)).await;
            assert!(matches!(refused, Err(AppendError::Store(StoreError::Unavailable(_)))), "{refused:?}");
        }
        assert_eq!(named(&store).await[2], ["a0", "a2"], "a list leaves it out");
        check(&store, &writers).await;
        for writer in &mut writers {
            writer.append(&store, 1).await;
        }
        store.close().await;
        check(&open(dir.path()), &writers).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_none_is_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut writers) = (open(dir.path()), writers(3));
    for writer in &mut writers {
        writer.change(&store, everything()).await;
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    }
    assert_eq!(named(&store).await, vec![["a0", "a1", "a2"]; 5]);
    store.close().await;
    change(dir.path(), "UPDATE actors SET name = 'A!' WHERE name = 'a1'");
    change(dir.path(), "UPDATE tasks SET free_at = NULL");
    let store = open(dir.path());
    assert_eq!(named(&store).await, vec![["a0", "a2"]; 5]);
    writers.remove(1);
    check(&store, &writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_files_are_sealed_and_older_programs_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut writers) = (open(dir.path()), writers(2));
    for writer in &mut writers {
        writer.append(&store, 2).await;
    }
    store.close().await;
    let conn = rusqlite::Connection::open(file(dir.path())).unwrap();
    conn.execute_batch("UPDATE actors SET seal = 0; PRAGMA user_version = 1;").unwrap();
    open(dir.path()).close().await;
    let unsealed = || conn.query_row("SELECT count(*) FROM actors WHERE seal = 0", [], |row| row.get::<_, i64>(0));
    assert_eq!(unsealed().unwrap(), 0);
    // As an older program raises an epoch.
    conn.execute_batch("UPDATE actors SET epoch = 7 WHERE name = 'a1'").unwrap();
    assert_eq!(unsealed().unwrap(), 1);
    writers[1].head.epoch = 7;
    check(&open(dir.path()), &writers).await;
}

/// Each is whole as far as it goes, so that nothing but the note of the last close tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_lost_its_newest_row_or_its_owner_keeps_the_store_shut() {
    let newest = "WHERE id = (SELECT max(id) FROM log)";
    for damage in [format!("DELETE FROM log {newest}"), format!("UPDATE log SET actor = 99 {newest}")] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut writer = Writer::new("main/todo/a");
        for _ in 0..3 {
            writer.append(&store, 2).await;
        }
        store.close().await;
        let conn = rusqlite::Connection::open(file(dir.path())).unwrap();
        assert_eq!(conn.execute(&damage, []).unwrap(), 1);
        drop(conn);
        let refused = SqliteStore::open(dir.path(), Options::default()).unwrap_err();
        assert!(matches!(refused, OpenError::Damaged(_)), "{damage}: {refused}");
    }
}

/// A program that does not note it, such as an older one, may write after one that does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_of_an_earlier_close_is_not_held_against_what_came_after() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut writer = Writer::new("main/todo/a");
    writer.append(&store, 2).await;
    store.close().await;
    let note = |sql: &str| rusqlite::Connection::open(file(dir.path())).unwrap().execute_batch(sql).unwrap();
    let columns = "closed_live, closed_end, closed_commits";
    note(&format!("CREATE TABLE kept AS SELECT {columns} FROM totals"));
    let store = open(dir.path());
    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    store.close().await;
    note(&format!("UPDATE totals SET ({columns}) = (SELECT {columns} FROM kept)"));
    check(&open(dir.path()), &[writer]).await;
}

/// All actors that the store names, and what it says of damaged rows.
async fn everybody(store: &SqliteStore) -> (usize, Vec<String>) {
    (store.sweep(None, 100).await.unwrap().len(), store.damaged().await.unwrap())
}

/// An index that is made again has a row by what it says now: its actor would be another one, or nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_index_is_made_again_over_a_name_that_is_another_one() {
    for first in [b'a' ^ 2, b'a' ^ 0x80] {
        let dir = tempfile::tempdir().unwrap();
        let writers = settled(dir.path()).await;
        assert_eq!(everybody(&open(dir.path())).await, (20, Vec::new()));
        // The name in the row and not in an index: there its number and its hash follow.
        let row = [b"maintodoa7".as_slice(), &[3], &writers[7].head.hash.0].concat();
        overwrite(dir.path(), find(dir.path(), &row) + 8, &[first]);
        SqliteStore::rebuild(dir.path(), &Options::default()).unwrap();
        let store = open(dir.path());
        let (actors, damaged) = everybody(&store).await;
        assert!(actors == 20 && damaged.len() == 1 && damaged[0].contains("number 8"), "{first}: {actors} {damaged:?}");
        assert!(!store.inspect().await.unwrap().is_empty());
        check(&store, &writers).await;
    }
}

/// The page of the rows says that it holds sixteen instead of twenty: a bit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_index_is_made_again_over_rows_that_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let writers = settled(dir.path()).await;
    let row = [b"maintodoa7".as_slice(), &[3], &writers[7].head.hash.0].concat();
    let page = find(dir.path(), &row) / PAGE * PAGE;
    overwrite(dir.path(), page + 3, &16_u16.to_be_bytes());
    SqliteStore::rebuild(dir.path(), &Options::default()).unwrap();
    let store = open(dir.path());
    let (actors, damaged) = everybody(&store).await;
    assert!(actors == 20 && damaged[0].starts_with("4 actors"), "{actors} {damaged:?}");
    for (nth, writer) in writers.iter().enumerate() {
        assert_eq!(store.head(&writer.address).await.is_err(), nth >= 16, "{nth}: told, and not absent");
    }
}

/// SQLite reads what a file is made of from text in that file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_and_indexes_that_are_made_otherwise_are_named() {
    for (text, name) in [("WHERE present = 1", "actors_present"), ("present INTEGER NOT NULL DEFAULT 0", "actors")] {
        let dir = tempfile::tempdir().unwrap();
        settled(dir.path()).await;
        let at = find(dir.path(), text.as_bytes()) + text.len() as u64 - 1;
        overwrite(dir.path(), at, b"8");
        SqliteStore::rebuild(dir.path(), &Options::default()).unwrap();
        let found = open(dir.path()).inspect().await.unwrap();
        assert_eq!(found, [format!("{name}: it is made otherwise than by this program")]);
    }
}

/// A lease that meets damage after it has written some: an attempt that nobody makes must not count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_fails_counts_no_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut writers) = (open(dir.path()), writers(3));
    let at = |nth: u8| Time(u64::from_be_bytes([0, 0, b't', b'i', b'm', b'e', b'd', nth]));
    for (nth, writer) in (0..).zip(&mut writers) {
        let opened = Opened { key: TaskKey::from("t"), kind: "think".into(), seq: 1, nth: 0, at: at(nth) };
        writer.change(&store, IndexChange { opened: vec![opened], ..IndexChange::default() }).await;
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    }
    store.close().await;
    rusqlite::Connection::open(file(dir.path())).unwrap().execute_batch("VACUUM").unwrap();
    // The last one's entry in the index of tasks, which SQLite does not find when it means to move it.
    let entry = [b"think".as_slice(), &at(2).0.to_be_bytes()[2..], &[3], b"t"].concat();
    overwrite(dir.path(), find(dir.path(), &entry) + 10, &[3]);
    let store = open(dir.path());
    for _ in 0..2 {
        let leased = store.lease(&["think"], Time(u64::MAX >> 2), Time(u64::MAX >> 1), 10).await;
        assert!(matches!(leased, Err(StoreError::Unavailable(_))), "{leased:?}");
    }
    // Others go on, and these two too where the damaged one is not asked for.
    writers[2].append(&store, 1).await;
    let leased = store.lease(&["think"], Time(u64::MAX >> 2), Time(u64::MAX >> 1), 2).await.unwrap();
    assert_eq!(leased.iter().map(|lease| lease.attempt).collect::<Vec<_>>(), [1, 1]);
}

/// As many damaged rows as a caller asks for stand before the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_rows_hide_nobody_who_comes_after_them() {
    let unusable = "UPDATE actors SET name = 'A!' || id WHERE id < 4";
    for damage in [unusable, "UPDATE actors SET seal = seal + 2 WHERE id < 4"] {
        for is_settled in [true, false] {
            // The store does not open with a tail of a name that is none.
            if !is_settled && damage == unusable {
                continue;
            }
            let dir = tempfile::tempdir().unwrap();
            let (store, mut writers) = (open(dir.path()), writers(5));
            for writer in &mut writers {
                writer.change(&store, everything()).await;
                if is_settled {
                    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
                }
            }
            store.close().await;
            change(dir.path(), damage);
            // Lists show the newest first.
            change(dir.path(), "UPDATE actors SET sort = 100 WHERE id < 4");
            let store = open(dir.path());
            let due = store.due(Time(9), 2).await.unwrap();
            assert_eq!(
                due.iter().map(|(_, address)| address.id.as_str()).collect::<Vec<_>>(),
                ["a3", "a4"],
                "{damage}"
            );
            let leases = store.lease(&["think"], Time(9), Time(10), 2).await.unwrap();
            assert_eq!(leases.iter().map(|lease| lease.address.id.as_str()).collect::<Vec<_>>(), ["a3", "a4"]);
            let leases = store.lease(&["think"], Time(10), Time(11), 2).await.unwrap();
            assert_eq!(leases.iter().map(|lease| lease.attempt).collect::<Vec<_>>(), [2, 2], "after they have ended");
            let listed = store.list(&Filter::default(), None, 2).await.unwrap().rows;
            assert_eq!(listed.iter().map(|row| row.address.id.as_str()).collect::<Vec<_>>(), ["a4", "a3"]);
            if damage == unusable {
                for found in [store.sweep(None, 2).await.unwrap(), store.present(None, 2).await.unwrap()] {
                    assert_eq!(found.iter().map(|address| address.id.as_str()).collect::<Vec<_>>(), ["a3", "a4"]);
                }
            }
        }
    }
}

/// What the file says of a moved actor's place is not looked at for its own sake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moved_actor_with_a_time_that_is_none_is_in_no_lists_way() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut writers) = (open(dir.path()), writers(2));
    for writer in &mut writers {
        writer.change(&store, everything()).await;
        store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    }
    writers[0].append(&store, 1).await;
    store.close().await;
    let store = open(dir.path());
    change(dir.path(), "UPDATE actors SET updated = -1 WHERE id = 1");
    let listed = store.list(&Filter::default(), None, 10).await.unwrap().rows;
    assert_eq!(listed.iter().map(|row| row.address.id.as_str()).collect::<Vec<_>>(), ["a1"]);
}
