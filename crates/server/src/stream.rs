//! Event streams: the frames of a socket over SSE, for clients whose way to a socket is barred.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{Extension, Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use dormouse_core::{
    Address, Code, Failure,
    frame::{
        As,
        client::{From, Subscribe},
        list::List,
        server::{Resumed, Said, ServerFrame},
    },
};
use dormouse_engine::{
    http::{InPath, Peer, Refused, bearer, is_set},
    identity::Session,
};
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    AppState, Host,
    connection::Connection,
    outbound::{Next, Outbound},
};

/// Comments keep proxies from closing a quiet line.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default, rename = "as")]
    of: As,
    from: Option<String>,
    etag: Option<String>,
    token: Option<String>,
}

pub(crate) async fn stream(
    State(state): State<AppState>,
    Extension(Peer(peer)): Extension<Peer>,
    InPath((kind, id)): InPath<(String, String)>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let Query(wanted) = wanted.map_err(|_| Code::BadQuery)?;
    let session = session(&state.host, peer, wanted.token.as_deref(), &headers)?;
    let actor = format!("{kind}/{id}");
    Address::in_tenant(&session.tenant, &actor).map_err(|_| Code::BadName)?;
    let from = resume(wanted.from.as_deref(), &headers)?;
    let subscribe = Subscribe { actor, of: wanted.of, from, etag: wanted.etag };
    let (mut connection, outbound) = connect(&state.host, session)?;
    connection.subscribe(subscribe).await;
    Ok(stream_of(&state.host, connection, outbound))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedList {
    mine: Option<String>,
    status: Option<String>,
    etag: Option<String>,
    token: Option<String>,
}

/// The same for a list. Where it stands is its etag, which is what the stream's ids are.
pub(crate) async fn list(
    State(state): State<AppState>,
    Extension(Peer(peer)): Extension<Peer>,
    InPath(kind): InPath<String>,
    wanted: Result<Query<WantedList>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let Query(WantedList { mine, status, etag, token }) = wanted.map_err(|_| Code::BadQuery)?;
    let session = session(&state.host, peer, token.as_deref(), &headers)?;
    let list = List::new(&kind, is_set(mine.as_deref())?, status)?;
    let etag = last_event_id(&headers)?.map(str::to_owned).or(etag);
    let (mut connection, outbound) = connect(&state.host, session)?;
    connection.subscribe_list(list, etag);
    Ok(stream_of(&state.host, connection, outbound))
}

fn connect(host: &Arc<Host>, session: Session) -> Result<(Connection, Arc<Outbound>), Failure> {
    let outbound = Outbound::new(host.next_connection());
    Ok((Connection::new(host.clone(), session, outbound.clone())?, outbound))
}

fn stream_of(host: &Arc<Host>, connection: Connection, outbound: Arc<Outbound>) -> Response {
    let check = Instant::now() + connection.until_check();
    let streaming = Streaming { host: host.clone(), connection, outbound, check, ended: false };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let stream = futures_util::stream::unfold(streaming, next);
    let mut response = Sse::new(stream).keep_alive(keep_alive).into_response();
    // Proxies that buffer would hold every event back.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    response
}

/// A header's token, or a ticket from the query: tokens never stand in an address.
fn session(host: &Host, peer: IpAddr, ticket: Option<&str>, headers: &HeaderMap) -> Result<Session, Failure> {
    if host.api.engine.is_draining() {
        return Err(Failure::from(Code::Draining).retry_after(host.return_after()));
    }
    let session = match (ticket, bearer(headers)) {
        (Some(ticket), _) => host.api.identity.redeem_ticket(ticket),
        (None, Some(token)) => host.api.identity.verify(token),
        (None, None) => Err(Code::Unauthenticated.into()),
    };
    session.map_err(|failure| host.guessed(peer, failure))
}

fn resume(from: Option<&str>, headers: &HeaderMap) -> Result<From, Failure> {
    match last_event_id(headers)?.or(from) {
        None => Ok(From::Now),
        Some(text) => text.parse(),
    }
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<&str>, Failure> {
    let last = headers.get("last-event-id").map(|value| value.to_str().map_err(|_| Code::BadPosition)).transpose()?;
    Ok(last)
}

struct Streaming {
    host: Arc<Host>,
    connection: Connection,
    outbound: Arc<Outbound>,
    /// When the token is looked at next, however many frames there are until then.
    check: Instant,
    ended: bool,
}

async fn next(mut streaming: Streaming) -> Option<(Result<Event, Infallible>, Streaming)> {
    if streaming.ended {
        return None;
    }
    let frame = loop {
        match streaming.outbound.try_next() {
            Some(Next::Frame(frame)) => break String::from_utf8_lossy(&frame).into_owned(),
            Some(Next::End(code)) => {
                streaming.ended = true;
                let failure = Failure::from(code).retry_after(streaming.host.return_after());
                break ServerFrame::Goodbye { failure: Said::from(&failure) }.text();
            }
            None => streaming.wait().await,
        }
    };
    let event = Event::default().data(&frame);
    let event = if let Some(position) = position_of(&frame) { event.id(position) } else { event };
    Some((Ok(event), streaming))
}

impl Streaming {
    async fn wait(&mut self) {
        tokio::select! {
            // First, since frames may never cease.
            biased;
            () = tokio::time::sleep_until(self.check) => {
                if let Err(failure) = self.connection.check() {
                    self.outbound.end(failure.code);
                }
                self.check = Instant::now() + self.connection.until_check();
            }
            () = self.outbound.ready() => {}
            () = self.host.left() => self.outbound.end(Code::Draining),
        }
    }
}

/// The position that a frame brings its reader to, of a list the etag: what `Last-Event-ID` will name. A `resumed` that announces more brings it nowhere yet:
/// a stream that broke between the two would resume behind what was announced.
fn position_of(frame: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Placed<'a> {
        r#type: &'a str,
        kind: Option<Resumed>,
        position: Option<String>,
        etag: Option<String>,
    }
    let placed: Placed<'_> = serde_json::from_str(frame).ok()?;
    let moves = match placed.r#type {
        "snapshot" | "patch" | "events" => true,
        "resumed" => matches!(placed.kind, Some(Resumed::Current | Resumed::Gone)),
        _ => false,
    };
    placed.position.or(placed.etag).filter(|_| moves)
}
