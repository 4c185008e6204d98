//! Tasks by queue: attempts, streams, reports from elsewhere, what is parked, and what was lost.

#![allow(clippy::unwrap_used)]

mod common;

use std::{sync::Arc, time::Duration};

use common::{
    Cloud, body, http,
    mortal::live,
    works::{Scripted, messages},
};
use dormouse_core::limits::*;
use dormouse_engine::task::Failed;
use dormouse_lambda::{Deferred, Host};
use serde_json::{Value, json};

fn open(key: &str, kind: &str, attempts: u32) -> Value {
    json!({ "type": "open", "key": key, "kind": kind, "attempts": attempts })
}

fn stage(worker: &Arc<Scripted>) -> (Cloud, Host) {
    let cloud = Cloud::paused(vec![worker.clone()]);
    let host = cloud.environment();
    (cloud, host)
}

#[tokio::test(start_paused = true)]
async fn a_task_is_put_by_the_commit_that_opened_it_and_performed_once() {
    let worker = Scripted::of([]);
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    let ana = cloud.enter(&host, "ana").await;
    ana.watch(&host, &works).await;
    ana.heard();
    cloud.order(&host, &works, open("a", "work", 3)).await;
    cloud.order(&host, &works, open("b", "nobodys", 3)).await;
    assert_eq!(cloud.queue.waiting().len(), 1, "for what nobody here performs nothing is put");
    let due = cloud.due();
    let other = cloud.environment();
    for host in [&other, &host, &other] {
        assert_eq!(host.handle(messages(&due)).await.unwrap(), json!({ "batchItemFailures": [] }));
    }
    assert_eq!((cloud.log(&works).await, worker.made()), (vec!["a: \"done\"".to_owned()], vec![1]));
    assert_eq!(ana.types(), "snapshot", "those who watch see what it brought");
}

#[tokio::test(start_paused = true)]
async fn attempts_back_off_and_after_the_last_the_actor_hears() {
    let worker = Scripted::of([Err(Failed::again("x")), Err(Failed::again("y")), Err(Failed::again("z"))]);
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, open("a", "work", 3)).await;
    let began = cloud.world.now();
    assert_eq!(cloud.carry_all(&[&host, &cloud.environment()]).await, 3);
    assert_eq!((cloud.log(&works).await, worker.made()), (vec!["a failed: z".to_owned()], vec![1, 2, 3]));
    assert_eq!(cloud.world.now().since(began), Duration::from_secs(1 + 2));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_retried_and_what_is_not_waited_for_is_over() {
    let worker = Scripted::of([Err(Failed::for_good("no"))]);
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, open("a", "work", 3)).await;
    cloud.order(&host, &works, open("b", "work", 3)).await;
    cloud.order(&host, &works, json!({ "type": "close", "key": "b" })).await;
    cloud.carry_all(&[&host]).await;
    assert_eq!((cloud.log(&works).await, worker.made()), (vec!["a failed: no".to_owned()], vec![1]));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_of_a_task_used_up_an_attempt() {
    let worker = Scripted::of([]);
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, open("a", "work", 2)).await;
    for count in 1..=3 {
        let due = cloud.due();
        assert_eq!(due[0].count, count);
        if count == 3 {
            host.handle(messages(&due)).await.unwrap();
        }
        tokio::time::sleep(QUEUE_HIDES).await;
    }
    let failed = "a failed: every attempt ended without a report".to_owned();
    assert_eq!((cloud.log(&works).await, worker.made()), (vec![failed], vec![]));
}

#[tokio::test(start_paused = true)]
async fn what_is_reported_elsewhere_is_tried_again_only_if_nobody_reports() {
    let elsewhere = || Err(Failed::reported_elsewhere(Duration::from_secs(1_000)));
    let worker = Scripted::of([elsewhere(), elsewhere()]);
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, open("a", "work", 2)).await;
    let began = cloud.world.now();
    cloud.carry_all(&[&host]).await;
    assert_eq!((worker.made(), cloud.world.now().since(began)), (vec![1, 2], Duration::from_secs(2_000)));
    assert_eq!(cloud.log(&works).await, ["a failed: every attempt ended without a report"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_task_streams_reaches_those_who_watch_while_it_runs() {
    let worker = Arc::new(Scripted { says: Some((Duration::from_secs(1), 3)), ..Scripted::default() });
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    let ana = cloud.enter(&host, "ana").await;
    ana.watch(&host, &works).await;
    cloud.order(&host, &works, open("a", "work", 1)).await;
    ana.heard();
    let carrying = tokio::spawn({
        let cloud = cloud.clone();
        async move { cloud.carry(&host).await }
    });
    for nth in 0..3 {
        tokio::time::sleep(Duration::from_millis(900)).await;
        let heard = ana.heard();
        assert_eq!((heard.len(), &heard[0]["type"], &heard[0]["signal"]), (1, &json!("signal"), &json!(nth)));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    carrying.await.unwrap();
    assert_eq!(ana.types(), "snapshot");
}

#[tokio::test(start_paused = true)]
async fn what_was_parked_is_put_again_when_it_is_redriven() {
    let worker = Scripted::of([]);
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, json!({ "type": "be_stubborn", "stubborn": true })).await;
    cloud.order(&host, &works, open("a", "work", 3)).await;
    cloud.carry_all(&[&host]).await;
    assert_eq!((cloud.log(&works).await, worker.made()), (vec![], vec![1]));
    cloud.order(&host, &works, json!({ "type": "be_stubborn", "stubborn": false })).await;
    assert_eq!(cloud.queue.waiting(), [], "it waits for an operator");
    redrive(&cloud, &host, &works).await;
    cloud.carry_all(&[&host]).await;
    assert_eq!((cloud.log(&works).await, worker.made()), (vec!["a: \"done\"".to_owned()], vec![1, 1]));
}

/// As an operator does.
async fn redrive(cloud: &Cloud, host: &Host, works: &str) {
    let token = cloud.operator();
    let answer = host.handle(http("POST", &format!("/v1/{works}/redrive"), Some(&token), None)).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{}", body(&answer));
}

#[tokio::test(start_paused = true)]
async fn a_command_to_another_actor_is_a_task_too() {
    let (cloud, host) = stage(&Scripted::of([]));
    let (a, b) = (cloud.works(&host).await, cloud.works(&host).await);
    cloud.order(&host, &a, open(&b, "send", 3)).await;
    let due = cloud.due();
    for host in [&host, &cloud.environment()] {
        host.handle(messages(&due)).await.unwrap();
    }
    assert_eq!(cloud.log(&b).await, ["hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_puts_a_lost_task_again_and_not_every_minute() {
    let worker = Scripted::of([]);
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, open("a", "work", 3)).await;
    cloud.due().iter().for_each(|lost| cloud.queue.done(lost.id));
    let (began, mut put) = (cloud.world.now(), vec![]);
    for _ in 0..120 {
        host.handle(json!({ "dormouse": "sweep" })).await.unwrap();
        for again in cloud.due() {
            put.push(cloud.world.now().since(began).as_secs() / 60);
            cloud.queue.done(again.id);
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert_eq!(put, [20, 60], "after twenty minutes, then after twice as long");
    tokio::time::sleep(SWEEP_TASK_MAX).await;
    host.handle(json!({ "dormouse": "sweep" })).await.unwrap();
    cloud.carry_all(&[&host]).await;
    assert_eq!((cloud.log(&works).await.len(), worker.made()), (1, vec![1]));
}

#[tokio::test(start_paused = true)]
async fn an_environment_that_performs_may_die_at_any_step() {
    let mut died = 0;
    for steps in 0.. {
        let worker = Scripted::of([]);
        let (cloud, host) = stage(&worker);
        let works = cloud.works(&host).await;
        cloud.enter(&host, "ana").await.watch(&host, &works).await;
        cloud.order(&host, &works, open("a", "work", 3)).await;
        let due = cloud.due();
        let lived = live(&cloud, &messages(&due), steps).await.is_some();
        tokio::time::sleep(QUEUE_HIDES).await;
        cloud.carry_all(&[&host]).await;
        assert_eq!(cloud.log(&works).await, ["a: \"done\""], "died at step {steps}");
        assert!(worker.made().len() <= 2, "died at step {steps}");
        died += usize::from(!lived);
        if lived {
            break;
        }
    }
    assert!(died > 4, "{died} steps are too few to have been all");
}

#[tokio::test(start_paused = true)]
async fn case_82_a_task_of_an_actor_that_cannot_be_served_is_buried_and_stops_nobody() {
    let worker = Scripted::of([]);
    let (cloud, host) = stage(&worker);
    let works = cloud.works(&host).await;
    cloud.order(&host, &works, open("a", "work", 3)).await;
    let due = cloud.due();
    let Deferred::Task { opened, attempt, .. } = &due[0].what else { panic!("{due:?}") };
    let actor = "main/unknown/a".parse().unwrap();
    let poison = Deferred::Task { actor, opened: opened.clone(), attempt: *attempt };
    let mut event = messages(&due);
    event["Records"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({ "messageId": "poison", "eventSource": "aws:sqs", "body": json!(poison).to_string() }));
    assert_eq!(host.handle(event).await.unwrap(), json!({ "batchItemFailures": [] }));
    assert_eq!((cloud.queue.buried().len(), &cloud.queue.buried()[0].0), (1, &poison));
    assert_eq!(cloud.log(&works).await.len(), 1);
}
