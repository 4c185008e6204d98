//! A host of its own for each case, with a bystander in it: somebody in another room, whom no case may touch.

use std::{
    io::Write,
    sync::{Arc, LazyLock, Mutex, Once, PoisonError, atomic::AtomicUsize},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use dormouse_core::Kind;
use dormouse_engine::{
    Engine, Store,
    http::{Aliases, Api},
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins, Rates, Verifier},
    world::{System, World},
};
use dormouse_journal::{LocalHints, MemoryStore};
use dormouse_server::{Ended, Server};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    common::{Counter, Host, Socket},
    journal::Watched,
    raw::{Raw, Response},
};

/// Signs the tokens of people with names of their own.
pub const SECRET: &[u8] = b"a secret of more than thirty-two bytes";
/// A public key without its private half (RFC 8410, 10.1).
pub const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
pub const AUDIENCE: &str = "dormouse";

pub struct House {
    pub host: Host,
    pub journal: Arc<Watched>,
    bystander: tokio::sync::Mutex<Option<Bystander>>,
    running: Mutex<Option<(oneshot::Sender<()>, JoinHandle<Ended>)>>,
}

struct Bystander {
    socket: Socket,
    token: String,
    actor: String,
    view: Value,
}

impl House {
    pub async fn open() -> Arc<Self> {
        Self::over(MemoryStore::default(), Admission::default()).await.with_bystander().await
    }

    pub async fn with_bystander(self: Arc<Self>) -> Arc<Self> {
        *self.bystander.lock().await = Some(Bystander::enter(&self.host).await);
        self
    }

    /// Without a bystander; one of the rates is five, and the others are out of the way.
    pub async fn paced(change: impl FnOnce(&mut Rates)) -> Arc<Self> {
        let plenty = 1_000_000;
        let mut rates = Rates { per_principal: plenty, per_connection: plenty, per_address: plenty };
        change(&mut rates);
        Self::over(MemoryStore::default(), Admission::new(rates)).await
    }

    /// Without a bystander: over what another house left, or with other rates.
    pub async fn over(store: MemoryStore, admission: Admission) -> Arc<Self> {
        capture_logs();
        let journal = Arc::new(Watched::over(store.clone()));
        let world: Arc<dyn World> = Arc::new(System);
        let seams =
            Store { journal: journal.clone(), index: Arc::new(store.clone()), hints: Arc::new(LocalHints::default()) };
        let config = IdentityConfig {
            verifiers: vec![Verifier::from_secret(SECRET).unwrap(), Verifier::from_pem(PUBLIC_KEY.as_bytes()).unwrap()],
            audience: Some(AUDIENCE.into()),
            ..IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32]))
        };
        let api = Arc::new(Api {
            engine: Engine::with([Arc::new(Kind::of::<Counter>())], seams, world.clone(), vec![]),
            identity: Identity::new(config, world),
            admission,
            origins: Origins::parse([]).unwrap(),
            app: "test".into(),
            aliases: Aliases::default(),
            connect_url: None,
            connections: AtomicUsize::new(0),
        });
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), api.clone(), None).await.unwrap();
        let address = server.address().unwrap();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(server.run(async move { drop(stopped.await) }));
        let host = Host { address, api, store };
        let running = Mutex::new(Some((stop, ended)));
        Arc::new(Self { host, journal, bystander: tokio::sync::Mutex::new(None), running })
    }

    pub async fn raw(&self) -> Raw {
        Raw::connect(self.host.address).await
    }

    /// A raw socket that has said hello, and its outbox.
    pub async fn enter_raw(&self) -> (Raw, String) {
        self.raw().await.enter(&self.host.token("Mallory")).await
    }

    /// One request on a connection of its own.
    pub async fn ask(&self, token: &str, method: &str, path: &str, body: &str) -> Response {
        self.ask_with(token, method, path, "", body).await
    }

    /// The same with further header lines.
    pub async fn ask_with(&self, token: &str, method: &str, path: &str, headers: &str, body: &str) -> Response {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{headers}\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        self.raw().await.ask(&request).await
    }

    /// Send a command over HTTP; its position.
    pub async fn act(&self, token: &str, actor: &str, command: Value) -> String {
        let body = json!({ "command": command }).to_string();
        let response = self.ask(token, "POST", &format!("/v1/{actor}/commands"), &body).await;
        assert_eq!(response.status, 200, "{response:?}");
        position(&response.body)
    }

    /// Where the actor stands.
    pub async fn position_of(&self, token: &str, actor: &str) -> String {
        position(&self.ask(token, "GET", &format!("/v1/{actor}"), "").await.body)
    }

    /// Begin to drain; resolves when the host has ended.
    pub async fn drain(&self) -> Ended {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (stop, ended) = running.expect("a house drains once");
        stop.send(()).unwrap();
        ended.await.unwrap()
    }

    /// The bystander has noticed nothing, and the host still serves.
    pub async fn assert_untouched(&self) {
        if let Some(bystander) = self.bystander.lock().await.take() {
            bystander.assert_untouched(&self.host).await;
        }
    }
}

impl Bystander {
    async fn enter(host: &Host) -> Self {
        let token = host.token("Bystander");
        let actor = host.counter(&token, json!({})).await;
        let (mut socket, _) = host.enter(&token).await;
        socket.say(json!({ "action": "subscribe", "actor": actor })).await;
        let view = socket.hear_type("snapshot").await;
        Self { socket, token, actor, view }
    }

    async fn assert_untouched(mut self, host: &Host) {
        self.socket.say(json!({ "action": "ping", "positions": { &self.actor: self.view["position"] } })).await;
        loop {
            let frame = self.socket.hear().await;
            match frame["type"].as_str() {
                Some("presence") => {}
                Some("pong") => break assert_eq!(frame["behind"], json!({}), "the bystander's room has moved"),
                _ => panic!("the bystander heard {frame}"),
            }
        }
        let (mut fresh, _) = host.enter(&self.token).await;
        fresh.say(json!({ "action": "subscribe", "actor": self.actor })).await;
        let view = fresh.hear_type("snapshot").await;
        assert_eq!(view, self.view, "the bystander's room has changed");
    }
}

pub fn position(body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap();
    value["position"].as_str().unwrap_or_else(|| panic!("no position in {body}")).to_owned()
}

/// A token of somebody in this tenant, with some claims changed; `null` takes one away.
pub fn token(tenant: &str, name: &str, changes: Value) -> String {
    let mut claims = json!({ "sub": name, "name": name, "tenant": tenant, "aud": AUDIENCE, "exp": seconds() + 3600.0 });
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(key)),
            value => claims[key] = value.clone(),
        }
    }
    sign(&jsonwebtoken::Header::default(), &claims, SECRET)
}

pub fn sign(header: &jsonwebtoken::Header, claims: &Value, secret: &[u8]) -> String {
    jsonwebtoken::encode(header, claims, &jsonwebtoken::EncodingKey::from_secret(secret)).unwrap()
}

/// Now, in seconds since 1970.
pub fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Ask again until it holds, for as long as a test has patience.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

static LOGS: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(Mutex::default);

struct Capture;

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGS.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that anything logs, at every level.
pub fn logs() -> String {
    String::from_utf8_lossy(&LOGS.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

fn capture_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let level = tracing_subscriber::filter::LevelFilter::TRACE;
        tracing_subscriber::fmt().with_max_level(level).with_ansi(false).with_writer(|| Capture).init();
    });
}
