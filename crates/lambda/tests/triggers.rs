//! Triggers that come twice, late, at once, or are cut off: nothing is done twice and nothing that was said is lost.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use async_trait::async_trait;
use common::{Client, Cloud, body, http, mortal::give};
use dormouse_core::{Address, Name, Time, frame::As};
use dormouse_journal::{
    MemoryStore, StoreError,
    faulty::{Fault, FaultyJournal},
};
use dormouse_lambda::{Connected, Connections, Host, MemoryConnections, Pushed, Sender, Watched, Watching};
use serde_json::{Value, json};

fn add(by: i64) -> Value {
    json!({ "type": "add", "by": by })
}

/// One environment whose journal fails on request.
fn with_faults(cloud: &Cloud) -> (Host, FaultyJournal<MemoryStore>) {
    let faults = FaultyJournal::new(cloud.store.clone());
    let (rows, gateway) = (Arc::new(cloud.rows.clone()), Arc::new(cloud.gateway.clone()));
    (cloud.environment_over(Arc::new(faults.clone()), rows, gateway), faults)
}

async fn accepted(client: &Client) -> Value {
    let heard = client.heard();
    heard.iter().find(|frame| frame["type"] == "accepted").unwrap_or_else(|| panic!("{heard:?}")).clone()
}

#[tokio::test]
async fn case_80_an_event_that_runs_twice_commits_once_and_gets_the_same_answer() {
    let cloud = Cloud::default();
    let (here, there) = (cloud.environment(), cloud.environment());
    let room = cloud.room(&here).await;
    let ana = cloud.enter(&here, "ana").await;
    let event = ana.message_event(ana.command(&room, 1, add(5)));
    here.handle(event.clone()).await.unwrap();
    let first = accepted(&ana).await;
    for host in [&here, &there] {
        host.handle(event.clone()).await.unwrap();
        let again = accepted(&ana).await;
        assert_eq!((&again["position"], &again["again"]), (&first["position"], &json!(true)));
    }
    assert_eq!((cloud.commits(&room).await, &cloud.view(&room).await["value"]), (2, &json!(5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_80_an_event_that_runs_twice_at_once_commits_once() {
    for _ in 0..50 {
        let cloud = Cloud::default();
        let (here, there) = (Arc::new(cloud.environment()), Arc::new(cloud.environment()));
        let room = cloud.room(&here).await;
        let ana = cloud.enter(&here, "ana").await;
        ana.watch(&there, &room).await;
        ana.heard();
        let event = ana.message_event(ana.command(&room, 1, add(5)));
        let run = |host: Arc<Host>, event: Value| tokio::spawn(async move { host.handle(event).await.unwrap() });
        let runs = [run(here, event.clone()), run(there, event)];
        for run in runs {
            run.await.unwrap();
        }
        let positions: Vec<Value> =
            ana.heard().iter().filter(|it| it["type"] == "accepted").map(|it| it["position"].clone()).collect();
        assert_eq!((positions.len(), &positions[0]), (2, &positions[1]));
        assert_eq!(cloud.view(&room).await["value"], 5);
    }
}

#[tokio::test]
async fn commands_that_overtake_each_other_are_each_decided_once() {
    let cloud = Cloud::default();
    let hosts = [cloud.environment(), cloud.environment()];
    let room = cloud.room(&hosts[0]).await;
    let ana = cloud.enter(&hosts[0], "ana").await;
    for (nth, n) in [3, 1, 2, 1, 3, 2].into_iter().enumerate() {
        ana.send(&hosts[nth % 2], &room, n, add(10_i64.pow(n as u32))).await;
    }
    assert_eq!(cloud.view(&room).await["value"], 1_110);
    assert_eq!(cloud.commits(&room).await, 4);
}

#[tokio::test]
async fn everything_about_a_connection_may_come_twice() {
    let cloud = Cloud::default();
    let hosts = [cloud.environment(), cloud.environment()];
    let room = cloud.room(&hosts[0]).await;
    let ana = cloud.enter(&hosts[0], "ana").await;
    for host in &hosts {
        ana.watch(host, &room).await;
    }
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 1 }));
    for host in &hosts {
        ana.say(host, json!({ "action": "unsubscribe", "actor": room })).await;
    }
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 0 }));
    ana.watch(&hosts[0], &room).await;
    for host in &hosts {
        host.handle(ana.disconnect_event()).await.unwrap();
    }
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 0 }));
    assert_eq!(cloud.rows.sizes()[1..], [0, 0]);
}

#[tokio::test]
async fn what_comes_after_the_disconnect_does_nothing() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let ana = cloud.enter(&host, "ana").await;
    host.handle(ana.disconnect_event()).await.unwrap();
    ana.watch(&host, &room).await;
    ana.send(&host, &room, 1, add(1)).await;
    assert_eq!((cloud.rows.sizes()[2], cloud.commits(&room).await), (0, 1));
    assert!(!cloud.gateway.is_alive(&ana.connection).await.unwrap(), "who is still there connects again");
}

#[tokio::test]
async fn a_principal_is_present_over_any_of_its_connections() {
    let cloud = Cloud::default();
    let hosts = [cloud.environment(), cloud.environment()];
    let room = cloud.room(&hosts[0]).await;
    let ana = cloud.enter(&hosts[0], "ana").await;
    let second = Client { connection: "second=".into(), ..ana.clone() };
    cloud.gateway.connect(&second.connection);
    let ticket = common::ticket(&hosts[1], &ana.token).await;
    hosts[1].handle(second.connect_event(&ticket)).await.unwrap();
    ana.watch(&hosts[0], &room).await;
    second.watch(&hosts[1], &room).await;
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 1 }));
    hosts[1].handle(ana.disconnect_event()).await.unwrap();
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 1 }));
    hosts[0].handle(second.disconnect_event()).await.unwrap();
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 0 }));
}

#[tokio::test(start_paused = true)]
async fn case_72_an_append_of_which_nobody_knows_is_found() {
    for fault in [Fault::UnknownWritten, Fault::UnknownLost, Fault::UnknownLate] {
        let cloud = Cloud::default();
        let (host, faults) = with_faults(&cloud);
        let room = cloud.room(&host).await;
        let ana = cloud.enter(&host, "ana").await;
        faults.fail(fault);
        ana.send(&host, &room, 1, add(5)).await;
        assert_eq!(accepted(&ana).await["again"], Value::Null);
        assert_eq!((cloud.commits(&room).await, &cloud.view(&room).await["value"]), (2, &json!(5)));
    }
}

#[tokio::test]
async fn case_71_an_environment_that_was_frozen_in_the_middle_decides_again() {
    let cloud = Cloud::default();
    let (frozen, faults) = with_faults(&cloud);
    let (frozen, other) = (Arc::new(frozen), cloud.environment());
    let room = cloud.room(&other).await;
    let (ana, bo) = (cloud.enter(&other, "ana").await, cloud.enter(&other, "bo").await);
    ana.watch(&frozen, &room).await;
    bo.send(&other, &room, 1, add(7)).await;
    ana.heard();
    // Decided there, and not written before somebody else was faster.
    let gate = faults.hold();
    let event = ana.message_event(ana.command(&room, 1, add(-7)));
    let running = tokio::spawn({
        let frozen = frozen.clone();
        async move { frozen.handle(event).await.unwrap() }
    });
    faults.held(1).await;
    bo.send(&other, &room, 2, add(-3)).await;
    assert_eq!(ana.types(), "snapshot");
    gate.release();
    running.await.unwrap();
    let heard = ana.heard();
    assert_eq!((heard.len(), &heard[0]["reason"]), (1, &json!("below_zero")), "on the newest state: {heard:?}");
    assert_eq!((cloud.commits(&room).await, faults.tally().conflicts), (4, 1));
}

/// What somebody does from the beginning to the end, as events.
fn a_life(cloud: &Cloud) -> (String, Client, Vec<Value>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let host = cloud.environment();
        let room = cloud.room(&host).await;
        cloud.enter(&host, "bo").await.watch(&host, &room).await;
        let token = cloud.guest("ana");
        let ticket = common::ticket(&host, &token).await;
        let ana = Client { outbox: "0-ana".into(), ..cloud.client("ana", &token) };
        let events = vec![
            ana.connect_event(&ticket),
            ana.message_event(json!({ "action": "hello", "token": token, "outbox": ana.outbox })),
            ana.message_event(json!({ "action": "subscribe", "actor": room })),
            ana.message_event(json!({ "action": "subscribe", "actor": room, "as": "events" })),
            ana.message_event(ana.command(&room, 1, add(5))),
            ana.message_event(json!({ "action": "unsubscribe", "actor": room, "as": "events" })),
            ana.disconnect_event(),
        ];
        (room, ana, events)
    })
}

#[test]
fn an_environment_that_is_killed_at_any_step_changes_nothing_when_the_event_comes_again() {
    let mut killed = 0;
    for nth in 0..7 {
        for steps in 0.. {
            let cloud = Cloud::default();
            let (room, ana, events) = a_life(&cloud);
            let mut accepted = Vec::new();
            let mut lived = true;
            for (at, event) in events.iter().enumerate() {
                if at == nth {
                    lived = give(&cloud, event, steps).is_some();
                }
                if at != nth || !lived {
                    let answer = give(&cloud, event, usize::MAX).unwrap();
                    assert_eq!(answer["statusCode"], 200, "event {at} after {nth} died at {steps}: {answer}");
                }
                accepted.extend(ana.heard().into_iter().filter(|frame| frame["type"] == "accepted"));
            }
            let at = format!("event {nth} died at step {steps}");
            assert!(accepted.iter().all(|frame| frame["position"] == accepted[0]["position"]), "{at}: {accepted:?}");
            assert!(!accepted.is_empty(), "{at}");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let view = runtime.block_on(cloud.view(&room));
            assert_eq!(view, json!({ "value": 5, "filler": "", "here": { "bo": 1, "ana": 0 } }), "{at}");
            assert_eq!(cloud.rows.sizes(), [2, 1, 1], "{at}: what is left is bo's");
            killed += usize::from(!lived);
            if lived {
                break;
            }
        }
    }
    assert!(killed > 100, "{killed} steps are too few to have been all");
}

#[test]
fn whoever_was_not_told_since_the_environment_died_finds_it_by_asking() {
    for steps in 0.. {
        let cloud = Cloud::default();
        let (room, ana, events) = a_life(&cloud);
        for event in &events[..3] {
            give(&cloud, event, usize::MAX).unwrap();
        }
        let held = ana.heard().into_iter().rev().find(|frame| frame["type"] == "snapshot").unwrap();
        let lived = give(&cloud, &events[4], steps).is_some();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let committed = runtime.block_on(cloud.view(&room))["value"] == 5;
        let told = ana.heard().iter().any(|frame| frame["type"] == "snapshot");
        assert!(committed || !told, "nothing is told that is not durable");
        let ping = json!({ "action": "ping", "positions": { &room: held["position"] } });
        give(&cloud, &ana.message_event(ping), usize::MAX).unwrap();
        let is_behind = ana.heard()[0]["behind"][&room].is_string();
        assert_eq!(is_behind, committed, "died at step {steps}");
        if lived {
            return;
        }
    }
}

#[tokio::test]
async fn rows_that_are_not_available_cost_no_commit() {
    let cloud = Cloud::default();
    let good = cloud.environment();
    let room = cloud.room(&good).await;
    let ana = cloud.enter(&good, "ana").await;
    let (journal, gateway) = (Arc::new(cloud.store.clone()), Arc::new(cloud.gateway.clone()));
    let host = cloud.environment_over(journal, Arc::new(Broken), gateway);
    let token = cloud.guest("bo");
    let add = json!({ "command": add(5) }).to_string();
    let answer = host.handle(http("POST", &format!("/v1/{room}/commands"), Some(&token), Some(&add))).await.unwrap();
    assert_eq!((&answer["statusCode"], body(&answer)["position"].is_string()), (&json!(200), true));
    let bo = cloud.client("bo", &token);
    let ticket = common::ticket(&host, &token).await;
    let answer = host.handle(bo.connect_event(&ticket)).await.unwrap();
    assert_eq!((&answer["statusCode"], &body(&answer)["error"]["code"]), (&json!(503), &json!(1503)));
    host.handle(ana.message_event(json!({ "action": "ping" }))).await.unwrap();
    assert_eq!(ana.types(), "", "a frame that is lost is the client's to send again");
    assert!(cloud.gateway.is_alive(&ana.connection).await.unwrap());
}

/// Rows that nobody can read.
struct Broken;

macro_rules! broken {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)+) => {
        #[async_trait]
        impl Connections for Broken {
            $(async fn $name(&self, $(_: $type),*) -> Result<$out, StoreError> {
                Err(StoreError::Unavailable("the rows cannot be read".into()))
            })+
        }
    };
}

broken! {
    take_ticket(ticket: &str, connection: &str, expires: Time) -> bool;
    open(connected: Connected) -> ();
    connected(connection: &str, now: Time) -> Option<Connected>;
    of_principal(tenant: &Name, principal: &str, now: Time) -> Vec<Arc<str>>;
    close(connection: &str) -> ();
    watch(watching: Watching) -> ();
    unwatch(address: &Address, connection: &str, of: As) -> ();
    of_actor(address: &Address, now: Time) -> Watched;
    mark_pushed(address: &Address, pushed: Pushed, now: Time) -> ();
    of_connection(connection: &str, now: Time) -> Vec<Watching>;
}

/// The client closes right before the row of a subscription is written, and another environment sees to that.
struct Closing(MemoryConnections);

macro_rules! closing {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)+) => {
        #[async_trait]
        impl Connections for Closing {
            async fn watch(&self, watching: Watching) -> Result<(), StoreError> {
                self.0.close(&watching.connection).await?;
                self.0.watch(watching).await
            }

            $(async fn $name(&self, $($arg: $type),*) -> Result<$out, StoreError> {
                self.0.$name($($arg),*).await
            })+
        }
    };
}

closing! {
    take_ticket(ticket: &str, connection: &str, expires: Time) -> bool;
    open(connected: Connected) -> ();
    connected(connection: &str, now: Time) -> Option<Connected>;
    of_principal(tenant: &Name, principal: &str, now: Time) -> Vec<Arc<str>>;
    close(connection: &str) -> ();
    unwatch(address: &Address, connection: &str, of: As) -> ();
    of_actor(address: &Address, now: Time) -> Watched;
    mark_pushed(address: &Address, pushed: Pushed, now: Time) -> ();
    of_connection(connection: &str, now: Time) -> Vec<Watching>;
}

#[tokio::test]
async fn a_subscription_that_the_disconnect_overtook_leaves_no_row() {
    let cloud = Cloud::default();
    let good = cloud.environment();
    let room = cloud.room(&good).await;
    let ana = cloud.enter(&good, "ana").await;
    let (journal, rows) = (Arc::new(cloud.store.clone()), Arc::new(Closing(cloud.rows.clone())));
    let host = cloud.environment_over(journal, rows, Arc::new(cloud.gateway.clone()));
    ana.watch(&host, &room).await;
    assert_eq!((cloud.rows.sizes()[1..].to_vec(), cloud.commits(&room).await), (vec![0, 0], 1));
}
