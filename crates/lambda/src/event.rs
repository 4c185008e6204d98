//! The events of API Gateway, as far as they are read, and the answers to them.

use std::collections::BTreeMap;

use dormouse_core::{Failure, frame::server::Said};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An event that is none of those that this host takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no event of a WebSocket API or of an HTTP API of version 2.0")]
pub struct BadEvent;

/// One event, by its shape.
#[derive(Debug)]
pub(crate) enum Event {
    Socket(Box<SocketEvent>),
    Http(Box<HttpEvent>),
}

/// Of a WebSocket API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SocketEvent {
    pub(crate) request_context: SocketContext,
    /// Of the upgrade, with `$connect`.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) query_string_parameters: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SocketContext {
    pub(crate) connection_id: String,
    pub(crate) event_type: Trigger,
    #[serde(default)]
    pub(crate) identity: Peer,
    #[serde(default)]
    pub(crate) domain_name: Option<String>,
}

/// What happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Trigger {
    Connect,
    Message,
    Disconnect,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Peer {
    #[serde(default)]
    pub(crate) source_ip: String,
}

/// Of an HTTP API, format 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpEvent {
    pub(crate) raw_path: String,
    #[serde(default)]
    pub(crate) raw_query_string: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) cookies: Vec<String>,
    pub(crate) request_context: HttpContext,
    #[serde(default)]
    pub(crate) body: Option<String>,
    #[serde(default)]
    pub(crate) is_base64_encoded: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HttpContext {
    pub(crate) http: HttpRequest,
    #[serde(default)]
    pub(crate) stage: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) source_ip: String,
}

impl Event {
    pub(crate) fn read(event: Value) -> Result<Self, BadEvent> {
        let context = &event["requestContext"];
        let read = if context["connectionId"].is_string() {
            serde_json::from_value(event).map(Event::Socket)
        } else if event["version"] == "2.0" && context["http"].is_object() {
            serde_json::from_value(event).map(Event::Http)
        } else {
            return Err(BadEvent);
        };
        read.map_err(|error| {
            tracing::warn!(%error, "an event lacks what it should have");
            BadEvent
        })
    }
}

impl SocketEvent {
    /// A header of the upgrade, whatever its case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query_string_parameters.as_ref()?.get(name).map(String::as_str)
    }
}

/// The answer to any event.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    pub(crate) status_code: u16,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cookies: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) body: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_base64_encoded: bool,
}

impl Answer {
    pub(crate) fn of(status_code: u16) -> Self {
        Self { status_code, headers: BTreeMap::new(), cookies: vec![], body: String::new(), is_base64_encoded: false }
    }

    pub(crate) fn refused(failure: &Failure) -> Self {
        let body = json!({ "error": Said::from(failure) }).to_string();
        let headers = [("content-type".to_owned(), "application/json".to_owned())].into();
        Self { body, headers, ..Self::of(failure.code.http()) }
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::to_value(self).expect("an answer is plain data")
    }
}
