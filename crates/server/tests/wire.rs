//! A life over the wire: make, watch, move, drop, resume.

#![allow(clippy::unwrap_used)]

mod common;

use common::Host;
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
