//! The events of API Gateway, as far as they are read, and the answers to them.

use std::collections::BTreeMap;

use dormouse_core::{Address, Failure, Position, frame::server::Said};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

/// Why there is no answer to an event. A client is answered whatever happens: these are for who invokes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// An event that is none of those that this host takes.
    #[error(
        "this is no event of a WebSocket API, of an HTTP API of version 2.0, of a queue, of a stream, or of our own"
    )]
    Bad,
    /// It could not be done. Whatever was done may be done again.
    #[error("{0}")]
    Failed(Failure),
}

impl From<Failure> for EventError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// One event, by its shape.
#[derive(Debug)]
pub(crate) enum Event {
    Socket(Box<SocketEvent>),
    Http(Box<HttpEvent>),
    Messages(Vec<Message>),
    Stream(Vec<Record>),
    Own(Own),
}

/// Of a stream.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Change {
    #[serde(default)]
    pub(crate) new_image: Option<Value>,
    pub(crate) sequence_number: String,
}

/// What a schedule or a state machine sends: the input is ours to choose.
#[derive(Debug, Deserialize)]
#[serde(tag = "dormouse", rename_all = "snake_case")]
pub(crate) enum Own {
    /// Look for what was lost.
    Sweep,
    /// Put the dead letters back into the queue.
    Redrive,
    /// Let an actor do what is due.
    Turn {
        #[serde(deserialize_with = "from_text")]
        actor: Address,
        #[serde(default)]
        cursor: Option<Position>,
    },
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// Of a queue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) message_id: String,
    pub(crate) body: String,
    #[serde(default)]
    attributes: MessageAttributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MessageAttributes {
    approximate_receive_count: String,
}

impl Message {
    /// How often it has been delivered, this time included.
    pub(crate) fn count(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }
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
    pub(crate) fn read(mut event: Value) -> Result<Self, EventError> {
        let context = &event["requestContext"];
        let read = if context["connectionId"].is_string() {
            serde_json::from_value(event).map(Event::Socket)
        } else if event["version"] == "2.0" && context["http"].is_object() {
            serde_json::from_value(event).map(Event::Http)
        } else if event["Records"][0]["eventSource"] == "aws:sqs" {
            serde_json::from_value(event["Records"].take()).map(Event::Messages)
        } else if event["Records"][0]["eventSource"] == "aws:dynamodb" {
            serde_json::from_value(event["Records"].take()).map(Event::Stream)
        } else if event["dormouse"].is_string() {
            serde_json::from_value(event).map(Event::Own)
        } else {
            return Err(EventError::Bad);
        };
        read.map_err(|error| {
            tracing::warn!(%error, "an event lacks what it should have");
            EventError::Bad
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
