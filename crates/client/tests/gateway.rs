//! The client against a host whose sockets somebody else holds, at another address, where a ticket opens one.

#![allow(clippy::unwrap_used)] // Its helpers are test code, too.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use dormouse_client::{Client, ClientOptions, FileStorage, Status};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        http::HeaderValue,
    },
};

const PROTOCOL: &str = "sec-websocket-protocol";

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it does not come")
}

/// Answers to requests, by method and path, with their status; whatever else is asked for is not there.
type Answers = Arc<Mutex<BTreeMap<String, (u16, Value)>>>;

/// The HTTP API and the gateway, on one port: sockets open at `/prod` alone, and only with a ticket.
struct Gateway {
    address: String,
    answers: Answers,
    /// Every request in its order, `GET /v1/connect` among them.
    asked: Arc<Mutex<Vec<String>>>,
    sockets: mpsc::UnboundedReceiver<WebSocketStream<TcpStream>>,
}

impl Gateway {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (opened, sockets) = mpsc::unbounded_channel();
        let (answers, asked) = (Answers::default(), Arc::new(Mutex::new(Vec::new())));
        let (told, seen) = (answers.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, told.clone(), seen.clone(), opened.clone()));
            }
        });
        Self { address, answers, asked, sockets }
    }

    fn answer(&self, request: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(request.to_owned(), (status, body));
    }

    /// Where sockets are: at the gateway, or at the host itself.
    fn has_gateway(&self, has: bool) {
        let url = format!("ws://{}/prod", self.address);
        let body = if has { json!({ "ticket": "a b", "url": url }) } else { json!({ "ticket": "a b" }) };
        self.answer("POST /v1/ticket", 201, body);
        self.answer("GET /v1/connect", if has { 404 } else { 101 }, Value::Null);
        self.answer("GET /prod?token=a+b", if has { 101 } else { 403 }, Value::Null);
    }

    fn options(&self) -> ClientOptions {
        ClientOptions::new(format!("http://{}", self.address)).token(|| async { Ok("token".into()) })
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    /// The next socket, after its greeting.
    async fn welcome(&mut self) -> WebSocketStream<TcpStream> {
        let mut wire = soon(self.sockets.recv()).await.unwrap();
        assert_eq!(hear(&mut wire).await["token"], "token");
        let limits = json!({ "frame_bytes": 32768, "signal_bytes": 64, "ping_seconds": 25 });
        let principal = json!({ "id": "ana", "name": "Ana", "roles": [] });
        let welcome = json!({
            "type": "welcome", "principal": principal, "outbox": "m3vq2k8g-7f3a9c", "in_flight": 1, "limits": limits, "server": { "version": "0" },
        });
        say(&mut wire, &welcome).await;
        wire
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
    opened: mpsc::UnboundedSender<WebSocketStream<TcpStream>>,
) {
    // Looked at, not taken: it may be an upgrade.
    let mut bytes = [0; 4096];
    let length = stream.peek(&mut bytes).await.unwrap();
    let head = String::from_utf8_lossy(&bytes[..length]).into_owned();
    let request = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").trim_end_matches('?').to_owned();
    let (status, body) = answers.lock().unwrap().get(&request).cloned().unwrap_or((404, json!({})));
    asked.lock().unwrap().push(request);
    if status == 101 {
        #[allow(clippy::result_large_err)] // The library's own shape.
        let choose = |request: &Request, mut response: Response| {
            assert_eq!(request.headers()[PROTOCOL], "dormouse.v1");
            response.headers_mut().insert(PROTOCOL, HeaderValue::from_static("dormouse.v1"));
            Ok(response)
        };
        let _ = opened.send(accept_hdr_async(stream, choose).await.unwrap());
        return;
    }
    assert_eq!(stream.read(&mut bytes).await.unwrap(), length);
    let body = body.to_string();
    let answer = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
}

async fn say(wire: &mut WebSocketStream<TcpStream>, frame: &Value) {
    wire.send(Message::text(frame.to_string())).await.unwrap();
}

async fn hear(wire: &mut WebSocketStream<TcpStream>) -> Value {
    match soon(wire.next()).await {
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
        other => panic!("no frame: {other:?}"),
    }
}

const BY_TICKET: [&str; 2] = ["POST /v1/ticket", "GET /prod?token=a+b"];

#[tokio::test]
async fn sockets_are_found_where_a_ticket_opens_them_and_again_after_a_start() {
    let mut gateway = Gateway::new().await;
    gateway.has_gateway(true);
    let folder = tempfile::tempdir().unwrap();
    let stored = || gateway.options().storage(FileStorage::open(folder.path().join("outbox")).unwrap());
    let options = stored();
    let client = Client::new(options).unwrap();
    let wire = gateway.welcome().await;
    assert_eq!(gateway.asked(), [&["GET /v1/connect"][..], &BY_TICKET].concat(), "the host itself comes first");
    drop(wire);
    let _wire = gateway.welcome().await;
    assert_eq!(gateway.asked(), BY_TICKET, "a ticket for each socket");
    soon(client.status().wait_for(|status| *status == Status::Live)).await.unwrap();
    client.close().await;
    drop(client);

    let stored = async || loop {
        // The task that held it ends a moment later.
        match FileStorage::open(folder.path().join("outbox")) {
            Ok(storage) => return gateway.options().storage(storage),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    let options = soon(stored()).await;
    let _client = Client::new(options).unwrap();
    let _wire = gateway.welcome().await;
    assert_eq!(gateway.asked(), BY_TICKET, "as the client before found it");
}

#[tokio::test]
async fn a_ticket_without_an_address_sends_back_to_the_host() {
    let mut gateway = Gateway::new().await;
    gateway.has_gateway(true);
    let _client = Client::new(gateway.options()).unwrap();
    drop(gateway.welcome().await);
    gateway.has_gateway(false);
    // What was on its way may have met the one host or the other.
    let mut wire = gateway.welcome().await;
    assert_eq!(gateway.asked().last().unwrap(), "GET /v1/connect");
    say(&mut wire, &json!({ "type": "pong", "behind": {} })).await;
    drop(wire);
    let _wire = gateway.welcome().await;
    assert_eq!(gateway.asked(), ["GET /v1/connect"], "it is not asked for tickets any more");
}

#[tokio::test]
async fn who_gets_no_ticket_for_a_token_signs_in_again() {
    let mut gateway = Gateway::new().await;
    gateway.has_gateway(true);
    let refusal = json!({ "error": { "code": 3401, "name": "unauthenticated", "message": "", "retry_after": 1 } });
    gateway.answer("POST /v1/ticket", 401, refusal);
    let client = Client::new(gateway.options()).unwrap();
    soon(client.status().wait_for(|status| *status == Status::Offline)).await.unwrap();
    assert_eq!(client.error().unwrap().code, 3401);
    gateway.has_gateway(true);
    gateway.welcome().await;
}

#[tokio::test]
async fn where_nobody_knows_of_another_way_the_socket_is_what_failed() {
    let gateway = Gateway::new().await;
    let client = Client::new(gateway.options()).unwrap();
    for _ in 0..2 {
        soon(client.status().wait_for(|status| *status == Status::Connecting)).await.unwrap();
        soon(client.status().wait_for(|status| *status == Status::Offline)).await.unwrap();
        assert_eq!(client.error().unwrap().name, "unreachable");
    }
    assert_eq!(gateway.asked()[..4], ["GET /v1/connect", "POST /v1/ticket", "GET /v1/connect", "POST /v1/ticket"]);
}
