//! What everybody is told first: who they are, where their commands go, and what holds here. On a socket it is the frame `welcome`;
//! who has none asks for it.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Time,
    frame::server::{About, Bounds, Identity, ServerFrame},
    limits,
    outbox::OutboxId,
};

use super::{Api, Signed, VERSION};
use crate::identity::Session;

/// Requests may overtake each other: one command at a time keeps the order of a client's outbox.
const OVER_HTTP: Carries = Carries { in_flight: 1, frame_bytes: limits::FRAME_BYTES_MAX };

/// What the line of a client carries.
#[derive(Debug, Clone, Copy)]
pub struct Carries {
    /// Commands that may be unanswered.
    pub in_flight: usize,
    /// Bytes of one frame from the client.
    pub frame_bytes: usize,
}

/// The `welcome` of this session. The outbox stays the principal's own if it names one; else it gets a fresh one, stamped now.
pub fn welcome(api: &Api, session: &Session, outbox: Option<OutboxId>, carries: Carries) -> String {
    let world = api.engine.world();
    let now = world.now();
    let fresh = || OutboxId { stamp: now.0, unique: world.letters(12) };
    // A stamp from the future would never grow old.
    let outbox = outbox.filter(|outbox| Time(outbox.stamp) <= now).unwrap_or_else(fresh);
    let (principal, outbox) = (Identity::from(&session.viewer), outbox.to_string());
    let Carries { in_flight, frame_bytes } = carries;
    let limits = Bounds { frame_bytes, signal_bytes: limits::SIGNAL_BYTES_MAX, ping_seconds: limits::PING.as_secs() };
    ServerFrame::Welcome { principal, outbox: &outbox, in_flight, limits, server: About { version: VERSION } }.text()
}

pub(super) async fn me(State(api): State<Arc<Api>>, Signed(session): Signed) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], welcome(&api, &session, None, OVER_HTTP)).into_response()
}
