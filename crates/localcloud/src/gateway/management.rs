//! The management API of a WebSocket API: say something to a connection, look at it, close it.

use std::sync::Arc;

use aws_sdk_sqs::primitives::{DateTime, DateTimeFormat};
use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;

use super::{Shared, socket::Line};
use crate::limits;

type Named = (String, String);

/// `POST`: the client gets it, unless it is gone (410) or this is too large (413).
pub(crate) async fn send(State(shared): State<Arc<Shared>>, Path(named): Path<Named>, body: Body) -> Response {
    let Ok(message) = axum::body::to_bytes(body, limits::MESSAGE_BYTES_MAX).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "the message is larger than 128 KB");
    };
    let Ok(text) = String::from_utf8(message.into()) else {
        return refuse(StatusCode::BAD_REQUEST, "BadRequestException", "only text is told here");
    };
    match found(&shared, &named) {
        Some(line) if line.say(text).await => StatusCode::OK.into_response(),
        _ => gone(),
    }
}

/// `GET`: since when it is there, and when something was last said.
pub(crate) async fn look(State(shared): State<Arc<Shared>>, Path(named): Path<Named>) -> Response {
    let Some(line) = found(&shared, &named) else { return gone() };
    let about = json!({
        "connectedAt": written(line.connected_at),
        "lastActiveAt": written(line.active_at()),
        "identity": { "sourceIp": "127.0.0.1", "userAgent": line.user_agent },
    });
    axum::Json(about).into_response()
}

/// As AWS writes times in JSON here, unlike in events: the SDK reads nothing else.
fn written(millis: u64) -> Option<String> {
    DateTime::from_millis(millis.try_into().ok()?).fmt(DateTimeFormat::DateTime).ok()
}

/// `DELETE`.
pub(crate) async fn close(State(shared): State<Arc<Shared>>, Path(named): Path<Named>) -> Response {
    let Some(line) = found(&shared, &named) else { return gone() };
    line.end().await;
    StatusCode::NO_CONTENT.into_response()
}

fn found(shared: &Shared, (stage, id): &Named) -> Option<Arc<Line>> {
    shared.lines().get(id).filter(|line| line.stage == *stage).cloned()
}

fn gone() -> Response {
    refuse(StatusCode::GONE, "GoneException", "there is no such connection")
}

/// The SDK knows an error by this header.
fn refuse(status: StatusCode, name: &'static str, message: &str) -> Response {
    (status, [("x-amzn-errortype", name)], axum::Json(json!({ "message": message }))).into_response()
}
