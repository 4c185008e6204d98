//! A client of the gateway: a guest with a ticket, one connection, one command at a time.

use std::{
    io,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use dormouse_bench::driver::Http;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue},
};

/// Longer than anything takes; a bench that waits for what does not come says so.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Talk {
    http: Http,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    outbox: String,
    sent: u64,
}

impl Talk {
    /// Become a guest, get a ticket, connect with it, say hello.
    pub(crate) async fn join(url: &str) -> io::Result<Self> {
        let port = url.rsplit(':').next().and_then(|port| port.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
        let mut http = Http::open(port, Ipv4Addr::LOCALHOST).await?;
        let token = http.guest().await?;
        let ticket = http.json("POST", "/v1/ticket", "").await?;
        let text =
            |field: &str| ticket[field].as_str().ok_or_else(|| io::Error::other(format!("no {field}: {ticket}")));
        let request = format!("{}?token={}", text("url")?, text("ticket")?).into_client_request();
        let mut request = request.map_err(io::Error::other)?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("dormouse.v1"));
        let (socket, _) = tokio_tungstenite::connect_async(request).await.map_err(io::Error::other)?;
        let mut talk = Self { http, socket, outbox: String::new(), sent: 0 };
        talk.say(json!({ "action": "hello", "token": token })).await?;
        let welcome = talk.hear("welcome").await?;
        let welcome: Value = serde_json::from_str(&welcome)?;
        talk.outbox = welcome["outbox"].as_str().unwrap_or_default().to_owned();
        Ok(talk)
    }

    /// Make an actor; its name.
    pub(crate) async fn make(&mut self, kind: &str, config: Value) -> io::Result<String> {
        let made = self.http.json("POST", &format!("/v1/{kind}"), &config.to_string()).await?;
        Ok(format!("{kind}/{}", made["id"].as_str().unwrap_or_default()))
    }

    pub(crate) async fn watch(&mut self, actor: &str) -> io::Result<()> {
        self.say(json!({ "action": "subscribe", "actor": actor, "as": "view" })).await?;
        self.hear("snapshot").await.map(drop)
    }

    pub(crate) async fn send(&mut self, actor: &str, command: Value) -> io::Result<()> {
        self.sent += 1;
        let command_id = format!("{}:{}", self.outbox, self.sent);
        self.say(json!({ "action": "send", "actor": actor, "command_id": command_id, "command": command })).await
    }

    pub(crate) async fn ping(&mut self) -> io::Result<()> {
        self.say(json!({ "action": "ping", "positions": {} })).await?;
        self.hear("pong").await.map(drop)
    }

    /// The next message that has these words in it.
    pub(crate) async fn hear(&mut self, words: &str) -> io::Result<String> {
        let mut quiet_since = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(quiet_since.elapsed());
            let heard = tokio::time::timeout(left, self.socket.next()).await;
            let heard = heard.map_err(|_| io::Error::other(format!("nobody said {words:?}")))?;
            let message = heard.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(io::Error::other)?;
            quiet_since = Instant::now();
            if let Message::Text(text) = message {
                let text = text.to_string();
                if text.contains("\"rejected\"") || text.contains("\"error\"") || text.contains("\"goodbye\"") {
                    return Err(io::Error::other(text));
                }
                if text.contains(words) {
                    return Ok(text);
                }
            }
        }
    }

    async fn say(&mut self, frame: Value) -> io::Result<()> {
        self.socket.send(Message::text(frame.to_string())).await.map_err(io::Error::other)
    }
}
