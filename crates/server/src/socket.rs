//! WebSockets: `hello` first, then frames both ways, with one flush for as many as wait.
//!
//! The library reads and writes frames and says what is wrong with one; the closing of a connection is spelled here.

use std::{net::IpAddr, sync::Arc};

use axum::{
    body::Body,
    extract::{Extension, Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Code, Failure,
    frame::{
        client::ClientFrame,
        server::{Said, ServerFrame},
    },
    limits,
    outbox::OutboxId,
};
use dormouse_engine::http::{Carries, Peer, Refused, welcome};
use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        error::ProtocolError,
        handshake::server::create_response_with_body,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

use crate::{
    AppState, Host,
    accept::Place,
    connection::Connection,
    outbound::{Next, Outbound},
    wire::Wire,
};

/// A peer's socket, over TCP or over whatever a simulation brings.
type Socket<T = TcpStream> = WebSocketStream<Wire<T>>;

/// What bytes go over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// What `welcome` says of a socket.
const CARRIES: Carries = Carries { in_flight: limits::IN_FLIGHT_MAX, frame_bytes: limits::FRAME_BYTES_MAX };

const PROTOCOL: &str = "dormouse.v1";

/// Read at once: a busy client's commands of a round trip. An idle connection holds it.
const READ_BUFFER: usize = 2 * 1024;

/// Written at once. An idle connection has none.
const WRITE_BUFFER: usize = 4 * 1024;

/// The masked head of a control frame.
const CONTROL_HEAD: usize = 6;

/// How a connection ends.
enum Parting {
    /// With `goodbye` and the code's close code.
    Said(Failure),
    /// With a close code of the transport alone: what the peer sends are no frames, so it is told nothing in frames.
    Broken(CloseCode),
    /// The peer closed; the library has its answer ready.
    Answered,
    /// There is nobody to tell.
    Gone,
}

impl From<Failure> for Parting {
    fn from(failure: Failure) -> Self {
        Self::Said(failure)
    }
}

impl From<Code> for Parting {
    fn from(code: Code) -> Self {
        Self::Said(code.into())
    }
}

pub(crate) async fn connect(
    State(state): State<AppState>,
    Extension(place): Extension<Arc<Place>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> Response {
    upgrade(request, place, move |socket, spoken| serve(state.host, socket, spoken, peer))
}

/// What is said comes back: for suites that know no frames of ours. All but the conversation is as it is over [`connect`].
pub(crate) async fn echo(
    State(state): State<AppState>,
    Extension(place): Extension<Arc<Place>>,
    request: Request,
) -> Response {
    upgrade(request, place, move |socket, _| repeat(state.host, socket))
}

/// Answer an upgrade, and let the socket be served; with it comes whether our subprotocol is spoken on it.
fn upgrade<F: Future<Output = ()> + Send>(
    mut request: Request,
    place: Arc<Place>,
    serve: impl FnOnce(Socket, bool) -> F + Send + 'static,
) -> Response {
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (Some(upgrade), Ok(mut response)) = (upgrade, create_response_with_body(&request, Body::empty)) else {
        let message = "this path takes WebSocket connections of subprotocol dormouse.v1; see docs/protocol.md";
        return Refused(Failure::new(Code::BadFrame, message)).into_response();
    };
    let spoken = speaks(request.headers());
    if spoken {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    tokio::spawn(async move {
        // Boxed by phase: an idle connection holds its own phase and not the largest.
        if let Some(socket) = Box::pin(upgraded(upgrade)).await {
            serve(socket, spoken).await;
        }
        drop(place);
    });
    response
}

/// Whether the client offers our subprotocol, among others or alone.
fn speaks(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offers.flat_map(|offer| offer.split(',')).any(|name| name.trim() == PROTOCOL)
}

/// The socket without the layers that HTTP put around it. `None` if the peer left before its upgrade.
async fn upgraded(upgrade: OnUpgrade) -> Option<Socket> {
    let parts = upgrade.await.ok()?.downcast::<TokioIo<Wire>>().ok()?;
    let wire = parts.io.into_inner();
    // Copied: HTTP's buffer is larger than what is left in it, and would stay as long as the socket.
    let unread = parts.read_buf.to_vec();
    Some(socket_over(wire, unread).await)
}

async fn socket_over<T: Stream>(mut wire: Wire<T>, unread: Vec<u8>) -> Socket<T> {
    wire.begin_messages();
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(limits::FRAME_BYTES_MAX))
        .max_frame_size(Some(limits::FRAME_BYTES_MAX));
    WebSocketStream::from_partially_read(wire, unread, Role::Server, Some(config)).await
}

/// Serve a peer that was upgraded already.
pub(crate) async fn over<T: Stream>(host: Arc<Host>, stream: T, peer: IpAddr) {
    let socket = socket_over(Wire::new(stream), Vec::new()).await;
    serve(host, socket, true, peer).await;
}

async fn serve<T: Stream>(host: Arc<Host>, mut socket: Socket<T>, spoken: bool, peer: IpAddr) {
    let parting = match Box::pin(begin(&host, &mut socket, spoken, peer)).await {
        Ok((connection, outbound)) => Box::pin(converse(&host, &mut socket, connection, outbound)).await,
        Err(parting) => parting,
    };
    Box::pin(part(&host, socket, parting)).await;
}

/// From the upgrade to `welcome`.
async fn begin<T: Stream>(
    host: &Arc<Host>,
    socket: &mut Socket<T>,
    spoken: bool,
    peer: IpAddr,
) -> Result<(Connection, Arc<Outbound>), Parting> {
    if !spoken {
        return Err(Code::UnsupportedVersion.into());
    }
    if host.api.engine.is_draining() {
        return Err(Code::Draining.into());
    }
    let hello = tokio::time::timeout(limits::HANDSHAKE, hello(socket)).await;
    let (token, outbox) = hello.unwrap_or_else(|_| Err(Code::Timeout.into()))?;
    let session = host.api.identity.verify(&token).map_err(|failure| host.guessed(peer, failure))?;
    let outbound = Outbound::new(host.next_connection());
    let connection = Connection::new(host.clone(), session, outbound.clone())?;
    outbound.frame(welcome(&host.api, connection.session(), outbox, CARRIES));
    Ok((connection, outbound))
}

/// The first frame.
async fn hello<T: Stream>(socket: &mut Socket<T>) -> Result<(String, Option<OutboxId>), Parting> {
    let text = match hear(socket.next().await, socket)? {
        Message::Text(text) => text,
        Message::Binary(_) => return Err(Code::BinaryFrame.into()),
        _ => return Err(Code::HelloFirst.into()),
    };
    match dormouse_core::frame::client::parse(&text)? {
        ClientFrame::Hello { token, outbox } => Ok((token, outbox)),
        _ => Err(Code::HelloFirst.into()),
    }
}

/// What a connection does next.
enum Turn {
    Leave,
    Check,
    Write,
    Read(Heard),
}

/// From `welcome` to the end; returns how it is to end.
async fn converse<T: Stream>(
    host: &Host,
    socket: &mut Socket<T>,
    mut connection: Connection,
    outbound: Arc<Outbound>,
) -> Parting {
    let left = host.left();
    tokio::pin!(left);
    let mut heard = Instant::now();
    // One timer for the whole connection, moved only when it has run out.
    let check = tokio::time::sleep(connection.until_check());
    tokio::pin!(check);
    // In turn, so that neither a room in uproar nor a busy client keeps the other waiting; and not by chance, so that a simulation can be
    // played again.
    let mut writes_first = false;
    let parting = loop {
        writes_first = !writes_first;
        let next = tokio::select! {
            biased;
            () = &mut left => Turn::Leave,
            () = &mut check => Turn::Check,
            () = outbound.ready(), if writes_first => Turn::Write,
            message = socket.next() => Turn::Read(message),
            () = outbound.ready(), if !writes_first => Turn::Write,
        };
        let turn = match next {
            Turn::Leave => Err(Code::Draining.into()),
            Turn::Write => flush(socket, &outbound).await,
            Turn::Read(message) => {
                heard = Instant::now();
                take(message, socket, &mut connection, &outbound).await
            }
            Turn::Check => {
                check.as_mut().reset(Instant::now() + connection.until_check());
                let silent = heard.elapsed() >= limits::SILENCE_MAX;
                let stands = if silent { Err(Code::Timeout.into()) } else { connection.check() };
                stands.map_err(Parting::Said)
            }
        };
        if let Err(parting) = turn {
            break parting;
        }
    };
    match parting {
        // What waits was promised before the end came.
        Parting::Said(failure) => {
            if failure.code == Code::Draining
                && let Err(parting) = answer(socket, &outbound).await
            {
                return parting;
            }
            outbound.end(failure.code);
            flush(socket, &outbound).await.err().unwrap_or(Parting::Said(failure))
        }
        parting => parting,
    }
}

/// Write the answers of commands that were given to the engine before it took no more. Those that do not come in time are for the
/// client to ask for again, with the same ids.
async fn answer<T: Stream>(socket: &mut Socket<T>, outbound: &Outbound) -> Result<(), Parting> {
    let answered = async {
        while outbound.owes_answers() {
            outbound.ready().await;
            flush(socket, outbound).await?;
        }
        Ok(())
    };
    tokio::time::timeout(limits::LINGER, answered).await.unwrap_or(Ok(()))
}

type Heard = Option<Result<Message, Error>>;

/// Take a message, and in one go those that have arrived already, so that their commands can share a run.
async fn take<T: Stream>(
    first: Heard,
    socket: &mut Socket<T>,
    connection: &mut Connection,
    outbound: &Outbound,
) -> Result<(), Parting> {
    take_one(first, socket, connection).await?;
    for _ in 1..limits::IN_FLIGHT_MAX {
        if outbound.is_ending() {
            return Ok(());
        }
        let Some(next) = socket.next().now_or_never() else { return Ok(()) };
        take_one(next, socket, connection).await?;
    }
    Ok(())
}

async fn take_one<T: Stream>(
    message: Heard,
    socket: &mut Socket<T>,
    connection: &mut Connection,
) -> Result<(), Parting> {
    match hear(message, socket)? {
        Message::Text(text) => connection.take(&text).await,
        Message::Ping(_) | Message::Pong(_) => connection.control(),
        _ => return Err(Code::BinaryFrame.into()),
    }
    Ok(())
}

/// Count what was read on the wire. A message that is a close, and what is none, end the connection.
fn hear<T: Stream>(message: Heard, socket: &mut Socket<T>) -> Result<Message, Parting> {
    match message {
        Some(Ok(Message::Close(_))) => Err(Parting::Answered),
        Some(Ok(message)) => {
            match &message {
                Message::Ping(bytes) | Message::Pong(bytes) => {
                    socket.get_mut().heard_control(CONTROL_HEAD + bytes.len());
                }
                _ => socket.get_mut().heard(),
            }
            Ok(message)
        }
        Some(Err(error)) => Err(broken(&error, socket)),
        None => Err(Parting::Gone),
    }
}

/// Say back each message until the peer is done.
async fn repeat(host: Arc<Host>, mut socket: Socket) {
    let parting = loop {
        let heard = socket.next().await;
        let said = match hear(heard, &mut socket) {
            Ok(Message::Text(text)) => Frame::message(text, OpCode::Data(Data::Text), true),
            Ok(Message::Binary(bytes)) => Frame::message(bytes, OpCode::Data(Data::Binary), true),
            Ok(_) => continue,
            Err(parting) => break parting,
        };
        if let Err(error) = socket.send(Message::Frame(said)).await {
            break gone(error);
        }
    };
    part(&host, socket, parting).await;
}

/// Write what waits, with one flush, up to the end if it has come.
async fn flush<T: Stream>(socket: &mut Socket<T>, outbound: &Outbound) -> Result<(), Parting> {
    loop {
        for _ in 0..limits::FLUSH_FRAMES {
            match outbound.try_next() {
                None => return socket.flush().await.map_err(gone),
                Some(Next::Frame(frame)) => {
                    // Our own frames are JSON: not validated again for each who gets them.
                    let frame = Frame::message(frame, OpCode::Data(Data::Text), true);
                    socket.feed(Message::Frame(frame)).await.map_err(gone)?;
                }
                Some(Next::End(code)) => return Err(code.into()),
            }
        }
        socket.flush().await.map_err(gone)?;
    }
}

fn gone(error: Error) -> Parting {
    tracing::debug!(%error, "a connection could not be written to");
    Parting::Gone
}

/// How to end a connection on which this was read.
fn broken<T: Stream>(error: &Error, socket: &Socket<T>) -> Parting {
    match error {
        Error::Capacity(_) => Code::TooLarge.into(),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Parting::Gone,
        Error::Protocol(_) => Parting::Broken(CloseCode::Protocol),
        Error::Utf8(_) => Parting::Broken(CloseCode::Invalid),
        Error::Io(_) if socket.get_ref().is_flooded() => Parting::Broken(CloseCode::Policy),
        _ => Parting::Gone,
    }
}

/// Say goodbye, close, and give the peer a moment to read it.
async fn part<T: Stream>(host: &Host, mut socket: Socket<T>, parting: Parting) {
    let farewell = async {
        match parting {
            Parting::Said(failure) => {
                let code = failure.code;
                socket.feed(Message::text(goodbye(host, failure))).await?;
                socket.send(close(CloseCode::from(code.close()), code.name())).await
            }
            Parting::Broken(code) => socket.send(close(code, "")).await,
            Parting::Answered => socket.flush().await,
            Parting::Gone => Err(Error::ConnectionClosed),
        }
    };
    if let Ok(Ok(())) = tokio::time::timeout(limits::HANDSHAKE, farewell).await {
        socket.get_mut().linger().await;
    }
}

fn goodbye(host: &Host, failure: Failure) -> String {
    let wait = failure.retry_after.unwrap_or_else(|| host.return_after());
    ServerFrame::Goodbye { failure: Said::from(&failure.retry_after(wait)) }.text()
}

fn close(code: CloseCode, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}
