//! Plain connections that keep every byte: requests, sockets and event streams.

use std::{io, net::SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// A request that waits for its answer's whole text: status, headers and body.
pub(super) async fn ask(host: SocketAddr, token: &str, method: &str, path: &str, body: Option<&Value>) -> String {
    let mut stream = open(host, token, method, path, body).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    text_of(&answer)
}

/// The body of an answer, as JSON.
pub(super) fn body(answer: &str) -> Value {
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    serde_json::from_str(body).unwrap_or_default()
}

async fn open(host: SocketAddr, token: &str, method: &str, path: &str, body: Option<&Value>) -> TcpStream {
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(host).await.expect("the host listens");
    stream.write_all(format!("{head}{body}").as_bytes()).await.expect("the host reads");
    stream
}

/// Without the date, which HTTP takes from the machine's clock, and the length of the body, which would hide where bodies begin to differ.
fn text_of(answer: &str) -> String {
    let is_left_out = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        ["date", "content-length"].iter().any(|left_out| name.eq_ignore_ascii_case(left_out))
    };
    answer.split_inclusive("\r\n").filter(|line| !is_left_out(line)).collect()
}

/// An event stream.
pub(super) struct Stream {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Stream {
    pub(super) async fn open(host: SocketAddr, token: &str, path: &str) -> Self {
        Self { stream: open(host, token, "GET", path, None).await, heard: vec![] }
    }

    /// Take what has arrived.
    pub(super) fn take(&mut self) {
        let mut bytes = [0; 4096];
        loop {
            match self.stream.try_read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => self.heard.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("an event stream broke: {error}"),
            }
        }
    }

    /// All that came so far.
    pub(super) fn text(&self) -> String {
        text_of(&String::from_utf8_lossy(&self.heard))
    }
}

/// A socket that has said hello.
pub(super) struct Socket {
    socket: WebSocketStream<TcpStream>,
    outbox: String,
    sent: u64,
}

impl Socket {
    /// And what it was welcomed with.
    pub(super) async fn open(host: SocketAddr, token: &str) -> (Self, String) {
        let stream = TcpStream::connect(host).await.expect("the host listens");
        let mut request = format!("ws://{host}/v1/connect").into_client_request().expect("a request");
        request.headers_mut().insert("sec-websocket-protocol", "dormouse.v1".parse().expect("a header"));
        let (socket, _) = client_async(request, stream).await.expect("the host takes sockets");
        let mut socket = Self { socket, outbox: String::new(), sent: 0 };
        socket.say(json!({ "action": "hello", "token": token })).await;
        let welcome = socket.hear().await.expect("a welcome");
        let said: Value = serde_json::from_str(&welcome).unwrap_or_default();
        socket.outbox = said["outbox"].as_str().expect("an outbox").to_owned();
        (socket, welcome)
    }

    pub(super) async fn say(&mut self, frame: Value) {
        // A socket that the host has closed says so at the next `hear`.
        let _ = self.socket.send(Message::text(frame.to_string())).await;
    }

    pub(super) async fn send(&mut self, actor: &str, command: &Value) {
        self.sent += 1;
        let command_id = format!("{}:{}", self.outbox, self.sent);
        self.say(json!({ "action": "send", "actor": actor, "command_id": command_id, "command": command })).await;
    }

    /// Everything that was sent before this was asked for.
    pub(super) async fn drain(&mut self) -> Vec<String> {
        self.say(json!({ "action": "ping", "positions": {} })).await;
        let mut heard = vec![];
        while let Some(frame) = self.hear().await {
            let is_pong = frame.starts_with(r#"{"type":"pong""#);
            heard.push(frame);
            if is_pong {
                break;
            }
        }
        heard
    }

    /// The next frame; nothing once the host has closed.
    async fn hear(&mut self) -> Option<String> {
        loop {
            match self.socket.next().await? {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(frame)) => return frame.map(|frame| format!("closed: {frame}")),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }
}
