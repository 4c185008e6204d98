//! Sixteen hosts, five hundred places, one winner each.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{sync::Arc, time::Duration};

use dormouse_core::position::Head;
use dormouse_journal::{AppendError, Journal, Run, conformance::sample::Writer};
use dormouse_journal_dynamodb::DynamoStore;
use futures_util::future::join_all;
use support::{Emulator, on_each_emulator};

const HOSTS: usize = 16;
const PLACES: usize = 500;
/// Of these, as many where a share is enough.
const PLACES_OF_A_SHARE: usize = 50;
/// Races that go on at the same time.
const AT_ONCE: usize = 5;

on_each_emulator!(of_sixteen_hosts_exactly_one_wins_each_place, a_fence_and_a_run_never_both_win);

async fn hosts(emulator: Emulator, count: usize) -> Vec<Arc<DynamoStore>> {
    let tables = emulator.tables().await;
    let objects = Arc::new(object_store::memory::InMemory::new());
    // A client each, so that each has connections of its own.
    let host = |_| Arc::new(DynamoStore::new(&emulator.client(), tables.clone(), objects.clone()));
    (0..count).map(host).collect()
}

/// Each host appends its run; the heads of those that were told that it is committed.
async fn race(hosts: &[Arc<DynamoStore>], runs: Vec<Run>) -> Vec<Head> {
    let append = |(host, run): (&Arc<DynamoStore>, Run)| {
        let host = host.clone();
        tokio::spawn(async move { (run.head, host.append(run).await) })
    };
    let outcomes = join_all(hosts.iter().zip(runs).map(append)).await;
    let won = |outcome: (Head, Result<(), AppendError>)| match outcome {
        (head, Ok(())) => Some(head),
        (_, Err(AppendError::Conflict(_))) => None,
        (_, Err(other)) => panic!("{other:?}"),
    };
    outcomes.into_iter().filter_map(|outcome| won(outcome.unwrap())).collect()
}

async fn of_sixteen_hosts_exactly_one_wins_each_place(emulator: Emulator) {
    let hosts = hosts(emulator, HOSTS).await;
    let actors: Vec<usize> = (0..AT_ONCE).collect();
    let count = if emulator.is_hurried() { PLACES_OF_A_SHARE } else { PLACES };
    let places = async |actor: usize| {
        let mut writer = Writer::new(&format!("main/todo/a{actor}"));
        for place in 0..count / AT_ONCE {
            let rivals = (0..HOSTS).map(|n| writer.clone().run(1 + (n + place) % 2)).collect();
            let winners = race(&hosts, rivals).await;
            assert_eq!(winners.len(), 1, "actor {actor}, place {place}");
            for host in [&hosts[place % HOSTS], &hosts[(place + 7) % HOSTS]] {
                assert_eq!(host.head(&writer.address).await.unwrap(), Some(winners[0]));
            }
            writer.head = winners[0];
        }
    };
    join_all(actors.into_iter().map(places)).await;
}

async fn a_fence_and_a_run_never_both_win(emulator: Emulator) {
    let hosts = hosts(emulator, 2).await;
    let mut both = [0; 2];
    for round in 0..60 {
        let mut writer = Writer::new(&format!("main/todo/a{round}"));
        writer.append(&*hosts[0], 1).await;
        let run = writer.clone().run(2);
        let after = |milliseconds| tokio::time::sleep(Duration::from_millis(milliseconds));
        let fence = async {
            hosts[1].fence(&writer.address, 2).await.unwrap();
        };
        let append = hosts[0].append(run.clone());
        // One before the other, the other before the one, and at the same time.
        let appended = match round % 4 {
            0 => {
                fence.await;
                append.await
            }
            1 => {
                let appended = append.await;
                fence.await;
                appended
            }
            _ => {
                tokio::join!(
                    async {
                        after(round / 8).await;
                        append.await
                    },
                    fence
                )
                .0
            }
        };
        // The fence stands behind whatever came first, and nothing of the old epoch comes after it.
        let before = if appended.is_ok() { run.head } else { writer.head };
        both[usize::from(appended.is_ok())] += 1;
        for host in &hosts {
            assert_eq!(host.head(&writer.address).await.unwrap(), Some(Head { epoch: 2, ..before }), "round {round}");
        }
        let late = Writer { head: before, ..writer.clone() }.run(1);
        assert!(matches!(hosts[0].append(late).await, Err(AppendError::Conflict(_))), "round {round}");
    }
    assert!(both.iter().all(|&count| count >= 15), "{both:?}");
    println!("{emulator:?}: the fence came first {} times, the run {} times", both[0], both[1]);
}
