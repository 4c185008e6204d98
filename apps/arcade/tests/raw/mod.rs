//! A WebSocket without a client around it: what a page could send if it were up to no good, and what comes back.

#![allow(dead_code)] // Each test file uses its own part.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::support::PATIENCE;

/// One connection.
pub(crate) struct Line(WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>);

impl Line {
    /// Connected, and hello said; with what the host answered to it.
    pub(crate) async fn enter(address: &str, token: &str) -> Result<(Self, Value), Error> {
        let mut request = format!("ws://{address}/v1/connect").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", "dormouse.v1".parse().expect("a header"));
        let mut line = Self(connect_async(request).await?.0);
        line.say(&json!({ "action": "hello", "token": token })).await;
        let answer = line.hear().await.ok_or(Error::ConnectionClosed)?;
        Ok((line, answer))
    }

    /// Into the line, if it still stands.
    pub(crate) async fn say(&mut self, frame: &Value) {
        let _ = self.0.send(Message::text(frame.to_string())).await;
    }

    /// All of them at once.
    pub(crate) async fn say_all(&mut self, frames: impl IntoIterator<Item = Value>) {
        for frame in frames {
            let _ = self.0.feed(Message::text(frame.to_string())).await;
        }
        let _ = self.0.flush().await;
    }

    /// The next frame; none once the line is closed.
    pub(crate) async fn hear_text(&mut self) -> Option<String> {
        loop {
            match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time")? {
                Ok(Message::Text(text)) => return Some(text.as_str().to_owned()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn hear(&mut self) -> Option<Value> {
        self.hear_text().await.map(|text| serde_json::from_str(&text).expect("JSON"))
    }

    /// The next frame of one of these types.
    pub(crate) async fn hear_one_of(&mut self, kinds: &[&str]) -> Value {
        loop {
            let frame = self.hear().await.expect("the line stands");
            if kinds.iter().any(|kind| frame["type"] == *kind) {
                return frame;
            }
        }
    }
}

/// A new guest's token.
pub(crate) fn guest(address: &str, name: &str) -> String {
    let (status, answer) = ask(address, "POST /v1/guest", "", &json!({ "name": name }));
    assert_eq!(status, 201, "{answer}");
    answer["token"].as_str().expect("a token").to_owned()
}

/// One request over a connection of its own: status and body.
pub(crate) fn ask(address: &str, request: &str, token: &str, body: &Value) -> (u16, Value) {
    let mut connection = TcpStream::connect(address).expect("it listens");
    connection.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let (body, close) = (body.to_string(), "connection: close\r\ncontent-type: application/json");
    let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\n{close}\r\nauthorization: Bearer {token}");
    write!(connection, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    (status, serde_json::from_str(body).expect("JSON"))
}
