//! Damaged pages are the matter of the actors whose rows are on them.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use dormouse_core::record;
use dormouse_journal::{Journal, ReadError, conformance::sample::Writer};
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
