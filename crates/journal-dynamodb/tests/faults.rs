//! What goes wrong between a host and DynamoDB: who is told that a run is committed finds it once, who is told of a conflict finds it nowhere.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::sync::Arc;

use dormouse_journal::{
    AppendError, Journal, Run, StoreError,
    conformance::sample::{Writer, read_all},
};
use dormouse_journal_dynamodb::{DynamoStore, Tables};
use futures_util::future::join_all;
use object_store::memory::InMemory;
use support::{
    Emulator,
    front::{Fault, Front},
    on_each_emulator,
};
use tokio::sync::Notify;

on_each_emulator!(
    a_throttled_put_is_sent_again,
    who_is_throttled_for_long_is_told_so_and_nothing_is_written,
    an_unknown_outcome_ends_when_the_same_run_is_put_again,
    a_put_is_sent_once,
    a_run_that_was_lost_conflicts_with_who_came_first,
    a_late_put_changes_nothing,
    a_throttled_repeat_says_nothing_of_the_first_put,
    in_a_storm_every_run_is_there_once_or_not_at_all,
);

fn host(endpoint: &str, tables: &Tables) -> DynamoStore {
    DynamoStore::new(&support::client(endpoint), tables.clone(), Arc::new(InMemory::new()))
}

async fn behind(emulator: Emulator, faults: impl IntoIterator<Item = Fault>) -> (DynamoStore, Front, DynamoStore) {
    let tables = emulator.tables().await;
    let front = Front::of_puts(&emulator.endpoint(), faults).await;
    (host(&front.endpoint, &tables), front, host(&emulator.endpoint(), &tables))
}

fn is_unknown(outcome: &Result<(), AppendError>) -> bool {
    matches!(outcome, Err(AppendError::Unknown(_)))
}

async fn a_throttled_put_is_sent_again(emulator: Emulator) {
    let (host, front, direct) = behind(emulator, [Fault::Throttled, Fault::Throttled]).await;
    let mut writer = Writer::new("main/todo/a");
    writer.append(&host, 2).await;
    assert_eq!(front.requests("PutItem"), 3);
    assert_eq!(read_all(&direct, &writer.address, 10).await.len(), 2);
}

async fn who_is_throttled_for_long_is_told_so_and_nothing_is_written(emulator: Emulator) {
    let (host, front, direct) = behind(emulator, vec![Fault::Throttled; 4]).await;
    let run = Writer::new("main/todo/a").run(1);
    let outcome = host.append(run.clone()).await;
    assert!(matches!(outcome, Err(AppendError::Store(StoreError::Unavailable(_)))), "{outcome:?}");
    assert_eq!((front.requests("PutItem"), direct.head(&run.address).await.unwrap()), (4, None));
    host.append(run).await.unwrap();
}

async fn an_unknown_outcome_ends_when_the_same_run_is_put_again(emulator: Emulator) {
    let faults = [Fault::Lost, Fault::ReplyLost, Fault::ReplyStuck, Fault::Failed, Fault::FailedWritten];
    for fault in faults {
        let (host, _front, direct) = behind(emulator, [Fault::None, fault.clone()]).await;
        let mut writer = Writer::new("main/todo/a");
        writer.append(&host, 1).await;
        let run = writer.run(2);
        let outcome = host.append(run.clone()).await;
        assert!(is_unknown(&outcome), "{fault:?}: {outcome:?}");
        for _ in 0..2 {
            host.append(run.clone()).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        }
        writer.append(&host, 1).await;
        assert_eq!(read_all(&direct, &writer.address, 10).await.len(), 4, "{fault:?}");
    }
}

/// Of two attempts by the SDK, the outcome of the first would be lost.
async fn a_put_is_sent_once(emulator: Emulator) {
    for fault in [Fault::Lost, Fault::ReplyLost, Fault::Failed] {
        let (host, front, _) = behind(emulator, [fault]).await;
        let outcome = host.append(Writer::new("main/todo/a").run(1)).await;
        assert!(is_unknown(&outcome), "{outcome:?}");
        assert_eq!(front.requests("PutItem"), 1);
    }
}

async fn a_run_that_was_lost_conflicts_with_who_came_first(emulator: Emulator) {
    let (host, _front, direct) = behind(emulator, [Fault::Lost]).await;
    let mut writer = Writer::new("main/todo/a");
    let lost = writer.clone().run(1);
    assert!(is_unknown(&host.append(lost.clone()).await));
    writer.append(&direct, 2).await;
    let outcome = host.append(lost).await;
    assert!(matches!(outcome, Err(AppendError::Conflict(head)) if head == writer.head), "{outcome:?}");
    assert_eq!(read_all(&direct, &writer.address, 10).await.len(), 2);
}

async fn a_late_put_changes_nothing(emulator: Emulator) {
    for by_another in [false, true] {
        let late = Arc::new(Notify::new());
        let (host, _front, direct) = behind(emulator, [Fault::Late(late.clone())]).await;
        let mut writer = Writer::new("main/todo/a");
        let run = writer.clone().run(2);
        assert!(is_unknown(&host.append(run.clone()).await));
        let first = if by_another { writer.run(1) } else { run.clone() };
        direct.append(first.clone()).await.unwrap();
        late.notify_one();
        late.notified().await;
        assert_eq!(direct.head(&run.address).await.unwrap(), Some(first.head));
        let outcome = host.append(run.clone()).await;
        assert_eq!(outcome.is_ok(), !by_another, "{outcome:?}");
        assert_eq!(read_all(&direct, &run.address, 10).await, first.records);
    }
}

async fn a_throttled_repeat_says_nothing_of_the_first_put(emulator: Emulator) {
    let faults = [vec![Fault::ReplyLost], vec![Fault::Throttled; 4]].concat();
    let (host, _front, _) = behind(emulator, faults).await;
    let run = Writer::new("main/todo/a").run(1);
    assert!(is_unknown(&host.append(run.clone()).await));
    // That this put wrote nothing; so whoever asked goes on asking.
    assert!(matches!(host.append(run.clone()).await, Err(AppendError::Store(_))));
    host.append(run).await.unwrap();
}

const HOSTS: usize = 4;
const RUNS: usize = 25;

/// Appends as an owner does: an unknown outcome is repeated, after a conflict it reads and decides again.
async fn write(host: &DynamoStore, mut writer: Writer) -> (Vec<Run>, Vec<Run>) {
    let (mut committed, mut refused) = (Vec::new(), Vec::new());
    while committed.len() < RUNS {
        let run = writer.clone().run(1 + committed.len() % 3);
        let mut was_unknown = false;
        loop {
            match host.append(run.clone()).await {
                Ok(()) => {
                    writer.head = run.head;
                    committed.push(run);
                    break;
                }
                Err(AppendError::Conflict(head)) => {
                    writer.head = head;
                    refused.push(run);
                    break;
                }
                Err(AppendError::Unknown(_)) => was_unknown = true,
                Err(AppendError::Store(_)) if was_unknown => {}
                Err(AppendError::Store(_)) => {
                    refused.push(run);
                    break;
                }
            }
        }
    }
    (committed, refused)
}

/// A chance of one in four that something goes wrong with a request, the same each time.
fn storm(mut seed: u64) -> impl FnMut(&str) -> Fault + Send {
    move |_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (seed >> 33) % 24 {
            0 | 1 => Fault::Throttled,
            2 => Fault::Lost,
            3 => Fault::ReplyLost,
            4 => Fault::Failed,
            5 => Fault::FailedWritten,
            _ => Fault::None,
        }
    }
}

async fn in_a_storm_every_run_is_there_once_or_not_at_all(emulator: Emulator) {
    let tables = emulator.tables().await;
    let front = Front::new(&emulator.endpoint(), Box::new(storm(7))).await;
    let writer = Writer::new("main/todo/a");
    let hosts: Vec<DynamoStore> = (0..HOSTS).map(|_| host(&front.endpoint, &tables)).collect();
    let outcomes = join_all(hosts.iter().map(|host| write(host, writer.clone()))).await;
    let records = read_all(&host(&emulator.endpoint(), &tables), &writer.address, 1000).await;
    let mut told = 0;
    for (committed, refused) in outcomes {
        assert_eq!(committed.len(), RUNS);
        for run in committed {
            let at = usize::try_from(run.expected.seq).unwrap();
            assert_eq!(records[at..at + run.records.len()], run.records, "a run that is committed is at its place");
            told += run.records.len();
        }
        let is_there = |run: &Run| run.records.iter().any(|record| records.contains(record));
        assert!(!refused.iter().any(is_there), "a run that was refused is nowhere");
    }
    assert_eq!(told, records.len(), "and nothing else is there");
    println!("{emulator:?}: {} puts, {} commits", front.requests("PutItem"), records.len());
}
