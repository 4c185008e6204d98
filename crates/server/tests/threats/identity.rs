//! Cases 38, 39 and 42 to 48: tokens that are none, and what somebody may not know.

use std::sync::Arc;

use dormouse_core::Code;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};

use crate::{
    house::{AUDIENCE, House, PUBLIC_KEY, SECRET, logs, seconds, sign, token},
    raw::Response,
    table::{Case, case, check},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity() {
    check(cases()).await;
}

/// The threat's number, its name, the code that it gets everywhere, and the token, made when the case runs.
type TokenCase = (u8, &'static str, Code, fn() -> String);

fn tokens() -> Vec<TokenCase> {
    let unauthenticated = Code::Unauthenticated;
    vec![
        (38, "no token", unauthenticated, String::new),
        (38, "no JWT", unauthenticated, || "letmein".into()),
        (38, "expired", Code::TokenExpired, || token("main", "ana", json!({ "exp": seconds() - 1.0 }))),
        (38, "from the future", unauthenticated, || token("main", "ana", json!({ "nbf": seconds() + 60.0 }))),
        (38, "issued in the future", unauthenticated, || token("main", "ana", json!({ "iat": seconds() + 60.0 }))),
        (38, "another audience", unauthenticated, || token("main", "ana", json!({ "aud": "elsewhere" }))),
        (38, "no audience", unauthenticated, || token("main", "ana", json!({ "aud": null }))),
        (38, "no expiry", unauthenticated, || token("main", "ana", json!({ "exp": null }))),
        (38, "a tenant that is no name", unauthenticated, || token("../x", "ana", json!({}))),
        (38, "longer than a token may be", unauthenticated, || {
            token("main", "ana", json!({ "x": "x".repeat(8 * 1024) }))
        }),
        (39, "alg none", unauthenticated, alg_none),
        (39, "alg none, with the signature of another", unauthenticated, alg_none_signed),
        (39, "HS256 keyed with the public key", unauthenticated, || {
            sign(&Header::default(), &claims(), PUBLIC_KEY.as_bytes())
        }),
        (39, "HS512 with the right secret", unauthenticated, || {
            sign(&Header::new(Algorithm::HS512), &claims(), SECRET)
        }),
        (39, "an unknown key id", unauthenticated, unknown_kid),
        (39, "the guest key's id on another key", unauthenticated, guest_kid),
        (39, "another secret", unauthenticated, || {
            sign(&Header::default(), &claims(), b"another secret of thirty-two bytes")
        }),
        (39, "claims changed after signing", unauthenticated, changed_claims),
        (39, "a guest's key and nobody's claims", unauthenticated, || {
            sign(&with_kid("dormouse-guest"), &claims(), &[7; 32])
        }),
    ]
}

fn claims() -> Value {
    json!({ "sub": "ana", "tenant": "main", "aud": AUDIENCE, "exp": seconds() + 3600.0 })
}

fn with_kid(kid: &str) -> Header {
    Header { kid: Some(kid.into()), ..Header::default() }
}

fn unknown_kid() -> String {
    sign(&with_kid("nobody"), &claims(), b"a secret that this host has never seen")
}

fn guest_kid() -> String {
    sign(&with_kid("dormouse-guest"), &claims(), SECRET)
}

/// `{"alg":"none","typ":"JWT"}`, the claims of a good token, and no signature.
fn alg_none() -> String {
    let good = token("main", "ana", json!({}));
    format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", good.split('.').nth(1).unwrap())
}

fn alg_none_signed() -> String {
    format!("{}{}", alg_none(), token("main", "ana", json!({})).rsplit('.').next().unwrap())
}

fn changed_claims() -> String {
    let (good, other) = (token("main", "ana", json!({})), token("main", "root", json!({})));
    let parts: Vec<&str> = good.split('.').collect();
    format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2])
}

pub fn cases() -> Vec<Case> {
    let tokens = tokens().into_iter().map(|(number, name, code, make)| {
        case(number, name, "401 and 4401", move |house| async move { refused_token(&house, code, &make()).await })
    });
    let others = [
        case(38, "a good token", "served", good_token),
        case(38, "guesses without end", "429 rate_limited", guesses),
        case(42, "a token in a query", "401 bad_ticket", token_in_query),
        case(42, "a ticket, twice", "once", ticket_twice),
        case(42, "tokens and tickets in logs", "never", in_no_log),
        case(43, "a subscription without a right", "not_found", no_right),
        case(43, "what a refused subscriber asks and hears", "nothing", refused_hears_nothing),
        case(44, "another tenant's actor, and a hidden one", "the same bytes as absent", absent_and_foreign).alone(),
        case(45, "another tenant's cursor", "bad_query", foreign_cursor),
        case(45, "another actor's position", "reset", foreign_position),
        case(45, "another principal's command id", "one's own", foreign_command_id),
        case(46, "a spectator's command", "rejected, not_found", spectator),
        case(47, "a hidden commit", "no frame, no event", hidden_commit),
        case(48, "a principal that is too fast", "429 rate_limited; others are served", too_fast),
    ];
    tokens.chain(others).collect()
}

async fn refused_token(house: &House, code: Code, token: &str) {
    let number = Some(code as u64);
    for (method, path) in
        [("GET", "/v1"), ("POST", "/v1/counter"), ("POST", "/v1/ticket"), ("GET", "/v1/counter/x/stream")]
    {
        let response = house.ask(token, method, path, "").await;
        // What fits into no head gets no further than that.
        if response.status != 431 {
            assert_eq!((response.status, response.code()), (401, number), "{path}: {response:?}");
            assert!(response.body.len() < 300, "{}", response.body);
        }
    }
    let mut raw = house.raw().await.upgrade().await;
    raw.say(json!({ "action": "hello", "token": token })).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4401), number), "{ended:?}");
}

async fn good_token(house: Arc<House>) {
    let token = token("acme", "ana", json!({ "roles": ["player"] }));
    assert_eq!(house.ask(&token, "GET", "/v1", "").await.status, 200);
    house.raw().await.enter(&token).await;
    let actor = house.host.counter(&token, json!({})).await;
    assert_eq!(stream_status(&house, &actor, &format!("authorization: bearer {token}\r\n"), "").await.status, 200);
}

async fn guesses(_: Arc<House>) {
    let house = House::paced(|rates| rates.per_address = 1).await;
    let mut limited = false;
    for _ in 0..100 {
        let mut raw = house.raw().await.upgrade().await;
        raw.say(json!({ "action": "hello", "token": "guess" })).await;
        let ended = raw.end().await;
        limited |= ended.goodbye == Some(Code::RateLimited as u64) && ended.close == Some(4429);
        let stream = house.ask("guess", "GET", "/v1/counter/x/stream", "").await;
        if limited && stream.code() == Some(Code::RateLimited as u64) {
            return assert_eq!(stream.status, 429);
        }
    }
    panic!("over sockets and streams as over HTTP: {limited}");
}

/// The head of a stream's answer, or all of a refusal.
async fn stream_status(house: &House, actor: &str, headers: &str, query: &str) -> Response {
    let mut raw = house.raw().await;
    let request = format!("GET /v1/{actor}/stream?{query} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
    raw.send(request.as_bytes()).await;
    let head = raw.until("\r\n\r\n").await;
    let status = head[9..12].parse().unwrap();
    let body = if status == 200 { String::new() } else { raw.until("}}").await };
    Response { status, head, body }
}

async fn ticket(house: &House, token: &str) -> String {
    let response = house.ask(token, "POST", "/v1/ticket", "").await;
    assert_eq!(response.status, 201);
    let body: Value = serde_json::from_str(&response.body).unwrap();
    body["ticket"].as_str().unwrap().to_owned()
}

async fn token_in_query(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let header = format!("authorization: bearer {token}\r\n");
    // Also beside a good header: what stands in an address is refused, not passed over.
    for headers in ["", &header] {
        let response = stream_status(&house, &actor, headers, &format!("token={token}")).await;
        assert_eq!((response.status, response.code()), (401, Some(Code::BadTicket as u64)));
        assert!(!response.body.contains(&token), "it is not echoed");
    }
    let response = house.ask("", "GET", &format!("/v1/{actor}?token={token}"), "").await;
    assert!(response.status == 401 || response.status == 400, "{response:?}");
}

async fn ticket_twice(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let ticket = ticket(&house, &token).await;
    let query = format!("token={ticket}");
    assert_eq!(stream_status(&house, &actor, "", &query).await.status, 200);
    let again = stream_status(&house, &actor, "", &query).await;
    assert_eq!((again.status, again.code()), (401, Some(Code::BadTicket as u64)));
    let as_token = house.ask(&ticket, "GET", "/v1", "").await;
    assert_eq!(as_token.status, 401, "a ticket is no token");
}

async fn in_no_log(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let ticket = ticket(&house, &token).await;
    for (headers, query) in
        [("", format!("token={token}")), ("", format!("token={ticket}")), ("", format!("token={ticket}"))]
    {
        stream_status(&house, &actor, headers, &query).await;
    }
    house.raw().await.enter(&token).await;
    let bad = changed_claims();
    refused_token(&house, Code::Unauthenticated, &bad).await;
    let logs = logs();
    assert!(logs.contains("refused a token"), "what is logged is caught: {}", logs.len());
    for secret in [&token, &ticket, &bad] {
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!logs.contains(signature), "a log line holds a secret");
    }
}

async fn no_right(house: Arc<House>) {
    let (ana, bo) = (house.host.token("Ana"), house.host.token("Bo"));
    let actor = house.host.counter(&ana, json!({ "private": true })).await;
    let (mut raw, _) = house.raw().await.enter(&bo).await;
    for of in ["view", "events"] {
        for from in [json!(null), json!("start"), json!("1:1:0000000000000000"), json!("9:9:0000000000000000")] {
            let mut frame = json!({ "action": "subscribe", "actor": actor, "as": of });
            if !from.is_null() {
                frame["from"] = from;
            }
            raw.say(frame.clone()).await;
            let error = raw.hear().await;
            assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(4404)), "{frame}: {error}");
            raw.say(json!({ "action": "ping" })).await;
            assert_eq!(raw.hear().await["type"], "pong", "one refusal and nothing else for {frame}");
        }
    }
}

async fn refused_hears_nothing(house: Arc<House>) {
    let (ana, bo) = (house.host.token("Ana"), house.host.token("Bo"));
    let actor = house.host.counter(&ana, json!({ "private": true })).await;
    let (mut raw, _) = house.raw().await.enter(&bo).await;
    for of in ["view", "events"] {
        raw.say(json!({ "action": "subscribe", "actor": actor, "as": of })).await;
        assert_eq!(raw.hear().await["type"], "error");
    }
    raw.say(json!({ "action": "signal", "actor": actor, "signal": "hello" })).await;
    house.act(&ana, &actor, json!({ "type": "add", "by": 1 })).await;
    for known in [actor.as_str(), "counter/nothere"] {
        // An old position: of an actor that is followed, the newest would be told.
        raw.say(json!({ "action": "ping", "positions": { known: "1:1:0000000000000000" } })).await;
        assert_eq!(raw.hear().await, json!({ "type": "pong", "behind": {} }), "{known}");
    }
}

/// Every answer that names the actor, as bytes.
async fn answers(house: &House, token: &str, actor: &str) -> Vec<String> {
    let mut answers = Vec::new();
    let command = r#"{"command":{"type":"add","by":1}}"#;
    for (method, path, body) in [
        ("GET", format!("/v1/{actor}"), ""),
        ("GET", format!("/v1/{actor}?at_seq=1"), ""),
        ("GET", format!("/v1/{actor}?at_seq=99"), ""),
        ("DELETE", format!("/v1/{actor}"), ""),
        ("POST", format!("/v1/{actor}/commands"), command),
        ("POST", format!("/v1/{actor}/commands"), r#"{"command":{"type":"fly"}}"#),
        ("GET", format!("/v1/{actor}/events"), ""),
        ("GET", format!("/v1/{actor}/events?after_seq=99"), ""),
        ("GET", format!("/v1/{actor}/history"), ""),
    ] {
        answers.push(house.ask(token, method, &path, body).await.without_date());
    }
    let (mut raw, _) = house.raw().await.enter(token).await;
    let id = "0-a:1";
    for frame in [
        json!({ "action": "subscribe", "actor": actor }),
        json!({ "action": "subscribe", "actor": actor, "as": "events", "from": "start" }),
        json!({ "action": "subscribe", "actor": actor, "from": "1:1:0000000000000000" }),
        json!({ "action": "send", "actor": actor, "command_id": id, "command": { "type": "add", "by": 1 } }),
        json!({ "action": "send", "actor": actor, "command_id": id, "command": { "type": "fly" } }),
        json!({ "action": "signal", "actor": actor, "signal": 1 }),
        json!({ "action": "unsubscribe", "actor": actor }),
        json!({ "action": "ping", "positions": { actor: "1:1:0000000000000000" } }),
    ] {
        raw.say(frame.clone()).await;
        // What is answered at all is answered before this.
        raw.say(json!({ "action": "ping", "positions": {} })).await;
        let waits = !matches!(frame["action"].as_str(), Some("signal" | "unsubscribe"));
        let mut heard = raw.hear().await;
        if waits && heard["type"] == "pong" && frame["action"] != "ping" {
            let late = raw.hear().await;
            (heard, _) = (late, heard);
        } else if waits {
            raw.hear_type("pong").await;
        }
        answers.push(heard.to_string());
    }
    for query in ["", "as=events&from=start", "from=1:1:0000000000000000"] {
        let mut stream = house.raw().await;
        let header = format!("authorization: bearer {token}\r\n");
        stream
            .send(format!("GET /v1/{actor}/stream?{query} HTTP/1.1\r\nhost: localhost\r\n{header}\r\n").as_bytes())
            .await;
        stream.until("\r\n\r\n").await;
        answers.push(stream.until("}\n\n").await);
    }
    answers
}

async fn absent_and_foreign(house: Arc<House>) {
    let (ana, bo) = (token("acme", "ana", json!({})), token("acme", "bo", json!({})));
    let stranger = token("other", "eve", json!({}));
    let open = house.host.counter(&ana, json!({})).await;
    let hidden = house.host.counter(&ana, json!({ "private": true })).await;
    for actor in [&open, &hidden] {
        house.act(&ana, actor, json!({ "type": "add", "by": 1 })).await;
    }
    // The same name in a house where nobody has it.
    let empty = House::over(Default::default(), Default::default()).await;
    for (who, actor) in [(&stranger, &open), (&stranger, &hidden), (&bo, &hidden)] {
        let (here, absent) = (answers(&house, who, actor).await, answers(&empty, who, actor).await);
        for (here, absent) in here.iter().zip(&absent) {
            assert_eq!(here, absent);
            assert!(here.contains("4404") || here.contains("pong"), "{here}");
        }
    }
    assert_eq!(house.ask(&ana, "GET", &format!("/v1/{hidden}"), "").await.status, 200, "its maker sees it");
}

async fn foreign_cursor(house: Arc<House>) {
    let (ana, eve) = (token("acme", "ana", json!({})), token("other", "eve", json!({})));
    for _ in 0..2 {
        let actor = house.host.counter(&ana, json!({})).await;
        house.act(&ana, &actor, json!({ "type": "add", "by": 1 })).await;
    }
    let page = house.ask(&ana, "GET", "/v1/counter?limit=1", "").await;
    let page: Value = serde_json::from_str(&page.body).unwrap();
    let next = page["next"].as_str().unwrap();
    assert_eq!(house.ask(&ana, "GET", &format!("/v1/counter?after={next}"), "").await.status, 200);
    for after in [next, "x", "", "0:0:other", "1:9999999999999:other/counter/../x"] {
        let response = house.ask(&eve, "GET", &format!("/v1/counter?after={after}"), "").await;
        assert_eq!((response.status, response.code()), (400, Some(Code::BadQuery as u64)), "{after}: {response:?}");
    }
}

async fn foreign_position(house: Arc<House>) {
    let token = house.host.token("Ana");
    let (one, other) = (house.host.counter(&token, json!({})).await, house.host.counter(&token, json!({})).await);
    let position = house.position_of(&token, &other).await;
    let (mut raw, _) = house.raw().await.enter(&token).await;
    raw.say(json!({ "action": "subscribe", "actor": one, "from": position })).await;
    assert_eq!(raw.hear_type("resumed").await["kind"], "reset");
    assert_eq!(raw.hear_type("snapshot").await["reset"], true);
}

async fn foreign_command_id(house: Arc<House>) {
    let (ana, bo) = (house.host.token("Ana"), house.host.token("Bo"));
    let actor = house.host.counter(&ana, json!({})).await;
    let (mut raw, outbox) = house.raw().await.enter(&ana).await;
    let id = format!("{outbox}:1");
    let add =
        |by: i64| json!({ "action": "send", "actor": actor, "command_id": id, "command": { "type": "add", "by": by } });
    raw.say(add(1)).await;
    let first = raw.hear_type("accepted").await;
    let (mut other, _) = house.raw().await.enter(&bo).await;
    for by in [1, 1] {
        other.say(add(by)).await;
    }
    let (taken, again) = (other.hear_type("accepted").await, other.hear_type("accepted").await);
    assert_ne!(taken["position"], first["position"], "not the other's answer");
    assert_eq!((&taken["again"], &again["again"]), (&Value::Null, &json!(true)));
    raw.say(add(1)).await;
    assert_eq!(raw.hear_type("accepted").await["position"], first["position"], "and the other's is still its own");
}

async fn spectator(house: Arc<House>) {
    let (ana, bo) = (house.host.token("Ana"), house.host.token("Bo"));
    let closed = house.host.counter(&ana, json!({ "closed": true })).await;
    let hidden = house.host.counter(&ana, json!({ "private": true })).await;
    let (mut raw, outbox) = house.raw().await.enter(&bo).await;
    for (n, (actor, code, reason)) in
        [(&closed, Code::Rejected, json!("not_yours")), (&hidden, Code::NotFound, Value::Null)].into_iter().enumerate()
    {
        let before = house.position_of(&ana, actor).await;
        let command = json!({ "type": "add", "by": 1 });
        let id = format!("{outbox}:{}", n + 1);
        raw.say(json!({ "action": "send", "actor": actor, "command_id": id, "command": command })).await;
        let rejected = raw.hear_type("rejected").await;
        assert_eq!((&rejected["code"], &rejected["reason"]), (&json!(code as u64), &reason), "{rejected}");
        let body = json!({ "command": command }).to_string();
        let response = house.ask(&bo, "POST", &format!("/v1/{actor}/commands"), &body).await;
        assert_eq!((response.status, response.code()), (code.http(), Some(code as u64)));
        assert_eq!(house.position_of(&ana, actor).await, before, "nothing moved");
    }
}

async fn hidden_commit(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (mut raw, _) = house.raw().await.enter(&token).await;
    for of in ["view", "events"] {
        raw.say(json!({ "action": "subscribe", "actor": actor, "as": of })).await;
        raw.hear_type("resumed").await;
    }
    raw.hear_type("presence").await;
    for length in [1, 30_000] {
        house.act(&token, &actor, json!({ "type": "whisper", "text": "x".repeat(length) })).await;
    }
    house.act(&token, &actor, json!({ "type": "add", "by": 1 })).await;
    let mut heard = 0;
    while heard < 2 {
        let frame = raw.hear().await;
        match frame["type"].as_str() {
            Some("patch" | "snapshot") => heard += u64::from(!frame.to_string().contains("whisper")),
            Some("events") => {
                let events = frame["events"].as_array().unwrap();
                assert_eq!((events.len(), &events[0]["event"]), (1, &json!({ "Added": 1 })), "{frame}");
                heard += 1;
            }
            Some("presence") => {}
            _ => panic!("{frame}"),
        }
    }
    let events = house.ask(&token, "GET", &format!("/v1/{actor}/events"), "").await;
    assert!(!events.body.contains("Whisper"), "{}", events.body);
}

async fn too_fast(_: Arc<House>) {
    let house = House::paced(|rates| rates.per_principal = 1).await;
    let (fast, calm) = (token("noisy", "fast", json!({})), token("calm", "ana", json!({})));
    for _ in 0..100 {
        let response = house.ask(&fast, "GET", "/v1", "").await;
        if response.status == 429 {
            assert_eq!(response.code(), Some(Code::RateLimited as u64));
            assert!(response.head.contains("retry-after: 1\r\n"), "{}", response.head);
            return assert_eq!(house.ask(&calm, "GET", "/v1", "").await.status, 200, "others are served");
        }
    }
    panic!("the limit holds");
}
