//! A real host on a free port over a journal in memory, and a plain WebSocket to talk to it.

#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses its own part.
#![allow(clippy::unwrap_used)]

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use dormouse_core::{Actor, Draft, Input, Kind, Rejection, Sight, Viewer, time::Moment};
use dormouse_engine::{
    Engine, Store,
    http::{Aliases, Api},
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins, Verifier},
    world::{System, World},
};
use dormouse_journal::{Journal, LocalHints, MemoryStore};
use dormouse_server::Server;
use futures_util::{SinkExt, StreamExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

/// Counts; `private` ones are seen by their maker alone, `closed` ones are moved by their maker alone.
#[derive(Default, Serialize, Deserialize)]
pub struct Counter {
    count: i64,
    owner: Option<String>,
    mover: Option<String>,
    note: Option<String>,
    bytes: usize,
    whispers: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    private: bool,
    #[serde(default)]
    closed: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Add {
        by: i64,
    },
    /// Shown to everybody.
    Note {
        text: String,
    },
    /// Shown to nobody.
    Whisper {
        text: String,
    },
    /// Makes the view this much longer.
    Fill {
        bytes: usize,
    },
}

#[derive(Serialize, Deserialize)]
pub enum Event {
    Owned(String),
    Closed(String),
    Added(i64),
    Noted(String),
    Whispered,
    Filled(usize),
}

impl Actor for Counter {
    const KIND: &'static str = "counter";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = Value;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Created { by, config } if config.private => draft.emit(Event::Owned(by.principal.id.clone())),
            Input::Created { by, config } if config.closed => draft.emit(Event::Closed(by.principal.id.clone())),
            Input::Command { by, command } => return Self::command(draft, &by.principal.id, command),
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, _: Moment) {
        match event {
            Event::Owned(owner) => self.owner = Some(owner.clone()),
            Event::Closed(mover) => self.mover = Some(mover.clone()),
            Event::Added(by) => self.count += by,
            Event::Noted(text) => self.note = Some(text.clone()),
            Event::Whispered => self.whispers += 1,
            Event::Filled(bytes) => self.bytes = *bytes,
        }
    }

    fn sight(&self, viewer: &Viewer) -> Sight {
        let others = self.owner.as_ref().is_some_and(|owner| *owner != viewer.principal.id);
        if others { Sight::Nothing } else { Sight::Public }
    }

    fn view(&self, _: &Sight) -> Value {
        let mut view = json!({ "count": self.count });
        if let Some(note) = &self.note {
            view["note"] = json!(note);
        }
        if self.bytes > 0 {
            view["filler"] = json!("x".repeat(self.bytes));
        }
        view
    }

    fn reveal(&self, event: &Event, _: &Sight) -> Option<Value> {
        matches!(event, Event::Added(_) | Event::Noted(_)).then(|| json!(event))
    }

    fn summary(&self) -> Option<dormouse_core::Summary> {
        Some(dormouse_core::Summary { title: "Counter".into(), status: "open".into(), ..Default::default() })
    }
}

impl Counter {
    fn command(draft: &mut Draft<'_, Self>, by: &str, command: Command) -> Result<(), Rejection> {
        if draft.mover.as_ref().is_some_and(|mover| mover != by) {
            return Err(Rejection::new("not_yours", "Only its maker moves this counter."));
        }
        match command {
            Command::Add { by: 0 } => return Err(Rejection::new("zero", "Adding nothing is no move.")),
            Command::Add { by } => draft.emit(Event::Added(by)),
            Command::Note { text } => draft.emit(Event::Noted(text)),
            Command::Whisper { .. } => draft.emit(Event::Whispered),
            Command::Fill { bytes } => draft.emit(Event::Filled(bytes)),
        }
        Ok(())
    }
}

/// A running host.
pub struct Host {
    pub address: SocketAddr,
    pub api: Arc<Api>,
    pub store: MemoryStore,
}

impl Host {
    pub async fn start() -> Self {
        Self::over(MemoryStore::default()).await
    }

    pub async fn over(store: MemoryStore) -> Self {
        Self::with_keys(store, vec![]).await
    }

    pub async fn with_keys(store: MemoryStore, verifiers: Vec<Verifier>) -> Self {
        Self::with_journal(store.clone(), Arc::new(store), verifiers).await
    }

    pub async fn with_journal(store: MemoryStore, journal: Arc<dyn Journal>, verifiers: Vec<Verifier>) -> Self {
        let world: Arc<dyn World> = Arc::new(System);
        let index = Arc::new(store.clone());
        let seams = Store { journal, index, hints: Arc::new(LocalHints::default()) };
        let engine = Engine::with([Arc::new(Kind::of::<Counter>())], seams, world.clone(), vec![]);
        let config = IdentityConfig { verifiers, ..IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32])) };
        let api = Arc::new(Api {
            engine,
            identity: Identity::new(config, world),
            admission: Admission::default(),
            origins: Origins::parse([]).unwrap(),
            app: "test".into(),
            aliases: Aliases::default(),
            connect_url: None,
            connections: AtomicUsize::new(0),
        });
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), api.clone(), None).await.unwrap();
        let address = server.address().unwrap();
        tokio::spawn(server.run(std::future::pending()));
        Self { address, api, store }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn token(&self, name: &str) -> String {
        self.api.identity.guest(Some(name)).unwrap().token
    }

    /// A counter made by this token; its `kind/id`.
    pub async fn counter(&self, token: &str, config: Value) -> String {
        let request = reqwest::Client::new().post(self.url("/v1/counter")).bearer_auth(token).json(&config);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 201);
        let made: Value = response.json().await.unwrap();
        format!("counter/{}", made["id"].as_str().unwrap())
    }

    pub async fn connect(&self) -> Socket {
        let mut request = format!("ws://{}/v1/connect", self.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "dormouse.v1".parse().unwrap());
        Socket(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    /// A connection that has said hello; with its outbox.
    pub async fn enter(&self, token: &str) -> (Socket, String) {
        let mut socket = self.connect().await;
        socket.say(json!({ "action": "hello", "token": token })).await;
        let welcome = socket.hear().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        (socket, welcome["outbox"].as_str().unwrap().to_owned())
    }
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn say(&mut self, frame: Value) {
        self.say_text(&frame.to_string()).await;
    }

    pub async fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text.to_owned())).await.unwrap();
    }

    /// The next frame.
    pub async fn hear(&mut self) -> Value {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next())
                .await
                .expect("a frame in time")
                .expect("a frame")
                .unwrap()
            {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next frame of this type; others are passed over.
    pub async fn hear_type(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.hear().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Read to the end: the last `goodbye`, if there was one, and the close frame.
    pub async fn end(mut self) -> (Option<Value>, Option<CloseFrame>) {
        let mut goodbye = None;
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("an end in time") {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    if frame["type"] == "goodbye" {
                        goodbye = Some(frame);
                    }
                }
                Some(Ok(Message::Close(frame))) => return (goodbye, frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (goodbye, None),
            }
        }
    }
}
