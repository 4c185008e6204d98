//! One WebSocket: `$connect` before it is accepted, an invocation for each message, the limits, and `$disconnect` after it.
//!
//! As on AWS nothing keeps the messages of one connection in turn: each is an invocation of its own, and they overtake each other.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    extract::{
        Path, Request, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::tungstenite;

use super::{Shared, proxy};
use crate::{function::Failed, limits};

/// What the function says before the client takes it: more than this, and who says it waits.
const UNSENT_MAX: usize = 64;

/// A connection, as the management API sees it.
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) stage: String,
    pub(crate) connected_at: u64,
    pub(crate) user_agent: Option<String>,
    said: mpsc::Sender<Said>,
    active_at: AtomicU64,
    invocations: Arc<Semaphore>,
}

enum Said {
    Text(String),
    End,
}

/// How a connection ended.
struct Ending {
    code: u16,
    reason: String,
    /// Whether the client is to be told: it did not end it.
    is_ours: bool,
}

impl Line {
    /// Whether the client was there to be told.
    pub(crate) async fn say(&self, text: String) -> bool {
        self.said.send(Said::Text(text)).await.is_ok()
    }

    pub(crate) async fn end(&self) {
        let _ = self.said.send(Said::End).await;
    }

    /// When something was last said either way, in milliseconds since 1970.
    pub(crate) fn active_at(&self) -> u64 {
        self.active_at.load(Ordering::Relaxed)
    }
}

impl Ending {
    fn ours(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned(), is_ours: true }
    }

    fn theirs(frame: Option<CloseFrame>) -> Self {
        let (code, reason) = frame.map_or((1005, String::new()), |frame| (frame.code, frame.reason.to_string()));
        Self { code, reason, is_ours: false }
    }

    /// Of a connection from which this was read.
    fn after(error: axum::Error) -> Self {
        match error.into_inner().downcast_ref() {
            Some(tungstenite::Error::Capacity(_)) => Self::ours(1009, "Message too long"),
            Some(tungstenite::Error::Protocol(_)) => Self::ours(1002, "Protocol error"),
            Some(tungstenite::Error::Utf8(_)) => Self::ours(1007, "Invalid frame payload data"),
            _ => Self { code: 1006, reason: "Connection closed abnormally".to_owned(), is_ours: false },
        }
    }
}

/// A WebSocket if it asks for one, else a request like any other.
pub(crate) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Path(stage): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    request: Request,
) -> Response {
    let Ok(upgrade) = upgrade else { return proxy::forward(State(shared), request).await };
    if !shared.admits() {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    }
    let user_agent = request.headers().get("user-agent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (line, saying) = shared.line(stage, user_agent);
    let event = shared.connect_event(&line, request.headers(), request.uri());
    let protocol = match shared.admitted(event).await {
        Ok(protocol) => protocol,
        Err(status) => return status.into_response(),
    };
    // It can be told something from the moment at which the function has accepted it.
    shared.lines().insert(line.id.clone(), line.clone());
    let upgrade = upgrade.max_frame_size(limits::FRAME_BYTES_MAX).max_message_size(limits::MESSAGE_BYTES_MAX);
    upgrade.protocols(protocol).on_upgrade(move |socket| serve(shared, line, saying, socket))
}

impl Shared {
    fn line(&self, stage: String, user_agent: Option<String>) -> (Arc<Line>, mpsc::Receiver<Said>) {
        let (said, saying) = mpsc::channel(UNSENT_MAX);
        let connected_at = self.clock.epoch_millis();
        let invocations = Arc::new(Semaphore::new(limits::WAITING_MAX));
        let active_at = AtomicU64::new(connected_at);
        let line = Line { id: self.name(), stage, connected_at, user_agent, said, active_at, invocations };
        (Arc::new(line), saying)
    }

    /// Ask the function whether this connection may be; the subprotocol that it chose.
    async fn admitted(&self, event: Bytes) -> Result<Option<String>, StatusCode> {
        let answer = self.ask(event).await.map_err(|failed| failed.status)?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        match status.and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) if status.is_success() => {
                Ok(answer["headers"]["Sec-WebSocket-Protocol"].as_str().map(str::to_owned))
            }
            Some(status) => Err(status),
            None => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    async fn ask(&self, event: Bytes) -> Result<Bytes, Refused> {
        match tokio::time::timeout(limits::INTEGRATION_MAX, self.function.invoke(event)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failed::Throttled)) => Err(Refused::of(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "an invocation failed");
                Err(Refused::of(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"))
            }
            Err(_) => Err(Refused::of(StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out")),
        }
    }
}

/// Why the function gave no answer, as the gateway tells it.
struct Refused {
    status: StatusCode,
    message: &'static str,
}

impl Refused {
    fn of(status: StatusCode, message: &'static str) -> Self {
        Self { status, message }
    }
}

async fn serve(shared: Arc<Shared>, line: Arc<Line>, mut saying: mpsc::Receiver<Said>, mut socket: WebSocket) {
    let ending = converse(&shared, &line, &mut saying, &mut socket).await;
    shared.lines().remove(&line.id);
    drop(saying);

    if ending.is_ours {
        let frame = CloseFrame { code: ending.code, reason: Utf8Bytes::from(&ending.reason) };
        let _ = socket.send(Message::Close(Some(frame))).await;
    }
    drop(socket);
    if !shared.mischief.loses_disconnects.load(Ordering::Relaxed) {
        let event = shared.disconnect_event(&line, ending.code, &ending.reason);
        let _ = shared.ask(event).await;
    }
}

async fn converse(
    shared: &Arc<Shared>,
    line: &Arc<Line>,
    saying: &mut mpsc::Receiver<Said>,
    socket: &mut WebSocket,
) -> Ending {
    let dies = shared.clock.elapsed() + limits::LIFE_MAX;
    loop {
        let idle = shared.clock.elapsed() + limits::IDLE_MAX;
        line.active_at.store(shared.clock.epoch_millis(), Ordering::Relaxed);
        // Pings and pongs of the transport are no message: they do not keep a connection from being idle.
        let said = loop {
            tokio::select! {
                heard = socket.recv() => match heard {
                    Some(Ok(Message::Text(text))) => {
                        shared.carry(text.len());
                        break forward(shared, line, text);
                    }
                    Some(Ok(Message::Binary(_))) => return Ending::ours(1003, "Binary frames are not supported"),
                    Some(Ok(Message::Close(frame))) => return Ending::theirs(frame),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Err(error)) => return Ending::after(error),
                    None => return Ending::theirs(None),
                },
                said = saying.recv() => match said {
                    Some(Said::Text(text)) => break Some(text),
                    Some(Said::End) | None => return Ending::ours(1000, "Connection closed by the server"),
                },
                () = shared.clock.sleep_until(idle.min(dies)) => return Ending::ours(1001, "Going away"),
            }
        };
        if let Some(text) = &said {
            shared.carry(text.len());
        }
        if let Some(text) = said
            && socket.send(Message::Text(text.into())).await.is_err()
        {
            return Ending::theirs(None);
        }
    }
}

/// Invoke the function with this message. What the function answers is told nobody, unless it fails. Returns what to say at once.
fn forward(shared: &Arc<Shared>, line: &Arc<Line>, text: Utf8Bytes) -> Option<String> {
    let Ok(invocation) = line.invocations.clone().try_acquire_owned() else {
        return Some(refusal(shared, line, "Too Many Requests"));
    };
    let (shared, line) = (shared.clone(), line.clone());
    tokio::spawn(async move {
        let event = shared.message_event(&line, &text);
        let times = if shared.mischief.doubles_messages.load(Ordering::Relaxed) { 2 } else { 1 };
        for _ in 0..times {
            if let Err(refused) = shared.ask(event.clone()).await {
                line.say(refusal(&shared, &line, refused.message)).await;
            }
        }
        drop(invocation);
    });
    None
}

fn refusal(shared: &Shared, line: &Line, message: &str) -> String {
    json!({ "message": message, "connectionId": line.id, "requestId": shared.name() }).to_string()
}
