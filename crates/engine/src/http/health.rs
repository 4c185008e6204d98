//! How the host is: for those who balance load and restart it, and, in detail, for those who run it.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Api, Refused, Signed, VERSION, process};

/// Whether this process does its work. One that drains does; `/ready` says that it takes no more.
pub(super) async fn health(State(api): State<Arc<Api>>) -> Response {
    (status(&api), Json(brief(&api))).into_response()
}

fn works(api: &Api) -> bool {
    !api.engine.has_died() && !api.engine.is_unavailable()
}

fn status(api: &Api) -> StatusCode {
    if works(api) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn brief(api: &Api) -> Value {
    json!({
        "status": if works(api) { "ok" } else { "failing" },
        "timestamp": api.engine.world().now(),
        "service": api.app,
        "version": VERSION,
    })
}

/// Operators alone: it tells how much goes on, and whose history is damaged.
pub(super) async fn detailed(State(api): State<Arc<Api>>, Signed(session): Signed) -> Result<Response, Refused> {
    session.operator()?;
    // Asked first: whether the store can be read is what the status is about.
    let report = api.engine.report().await.ok();
    let (memory, processor) = process::usage().unzip();
    let mut said = brief(&api);
    said["uptime_ms"] = json!(api.engine.uptime().as_millis() as u64);
    said["draining"] = json!(api.engine.is_draining());
    said["journal"] = json!(if works(&api) { "ok" } else { "unavailable" });
    said["live"] = json!(report.as_ref().map(|report| report.awake));
    said["asleep"] = json!(report.as_ref().map(|report| report.asleep()));
    said["retired"] = json!(report.as_ref().map(|report| report.counts.retired));
    said["commits"] = json!(report.as_ref().map(|report| report.counts.commits));
    said["waiting"] = json!(report.as_ref().map(|report| report.waiting));
    said["quarantined"] = json!(report.map(|report| report.quarantined));
    said["connections"] = json!(api.connections.load(Ordering::Relaxed));
    said["memory_bytes"] = json!(memory);
    said["processor_ms"] = json!(processor);
    Ok((status(&api), Json(said)).into_response())
}
