//! The client over real sockets, against a host that says what each test wants.

#![allow(clippy::unwrap_used)] // Its helpers are test code, too.

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use dormouse_client::{
    Client, ClientOptions, FileStorage, Handle, Json, Record, Restored, Status, Storage, SubscribeOptions, Types,
    Update, WatchOptions, limits,
};
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
    },
};

const OUTBOX: &str = "m3vq2k8g-7f3a9c";

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it does not come")
}

struct Host(TcpListener);

struct Wire(WebSocketStream<TcpStream>);

impl Host {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    fn options(&self) -> ClientOptions {
        ClientOptions::new(self.url()).token(|| async { Ok("token".into()) })
    }

    fn client(&self) -> Client {
        Client::new(self.options()).unwrap()
    }

    async fn accept(&self) -> Wire {
        let (stream, _) = soon(self.0.accept()).await.unwrap();
        #[allow(clippy::result_large_err)] // The library's own shape.
        let choose = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/v1/connect");
            assert_eq!(request.headers()["sec-websocket-protocol"], "dormouse.v1");
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("dormouse.v1"));
            Ok(response)
        };
        Wire(soon(accept_hdr_async(stream, choose)).await.unwrap())
    }

    /// Accept, hear `hello`, and answer it.
    async fn welcome(&self) -> (Wire, Value) {
        let mut wire = self.accept().await;
        let hello = wire.hear().await;
        wire.say(json!({
            "type": "welcome", "principal": { "id": "ana", "name": "Ana", "roles": [] }, "outbox": OUTBOX, "in_flight": 64,
            "limits": { "frame_bytes": 1024, "signal_bytes": 64, "ping_seconds": 25 }, "server": { "version": "0" },
        }))
        .await;
        (wire, hello)
    }
}

impl Wire {
    async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        match soon(self.0.next()).await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("no frame: {other:?}"),
        }
    }

    async fn ends(&mut self) -> bool {
        matches!(soon(self.0.next()).await, None | Some(Err(_) | Ok(Message::Close(_))))
    }
}

fn position(seq: u64) -> String {
    format!("1:{seq}:{seq:016x}")
}

fn accepted(n: u64, seq: u64) -> Value {
    json!({ "type": "accepted", "actor": "todo/a", "command_id": format!("{OUTBOX}:{n}"), "position": position(seq) })
}

fn todo(client: &Client) -> Handle {
    client.actor("todo").get("a").unwrap()
}

/// A send that goes on in the background.
fn sending(
    list: &Handle,
    command: Value,
) -> tokio::task::JoinHandle<Result<dormouse_client::Accepted, dormouse_client::Fault>> {
    let list = list.clone();
    tokio::spawn(async move { list.send(&command).await })
}

#[tokio::test]
async fn the_token_is_asked_for_at_every_connect() {
    let host = Host::new().await;
    let asked = Arc::new(AtomicU64::new(0));
    let counter = asked.clone();
    let provider = move || {
        let n = counter.fetch_add(1, Ordering::Relaxed);
        async move { if n == 1 { Err("the sign-in service is away".into()) } else { Ok(format!("token {n}")) } }
    };
    let client = Client::new(ClientOptions::new(host.url()).token(provider)).unwrap();
    let (wire, hello) = host.welcome().await;
    assert_eq!(hello, json!({ "action": "hello", "token": "token 0" }));
    drop(wire);
    let (_wire, hello) = host.welcome().await;
    assert_eq!(
        hello,
        json!({ "action": "hello", "token": "token 2", "outbox": OUTBOX }),
        "one that failed is asked again"
    );
    soon(client.status().wait_for(|status| *status == Status::Live)).await.unwrap();
    assert_eq!(client.principal().unwrap().id, "ana");
}

/// As it goes out when it has gone out before.
fn resent(mut frame: Value) -> Value {
    frame["resent"] = json!(true);
    frame
}

#[tokio::test]
async fn a_command_survives_the_line_that_carried_it() {
    let host = Host::new().await;
    let client = host.client();
    let sent = sending(&todo(&client), json!({ "type": "add" }));
    let (mut wire, _) = host.welcome().await;
    let first = wire.hear().await;
    assert_eq!(first["command_id"], format!("{OUTBOX}:1"));
    drop(wire);
    let (mut wire, _) = host.welcome().await;
    assert_eq!(wire.hear().await, resent(first), "the same id and the same body");
    let mut answer = accepted(1, 7);
    answer["again"] = json!(true);
    wire.say(answer).await;
    let accepted = soon(sent).await.unwrap().unwrap();
    assert_eq!((accepted.position.seq, accepted.again), (7, true));
}

#[tokio::test]
async fn a_file_keeps_commands_for_the_next_process() {
    let host = Host::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.json");
    let open = || Client::new(host.options().storage(FileStorage::open(&path).unwrap())).unwrap();
    let client = open();
    let sent = sending(&todo(&client), json!({ "type": "add", "title": "milk" }));
    let (mut wire, _) = host.welcome().await;
    let first = wire.hear().await;
    assert!(fs::read_to_string(&path).unwrap().contains("milk"), "stored before it left");
    client.close().await;
    assert_eq!(soon(sent).await.unwrap().unwrap_err().name, "closed");
    drop(client);
    assert!(wire.ends().await);

    let client = loop {
        // The file is free once the first client's task has ended.
        match FileStorage::open(&path) {
            Ok(storage) => break Client::new(host.options().storage(storage)).unwrap(),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let (mut wire, hello) = host.welcome().await;
    assert_eq!(hello["outbox"], OUTBOX);
    assert_eq!(wire.hear().await, resent(first));
    assert!(client.actor("todo").get("b").unwrap().restored().is_empty(), "another's");
    let [left] = <[Restored; 1]>::try_from(todo(&client).restored()).unwrap();
    assert_eq!((left.command.get().contains("milk"), left.sent), (true, true));
    assert!(todo(&client).restored().is_empty(), "handed out once");
    wire.say(accepted(1, 7)).await;
    assert_eq!(soon(left.answer()).await.unwrap().position.seq, 7);
    assert_eq!(client.waiting(), 0);
    let _next = sending(&todo(&client), json!({ "type": "add", "title": "eggs" }));
    assert_eq!(wire.hear().await["command_id"], format!("{OUTBOX}:2"));
}

/// Fails from its `n`th save on.
struct Full(u64);

impl Storage for Full {
    fn load(&mut self) -> io::Result<Option<Record>> {
        Ok(None)
    }

    fn save(&mut self, _: &Record) -> io::Result<()> {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_not_sent() {
    let host = Host::new().await;
    // The welcome is stored, the command is not.
    let client = Client::new(host.options().storage(Full(2))).unwrap();
    let (mut wire, _) = host.welcome().await;
    soon(client.status().wait_for(|status| *status == Status::Live)).await.unwrap();
    let fault = soon(todo(&client).send(&json!({ "type": "add" }))).await.unwrap_err();
    assert_eq!(fault.name, "storage_failed");
    assert!(wire.ends().await, "no number left that may be used again");
    assert_eq!(*client.status().borrow(), Status::Closed);
    assert_eq!(client.error().unwrap().name, "storage_failed");
}

struct Todo;

#[derive(Serialize)]
struct Add {
    title: &'static str,
}

#[derive(Debug, PartialEq, Deserialize)]
struct List {
    open: u64,
}

impl Types for Todo {
    type Config = ();
    type Command = Add;
    type Event = String;
    type View = List;
}

#[tokio::test]
async fn updates_come_as_the_applications_types() {
    let host = Host::new().await;
    let client = host.client();
    let list: Handle<Todo> = client.actor("todo").typed::<Todo>().get("a").unwrap();
    let mut views = list.subscribe(SubscribeOptions::view());
    let mut events = list.subscribe(SubscribeOptions::events_from_start());
    let (mut wire, _) = host.welcome().await;
    assert_eq!(wire.hear().await, json!({ "action": "subscribe", "actor": "todo/a", "as": "view" }));
    assert_eq!(wire.hear().await, json!({ "action": "subscribe", "actor": "todo/a", "as": "events", "from": "start" }));
    let etag = |n: u64| format!("{n:016x}");
    let resumed =
        |of, kind| json!({ "type": "resumed", "actor": "todo/a", "as": of, "kind": kind, "position": position(1) });
    wire.say(resumed("view", "snapshot")).await;
    wire.say(json!({ "type": "snapshot", "actor": "todo/a", "position": position(1), "etag": etag(1), "view": { "open": 1 } })).await;
    let Some(Ok(Update::View(update))) = soon(views.next()).await else { panic!("a view") };
    assert_eq!((update.view, update.position.seq), (List { open: 1 }, 1));
    wire.say(resumed("events", "tail")).await;
    let event = |event: Value| json!({ "seq": 1, "index": 0, "at": 5, "event": event });
    let told = |events: Value, seq: u64| json!({ "type": "events", "actor": "todo/a", "position": position(seq), "after_seq": seq - 1, "through_seq": seq, "events": events });
    wire.say(told(json!([event(json!("opened"))]), 1)).await;
    let Some(Ok(Update::Events(update))) = soon(events.next()).await else { panic!("events") };
    assert_eq!((update.events[0].event.as_str(), update.through_seq), ("opened", 1));

    let sent = tokio::spawn({
        let list = list.clone();
        async move { list.send(&Add { title: "milk" }).await }
    });
    wire.say(json!({ "type": "fireworks", "of": "a newer host" })).await;
    assert_eq!(wire.hear().await["command"], json!({ "title": "milk" }));
    wire.say(accepted(1, 2)).await;
    let accepted = soon(sent).await.unwrap().unwrap();
    assert!(!views.shows(&accepted));
    let ops = json!([{ "op": "replace", "path": "/open", "value": 2 }]);
    wire.say(json!({ "type": "patch", "actor": "todo/a", "base": etag(1), "etag": etag(2), "position": position(2), "ops": ops })).await;
    assert!(soon(views.next()).await.unwrap().is_ok());
    assert!(views.shows(&accepted));
    assert_eq!((views.view(), views.position().map(|at| at.seq)), (Some(List { open: 2 }), Some(2)));
    assert_eq!(views.etag(), Some(etag(2)));

    wire.say(told(json!([{ "seq": 2, "index": 0, "at": 5, "event": 9 }]), 2)).await;
    let fault = soon(events.next()).await.unwrap().unwrap_err();
    assert_eq!(fault.name, "unexpected_shape");
}

#[tokio::test]
async fn a_second_listener_has_the_view_at_once_and_the_wire_is_left_with_the_last() {
    let host = Host::new().await;
    let client = host.client();
    let list = todo(&client);
    let mut first = list.subscribe(SubscribeOptions::view());
    let (mut wire, _) = host.welcome().await;
    wire.hear().await;
    wire.say(
        json!({ "type": "resumed", "actor": "todo/a", "as": "view", "kind": "snapshot", "position": position(1) }),
    )
    .await;
    let snapshot = json!({ "type": "snapshot", "actor": "todo/a", "position": position(1), "etag": "0", "view": 1 });
    wire.say(snapshot).await;
    assert!(soon(first.next()).await.unwrap().is_ok());
    let mut second = list.subscribe(SubscribeOptions::view());
    let Some(Ok(Update::View(update))) = soon(second.next()).await else { panic!("a view") };
    assert_eq!(update.view, json!(1));
    drop(first);
    drop(second);
    assert_eq!(wire.hear().await, json!({ "action": "unsubscribe", "actor": "todo/a", "as": "view" }));
}

#[tokio::test]
async fn closed_everything_ends_and_dropped_the_line_does() {
    let host = Host::new().await;
    let client = host.client();
    let list = todo(&client);
    let mut views = list.subscribe(SubscribeOptions::view());
    let (mut wire, _) = host.welcome().await;
    wire.hear().await;
    client.close().await;
    assert!(soon(views.next()).await.is_none());
    assert_eq!(list.send(&json!(1)).await.unwrap_err().name, "closed");
    assert!(wire.ends().await);

    let client = host.client();
    let (mut wire, _) = host.welcome().await;
    drop(client);
    assert!(wire.ends().await);
}

#[tokio::test]
async fn what_is_too_large_or_misnamed_is_refused_before_it_is_sent() {
    let host = Host::new().await;
    let client = host.client();
    let (mut wire, _) = host.welcome().await;
    soon(client.status().wait_for(|status| *status == Status::Live)).await.unwrap();
    let list = todo(&client);
    assert_eq!(
        soon(list.send(&json!("x".repeat(600)))).await.unwrap_err().name,
        "too_large",
        "as this host's welcome says"
    );
    assert_eq!(list.signal(&"x".repeat(64)).await.unwrap_err().name, "too_large");
    list.signal(&json!({ "type": "typing" })).await.unwrap();
    assert_eq!(wire.hear().await["signal"], json!({ "type": "typing" }));
    assert_eq!(client.actor("todo").get("a/b").err().unwrap().name, "bad_name");
    assert_eq!(Client::new(ClientOptions::new("ftp://x")).unwrap_err().name, "bad_endpoint");
    let _: dormouse_client::ActorKind<Json> = client.actor("todo");
}

#[tokio::test]
async fn signals_of_one_actor_come_without_those_of_others() {
    let host = Host::new().await;
    let client = host.client();
    let mut signals = todo(&client).signals();
    let (mut wire, _) = host.welcome().await;
    for actor in ["todo/b", "todo/a"] {
        wire.say(json!({ "type": "signal", "actor": actor, "signal": actor })).await;
    }
    assert_eq!(soon(signals.next()).await.unwrap().signal, json!("todo/a"));
    drop(client);
    assert!(soon(signals.next()).await.is_none(), "it holds no client");
}

/// A proxy that wants everybody on https, as many do, or one that shows a page while the host is away.
#[tokio::test]
async fn an_endpoint_that_moved_is_said_and_not_followed() {
    let host = Host::new().await;
    // As a guest it begins with a request, with a token with the socket.
    for options in [ClientOptions::new(host.url()), host.options()] {
        let client = Client::new(options).unwrap();
        for (answer, status) in [("302 Found", Status::Offline), ("301 Moved Permanently", Status::Closed)] {
            let (mut stream, _) = soon(host.0.accept()).await.unwrap();
            stream.read_buf(&mut Vec::new()).await.unwrap();
            let answer = format!(
                "HTTP/1.1 {answer}\r\nlocation: https://host.example/\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            soon(client.status().wait_for(|now| *now == status)).await.unwrap();
            let fault = client.error().unwrap();
            assert_eq!(fault.name, "moved");
            assert!(fault.message.contains("https://host.example/"), "{fault}");
        }
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn a_root_certificate_must_be_one() {
    for pem in ["", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"] {
        let options = ClientOptions::new("https://host.example").root_certificate(pem);
        assert_eq!(Client::new(options).unwrap_err().name, "bad_certificate", "{pem:?}");
    }
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn without_the_feature_an_https_endpoint_is_refused_at_once() {
    let fault = Client::new(ClientOptions::new("https://host.example")).unwrap_err();
    assert_eq!((&*fault.name, fault.action), ("no_tls", dormouse_client::Action::Stop));
    assert!(fault.message.contains("cargo feature `tls` of dormouse-client"), "{fault}");
}

fn row(title: &str) -> Value {
    json!({
        "kind": "todo", "id": "a", "title": title, "status": "open", "members": ["ana"], "sort": 0, "position": position(1),
        "created_at": 1, "updated_at": 2, "awake": true,
    })
}

#[tokio::test]
async fn a_list_is_followed_by_all_who_watch_it() {
    let host = Host::new().await;
    let client = host.client();
    let watch = || client.actor("todo").watch(WatchOptions { mine: true, status: None }).unwrap();
    let mut first = watch();
    assert_eq!(first.rows().map(|page| page.rows.len()), None);
    let (mut wire, _) = host.welcome().await;
    let asked = wire.hear().await;
    assert_eq!(asked, json!({ "action": "subscribe", "list": { "kind": "todo", "mine": true } }));
    let list = &asked["list"];
    wire.say(json!({ "type": "resumed", "list": list, "kind": "snapshot" })).await;
    let higher = |id: &str, sort: i64, updated_at: u64| {
        let mut row = row(id);
        (row["id"], row["sort"], row["updated_at"]) = (json!(id), json!(sort), json!(updated_at));
        row
    };
    let rows = json!({ "a": row("A"), "b": higher("b", 0, 3), "c": higher("c", 1, 0), "d": higher("d", 0, 3) });
    let view = json!({ "rows": rows, "next": "more" });
    wire.say(json!({ "type": "snapshot", "list": list, "etag": "1", "view": view })).await;
    let page = soon(first.next()).await.unwrap().unwrap();
    let ids: Vec<&str> = page.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!((ids, page.next.as_deref()), (vec!["c", "d", "b", "a"], Some("more")), "in the order of the host");

    let mut second = watch();
    assert_eq!(soon(second.next()).await.unwrap().unwrap().rows, page.rows, "it is held already");
    let ops = json!([{ "op": "replace", "path": "/rows/a/title", "value": "B" }, { "op": "remove", "path": "/next" }]);
    wire.say(json!({ "type": "patch", "list": list, "base": "1", "etag": "2", "ops": ops })).await;
    for watched in [&mut first, &mut second] {
        let page = soon(watched.next()).await.unwrap().unwrap();
        assert_eq!((page.rows[3].title.as_str(), page.next), ("B", None));
        assert_eq!(watched.rows().unwrap().rows, page.rows);
    }
    drop(first);
    tokio::time::sleep(limits::LINGER + Duration::from_millis(100)).await;
    let ops = json!([{ "op": "remove", "path": "/rows/a" }]);
    wire.say(json!({ "type": "patch", "list": list, "base": "2", "etag": "3", "ops": ops })).await;
    assert_eq!(soon(second.next()).await.unwrap().unwrap().rows.len(), 3, "another one's end is not the second's");
    wire.say(json!({ "type": "error", "list": list, "code": 4404, "name": "not_found", "message": "" })).await;
    assert_eq!(soon(second.next()).await.unwrap().unwrap_err().code, 4404);
    assert!(soon(second.next()).await.is_none());
}

#[tokio::test]
async fn a_list_that_nobody_watches_any_more_is_left() {
    let host = Host::new().await;
    let client = host.client();
    let (first, second) = [(); 2].map(|()| client.actor("todo").watch(WatchOptions::default()).unwrap()).into();
    let (mut wire, _) = host.welcome().await;
    let asked = wire.hear().await;
    drop(first);
    drop(second);
    assert_eq!(wire.hear().await, json!({ "action": "unsubscribe", "list": asked["list"] }));
}

#[tokio::test]
async fn a_list_that_no_host_could_know_is_not_asked_for() {
    let client = Host::new().await.client();
    let name = |kind: &str, status: usize| {
        let options = WatchOptions { status: Some("x".repeat(status)), ..WatchOptions::default() };
        client.actor(kind).watch(options).err().map(|fault| fault.name)
    };
    assert_eq!(name("to do", 1).as_deref(), Some("bad_name"));
    assert_eq!(name("todo", 513).as_deref(), Some("too_large"));
    assert_eq!(name("todo", 512), None);
}
