//! Reading: pages are bounded and never skip.

use std::sync::Arc;

use super::sample::{Writer, read_all};
use crate::journal::Journal;

async fn seqs(store: &impl Journal, writer: &Writer, after: u64, limit: usize) -> Vec<u64> {
    let page = store.read(&writer.address, after, limit).await.unwrap();
    page.iter().map(|entry| entry.seq).collect()
}

async fn some_runs(store: &impl Journal) -> Writer {
    let mut writer = Writer::new("main/todo/a");
    for commits in [3, 4, 5] {
        writer.append(store, commits).await;
    }
    writer
}

pub(super) async fn a_read_may_begin_inside_a_run(store: Arc<impl Journal>) {
    let writer = some_runs(&*store).await;
    for after in 0..12 {
        let expected: Vec<u64> = (after + 1..=12).collect();
        assert_eq!(seqs(&*store, &writer, after, 100).await, expected);
    }
    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    for after in 0..12 {
        let expected: Vec<u64> = (after + 1..=12).collect();
        assert_eq!(seqs(&*store, &writer, after, 100).await, expected);
    }
}

pub(super) async fn a_read_is_bounded(store: Arc<impl Journal>) {
    let writer = some_runs(&*store).await;
    for after in 0..12 {
        for limit in 1..12 {
            let page = seqs(&*store, &writer, after, limit).await;
            assert!((1..=limit).contains(&page.len()), "after {after}, limit {limit}: {page:?}");
            assert_eq!(page, (after + 1..).take(page.len()).collect::<Vec<_>>());
        }
    }
    assert_eq!(read_all(&*store, &writer.address, 1).await.len(), 12);
}

pub(super) async fn a_read_past_the_end_is_empty(store: Arc<impl Journal>) {
    let writer = some_runs(&*store).await;
    for after in [12, 13, 1 << 40, u64::MAX] {
        assert_eq!(seqs(&*store, &writer, after, 10).await, Vec::<u64>::new());
    }
    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    for after in [12, 13, 1 << 40, u64::MAX] {
        assert_eq!(seqs(&*store, &writer, after, 10).await, Vec::<u64>::new());
    }
}

/// Append runs and snapshots, and meanwhile follow: what is seen must be 1, 2, 3 and so on.
async fn follow_while_written(store: Arc<impl Journal>, snapshot_every: u64) {
    const COMMITS: u64 = 400;
    let mut writer = Writer::new("main/todo/a");
    let address = writer.address.clone();
    let appending = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 1.. {
                writer.append(&*store, 1 + (n % 3) as usize).await;
                if n % snapshot_every == 0 {
                    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
                }
                if writer.head.seq >= COMMITS {
                    return writer.head.seq;
                }
            }
            unreachable!("the loop has no end")
        }
    });
    let mut at = 0;
    while !(appending.is_finished() && store.head(&address).await.unwrap().unwrap().seq == at) {
        for entry in store.read(&address, at, 5).await.unwrap() {
            assert_eq!(entry.seq, at + 1);
            at = entry.seq;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(appending.await.unwrap(), at);
}

pub(super) async fn pages_never_skip_while_runs_arrive(store: Arc<impl Journal>) {
    follow_while_written(store, u64::MAX).await;
}

pub(super) async fn pages_cross_snapshots_without_a_hole(store: Arc<impl Journal>) {
    follow_while_written(store, 7).await;
}
