//! The smallest server that speaks the protocol as the driver uses it, in memory, with faults to order.

#![expect(clippy::unwrap_used, reason = "clippy allows it in test functions only, and this is all test")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// What the stub does beside its duty.
#[derive(Clone, Copy, Default)]
pub(crate) struct Quirks {
    /// Answers every command twice.
    pub(crate) answers_twice: bool,
    /// Shows only every so many commits, as a server that merges.
    pub(crate) merges: u64,
}

#[derive(Default)]
struct Counter {
    count: u64,
    viewers: Vec<UnboundedSender<String>>,
}

#[derive(Default)]
struct Stub {
    quirks: Quirks,
    names: Mutex<u64>,
    counters: Mutex<HashMap<String, Counter>>,
}

type Shared = State<Arc<Stub>>;

/// Serves on a free port, on a thread of its own, as long as the process lives.
pub(crate) fn start(quirks: Quirks) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router(quirks)).await.unwrap();
        });
    });
    port
}

fn router(quirks: Quirks) -> Router {
    Router::new()
        .route("/v1/guest", post(|State(stub): Shared| async move { Json(json!({ "token": stub.name() })) }))
        .route("/v1/counter", post(create))
        .route("/v1/counter/{id}", get(read))
        .route("/v1/counter/{id}/commands", post(command))
        .route("/v1/connect", get(connect))
        .with_state(Arc::new(Stub { quirks, ..Stub::default() }))
}

async fn create(State(stub): Shared) -> Json<Value> {
    let id = stub.name();
    stub.counters().insert(format!("counter/{id}"), Counter::default());
    Json(json!({ "id": id, "position": position(0) }))
}

async fn read(State(stub): Shared, Path(id): Path<String>) -> Json<Value> {
    let counters = stub.counters();
    let count = counters[&format!("counter/{id}")].count;
    Json(json!({ "position": position(count), "view": { "count": count } }))
}

async fn command(State(stub): Shared, Path(id): Path<String>) -> Json<Value> {
    Json(json!({ "position": position(stub.add(&format!("counter/{id}"))) }))
}

async fn connect(State(stub): Shared, upgrade: WebSocketUpgrade) -> impl IntoResponse {
    upgrade.protocols(["dormouse.v1"]).on_upgrade(|socket| session(stub, socket))
}

async fn session(stub: Arc<Stub>, mut socket: WebSocket) {
    let (outbox, mut inbox) = unbounded_channel::<String>();
    loop {
        tokio::select! {
            frame = inbox.recv() => {
                let Some(frame) = frame else { return };
                if socket.send(Message::Text(frame.into())).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => stub.act(&serde_json::from_str(&text).unwrap(), &outbox),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

impl Stub {
    fn name(&self) -> String {
        let mut names = self.names.lock().unwrap();
        *names += 1;
        format!("n{names}")
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<String, Counter>> {
        self.counters.lock().unwrap()
    }

    fn act(&self, frame: &Value, outbox: &UnboundedSender<String>) {
        let actor = frame["actor"].as_str().unwrap_or_default();
        let tell = |frame: Value| outbox.send(frame.to_string()).unwrap();
        match frame["action"].as_str().unwrap() {
            "hello" => tell(json!({ "type": "welcome", "outbox": self.name(), "in_flight": 64 })),
            "subscribe" => {
                let mut counters = self.counters();
                let counter = counters.get_mut(actor).unwrap();
                let place = position(counter.count);
                let kind = if frame["from"] == place.as_str() { "current" } else { "snapshot" };
                tell(json!({ "type": "resumed", "actor": actor, "kind": kind, "position": place }));
                if kind == "snapshot" {
                    tell(json!({ "type": "snapshot", "actor": actor, "position": place, "etag": place, "view": {} }));
                }
                tell(json!({ "type": "presence", "actor": actor, "here": [], "count": 1 }));
                counter.viewers.push(outbox.clone());
            }
            "send" => {
                let place = position(self.add(actor));
                let answer = json!({ "type": "accepted", "command_id": frame["command_id"], "position": place });
                tell(answer.clone());
                if self.quirks.answers_twice {
                    tell(answer);
                }
            }
            other => panic!("the driver never sends {other}"),
        }
    }

    fn add(&self, actor: &str) -> u64 {
        let mut counters = self.counters();
        let counter = counters.get_mut(actor).unwrap();
        counter.count += 1;
        let place = position(counter.count);
        if counter.count.is_multiple_of(self.quirks.merges.max(1)) {
            let patch = json!({ "type": "patch", "actor": actor, "position": place, "etag": place, "ops": [] });
            counter.viewers.retain(|viewer| viewer.send(patch.to_string()).is_ok());
        }
        counter.count
    }
}

fn position(seq: u64) -> String {
    format!("1:{seq}:{seq:016x}")
}
