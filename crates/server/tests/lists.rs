//! Lists over the wire: rows that come and go by themselves, over a socket and over an event stream.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, Socket};
use dormouse_core::{Code, limits};
use serde_json::{Value, json};

fn id(actor: &str) -> &str {
    actor.strip_prefix("counter/").unwrap()
}

async fn retire(host: &Host, token: &str, actor: &str) {
    let request = reqwest::Client::new().delete(host.url(&format!("/v1/{actor}"))).bearer_auth(token);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

async fn get(host: &Host, token: &str, path: &str) -> Value {
    let request = reqwest::Client::new().get(host.url(path)).bearer_auth(token);
    request.send().await.unwrap().json().await.unwrap()
}

/// A list as its frames build it.
struct Watched {
    list: Value,
    etag: String,
    view: Value,
}

impl Watched {
    async fn new(socket: &mut Socket, list: Value) -> Self {
        socket.say(json!({ "action": "subscribe", "list": list })).await;
        let resumed = socket.hear().await;
        assert_eq!(resumed, json!({ "type": "resumed", "list": list, "kind": "snapshot" }));
        let mut watched = Self { list, etag: String::new(), view: Value::Null };
        watched.hear(socket).await;
        watched
    }

    async fn hear(&mut self, socket: &mut Socket) {
        let frame = socket.hear().await;
        assert_eq!(frame["list"], self.list, "{frame}");
        if frame["type"] == "patch" {
            assert_eq!(frame["base"], *self.etag);
            let ops: json_patch::Patch = serde_json::from_value(frame["ops"].clone()).unwrap();
            json_patch::patch(&mut self.view, &ops).unwrap();
        } else {
            assert_eq!(frame["type"], "snapshot");
            self.view = frame["view"].clone();
        }
        frame["etag"].as_str().unwrap().clone_into(&mut self.etag);
    }

    async fn until(&mut self, socket: &mut Socket, rows: usize) {
        while self.view["rows"].as_object().unwrap().len() != rows {
            self.hear(socket).await;
        }
    }
}

#[tokio::test]
async fn a_room_that_somebody_makes_is_in_the_list_of_everybody_until_it_retires() {
    let host = Host::start().await;
    let (ana, bo) = (host.token("Ana"), host.token("Bo"));
    let (mut socket, _) = host.enter(&bo).await;
    let mut watched = Watched::new(&mut socket, json!({ "kind": "counter" })).await;
    assert_eq!(watched.view, json!({ "rows": {} }));
    let actor = host.counter(&ana, json!({})).await;
    watched.until(&mut socket, 1).await;
    let page = get(&host, &bo, "/v1/counter").await;
    assert_eq!(watched.view["rows"][id(&actor)], page["rows"][0], "a row is the same wherever it is shown");
    assert_eq!((&page["rows"][0]["sort"], page["rows"][0].get("private")), (&json!(0), None));
    retire(&host, &ana, &actor).await;
    watched.until(&mut socket, 0).await;
}

#[tokio::test]
async fn who_comes_back_gets_what_is_another_than_it_holds() {
    let host = Host::start().await;
    let token = host.token("Ana");
    host.counter(&token, json!({})).await;
    let list = json!({ "kind": "counter", "status": "open" });
    let (mut socket, _) = host.enter(&token).await;
    let watched = Watched::new(&mut socket, list.clone()).await;
    drop(socket);
    let subscribe = json!({ "action": "subscribe", "list": list, "etag": watched.etag });
    let (mut socket, _) = host.enter(&token).await;
    socket.say(subscribe.clone()).await;
    assert_eq!(socket.hear().await, json!({ "type": "resumed", "list": list, "kind": "current" }));
    drop(socket);
    host.counter(&token, json!({})).await;
    let (mut socket, _) = host.enter(&token).await;
    socket.say(subscribe).await;
    assert_eq!(socket.hear().await["kind"], "snapshot");
    assert_eq!(socket.hear().await["view"]["rows"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn who_unsubscribes_hears_no_more_of_it() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let (mut leaves, _) = host.enter(&token).await;
    let (mut stays, _) = host.enter(&token).await;
    let list = json!({ "kind": "counter" });
    Watched::new(&mut leaves, list.clone()).await;
    let mut watched = Watched::new(&mut stays, list.clone()).await;
    leaves.say(json!({ "action": "unsubscribe", "list": list })).await;
    leaves.say(json!({ "action": "ping" })).await;
    assert_eq!(leaves.hear().await["type"], "pong");
    host.counter(&token, json!({})).await;
    watched.until(&mut stays, 1).await;
    leaves.say(json!({ "action": "ping" })).await;
    assert_eq!(leaves.hear().await["type"], "pong");
}

#[tokio::test]
async fn what_is_no_list_is_refused_by_number() {
    let host = Host::start().await;
    let (mut socket, _) = host.enter(&host.token("Ana")).await;
    for (frame, code, names) in [
        (json!({ "action": "subscribe", "list": { "kind": "chess" } }), Code::NotFound, true),
        (json!({ "action": "subscribe", "list": { "kind": "no name" } }), Code::BadName, false),
        (json!({ "action": "subscribe", "list": { "kind": "counter", "limit": 9 } }), Code::UnknownField, false),
        (json!({ "action": "subscribe", "list": { "kind": "counter" }, "from": "start" }), Code::UnknownField, true),
        (
            json!({ "action": "subscribe", "list": { "kind": "counter" }, "actor": "counter/a" }),
            Code::UnknownField,
            false,
        ),
    ] {
        socket.say(frame.clone()).await;
        let error = socket.hear().await;
        assert_eq!((&error["code"], &error["action"]), (&json!(code as u16), &json!("subscribe")), "{frame}: {error}");
        assert_eq!(error.get("list"), names.then_some(&frame["list"]), "{error}");
    }
    // Nobody need be told that a list which nobody follows is not followed.
    socket.say(json!({ "action": "unsubscribe", "list": { "kind": "chess" } })).await;
    socket.say(json!({ "action": "ping" })).await;
    assert_eq!(socket.hear().await["type"], "pong");
}

#[tokio::test]
async fn lists_count_among_the_subscriptions_of_a_connection() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let actor = host.counter(&token, json!({})).await;
    let (mut socket, _) = host.enter(&token).await;
    let list = |n: usize| json!({ "kind": "counter", "status": format!("s{n}") });
    for n in 1..limits::SUBSCRIPTIONS_MAX {
        Watched::new(&mut socket, list(n)).await;
    }
    socket.say(json!({ "action": "subscribe", "actor": actor })).await;
    socket.hear_type("snapshot").await;
    socket.say(json!({ "action": "subscribe", "list": list(0) })).await;
    assert_eq!(socket.hear_type("error").await["code"], Code::TooManySubscriptions as u16);
    socket.say(json!({ "action": "subscribe", "actor": actor, "as": "events" })).await;
    assert_eq!(socket.hear_type("error").await["code"], Code::TooManySubscriptions as u16);
    socket.say(json!({ "action": "subscribe", "list": list(1) })).await;
    assert_eq!(socket.hear_type("resumed").await["list"], list(1), "one that it has may be asked for again");
    socket.say(json!({ "action": "unsubscribe", "list": list(1) })).await;
    socket.say(json!({ "action": "subscribe", "list": list(0) })).await;
    assert_eq!(socket.hear_type("resumed").await["list"], list(0));
}

/// A stream, and what came of it and was not taken yet.
struct Stream(reqwest::Response, String);

impl Stream {
    async fn open(host: &Host, token: &str, path: &str, last: Option<&str>) -> Self {
        let request = reqwest::Client::new().get(host.url(path)).bearer_auth(token);
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        Self(request.send().await.unwrap(), String::new())
    }

    /// The next message's id and frame.
    async fn hear(&mut self) -> (Option<String>, Value) {
        loop {
            if let Some((message, rest)) = self.1.split_once("\n\n") {
                let field =
                    |name: &str| message.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
                let (id, data) = (field("id:"), field("data:"));
                self.1 = rest.to_owned();
                if let Some(data) = data {
                    return (id, serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            self.1.push_str(std::str::from_utf8(&self.0.chunk().await.unwrap().unwrap()).unwrap());
        }
    }
}

#[tokio::test]
async fn a_stream_of_a_list_resumes_by_its_etag() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let mut stream = Stream::open(&host, &token, "/v1/counter/stream?status=open&mine=false", None).await;
    let list = json!({ "kind": "counter", "status": "open" });
    assert_eq!(stream.hear().await, (None, json!({ "type": "resumed", "list": list, "kind": "snapshot" })));
    let (id, empty) = stream.hear().await;
    assert_eq!((id.as_deref(), &empty["view"]), (empty["etag"].as_str(), &json!({ "rows": {} })));
    host.counter(&token, json!({})).await;
    let (id, shown) = stream.hear().await;
    assert_eq!((id.as_deref(), shown["view"]["rows"].as_object().unwrap().len()), (shown["etag"].as_str(), 1));
    for (query, last) in [(String::new(), id.as_deref()), (format!("&etag={}", id.as_deref().unwrap()), None)] {
        let path = format!("/v1/counter/stream?status=open{query}");
        let (id, resumed) = Stream::open(&host, &token, &path, last).await.hear().await;
        assert_eq!((id, &resumed["kind"]), (None, &json!("current")));
    }
}

#[tokio::test]
async fn a_stream_of_a_list_is_refused_as_one_of_an_actor_is() {
    let host = Host::start().await;
    let token = host.token("Ana");
    for (path, token, code) in [
        ("/v1/counter/stream?colour=red", &*token, Code::BadQuery),
        ("/v1/counter/stream?mine=perhaps", &*token, Code::BadQuery),
        ("/v1/no%20name/stream", &*token, Code::BadName),
        (&format!("/v1/counter/stream?status={}", "x".repeat(513)), &*token, Code::TooLarge),
        ("/v1/counter/stream", "", Code::Unauthenticated),
    ] {
        let answer = get(&host, token, path).await;
        assert_eq!(answer["error"]["code"], code as u16, "{path}: {answer}");
    }
    let (_, error) = Stream::open(&host, &token, "/v1/chess/stream", None).await.hear().await;
    assert_eq!((&error["code"], &error["list"]), (&json!(4404), &json!({ "kind": "chess" })));
}
