//! The SQLite store passes every case of every seam's suite; once more with a log so small that it settles all the time.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::sync::atomic::{AtomicU32, Ordering};

use dormouse_journal::conformance;
use dormouse_journal_sqlite::{Options, SqliteStore};

fn stores(options: Options) -> (tempfile::TempDir, impl AsyncFn() -> SqliteStore) {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let (root, next) = (dir.path().to_owned(), AtomicU32::new(0));
    let make = async move || {
        let n = next.fetch_add(1, Ordering::Relaxed);
        SqliteStore::open(root.join(n.to_string()), options.clone()).expect("the store opens")
    };
    (dir, make)
}

fn tiny() -> Options {
    Options { log_rows_max: 8, settle_rows_min: 4, batch_jobs_max: 7, wal_pages_max: 20, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_is_a_journal() {
    let (_dir, make) = stores(Options::default());
    assert_eq!(conformance::journal_suite(&make).await, 33);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_is_an_index() {
    let (_dir, make) = stores(Options::default());
    assert_eq!(conformance::index_suite(&make).await, 34);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_always_settles_is_a_journal() {
    let (_dir, make) = stores(tiny());
    assert_eq!(conformance::journal_suite(&make).await, 33);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_always_settles_is_an_index() {
    let (_dir, make) = stores(tiny());
    assert_eq!(conformance::index_suite(&make).await, 34);
}
