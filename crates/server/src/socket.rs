//! WebSockets: `hello` first, then frames both ways, with one flush for as many as wait.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{
        Extension, State,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Code, Failure, Time,
    frame::{
        client::ClientFrame,
        server::{About, Bounds, Identity, Said, ServerFrame},
    },
    limits,
    outbox::OutboxId,
};
use dormouse_engine::{
    http::{Refused, VERSION},
    identity::Held,
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::time::Instant;

use crate::{
    AppState, Host,
    connection::Connection,
    outbound::{Next, Outbound},
};

const PROTOCOL: &str = "dormouse.v1";

/// Buffers of one socket. Small: an idle connection's memory is mostly these.
const BUFFER: usize = 4 * 1024;

/// How often an open connection's token is looked at.
const CHECK_EVERY: Duration = Duration::from_secs(30);

/// The longest that one write may take before the connection counts as too slow.
const WRITE_MAX: Duration = Duration::from_secs(20);

pub(crate) async fn connect(
    State(state): State<AppState>,
    Extension(held): Extension<Arc<Held<std::net::IpAddr>>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let message = "this path takes WebSocket connections of subprotocol dormouse.v1; see docs/protocol.md";
        return Refused(Failure::new(Code::BadFrame, message)).into_response();
    };
    upgrade
        .protocols([PROTOCOL])
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(limits::CONNECTION_QUEUE_BYTES_MAX + limits::VIEW_BYTES_MAX)
        .max_message_size(limits::FRAME_BYTES_MAX)
        .max_frame_size(limits::FRAME_BYTES_MAX)
        .on_upgrade(move |socket| serve(state.host, socket, held))
}

async fn serve(host: Arc<Host>, mut socket: WebSocket, _held: Arc<Held<std::net::IpAddr>>) {
    let outbound = Outbound::new(host.next_connection());
    let spoken = socket.protocol().is_some_and(|protocol| protocol == PROTOCOL);
    let hello = if spoken { hello(&mut socket).await } else { Err(Some(Code::UnsupportedVersion.into())) };
    let begun = hello.and_then(|(token, outbox)| {
        let session = host.api.identity.verify(&token).map_err(Some)?;
        let connection = Connection::new(host.clone(), session, outbound.clone()).map_err(Some)?;
        outbound.frame(welcome(&host, &connection, outbox));
        Ok(connection)
    });
    match begun {
        Ok(connection) => Box::pin(converse(host, socket, connection, outbound)).await,
        Err(Some(failure)) => dismiss(socket, &failure).await,
        Err(None) => {}
    }
}

/// The first frame. `None` if the peer is gone.
async fn hello(socket: &mut WebSocket) -> Result<(String, Option<OutboxId>), Option<Failure>> {
    let Ok(first) = tokio::time::timeout(limits::HANDSHAKE, socket.recv()).await else {
        return Err(Some(Code::Timeout.into()));
    };
    let text = match first {
        Some(Ok(Message::Text(text))) => text,
        Some(Ok(Message::Binary(_))) => return Err(Some(Code::BinaryFrame.into())),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Err(Some(Code::HelloFirst.into())),
        Some(Ok(Message::Close(_))) | None => return Err(None),
        Some(Err(error)) => return Err(transport_failure(&error)),
    };
    match dormouse_core::frame::client::parse(&text) {
        Ok(ClientFrame::Hello { token, outbox }) => Ok((token, outbox)),
        Ok(_) => Err(Some(Code::HelloFirst.into())),
        Err(failure) => Err(Some(failure)),
    }
}

/// The outbox stays the principal's own if it names one; else it gets a fresh one, stamped now.
fn welcome(host: &Host, connection: &Connection, outbox: Option<OutboxId>) -> String {
    let world = host.api.engine.world();
    let now = world.now();
    let fresh = || OutboxId { stamp: now.0, unique: world.letters(12) };
    // A stamp from the future would never grow old.
    let outbox = outbox.filter(|outbox| Time(outbox.stamp) <= now).unwrap_or_else(fresh);
    let (principal, outbox) = (Identity::from(&connection.session().viewer), outbox.to_string());
    let limits = Bounds {
        frame_bytes: limits::FRAME_BYTES_MAX,
        signal_bytes: limits::SIGNAL_BYTES_MAX,
        ping_seconds: limits::PING.as_secs(),
    };
    let (in_flight, server) = (limits::IN_FLIGHT_MAX, About { version: VERSION });
    ServerFrame::Welcome { principal, outbox: &outbox, in_flight, limits, server }.text()
}

async fn converse(host: Arc<Host>, socket: WebSocket, mut connection: Connection, outbound: Arc<Outbound>) {
    let (mut sink, mut incoming) = socket.split();
    let left = host.left();
    tokio::pin!(left);
    let mut leaving = false;
    let mut heard = Instant::now();
    let mut check = Instant::now() + CHECK_EVERY.min(time_left(&host, &connection));
    loop {
        tokio::select! {
            biased;
            () = outbound.ready() => {
                match tokio::time::timeout(WRITE_MAX, flush(&host, &mut sink, &outbound)).await {
                    Ok(Ok(true)) => {}
                    _ => return,
                }
            }
            message = incoming.next() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Text(text))) => {
                        connection.take(&text).await;
                        take_what_waits(&mut connection, &mut incoming, &outbound).await;
                    }
                    Some(Ok(Message::Binary(_))) => outbound.end(Code::BinaryFrame),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => connection.control(),
                    Some(Ok(Message::Close(_))) | None => return,
                    Some(Err(error)) => match transport_failure(&error) {
                        Some(failure) => outbound.end(failure.code),
                        None => return,
                    },
                }
            }
            () = tokio::time::sleep_until(check) => {
                if heard.elapsed() >= limits::SILENCE_MAX {
                    outbound.end(Code::Timeout);
                } else if let Err(failure) = connection.check() {
                    outbound.end(failure.code);
                }
                check = Instant::now() + CHECK_EVERY.min(time_left(&host, &connection));
            }
            () = &mut left, if !leaving => {
                leaving = true;
                outbound.end(Code::Draining);
            }
        }
    }
}

/// Until the session's token expires.
fn time_left(host: &Host, connection: &Connection) -> Duration {
    let left = connection.session().expires.since(host.api.engine.world().now());
    left.max(Duration::from_millis(10))
}

/// Frames that have arrived already are taken in one go, so that their commands can share a run.
async fn take_what_waits(connection: &mut Connection, incoming: &mut SplitStream<WebSocket>, outbound: &Outbound) {
    for _ in 0..limits::IN_FLIGHT_MAX {
        let Some(Some(next)) = futures_util::FutureExt::now_or_never(incoming.next()) else { return };
        match next {
            Ok(Message::Text(text)) => connection.take(&text).await,
            Ok(Message::Ping(_) | Message::Pong(_)) => connection.control(),
            Ok(Message::Binary(_)) => return outbound.end(Code::BinaryFrame),
            Ok(Message::Close(_)) => return,
            Err(error) => return outbound.end(transport_failure(&error).map_or(Code::Timeout, |failure| failure.code)),
        }
    }
}

/// Write what waits, with one flush. `false` once the connection has been closed.
async fn flush(
    host: &Host,
    sink: &mut SplitSink<WebSocket, Message>,
    outbound: &Outbound,
) -> Result<bool, axum::Error> {
    loop {
        for _ in 0..limits::FLUSH_FRAMES {
            match outbound.try_next() {
                None => {
                    sink.flush().await?;
                    return Ok(true);
                }
                Some(Next::Frame(frame)) => {
                    let text = Utf8Bytes::try_from(frame).map_err(axum::Error::new)?;
                    sink.feed(Message::Text(text)).await?;
                }
                Some(Next::End(code)) => {
                    let failure = Failure::from(code).retry_after(host.return_after());
                    sink.feed(Message::Text(goodbye(&failure).into())).await?;
                    sink.send(Message::Close(Some(close_frame(code)))).await?;
                    return Ok(false);
                }
            }
        }
        sink.flush().await?;
    }
}

fn goodbye(failure: &Failure) -> String {
    ServerFrame::Goodbye { failure: Said::from(failure) }.text()
}

fn close_frame(code: Code) -> CloseFrame {
    CloseFrame { code: code.close(), reason: code.name().into() }
}

async fn dismiss(mut socket: WebSocket, failure: &Failure) {
    let farewell = async {
        socket.send(Message::Text(goodbye(failure).into())).await?;
        socket.send(Message::Close(Some(close_frame(failure.code)))).await
    };
    let _ = tokio::time::timeout(limits::HANDSHAKE, farewell).await;
}

/// What the peer is told of a broken transport; `None` if there is nobody to tell. The library has sent the close code of RFC 6455.
fn transport_failure(error: &axum::Error) -> Option<Failure> {
    let text = error.to_string();
    text.contains("too long").then(|| Code::TooLarge.into())
}
