//! What happens at the bounds of a run, of deciding again, and of waking.

use std::time::Duration;

use dormouse_core::{Stimulus, limits, record};
use dormouse_journal::{Index, Journal};
use tokio::task::JoinSet;

use crate::{
    stage::{Stage, settle},
    verbs::perform,
};

/// Play on time that moves only when a line says so.
fn play(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(test);
}

async fn say(stage: &mut Stage, line: &str) -> Vec<String> {
    perform(stage, line).await;
    settle().await;
    stage.log.take()
}

/// Large commits share a run until one more of the largest might not fit; stores refuse a longer run with a panic.
#[test]
fn a_run_has_at_most_its_bytes() {
    const TEXT_BYTES: usize = 20_000;
    const COMMANDS: u64 = 40;
    play(async {
        let mut stage = Stage::new();
        say(&mut stage, "ana creates counter/x").await;
        let before = stage.disk.faults.tally();
        say(&mut stage, "hold").await;
        for n in 1..=COMMANDS {
            let note = serde_json::json!({ "type": "note", "key": "k", "text": "x".repeat(TEXT_BYTES) });
            perform(&mut stage, &format!("ana sends counter/x #{n} {note}")).await;
            settle().await;
        }
        let answers = say(&mut stage, "release").await;
        assert_eq!(answers.iter().filter(|line| line.contains("accepted")).count() as u64, COMMANDS, "{answers:?}");
        let after = stage.disk.faults.tally();
        let (runs, commits) = (after.committed - before.committed, after.commits - before.commits);
        // The first alone, since it was held; the others as many together as leave room for the largest record.
        let together = (limits::RUN_BYTES_MAX - limits::RECORD_BYTES_MAX).div_ceil(TEXT_BYTES) as u64;
        assert_eq!((runs, commits), (1 + (COMMANDS - 1).div_ceil(together), COMMANDS));
    });
}

/// Somebody else's commits come first again and again.
#[test]
fn an_input_is_decided_again_so_often_and_no_more() {
    play(async {
        let mut stage = Stage::new();
        say(&mut stage, "ana creates counter/x").await;
        let conflicts = async |stage: &mut Stage, count| {
            for _ in 0..count {
                say(stage, r#"fault first bo asks counter/x {"type": "add", "by": 1}"#).await;
            }
        };
        conflicts(&mut stage, limits::REBASE_MAX).await;
        let answer = say(&mut stage, r#"ana sends counter/x #1 {"type": "add", "by": 1000}"#).await;
        assert_eq!(answer.last().unwrap(), "ana: accepted counter/x #1 1:66");
        conflicts(&mut stage, limits::REBASE_MAX + 1).await;
        let answer = say(&mut stage, r#"ana sends counter/x #2 {"type": "add", "by": 1000}"#).await;
        assert_eq!(answer.last().unwrap(), "ana: rejected counter/x #2 1429 busy, retry after 200 ms");
        let answer = say(&mut stage, r#"ana sends counter/x #2 {"type": "add", "by": 1000}"#).await;
        assert_eq!(answer, ["ana: accepted counter/x #2 1:132"], "nothing of it was written before");
    });
}

/// Who came is not forgotten over it: nobody would ask again.
#[test]
fn a_join_that_met_too_many_conflicts_comes_later() {
    play(async {
        let mut stage = Stage::new();
        say(&mut stage, "cy creates lobby/l").await;
        for _ in 0..=limits::REBASE_MAX {
            say(&mut stage, r#"fault first bo asks lobby/l {"type": "wave"}"#).await;
        }
        say(&mut stage, "ana watches lobby/l").await;
        say(&mut stage, "5 s pass").await;
        let journal = stage.journal(&Stage::address("lobby/l")).await;
        assert!(journal.last().unwrap().ends_with(r#"joined by ana: {"Came":"ana"}"#), "{journal:?}");
    });
}

/// As after a night in which the host was off.
#[test]
fn twenty_thousand_due_at_once_are_each_woken_once() {
    const ACTORS: usize = 20_000;
    play(async {
        let mut stage = Stage::new();
        stage.disk.takes_appends(4 * ACTORS);
        let (engine, judge) = (stage.engine(None), stage.person("judge").viewer.clone());
        let mut born = JoinSet::new();
        for n in 0..ACTORS {
            let (engine, judge, address) = (engine.clone(), judge.clone(), Stage::address(&format!("chores/{n}")));
            born.spawn(async move {
                engine.create(&address, judge.clone(), b"{}").await.unwrap();
                let command = br#"{"type": "wake", "key": "egg", "in_ms": 60000}"#.as_slice().into();
                engine
                    .call(&address, Stimulus::Command { by: judge, id: None, command, resent: false }, false)
                    .await
                    .unwrap();
            });
        }
        born.join_all().await;
        say(&mut stage, "host a dies").await;
        say(&mut stage, "1 h pass").await;
        say(&mut stage, "host b starts").await;
        // Within IDLE nobody falls asleep again.
        for round in 1..=(limits::IDLE.as_millis() / limits::WAKE_POLL.as_millis()) as usize {
            let awake = stage.engine(None).report().await.unwrap().awake as usize;
            assert!(awake <= round * limits::DUE_BATCH, "{awake} at once in round {round}");
            stage.pass(limits::WAKE_POLL).await;
        }
        let rounds = ACTORS.div_ceil(limits::DUE_BATCH) as u32;
        stage.pass(rounds * limits::WAKE_POLL + Duration::from_secs(1)).await;
        assert_eq!(stage.disk.store.due(stage.engine(None).world().now(), ACTORS).await.unwrap(), [], "none is left");
        for n in 0..ACTORS {
            let address = Stage::address(&format!("chores/{n}"));
            let entries = stage.disk.store.read(&address, 2, 10).await.unwrap();
            let causes: Vec<_> =
                entries.iter().map(|e| record::open(&address, &e.record).unwrap().body.cause).collect();
            assert_eq!(causes, [record::Cause::Wake { key: "egg".into() }], "{address}");
        }
    });
}

/// A host of invocations holds so many actors though nobody asks anything of them, and no more.
#[test]
fn as_many_actors_are_held_as_may_be() {
    play(async {
        let mut stage = Stage::new();
        say(&mut stage, "host a dies").await;
        say(&mut stage, "host b starts and holds").await;
        for n in 0..limits::HELD_MAX + 20 {
            say(&mut stage, &format!("ana creates counter/c{n}")).await;
        }
        stage.pass(2 * limits::IDLE).await;
        let engine = stage.engine(None);
        assert_eq!(engine.report().await.unwrap().awake, limits::HELD_MAX as u64);
        stage.pass(limits::HELD_IDLE).await;
        assert_eq!(engine.report().await.unwrap().awake, 0);
    });
}
