//! Wakes by queue: keepers of near ones, messages of far ones, a sweep for what was lost, turns of a state machine.

#![allow(clippy::unwrap_used)]

mod common;

use std::{sync::Arc, time::Duration};

use common::{
    Cloud,
    mortal::live,
    works::{actor_of, messages},
};
use dormouse_core::{Time, limits::*};
use dormouse_journal::{
    MemoryStore,
    faulty::{Fault, FaultyJournal},
};
use dormouse_lambda::{Deferred, EventError, Host};
use serde_json::{Value, json};

fn tick(every_ms: u64, times: u32) -> Value {
    json!({ "type": "tick", "every_ms": every_ms, "times": times })
}

/// How long after each other.
fn apart(times: &[u64]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[tokio::test(start_paused = true)]
async fn a_wake_is_put_for_its_time_and_done_when_it_comes() {
    let cloud = Cloud::paused(vec![]);
    let (here, there) = (cloud.environment(), cloud.environment());
    let works = cloud.works(&here).await;
    let began = cloud.world.now();
    cloud.order(&here, &works, tick(60_000, 1)).await;
    let waiting = cloud.queue.waiting();
    assert_eq!((waiting.len(), waiting[0].0), (1, began.after(Duration::from_secs(60))));
    assert_eq!(actor_of(&waiting[0].1), format!("main/{works}"));
    cloud.order(&here, &works, json!({ "type": "note", "text": "x" })).await;
    assert_eq!(cloud.queue.waiting().len(), 1, "only a wake that changed is put");
    assert_eq!(cloud.carry_all(&[&there]).await, 1);
    assert_eq!(cloud.ticks(&works).await, [began.0 + 60_000]);
    assert_eq!(cloud.queue.waiting(), []);
}

#[tokio::test(start_paused = true)]
async fn near_wakes_have_a_keeper_that_stays_and_passes_on() {
    let cloud = Cloud::paused(vec![]);
    let (here, there) = (Arc::new(cloud.environment()), cloud.environment());
    let works = cloud.works(&there).await;
    let ana = cloud.enter(&there, "ana").await;
    ana.watch(&there, &works).await;
    let began = cloud.world.now();
    cloud.order(&there, &works, tick(1_000, 25)).await;
    ana.heard();
    // Each tick is told when it happens.
    let keeping = tokio::spawn({
        let (cloud, here) = (cloud.clone(), here.clone());
        async move { cloud.carry(&here).await }
    });
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    assert_eq!((ana.heard().len(), cloud.queue.waiting().len()), (4, 1), "what is kept puts no message but its own");
    assert_eq!(keeping.await.unwrap(), 1);
    let stayed = cloud.world.now().since(began);
    assert!((KEEPER_STAYS..KEEPER_STAYS + KEEPER_NEAR).contains(&stayed), "{stayed:?}");
    assert_eq!(cloud.queue.waiting().len(), 1, "passed on");
    assert_eq!(cloud.carry_all(&[&there, &here]).await, 2, "two more keepers");
    let ticks = cloud.ticks(&works).await;
    assert_eq!((ticks[0], apart(&ticks)), (began.0 + 1_000, vec![1_000; 24]));
}

#[tokio::test(start_paused = true)]
async fn a_wake_that_is_not_near_is_passed_on_at_once() {
    let cloud = Cloud::paused(vec![]);
    let host = cloud.environment();
    let works = cloud.works(&host).await;
    let every = u64::try_from(KEEPER_NEAR.as_millis()).unwrap();
    cloud.order(&host, &works, tick(every, 3)).await;
    assert_eq!(cloud.queue.waiting()[0].0, cloud.world.now().after(KEEPER_NEAR));
    assert_eq!(cloud.carry_all(&[&host]).await, 3);
    assert_eq!(apart(&cloud.ticks(&works).await), [every, every]);
    cloud.order(&host, &works, tick(every - 1, 1)).await;
    assert_eq!(cloud.queue.waiting()[0].0, cloud.world.now(), "one that is nearer goes to a keeper");
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_somebody_else_has_a_keeper_of_its_own() {
    let cloud = Cloud::paused(vec![]);
    let (here, there) = (Arc::new(cloud.environment()), Arc::new(cloud.environment()));
    let works = cloud.works(&there).await;
    cloud.order(&there, &works, tick(1_000, 100)).await;
    let keep = |host: Arc<Host>| {
        let cloud = cloud.clone();
        tokio::spawn(async move { cloud.carry(&host).await })
    };
    let first = keep(here.clone());
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    // What a player does between two ticks sets the timer anew, each time from another environment.
    let mut keepers = vec![];
    for _ in 0..5 {
        cloud.order(&there, &works, tick(1_500, 2)).await;
        keepers.push(keep(Arc::new(cloud.environment())));
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(first.is_finished(), "a wake that is not its own it leaves to its keeper");
    assert_eq!(keepers.iter().filter(|keeper| !keeper.is_finished()).count(), 1, "there is one keeper at a time");
    for keeper in keepers {
        keeper.await.unwrap();
    }
    assert_eq!((cloud.queue.waiting(), apart(&cloud.ticks(&works).await)[1..].to_vec()), (vec![], vec![3_600, 1_500]));
}

#[tokio::test(start_paused = true)]
async fn case_80_messages_that_come_twice_late_or_for_nothing_change_nothing() {
    let cloud = Cloud::paused(vec![]);
    let hosts = [cloud.environment(), cloud.environment()];
    let works = cloud.works(&hosts[0]).await;
    cloud.order(&hosts[0], &works, tick(5_000, 1)).await;
    cloud.order(&hosts[1], &works, tick(30_000, 1)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    let both = cloud.due();
    assert_eq!(both.len(), 2);
    for host in &hosts {
        for due in &both {
            assert_eq!(host.handle(messages([due, due])).await.unwrap(), json!({ "batchItemFailures": [] }));
        }
        assert_eq!(cloud.ticks(&works).await.len(), 1);
    }
    assert_eq!(cloud.queue.waiting().len(), 2, "for what is not due, and for what is done, nothing more is put");
    let commits = cloud.commits(&works).await;
    let nobody = Deferred::Wake { actor: "main/works/nobody".parse().unwrap(), due: Time(5) };
    let event =
        json!({ "Records": [{ "messageId": "x", "eventSource": "aws:sqs", "body": json!(nobody).to_string() }] });
    assert_eq!(hosts[0].handle(event).await.unwrap(), json!({ "batchItemFailures": [] }));
    assert_eq!(cloud.commits(&works).await, commits);
}

#[tokio::test(start_paused = true)]
async fn case_80_two_keepers_at_once_wake_once() {
    let cloud = Cloud::paused(vec![]);
    let hosts = [Arc::new(cloud.environment()), Arc::new(cloud.environment())];
    let works = cloud.works(&hosts[0]).await;
    cloud.order(&hosts[0], &works, tick(1_000, 12)).await;
    let event = messages(&cloud.due());
    let run = |host: Arc<Host>| {
        let event = event.clone();
        tokio::spawn(async move { host.handle(event).await.unwrap() })
    };
    for run in hosts.clone().map(run) {
        assert_eq!(run.await.unwrap(), json!({ "batchItemFailures": [] }));
    }
    cloud.queue.done(0);
    cloud.carry_all(&[&hosts[0], &hosts[1]]).await;
    assert_eq!(apart(&cloud.ticks(&works).await), [1_000; 11]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_before_its_time_is_put_again() {
    let cloud = Cloud::paused(vec![]);
    let host = cloud.environment();
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, tick(60_000, 1)).await;
    let early = cloud.queue.receive(Time(u64::MAX), 1);
    assert_eq!(host.handle(messages(&early)).await.unwrap(), json!({ "batchItemFailures": [] }));
    cloud.queue.done(early[0].id);
    assert_eq!(cloud.carry_all(&[&host]).await, 1);
    assert_eq!(cloud.ticks(&works).await.len(), 1);
}

/// An environment whose journal fails on request.
fn with_faults(cloud: &Cloud) -> (Host, FaultyJournal<MemoryStore>) {
    let faults = FaultyJournal::new(cloud.store.clone());
    let (rows, gateway) = (Arc::new(cloud.rows.clone()), Arc::new(cloud.gateway.clone()));
    (cloud.environment_over(Arc::new(faults.clone()), rows, gateway), faults)
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_now_is_delivered_again() {
    let cloud = Cloud::paused(vec![]);
    let (host, faults) = with_faults(&cloud);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, tick(5_000, 1)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    faults.fail(Fault::Unavailable);
    let due = cloud.due();
    let answer = host.handle(messages(&due)).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": due[0].id.to_string() }] }));
    tokio::time::sleep(QUEUE_HIDES).await;
    cloud.carry_all(&[&host]).await;
    assert_eq!(cloud.ticks(&works).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_keeper_that_fails_leaves_a_message_of_the_wake_that_it_set() {
    let cloud = Cloud::paused(vec![]);
    let (host, faults) = with_faults(&cloud);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, tick(1_000, 3)).await;
    let due = cloud.due();
    let host = Arc::new(host);
    let keeping = tokio::spawn({
        let (host, event) = (host.clone(), messages(&due));
        async move { host.handle(event).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    faults.fail(Fault::Unavailable);
    let again = json!({ "batchItemFailures": [{ "itemIdentifier": due[0].id.to_string() }] });
    // Whoever looked at the actor would wake it.
    assert_eq!((keeping.await.unwrap(), cloud.commits(&works).await), (again, 2 + 1));
    // What is delivered again is of the first wake, and comes much later.
    cloud.carry_all(&[&cloud.environment()]).await;
    let ticks = cloud.ticks(&works).await;
    assert!(ticks.len() == 3 && apart(&ticks).iter().all(|apart| *apart < 3_000), "{ticks:?}");
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_keeps_may_die_at_any_step() {
    let mut died = 0;
    for steps in 0.. {
        let cloud = Cloud::paused(vec![]);
        let host = cloud.environment();
        let works = cloud.works(&host).await;
        cloud.enter(&host, "ana").await.watch(&host, &works).await;
        cloud.order(&host, &works, tick(700, 4)).await;
        let due = cloud.due();
        let lived = live(&cloud, &messages(&due), steps).await.is_some();
        if lived {
            due.iter().for_each(|it| cloud.queue.done(it.id));
        }
        cloud.carry_all(&[&host]).await;
        // Between its commit and what it would have put nobody has a message of the next wake.
        tokio::time::sleep(Duration::from_secs(60)).await;
        host.handle(json!({ "dormouse": "sweep" })).await.unwrap();
        cloud.carry_all(&[&host]).await;
        assert_eq!(cloud.ticks(&works).await.len(), 4, "died at step {steps}");
        died += usize::from(!lived);
        if lived {
            break;
        }
    }
    assert!(died > 20, "{died} steps are too few to have been all");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_wakes_whoever_was_lost() {
    let cloud = Cloud::paused(vec![]);
    let host = cloud.environment();
    let (a, b) = (cloud.works(&host).await, cloud.works(&host).await);
    cloud.order(&host, &a, tick(5_000, 2)).await;
    cloud.order(&host, &b, tick(900_000, 1)).await;
    for due in cloud.queue.receive(Time(u64::MAX), 10) {
        cloud.queue.done(due.id);
    }
    tokio::time::sleep(Duration::from_secs(6)).await;
    let sweep = json!({ "dormouse": "sweep" });
    assert_eq!(host.handle(sweep.clone()).await.unwrap(), json!({ "wakes": 1, "tasks": 0 }));
    assert_eq!((cloud.ticks(&a).await.len(), cloud.ticks(&b).await.len()), (1, 0));
    assert_eq!(cloud.queue.waiting().len(), 1, "and the next wake has its message");
    assert_eq!(host.handle(sweep).await.unwrap(), json!({ "wakes": 0, "tasks": 0 }));
}

#[tokio::test(start_paused = true)]
async fn case_82_an_actor_that_cannot_be_served_is_buried_and_stops_nobody() {
    let cloud = Cloud::paused(vec![]);
    let host = cloud.environment();
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, tick(5_000, 1)).await;
    let poison = Deferred::Wake { actor: "main/unknown/a".parse().unwrap(), due: Time(0) };
    let event = json!({ "Records": [
        { "messageId": "poison", "eventSource": "aws:sqs", "body": json!(poison).to_string() },
        { "messageId": "unread", "eventSource": "aws:sqs", "body": "{}" },
    ] });
    let mut event = event;
    tokio::time::sleep(Duration::from_secs(5)).await;
    event["Records"].as_array_mut().unwrap().extend(messages(&cloud.due())["Records"].as_array().unwrap().clone());
    let answer = host.handle(event).await.unwrap();
    assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "unread" }] }));
    assert_eq!(cloud.ticks(&works).await.len(), 1);
    let buried = cloud.queue.buried();
    assert_eq!((buried.len(), &buried[0].0), (1, &poison));
    assert!(buried[0].1.contains("not_found"), "{}", buried[0].1);
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_drives_an_actor_by_its_cursor() {
    let cloud = Cloud::paused(vec![]);
    let hosts = [cloud.environment(), cloud.environment()];
    let works = cloud.works(&hosts[0]).await;
    cloud.order(&hosts[0], &works, tick(2_500, 2)).await;
    let actor = format!("main/{works}");
    let turn = |cursor: Value| json!({ "dormouse": "turn", "actor": actor, "cursor": cursor });
    let first = hosts[0].handle(turn(Value::Null)).await.unwrap();
    assert_eq!((&first["wake_in_seconds"], &first["over"]), (&json!(3), &json!(false)), "{first}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let second = hosts[0].handle(turn(first["cursor"].clone())).await.unwrap();
    assert_ne!(second["cursor"], first["cursor"]);
    for host in &hosts {
        assert_eq!(host.handle(turn(first["cursor"].clone())).await.unwrap(), second, "asked twice it is done once");
    }
    assert_eq!((cloud.ticks(&works).await.len(), &second["wake_in_seconds"]), (1, &json!(2)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let last = hosts[1].handle(turn(second["cursor"].clone())).await.unwrap();
    assert_eq!((cloud.ticks(&works).await.len(), &last["wake_in_seconds"]), (2, &Value::Null));
    let elsewhere = turn(json!("1:999:0000000000000000"));
    for (event, code) in
        [(elsewhere, "bad_position"), (json!({ "dormouse": "turn", "actor": "main/works/x" }), "not_found")]
    {
        let Err(EventError::Failed(failure)) = hosts[0].handle(event).await else { panic!("it is refused") };
        assert_eq!(failure.code.name(), code);
    }
}
