//! The HTTP API: a request becomes an event, and the answer a response.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::Shared;
use crate::{function::Failed, limits};

pub(crate) async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, limits::PAYLOAD_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let invoked = shared.function.invoke(shared.request_event(&head, &body));
    match tokio::time::timeout(limits::INTEGRATION_MAX, invoked).await {
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Ok(Err(Failed::Throttled)) => StatusCode::TOO_MANY_REQUESTS.into_response(),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "an invocation failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Ok(Ok(answer)) => response(&answer).unwrap_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

/// What a function answers: `statusCode`, `headers`, `cookies`, `body`, `isBase64Encoded`. Anything else is the body, with 200.
fn response(answer: &Bytes) -> Option<Response> {
    let said: Value = serde_json::from_slice(answer).ok()?;
    let Some(status) = said["statusCode"].as_u64() else {
        return Some(([("content-type", "application/json")], answer.clone()).into_response());
    };
    let body = said["body"].as_str().unwrap_or_default();
    let is_encoded = said["isBase64Encoded"].as_bool().unwrap_or_default();
    let body = if is_encoded { BASE64_STANDARD.decode(body).ok()? } else { body.as_bytes().to_vec() };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let headers = said["headers"].as_object().into_iter().flatten();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let cookies =
        said["cookies"].as_array().into_iter().flatten().filter_map(|cookie| Some(("set-cookie", cookie.as_str()?)));
    for (name, value) in headers.chain(cookies) {
        response.headers_mut().append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
    }
    Some(response)
}
