//! Every limit of the server: what lies at it is served, one more is not.

use std::sync::Arc;

use dormouse_core::{Code, limits};
use serde_json::{Value, json};

use crate::{
    house::House,
    raw::{FIN, PING, Raw, frame, text},
    table::{Case, case, check},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_and_above() {
    check(cases()).await;
}

/// They have no number of the threat table.
fn limit<F>(name: &'static str, run: impl FnOnce(Arc<House>) -> F + Send + 'static) -> Case
where
    F: Future<Output = ()> + Send + 'static,
{
    case(0, name, "at the limit, and one above", run)
}

fn cases() -> Vec<Case> {
    vec![
        limit("SUBSCRIPTIONS_MAX", subscriptions).alone(),
        limit("SUBSCRIPTIONS_MAX, refused ones", refused_subscriptions),
        limit("SUBSCRIPTIONS_MAX, positions in a ping", positions),
        limit("CONNECTIONS_PER_PRINCIPAL_MAX", connections_of_principal),
        limit("CONNECTIONS_PER_PRINCIPAL_MAX, tickets", tickets),
        limit("RATE_PER_CONNECTION", rate_of_connection),
        limit("SUBSCRIPTIONS_PER_SECOND", rate_of_subscriptions),
        limit("SUBSCRIPTIONS_PER_SECOND, pings", rate_of_pings),
        limit("SIGNALS_PER_SECOND", rate_of_signals),
        limit("RATE_PER_PRINCIPAL", rate_of_principal),
        limit("RATE_PER_ADDRESS", rate_of_address),
        limit("SIGNAL_BYTES_MAX", signal_bytes),
        limit("COMMAND_BYTES_MAX", command_bytes),
        limit("FRAME_BYTES_MAX of a body", body_bytes),
        limit("HEAD_BYTES_MAX", head_bytes),
        limit("HEADERS_MAX", header_lines),
        limit("IN_FLIGHT_MAX", in_flight),
        limit("PAGE_MAX and EVENTS_PAGE_MAX", pages),
        limit("EVENTS_PAGE_BYTES_MAX", page_bytes).alone(),
        limit("PRINCIPAL_BYTES_MAX", name_bytes),
        limit("connections that are counted", counted),
    ]
}

async fn error(raw: &mut Raw) -> Value {
    let frame = raw.hear_type("error").await;
    frame["code"].clone()
}

fn code(code: Code) -> Value {
    json!(code as u64)
}

async fn subscriptions(house: Arc<House>) {
    let token = house.host.token("Ana");
    let (mut raw, _) = house.raw().await.enter(&token).await;
    let mut last = String::new();
    for _ in 0..limits::SUBSCRIPTIONS_MAX {
        last = house.host.counter(&token, json!({})).await;
        raw.say(json!({ "action": "subscribe", "actor": last })).await;
        raw.hear_type("resumed").await;
    }
    let one_more = house.host.counter(&token, json!({})).await;
    let subscribe = json!({ "action": "subscribe", "actor": one_more });
    raw.say(subscribe.clone()).await;
    assert_eq!(error(&mut raw).await, code(Code::TooManySubscriptions));
    raw.say(json!({ "action": "subscribe", "actor": last })).await;
    raw.hear_type("resumed").await;
    raw.say(json!({ "action": "unsubscribe", "actor": last })).await;
    raw.say(subscribe).await;
    assert_eq!(raw.hear_type("resumed").await["actor"], one_more, "one was given back");
}

async fn refused_subscriptions(house: Arc<House>) {
    let (mut raw, _) = house.enter_raw().await;
    for n in 0..limits::SUBSCRIPTIONS_MAX + 10 {
        let of = ["view", "events"][n % 2];
        raw.say(json!({ "action": "subscribe", "actor": format!("counter/no{n}"), "as": of })).await;
        assert_eq!(error(&mut raw).await, code(Code::NotFound), "a subscription that was refused takes no place");
    }
}

async fn positions(house: Arc<House>) {
    let (mut raw, _) = house.enter_raw().await;
    let ping = |count: usize| {
        let positions: serde_json::Map<String, Value> =
            (0..count).map(|n| (format!("counter/{n}"), json!("1:1:0000000000000000"))).collect();
        json!({ "action": "ping", "positions": positions })
    };
    raw.say(ping(limits::SUBSCRIPTIONS_MAX)).await;
    assert_eq!(raw.hear().await["type"], "pong");
    raw.say(ping(limits::SUBSCRIPTIONS_MAX + 1)).await;
    assert_eq!(error(&mut raw).await, code(Code::TooManySubscriptions));
}

async fn connections_of_principal(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let mut held = Vec::new();
    for _ in 0..limits::CONNECTIONS_PER_PRINCIPAL_MAX {
        held.push(house.raw().await.enter(&token).await);
    }
    let mut raw = house.raw().await.upgrade().await;
    raw.say(json!({ "action": "hello", "token": token })).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4429), Some(Code::TooManyConnections as u64)), "{ended:?}");
    let stream = house.ask(&token, "GET", &format!("/v1/{actor}/stream"), "").await;
    assert_eq!((stream.status, stream.code()), (429, Some(Code::TooManyConnections as u64)), "a stream counts as well");
    assert_eq!(house.ask(&token, "GET", "/v1", "").await.status, 200, "a request does not");
    house.raw().await.enter(&house.host.token("Bo")).await;
}

async fn tickets(house: Arc<House>) {
    let token = house.host.token("Ana");
    for _ in 0..limits::CONNECTIONS_PER_PRINCIPAL_MAX {
        assert_eq!(house.ask(&token, "POST", "/v1/ticket", "").await.status, 201);
    }
    let above = house.ask(&token, "POST", "/v1/ticket", "").await;
    assert_eq!((above.status, above.code()), (429, Some(Code::RateLimited as u64)));
    assert!(above.head.contains("retry-after: "), "{}", above.head);
}

async fn rate_of_connection(_: Arc<House>) {
    let house = House::paced(|rates| rates.per_connection = 5).await;
    let ping = text(r#"{"action":"ping"}"#);
    let (mut raw, _) = house.enter_raw().await;
    raw.send(&ping.repeat(5)).await;
    for _ in 0..5 {
        assert_eq!(raw.hear().await["type"], "pong");
    }
    let (mut raw, _) = house.enter_raw().await;
    // Pings of the transport count like frames. A place comes back every 200 ms, so more than one above.
    raw.send(&[ping.repeat(3), frame(FIN | PING, b"").repeat(20)].concat()).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(4429), Some(Code::RateLimited as u64)), "{ended:?}");
}

async fn rate_of_subscriptions(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (mut raw, _) = house.raw().await.enter(&token).await;
    let again = text(&json!({ "action": "subscribe", "actor": actor }).to_string());
    let at_once = 2 * limits::SUBSCRIPTIONS_MAX;
    raw.send(&[again.repeat(at_once), text(r#"{"action":"ping"}"#)].concat()).await;
    let mut heard = Vec::new();
    while heard.last() != Some(&json!("pong")) {
        heard.push(raw.hear().await["type"].clone());
    }
    assert!(!heard.contains(&json!("error")), "twice as many as a connection may hold are taken at once");
    // A place comes back every 31 ms, so more than one above.
    raw.send(&again.repeat(200)).await;
    let refused = raw.hear_type("error").await;
    assert_eq!((&refused["code"], &refused["action"]), (&code(Code::RateLimited), &json!("subscribe")));
    assert!(refused["retry_after"].as_u64().is_some_and(|wait| (1..=32).contains(&wait)), "{refused}");
}

async fn rate_of_pings(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (mut raw, outbox) = house.raw().await.enter(&token).await;
    raw.say(json!({ "action": "subscribe", "actor": actor })).await;
    let old = raw.hear_type("resumed").await["position"].clone();
    let command = json!({ "type": "add", "by": 1 });
    raw.say(json!({ "action": "send", "actor": actor, "command_id": format!("{outbox}:1"), "command": command })).await;
    raw.hear_type("accepted").await;
    let ping = text(&json!({ "action": "ping", "positions": { &actor: old } }).to_string());
    raw.send(&ping.repeat(2 * limits::SUBSCRIPTIONS_MAX + 200)).await;
    let mut looked = 0;
    for _ in 0..2 * limits::SUBSCRIPTIONS_MAX + 200 {
        looked += usize::from(raw.hear_type("pong").await["behind"] != json!({}));
    }
    assert!((2 * limits::SUBSCRIPTIONS_MAX - 1..2 * limits::SUBSCRIPTIONS_MAX + 150).contains(&looked), "{looked}");
}

async fn rate_of_signals(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let mut hearer = watching(&house, &token, &actor).await;
    let (mut raw, _) = house.enter_raw().await;
    let signal = |n: u32| text(&json!({ "action": "signal", "actor": actor, "signal": n }).to_string());
    raw.send(&(0..limits::SIGNALS_PER_SECOND).map(signal).collect::<Vec<_>>().concat()).await;
    for n in 0..limits::SIGNALS_PER_SECOND {
        assert_eq!(hearer.hear_type("signal").await["signal"], n);
    }
    // A place comes back every 10 ms, so more than one above.
    raw.send(&(0..400).map(signal).collect::<Vec<_>>().concat()).await;
    let refused = raw.hear_type("error").await;
    assert_eq!((&refused["code"], &refused["action"]), (&code(Code::RateLimited), &json!("signal")));
    assert!(refused["retry_after"].as_u64().is_some_and(|wait| (1..=10).contains(&wait)), "{refused}");
}

async fn rate_of_principal(_: Arc<House>) {
    let house = House::paced(|rates| rates.per_principal = 5).await;
    let token = house.host.token("Ana");
    let (mut raw, _) = house.raw().await.enter(&token).await;
    let signal = text(r#"{"action":"signal","actor":"counter/x","signal":1}"#);
    raw.send(&[signal.repeat(5), text(r#"{"action":"ping"}"#)].concat()).await;
    assert_eq!(raw.hear().await["type"], "pong", "five were taken without a word");
    raw.send(&signal.repeat(20)).await;
    let refused = raw.hear_type("error").await;
    assert_eq!(refused["code"], code(Code::RateLimited));
    assert!(refused["retry_after"].as_u64().is_some_and(|wait| (1..=200).contains(&wait)), "{refused}");
    let mut limited = false;
    for _ in 0..20 {
        limited |= house.ask(&token, "GET", "/v1", "").await.code() == Some(Code::RateLimited as u64);
    }
    assert!(limited, "over all connections and requests of the principal");
    assert_eq!(house.ask(&house.host.token("Bo"), "GET", "/v1", "").await.status, 200);
}

async fn rate_of_address(_: Arc<House>) {
    let house = House::paced(|rates| rates.per_address = 5).await;
    let request = "POST /v1/guest HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
    let mut raw = house.raw().await;
    raw.send(request.repeat(30).as_bytes()).await;
    let mut statuses = Vec::new();
    for _ in 0..30 {
        statuses.push(raw.response().await.status);
    }
    assert_eq!(statuses[..5], [201; 5], "five are served");
    assert!(statuses[5..].contains(&429), "{statuses:?}");
}

async fn watching(house: &House, token: &str, actor: &str) -> Raw {
    let (mut raw, _) = house.raw().await.enter(token).await;
    raw.say(json!({ "action": "subscribe", "actor": actor })).await;
    raw.hear_type("snapshot").await;
    raw
}

async fn signal_bytes(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let mut hearer = watching(&house, &token, &actor).await;
    let (mut raw, _) = house.enter_raw().await;
    let signal = |bytes: usize| json!({ "action": "signal", "actor": actor, "signal": "x".repeat(bytes - 2) });
    raw.say(signal(limits::SIGNAL_BYTES_MAX)).await;
    assert_eq!(hearer.hear_type("signal").await["signal"].as_str().unwrap().len(), limits::SIGNAL_BYTES_MAX - 2);
    raw.say(signal(limits::SIGNAL_BYTES_MAX + 1)).await;
    assert_eq!(error(&mut raw).await, code(Code::TooLarge));
}

async fn command_bytes(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (mut raw, outbox) = house.raw().await.enter(&token).await;
    let command = |bytes: usize| {
        let head = r#"{"type":"note","text":""#;
        format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2))
    };
    let frame = |n: usize, bytes: usize| {
        let command = command(bytes);
        text(&format!(r#"{{"action":"send","actor":"{actor}","command_id":"{outbox}:{n}","command":{command}}}"#))
    };
    raw.send(&frame(1, limits::COMMAND_BYTES_MAX)).await;
    raw.hear_type("accepted").await;
    raw.send(&frame(2, limits::COMMAND_BYTES_MAX + 1)).await;
    assert_eq!(raw.hear_type("rejected").await["code"], code(Code::TooLarge));
    for (bytes, status) in [(limits::COMMAND_BYTES_MAX, 200), (limits::COMMAND_BYTES_MAX + 1, 413)] {
        let body = format!(r#"{{"command":{}}}"#, command(bytes));
        assert_eq!(house.ask(&token, "POST", &format!("/v1/{actor}/commands"), &body).await.status, status);
    }
}

async fn body_bytes(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let path = format!("/v1/{actor}/commands");
    for (bytes, status) in [(limits::FRAME_BYTES_MAX, 200), (limits::FRAME_BYTES_MAX + 1, 413)] {
        let body = format!("{:<100}{}", r#"{"command":{"type":"add","by":1}}"#, " ".repeat(bytes - 100));
        assert_eq!(house.ask(&token, "POST", &path, &body).await.status, status, "{bytes}");
        let (length, header) = (body.len(), format!("authorization: bearer {token}"));
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{header}\r\ntransfer-encoding: chunked\r\n\r\n");
        let response = house.raw().await.ask(&format!("{head}{length:x}\r\n{body}\r\n0\r\n\r\n")).await;
        assert_eq!(response.status, status, "{bytes} in a chunk");
    }
}

async fn head_bytes(house: Arc<House>) {
    let request = |bytes: usize| {
        let head = "GET /health HTTP/1.1\r\nhost: localhost\r\nx: ";
        format!("{head}{}\r\n\r\n", "a".repeat(bytes - head.len() - 4))
    };
    for (bytes, status) in [(limits::HEAD_BYTES_MAX, 200), (limits::HEAD_BYTES_MAX + 1, 431)] {
        assert_eq!(house.raw().await.ask(&request(bytes)).await.status, status, "{bytes}");
    }
}

async fn header_lines(house: Arc<House>) {
    for (lines, status) in [(limits::HEADERS_MAX, 200), (limits::HEADERS_MAX + 1, 431)] {
        let others = "x: a\r\n".repeat(lines - 1);
        let request = format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{others}\r\n");
        assert_eq!(house.raw().await.ask(&request).await.status, status, "{lines}");
    }
}

async fn in_flight(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (mut raw, outbox) = house.raw().await.enter(&token).await;
    let send = |n: usize| {
        let command = json!({ "type": "add", "by": 1 });
        json!({ "action": "send", "actor": actor, "command_id": format!("{outbox}:{n}"), "command": command })
    };
    let held = house.journal.hold().await;
    for n in 1..=limits::IN_FLIGHT_MAX + 1 {
        raw.say(send(n)).await;
    }
    let refused = raw.hear().await;
    let id = format!("{outbox}:{}", limits::IN_FLIGHT_MAX + 1);
    assert_eq!((&refused["code"], &refused["command_id"]), (&code(Code::InFlight), &json!(id)), "{refused}");
    drop(held);
    for n in 1..=limits::IN_FLIGHT_MAX {
        let answer = raw.hear_type("accepted").await;
        assert_eq!(answer["command_id"], format!("{outbox}:{n}"), "those before are answered, in order");
    }
    raw.say(send(limits::IN_FLIGHT_MAX + 1)).await;
    raw.hear_type("accepted").await;
}

async fn pages(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    house.act(&token, &actor, json!({ "type": "add", "by": 1 })).await;
    for query in [format!("limit={}", usize::MAX), "limit=0".into()] {
        let rows = house.ask(&token, "GET", &format!("/v1/counter?{query}"), "").await;
        assert_eq!(rows.status, 200, "{query} is taken for what there may be");
        let events = house.ask(&token, "GET", &format!("/v1/{actor}/events?{query}"), "").await;
        assert_eq!(events.status, 200);
    }
}

async fn page_bytes(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    for _ in 0..20 {
        house.act(&token, &actor, json!({ "type": "note", "text": "x".repeat(50_000) })).await;
    }
    let page = house.ask(&token, "GET", &format!("/v1/{actor}/events"), "").await;
    assert!(page.body.len() < limits::EVENTS_PAGE_BYTES_MAX + 50_000, "{}", page.body.len());
    let page: Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!(page["more"], true);
    let after = page["through_seq"].as_u64().unwrap();
    let rest = house.ask(&token, "GET", &format!("/v1/{actor}/events?after_seq={after}"), "").await;
    let rest: Value = serde_json::from_str(&rest.body).unwrap();
    assert_eq!((&rest["more"], &rest["events"][0]["seq"]), (&json!(false), &json!(after + 1)));
}

async fn name_bytes(house: Arc<House>) {
    for (bytes, status) in [(limits::PRINCIPAL_BYTES_MAX, 201), (limits::PRINCIPAL_BYTES_MAX + 1, 413)] {
        let body = json!({ "name": "x".repeat(bytes) }).to_string();
        assert_eq!(house.ask("", "POST", "/v1/guest", &body).await.status, status, "{bytes}");
    }
}

async fn counted(_: Arc<House>) {
    let house = House::over(Default::default(), Default::default()).await;
    let token = house.host.token("Ana");
    let connections = || house.host.api.connections.load(std::sync::atomic::Ordering::Relaxed);
    let sockets = [house.raw().await.enter(&token).await, house.raw().await.enter(&token).await];
    assert_eq!(connections(), 2, "a socket is a connection after its upgrade as well");
    let stays = house.raw().await;
    let seen = house.ask(&token, "GET", "/v1", "").await;
    let seen: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(seen["stats"]["connections"], 2, "what keeps HTTP alive is nobody's line");
    drop((sockets, stays));
    crate::house::eventually("places are given back", || std::future::ready(connections() == 0)).await;
}
