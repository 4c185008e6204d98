//! Requests about actors.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Address, Code, Failure, Hash, Name, Stimulus,
    frame::list::List,
    limits::{COMMAND_BYTES_MAX, EVENTS_PAGE_MAX, LIST_ROWS, PAGE_MAX, SIGNAL_BYTES_MAX},
    outbox::CommandId,
    position::Position,
    record::Parked,
    strict,
};
use dormouse_journal::index::Cursor;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

use super::{
    Api, Refused,
    session::{InPath, Signed, body, given, parsed},
};
use crate::{identity::Session, lists::rows, owner::Looked};

type Shared = State<Arc<Api>>;

#[derive(Serialize)]
struct View<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a Name>,
    position: Position,
    etag: &'a str,
    view: &'a RawValue,
}

fn view_response(status: StatusCode, id: Option<&Name>, looked: &Looked) -> Result<Response, Refused> {
    let view = serde_json::from_slice(&looked.view).map_err(|_| Code::Internal)?;
    Ok((status, Json(View { id, position: looked.position, etag: &looked.etag, view })).into_response())
}

fn address(session: &Session, kind: &str, id: &str) -> Result<Address, Failure> {
    let name = |text: &str| text.parse::<Name>().map_err(|_| Failure::from(Code::BadName));
    Ok(Address { tenant: session.tenant.clone(), kind: name(kind)?, id: name(id)? })
}

fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Failure> {
    query.map(|Query(query)| query).map_err(|_| Code::BadQuery.into())
}

pub(super) async fn create(
    State(api): Shared,
    InPath(kind): InPath<String>,
    Signed(session): Signed,
    request: Request,
) -> Result<Response, Refused> {
    let key = idempotency_key(request.headers())?;
    let bytes = body(request).await?;
    let config: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    strict::check(config)?;
    if config.len() > COMMAND_BYTES_MAX {
        return Err(Code::TooLarge.into());
    }
    let id = key.map_or_else(|| api.engine.world().letters(16), |key| derived_id(&session, &kind, &key));
    let address = address(&session, &kind, &id)?;
    api.engine.kind(&address.kind)?;
    api.engine.create(&address, session.viewer.clone(), config).await?;
    let looked = api.engine.look(&address, &session.viewer).await?;
    view_response(StatusCode::CREATED, Some(&address.id), &looked)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=256).contains(&text.len()));
    text.map(|text| Some(text.to_owned()))
        .ok_or_else(|| Failure::new(Code::BadQuery, "an Idempotency-Key is 1 to 256 visible ASCII characters"))
}

/// The id of an actor that this principal makes under this key: the same for every repetition, and nobody else's.
fn derived_id(session: &Session, kind: &str, key: &str) -> String {
    let principal = &session.viewer.principal.id;
    let parts = [session.tenant.as_str(), kind, principal, key].map(str::as_bytes);
    Hash::of("dormouse/create/1", &parts).to_string()[..24].to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    at_seq: Option<u64>,
}

pub(super) async fn look(
    State(api): Shared,
    InPath((kind, id)): InPath<(String, String)>,
    at: Result<Query<At>, QueryRejection>,
    Signed(session): Signed,
) -> Result<Response, Refused> {
    let (address, at) = (address(&session, &kind, &id)?, query(at)?);
    let looked = match at.at_seq {
        None => api.engine.look(&address, &session.viewer).await?,
        Some(seq) => api.engine.look_at(&address, &session.viewer, seq).await?,
    };
    view_response(StatusCode::OK, None, &looked)
}

pub(super) async fn retire(
    State(api): Shared,
    InPath((kind, id)): InPath<(String, String)>,
    Signed(session): Signed,
) -> Result<Json<Value>, Refused> {
    let address = address(&session, &kind, &id)?;
    let accepted = api.engine.call(&address, Stimulus::Retire { by: session.viewer }, false).await?;
    Ok(Json(json!({ "position": accepted.position })))
}

/// Operators alone: what is parked waits because it failed, and may cost again.
pub(super) async fn redrive(
    State(api): Shared,
    InPath((kind, id)): InPath<(String, String)>,
    Signed(session): Signed,
) -> Result<Json<Value>, Refused> {
    session.operator()?;
    let address = address(&session, &kind, &id)?;
    let redriven = api.engine.redrive(&address, &session.viewer).await?;
    let named = redriven.iter().map(|what| match what {
        Parked::Wake(key, due) => json!({ "wake": key, "due": due }),
        Parked::Task(key) => json!({ "task": key }),
    });
    Ok(Json(json!({ "redriven": named.collect::<Vec<Value>>() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commanded {
    #[serde(default, deserialize_with = "given")]
    command_id: Option<String>,
    command: Box<RawValue>,
    #[serde(default)]
    resent: bool,
}

pub(super) async fn command(
    State(api): Shared,
    InPath((kind, id)): InPath<(String, String)>,
    Signed(session): Signed,
    request: Request,
) -> Result<Json<Value>, Refused> {
    let address = address(&session, &kind, &id)?;
    let Commanded { command_id, command, resent } = parsed(&body(request).await?)?;
    if command.get().len() > COMMAND_BYTES_MAX {
        return Err(Code::TooLarge.into());
    }
    let id: Option<CommandId> = command_id.map(|id| id.parse().map_err(|_| Code::BadCommandId)).transpose()?;
    if resent && id.is_none() {
        return Err(
            Failure::new(Code::BadCommandId, "a command that was sent before has the `command_id` of then").into()
        );
    }
    let command = command.get().as_bytes().into();
    let stimulus = Stimulus::Command { by: session.viewer, id, command, resent };
    let accepted = api.engine.call(&address, stimulus, true).await?;
    let mut said = json!({ "position": accepted.position });
    if let Some(etag) = accepted.etag {
        said["etag"] = json!(etag);
    }
    if accepted.again {
        said["again"] = Value::Bool(true);
    }
    Ok(Json(said))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signalled {
    signal: Box<RawValue>,
}

/// Nobody answers for a signal: it is told to whoever watches now, and kept nowhere.
pub(super) async fn signal(
    State(api): Shared,
    InPath((kind, id)): InPath<(String, String)>,
    Signed(session): Signed,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let address = address(&session, &kind, &id)?;
    let Signalled { signal } = parsed(&body(request).await?)?;
    if signal.get().len() > SIGNAL_BYTES_MAX {
        return Err(Code::TooLarge.into());
    }
    api.engine.signal(&address, session.viewer, None, signal)?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    #[serde(default)]
    after_seq: u64,
    limit: Option<usize>,
}

pub(super) async fn events(
    State(api): Shared,
    InPath((kind, id)): InPath<(String, String)>,
    paging: Result<Query<Paging>, QueryRejection>,
    Signed(session): Signed,
) -> Result<Json<Value>, Refused> {
    let (address, paging) = (address(&session, &kind, &id)?, query(paging)?);
    let limit = paging.limit.unwrap_or(EVENTS_PAGE_MAX);
    let page = api.engine.events(&address, &session.viewer, paging.after_seq, limit).await?;
    Ok(Json(json!({
        "position": page.position,
        "through_seq": page.through_seq,
        "more": page.more,
        "events": page.events,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    buckets: Option<usize>,
}

pub(super) async fn history(
    State(api): Shared,
    InPath((kind, id)): InPath<(String, String)>,
    shape: Result<Query<Shape>, QueryRejection>,
    Signed(session): Signed,
) -> Result<Json<Value>, Refused> {
    let (address, shape) = (address(&session, &kind, &id)?, query(shape)?);
    let history = api.engine.history(&address, &session.viewer, shape.buckets.unwrap_or(PAGE_MAX)).await?;
    Ok(Json(json!({
        "position": history.position,
        "created_at": history.created_at,
        "commits": history.commits,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    mine: Option<String>,
    status: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

pub(super) async fn list(
    State(api): Shared,
    InPath(kind): InPath<String>,
    listing: Result<Query<Listing>, QueryRejection>,
    Signed(session): Signed,
) -> Result<Json<Value>, Refused> {
    let listing = query(listing)?;
    let list = List::new(&kind, is_set(listing.mine.as_deref())?, listing.status)?;
    api.engine.kind(&list.kind)?;
    let after = listing.after.as_deref();
    check_cursor(&session, after)?;
    let limit = listing.limit.unwrap_or(LIST_ROWS);
    let page = api.engine.list(&session.tenant, &session.viewer, &list, after, limit).await?;
    let mut said = json!({ "rows": rows(&api.engine.shared, &page).collect::<Vec<_>>() });
    if let Some(next) = page.next {
        said["next"] = next.into();
    }
    Ok(Json(said))
}

/// A flag of a query: one that is there is set, unless it says that it is not.
///
/// # Errors
/// [`Code::BadQuery`] if it says something else.
pub fn is_set(flag: Option<&str>) -> Result<bool, Failure> {
    match flag {
        Some("" | "true") => Ok(true),
        None | Some("false") => Ok(false),
        Some(_) => Err(Code::BadQuery.into()),
    }
}

/// A `next` of this tenant's lists. The filter holds the tenant as well; this says so instead of answering with an empty page.
fn check_cursor(session: &Session, after: Option<&str>) -> Result<(), Failure> {
    let Some(text) = after else { return Ok(()) };
    let cursor: Cursor = text.parse().map_err(|_| Code::BadQuery)?;
    if cursor.address.tenant == session.tenant { Ok(()) } else { Err(Code::BadQuery.into()) }
}
