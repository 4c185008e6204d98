//! The way out, over a gateway as strict as AWS's; and over one that fails as AWS's may.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_aws::GatewaySender;
use dormouse_lambda::{
    Sender,
    conformance::{Gateway, sender_suite},
    sender::SendError,
};
use dormouse_localcloud::{Clock, Function, Lambda};
use futures_util::{SinkExt, StreamExt};
use support::clients;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A gateway on this machine, its clients, and our way out to them.
struct Local {
    gateway: dormouse_localcloud::Gateway,
    sender: GatewaySender,
    sockets: Mutex<HashMap<String, Socket>>,
}

impl Local {
    async fn start() -> Self {
        let clock = Clock::default();
        let function = Function::new(Lambda::new("herald", support::example("herald")), clock.clone());
        let gateway = dormouse_localcloud::Gateway::listen(0, function, clock).await.unwrap();
        let endpoint = format!("http://{}/local", gateway.address());
        let sender = GatewaySender::new(&clients(&endpoint).management(&endpoint));
        Self { gateway, sender, sockets: Mutex::default() }
    }
}

async fn text(socket: &mut Socket) -> String {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
        if let Message::Text(text) = next.unwrap().unwrap().unwrap() {
            return text.as_str().to_owned();
        }
    }
}

#[async_trait]
impl Gateway for Local {
    fn sender(&self) -> &dyn Sender {
        &self.sender
    }

    async fn connect(&self) -> String {
        let (mut socket, _) = connect_async(format!("ws://{}/local", self.gateway.address())).await.unwrap();
        socket.send(Message::text("who am I?")).await.unwrap();
        let told: serde_json::Value = serde_json::from_str(&text(&mut socket).await).unwrap();
        let connection = told["connectionId"].as_str().unwrap().to_owned();
        self.sockets.lock().unwrap().insert(connection.clone(), socket);
        connection
    }

    async fn received(&self, connection: &str, count: usize) -> Vec<Bytes> {
        let mut socket = self.sockets.lock().unwrap().remove(connection).unwrap();
        let mut received = Vec::new();
        for _ in 0..count {
            received.push(text(&mut socket).await.into());
        }
        self.sockets.lock().unwrap().insert(connection.to_owned(), socket);
        received
    }

    async fn hang_up(&self, connection: &str) {
        let before = self.gateway.connections();
        let mut socket = self.sockets.lock().unwrap().remove(connection).unwrap();
        socket.close(None).await.unwrap();
        while self.gateway.connections() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_management_api_is_a_sender() {
    assert_eq!(sender_suite(Local::start).await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_known_since_when_a_connection_is_there_and_from_where() {
    let local = Local::start().await;
    let connection = local.connect().await;
    let info = local.sender.info(&connection).await.unwrap().unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    assert!(u128::from(info.connected.0).abs_diff(now) < 60_000, "{info:?}");
    assert!(info.connected <= info.last_active, "{info:?}");
    assert_eq!(info.source, "127.0.0.1");
}

/// What a gateway does with a request.
#[derive(Debug, Clone, Copy)]
enum Does {
    Answers(u16),
    /// Takes it, and closes without a word.
    Hangs,
    /// Takes it, and says nothing.
    Sleeps,
}

/// A gateway that does these things in turn and then takes everything; and how many requests it had.
async fn faulty(turns: &'static [Does]) -> (GatewaySender, Arc<AtomicUsize>) {
    let (listener, had) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::new(AtomicUsize::new(0)));
    let (endpoint, counted) = (format!("http://{}/local", listener.local_addr().unwrap()), had.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, turns, counted.clone()));
        }
    });
    (GatewaySender::new(&support::hasty(&endpoint).management(&endpoint)), had)
}

async fn serve(mut stream: TcpStream, turns: &[Does], had: Arc<AtomicUsize>) {
    let mut buffer = vec![0; 64 * 1024];
    // Requests are small and come one at a time: one read each.
    while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {
        match turns.get(had.fetch_add(1, Ordering::SeqCst)).unwrap_or(&Does::Answers(200)) {
            Does::Answers(status) => {
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            Does::Hangs => return,
            Does::Sleeps => tokio::time::sleep(Duration::from_secs(60)).await,
        }
    }
}

#[tokio::test]
async fn a_throttled_message_is_sent_again_a_few_times() {
    let (sender, had) = faulty(&[Does::Answers(429), Does::Answers(429), Does::Answers(429)]).await;
    sender.send("c1", "x".into()).await.unwrap();
    assert_eq!(had.load(Ordering::SeqCst), 4);
    let (sender, had) = faulty(&[Does::Answers(429); 9]).await;
    assert!(matches!(sender.send("c1", "x".into()).await, Err(SendError::Unavailable(_))));
    assert_eq!(had.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_message_whose_line_broke_is_sent_once_more() {
    let (sender, had) = faulty(&[Does::Hangs]).await;
    sender.send("c1", "x".into()).await.unwrap();
    assert_eq!(had.load(Ordering::SeqCst), 2);
    let (sender, had) = faulty(&[Does::Hangs, Does::Hangs, Does::Hangs]).await;
    assert!(matches!(sender.send("c1", "x".into()).await, Err(SendError::Unavailable(_))));
    assert_eq!(had.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_message_that_may_have_arrived_is_not_sent_again() {
    for turns in [&[Does::Sleeps], &[Does::Answers(500)], &[Does::Answers(503)]] {
        let (sender, had) = faulty(turns).await;
        assert!(matches!(sender.send("c1", "x".into()).await, Err(SendError::Unavailable(_))), "{turns:?}");
        assert_eq!(had.load(Ordering::SeqCst), 1, "{turns:?}");
    }
}

#[tokio::test]
async fn a_refusal_without_a_body_is_known_by_its_status() {
    let (sender, _) = faulty(&[Does::Answers(410), Does::Answers(413), Does::Answers(410)]).await;
    assert!(matches!(sender.send("c1", "x".into()).await, Err(SendError::Gone)));
    assert!(matches!(sender.send("c1", "x".into()).await, Err(SendError::TooLarge)));
    assert_eq!(sender.info("c1").await.unwrap(), None);
}
