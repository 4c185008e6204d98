//! A host that is told to end: what was given to it is answered or found again, and whoever asks meanwhile is told to come back.

use std::{sync::Arc, time::Instant};

use dormouse_core::{Code, limits};
use dormouse_server::Ended;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    house::{House, eventually},
    raw::Raw,
};

const GIVEN: usize = 5;
const DRAINING: Option<u64> = Some(Code::Draining as u64);

/// Somebody at a counter, in a house that is to drain.
struct Scene {
    house: Arc<House>,
    token: String,
    actor: String,
    raw: Raw,
    outbox: String,
}

impl Scene {
    async fn open() -> Self {
        let house = House::over(Default::default(), Default::default()).await;
        let token = house.host.token("Ana");
        let actor = house.host.counter(&token, json!({})).await;
        let (raw, outbox) = house.raw().await.enter(&token).await;
        Self { house, token, actor, raw, outbox }
    }

    async fn add(&mut self, n: usize) {
        let (id, command) = (format!("{}:{n}", self.outbox), json!({ "type": "add", "by": 1 }));
        self.raw.say(json!({ "action": "send", "actor": self.actor, "command_id": id, "command": command })).await;
    }

    /// Commands of which the engine has heard, and which the journal keeps waiting.
    async fn give(&mut self) {
        for n in 1..=GIVEN {
            self.add(n).await;
        }
        self.raw.say(json!({ "action": "ping" })).await;
        self.raw.hear_type("pong").await;
    }

    async fn drain(&self) -> JoinHandle<Ended> {
        let house = self.house.clone();
        let ended = tokio::spawn(async move { house.drain().await });
        eventually("it drains", || std::future::ready(self.house.host.api.engine.is_draining())).await;
        ended
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Option<u64>) {
        let response = self.house.ask(&self.token, method, path, body).await;
        (response.status, response.code())
    }

    async fn count(&self, house: &House) -> Value {
        let response = house.ask(&self.token, "GET", &format!("/v1/{}", self.actor), "").await;
        serde_json::from_str::<Value>(&response.body).unwrap()["view"]["count"].clone()
    }
}

#[tokio::test]
async fn commands_that_were_given_are_answered_before_the_goodbye() {
    let mut scene = Scene::open().await;
    let journal = scene.house.journal.clone();
    let held = journal.hold().await;
    scene.give().await;
    let ended = scene.drain().await;
    scene.add(GIVEN + 1).await;
    let refused = scene.raw.hear().await;
    assert_eq!((&refused["type"], refused["code"].as_u64()), (&json!("rejected"), DRAINING), "{refused}");
    assert!(refused["retry_after"].is_u64(), "{refused}");
    drop(held);
    for n in 1..=GIVEN {
        let answer = scene.raw.hear().await;
        assert_eq!(answer["type"], "accepted", "{answer}");
        assert_eq!(answer["command_id"], format!("{}:{n}", scene.outbox));
    }
    let Scene { raw, house, token, actor, outbox } = scene;
    let last = raw.end().await;
    assert_eq!((last.goodbye, last.close), (DRAINING, Some(4503)), "{last:?}");
    assert_eq!(ended.await.unwrap(), Ended::Drained);
    let next = House::over(house.host.store.clone(), Default::default()).await;
    let raw = next.raw().await.enter(&token).await.0;
    let scene = Scene { house: next.clone(), token, actor, raw, outbox };
    assert_eq!(scene.count(&next).await, json!(GIVEN), "what was refused was not done, the rest was");
}

#[tokio::test]
async fn who_asks_meanwhile_is_told_that_the_host_leaves() {
    let mut scene = Scene::open().await;
    let journal = scene.house.journal.clone();
    assert_eq!(scene.ask("GET", "/ready", "").await, (200, None));
    let held = journal.hold().await;
    scene.give().await;
    let ended = scene.drain().await;
    assert_eq!(scene.ask("GET", "/ready", "").await, (503, DRAINING));
    assert_eq!(scene.ask("GET", "/health", "").await, (200, None));
    assert_eq!(scene.ask("GET", "/metrics", "").await, (200, None));
    let (commands, stream) = (format!("/v1/{}/commands", scene.actor), format!("/v1/{}/stream", scene.actor));
    let command = json!({ "command": { "type": "add", "by": 1 } }).to_string();
    assert_eq!(scene.ask("POST", &commands, &command).await, (503, DRAINING));
    assert_eq!(scene.ask("POST", "/v1/counter", "{}").await, (503, DRAINING));
    assert_eq!(scene.ask("GET", &stream, "").await, (503, DRAINING));
    let turned_away = scene.house.raw().await.upgrade().await.end().await;
    assert_eq!((turned_away.goodbye, turned_away.close), (DRAINING, Some(4503)), "{turned_away:?}");
    drop(held);
    assert_eq!(scene.raw.end().await.goodbye, DRAINING);
    assert_eq!(ended.await.unwrap(), Ended::Drained);
}

/// A peer that does not close keeps the host for a moment, in which it still says how it is.
#[tokio::test]
async fn the_host_answers_until_the_last_connection_has_gone() {
    let scene = Scene::open().await;
    let ended = scene.drain().await;
    let mut told = 0;
    while scene.house.host.api.connections.load(std::sync::atomic::Ordering::Relaxed) > 0 && told < 20 {
        assert_eq!(scene.ask("GET", "/ready", "").await, (503, DRAINING));
        told += 1;
    }
    let probe = scene.house.raw().await.ask("GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(probe.head.contains("connection: close"), "who comes now holds nobody up: {}", probe.head);
    assert_eq!((told, ended.await.unwrap()), (20, Ended::Drained));
}

#[tokio::test]
async fn an_append_that_never_ends_does_not_hold_the_host_for_ever() {
    let mut scene = Scene::open().await;
    let journal = scene.house.journal.clone();
    let held = journal.hold().await;
    scene.give().await;
    let (since, ended) = (Instant::now(), scene.drain().await);
    let last = scene.raw.end().await;
    assert_eq!((last.goodbye, last.frames.len()), (DRAINING, 1), "nobody is told what is not known: {last:?}");
    assert!(since.elapsed() >= limits::DRAIN && since.elapsed() < limits::DRAIN + 3 * limits::LINGER);
    assert_eq!(ended.await.unwrap(), Ended::Drained);
    drop(held);
}

#[tokio::test]
async fn answers_that_come_late_are_waited_for_a_moment() {
    let mut scene = Scene::open().await;
    let journal = scene.house.journal.clone();
    let held = journal.hold().await;
    scene.give().await;
    let ended = scene.drain().await;
    tokio::time::sleep(limits::DRAIN + limits::LINGER / 3).await;
    drop(held);
    let last = scene.raw.end().await;
    let accepted = last.frames.iter().filter(|frame| frame["type"] == "accepted").count();
    assert_eq!((accepted, last.goodbye), (GIVEN, DRAINING), "{last:?}");
    assert_eq!(ended.await.unwrap(), Ended::Drained);
}
