//! Appending: who wins, what is written, what a repeated run finds.

use std::sync::Arc;

use dormouse_core::{limits, position::Head};
use tokio::task::JoinSet;

use super::sample::{Writer, read_all};
use crate::journal::{AppendError, Journal, Run};

fn conflict(outcome: Result<(), AppendError>) -> Head {
    match outcome {
        Err(AppendError::Conflict(head)) => head,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

pub(super) async fn an_absent_actor_has_nothing(store: Arc<impl Journal>) {
    let address = Writer::new("main/todo/nobody").address;
    assert_eq!(store.head(&address).await.unwrap(), None);
    assert_eq!(store.read(&address, 0, 10).await.unwrap(), vec![]);
    assert_eq!(store.snapshot(&address).await.unwrap(), None);
    store.fence(&address, 7).await.unwrap();
    store.delete(&address).await.unwrap();
    assert_eq!(store.head(&address).await.unwrap(), None);
}

pub(super) async fn the_first_run_makes_the_actor_in_the_epoch_that_it_names(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.head = Head::start(4);
    writer.append(&*store, 3).await;
    assert_eq!(store.head(&writer.address).await.unwrap(), Some(writer.head));
    assert_eq!((writer.head.epoch, writer.head.seq), (4, 3));
}

pub(super) async fn runs_follow_each_other(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    for commits in [1, 2, 5, 1, 40] {
        writer.append(&*store, commits).await;
        assert_eq!(store.head(&writer.address).await.unwrap(), Some(writer.head));
    }
    assert_eq!(read_all(&*store, &writer.address, 100).await.len(), 49);
}

pub(super) async fn records_come_back_byte_for_byte(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    let mut written = Vec::new();
    for commits in [1, 3, 2] {
        written.extend(writer.append(&*store, commits).await.records);
    }
    assert_eq!(read_all(&*store, &writer.address, 100).await, written);
}

pub(super) async fn whoever_reads_after_ok_sees_the_run(store: Arc<impl Journal>) {
    let mut tasks = JoinSet::new();
    for n in 0..8 {
        let (store, mut writer) = (store.clone(), Writer::new(&format!("main/todo/a{n}")));
        tasks.spawn(async move {
            for _ in 0..30 {
                let after = writer.head.seq;
                let run = writer.append(&*store, 2).await;
                assert_eq!(store.head(&writer.address).await.unwrap(), Some(run.head));
                assert_eq!(store.read(&writer.address, after, 10).await.unwrap().len(), 2);
            }
        });
    }
    tasks.join_all().await;
}

pub(super) async fn a_run_that_is_not_at_the_head_conflicts(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    let absent = Writer { head: Head { seq: 5, ..writer.head }, ..writer.clone() }.run(1);
    assert_eq!(conflict(store.append(absent).await), Head::start(1));
    writer.append(&*store, 1).await;
    let behind = writer.clone().run(1);
    writer.append(&*store, 1).await;
    let ahead = {
        let mut ahead = writer.clone();
        ahead.run(1);
        ahead.run(1)
    };
    let mut twisted = writer.clone();
    twisted.head.hash.0[31] ^= 1;
    let other_epoch = Writer { head: Head { epoch: 2, ..writer.head }, ..writer.clone() }.run(1);
    for run in [behind, ahead, twisted.run(1), other_epoch, Writer::new("main/todo/a").run(1)] {
        assert_eq!(conflict(store.append(run).await), writer.head);
    }
    writer.append(&*store, 1).await;
}

pub(super) async fn a_run_in_conflict_writes_nothing(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    let rival = writer.clone().run(5);
    writer.append(&*store, 2).await;
    conflict(store.append(rival).await);
    assert_eq!(store.head(&writer.address).await.unwrap(), Some(writer.head));
    assert_eq!(read_all(&*store, &writer.address, 100).await.len(), 2);
}

pub(super) async fn a_run_is_never_seen_in_part(store: Arc<impl Journal>) {
    const COMMITS: usize = 7;
    let mut writer = Writer::new("main/todo/a");
    let address = writer.address.clone();
    let appending = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..60 {
                writer.append(&*store, COMMITS).await;
            }
        }
    });
    while !appending.is_finished() {
        let seen = store.head(&address).await.unwrap().map_or(0, |head| head.seq);
        assert_eq!(seen % COMMITS as u64, 0);
        let read = store.read(&address, 0, 1000).await.unwrap();
        assert!(read.len() as u64 >= seen && read.len() % COMMITS == 0, "{} after {seen}", read.len());
        tokio::task::yield_now().await;
    }
    appending.await.unwrap();
}

pub(super) async fn the_same_run_again_is_committed(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    let mut runs: Vec<Run> = Vec::new();
    for commits in [1, 3, 2, 1] {
        runs.push(writer.append(&*store, commits).await);
        for run in &runs {
            store.append(run.clone()).await.expect("the run is at its place");
        }
    }
    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
    for run in &runs {
        store.append(run.clone()).await.expect("the run is at its place");
    }
    assert_eq!(read_all(&*store, &writer.address, 100).await.len(), 7);
}

pub(super) async fn another_run_at_a_taken_place_conflicts(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    let early = writer.clone();
    writer.append(&*store, 3).await;
    let late = writer.clone();
    writer.append(&*store, 3).await;
    for mut rival in [early, late] {
        for commits in 1..5 {
            let run = rival.clone().run(commits);
            assert_eq!(conflict(store.append(run).await), writer.head);
        }
        let unwritten = rival.run(3);
        let mut follows = Writer { head: unwritten.head, ..writer.clone() };
        assert_eq!(conflict(store.append(follows.run(1)).await), writer.head);
    }
}

/// Append every run at once; return the heads of those that were committed.
async fn race(store: &Arc<impl Journal>, runs: Vec<Run>) -> Vec<Head> {
    let mut tasks = JoinSet::new();
    for run in runs {
        let store = store.clone();
        tasks.spawn(async move { (run.head, store.append(run).await) });
    }
    let outcomes = tasks.join_all().await;
    let mut winners = Vec::new();
    for (head, outcome) in outcomes {
        match outcome {
            Ok(()) => winners.push(head),
            Err(AppendError::Conflict(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    winners
}

pub(super) async fn of_racing_appends_exactly_one_wins(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, 1).await;
    for round in 0..60 {
        let rivals = (0..16).map(|n| writer.clone().run(1 + (n + round) % 3)).collect();
        let winners = race(&store, rivals).await;
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(store.head(&writer.address).await.unwrap(), Some(winners[0]));
        writer.head = winners[0];
    }
    assert_eq!(read_all(&*store, &writer.address, 1000).await.len() as u64, writer.head.seq);
}

pub(super) async fn of_racing_first_runs_exactly_one_wins(store: Arc<impl Journal>) {
    for round in 0..30 {
        let writer = Writer::new(&format!("main/todo/a{round}"));
        let rivals = (0..8).map(|n| {
            // Some name another epoch: the place is taken all the same.
            let head = Head::start(1 + n % 2);
            Writer { head, ..writer.clone() }.run(2)
        });
        let winners = race(&store, rivals.collect()).await;
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(store.head(&writer.address).await.unwrap(), Some(winners[0]));
    }
}

pub(super) async fn losers_do_not_take_others_with_them(store: Arc<impl Journal>) {
    let mut writers: Vec<Writer> = (0..20).map(|n| Writer::new(&format!("main/todo/a{n}"))).collect();
    for round in 0..20 {
        // Every third run is where the journal is not; all go at once, so that a store that groups them groups both.
        let mut runs = Vec::new();
        for (n, writer) in writers.iter_mut().enumerate() {
            if (n + round) % 3 == 0 {
                let mut lost = writer.clone();
                lost.run(1);
                runs.push(lost.run(1));
            } else {
                runs.push(writer.run(1));
            }
        }
        let expected = (0..20).filter(|n| (n + round) % 3 != 0).count();
        assert_eq!(race(&store, runs).await.len(), expected, "round {round}");
    }
    for writer in &writers {
        assert_eq!(read_all(&*store, &writer.address, 1000).await.len() as u64, writer.head.seq);
    }
}

pub(super) async fn the_largest_runs_fit(store: Arc<impl Journal>) {
    let mut writer = Writer::new("main/todo/a");
    writer.append(&*store, limits::RUN_COMMITS_MAX).await;
    let large = writer.run_of(1, limits::RECORD_BYTES_MAX - 1000);
    store.append(large).await.unwrap();
    let mut other = Writer::new("main/todo/b");
    for _ in 0..3 {
        let full = other.run_of(100, limits::RUN_BYTES_MAX / 100 - 200);
        store.append(full).await.unwrap();
    }
    store.put_snapshot(&other.address, other.snapshot()).await.unwrap();
    assert_eq!(read_all(&*store, &writer.address, 1000).await.len(), limits::RUN_COMMITS_MAX + 1);
    assert_eq!(read_all(&*store, &other.address, 1000).await.len(), 300);
}

pub(super) async fn five_thousand_actors_work(store: Arc<impl Journal>) {
    let mut tasks = JoinSet::new();
    for part in 0..50 {
        let store = store.clone();
        tasks.spawn(async move {
            for n in 0..100 {
                let mut writer = Writer::new(&format!("main/todo/a{}", part * 100 + n));
                writer.append(&*store, 1).await;
                writer.append(&*store, 2).await;
                if n % 2 == 0 {
                    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
    for n in (0..5000).step_by(97) {
        let address = Writer::new(&format!("main/todo/a{n}")).address;
        assert_eq!(read_all(&*store, &address, 10).await.len(), 3, "actor {n}");
    }
}
