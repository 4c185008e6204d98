//! Cases 40 and 41: sessions that end while their connection is open. They run in parallel, as long as the looks that they wait for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dormouse_core::{Code, limits};
use serde_json::{Value, json};

use crate::{
    house::{House, seconds, token},
    raw::Raw,
    table::{Case, case, check},
};

/// Busy processors may be this late.
const LATE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions() {
    check(cases()).await;
}

pub fn cases() -> Vec<Case> {
    vec![
        case(40, "a token expires, and nothing is sent", "goodbye token_expired, 4401", expires_in_silence).beside(),
        case(40, "a token expires among commands", "later ones are refused", expires_among_commands).beside(),
        case(40, "a token expires under an event stream", "goodbye token_expired, and its end", expires_under_stream)
            .beside(),
        case(41, "a revoked principal, and nothing is sent", "goodbye revoked within 10 s", revoked_in_silence)
            .beside(),
        case(41, "a revoked principal's next command", "refused at once", revoked_command),
        case(41, "a revoked principal under an event stream", "goodbye revoked within 10 s", revoked_under_stream)
            .beside(),
        case(41, "a revoked principal comes back", "401 revoked", revoked_comes_back),
        case(41, "an operator revokes a principal of its tenant", "goodbye revoked within 10 s", revoked_by_operator)
            .beside(),
        case(41, "anybody else revokes a principal", "403 forbidden", revoked_by_others),
    ]
}

/// A token that lasts this long, and when it ends.
fn brief(lasts: Duration) -> (String, Instant) {
    let until = Instant::now() + lasts;
    (token("main", "ana", json!({ "exp": seconds() + lasts.as_secs_f64() })), until)
}

async fn open_stream(house: &House, token: &str, actor: &str) -> Raw {
    let mut raw = house.raw().await;
    let header = format!("authorization: bearer {token}\r\n");
    raw.send(format!("GET /v1/{actor}/stream HTTP/1.1\r\nhost: localhost\r\n{header}\r\n").as_bytes()).await;
    raw.until("\"snapshot\"").await;
    raw
}

/// Read a stream to its end; it says goodbye with this code.
async fn stream_ends(mut stream: Raw, code: Code) {
    let rest = String::from_utf8(stream.rest_of_chunks().await).unwrap();
    let goodbye =
        rest.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap_or_else(|| panic!("{rest}"));
    let goodbye: Value = serde_json::from_str(goodbye).unwrap();
    assert_eq!((&goodbye["type"], &goodbye["code"]), (&json!("goodbye"), &json!(code as u64)), "{goodbye}");
    assert!(goodbye["retry_after"].is_u64(), "{goodbye}");
}

async fn expires_in_silence(house: Arc<House>) {
    let (token, until) = brief(Duration::from_secs(2));
    let (raw, _) = house.raw().await.enter(&token).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4401), Some(Code::TokenExpired as u64)), "{ended:?}");
    assert!(Instant::now() + Duration::from_millis(100) >= until && Instant::now() <= until + LATE);
    let again = house.ask(&token, "GET", "/v1", "").await;
    assert_eq!((again.status, again.code()), (401, Some(Code::TokenExpired as u64)));
}

async fn expires_among_commands(house: Arc<House>) {
    let (token, until) = brief(Duration::from_secs(2));
    let other = house.host.token("Bo");
    let actor = house.host.counter(&other, json!({})).await;
    let (mut raw, outbox) = house.raw().await.enter(&token).await;
    let mut accepted = 0;
    let (unanswered, ended) = loop {
        let sent = Instant::now();
        raw.say(json!({
            "action": "send",
            "actor": actor,
            "command_id": format!("{outbox}:{}", accepted + 1),
            "command": { "type": "add", "by": 1 },
        }))
        .await;
        let answer = raw.hear().await;
        if answer["type"] != "accepted" {
            assert_eq!(answer["code"], json!(Code::TokenExpired as u64), "{answer}");
            // The goodbye may overtake an answer; the client asks again with the same id.
            let unanswered = u64::from(answer["type"] == "goodbye");
            break (unanswered, raw.end().await);
        }
        // The token's end is known to a millisecond of the wall clock.
        assert!(sent < until + Duration::from_millis(50), "accepted after the token's end");
        accepted += 1;
    };
    assert_eq!(ended.close, Some(4401), "{ended:?}");
    let view = house.ask(&other, "GET", &format!("/v1/{actor}"), "").await;
    let view: Value = serde_json::from_str(&view.body).unwrap();
    let count = view["view"]["count"].as_u64().unwrap();
    assert!((accepted..=accepted + unanswered).contains(&count), "{count}: what was refused was not done");
}

async fn expires_under_stream(house: Arc<House>) {
    let (token, until) = brief(Duration::from_secs(2));
    let other = house.host.token("Bo");
    let actor = house.host.counter(&other, json!({})).await;
    let stream = open_stream(&house, &token, &actor).await;
    // Frames never cease, and the token is looked at all the same.
    let busy = tokio::spawn({
        let (house, actor) = (house.clone(), actor.clone());
        async move {
            loop {
                house.act(&other, &actor, json!({ "type": "add", "by": 1 })).await;
            }
        }
    });
    stream_ends(stream, Code::TokenExpired).await;
    assert!(Instant::now() <= until + LATE);
    busy.abort();
}

fn revoke(house: &House, name: &str) {
    house.host.api.identity.revoke(&"main".parse().unwrap(), name).unwrap();
}

async fn revoked_in_silence(house: Arc<House>) {
    let (raw, _) = house.raw().await.enter(&token("main", "ana", json!({}))).await;
    revoke(&house, "ana");
    let since = Instant::now();
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4401), Some(Code::Revoked as u64)), "{ended:?}");
    assert!(since.elapsed() <= limits::SESSION_CHECK + LATE);
}

async fn revoked_command(house: Arc<House>) {
    let actor = house.host.counter(&house.host.token("Bo"), json!({})).await;
    for (name, frame) in [
        (
            "a",
            json!({ "action": "send", "actor": actor, "command_id": "0-a:1", "command": { "type": "add", "by": 1 } }),
        ),
        ("b", json!({ "action": "subscribe", "actor": actor })),
        ("c", json!({ "action": "signal", "actor": actor, "signal": 1 })),
    ] {
        let token = token("main", name, json!({}));
        let (mut raw, _) = house.raw().await.enter(&token).await;
        revoke(&house, name);
        raw.say(frame.clone()).await;
        let answer = raw.hear().await;
        assert_ne!(answer["type"], "goodbye", "its own answer comes first");
        assert_eq!(answer["code"], json!(Code::Revoked as u64), "{frame}: {answer}");
        let ended = raw.end().await;
        assert_eq!((ended.close, ended.goodbye), (Some(4401), Some(Code::Revoked as u64)), "{ended:?}");
        let body = json!({ "command": { "type": "add", "by": 1 } }).to_string();
        let refused = house.ask(&token, "POST", &format!("/v1/{actor}/commands"), &body).await;
        assert_eq!((refused.status, refused.code()), (401, Some(Code::Revoked as u64)));
    }
}

async fn revoked_under_stream(house: Arc<House>) {
    let actor = house.host.counter(&house.host.token("Bo"), json!({})).await;
    let stream = open_stream(&house, &token("main", "ana", json!({})), &actor).await;
    revoke(&house, "ana");
    let since = Instant::now();
    stream_ends(stream, Code::Revoked).await;
    assert!(since.elapsed() <= limits::SESSION_CHECK + LATE);
}

async fn revoked_comes_back(house: Arc<House>) {
    let token = token("main", "ana", json!({}));
    let ticket = house.ask(&token, "POST", "/v1/ticket", "").await;
    let ticket: Value = serde_json::from_str(&ticket.body).unwrap();
    revoke(&house, "ana");
    let mut raw = house.raw().await.upgrade().await;
    raw.say(json!({ "action": "hello", "token": token })).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4401), Some(Code::Revoked as u64)), "{ended:?}");
    let path = format!("/v1/counter/x/stream?token={}", ticket["ticket"].as_str().unwrap());
    let response = house.ask("", "GET", &path, "").await;
    assert_eq!((response.status, response.code()), (401, Some(Code::Revoked as u64)), "nor by a ticket from before");
}

async fn revoked_by_operator(house: Arc<House>) {
    let operator = token("main", "op", json!({ "roles": ["operator"] }));
    let (name, elsewhere) = ("a/b c", token("other", "a/b c", json!({})));
    let theirs = token("main", name, json!({}));
    let (raw, _) = house.raw().await.enter(&theirs).await;
    let (mut same_name, _) = house.raw().await.enter(&elsewhere).await;
    let answer = house.ask(&operator, "POST", "/v1/principals/a%2Fb%20c/revoke", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(serde_json::from_str::<Value>(&answer.body).unwrap()["revoked_at"].is_u64(), "{answer:?}");
    let refused = house.ask(&theirs, "GET", "/v1", "").await;
    assert_eq!((refused.status, refused.code()), (401, Some(Code::Revoked as u64)));
    let (since, ended) = (Instant::now(), raw.end().await);
    assert_eq!((ended.close, ended.goodbye), (Some(4401), Some(Code::Revoked as u64)), "{ended:?}");
    assert!(since.elapsed() <= limits::SESSION_CHECK + LATE);
    same_name.say(json!({ "action": "ping" })).await;
    same_name.hear_type("pong").await;
    let again = token("main", name, json!({ "iat": seconds() + 2.0 }));
    assert_eq!(house.ask(&again, "GET", "/v1", "").await.status, 200, "a fresh token is let in");
}

async fn revoked_by_others(house: Arc<House>) {
    let theirs = token("main", "ana", json!({}));
    for other in [token("main", "eve", json!({ "roles": ["admin"] })), house.host.token("Guest")] {
        let answer = house.ask(&other, "POST", "/v1/principals/ana/revoke", "").await;
        assert_eq!((answer.status, answer.code()), (403, Some(Code::Forbidden as u64)));
    }
    let operator = token("main", "op", json!({ "roles": ["operator"] }));
    let long = format!("/v1/principals/{}/revoke", "x".repeat(limits::PRINCIPAL_BYTES_MAX + 1));
    assert_eq!(house.ask(&operator, "POST", &long, "").await.status, 413);
    assert_eq!(house.ask(&theirs, "GET", "/v1", "").await.status, 200);
}
