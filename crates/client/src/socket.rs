//! One line: a WebSocket that carries frames both ways until either side ends it.

use std::{io, sync::Arc};

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL},
    },
};

use crate::{
    fault::{Action, Fault, with_sources},
    frame::{ClientFrame, Token, decode},
    http::{Http, moved},
    limits::CONNECT,
    session::Event,
    tls::{Roots, Tls},
};

const PROTOCOL: &str = "dormouse.v1";

#[doc(hidden)]
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens line `line`, and tells `events` all that happens on it. Ends when `outgoing` does.
pub(crate) async fn run(
    line: u64,
    fresh: bool,
    http: Arc<Http>,
    outgoing: mpsc::Receiver<ClientFrame>,
    events: mpsc::Sender<Event>,
) {
    let fault = converse(line, fresh, &http, outgoing, &events).await.err();
    // Nobody hears it if the client is gone.
    let _ = events.send(Event::Dropped { line, fault }).await;
}

async fn converse(
    line: u64,
    fresh: bool,
    http: &Http,
    outgoing: mpsc::Receiver<ClientFrame>,
    events: &mpsc::Sender<Event>,
) -> Result<(), Fault> {
    let token = http.fresh_token(fresh).await?;
    let (sink, stream) = reach(http, &token).await?.split();
    let _ = events.send(Event::Opened { line, token }).await;
    // Side by side: a host that waits for us to read must not wait for us to finish writing.
    tokio::select! {
        ended = read(line, stream, events) => ended,
        ended = write(sink, outgoing) => ended,
    }
}

/// A host's sockets may be somebody else's, where a ticket opens them: it is asked for one if no socket opens at the host itself, and from then on
/// before each, until it does not say any more where they are.
async fn reach(http: &Http, token: &Token) -> Result<Socket, Fault> {
    if http.is_by_ticket() {
        let Some(way) = http.way(token).await? else {
            return Err(Fault::local("sockets_moved", "The host's sockets are its own again.", Action::Retry));
        };
        return dial(http, &way).await;
    }
    let here = format!("{}/v1/connect", http.endpoint().replacen("http", "ws", 1));
    let fault = match dial(http, &here).await {
        Ok(socket) => return Ok(socket),
        // Whoever was at the endpoint said where to go.
        Err(fault) if fault.name == "moved" => return Err(fault),
        Err(fault) => fault,
    };
    match http.way(token).await {
        Ok(Some(way)) => dial(http, &way).await,
        Err(refused) if refused.action == Action::SignIn => Err(refused),
        Ok(None) | Err(_) => Err(fault),
    }
}

async fn dial(http: &Http, url: &str) -> Result<Socket, Fault> {
    let mut request = url.into_client_request().map_err(|error| unreachable(&error))?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    match tokio::time::timeout(CONNECT, http.tls().connect(request)).await {
        Ok(Ok(socket)) => Ok(socket),
        Ok(Err(error)) => Err(match &error {
            tungstenite::Error::Http(answer) => moved(answer.status(), answer.headers()),
            _ => None,
        }
        .unwrap_or_else(|| unreachable(&error))),
        Err(_) => Err(Fault::local("connect_timeout", "The host does not answer.", Action::Retry)),
    }
}

/// A line to any host, for suites that know no frames of ours.
#[doc(hidden)]
pub async fn bare(url: &str) -> tungstenite::Result<Socket> {
    let tls = Tls::new(url, &Roots::default()).map_err(|fault| io::Error::other(fault.to_string()))?;
    tls.connect(url.into_client_request()?).await
}

async fn read(line: u64, mut stream: SplitStream<Socket>, events: &mpsc::Sender<Event>) -> Result<(), Fault> {
    while let Some(message) = stream.next().await {
        match message.map_err(|error| line_failed(&error))? {
            Message::Text(text) => match decode(&text) {
                Ok(Some(frame)) => drop(events.send(Event::Frame { line, frame }).await),
                Ok(None) => {}
                Err(error) => {
                    let message = format!("The host sent a frame that is none: {error}");
                    return Err(Fault::local("bad_frame", message, Action::Retry));
                }
            },
            Message::Close(Some(close)) => {
                let code = u16::from(close.code);
                let message = format!("The connection closed ({code} {}).", close.reason);
                return Err(Fault::local("line_closed", message, Action::of_close(code)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What waits goes out with one flush.
async fn write(mut sink: SplitSink<Socket, Message>, mut outgoing: mpsc::Receiver<ClientFrame>) -> Result<(), Fault> {
    while let Some(frame) = outgoing.recv().await {
        let mut next = Some(frame);
        while let Some(frame) = next {
            sink.feed(Message::Text(frame.text().into())).await.map_err(|error| line_failed(&error))?;
            next = outgoing.try_recv().ok();
        }
        sink.flush().await.map_err(|error| line_failed(&error))?;
    }
    let _ = sink.close().await;
    Ok(())
}

fn unreachable(error: &tungstenite::Error) -> Fault {
    Fault::unreachable(error)
}

fn line_failed(error: &tungstenite::Error) -> Fault {
    Fault::local("line_failed", format!("The connection failed: {}", with_sources(error)), Action::Retry)
}
