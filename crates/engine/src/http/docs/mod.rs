//! What is generated from the kinds, the table of codes and the limits: the schemas, OpenAPI, AsyncAPI, two tables in Markdown,
//! and `/docs`, where a running host serves them.
//!
//! The bodies and frames are described by types of their own ([`answers`], [`frames`]) that tests hold against what the router answers and
//! the core writes. Absent: any page or document that is written by hand.

mod answers;
mod asyncapi;
mod book;
mod frames;
mod openapi;
mod page;
mod tables;
#[cfg(test)]
mod tests;
mod text;

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use dormouse_core::Kind;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Api, Peer, Refused, VERSION};

pub use tables::{codes_markdown, limits_markdown};

/// The table of codes, the limits, and the JSON Schemas of the kinds: what clients in other languages are generated from.
pub fn schemas<'a>(kinds: impl IntoIterator<Item = &'a Kind>) -> Value {
    let mut book = book::Book::new(SchemaSettings::draft2020_12());
    let kinds: Map<String, Value> = book
        .kinds(kinds)
        .into_iter()
        .map(|kind| (kind.name, json!({ "config": kind.config, "command": kind.command, "view": kind.view })))
        .collect();
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "codes": tables::codes(),
        "limits": tables::limits(),
        "kinds": kinds,
    });
    document["$defs"] = book.close(&mut document, "/$defs");
    document.sort_all_objects();
    document
}

/// OpenAPI 3.1 of the HTTP API of this app.
pub fn openapi<'a>(app: &str, kinds: impl IntoIterator<Item = &'a Kind>) -> Value {
    openapi::openapi(app, kinds)
}

/// AsyncAPI 3.0 of the WebSocket of this app.
pub fn asyncapi<'a>(app: &str, kinds: impl IntoIterator<Item = &'a Kind>) -> Value {
    asyncapi::asyncapi(app, kinds)
}

/// The generated files of the folder `docs`: name and text. A test that compares them with the folder finds what is stale.
pub fn files<'a>(app: &str, kinds: impl IntoIterator<Item = &'a Kind> + Clone) -> [(&'static str, String); 4] {
    [
        ("codes.md", codes_markdown()),
        ("limits.md", limits_markdown()),
        ("openapi.json", format!("{:#}\n", openapi(app, kinds.clone()))),
        ("asyncapi.json", format!("{:#}\n", asyncapi(app, kinds))),
    ]
}

/// The page may use its own styles and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

struct Documents {
    page: String,
    openapi: String,
    asyncapi: String,
}

impl Documents {
    fn of(api: &Api) -> Self {
        let kinds = || api.engine.kinds().values().map(AsRef::as_ref);
        let (mut openapi, asyncapi) = (openapi(&api.app, kinds()), asyncapi(&api.app, kinds()));
        api.aliases.list_in(&mut openapi);
        Self { page: page::page(&openapi, &asyncapi), openapi: openapi.to_string(), asyncapi: asyncapi.to_string() }
    }
}

pub(super) fn routes() -> Router<Arc<Api>> {
    // The kinds of a host do not change, so the documents are made once.
    let made: Arc<OnceLock<Documents>> = Arc::default();
    let serve = |content_type: &'static str, pick: fn(&Documents) -> &String| {
        let made = made.clone();
        get(async move |State(api): State<Arc<Api>>, request: Request| {
            if let Some(Peer(address)) = request.extensions().get() {
                api.admission.request(*address)?;
            }
            let documents = made.get_or_init(|| Documents::of(&api));
            Ok::<Response, Refused>(answer(content_type, pick(documents).clone()))
        })
    };
    Router::new()
        .route("/docs", serve("text/html; charset=utf-8", |documents| &documents.page))
        .route("/docs/openapi.json", serve("application/json", |documents| &documents.openapi))
        .route("/docs/asyncapi.json", serve("application/json", |documents| &documents.asyncapi))
}

fn answer(content_type: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, body).into_response()
}
