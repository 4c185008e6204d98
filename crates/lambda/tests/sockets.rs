//! The frames of a connection, over the triggers of a WebSocket API.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Cloud, SOCKETS, body, http, ticket};
use dormouse_core::{Position, limits::*};
use serde_json::{Value, json};

fn of_type<'a>(frames: &'a [Value], kind: &str) -> &'a Value {
    frames.iter().find(|frame| frame["type"] == kind).unwrap_or_else(|| panic!("no {kind} in {frames:?}"))
}

#[tokio::test]
async fn a_commit_reaches_everybody_who_watches() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let (ana, bo) = (cloud.enter(&host, "ana").await, cloud.enter(&host, "bo").await);
    ana.watch(&host, &room).await;
    assert_eq!(ana.types(), "resumed snapshot presence", "that she came is a commit, and one view shows it");
    bo.watch(&host, &room).await;
    assert_eq!((ana.types(), bo.types()), ("snapshot presence".into(), "resumed snapshot presence".into()));
    ana.send(&host, &room, 1, json!({ "type": "add", "by": 5 })).await;
    let (of_ana, of_bo) = (ana.heard(), bo.heard());
    let accepted = of_type(&of_ana, "accepted");
    assert_eq!(accepted["etag"], of_type(&of_ana, "snapshot")["etag"]);
    assert_eq!(of_type(&of_bo, "snapshot")["view"]["value"], 5);
    assert_eq!((of_ana.len(), of_bo.len()), (2, 1));
}

#[tokio::test]
async fn welcome_says_what_this_line_carries() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let ana = cloud.connect(&host, "ana").await;
    for _ in 0..2 {
        ana.say(&host, json!({ "action": "hello", "token": ana.token })).await;
    }
    let welcomes = ana.heard();
    assert_eq!(welcomes[0], welcomes[1], "asked twice it is answered twice, alike");
    assert_eq!((&welcomes[0]["in_flight"], &welcomes[0]["limits"]["frame_bytes"]), (&json!(1), &json!(32 * 1024)));
    let own = welcomes[0]["outbox"].as_str().unwrap();
    ana.say(&host, json!({ "action": "hello", "token": ana.token, "outbox": own })).await;
    assert_eq!(ana.heard()[0]["outbox"], own);
}

#[tokio::test]
async fn a_token_of_somebody_else_ends_the_connection() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let ana = cloud.connect(&host, "ana").await;
    for token in [cloud.guest("bo"), "x".into()] {
        let eve = cloud.connect(&host, "eve").await;
        let lost = eve.clone();
        eve.say(&host, json!({ "action": "hello", "token": token })).await;
        assert_eq!(lost.heard(), Vec::<Value>::new(), "the gateway in memory forgets a closed connection");
        assert_eq!(cloud.rows.sizes()[1], 1, "of ana alone");
    }
    ana.say(&host, json!({ "action": "ping" })).await;
    assert_eq!(ana.types(), "pong");
}

#[tokio::test]
async fn who_comes_without_a_good_ticket_is_refused() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let token = cloud.guest("ana");
    let client = cloud.client("ana", &token);
    let refused = async |event: Value| {
        let answer = host.handle(event).await.unwrap();
        (answer["statusCode"].as_u64().unwrap(), body(&answer)["error"]["code"].as_u64().unwrap())
    };
    assert_eq!(refused(client.connect_event("x")).await, (401, 3405));
    assert_eq!(refused(client.connect_event(&token)).await, (401, 3405), "tokens never stand in an address");
    let mut event = client.connect_event("");
    event["queryStringParameters"] = Value::Null;
    assert_eq!(refused(event.clone()).await, (401, 3401));
    event["headers"]["Authorization"] = json!(format!("Bearer {token}"));
    assert_eq!(host.handle(event.clone()).await.unwrap()["statusCode"], 200, "whoever can send a header may");
    event["headers"]["Sec-WebSocket-Protocol"] = json!("chat, dormouse.v2");
    assert_eq!(refused(event.clone()).await, (400, 4414));
    event["headers"]["Sec-WebSocket-Protocol"] = json!("chat, dormouse.v1");
    event["headers"]["Origin"] = json!("https://elsewhere.test");
    assert_eq!(refused(event).await, (403, 4423));
    assert_eq!(cloud.rows.sizes()[1], 1, "of those that were let in");
}

#[tokio::test]
async fn a_ticket_says_where_sockets_are() {
    let cloud = Cloud::default();
    let token = cloud.guest("ana");
    let answer = cloud.environment().handle(http("POST", "/v1/ticket", Some(&token), None)).await.unwrap();
    assert_eq!(body(&answer)["url"], SOCKETS);
}

#[tokio::test]
async fn a_ticket_opens_one_connection() {
    let cloud = Cloud::default();
    let (host, other) = (cloud.environment(), cloud.environment());
    let token = cloud.guest("ana");
    let ticket = ticket(&host, &token).await;
    let (first, second) = (cloud.client("first", &token), cloud.client("second", &token));
    assert_eq!(other.handle(first.connect_event(&ticket)).await.unwrap()["statusCode"], 200);
    assert_eq!(host.handle(second.connect_event(&ticket)).await.unwrap()["statusCode"], 401);
    assert_eq!(host.handle(first.connect_event(&ticket)).await.unwrap()["statusCode"], 200, "the same trigger again");
}

#[tokio::test]
async fn a_principal_has_as_many_connections_as_it_may() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let token = cloud.guest("ana");
    for n in 0..=CONNECTIONS_PER_PRINCIPAL_MAX {
        let client = cloud.client(&format!("c{n}"), &token);
        let answer = host.handle(client.connect_event(&ticket(&host, &token).await)).await.unwrap();
        let status = if n < CONNECTIONS_PER_PRINCIPAL_MAX { 200 } else { 429 };
        assert_eq!(answer["statusCode"], status, "number {n}");
    }
}

#[tokio::test]
async fn an_actor_that_is_not_there_leaves_no_row() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let ana = cloud.enter(&host, "ana").await;
    for of in ["view", "events"] {
        ana.say(&host, json!({ "action": "subscribe", "actor": "room/nowhere", "as": of })).await;
        let heard = ana.heard();
        assert_eq!((heard.len(), &heard[0]["code"], &heard[0]["as"]), (1, &json!(4404), &json!(of)), "{heard:?}");
    }
    assert_eq!(cloud.rows.sizes()[2], 0);
}

#[tokio::test]
async fn a_connection_holds_as_many_subscriptions_as_it_may() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let ana = cloud.enter(&host, "ana").await;
    let mut rooms = Vec::new();
    for _ in 0..=SUBSCRIPTIONS_MAX {
        rooms.push(cloud.room(&host).await);
    }
    for room in &rooms {
        ana.watch(&host, room).await;
    }
    let refused: Vec<Value> = ana.heard().into_iter().filter(|frame| frame["type"] == "error").collect();
    assert_eq!((refused.len(), &refused[0]["code"]), (1, &json!(4422)));
    assert_eq!((&refused[0]["actor"], cloud.rows.sizes()[2]), (&json!(rooms[SUBSCRIPTIONS_MAX]), SUBSCRIPTIONS_MAX));
    ana.watch(&host, &rooms[0]).await;
    assert_eq!(ana.heard()[0]["type"], "resumed", "one that it has it may have again");
}

#[tokio::test]
async fn who_unsubscribes_is_told_nothing_more() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let (ana, bo) = (cloud.enter(&host, "ana").await, cloud.enter(&host, "bo").await);
    ana.watch(&host, &room).await;
    bo.watch(&host, &room).await;
    bo.say(&host, json!({ "action": "unsubscribe", "actor": room })).await;
    ana.heard();
    bo.heard();
    ana.send(&host, &room, 1, json!({ "type": "add", "by": 5 })).await;
    assert_eq!((ana.types(), bo.types()), ("accepted snapshot".into(), String::new()));
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 1, "bo": 0 }));
}

#[tokio::test]
async fn events_follow_each_other_without_a_gap() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let (ana, bo) = (cloud.enter(&host, "ana").await, cloud.enter(&host, "bo").await);
    bo.send(&host, &room, 1, json!({ "type": "add", "by": 1 })).await;
    ana.say(&host, json!({ "action": "subscribe", "actor": room, "as": "events", "from": "start" })).await;
    bo.send(&host, &room, 2, json!({ "type": "add", "by": 2 })).await;
    bo.send(&host, &room, 3, json!({ "type": "fill", "bytes": 2 })).await;
    bo.send(&host, &room, 4, json!({ "type": "add", "by": 4 })).await;
    let frames: Vec<Value> = ana.heard().into_iter().filter(|frame| frame["type"] == "events").collect();
    let mut through = 0;
    let mut added = Vec::new();
    for frame in &frames {
        assert_eq!(frame["after_seq"], through, "{frames:?}");
        through = frame["through_seq"].as_u64().unwrap();
        added.extend(frame["events"].as_array().unwrap().iter().filter_map(|event| event["event"]["added"].as_i64()));
    }
    assert_eq!((added, through), (vec![1, 2, 4], cloud.commits(&room).await));
}

#[tokio::test]
async fn a_resume_gets_an_honest_answer() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let ana = cloud.enter(&host, "ana").await;
    ana.watch(&host, &room).await;
    let held = ana.heard().iter().rev().find(|frame| frame["type"] == "snapshot").unwrap().clone();
    let again = json!({ "action": "subscribe", "actor": room, "from": held["position"], "etag": held["etag"] });
    ana.say(&host, again.clone()).await;
    assert_eq!(ana.heard()[0]["kind"], "current");
    cloud.enter(&host, "bo").await.send(&host, &room, 1, json!({ "type": "add", "by": 1 })).await;
    ana.heard();
    ana.say(&host, again).await;
    assert_eq!(ana.types(), "resumed snapshot");
    let other: Position = held["position"].as_str().unwrap().parse().unwrap();
    let other = Position { tag: [0; 8], ..other };
    ana.say(&host, json!({ "action": "subscribe", "actor": room, "from": other })).await;
    assert_eq!(ana.heard()[0]["kind"], "reset");
}

#[tokio::test]
async fn a_ping_finds_what_was_lost() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let (room, other) = (cloud.room(&host).await, cloud.room(&host).await);
    let (ana, bo) = (cloud.enter(&host, "ana").await, cloud.enter(&host, "bo").await);
    ana.watch(&host, &room).await;
    let held = ana.heard().pop().unwrap();
    let held = if held["position"].is_string() { held } else { json!({ "position": "1:2:0000000000000000" }) };
    cloud.gateway.set_unreachable(&ana.connection, true);
    bo.send(&host, &room, 1, json!({ "type": "add", "by": 1 })).await;
    cloud.gateway.set_unreachable(&ana.connection, false);
    assert_eq!(ana.types(), "");
    ana.say(&host, json!({ "action": "ping", "positions": { &room: held["position"], &other: held["position"] } }))
        .await;
    let pong = ana.heard().pop().unwrap();
    assert_eq!(pong["behind"].as_object().unwrap().keys().collect::<Vec<_>>(), [&room], "of what it follows alone");
}

#[tokio::test]
async fn signals_reach_who_watches_at_any_environment() {
    let cloud = Cloud::default();
    let (here, there) = (cloud.environment(), cloud.environment());
    let room = cloud.room(&here).await;
    let (ana, bo) = (cloud.enter(&here, "ana").await, cloud.enter(&there, "bo").await);
    ana.watch(&here, &room).await;
    bo.watch(&there, &room).await;
    let cy = cloud.enter(&there, "cy").await;
    cy.watch(&there, &room).await;
    let _ = [&ana, &bo, &cy].map(|client| client.heard());
    ana.say(&here, json!({ "action": "signal", "actor": room, "signal": { "typing": true } })).await;
    assert_eq!((ana.types(), bo.types(), cy.types()), (String::new(), "signal".into(), "signal".into()));
}

#[tokio::test]
async fn lists_are_not_followed_here() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let ana = cloud.enter(&host, "ana").await;
    ana.say(&host, json!({ "action": "subscribe", "list": { "kind": "room" } })).await;
    let heard = ana.heard();
    assert_eq!(
        (&heard[0]["type"], &heard[0]["list"], &heard[0]["code"]),
        (&json!("error"), &json!({ "kind": "room" }), &json!(4413))
    );
}

#[tokio::test]
async fn bad_frames_are_answered_and_change_nothing() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let ana = cloud.enter(&host, "ana").await;
    for (frame, code) in [("", 4400), ("{\"action\":\"fly\"}", 4413), ("[]", 4411), ("{\"action\":\"send\"}", 4411)] {
        let mut event = ana.message_event(Value::Null);
        event["body"] = json!(frame);
        host.handle(event).await.unwrap();
        assert_eq!(ana.heard()[0]["code"], code, "{frame}");
    }
    let oversized = ana.command(&room, 1, json!({ "type": "add", "by": 1, "x": "x".repeat(FRAME_BYTES_MAX) }));
    ana.say(&host, oversized).await;
    assert_eq!(ana.heard()[0]["code"], 4420);
    ana.send(&host, &room, 1, json!({ "type": "add", "by": -1 })).await;
    let refused = ana.heard();
    assert_eq!((&refused[0]["type"], &refused[0]["reason"]), (&json!("rejected"), &json!("below_zero")));
    let mut binary = ana.message_event(json!({}));
    binary["isBase64Encoded"] = json!(true);
    host.handle(binary).await.unwrap();
    assert_eq!((cloud.rows.sizes()[1], cloud.commits(&room).await), (0, 1), "a binary frame ends the connection");
}

#[tokio::test]
async fn a_connection_that_is_gone_loses_its_rows_and_its_place() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let (ana, bo) = (cloud.enter(&host, "ana").await, cloud.enter(&host, "bo").await);
    ana.watch(&host, &room).await;
    bo.watch(&host, &room).await;
    bo.say(&host, json!({ "action": "subscribe", "actor": room, "as": "events" })).await;
    ana.heard();
    cloud.gateway.vanish(&bo.connection);
    let asked = cloud.gateway.asked();
    ana.send(&host, &room, 1, json!({ "type": "add", "by": 1 })).await;
    assert_eq!(cloud.rows.sizes(), [2, 1, 1], "of ana alone");
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 1, "bo": 0 }));
    assert_eq!(ana.types(), "accepted snapshot snapshot presence");
    assert_eq!(cloud.gateway.asked() - asked, 4 + 1, "one attempt told that bo is gone");
}

#[tokio::test]
async fn who_may_know_nothing_any_more_is_told_so_and_loses_its_row() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let (ana, bo) = (cloud.enter(&host, "ana").await, cloud.enter(&host, "bo").await);
    ana.watch(&host, &room).await;
    bo.watch(&host, &room).await;
    bo.say(&host, json!({ "action": "subscribe", "actor": room, "as": "events" })).await;
    bo.heard();
    ana.send(&host, &room, 1, json!({ "type": "ban", "who": "bo" })).await;
    let heard = bo.heard();
    let told: Vec<(&Value, &Value)> = heard.iter().map(|frame| (&frame["code"], &frame["as"])).collect();
    assert_eq!(told, [(&json!(4404), &json!("view")), (&json!(4404), &json!("events"))]);
    assert_eq!(cloud.rows.sizes()[2], 1, "of ana");
    assert_eq!(cloud.view(&room).await["here"], json!({ "ana": 1, "bo": 0 }));
    ana.say(&host, json!({ "action": "signal", "actor": room, "signal": 1 })).await;
    assert_eq!(bo.types(), "");
}

#[tokio::test]
async fn a_view_as_large_as_a_message_is_sent_and_a_larger_one_is_read_over_http() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let (ana, bo) = (cloud.enter(&host, "ana").await, cloud.enter(&host, "bo").await);
    bo.watch(&host, &room).await;
    ana.watch(&host, &room).await;
    bo.heard();
    bo.send(&host, &room, 1, json!({ "type": "fill", "bytes": 1 })).await;
    let small = of_type(&bo.heard(), "snapshot").to_string().len();
    let most = 1 + GATEWAY_MESSAGE_BYTES_MAX - small;
    bo.send(&host, &room, 2, json!({ "type": "fill", "bytes": most })).await;
    let whole = bo.heard();
    assert_eq!(of_type(&whole, "snapshot").to_string().len(), GATEWAY_MESSAGE_BYTES_MAX);
    ana.heard();
    bo.send(&host, &room, 3, json!({ "type": "fill", "bytes": most + 1 })).await;
    for heard in [bo.heard(), ana.heard()] {
        let error = of_type(&heard, "error");
        assert_eq!((&error["code"], &error["as"], &error["actor"]), (&json!(4420), &json!("view"), &json!(room)));
    }
    assert_eq!(cloud.rows.sizes()[2], 0, "nothing follows");
    assert_eq!(cloud.view(&room).await["filler"].as_str().unwrap().len(), most + 1);
    bo.watch(&host, &room).await;
    assert_eq!(of_type(&bo.heard(), "error")["code"], 4420);
}

#[tokio::test]
async fn events_come_in_messages_that_fit() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let room = cloud.room(&host).await;
    let (ana, bo) = (cloud.enter(&host, "ana").await, cloud.enter(&host, "bo").await);
    for n in 1..=4 {
        bo.send(&host, &room, n, json!({ "type": "shout", "bytes": 60_000 })).await;
    }
    ana.say(&host, json!({ "action": "subscribe", "actor": room, "as": "events", "from": "start" })).await;
    let heard = ana.heard();
    let told = heard.iter().filter(|frame| frame["type"] == "events");
    let lens: Vec<usize> = told.map(|frame| frame["events"].as_array().unwrap().len()).collect();
    assert_eq!(lens.iter().sum::<usize>(), 4, "{lens:?}");
    assert!(heard.iter().all(|frame| frame.to_string().len() <= GATEWAY_MESSAGE_BYTES_MAX));
    bo.send(&host, &room, 5, json!({ "type": "shout", "bytes": GATEWAY_MESSAGE_BYTES_MAX })).await;
    let heard = ana.heard();
    assert_eq!((&heard[0]["code"], &heard[0]["as"]), (&json!(4420), &json!("events")));
    assert_eq!(cloud.rows.sizes()[2], 0);
}

#[tokio::test]
async fn many_commits_of_one_event_are_one_view() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let (room, token) = (cloud.room(&host).await, cloud.guest("ana"));
    let ana = cloud.enter(&host, "ana").await;
    ana.watch(&host, &room).await;
    ana.heard();
    let path = format!("/v1/{room}/commands");
    let add = json!({ "command": { "type": "add", "by": 1 } }).to_string();
    let answer = host.handle(http("POST", &path, Some(&token), Some(&add))).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(ana.types(), "snapshot", "what comes over HTTP reaches those who watch");
}
