//! Tasks that are reported from elsewhere: a worker hands a signed token out, and whoever has it reports over HTTP.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use dormouse_core::{Address, Principal, Stimulus, Viewer};
use dormouse_engine::{
    Engine, Store,
    http::{Aliases, Api, router},
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins},
    task::{Failed, Job, Worker},
    world::World,
};
use dormouse_journal::{LocalHints, MemoryStore};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::{actors, stage::settle, world::TestWorld};

const WITHIN: Duration = Duration::from_secs(60);

/// Gives its tasks to somebody else: the token of each attempt comes out of the other end.
struct Courier(mpsc::UnboundedSender<String>);

#[async_trait]
impl Worker for Courier {
    fn kind(&self) -> &'static str {
        "courier"
    }

    async fn perform(&self, job: Job) -> Result<Value, Failed> {
        let _ = self.0.send(job.report_token(WITHIN)?);
        Err(Failed::reported_elsewhere(WITHIN))
    }
}

struct House {
    engine: Engine,
    router: Router,
    guest: String,
    tokens: mpsc::UnboundedReceiver<String>,
    address: Address,
    judge: Viewer,
}

impl House {
    /// One host, and one actor that has nothing to do yet.
    async fn new(seed: u64) -> Self {
        let world: Arc<dyn World> = Arc::new(TestWorld::new(seed));
        let store = Arc::new(MemoryStore::default());
        let seams = Store { journal: store.clone(), index: store, hints: Arc::new(LocalHints::default()) };
        let (sender, tokens) = mpsc::unbounded_channel();
        let engine = Engine::with(actors::kinds(1), seams, world.clone(), vec![Arc::new(Courier(sender))]);
        let config = IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32]));
        let identity = Identity::new(config, world);
        let guest = identity.guest(None).unwrap().token;
        let api = Api {
            engine: engine.clone(),
            identity,
            admission: Admission::default(),
            origins: Origins::parse([]).unwrap(),
            app: "test".into(),
            aliases: Aliases::default(),
            connect_url: None,
            connections: AtomicUsize::new(0),
        };
        let running = engine.clone();
        tokio::spawn(async move { running.run().await });
        let (address, judge) = ("main/chores/c".parse().unwrap(), Viewer::new(Principal::default(), vec![]));
        let house = Self { engine, router: router(Arc::new(api)), guest, tokens, address, judge };
        house.engine.create(&house.address, house.judge.clone(), b"{}").await.unwrap();
        house
    }

    async fn command(&self, command: Value) {
        let command = command.to_string().into_bytes().into();
        let stimulus = Stimulus::Command { by: self.judge.clone(), id: None, command, resent: false };
        self.engine.call(&self.address, stimulus, false).await.unwrap();
    }

    /// A task that is given away; its token.
    async fn open(&mut self, key: &str, attempts: u32) -> String {
        let task = json!({ "kind": "courier", "attempts": attempts });
        self.command(json!({ "type": "open", "tasks": { key: task } })).await;
        self.tokens.recv().await.unwrap()
    }

    /// Status and code of a report without any other token.
    async fn report(&self, token: &str, value: &str) -> (u16, Option<u64>) {
        self.post("/v1/reports", None, json!({ "token": token, "outcome": { "type": "done", "value": value } })).await
    }

    async fn post(&self, path: &str, bearer: Option<&str>, body: Value) -> (u16, Option<u64>) {
        let mut request = Request::post(path);
        if let Some(bearer) = bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let answer: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        assert_eq!(head.status == 200, answer["position"].is_string(), "{answer}");
        (head.status.as_u16(), answer["error"]["code"].as_u64())
    }

    /// What the rules heard so far.
    async fn heard(&self) -> Vec<String> {
        settle().await;
        let looked = self.engine.look(&self.address, &self.judge).await.unwrap();
        let view: Value = serde_json::from_slice(&looked.view).unwrap();
        serde_json::from_value(view["log"].clone()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_reports_its_task_once() {
    let mut house = House::new(3).await;
    let token = house.open("bill", 5).await;
    assert_eq!(house.report(&token, "paid").await, (200, None));
    assert_eq!(house.heard().await, [r#"bill done "paid""#]);
    assert_eq!(house.report(&token, "paid again").await, (409, Some(4460)));
    tokio::time::sleep(10 * WITHIN).await;
    assert_eq!(house.heard().await, [r#"bill done "paid""#]);
    assert!(house.tokens.is_empty(), "what was reported is not tried again");
}

#[tokio::test(start_paused = true)]
async fn a_token_can_report_a_failure_too() {
    let mut house = House::new(3).await;
    let token = house.open("bill", 5).await;
    let outcome = json!({ "type": "failed", "reason": "no money" });
    assert_eq!(house.post("/v1/reports", None, json!({ "token": token, "outcome": outcome })).await, (200, None));
    assert_eq!(house.heard().await, ["bill failed: no money"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_expired_reports_nothing_and_the_next_attempt_has_another() {
    let mut house = House::new(3).await;
    let first = house.open("bill", 2).await;
    tokio::time::sleep(WITHIN).await;
    assert_eq!(house.report(&first, "late").await, (401, Some(3402)));
    let second = house.tokens.recv().await.unwrap();
    assert_eq!(house.report(&second, "in time").await, (200, None));
    assert_eq!(house.heard().await, [r#"bill done "in time""#]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_nobody_reports_fails_after_its_attempts() {
    let mut house = House::new(3).await;
    house.open("bill", 2).await;
    house.tokens.recv().await.unwrap();
    tokio::time::sleep(3 * WITHIN).await;
    assert_eq!(house.heard().await, ["bill failed: every attempt ended without a report"]);
    assert!(house.tokens.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_reports_no_other_instance() {
    let mut house = House::new(3).await;
    let first = house.open("bill", 5).await;
    house.command(json!({ "type": "close", "key": "bill" })).await;
    assert_eq!(house.report(&first, "of the first").await, (409, Some(4460)));
    let second = house.open("bill", 5).await;
    assert_eq!(house.report(&first, "of the first").await, (409, Some(4460)));
    assert_eq!(house.heard().await, Vec::<String>::new());
    assert_eq!(house.report(&second, "of the second").await, (200, None));
    assert_eq!(house.heard().await, [r#"bill done "of the second""#]);
}

#[tokio::test(start_paused = true)]
async fn nothing_else_is_a_token_and_a_token_is_nothing_else() {
    let mut house = House::new(3).await;
    let token = house.open("bill", 5).await;
    for forged in [&format!("{token}x"), &house.guest, "", "a.b.c"] {
        assert_eq!(house.report(forged, "forged").await, (401, Some(3401)), "{forged}");
    }
    let other = House::new(4).await;
    assert_eq!(other.report(&token, "of another host").await, (401, Some(3401)));
    let command = json!({ "command": { "type": "hear", "word": "x" } });
    assert_eq!(house.post("/v1/chores/c/commands", Some(&token), command).await, (401, Some(3401)));
    let body = json!({ "token": token, "outcome": { "type": "done", "value": 1 }, "more": true });
    assert_eq!(house.post("/v1/reports", None, body).await, (400, Some(4412)));
    assert_eq!(house.heard().await, Vec::<String>::new());
}
