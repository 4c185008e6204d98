//! A gateway, rows and a store in memory that several environments share, and clients who know nothing of environments.

#![allow(dead_code, missing_docs, unreachable_pub)] // Each test file uses its own part.
#![allow(clippy::unwrap_used)]

pub mod mortal;
pub mod works;

use std::{collections::BTreeMap, sync::Arc};

use dormouse_core::{Actor, Draft, Input, Kind, Moment, Rejection, Sight, Viewer};
use dormouse_engine::{
    Store,
    http::Aliases,
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins, Verifier},
    task::Worker,
    world::{System, World},
};
use dormouse_journal::{Journal, LocalHints, MemoryStore};
use dormouse_lambda::{
    Connections, Host, MemoryConnections, MemoryFollower, MemoryQueue, MemorySender, Parts, Queue, Sender,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who is here, a number, and some text to make the view large. Who was banned sees nothing.
#[derive(Default, Serialize, Deserialize)]
pub struct Room {
    value: i64,
    filler: usize,
    here: BTreeMap<String, i32>,
    banned: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Refused below zero.
    Add { by: i64 },
    /// Makes the view this much longer.
    Fill { bytes: usize },
    /// Takes somebody's sight.
    Ban { who: String },
    /// Revealed as an event of so many bytes.
    Shout { bytes: usize },
}

#[derive(Serialize, Deserialize)]
pub enum Event {
    Added(i64),
    Filled(usize),
    Banned(String),
    Shouted(usize),
    Came(String),
    Went(String),
}

#[derive(Serialize, JsonSchema)]
pub struct View {
    value: i64,
    filler: String,
    here: BTreeMap<String, i32>,
}

impl Actor for Room {
    const KIND: &'static str = "room";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = View;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Command { command: Command::Add { by }, .. } if draft.value + by < 0 => {
                return Err(Rejection::new("below_zero", "The number stays above zero."));
            }
            Input::Command { command: Command::Add { by }, .. } => draft.emit(Event::Added(by)),
            Input::Command { command: Command::Fill { bytes }, .. } => draft.emit(Event::Filled(bytes)),
            Input::Command { command: Command::Ban { who }, .. } => draft.emit(Event::Banned(who)),
            Input::Command { command: Command::Shout { bytes }, .. } => draft.emit(Event::Shouted(bytes)),
            Input::Joined { who } => draft.emit(Event::Came(who.principal.name.clone())),
            // Told twice, it is done once.
            Input::Left { who } if draft.here.get(&who.principal.name) == Some(&1) => {
                draft.emit(Event::Went(who.principal.name.clone()));
            }
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, _: Moment) {
        match event {
            Event::Added(by) => self.value += by,
            Event::Filled(bytes) => self.filler = *bytes,
            Event::Banned(who) => self.banned.push(who.clone()),
            Event::Shouted(_) => {}
            Event::Came(who) => *self.here.entry(who.clone()).or_default() += 1,
            Event::Went(who) => *self.here.entry(who.clone()).or_default() -= 1,
        }
    }

    fn sight(&self, viewer: &Viewer) -> Sight {
        if self.banned.contains(&viewer.principal.name) { Sight::Nothing } else { Sight::Public }
    }

    fn view(&self, _: &Sight) -> View {
        View { value: self.value, filler: "x".repeat(self.filler), here: self.here.clone() }
    }

    fn reveal(&self, event: &Event, _: &Sight) -> Option<Value> {
        match event {
            Event::Added(by) => Some(json!({ "added": by })),
            Event::Shouted(bytes) => Some(json!({ "shout": "x".repeat(*bytes) })),
            _ => None,
        }
    }
}

/// Where the gateway takes sockets.
pub const SOCKETS: &str = "wss://abc.execute-api.eu-west-1.amazonaws.com/prod";

/// Signs the tokens of operators.
const OPERATORS_KEY: &[u8; 32] = b"only an operator knows this key.";

/// The parts of an environment over these seams.
pub fn parts(
    store: Store,
    world: Arc<dyn World>,
    connections: Arc<dyn Connections>,
    sender: Arc<dyn Sender>,
    queue: Arc<dyn Queue>,
    follower: MemoryFollower,
    workers: Vec<Arc<dyn Worker>>,
) -> Parts {
    let verifiers = vec![Verifier::from_secret(OPERATORS_KEY).unwrap()];
    let config = IdentityConfig { verifiers, ..IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32])) };
    Parts {
        kinds: vec![Arc::new(Kind::of::<Room>()), Arc::new(Kind::of::<works::Works>())],
        store,
        world: world.clone(),
        report_key: [8; 32],
        identity: Identity::new(config, world),
        ticket_key: [9; 32],
        admission: Admission::default(),
        origins: Origins::parse([]).unwrap(),
        app: "test".into(),
        pages: dormouse_engine::http::no_pages(),
        aliases: Aliases::default(),
        connect_url: Some(SOCKETS.into()),
        connections,
        sender,
        queue,
        follower: Arc::new(follower),
        workers,
    }
}

/// What environments share.
#[derive(Clone)]
pub struct Cloud {
    pub store: MemoryStore,
    pub rows: MemoryConnections,
    pub gateway: MemorySender,
    pub queue: MemoryQueue,
    pub follower: MemoryFollower,
    pub world: Arc<dyn World>,
    pub workers: Vec<Arc<dyn Worker>>,
}

impl Default for Cloud {
    fn default() -> Self {
        Self {
            store: MemoryStore::default(),
            rows: MemoryConnections::default(),
            gateway: MemorySender::default(),
            queue: MemoryQueue::default(),
            follower: MemoryFollower::default(),
            world: Arc::new(System),
            workers: vec![],
        }
    }
}

impl Cloud {
    /// A cold environment.
    pub fn environment(&self) -> Host {
        self.environment_over(Arc::new(self.store.clone()), Arc::new(self.rows.clone()), Arc::new(self.gateway.clone()))
    }

    pub fn environment_over(
        &self,
        journal: Arc<dyn Journal>,
        connections: Arc<dyn Connections>,
        sender: Arc<dyn Sender>,
    ) -> Host {
        self.made_of(journal, connections, sender, Arc::new(self.queue.clone()))
    }

    pub fn made_of(
        &self,
        journal: Arc<dyn Journal>,
        connections: Arc<dyn Connections>,
        sender: Arc<dyn Sender>,
        queue: Arc<dyn Queue>,
    ) -> Host {
        let store = Store { journal, index: Arc::new(self.store.clone()), hints: Arc::new(LocalHints::default()) };
        Host::new(parts(
            store,
            self.world.clone(),
            connections,
            sender,
            queue,
            self.follower.clone(),
            self.workers.clone(),
        ))
    }

    /// A guest of this name; the token.
    pub fn guest(&self, name: &str) -> String {
        let config = IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32]));
        Identity::new(config, self.world.clone()).guest(Some(name)).unwrap().token
    }

    /// An operator's token.
    pub fn operator(&self) -> String {
        let claims = json!({ "sub": "op", "tenant": "main", "roles": ["operator"], "exp": 4_000_000_000_u64 });
        let key = jsonwebtoken::EncodingKey::from_secret(OPERATORS_KEY);
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    }

    /// A client that is connected, and has said hello.
    pub async fn enter(&self, host: &Host, name: &str) -> Client {
        let client = self.connect(host, name).await;
        client.say(host, json!({ "action": "hello", "token": client.token })).await;
        let welcome = client.heard().pop().unwrap();
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        Client { outbox: welcome["outbox"].as_str().unwrap().to_owned(), ..client }
    }

    /// A client that is connected.
    pub async fn connect(&self, host: &Host, name: &str) -> Client {
        let token = self.guest(name);
        let client = self.client(name, &token);
        let ticket = ticket(host, &token).await;
        let answer = host.handle(client.connect_event(&ticket)).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        client
    }

    /// A client that the gateway lets in.
    pub fn client(&self, connection: &str, token: &str) -> Client {
        let connection = format!("{connection}=");
        self.gateway.connect(&connection);
        Client { connection, token: token.to_owned(), outbox: String::new(), gateway: self.gateway.clone() }
    }

    /// A room; its `kind/id`.
    pub async fn room(&self, host: &Host) -> String {
        let token = self.guest("maker");
        let answer = host.handle(http("POST", "/v1/room", Some(&token), Some("{}"))).await.unwrap();
        assert_eq!(answer["statusCode"], 201, "{answer}");
        format!("room/{}", body(&answer)["id"].as_str().unwrap())
    }

    /// The view of a room, as an environment that has seen nothing yet shows it.
    pub async fn view(&self, room: &str) -> Value {
        let token = self.guest("onlooker");
        let answer = self.environment().handle(http("GET", &format!("/v1/{room}"), Some(&token), None)).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        body(&answer)["view"].clone()
    }

    /// How many commits a room has.
    pub async fn commits(&self, room: &str) -> u64 {
        let address = format!("main/{room}").parse().unwrap();
        self.store.head(&address).await.unwrap().unwrap().seq
    }
}

/// A ticket for the bearer of this token.
pub async fn ticket(host: &Host, token: &str) -> String {
    let answer = host.handle(http("POST", "/v1/ticket", Some(token), None)).await.unwrap();
    assert_eq!(answer["statusCode"], 201, "{answer}");
    body(&answer)["ticket"].as_str().unwrap().to_owned()
}

/// An event of an HTTP API.
pub fn http(method: &str, path: &str, token: Option<&str>, body: Option<&str>) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut headers = json!({ "host": "api.test", "content-type": "application/json" });
    if let Some(token) = token {
        headers["authorization"] = json!(format!("Bearer {token}"));
    }
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": { "stage": "$default", "http": { "method": method, "path": path, "sourceIp": "192.0.2.1" } },
        "body": body, "isBase64Encoded": false,
    })
}

/// The JSON body of an answer.
pub fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

/// Somebody on the other side of the gateway.
#[derive(Clone)]
pub struct Client {
    pub connection: String,
    pub token: String,
    pub outbox: String,
    pub gateway: MemorySender,
}

impl Client {
    pub fn event(&self, kind: &str, route: &str) -> Value {
        json!({ "requestContext": {
            "connectionId": self.connection, "eventType": kind, "routeKey": route, "stage": "prod",
            "domainName": "ws.test", "identity": { "sourceIp": "192.0.2.2" },
        } })
    }

    pub fn connect_event(&self, ticket: &str) -> Value {
        let mut event = self.event("CONNECT", "$connect");
        event["headers"] = json!({ "Host": "ws.test", "Sec-WebSocket-Protocol": "dormouse.v1" });
        event["queryStringParameters"] = json!({ "token": ticket });
        event
    }

    pub fn message_event(&self, frame: Value) -> Value {
        let mut event = self.event("MESSAGE", "$default");
        (event["body"], event["isBase64Encoded"]) = (json!(frame.to_string()), json!(false));
        event
    }

    pub fn disconnect_event(&self) -> Value {
        self.event("DISCONNECT", "$disconnect")
    }

    pub async fn say(&self, host: &Host, frame: Value) {
        let answer = host.handle(self.message_event(frame)).await.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }

    pub async fn watch(&self, host: &Host, actor: &str) {
        self.say(host, json!({ "action": "subscribe", "actor": actor })).await;
    }

    pub fn command(&self, actor: &str, n: u64, command: Value) -> Value {
        let command_id = format!("{}:{n}", self.outbox);
        json!({ "action": "send", "actor": actor, "command_id": command_id, "command": command })
    }

    pub async fn send(&self, host: &Host, actor: &str, n: u64, command: Value) {
        self.say(host, self.command(actor, n, command)).await;
    }

    /// The frames since the last call.
    pub fn heard(&self) -> Vec<Value> {
        let messages = self.gateway.received(&self.connection);
        messages.iter().map(|message| serde_json::from_slice(message).unwrap()).collect()
    }

    /// Their types, for short.
    pub fn types(&self) -> String {
        let types = self.heard().into_iter().map(|frame| frame["type"].as_str().unwrap().to_owned());
        types.collect::<Vec<_>>().join(" ")
    }
}
