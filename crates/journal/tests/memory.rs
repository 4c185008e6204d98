//! The memory store passes every case of every seam's suite.

use dormouse_journal::{MemoryStore, conformance};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_store_is_a_journal() {
    assert_eq!(conformance::journal_suite(async || MemoryStore::new()).await, 33);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_store_is_an_index() {
    assert_eq!(conformance::index_suite(async || MemoryStore::new()).await, 34);
}
