//! A host that is full, and peers that stay silent or do not leave: the limits that concern everybody, each in a house of its own.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use dormouse_core::{Code, limits};
use dormouse_engine::identity::Held;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::{
    house::{House, eventually},
    raw::{FIN, Raw, Response, frame},
};

const BINARY: u8 = 0x2;

/// Busy processors may be this late.
const LATE: Duration = Duration::from_secs(3);

async fn house() -> Arc<House> {
    House::over(Default::default(), Default::default()).await
}

/// Take so many connections of this host, from addresses all over.
fn take_connections(house: &House, count: usize) -> Vec<Held<IpAddr>> {
    let address =
        |n: usize| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + (n / limits::CONNECTIONS_PER_ADDRESS_MAX) as u32));
    (0..count).map(|n| house.host.api.admission.connect(address(n)).unwrap()).collect()
}

fn connections(house: &House) -> usize {
    house.host.api.connections.load(Ordering::Relaxed)
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";

fn is_refused(response: &Response) -> bool {
    (response.status, response.code()) == (429, Some(Code::TooManyConnections as u64))
}

#[tokio::test]
async fn connections_max() {
    let house = house().await;
    let mut others = take_connections(&house, limits::CONNECTIONS_MAX - 1);
    let mut last = house.raw().await;
    assert_eq!(last.ask(HEALTH).await.status, 200, "at the limit");
    let above = house.raw().await.response().await;
    assert!(is_refused(&above) && above.head.contains("retry-after: "), "{above:?}");
    assert_eq!(last.ask(HEALTH).await.status, 200, "who was there stays");
    others.pop();
    assert_eq!(house.raw().await.ask(HEALTH).await.status, 200, "one was given back");
}

#[tokio::test]
async fn refused_at_once() {
    let house = house().await;
    let _others = take_connections(&house, limits::CONNECTIONS_MAX);
    let mut flood = Vec::new();
    for _ in 0..2 * limits::REFUSED_AT_ONCE {
        flood.push(house.raw().await);
    }
    let (mut told, mut closed) = (0, 0);
    for raw in &mut flood {
        match raw.stream.read(&mut [0; 64]).await.unwrap() {
            0 => closed += 1,
            _ => told += 1,
        }
    }
    // More only where the first ones have been left before the last ones came.
    assert!(told >= limits::REFUSED_AT_ONCE && closed > 0, "{told} told, {closed} closed without a word");
    drop(flood);
    eventually("the next is told again", || async {
        let mut bytes = String::new();
        house.raw().await.stream.read_to_string(&mut bytes).await.is_ok() && bytes.contains("429")
    })
    .await;
}

#[tokio::test]
async fn linger() {
    let house = house().await;
    for stays in [true, false] {
        let (mut raw, _) = house.enter_raw().await;
        raw.send(&frame(FIN | BINARY, b"x")).await;
        raw.hear_type("goodbye").await;
        let since = Instant::now();
        // One that has gone is not waited for.
        let mut staying = stays.then_some(raw);
        eventually("it is left", || std::future::ready(connections(&house) == 0)).await;
        let took = since.elapsed();
        if let Some(raw) = &mut staying {
            assert!(took + Duration::from_millis(100) >= limits::LINGER && took < limits::LINGER + LATE, "{took:?}");
            raw.rest().await;
        } else {
            assert!(took < limits::LINGER, "{took:?}");
        }
    }
}

#[tokio::test]
async fn tickets_max() {
    let house = house().await;
    let identity = &house.host.api.identity;
    let mut left = limits::TICKETS_MAX - 1;
    while left > 0 {
        let session = identity.guest(None).unwrap().session;
        for _ in 0..left.min(limits::CONNECTIONS_PER_PRINCIPAL_MAX) {
            identity.issue_ticket(&session).unwrap();
            left -= 1;
        }
    }
    let token = house.host.token("Ana");
    let last = house.ask(&token, "POST", "/v1/ticket", "").await;
    assert_eq!(last.status, 201, "at the limit");
    let above = house.ask(&token, "POST", "/v1/ticket", "").await;
    assert_eq!((above.status, above.code()), (429, Some(Code::RateLimited as u64)));
    let ticket: Value = serde_json::from_str(&last.body).unwrap();
    let stream = format!("/v1/counter/none/stream?token={}", ticket["ticket"].as_str().unwrap());
    let mut raw = house.raw().await;
    raw.send(format!("GET {stream} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await;
    raw.until("not_found").await;
    assert_eq!(house.ask(&token, "POST", "/v1/ticket", "").await.status, 201, "one was used up");
}

#[tokio::test]
async fn presence_named_max() {
    let house = house().await;
    let actor = house.host.counter(&house.host.token("Ana"), json!({})).await;
    let mut crowd = Vec::new();
    for n in 0..=limits::PRESENCE_NAMED_MAX {
        let (mut raw, _) = house.raw().await.enter(&house.host.token(&format!("Guest {n}"))).await;
        raw.say(json!({ "action": "subscribe", "actor": actor })).await;
        raw.hear_type("snapshot").await;
        crowd.push(raw);
        if n + 1 == limits::PRESENCE_NAMED_MAX {
            assert_eq!(named(&mut crowd[0], n + 1).await, n + 1, "at the limit everybody is named");
        }
    }
    let all = limits::PRESENCE_NAMED_MAX + 1;
    assert_eq!(named(&mut crowd[0], all).await, limits::PRESENCE_NAMED_MAX, "the rest are counted");
}

/// How many are named when so many are here.
async fn named(raw: &mut Raw, count: usize) -> usize {
    loop {
        let presence = raw.hear_type("presence").await;
        if presence["count"] == count {
            let here: Vec<&str> =
                presence["here"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
            assert!(here.is_sorted(), "{here:?}");
            return here.len();
        }
    }
}

/// Let this time pass without anything said.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::sleep(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn silence_max() {
    let house = house().await;
    let (mut raw, _) = house.enter_raw().await;
    for _ in 0..2 {
        pass(limits::SILENCE_MAX - limits::SESSION_CHECK).await;
        raw.say(json!({ "action": "ping" })).await;
        raw.hear_type("pong").await;
    }
    pass(limits::SILENCE_MAX + limits::SESSION_CHECK).await;
    let ended = raw.end().await;
    assert_eq!((ended.goodbye, ended.close), (Some(Code::Timeout as u64), Some(4408)), "{ended:?}");
}

#[tokio::test]
async fn full_disk() {
    let house = house().await;
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let path = format!("/v1/{actor}/commands");
    let add = json!({ "command": { "type": "add", "by": 1 } }).to_string();
    let ready = || async { house.ask("", "GET", "/ready", "").await };
    assert_eq!(ready().await.status, 200);
    house.journal.set_full(true);
    for _ in 0..3 {
        let refused = house.ask(&token, "POST", &path, &add).await;
        assert_eq!((refused.status, refused.code()), (503, Some(Code::Unavailable as u64)), "{refused:?}");
    }
    let not_ready = ready().await;
    assert_eq!((not_ready.status, not_ready.code()), (503, Some(Code::Unavailable as u64)), "{not_ready:?}");
    house.journal.set_full(false);
    assert_eq!(house.act(&token, &actor, json!({ "type": "add", "by": 1 })).await.split(':').nth(1), Some("2"));
    assert_eq!(ready().await.status, 200, "somebody tried, and it worked");
    let said = |what: &str| crate::house::logs().lines().filter(|line| line.contains(what)).count();
    assert_eq!((said("the store is not available"), said("the store is available again")), (1, 1), "each once");
}
