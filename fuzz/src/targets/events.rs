//! Event streams: `Last-Event-ID`, as it comes over HTTP, against a real host over a journal in memory.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    http::{HeaderValue, Request, StatusCode, header},
};
use dormouse_core::{Code, Position, Time, frame::client::From};
use dormouse_engine::{
    Engine, Store,
    http::{Aliases, Api, Peer},
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins, Rates},
    world::World,
};
use dormouse_journal::{LocalHints, MemoryStore};
use dormouse_server::Lines;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::people::kinds;
use crate::text::text;

const NOW: Time = Time(1_790_000_000_000);
/// Nobody is too fast where time stands still.
const RATES: Rates = Rates { per_principal: 1_000_000, per_connection: 1_000_000, per_address: 1_000_000 };
/// Commits of the one actor there is.
const COMMITS: u64 = 5;
/// No answer takes longer where time passes when nobody has anything to do.
const QUIET: Duration = Duration::from_millis(10);

thread_local! {
    static HOST: Host = Host::start();
}

/// A line with what to follow, `view` or `events`, then the header. `{3}` in it stands for the tag of the third commit. What is no position is
/// refused; what is one of another history is told so and gets everything; and who names a position gets what came after it, each event once and
/// in order, and ids that lead to where the actor stands.
pub fn last_event_id(data: &[u8]) {
    let Some((of, id)) = text(data).and_then(|text| text.split_once('\n')) else { return };
    if matches!(of, "view" | "events") {
        HOST.with(|host| host.check(of, id));
    }
}

struct Now;

impl World for Now {
    fn now(&self) -> Time {
        NOW
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// One host with one list.
struct Host {
    runtime: Runtime,
    router: Router,
    token: String,
    /// The path of the actor.
    actor: String,
    /// Before the first commit, and after each.
    positions: Vec<Position>,
}

/// One event of a stream.
#[derive(Debug)]
struct Told {
    id: Option<Position>,
    frame: Value,
}

impl Host {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let api = api();
        let token = api.identity.guest(Some("Ann")).expect("guests are let in").token;
        let router = runtime.block_on(async { Lines::new(api).router() });
        let mut host = Self { runtime, router, token, actor: String::new(), positions: vec![] };
        host.make();
        host
    }

    fn make(&mut self) {
        let made = self.post("/v1/todo", &json!({}));
        self.actor = format!("/v1/todo/{}", made["id"].as_str().unwrap_or_else(|| panic!("no actor: {made}")));
        let commands = format!("{}/commands", self.actor);
        let first: Position = made["position"].as_str().and_then(|text| text.parse().ok()).expect("a position");
        self.positions = vec![Position { seq: 0, tag: [0; 8], ..first }, first];
        for n in 1..COMMITS {
            let command = json!({ "type": "add_todo", "title": format!("thing {n}") });
            let made = self.post(&commands, &json!({ "command": command }));
            self.positions.push(made["position"].as_str().and_then(|text| text.parse().ok()).expect("a position"));
        }
    }

    fn request(&self, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().uri(path).header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        request.extension(Peer(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.request(path).method("POST").header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).expect("a request");
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("it always answers");
            body_of(response.into_body()).await
        })
    }

    fn check(&self, of: &str, id: &str) {
        let id = self.filled(id);
        let Ok(value) = HeaderValue::from_str(&id) else { return };
        let asked = value.to_str().map_err(|_| ()).and_then(|text| text.parse::<From>().map_err(|_| ()));
        let request = self.request(&format!("{}/stream?as={of}", self.actor)).header("last-event-id", value);
        let request = request.body(Body::empty()).expect("a request");
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("it always answers");
            match (asked, response.status()) {
                (Err(()), StatusCode::BAD_REQUEST) => {
                    assert_eq!(
                        body_of(response.into_body()).await["error"]["code"],
                        Code::BadPosition as u16,
                        "{id:?}"
                    );
                }
                (Ok(from), StatusCode::OK) => {
                    let told = told(response.into_body().into_data_stream()).await;
                    if of == "view" { self.views(from, &told) } else { self.events(from, &told) }
                }
                (asked, status) => panic!("{asked:?} got {status}"),
            }
        });
    }

    /// `{3}` stands for the tag of the third commit, so that inputs stay what they are when bytes of records change.
    fn filled(&self, id: &str) -> String {
        let fill = |text: String, (seq, position): (usize, &Position)| {
            let written = position.to_string();
            text.replace(&format!("{{{seq}}}"), written.rsplit(':').next().unwrap_or_default())
        };
        self.positions.iter().enumerate().fold(id.to_owned(), fill)
    }

    fn views(&self, from: From, told: &[Told]) {
        let head = self.head();
        let kind = match self.held(from) {
            Some(seq) if seq == head.seq => "current",
            None if matches!(from, From::After(_)) => "reset",
            _ => "snapshot",
        };
        self.greets(kind, told);
        let views: Vec<&Value> =
            told.iter().map(|told| &told.frame).filter(|frame| frame["type"] == "snapshot").collect();
        assert_eq!(views.len(), usize::from(kind != "current"), "after {kind}");
        assert!(views.iter().all(|view| (view["reset"] == true) == (kind == "reset")), "{told:?}");
        stands_at(head, told);
    }

    fn events(&self, from: From, told: &[Told]) {
        let head = self.head();
        let (kind, after) = match self.held(from) {
            Some(seq) if seq == head.seq => ("current", seq),
            Some(seq) => ("tail", seq),
            None if matches!(from, From::After(_)) => ("reset", 0),
            None => ("tail", 0),
        };
        self.greets(kind, told);
        let frames = told.iter().flat_map(|told| told.frame["events"].as_array()).flatten();
        let seqs: Vec<u64> = frames.filter_map(|event| event["seq"].as_u64()).collect();
        assert_eq!(seqs, (after + 1..=head.seq).collect::<Vec<u64>>(), "after {kind}");
        stands_at(head, told);
    }

    fn greets(&self, kind: &str, told: &[Told]) {
        let first = told.first().map(|told| (&told.frame["type"], &told.frame["kind"]));
        assert_eq!(first, Some((&json!("resumed"), &json!(kind))), "{told:?}");
        let ids: Vec<Position> = told.iter().filter_map(|told| told.id).collect();
        assert!(ids.iter().all(|id| self.positions.contains(id)), "{ids:?} are no positions of the actor");
    }

    fn head(&self) -> Position {
        self.positions[COMMITS as usize]
    }

    /// The commit that is held, if it is of this history.
    fn held(&self, from: From) -> Option<u64> {
        match from {
            // Before the first commit every history is the same.
            From::After(position) if position.seq == 0 => Some(0),
            From::After(position) => self.positions.contains(&position).then_some(position.seq),
            From::Now | From::Start => None,
        }
    }
}

/// Where the stream brings its reader.
fn stands_at(head: Position, told: &[Told]) {
    assert_eq!(told.iter().rev().find_map(|told| told.id), Some(head), "{told:?}");
}

fn api() -> Arc<Api> {
    let world: Arc<dyn World> = Arc::new(Now);
    let store = Arc::new(MemoryStore::default());
    let store = Store { journal: store.clone(), index: store, hints: Arc::new(LocalHints::default()) };
    let config = IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32]));
    Arc::new(Api {
        engine: Engine::with(kinds().iter().cloned(), store, world.clone(), vec![]),
        identity: Identity::new(config, world),
        admission: Admission::new(RATES),
        origins: Origins::parse([]).expect("an empty list"),
        app: "fuzz".into(),
        aliases: Aliases::default(),
        connect_url: None,
        connections: AtomicUsize::new(0),
    })
}

async fn body_of(body: Body) -> Value {
    let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&bytes)))
}

/// What a stream says until it has nothing more to say.
async fn told(mut stream: BodyDataStream) -> Vec<Told> {
    let mut text = String::new();
    while let Ok(Some(chunk)) = tokio::time::timeout(QUIET, stream.next()).await {
        text.push_str(std::str::from_utf8(&chunk.expect("the stream goes on")).expect("events are text"));
    }
    text.split_terminator("\n\n").map(one).collect()
}

fn one(event: &str) -> Told {
    let mut told = Told { id: None, frame: Value::Null };
    for line in event.lines() {
        match line.split_once(": ") {
            Some(("data", data)) if told.frame.is_null() => told.frame = serde_json::from_str(data).expect("a frame"),
            Some(("id", id)) if told.id.is_none() => told.id = Some(id.parse().expect("an id is a position")),
            _ => panic!("{line:?} is no line of an event"),
        }
    }
    told
}
