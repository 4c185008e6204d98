//! The real loop in real processes: environments that a Runtime API on loopback gives events to, one after the other, and that are stopped and
//! killed. The store, the rows and the gateway that they share are this process's.
//!
//! The program is its own environment: with `AWS_LAMBDA_RUNTIME_API` it takes events, without it plays its cases.

#![allow(clippy::unwrap_used)]
#![expect(unreachable_pub, reason = "a test is nobody's library")]

#[path = "../common/mod.rs"]
mod common;
mod remote;
mod runtime_api;
mod shared;

use std::{sync::Arc, time::Duration};

use common::{Client, Cloud, http};
use dormouse_engine::{Store, world::System};
use dormouse_journal::{LocalHints, MemoryStore};
use dormouse_lambda::{Host, MemoryFollower, MemoryQueue, bootstrap};
use remote::Remote;
use runtime_api::Environment;
use serde_json::{Value, json};
use shared::Shared;

/// Where an environment finds what it shares with others.
const SHARED: &str = "DORMOUSE_TEST_SHARED";

/// How long a case waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        let shared = std::env::var(SHARED).unwrap();
        return runtime.block_on(async { bootstrap::run(host(&shared)).await.unwrap() });
    }
    runtime.block_on(async {
        case("the loop answers what it is given", the_loop_answers_what_it_is_given).await;
        case("events at once in two environments", events_at_once_in_two_environments).await;
        case("killed after the append, before the answer", killed_after_the_append_before_the_answer).await;
        case("stopped between two events", stopped_between_two_events).await;
        case("stopped in the middle of an append", stopped_in_the_middle_of_an_append).await;
    });
}

async fn case<F: Future<Output = ()>>(name: &str, play: impl FnOnce(Stage) -> F) {
    println!("bootstrap: {name}");
    let stage = Stage::new().await;
    tokio::time::timeout(PATIENCE, play(stage)).await.unwrap_or_else(|_| panic!("{name}: something did not come"));
}

/// The host of an environment.
fn host(shared: &str) -> Host {
    let remote = Arc::new(Remote(shared.to_owned()));
    let (index, hints) = (Arc::new(MemoryStore::new()), Arc::new(LocalHints::default()));
    let store = Store { journal: remote.clone(), index, hints };
    Host::new(common::parts(
        store,
        Arc::new(System),
        remote.clone(),
        remote,
        Arc::new(MemoryQueue::default()),
        MemoryFollower::default(),
        vec![],
    ))
}

/// What the environments share, a room, and somebody who watches it.
struct Stage {
    cloud: Cloud,
    shared: Shared,
    room: String,
    ana: Client,
}

impl Stage {
    async fn new() -> Self {
        let cloud = Cloud::default();
        let shared = Shared::serve(cloud.clone()).await;
        let here = cloud.environment();
        let room = cloud.room(&here).await;
        let ana = cloud.enter(&here, "ana").await;
        ana.watch(&here, &room).await;
        ana.heard();
        Self { cloud, shared, room, ana }
    }

    async fn environment(&self) -> Environment {
        Environment::start(SHARED, &self.shared.address).await
    }

    fn add(&self, n: u64, by: i64) -> Value {
        self.ana.message_event(self.ana.command(&self.room, n, json!({ "type": "add", "by": by })))
    }

    fn look(&self) -> Value {
        http("GET", &format!("/v1/{}", self.room), Some(&self.ana.token), None)
    }

    async fn value(&self) -> Value {
        self.cloud.view(&self.room).await["value"].clone()
    }
}

fn value_of(answer: &Value) -> Value {
    assert_eq!(answer["statusCode"], 200, "{answer}");
    common::body(answer)["view"]["value"].clone()
}

fn accepted(frames: &[Value]) -> Vec<Value> {
    frames.iter().filter(|frame| frame["type"] == "accepted").map(|frame| frame["position"].clone()).collect()
}

async fn the_loop_answers_what_it_is_given(stage: Stage) {
    let mut environment = stage.environment().await;
    assert_eq!(environment.ask(stage.add(1, 5)).await.unwrap()["statusCode"], 200);
    // What the event caused had left before its answer.
    assert_eq!(stage.ana.types(), "accepted snapshot");
    let error = environment.ask(json!({ "Records": [] })).await.unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("no event of a WebSocket API"), "{error}");
    assert_eq!(value_of(&environment.ask(stage.look()).await.unwrap()), 5, "it goes on");
    let again = environment.ask(stage.add(1, 5)).await.unwrap();
    assert_eq!((&again["statusCode"], stage.value().await), (&json!(200), json!(5)));
}

async fn events_at_once_in_two_environments(stage: Stage) {
    let (mut a, mut b) = (stage.environment().await, stage.environment().await);
    for n in 1..=20 {
        let (one, other) = tokio::join!(a.ask(stage.add(n, 1)), b.ask(stage.add(n, 1)));
        assert_eq!((&one.unwrap()["statusCode"], &other.unwrap()["statusCode"]), (&json!(200), &json!(200)));
        let positions = accepted(&stage.ana.heard());
        assert_eq!((positions.len(), &positions[0]), (2, &positions[1]), "one commit, one answer");
    }
    assert_eq!(stage.value().await, 20);
}

async fn killed_after_the_append_before_the_answer(stage: Stage) {
    let (a, mut b) = (stage.environment().await, stage.environment().await);
    stage.shared.hold_answers_of_appends(true);
    a.give(stage.add(1, 5));
    stage.shared.held().await;
    a.kill().await;
    stage.shared.hold_answers_of_appends(false);
    assert_eq!(
        (stage.value().await, stage.ana.types()),
        (json!(5), String::new()),
        "it is written, and nobody was told"
    );
    assert_eq!(b.ask(stage.add(1, 5)).await.unwrap()["statusCode"], 200);
    assert_eq!(accepted(&stage.ana.heard()).len(), 1);
    assert_eq!(stage.value().await, 5);
}

async fn stopped_between_two_events(stage: Stage) {
    let (mut a, mut b) = (stage.environment().await, stage.environment().await);
    assert_eq!(value_of(&a.ask(stage.look()).await.unwrap()), 0);
    a.stop();
    b.ask(stage.add(1, 5)).await.unwrap();
    a.go_on();
    assert_eq!(value_of(&a.ask(stage.look()).await.unwrap()), 5, "what it held was old");
    a.stop();
    b.ask(stage.add(2, -5)).await.unwrap();
    a.go_on();
    stage.ana.heard();
    a.ask(stage.add(3, -1)).await.unwrap();
    assert_eq!(stage.ana.types(), "rejected", "by the rules, on the newest state");
    assert_eq!(stage.value().await, 0);
}

async fn stopped_in_the_middle_of_an_append(stage: Stage) {
    let (mut a, mut b) = (stage.environment().await, stage.environment().await);
    stage.shared.hold_appends(true);
    a.give(stage.add(1, 5));
    stage.shared.held().await;
    a.stop();
    stage.shared.hold_only_held();
    // The same event is given to another environment, because nobody answers; and something else comes first.
    b.ask(stage.add(2, 10)).await.unwrap();
    b.ask(stage.add(1, 5)).await.unwrap();
    let told = accepted(&stage.ana.heard());
    stage.shared.hold_appends(false);
    a.go_on();
    assert_eq!(a.answer().await.unwrap()["statusCode"], 200);
    let late = accepted(&stage.ana.heard());
    assert_eq!(late, told[1..], "its append came too late, and it answers what b answered");
    assert_eq!((stage.value().await, stage.cloud.commits(&stage.room).await), (json!(15), 4));
}
