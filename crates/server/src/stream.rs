//! Event streams: the frames of a socket over SSE, for clients whose way to a socket is barred.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use dormouse_core::{
    Code, Failure,
    frame::{
        As,
        client::{From, Subscribe},
        server::{Said, ServerFrame},
    },
};
use dormouse_engine::{
    http::{Refused, bearer},
    identity::Session,
};
use serde::Deserialize;

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
    Path((kind, id)): Path<(String, String)>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    request: Request,
) -> Response {
    match begin(&state.host, format!("{kind}/{id}"), wanted, request.headers()).await {
        Ok(response) => response,
        Err(failure) => Refused(failure).into_response(),
    }
}

async fn begin(
    host: &Arc<Host>,
    actor: String,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let Query(wanted) = wanted.map_err(|_| Code::BadQuery)?;
    let session = session(host, wanted.token.as_deref(), headers)?;
    let from = resume(wanted.from.as_deref(), headers)?;
    let outbound = Outbound::new(host.next_connection());
    let mut connection = Connection::new(host.clone(), session, outbound.clone())?;
    connection.subscribe(Subscribe { actor, of: wanted.of, from, etag: wanted.etag }).await;
    let stream =
        futures_util::stream::unfold(Streaming { host: host.clone(), connection, outbound, ended: false }, next);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(stream).keep_alive(keep_alive).into_response();
    // Proxies that buffer would hold every event back.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

/// A header's token, or a ticket from the query: tokens never stand in an address.
fn session(host: &Host, ticket: Option<&str>, headers: &HeaderMap) -> Result<Session, Failure> {
    match (ticket, bearer(headers)) {
        (Some(ticket), _) => host.api.identity.redeem_ticket(ticket),
        (None, Some(token)) => host.api.identity.verify(token),
        (None, None) => Err(Code::Unauthenticated.into()),
    }
}

fn resume(from: Option<&str>, headers: &HeaderMap) -> Result<From, Failure> {
    let last = headers.get("last-event-id").map(|value| value.to_str().map_err(|_| Code::BadPosition)).transpose()?;
    match last.or(from) {
        None => Ok(From::Now),
        Some(text) => text.parse(),
    }
}

struct Streaming {
    host: Arc<Host>,
    connection: Connection,
    outbound: Arc<Outbound>,
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
    async fn wait(&self) {
        tokio::select! {
            () = self.outbound.ready() => {}
            () = self.host.left() => self.outbound.end(Code::Draining),
            () = tokio::time::sleep(KEEP_ALIVE) => {
                if let Err(failure) = self.connection.check() {
                    self.outbound.end(failure.code);
                }
            }
        }
    }
}

/// The position that a frame brings its reader to: what `Last-Event-ID` will name.
fn position_of(frame: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Placed {
        r#type: String,
        position: Option<String>,
    }
    let placed: Placed = serde_json::from_str(frame).ok()?;
    placed.position.filter(|_| matches!(placed.r#type.as_str(), "snapshot" | "patch" | "events" | "resumed"))
}
