//! API Gateway with its limits, in front of a real function.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use aws_sdk_sqs::primitives::{DateTime, DateTimeFormat};
use dormouse_localcloud::{Clock, Function, Gateway, limits};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn gateway() -> (Gateway, Clock) {
    let clock = Clock::default();
    let function = Function::new(support::lambda(), clock.clone());
    (Gateway::listen(0, function, clock.clone()).await.unwrap(), clock)
}

async fn connect(gateway: &Gateway) -> Socket {
    let mut request = format!("ws://{}/local?ticket=t1", gateway.address()).into_client_request().unwrap();
    request.headers_mut().append("sec-websocket-protocol", "echo".parse().unwrap());
    connect_async(request).await.unwrap().0
}

/// The next message, which must come soon.
async fn next(socket: &mut Socket) -> Message {
    tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap()
}

/// The code with which the gateway closes.
async fn closed(socket: &mut Socket) -> u16 {
    loop {
        if let Message::Close(frame) = next(socket).await {
            return frame.unwrap().code.into();
        }
    }
}

async fn told(socket: &mut Socket) -> Value {
    serde_json::from_str(next(socket).await.to_text().unwrap()).unwrap()
}

/// The only connection there is, by the gateway's own account of it.
async fn only(gateway: &Gateway, socket: &mut Socket) -> String {
    socket.send(Message::text("fail so that I hear my name")).await.unwrap();
    assert_eq!(gateway.connections(), 1);
    told(socket).await["connectionId"].as_str().unwrap().to_owned()
}

fn management(gateway: &Gateway, id: &str) -> String {
    format!("http://{}/local/%40connections/{}", gateway.address(), id.replace('=', "%3D"))
}

#[tokio::test]
async fn who_is_refused_at_connect_gets_no_socket() {
    let (gateway, _) = gateway().await;
    let refused = connect_async(format!("ws://{}/local?ticket=none", gateway.address())).await.unwrap_err();
    assert!(matches!(refused, Error::Http(response) if response.status() == 401));
    assert_eq!(gateway.connections(), 0);
}

#[tokio::test]
async fn a_connection_is_told_looked_at_and_closed_from_outside_and_then_gone() {
    let (gateway, _) = gateway().await;
    let mut socket = connect(&gateway).await;
    let id = only(&gateway, &mut socket).await;
    let (http, place) = (reqwest::Client::new(), management(&gateway, &id));
    let largest = format!("\"{}\"", "x".repeat(limits::MESSAGE_BYTES_MAX - 2));
    assert_eq!(http.post(&place).body(largest.clone()).send().await.unwrap().status(), 200);
    assert_eq!(told(&mut socket).await.to_string(), largest);
    assert_eq!(http.post(&place).body(format!("{largest} ")).send().await.unwrap().status(), 413);
    let about: Value = serde_json::from_slice(&http.get(&place).send().await.unwrap().bytes().await.unwrap()).unwrap();
    let [connected, active] = ["connectedAt", "lastActiveAt"]
        .map(|name| DateTime::from_str(about[name].as_str().unwrap(), DateTimeFormat::DateTime).unwrap());
    assert!(connected <= active, "{about}");
    assert_eq!(http.delete(&place).send().await.unwrap().status(), 204);
    assert_eq!(closed(&mut socket).await, 1000);
    let gone = http.post(&place).body("x").send().await.unwrap();
    assert_eq!((gone.status().as_u16(), gone.headers()["x-amzn-errortype"].to_str().unwrap()), (410, "GoneException"));
}

#[tokio::test]
async fn frames_and_messages_that_are_too_large_end_the_connection() {
    let (gateway, _) = gateway().await;
    let frame = |bytes: usize, code, last| Message::Frame(Frame::message("x".repeat(bytes), OpCode::Data(code), last));
    let mut socket = connect(&gateway).await;
    socket.send(frame(limits::FRAME_BYTES_MAX, Data::Text, true)).await.unwrap();
    only(&gateway, &mut socket).await;
    socket.send(frame(limits::FRAME_BYTES_MAX + 1, Data::Text, true)).await.unwrap();
    assert_eq!(closed(&mut socket).await, 1009);

    let mut socket = connect(&gateway).await;
    let parts = limits::MESSAGE_BYTES_MAX / limits::FRAME_BYTES_MAX;
    for part in 0..parts {
        let code = if part == 0 { Data::Text } else { Data::Continue };
        socket.send(frame(limits::FRAME_BYTES_MAX, code, part + 1 == parts)).await.unwrap();
    }
    socket.send(Message::Ping("whole".into())).await.unwrap();
    assert!(matches!(next(&mut socket).await, Message::Pong(_)), "as many frames as fit are one message");
    for part in 0..=parts {
        let code = if part == 0 { Data::Text } else { Data::Continue };
        socket.send(frame(limits::FRAME_BYTES_MAX, code, part == parts)).await.unwrap();
    }
    assert_eq!(closed(&mut socket).await, 1009);
    let mut socket = connect(&gateway).await;
    socket.send(Message::binary("x")).await.unwrap();
    assert_eq!(closed(&mut socket).await, 1003);
}

#[tokio::test]
async fn connections_end_when_they_are_idle_or_old() {
    let (gateway, clock) = gateway().await;
    let mut idle = connect(&gateway).await;
    clock.advance(limits::IDLE_MAX - Duration::from_secs(2));
    idle.send(Message::Ping("are you there".into())).await.unwrap();
    assert!(matches!(next(&mut idle).await, Message::Pong(_)));
    clock.advance(Duration::from_secs(3));
    assert_eq!(closed(&mut idle).await, 1001, "a ping is no message");
    let mut old = connect(&gateway).await;
    let step = limits::IDLE_MAX - Duration::from_secs(60);
    let mut lived = Duration::ZERO;
    while lived + step < limits::LIFE_MAX {
        clock.advance(step);
        lived += step;
        only(&gateway, &mut old).await;
    }
    clock.advance(limits::LIFE_MAX - lived);
    assert_eq!(closed(&mut old).await, 1001);
}

#[tokio::test]
async fn a_function_that_fails_is_told_to_the_client_who_stays() {
    let (gateway, _) = gateway().await;
    let mut socket = connect(&gateway).await;
    for body in ["fail", "die"] {
        socket.send(Message::text(body)).await.unwrap();
        assert_eq!(told(&mut socket).await["message"], "Internal server error");
    }
    gateway.mischief().doubles_messages.store(true, Ordering::Relaxed);
    socket.send(Message::text("fail")).await.unwrap();
    assert_eq!(told(&mut socket).await["message"], "Internal server error");
    assert_eq!(told(&mut socket).await["message"], "Internal server error", "it was invoked twice");
}

#[tokio::test]
async fn as_many_invocations_as_there_are_environments_run_at_once() {
    let (gateway, _) = gateway().await;
    let mut socket = connect(&gateway).await;
    for _ in 0..limits::WAITING_MAX {
        socket.send(Message::text("sleep 6000")).await.unwrap();
    }
    socket.send(Message::text("one more")).await.unwrap();
    assert_eq!(told(&mut socket).await["message"], "Too Many Requests");
    let others = reqwest::get(format!("http://{}/v1", gateway.address())).await.unwrap();
    assert_eq!((others.status().as_u16(), limits::WAITING_MAX), (429, limits::ENVIRONMENTS_MAX));
}

#[tokio::test]
async fn the_end_of_a_connection_is_told_unless_that_is_lost() {
    let log = std::env::temp_dir().join(format!("localcloud-log-{}", std::process::id()));
    let mut lambda = support::lambda();
    lambda.variables.insert("ECHO_LOG".into(), log.display().to_string());
    let clock = Clock::default();
    let gateway = Gateway::listen(0, Function::new(lambda, clock.clone()), clock).await.unwrap();
    let heard = || std::fs::read_to_string(&log).unwrap();
    let mut socket = connect(&gateway).await;
    socket.close(None).await.unwrap();
    let patience = tokio::time::Instant::now() + Duration::from_secs(10);
    while heard() != "$connect null\n$disconnect 1005\n" {
        assert!(tokio::time::Instant::now() < patience, "{}", heard());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gateway.mischief().loses_disconnects.store(true, Ordering::Relaxed);
    drop(connect(&gateway).await);
    while gateway.connections() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut other = connect(&gateway).await;
    only(&gateway, &mut other).await;
    assert_eq!(heard().lines().filter(|line| line.starts_with("$disconnect")).count(), 1);
    std::fs::remove_file(&log).unwrap();
}

#[tokio::test]
async fn a_request_is_an_event_of_version_2_and_the_answer_a_response() {
    let (gateway, _) = gateway().await;
    let http = reqwest::Client::new();
    let url = format!("http://{}/v1/todo/a%20b?mine=1&mine=2", gateway.address());
    let request = http.post(url).header("cookie", "a=1; b=2").header("x-twice", "1").header("x-twice", "2");
    let answer = request.body("{\"text\":\"hm\"}").send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["set-cookie"]), (200, &"a=1".parse().unwrap()));
    let about: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let event = &about["event"];
    assert_eq!((&event["version"], &event["rawPath"]), (&"2.0".into(), &"/v1/todo/a%20b".into()));
    assert_eq!(event["rawQueryString"], "mine=1&mine=2");
    assert_eq!(event["queryStringParameters"]["mine"], "1,2");
    assert_eq!((&event["headers"]["x-twice"], &event["headers"]["cookie"]), (&"1,2".into(), &Value::Null));
    assert_eq!(event["cookies"], serde_json::json!(["a=1", "b=2"]));
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&"{\"text\":\"hm\"}".into(), &false.into()));
}
