//! The HTTP API: the same router for every host that serves HTTP. See `docs/protocol.md`, "HTTP".
//!
//! Handlers parse, ask the engine, and spell the answer. Absent: sockets, event streams, anything that outlives a request; hosts add those.

mod actors;
mod alias;
mod answer;
pub mod docs;
mod health;
mod process;
mod session;
mod stats;
mod welcome;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use dormouse_core::{Code, Failure, Outcome, Time, frame::server::Identity as Said, limits::PRINCIPAL_BYTES_MAX};
use dormouse_journal::index::ACTIVITY_BUCKET_MS;
use serde::Deserialize;
use serde_json::{Value, json};

pub use actors::is_set;
pub use alias::{Aliases, BadAlias};
pub use answer::Refused;
pub use session::{InPath, Signed, bearer, body};
pub use welcome::{Carries, welcome};

use crate::{
    engine::Engine,
    identity::{Admission, Identity, Origins},
};

/// What the handlers need.
pub struct Api {
    /// The engine.
    pub engine: Engine,
    /// Who comes in.
    pub identity: Identity,
    /// How much of it.
    pub admission: Admission,
    /// From which pages.
    pub origins: Origins,
    /// What the app is called.
    pub app: String,
    /// Other paths for its routes.
    pub aliases: Aliases,
    /// Where its sockets are, if somebody else holds them: a ticket opens one there. Else they are at `/v1/connect`.
    pub connect_url: Option<String>,
    /// Live connections of this host, kept by the host.
    pub connections: AtomicUsize,
}

/// The address of whoever sent a request; a host puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The version that hosts report.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The routes under `/v1`, `/health`, `/stats`, `/ready` and `/docs`, and the app's aliases.
pub fn router(api: Arc<Api>) -> Router {
    router_with(api, Router::new())
}

/// The same, and a host's own routes, which are guarded alike.
pub fn router_with(api: Arc<Api>, own: Router) -> Router {
    let aliases = api.aliases.clone();
    let router = Router::new()
        .route("/v1", get(about))
        .route("/v1/guest", post(guest))
        .route("/v1/ticket", post(ticket))
        .route("/v1/me", get(welcome::me))
        .route("/v1/principals/{id}/revoke", post(revoke))
        .route("/v1/{kind}", get(actors::list).post(actors::create))
        .route("/v1/{kind}/{id}", get(actors::look).delete(actors::retire))
        .route("/v1/{kind}/{id}/commands", post(actors::command))
        .route("/v1/{kind}/{id}/events", get(actors::events))
        .route("/v1/{kind}/{id}/signals", post(actors::signal))
        .route("/v1/{kind}/{id}/history", get(actors::history))
        .route("/v1/{kind}/{id}/redrive", post(actors::redrive))
        .route("/v1/reports", post(report))
        .route("/health", get(health::health))
        .route("/health/detailed", get(health::detailed))
        .route("/stats", get(stats::of_host))
        .route("/stats/{kind}", get(stats::of_kind))
        .route("/ready", get(ready))
        .merge(docs::routes())
        .with_state(api.clone())
        .merge(own)
        .method_not_allowed_fallback(|| async { Refused(Code::MethodNotAllowed.into()) })
        .layer(middleware::from_fn_with_state(api, guard));
    aliases.before(router)
}

/// For a host that serves nothing beside the API.
pub fn no_pages() -> Router {
    Router::new().fallback(|method: Method| async move { unknown(&method) })
}

/// There is nothing at this path. Who would change something is told first that nothing is changed there.
pub fn unknown(method: &Method) -> Refused {
    let reads = [Method::GET, Method::HEAD].contains(method);
    Refused(if reads { Code::UnknownPath } else { Code::MethodNotAllowed }.into())
}

/// What holds for every request: its page may connect here, and its answer is never taken for something else.
async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let origin = match origin(&api, &request) {
        Ok(origin) => origin,
        Err(failure) => return secured(Refused(failure).into_response()),
    };
    let preflight = request.method() == Method::OPTIONS;
    let response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let mut response = secured(response);
    if let Some(origin) = origin {
        allow(&mut response, origin);
    }
    response
}

/// The origin to allow, if the request is a page's and that page may connect.
fn origin(api: &Api, request: &Request) -> Result<Option<HeaderValue>, Failure> {
    let (origin, host) = (only(request, header::ORIGIN)?, only(request, header::HOST)?);
    let Some(origin) = origin else { return Ok(None) };
    let text = origin.to_str().map_err(|_| Code::ForbiddenOrigin)?;
    api.origins.check(Some(text), host.and_then(|host| host.to_str().ok()))?;
    Ok(Some(if api.origins.are_any() { HeaderValue::from_static("*") } else { origin.clone() }))
}

/// A header that may stand once: of two, one reader would take the first and another the last.
fn only(request: &Request, name: HeaderName) -> Result<Option<&HeaderValue>, Failure> {
    let mut values = request.headers().get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Code::ForbiddenOrigin.into()) } else { Ok(first) }
}

fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// CORS: the origin was checked against the allow-list above.
fn allow(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    let names = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID";
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(names));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default, deserialize_with = "session::given")]
    name: Option<String>,
}

async fn guest(State(api): State<Arc<Api>>, request: Request) -> Result<Response, Refused> {
    if let Some(Peer(address)) = request.extensions().get() {
        api.admission.request(*address)?;
    }
    let bytes = body(request).await?;
    let named: Named = if bytes.is_empty() { Named::default() } else { session::parsed(&bytes)? };
    let guest = api.identity.guest(named.name.as_deref())?;
    let principal = Said::from(&guest.session.viewer);
    let said = json!({ "token": guest.token, "principal": principal, "expires_at": guest.session.expires });
    Ok((StatusCode::CREATED, Json(said)).into_response())
}

async fn ticket(State(api): State<Arc<Api>>, Signed(session): Signed) -> Result<Response, Refused> {
    let mut said = json!({ "ticket": api.identity.issue_ticket(&session)? });
    if let Some(url) = &api.connect_url {
        said["url"] = json!(url);
    }
    Ok((StatusCode::CREATED, Json(said)).into_response())
}

/// Of the operator's own tenant. Connections that are open end at their next look.
async fn revoke(
    State(api): State<Arc<Api>>,
    InPath(id): InPath<String>,
    Signed(session): Signed,
) -> Result<Json<Value>, Refused> {
    session.operator()?;
    if id.len() > PRINCIPAL_BYTES_MAX {
        return Err(Code::TooLarge.into());
    }
    tracing::warn!(tenant = %session.tenant, principal = id, by = session.viewer.principal.id, "revoked");
    let revoked = tokio::task::spawn_blocking(move || api.identity.revoke(&session.tenant, &id));
    let at = revoked.await.map_err(|_| Code::Internal)??;
    Ok(Json(json!({ "revoked_at": at })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reported {
    token: String,
    outcome: Outcome,
}

/// The token is all the right that it takes; it names one instance of one task.
async fn report(State(api): State<Arc<Api>>, request: Request) -> Result<Json<Value>, Refused> {
    if let Some(Peer(address)) = request.extensions().get() {
        api.admission.request(*address)?;
    }
    let Reported { token, outcome } = session::parsed(&body(request).await?)?;
    let accepted = api.engine.report_task(&token, outcome).await?;
    Ok(Json(json!({ "position": accepted.position })))
}

async fn about(State(api): State<Arc<Api>>, Signed(_): Signed) -> Result<Json<Value>, Refused> {
    let report = api.engine.report().await?;
    let since = Time(api.engine.world().now().0.saturating_sub(144 * ACTIVITY_BUCKET_MS));
    let store = api.engine.store();
    let activity = store.index.activity(since).await.map_err(|_| Failure::from(Code::Unavailable))?;
    let activity: Vec<Value> = activity.iter().map(|(at, commits)| json!({ "at": at, "commits": commits })).collect();
    let kinds: Vec<Value> =
        api.engine.kinds().keys().map(|kind| json!({ "kind": kind, "title": title(kind.as_str()) })).collect();
    let living = report.counts.actors - report.counts.retired;
    Ok(Json(json!({
        "app": api.app,
        "version": VERSION,
        "kinds": kinds,
        "stats": {
            "live": report.awake,
            "asleep": living.saturating_sub(report.awake),
            "commits": report.counts.commits,
            "last_wake_us": report.last_wake_us,
            "connections": api.admission.entered(),
            "quarantined": report.quarantined.len(),
            "activity": activity,
        },
    })))
}

/// `liap-tui` is shown as `Liap tui`.
fn title(kind: &str) -> String {
    let words = kind.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl Api {
    /// Bring up to date what is counted only when somebody asks.
    pub async fn measure(&self) {
        crate::metrics::connections(self.connections.load(Ordering::Relaxed));
        // Metrics are shown without it also when the index cannot be read.
        let _ = self.engine.report().await;
    }
}

async fn ready(State(api): State<Arc<Api>>) -> Result<Json<Value>, Refused> {
    if api.engine.is_draining() {
        return Err(Refused(Failure::from(Code::Draining).retry_after(1_000)));
    }
    api.engine.report().await?;
    if api.engine.is_unavailable() {
        return Err(Refused(Failure::from(Code::Unavailable).retry_after(1_000)));
    }
    Ok(Json(json!({ "status": "ready" })))
}
