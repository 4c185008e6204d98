//! The events that API Gateway makes of what reaches it, field by field as in its documentation.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Uri};
use serde_json::{Map, Value, json};

use super::{Shared, socket::Line};

/// `$connect`, `$disconnect` or `$default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Connect,
    Message,
    Disconnect,
}

impl Route {
    fn key(self) -> &'static str {
        match self {
            Self::Connect => "$connect",
            Self::Message => "$default",
            Self::Disconnect => "$disconnect",
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Message => "MESSAGE",
            Self::Disconnect => "DISCONNECT",
        }
    }
}

impl Shared {
    /// The context of an event on a WebSocket.
    fn context(&self, line: &Line, route: Route) -> Map<String, Value> {
        let context = json!({
            "routeKey": route.key(),
            "eventType": route.kind(),
            "extendedRequestId": self.name(),
            "requestTimeEpoch": self.clock.epoch_millis(),
            "messageDirection": "IN",
            "stage": line.stage,
            "connectedAt": line.connected_at,
            "identity": { "sourceIp": "127.0.0.1" },
            "requestId": self.name(),
            "domainName": self.address.to_string(),
            "connectionId": line.id,
            "apiId": "local",
        });
        let Value::Object(context) = context else { unreachable!("it was made as one") };
        context
    }

    pub(crate) fn connect_event(&self, line: &Line, headers: &HeaderMap, uri: &Uri) -> Bytes {
        let (first, all) = (of_headers(headers), of_query(uri));
        bytes(json!({
            "headers": first,
            "multiValueHeaders": first.iter().map(|(name, value)| (name.clone(), vec![value.clone()])).collect::<BTreeMap<_, _>>(),
            "queryStringParameters": (!all.is_empty()).then_some(&all),
            "multiValueQueryStringParameters": (!all.is_empty())
                .then(|| all.iter().map(|(name, value)| (name.clone(), vec![value.clone()])).collect::<BTreeMap<_, _>>()),
            "requestContext": self.context(line, Route::Connect),
            "isBase64Encoded": false,
        }))
    }

    pub(crate) fn message_event(&self, line: &Line, body: &str) -> Bytes {
        let mut context = self.context(line, Route::Message);
        context.insert("messageId".into(), self.name().into());
        bytes(json!({ "requestContext": context, "body": body, "isBase64Encoded": false }))
    }

    pub(crate) fn disconnect_event(&self, line: &Line, code: u16, reason: &str) -> Bytes {
        let mut context = self.context(line, Route::Disconnect);
        context.insert("disconnectStatusCode".into(), code.into());
        context.insert("disconnectReason".into(), reason.into());
        bytes(json!({ "headers": {}, "multiValueHeaders": {}, "requestContext": context, "isBase64Encoded": false }))
    }

    /// A request to the HTTP API, payload version 2.0.
    pub(crate) fn request_event(&self, head: &http::request::Parts, body: &[u8]) -> Bytes {
        let query = head.uri.query().unwrap_or_default();
        let parameters = of_query(&head.uri);
        let text = std::str::from_utf8(body).ok();
        let user_agent = head.headers.get("user-agent").and_then(|value| value.to_str().ok());
        let millis = self.clock.epoch_millis();
        let cookies: Vec<&str> = cookies(&head.headers).collect();
        bytes(json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": head.uri.path(),
            "rawQueryString": query,
            "cookies": (!cookies.is_empty()).then_some(cookies),
            "headers": of_headers(&head.headers),
            "queryStringParameters": (!parameters.is_empty()).then_some(parameters),
            "requestContext": {
                "accountId": "000000000000", "apiId": "local", "domainName": self.address.to_string(), "domainPrefix": "local",
                "http": {
                    "method": head.method.as_str(), "path": head.uri.path(), "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                    "userAgent": user_agent,
                },
                "requestId": self.name(), "routeKey": "$default", "stage": "$default", "time": millis.to_string(), "timeEpoch": millis,
            },
            "body": (!body.is_empty()).then(|| text.map_or_else(|| BASE64_STANDARD.encode(body), str::to_owned)),
            "isBase64Encoded": text.is_none(),
        }))
    }
}

/// Headers of one name are joined by commas; cookies are apart.
fn of_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != "cookie") {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str().to_owned())
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert(value.into());
    }
    joined
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split("; "))
}

/// Parameters of one name are joined by commas.
fn of_query(uri: &Uri) -> BTreeMap<String, String> {
    let Ok(axum::extract::Query(pairs)) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri) else {
        return BTreeMap::new();
    };
    let mut joined: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        joined.entry(name).and_modify(|all| *all = format!("{all},{value}")).or_insert(value);
    }
    joined
}

/// What there is none of is left out.
fn bytes(event: Value) -> Bytes {
    let Value::Object(event) = event else { unreachable!("an event has fields") };
    let told: Map<String, Value> = event.into_iter().filter(|(_, value)| !value.is_null()).collect();
    Value::Object(told).to_string().into()
}
