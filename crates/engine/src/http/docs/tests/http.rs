//! The HTTP API: a running router's answers, held against the document.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicUsize},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request},
};
use dormouse_core::Code;
use dormouse_journal::{LocalHints, MemoryStore};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{
    Engine, Store,
    http::{Aliases, Api, docs::openapi, router},
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins},
    world::{System, World},
};

fn api() -> Arc<Api> {
    let world: Arc<dyn World> = Arc::new(System);
    let store = Arc::new(MemoryStore::default());
    let seams = Store { journal: store.clone(), index: store, hints: Arc::new(LocalHints::default()) };
    let config = IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32]));
    Arc::new(Api {
        engine: Engine::with(kinds().map(Arc::new), seams, world.clone(), vec![]),
        identity: Identity::new(config, world),
        admission: Admission::default(),
        origins: Origins::parse([]).unwrap(),
        app: "test".into(),
        aliases: Aliases::default(),
        connect_url: None,
        connections: AtomicUsize::new(0),
    })
}

struct Host {
    router: Router,
    document: Value,
    token: String,
    asked: BTreeSet<String>,
}

impl Host {
    fn new() -> Self {
        let api = api();
        let token = api.identity.guest(None).unwrap().token;
        Self { router: router(api), document: openapi("test", &kinds()), token, asked: BTreeSet::new() }
    }

    async fn raw(&self, method: &str, uri: &str, token: &str, body: Option<Value>) -> (u16, HeaderMap, String) {
        let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {token}"));
        let request = request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (head.status.as_u16(), head.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Ask, and hold body and answer against the operation of `path`.
    async fn ask(&mut self, method: &str, path: &str, query: &str, id: &str, body: Option<Value>) -> Value {
        let operation = self.document["paths"][path][method].clone();
        assert!(operation.is_object(), "{method} {path} is not in the document");
        if let Some(body) = &body {
            check(&self.document, &operation["requestBody"]["content"]["application/json"]["schema"], body, path);
        }
        let uri = format!("{}{query}", path.replace("{id}", id));
        let (status, headers, text) = self.raw(&method.to_uppercase(), &uri, &self.token, body).await;
        let content = &operation["responses"][status.to_string()]["content"];
        assert!(content.is_object(), "{method} {path} answered {status}: {text}");
        let (content_type, documented) = content.as_object().unwrap().iter().next().unwrap();
        assert!(headers["content-type"].to_str().unwrap().starts_with(content_type.as_str()), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        self.asked.insert(format!("{method} {path}"));
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        check(&self.document, &documented["schema"], &answer, path);
        answer
    }
}

#[tokio::test]
async fn every_answer_fits_the_document() {
    let mut host = Host::new();
    host.ask("post", "/v1/guest", "", "", Some(json!({ "name": "Ada" }))).await;
    let ticket = host.ask("post", "/v1/ticket", "", "", None).await;
    assert_eq!(ticket.get("url"), None, "sockets are here");
    host.ask("get", "/v1", "", "", None).await;
    host.ask("get", "/v1/me", "", "", None).await;
    let first = json!({ "first": { "text": "milk", "done": false } });
    let made = host.ask("post", "/v1/todo", "", "", Some(first)).await;
    let id = made["id"].as_str().unwrap().to_owned();
    let id = id.as_str();
    host.ask("get", "/v1/todo", "?mine=false&limit=1", "", None).await;
    host.ask("get", "/v1/todo/{id}", "", id, None).await;
    host.ask("get", "/v1/todo/{id}", "?at_seq=1", id, None).await;
    let command = json!({ "command_id": "0-a:1", "command": { "type": "add", "text": "eggs" } });
    let accepted = host.ask("post", "/v1/todo/{id}/commands", "", id, Some(command.clone())).await;
    let again = host.ask("post", "/v1/todo/{id}/commands", "", id, Some(command)).await;
    assert_eq!((&accepted["again"], &again["again"]), (&Value::Null, &json!(true)));
    let events = host.ask("get", "/v1/todo/{id}/events", "?after_seq=0&limit=1", id, None).await;
    assert_eq!(events["more"], true);
    host.ask("post", "/v1/todo/{id}/signals", "", id, Some(json!({ "signal": { "typing": true } }))).await;
    host.ask("get", "/v1/todo/{id}/history", "?buckets=2", id, None).await;
    host.ask("delete", "/v1/todo/{id}", "", id, None).await;
    for path in ["/health", "/stats", "/ready", "/docs", "/docs/openapi.json", "/docs/asyncapi.json"] {
        host.ask("get", path, "", "", None).await;
    }
    let all = host.document["paths"].as_object().unwrap();
    let all = all
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}")));
    let left: Vec<String> = all.filter(|operation| !host.asked.contains(operation)).collect();
    // The server's own, and those that need a task's token or an operator's.
    assert_eq!(
        left,
        [
            "get /health/detailed",
            "get /metrics",
            "get /stats/todo",
            "post /v1/principals/{id}/revoke",
            "post /v1/reports",
            "get /v1/todo/stream",
            "post /v1/todo/{id}/redrive",
            "get /v1/todo/{id}/stream"
        ]
    );
}

/// Nobody can ask a router for its routes, so they are read from where they are written.
#[test]
fn every_route_is_in_the_document() {
    let document = openapi("test", &kinds());
    let router = include_str!("../../mod.rs");
    let routes = router.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    for path in routes.map(|route| route.replace("{kind}", "todo")) {
        assert!(document["paths"][&path].is_object(), "{path} is not in docs/openapi.rs");
    }
}

#[tokio::test]
async fn every_refusal_fits_the_document() {
    let host = Host::new();
    let failed = host.document["components"]["responses"]["Failed"]["content"]["application/json"]["schema"].clone();
    let (_, _, made) = host.raw("POST", "/v1/todo", &host.token, None).await;
    let made: Value = serde_json::from_str(&made).unwrap();
    let commands = format!("/v1/todo/{}/commands", made["id"].as_str().unwrap());
    let empty = json!({ "command": { "type": "add", "text": "" } });
    for (method, uri, token, body, code) in [
        ("GET", "/v1", "", None, Code::Unauthenticated),
        ("GET", "/v1/todo?colour=red", &*host.token, None, Code::BadQuery),
        ("GET", "/v1/todo?mine=perhaps", &*host.token, None, Code::BadQuery),
        ("GET", "/v1/todo?after=", &*host.token, None, Code::BadQuery),
        ("POST", "/v1/guest", "", Some(json!({ "name": null })), Code::BadFrame),
        ("GET", "/v1/todo/none", &*host.token, None, Code::NotFound),
        ("GET", "/v1/none", &*host.token, None, Code::NotFound),
        ("PUT", "/v1/todo", &*host.token, None, Code::MethodNotAllowed),
        ("POST", &*commands, &*host.token, Some(empty), Code::Rejected),
        ("POST", &*commands, &*host.token, Some(json!({})), Code::BadFrame),
        ("POST", &*commands, &*host.token, Some(json!({ "command_id": null, "command": {} })), Code::BadFrame),
    ] {
        let (status, _, text) = host.raw(method, uri, token, body).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        check(&host.document, &failed, &answer, uri);
        assert_eq!((status, &answer["error"]["code"]), (code.http(), &json!(code as u16)), "{uri}");
    }
}

#[tokio::test]
async fn the_documents_are_those_of_the_kinds_that_run() {
    let host = Host::new();
    let (_, _, openapi_text) = host.raw("GET", "/docs/openapi.json", "", None).await;
    assert_eq!(serde_json::from_str::<Value>(&openapi_text).unwrap(), host.document);
    let (_, headers, page) = host.raw("GET", "/docs", "", None).await;
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
    for code in Code::ALL {
        assert!(page.contains(code.name()), "{code}");
    }
    for word in ["/v1/todo/{id}/commands", "subscribe", "snapshot", "id=\"type-Command\"", "FRAME_BYTES_MAX"] {
        assert!(page.contains(word), "{word}");
    }
    // Every link within the page has its place.
    for target in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
}
