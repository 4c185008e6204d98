//! A life over the wire: make, watch, move, drop, resume.

#![allow(clippy::unwrap_used)]

mod common;

use common::Host;
use dormouse_core::limits;
use dormouse_engine::identity::{KeyFile, Verifier};
use serde_json::{Value, json};

#[tokio::test]
async fn a_move_reaches_everybody_who_watches() {
    let host = Host::start().await;
    let (ana, bo) = (host.token("Ana"), host.token("Bo"));
    let actor = host.counter(&ana, json!({})).await;
    let (mut ana, outbox) = host.enter(&ana).await;
    let (mut bo, _) = host.enter(&bo).await;
    for socket in [&mut ana, &mut bo] {
        socket.say(json!({ "action": "subscribe", "actor": actor })).await;
        let resumed = socket.hear_type("resumed").await;
        assert_eq!(resumed["kind"], "snapshot");
        assert_eq!(socket.hear_type("snapshot").await["view"], json!({ "count": 0 }));
    }
    let command = json!({ "type": "add", "by": 2 });
    ana.say(json!({ "action": "send", "actor": actor, "command_id": format!("{outbox}:1"), "command": command })).await;
    let accepted = ana.hear_type("accepted").await;
    assert!(accepted["position"].as_str().unwrap().starts_with("1:2:"), "{accepted}");
    let shown = bo.hear_type("snapshot").await;
    assert_eq!((&shown["view"], &shown["position"]), (&json!({ "count": 2 }), &accepted["position"]));

    ana.say(json!({ "action": "send", "actor": actor, "command_id": format!("{outbox}:1"), "command": command })).await;
    let again = ana.hear_type("accepted").await;
    assert_eq!((&again["position"], &again["again"]), (&accepted["position"], &json!(true)));
}

#[tokio::test]
async fn a_refusal_reaches_its_sender_alone() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let actor = host.counter(&token, json!({})).await;
    let (mut socket, outbox) = host.enter(&token).await;
    let command = json!({ "type": "add", "by": 0 });
    socket
        .say(json!({ "action": "send", "actor": actor, "command_id": format!("{outbox}:1"), "command": command }))
        .await;
    let rejected = socket.hear_type("rejected").await;
    assert_eq!((&rejected["code"], &rejected["reason"]), (&json!(4440), &json!("zero")));
    assert_eq!(rejected["position"], Value::Null, "no commit keeps it");
}

/// Over the second line, and then over the first, which is late.
#[tokio::test]
async fn the_refusal_of_a_command_that_was_sent_before_is_that_of_every_copy() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let actor = host.counter(&token, json!({})).await;
    let (mut socket, outbox) = host.enter(&token).await;
    let (id, command) = (format!("{outbox}:1"), json!({ "type": "add", "by": 0 }));
    let send = json!({ "action": "send", "actor": actor, "command_id": id, "command": command, "resent": true });
    socket.say(send).await;
    let rejected = socket.hear_type("rejected").await;
    assert_eq!((&rejected["code"], &rejected["reason"]), (&json!(4440), &json!("zero")));
    assert!(rejected["position"].as_str().unwrap().starts_with("1:2:"), "{rejected}");

    let path = format!("/v1/{actor}/commands");
    for body in [
        json!({ "command_id": id, "command": command }),
        json!({ "command_id": id, "command": command, "resent": true }),
    ] {
        let (status, refused) = post(&host, &token, &path, body).await;
        assert_eq!(status, 422);
        for field in ["code", "reason", "message", "position"] {
            assert_eq!(refused["error"][field], rejected[field], "{refused}");
        }
    }
    let (status, nameless) = post(&host, &token, &path, json!({ "command": command, "resent": true })).await;
    assert_eq!((status, &nameless["error"]["code"]), (400, &json!(4418)));
}

#[tokio::test]
async fn a_resume_gets_the_tail_or_what_there_is() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let actor = host.counter(&token, json!({})).await;
    let client = reqwest::Client::new();
    let mut positions = vec![];
    for by in 1..=5 {
        let body = json!({ "command": { "type": "add", "by": by } });
        let request = client.post(host.url(&format!("/v1/{actor}/commands"))).bearer_auth(&token).json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        positions.push(answer["position"].as_str().unwrap().to_owned());
    }
    let (mut socket, _) = host.enter(&token).await;
    socket.say(json!({ "action": "subscribe", "actor": actor, "as": "events", "from": positions[2] })).await;
    assert_eq!(socket.hear_type("resumed").await["kind"], "tail");
    let events = socket.hear_type("events").await;
    assert_eq!(events["through_seq"], 6);
    let told: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|event| event["event"]["Added"].clone()).collect();
    assert_eq!(told, [json!(4), json!(5)]);

    let lost = positions[2].replace(":4:", ":5:");
    socket.say(json!({ "action": "subscribe", "actor": actor, "from": lost })).await;
    assert_eq!(socket.hear_type("resumed").await["kind"], "reset");
    assert_eq!(socket.hear_type("snapshot").await["reset"], true);

    socket.say(json!({ "action": "subscribe", "actor": actor, "from": positions[4] })).await;
    assert_eq!(socket.hear_type("resumed").await["kind"], "current");
}

#[tokio::test]
async fn what_one_may_not_see_is_not_there() {
    let host = Host::start().await;
    let (ana, bo) = (host.token("Ana"), host.token("Bo"));
    let actor = host.counter(&ana, json!({ "private": true })).await;
    let (mut bo_socket, outbox) = host.enter(&bo).await;
    let mut errors = vec![];
    for target in [actor.as_str(), "counter/nothere"] {
        bo_socket.say(json!({ "action": "subscribe", "actor": target })).await;
        let mut error = bo_socket.hear_type("error").await;
        error["actor"] = Value::Null;
        let command = json!({ "type": "add", "by": 1 });
        let id = format!("{outbox}:{}", errors.len() + 1);
        bo_socket.say(json!({ "action": "send", "actor": target, "command_id": id, "command": command })).await;
        let mut rejected = bo_socket.hear_type("rejected").await;
        (rejected["actor"], rejected["command_id"]) = (Value::Null, Value::Null);
        let http =
            reqwest::Client::new().get(host.url(&format!("/v1/{target}"))).bearer_auth(&bo).send().await.unwrap();
        errors.push((error, rejected, http.status(), http.text().await.unwrap()));
    }
    assert_eq!(errors[0], errors[1]);
    assert_eq!(errors[0].2, 404);
}

/// Also if its summary is the one that the rules give of no state at all.
#[tokio::test]
async fn a_new_actor_is_listed() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let actor = host.counter(&token, json!({})).await;
    let request = reqwest::Client::new().get(host.url("/v1/counter?status=open")).bearer_auth(&token);
    let page: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(page["rows"][0]["id"].as_str(), actor.strip_prefix("counter/"), "{page}");
}

async fn get(host: &Host, token: &str, path: &str) -> Value {
    let request = reqwest::Client::new().get(host.url(path)).bearer_auth(token);
    request.send().await.unwrap().json().await.unwrap()
}

async fn post(host: &Host, token: &str, path: &str, body: Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(host.url(path)).bearer_auth(token).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn command(host: &Host, token: &str, actor: &str, command: Value) -> String {
    let (status, answer) = post(host, token, &format!("/v1/{actor}/commands"), json!({ "command": command })).await;
    assert_eq!(status, 200, "{answer}");
    answer["position"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_there_is_not_is_left_out_of_lists() {
    let host = Host::start().await;
    let token = host.token("Ana");
    host.counter(&token, json!({})).await;
    let page = get(&host, &token, "/v1/counter").await;
    assert_eq!((page.get("next"), page["rows"][0].get("next_wake")), (None, None), "{page}");
    host.counter(&token, json!({})).await;
    let page = get(&host, &token, "/v1/counter?limit=1").await;
    assert!(page["next"].is_string(), "{page}");
}

#[tokio::test]
async fn who_watches_an_actor_that_retires_is_told_so_and_follows_nothing_more() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let actor = host.counter(&token, json!({})).await;
    let (mut socket, _) = host.enter(&token).await;
    for of in ["view", "events"] {
        socket.say(json!({ "action": "subscribe", "actor": actor, "as": of })).await;
        socket.hear_type("resumed").await;
    }
    let request = reqwest::Client::new().delete(host.url(&format!("/v1/{actor}"))).bearer_auth(&token);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let mut ended = vec![];
    for _ in 0..2 {
        let error = socket.hear_type("error").await;
        assert_eq!(
            (&error["code"], &error["actor"], error.get("action")),
            (&json!(4405), &json!(actor), None),
            "{error}"
        );
        ended.push(error["as"].as_str().unwrap().to_owned());
    }
    ended.sort();
    assert_eq!(ended, ["events", "view"]);
    for of in ["view", "events"] {
        socket.say(json!({ "action": "subscribe", "actor": actor, "as": of, "from": "1:1:0000000000000000" })).await;
        let resumed = socket.hear_type("resumed").await;
        let kind = if of == "view" { "gone" } else { "reset" };
        assert_eq!((&resumed["kind"], &resumed["as"]), (&json!(kind), &json!(of)), "{resumed}");
    }
    socket.hear_type("error").await;
    socket.say(json!({ "action": "ping", "positions": { &actor: "1:1:0000000000000000" } })).await;
    assert_eq!(socket.hear_type("pong").await["behind"], json!({}), "no subscription stands");
}

#[tokio::test]
async fn an_error_names_the_action_that_it_answers() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let (mut socket, _) = host.enter(&token).await;
    for (action, frame) in [
        ("signal", json!({ "action": "signal", "actor": "none/x", "signal": 1 })),
        ("subscribe", json!({ "action": "subscribe", "actor": "none/x" })),
        ("subscribe", json!({ "action": "subscribe", "actor": "counter/none" })),
        ("subscribe", json!({ "action": "subscribe", "actor": "counter/none", "as": "events" })),
        ("subscribe", json!({ "action": "subscribe", "actor": "no name" })),
        ("unsubscribe", json!({ "action": "unsubscribe", "actor": "no name" })),
        ("hello", json!({ "action": "hello", "token": token })),
    ] {
        socket.say(frame.clone()).await;
        assert_eq!(socket.hear_type("error").await["action"], action, "{frame}");
    }
    socket.say(json!({ "action": "fly" })).await;
    assert_eq!(socket.hear_type("error").await.get("action"), None, "what it asked for nobody knows");
}

#[tokio::test]
async fn each_frame_of_events_says_after_which_commit_it_is_complete() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let actor = host.counter(&token, json!({})).await;
    let (mut socket, _) = host.enter(&token).await;
    socket.say(json!({ "action": "subscribe", "actor": actor, "as": "events" })).await;
    let held = socket.hear_type("resumed").await["position"].as_str().unwrap().to_owned();
    assert!(held.starts_with("1:1:"), "{held}");
    let mut through = 1;
    for round in 0..3 {
        for _ in 0..round {
            command(&host, &token, &actor, json!({ "type": "whisper", "text": "x" })).await;
        }
        command(&host, &token, &actor, json!({ "type": "add", "by": 1 })).await;
        let events = socket.hear_type("events").await;
        assert_eq!(events["after_seq"], through, "what is hidden makes no gap: {events}");
        through = events["through_seq"].as_u64().unwrap();
    }
    let from = |from: &str| json!({ "action": "subscribe", "actor": actor, "as": "events", "from": from });
    for (place, after) in [("start", 0), (&*held, 1)] {
        socket.say(from(place)).await;
        assert_eq!(socket.hear_type("events").await["after_seq"], after);
    }
}

#[tokio::test]
async fn signals_go_over_http_too() {
    let host = Host::start().await;
    let (ana, bo) = (host.token("Ana"), host.token("Bo"));
    let actor = host.counter(&ana, json!({})).await;
    let (mut socket, _) = host.enter(&bo).await;
    socket.say(json!({ "action": "subscribe", "actor": actor })).await;
    socket.hear_type("snapshot").await;
    let path = format!("/v1/{actor}/signals");
    let signal = |bytes: usize| json!({ "signal": "x".repeat(bytes - 2) });
    let at_limit = limits::SIGNAL_BYTES_MAX;
    assert_eq!(post(&host, &ana, &path, signal(at_limit)).await, (202, json!({})));
    let heard = socket.hear_type("signal").await;
    assert_eq!((&heard["from"]["name"], heard["signal"].as_str().unwrap().len()), (&json!("Ana"), at_limit - 2));
    for (path, body, status, code) in [
        (&*path, signal(at_limit + 1), 413, 4420),
        (&*path, json!({}), 400, 4411),
        (&*path, json!({ "signal": 1, "command": 1 }), 400, 4412),
        ("/v1/none/x/signals", json!({ "signal": 1 }), 404, 4404),
    ] {
        let (said, answer) = post(&host, &ana, path, body).await;
        assert_eq!((said, &answer["error"]["code"]), (status, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn who_has_no_socket_asks_for_its_welcome() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let me = get(&host, &token, "/v1/me").await;
    assert_eq!(
        (&me["type"], &me["principal"]["name"], &me["in_flight"]),
        (&json!("welcome"), &json!("Ana"), &json!(1))
    );
    let actor = host.counter(&token, json!({})).await;
    let body =
        json!({ "command_id": format!("{}:1", me["outbox"].as_str().unwrap()), "command": { "type": "add", "by": 1 } });
    let path = format!("/v1/{actor}/commands");
    let (first, again) = (post(&host, &token, &path, body.clone()).await.1, post(&host, &token, &path, body).await.1);
    assert_eq!((&first["position"], &again["again"]), (&again["position"], &json!(true)));
}

/// What a stream sends until this text was seen: each message's id and data.
async fn stream_until(host: &Host, token: &str, path: &str, mark: &str) -> Vec<(Option<String>, Value)> {
    let mut response = reqwest::Client::new().get(host.url(path)).bearer_auth(token).send().await.unwrap();
    let mut text = String::new();
    while !text.contains(mark) || !text.ends_with("\n\n") {
        text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    let field =
        |message: &str, name: &str| message.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
    let messages = text.split("\n\n").filter_map(|message| Some((field(message, "id:"), field(message, "data:")?)));
    messages.map(|(id, data)| (id, serde_json::from_str(&data).unwrap())).collect()
}

/// A stream that breaks in between resumes where its reader stood, and is not taken for one that holds what was announced.
#[tokio::test]
async fn a_stream_names_no_position_that_its_reader_does_not_hold_yet() {
    let host = Host::start().await;
    let token = host.token("Ana");
    let actor = host.counter(&token, json!({})).await;
    let position = command(&host, &token, &actor, json!({ "type": "add", "by": 1 })).await;
    for (query, mark, kind, id) in [
        ("as=view".to_owned(), "snapshot\",\"actor", "snapshot", None),
        ("as=events&from=start".to_owned(), "\"events\",\"actor", "tail", None),
        (format!("as=events&from={position}"), "resumed", "current", Some(&position)),
    ] {
        let messages = stream_until(&host, &token, &format!("/v1/{actor}/stream?{query}"), mark).await;
        let (resumed, rest) = messages.split_first().unwrap();
        assert_eq!((&resumed.1["kind"], resumed.0.as_ref()), (&json!(kind), id), "{query}: {messages:?}");
        for (id, frame) in rest.iter().filter(|(_, frame)| frame.get("position").is_some()) {
            assert_eq!(id.as_deref(), frame["position"].as_str(), "{frame}");
        }
    }
}

/// The clock stands still but for what is waited for.
#[tokio::test(start_paused = true)]
async fn a_key_file_that_changed_counts_within_a_minute() {
    let path = std::env::temp_dir().join(format!("dormouse-keys-{}", std::process::id()));
    let (old, new) = ("a".repeat(32), "b".repeat(33));
    std::fs::write(&path, &old).unwrap();
    let host = Host::with_keys(Default::default(), vec![Verifier::read(&KeyFile::Secret(path.clone())).unwrap()]).await;
    let claims = json!({ "sub": "ana", "exp": 99_999_999_999_u64 });
    let token = |secret: &str| {
        let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    };
    let lets_in = |secret: &str| host.api.identity.verify(&token(secret)).is_ok();
    assert!(lets_in(&old) && !lets_in(&new));
    std::fs::write(&path, &new).unwrap();
    tokio::time::sleep(limits::KEY_FILES_LOOK * 2).await;
    assert!(lets_in(&new) && !lets_in(&old));
    std::fs::remove_file(&path).unwrap();
}
