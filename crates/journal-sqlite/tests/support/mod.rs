//! What the tests of the SQLite store share.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses some of it")]

use std::path::Path;

use dormouse_journal::conformance::sample::{Writer, read_all};
use dormouse_journal_sqlite::{Options, SqliteStore};

pub(crate) fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, Options::default()).unwrap()
}

pub(crate) fn writers(count: usize) -> Vec<Writer> {
    (0..count).map(|n| Writer::new(&format!("main/todo/a{n}"))).collect()
}

/// Every writer's history is in the store, whole, and ends where the writer stands.
pub(crate) async fn check(store: &SqliteStore, writers: &[Writer]) {
    use dormouse_journal::Journal;
    for writer in writers {
        let expected = (writer.head.seq > 0).then_some(writer.head);
        assert_eq!(store.head(&writer.address).await.unwrap(), expected);
        let records = read_all(store, &writer.address, 100).await;
        assert_eq!(records.len() as u64, writer.head.seq, "{}", writer.address);
    }
}
