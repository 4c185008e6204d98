//! The HTTP API, over the events of API Gateway.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Cloud, body, http};
use dormouse_lambda::EventError;
use serde_json::{Value, json};

#[tokio::test]
async fn it_is_the_api_of_any_host() {
    let cloud = Cloud::default();
    let (here, there) = (cloud.environment(), cloud.environment());
    let room = cloud.room(&here).await;
    let token = cloud.guest("ana");
    let commands = format!("/v1/{room}/commands");
    let add = json!({ "command": { "type": "add", "by": 5 } }).to_string();
    let answer = there.handle(http("POST", &commands, Some(&token), Some(&add))).await.unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let answer = here.handle(http("GET", &format!("/v1/{room}"), Some(&token), None)).await.unwrap();
    assert_eq!(body(&answer)["view"]["value"], 5, "what this environment held was old");
    let answer = here.handle(http("GET", &format!("/v1/{room}?at_seq=1"), Some(&token), None)).await.unwrap();
    assert_eq!(body(&answer)["view"]["value"], 0, "the query arrives");
    let answer = here.handle(http("GET", &format!("/v1/{room}/events"), Some(&token), None)).await.unwrap();
    assert_eq!(body(&answer)["events"][0]["event"]["added"], 5);
    assert_eq!(answer["headers"]["content-type"], "application/json");
    let answer = here.handle(http("GET", "/health", None, None)).await.unwrap();
    assert_eq!(answer["statusCode"], 200);
}

#[tokio::test]
async fn what_cannot_be_done_is_answered_by_number() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let token = cloud.guest("ana");
    let cases = [
        ("GET", "/v1/room/nowhere", None, 401, 3401),
        ("GET", "/v1/room/nowhere", Some(&*token), 404, 4404),
        ("GET", "/nowhere", None, 404, 4406),
        ("GET", "/v1/room/x/stream", Some(&*token), 404, 4406),
        ("PUT", "/v1/room", Some(&*token), 405, 4407),
    ];
    for (method, path, token, status, code) in cases {
        let answer = host.handle(http(method, path, token, None)).await.unwrap();
        let said = (answer["statusCode"].as_u64(), body(&answer)["error"]["code"].as_u64());
        assert_eq!(said, (Some(status), Some(code)), "{method} {path}");
    }
}

#[tokio::test]
async fn bodies_may_be_encoded_and_a_stage_may_have_a_name() {
    let cloud = Cloud::default();
    let host = cloud.environment();
    let token = cloud.guest("ana");
    let mut event = http("POST", "/prod/v1/room", Some(&token), Some("e30="));
    event["isBase64Encoded"] = json!(true);
    event["requestContext"]["stage"] = json!("prod");
    assert_eq!(host.handle(event.clone()).await.unwrap()["statusCode"], 201);
    event["body"] = json!("?");
    assert_eq!(host.handle(event).await.unwrap()["statusCode"], 400);
}

#[tokio::test]
async fn an_event_of_no_known_shape_is_an_error() {
    let host = Cloud::default().environment();
    let mut torn = http("GET", "/health", None, None);
    torn["rawPath"] = Value::Null;
    let v1 = json!({ "version": "1.0", "path": "/health", "httpMethod": "GET", "requestContext": {} });
    let socket = json!({ "requestContext": { "connectionId": "x", "eventType": "EXPLODE" } });
    for event in [json!({}), json!([1]), json!("x"), Value::Null, v1, torn, socket] {
        assert_eq!(host.handle(event.clone()).await.unwrap_err(), EventError::Bad, "{event}");
    }
}
