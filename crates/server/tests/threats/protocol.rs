//! Cases 53 to 63: repetitions, positions that are not ours, and many at once.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use dormouse_core::{Code, limits};
use serde_json::{Value, json};

use crate::{
    common::Socket,
    house::House,
    raw::{Raw, text},
    table::{Case, case, check},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protocol() {
    check(cases()).await;
}

pub fn cases() -> Vec<Case> {
    let ids = last_event_ids().into_iter().map(|(name, value)| {
        case(59, name, "400 bad_position", move |house| async move { refused_last_event_id(&house, &value).await })
    });
    let others = [
        case(53, "a command again", "the first answer", again),
        case(53, "a command again after a restart", "the first answer", again_after_restart),
        case(53, "a creation again", "the same actor", created_again),
        case(54, "an id with another body", "idempotency_mismatch", other_body),
        case(54, "a creation with another config", "idempotency_mismatch", other_config),
        case(55, "an id that was forgotten", "unknown_command_age", forgotten),
        case(57, "a position from the future", "reset and the view", from_future),
        case(57, "a view or events from the future", "404 unknown_commit, none", asks_future),
        case(58, "another epoch", "reset and the view", other_epoch),
        case(59, "another stream's id, or from the future", "reset and the view", foreign_last_event_id),
        case(59, "its own id", "current", own_last_event_id),
        case(60, "the oldest position", "the whole tail", oldest).alone(),
        case(61, "two sockets of one session", "both served, in order", two_sockets),
        case(62, "a host that goes", "goodbye with spread-out waits", spread).alone(),
        case(62, "everybody comes back at once", "all served, others too", storm).alone(),
        case(63, "1,000 commands to a sleeping actor", "one load", sleeping).alone(),
    ];
    ids.chain(others).collect()
}

fn send(actor: &str, id: &str, by: i64) -> Value {
    json!({ "action": "send", "actor": actor, "command_id": id, "command": { "type": "add", "by": by } })
}

/// A counter and somebody at it, with an outbox.
async fn at_counter(house: &House) -> (String, String, Raw, String) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (raw, outbox) = house.raw().await.enter(&token).await;
    (token, actor, raw, outbox)
}

async fn again(house: Arc<House>) {
    let (token, actor, mut raw, outbox) = at_counter(&house).await;
    let id = format!("{outbox}:1");
    raw.say(send(&actor, &id, 1)).await;
    let first = raw.hear_type("accepted").await;
    // Over the same socket, over another one, and over HTTP.
    let (mut other, same) = house.raw().await.enter(&token).await;
    assert_ne!(same, outbox, "an outbox is given to one connection, unless it names an earlier one");
    for socket in [&mut raw, &mut other] {
        socket.say(send(&actor, &id, 1)).await;
        let answer = socket.hear_type("accepted").await;
        assert_eq!((&answer["position"], &answer["again"]), (&first["position"], &json!(true)));
    }
    let body = json!({ "command_id": id, "command": { "type": "add", "by": 1 } }).to_string();
    let response = house.ask(&token, "POST", &format!("/v1/{actor}/commands"), &body).await;
    let answer: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!((&answer["position"], &answer["again"]), (&first["position"], &json!(true)));
    assert_eq!(house.position_of(&token, &actor).await, first["position"].as_str().unwrap(), "no new event");
}

async fn again_after_restart(house: Arc<House>) {
    let (token, actor, mut raw, outbox) = at_counter(&house).await;
    raw.say(send(&actor, &format!("{outbox}:1"), 1)).await;
    let first = raw.hear_type("accepted").await;
    let next = House::over(house.host.store.clone(), Default::default()).await;
    let mut raw = next.raw().await.upgrade().await;
    raw.say(json!({ "action": "hello", "token": token, "outbox": outbox })).await;
    assert_eq!(raw.hear_type("welcome").await["outbox"], outbox);
    raw.say(send(&actor, &format!("{outbox}:1"), 1)).await;
    let answer = raw.hear_type("accepted").await;
    assert_eq!((&answer["position"], &answer["again"]), (&first["position"], &json!(true)));
}

async fn created_again(house: Arc<House>) {
    let token = house.host.token("Ana");
    let key = "idempotency-key: the same\r\n";
    let first = house.ask_with(&token, "POST", "/v1/counter", key, "{}").await;
    let again = house.ask_with(&token, "POST", "/v1/counter", key, "{}").await;
    assert_eq!((first.status, again.status, &first.body), (201, 201, &again.body));
    let other = house.ask_with(&house.host.token("Bo"), "POST", "/v1/counter", key, "{}").await;
    assert_ne!(other.body, first.body, "a key is its principal's own");
}

async fn other_body(house: Arc<House>) {
    let (token, actor, mut raw, outbox) = at_counter(&house).await;
    let id = format!("{outbox}:1");
    raw.say(send(&actor, &id, 1)).await;
    let first = raw.hear_type("accepted").await;
    raw.say(send(&actor, &id, 2)).await;
    assert_eq!(raw.hear_type("rejected").await["code"], json!(Code::IdempotencyMismatch as u64));
    let body = json!({ "command_id": id, "command": { "type": "add", "by": 2 } }).to_string();
    let response = house.ask(&token, "POST", &format!("/v1/{actor}/commands"), &body).await;
    assert_eq!((response.status, response.code()), (409, Some(Code::IdempotencyMismatch as u64)));
    assert_eq!(house.position_of(&token, &actor).await, first["position"].as_str().unwrap());
}

async fn other_config(house: Arc<House>) {
    let token = house.host.token("Ana");
    let key = "idempotency-key: the same\r\n";
    assert_eq!(house.ask_with(&token, "POST", "/v1/counter", key, "{}").await.status, 201);
    let other = house.ask_with(&token, "POST", "/v1/counter", key, r#"{"closed":true}"#).await;
    assert_eq!((other.status, other.code()), (409, Some(Code::IdempotencyMismatch as u64)), "{other:?}");
}

async fn forgotten(house: Arc<House>) {
    let (token, actor, mut raw, outbox) = at_counter(&house).await;
    for n in 1..=limits::OUTBOX_ANSWERS_MAX + 1 {
        raw.say(send(&actor, &format!("{outbox}:{n}"), 1)).await;
        raw.hear_type("accepted").await;
    }
    let before = house.position_of(&token, &actor).await;
    raw.say(send(&actor, &format!("{outbox}:1"), 1)).await;
    assert_eq!(raw.hear_type("rejected").await["code"], json!(Code::UnknownCommandAge as u64));
    raw.say(send(&actor, &format!("{outbox}:2"), 1)).await;
    assert_eq!(raw.hear_type("accepted").await["again"], json!(true), "the oldest that is remembered");
    assert_eq!(house.position_of(&token, &actor).await, before, "neither was executed");
}

/// Subscribing from here is answered at once by a reset: a view with `snapshot`, events from the first one.
async fn resets(house: &House, token: &str, actor: &str, from: &str) {
    let (mut raw, _) = house.raw().await.enter(token).await;
    raw.say(json!({ "action": "subscribe", "actor": actor, "from": from })).await;
    assert_eq!(raw.hear_type("resumed").await["kind"], "reset", "{from}");
    let snapshot = raw.hear_type("snapshot").await;
    let now = house.position_of(token, actor).await;
    assert_eq!((&snapshot["reset"], &snapshot["position"]), (&json!(true), &json!(now)), "{from}");
    raw.say(json!({ "action": "subscribe", "actor": actor, "as": "events", "from": from })).await;
    let resumed = raw.hear_type("resumed").await;
    assert_eq!((&resumed["kind"], &resumed["as"]), (&json!("reset"), &json!("events")), "{from}");
    assert_eq!(raw.hear_type("events").await["events"][0]["seq"], 2, "from the start");
}

/// A counter at its second commit, as `epoch`, `seq` and `tag`.
async fn moved_counter(house: &House) -> (String, String, [String; 3]) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let position = house.act(&token, &actor, json!({ "type": "add", "by": 1 })).await;
    let parts: Vec<String> = position.split(':').map(str::to_owned).collect();
    (token, actor, parts.try_into().unwrap())
}

async fn from_future(house: Arc<House>) {
    let (token, actor, [epoch, _, tag]) = moved_counter(&house).await;
    for seq in ["3", "999", "18446744073709551615"] {
        resets(&house, &token, &actor, &format!("{epoch}:{seq}:{tag}")).await;
    }
}

async fn asks_future(house: Arc<House>) {
    let (token, actor, _) = moved_counter(&house).await;
    for seq in ["3", "18446744073709551615"] {
        let response = house.ask(&token, "GET", &format!("/v1/{actor}?at_seq={seq}"), "").await;
        assert_eq!((response.status, response.code()), (404, Some(Code::UnknownCommit as u64)), "{response:?}");
        let response = house.ask(&token, "GET", &format!("/v1/{actor}/events?after_seq={seq}"), "").await;
        let page: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!((&page["through_seq"], &page["more"], &page["events"]), (&json!(2), &json!(false), &json!([])));
    }
    for query in ["at_seq=-1", "at_seq=x", "at_seq=18446744073709551616", "at_seq=1&at_seq=2"] {
        let response = house.ask(&token, "GET", &format!("/v1/{actor}?{query}"), "").await;
        assert_eq!((response.status, response.code()), (400, Some(Code::BadQuery as u64)), "{query}");
    }
}

async fn other_epoch(house: Arc<House>) {
    let (token, actor, [epoch, seq, tag]) = moved_counter(&house).await;
    let next: u32 = epoch.parse::<u32>().unwrap() + 1;
    for epoch in [0, next, u32::MAX] {
        resets(&house, &token, &actor, &format!("{epoch}:{seq}:{tag}")).await;
    }
    resets(&house, &token, &actor, &format!("{epoch}:{seq}:0123456789abcdef")).await;
}

fn last_event_ids() -> Vec<(&'static str, String)> {
    let bad = |name, value: &str| (name, value.to_owned());
    vec![
        bad("an empty Last-Event-ID", ""),
        bad("text as Last-Event-ID", "now"),
        bad("a number as Last-Event-ID", "7"),
        bad("a negative one", "-1"),
        bad("a negative seq", "1:-1:0000000000000000"),
        bad("10^30", &format!("1{}", "0".repeat(30))),
        bad("a seq of 10^30", &format!("1:1{}:0000000000000000", "0".repeat(30))),
        bad("a short tag", "1:1:00"),
        bad("a letter outside ASCII", "1:1:000000000000000é"),
    ]
}

async fn stream(house: &House, token: &str, actor: &str, query: &str, headers: &str) -> Raw {
    let mut raw = house.raw().await;
    let header = format!("authorization: bearer {token}\r\n{headers}");
    raw.send(format!("GET /v1/{actor}/stream?{query} HTTP/1.1\r\nhost: localhost\r\n{header}\r\n").as_bytes()).await;
    raw
}

async fn refused_last_event_id(house: &House, value: &str) {
    let (token, actor, _) = moved_counter(house).await;
    for of in ["view", "events"] {
        let mut raw = stream(house, &token, &actor, &format!("as={of}"), &format!("last-event-id: {value}\r\n")).await;
        let response = raw.response().await;
        assert_eq!((response.status, response.code()), (400, Some(Code::BadPosition as u64)), "{of}: {response:?}");
    }
    let query = format!("from={}", value.replace('é', "%c3%a9"));
    let response = stream(house, &token, &actor, &query, "").await.response().await;
    assert_eq!((response.status, response.code()), (400, Some(Code::BadPosition as u64)), "in the query");
}

async fn foreign_last_event_id(house: Arc<House>) {
    let (token, actor, [epoch, _, tag]) = moved_counter(&house).await;
    let (_, _, [e, s, t]) = moved_counter(&house).await;
    for id in [format!("{e}:{s}:{t}"), format!("{epoch}:99:{tag}"), format!("9:2:{tag}")] {
        let mut raw = stream(&house, &token, &actor, "", &format!("last-event-id: {id}\r\n")).await;
        let told = raw.until("\"snapshot\"").await;
        assert!(told.contains("\"kind\":\"reset\""), "{told}");
        assert!(raw.until("\n\n").await.contains("\"reset\":true"));
        let mut raw = stream(&house, &token, &actor, "as=events", &format!("last-event-id: {id}\r\n")).await;
        let told = raw.until("\"Added\"").await;
        assert!(told.contains("\"kind\":\"reset\""), "{told}");
    }
}

async fn own_last_event_id(house: Arc<House>) {
    let (token, actor, _) = moved_counter(&house).await;
    let mut raw = stream(&house, &token, &actor, "", "").await;
    let told = raw.until("\"type\":\"snapshot\"").await + &raw.until("\n\n").await;
    let id = told.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap();
    let mut raw = stream(&house, &token, &actor, "", &format!("last-event-id: {id}\r\n")).await;
    let told = raw.until("\n\n").await;
    assert!(told.contains("\"kind\":\"current\""), "{told}");
}

async fn oldest(house: Arc<House>) {
    const COMMITS: usize = 300;
    let (token, actor, mut raw, _) = at_counter(&house).await;
    for _ in 0..COMMITS {
        house.act(&token, &actor, json!({ "type": "add", "by": 1 })).await;
    }
    raw.say(json!({ "action": "subscribe", "actor": actor, "as": "events", "from": "1:0:0000000000000000" })).await;
    assert_eq!(raw.hear_type("resumed").await["kind"], "tail");
    let mut told = 0;
    while told < COMMITS {
        told += raw.hear_type("events").await["events"].as_array().unwrap().len();
    }
    raw.say(json!({ "action": "subscribe", "actor": actor, "from": "1:0:0000000000000000" })).await;
    assert_eq!(raw.hear_type("resumed").await["kind"], "snapshot");
    assert_eq!(raw.hear_type("snapshot").await["view"]["count"], COMMITS);
}

async fn two_sockets(house: Arc<House>) {
    const EACH: usize = 50;
    let (token, actor, mut one, outbox) = at_counter(&house).await;
    let mut two = house.raw().await.upgrade().await;
    two.say(json!({ "action": "hello", "token": token, "outbox": outbox })).await;
    assert_eq!(two.hear_type("welcome").await["outbox"], outbox, "the same session");
    for socket in [&mut one, &mut two] {
        socket.say(json!({ "action": "subscribe", "actor": actor, "as": "events" })).await;
        socket.hear_type("resumed").await;
    }
    for n in 0..EACH {
        one.say(send(&actor, &format!("{outbox}:{}", 2 * n + 1), 1)).await;
        two.say(send(&actor, &format!("{outbox}:{}", 2 * n + 2), 1)).await;
    }
    for socket in [&mut one, &mut two] {
        let (mut answers, mut seqs) = (Vec::new(), Vec::new());
        while answers.len() < EACH || seqs.len() < 2 * EACH {
            let frame = socket.hear().await;
            match frame["type"].as_str() {
                Some("accepted") => answers.push(seq_of(&frame)),
                Some("events") => {
                    seqs.extend(frame["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64()))
                }
                Some("presence") => {}
                _ => panic!("{frame}"),
            }
        }
        assert!(answers.is_sorted(), "decided in the order sent");
        assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "each event once, in order");
    }
}

fn seq_of(frame: &Value) -> u64 {
    frame["position"].as_str().unwrap().split(':').nth(1).unwrap().parse().unwrap()
}

const CROWD: usize = 200;

/// So many people, each with a socket of its own.
async fn crowd(house: &Arc<House>) -> Vec<Socket> {
    let entering: Vec<_> = (0..CROWD)
        .map(|n| {
            let house = house.clone();
            tokio::spawn(async move { house.host.enter(&house.host.token(&format!("Guest {n}"))).await.0 })
        })
        .collect();
    let mut crowd = Vec::new();
    for entered in entering {
        crowd.push(entered.await.unwrap());
    }
    crowd
}

async fn spread(_: Arc<House>) {
    // Its own, since a house that drains serves no bystander.
    let house = House::over(Default::default(), Default::default()).await;
    let crowd = crowd(&house).await;
    // Who does not close is waited for, though not for long.
    let _lingers = house.enter_raw().await;
    let drained = tokio::spawn({
        let house = house.clone();
        async move { house.drain().await }
    });
    let mut waits = BTreeSet::new();
    for socket in crowd {
        let (goodbye, close) = socket.end().await;
        let goodbye = goodbye.expect("everybody is told");
        assert_eq!((&goodbye["code"], u16::from(close.unwrap().code)), (&json!(Code::Draining as u64), 4503));
        let wait = goodbye["retry_after"].as_u64().unwrap();
        assert!(wait <= 250 + limits::RETURN_SPREAD.as_millis() as u64, "{wait}");
        waits.insert(wait / 100);
    }
    assert!(waits.len() > 20, "they do not come back together: {waits:?}");
    assert_eq!(drained.await.unwrap(), dormouse_server::Ended::Drained);
    let left = house.host.api.connections.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(left, 0, "a process that ends now cuts nobody off");
}

async fn storm(house: Arc<House>) {
    let (token, actor, mut live, outbox) = at_counter(&house).await;
    let position = house.position_of(&token, &actor).await;
    let watching = {
        let mut crowd = crowd(&house).await;
        for socket in &mut crowd {
            socket.say(json!({ "action": "subscribe", "actor": actor, "from": position })).await;
        }
        for socket in &mut crowd {
            assert_eq!(socket.hear_type("resumed").await["kind"], "current");
        }
        crowd
    };
    // All go at once, and come back at once; meanwhile somebody plays.
    drop(watching);
    let returned = tokio::spawn({
        let (house, actor, position) = (house.clone(), actor.clone(), position.clone());
        async move {
            let mut crowd = crowd(&house).await;
            for socket in &mut crowd {
                socket.say(json!({ "action": "subscribe", "actor": actor, "from": position })).await;
            }
            for socket in &mut crowd {
                socket.hear_type("resumed").await;
            }
            crowd.len()
        }
    });
    let (mut n, mut slowest) = (0, std::time::Duration::ZERO);
    while !returned.is_finished() || n < 10 {
        n += 1;
        let since = Instant::now();
        live.say(send(&actor, &format!("{outbox}:{n}"), 1)).await;
        live.hear_type("accepted").await;
        slowest = slowest.max(since.elapsed());
    }
    assert_eq!(returned.await.unwrap(), CROWD);
    // Not a measurement: whoever waits behind the whole storm would wait for seconds.
    assert!(slowest.as_secs() < 3, "{slowest:?}");
}

async fn sleeping(house: Arc<House>) {
    const COMMANDS: usize = 1_000;
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    for _ in 0..10 {
        house.act(&token, &actor, json!({ "type": "add", "by": 1 })).await;
    }
    // A host that has just started: every actor sleeps.
    let next = House::over(house.host.store.clone(), Default::default()).await;
    let mut senders = Vec::new();
    for _ in 0..COMMANDS.div_ceil(limits::IN_FLIGHT_MAX) {
        senders.push(next.raw().await.enter(&token).await);
    }
    assert_eq!(next.journal.loads(), 0);
    let mut left = COMMANDS;
    for (raw, outbox) in &mut senders {
        let frames: Vec<Vec<u8>> = (1..=left.min(limits::IN_FLIGHT_MAX))
            .map(|n| text(&send(&actor, &format!("{outbox}:{n}"), 1).to_string()))
            .collect();
        left -= frames.len();
        raw.send(&frames.concat()).await;
    }
    let mut accepted = 0;
    for (raw, _) in &mut senders {
        for _ in 0..limits::IN_FLIGHT_MAX.min(COMMANDS - accepted) {
            let answer = raw.hear().await;
            assert_eq!(answer["type"], "accepted", "{answer}");
            accepted += 1;
        }
    }
    assert_eq!((accepted, next.journal.loads()), (COMMANDS, 1), "one wake-up, one replay");
    let view = next.ask(&token, "GET", &format!("/v1/{actor}"), "").await;
    assert!(view.body.contains(&format!("\"count\":{}", COMMANDS + 10)), "{}", view.body);
}
