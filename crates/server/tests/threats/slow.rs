//! Cases 12, 13 and 16: peers that take their time. They run in parallel, as long as the limits that they wait for.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use dormouse_core::{Code, limits};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::{
    house::House,
    raw::{FIN, PING, Raw, TEXT, frame, text},
    table::{Case, case, check},
};

/// Busy processors may be this late.
const LATE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow() {
    check(cases()).await;
}

pub fn cases() -> Vec<Case> {
    vec![
        case(12, "a head, one byte a second", "408 at 5 s", slow_head).beside(),
        case(12, "a body, one byte a second", "408 timeout at 10 s", slow_body).beside(),
        case(12, "a hello, one fragment a second", "4408 timeout at 5 s", slow_hello).beside(),
        case(13, "a reader that stops", "bounded, then 4408 too_slow, and resumes", slow_reader).alone(),
        case(13, "a reader that stops, of one view", "the newest view alone", slow_viewer).alone(),
        case(13, "a reader that stops, of events", "all of them, once it reads", slow_events).alone(),
        case(13, "a reader that stops, of an event stream", "all of them, once it reads", slow_stream).alone(),
        case(16, "connect and say nothing", "closed at 5 s", says_nothing).beside(),
        case(16, "upgrade and say nothing", "4408 timeout at 5 s", no_hello).beside(),
        case(16, "upgrade and ping", "4401 hello_first", only_pings),
        case(16, "upgrade and subscribe", "4401 hello_first", not_hello),
    ]
}

/// Whatever this does takes as long as the limit, and not much longer.
async fn takes<T>(limit: Duration, what: impl Future<Output = T>) -> T {
    let since = Instant::now();
    let done = what.await;
    let took = since.elapsed();
    assert!(took + Duration::from_millis(200) >= limit && took <= limit + LATE, "{took:?} for {limit:?}");
    done
}

/// Send these, one a second, until the other side says something.
async fn drip(raw: &mut Raw, pieces: impl Iterator<Item = Vec<u8>>) {
    for piece in pieces {
        raw.send(&piece).await;
        if tokio::time::timeout(Duration::from_secs(1), raw.stream.readable()).await.is_ok() {
            return;
        }
    }
    panic!("the other side had nothing to say");
}

async fn slow_head(house: Arc<House>) {
    let mut raw = house.raw().await;
    let bytes = b"GET /health HTTP/1.1\r\n".iter().map(|byte| vec![*byte]);
    takes(limits::HANDSHAKE, drip(&mut raw, bytes)).await;
    let response = raw.response().await;
    assert_eq!((response.status, response.code()), (408, Some(Code::Timeout as u64)), "{response:?}");
    assert_eq!(raw.rest().await, b"", "closed after it");
}

async fn slow_body(house: Arc<House>) {
    let mut raw = house.raw().await;
    raw.send(b"POST /v1/guest HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n").await;
    takes(limits::BODY, drip(&mut raw, (0..1_000).map(|_| vec![b' ']))).await;
    let response = raw.response().await;
    assert_eq!((response.status, response.code()), (408, Some(Code::Timeout as u64)), "{response:?}");
}

async fn slow_hello(house: Arc<House>) {
    let mut raw = house.raw().await.upgrade().await;
    let fragments = std::iter::once(frame(TEXT, b"{")).chain((0..100).map(|_| frame(0, b" ")));
    takes(limits::HANDSHAKE, drip(&mut raw, fragments)).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4408), Some(Code::Timeout as u64)), "{ended:?}");
}

async fn says_nothing(house: Arc<House>) {
    let mut raw = house.raw().await;
    let mut byte = [0];
    let read = takes(limits::HANDSHAKE, raw.stream.read(&mut byte)).await;
    assert_eq!(read.unwrap(), 0, "nobody asked for anything, so nothing is answered");
}

async fn no_hello(house: Arc<House>) {
    let raw = house.raw().await.upgrade().await;
    let ended = takes(limits::HANDSHAKE, raw.end()).await;
    assert_eq!((ended.close, ended.goodbye), (Some(4408), Some(Code::Timeout as u64)), "{ended:?}");
}

async fn only_pings(house: Arc<House>) {
    let mut raw = house.raw().await.upgrade().await;
    raw.send(&frame(FIN | PING, b"")).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4401), Some(Code::HelloFirst as u64)), "{ended:?}");
}

async fn not_hello(house: Arc<House>) {
    let mut raw = house.raw().await.upgrade().await;
    raw.say(json!({ "action": "subscribe", "actor": "counter/x" })).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4401), Some(Code::HelloFirst as u64)), "{ended:?}");
}

/// More than may wait for one connection and what two kernels keep between them.
const ROOMS: usize = 30;

async fn slow_reader(house: Arc<House>) {
    let token = house.host.token("Ana");
    let mut actors = Vec::new();
    for _ in 0..ROOMS {
        let actor = house.host.counter(&token, json!({})).await;
        house.act(&token, &actor, json!({ "type": "fill", "bytes": 1_000_000 })).await;
        actors.push(actor);
    }
    let (mut watcher, _) = house.host.enter(&token).await;
    for actor in &actors {
        watcher.say(json!({ "action": "subscribe", "actor": actor, "as": "events" })).await;
        watcher.hear_type("resumed").await;
    }
    let (mut slow, _) = Raw::connect_narrow(house.host.address).await.enter(&house.host.token("Mallory")).await;
    // In one piece, since a host that cannot write does not read either.
    let asked = actors.iter().map(|actor| text(&json!({ "action": "subscribe", "actor": actor }).to_string()));
    slow.send(&asked.collect::<Vec<_>>().concat()).await;
    let mut waiting: BTreeSet<String> = actors.into_iter().collect();
    while !waiting.is_empty() {
        let presence = watcher.hear_type("presence").await;
        if presence["count"] == 2 {
            waiting.remove(presence["actor"].as_str().unwrap());
        }
    }
    let ended = slow.end().await;
    assert_eq!((ended.close, ended.goodbye, ended.orderly), (Some(4408), Some(Code::TooSlow as u64), true));
    assert!(ended.bytes > limits::CONNECTION_QUEUE_BYTES_MAX, "it gets what waited, {}", ended.bytes);
    assert!(ended.bytes < ROOMS * 1_000_000, "and not everything was kept, {}", ended.bytes);

    let seen = ended.frames.iter().rfind(|frame| frame["type"] == "snapshot").unwrap();
    let (mut again, _) = house.enter_raw().await;
    again.say(json!({ "action": "subscribe", "actor": seen["actor"], "from": seen["position"] })).await;
    assert_eq!(again.hear_type("resumed").await["kind"], "current");
}

async fn slow_viewer(house: Arc<House>) {
    const CHANGES: usize = 40;
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (mut slow, _) = Raw::connect_narrow(house.host.address).await.enter(&token).await;
    slow.say(json!({ "action": "subscribe", "actor": actor })).await;
    slow.hear_type("snapshot").await;
    let mut position = String::new();
    for n in 0..CHANGES {
        position = house.act(&token, &actor, json!({ "type": "fill", "bytes": 500_000 + n })).await;
        slow.sip();
    }
    let mut snapshots = 0;
    loop {
        let frame = slow.hear_type("snapshot").await;
        snapshots += 1;
        if frame["position"] == position.as_str() {
            break;
        }
    }
    assert!(snapshots < CHANGES, "{snapshots} of {CHANGES}: the others were superseded while they waited");
    slow.say(json!({ "action": "ping" })).await;
    slow.hear_type("pong").await;
}

const NOTES: usize = 120;

/// More bytes of events than two kernels and the queue keep.
async fn write_notes(house: &House, token: &str, actor: &str, slow: &mut Raw) {
    for n in 0..NOTES {
        house.act(token, actor, json!({ "type": "note", "text": format!("{n:050000}") })).await;
        slow.sip();
    }
}

async fn slow_events(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (mut slow, _) = Raw::connect_narrow(house.host.address).await.enter(&token).await;
    slow.say(json!({ "action": "subscribe", "actor": actor, "as": "events" })).await;
    slow.hear_type("resumed").await;
    write_notes(&house, &token, &actor, &mut slow).await;
    let mut told = 0;
    while told < NOTES {
        for event in slow.hear_type("events").await["events"].as_array().unwrap() {
            assert_eq!(event["event"]["Noted"], format!("{told:050000}"));
            told += 1;
        }
    }
}

async fn slow_stream(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let mut slow = Raw::connect_narrow(house.host.address).await;
    let path = format!("/v1/{actor}/stream?as=events");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    slow.send(request.as_bytes()).await;
    slow.until("\"resumed\"").await;
    write_notes(&house, &token, &actor, &mut slow).await;
    for n in 0..NOTES {
        slow.until(&format!("{n:050000}")).await;
    }
}
