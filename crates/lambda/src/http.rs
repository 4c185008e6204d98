//! HTTP API events: the router that every host serves.

use std::net::IpAddr;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderValue, Request, Response, header},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use dormouse_core::{Code, Failure};
use dormouse_engine::http::Peer;
use tower::ServiceExt;

use crate::{
    event::{Answer, HttpEvent},
    host::Host,
};

/// An answer that is larger than Lambda returns. Views are a sixth of it.
const ANSWER_BYTES_MAX: usize = 6 * 1024 * 1024;

impl Host {
    pub(crate) async fn http(&self, event: HttpEvent) -> Answer {
        let request = match request(event) {
            Ok(request) => request,
            Err(failure) => return Answer::refused(&failure),
        };
        let Ok(response) = self.router.clone().oneshot(request).await;
        answer(response).await
    }
}

fn request(event: HttpEvent) -> Result<Request<Body>, Failure> {
    let path = path(&event);
    let target = if event.raw_query_string.is_empty() { path } else { format!("{path}?{}", event.raw_query_string) };
    let bad = |_| Failure::from(Code::BadFrame);
    let mut request = Request::builder().method(event.request_context.http.method.as_str()).uri(target);
    for (name, value) in &event.headers {
        request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Code::BadFrame)?);
    }
    if !event.cookies.is_empty() {
        request = request.header(header::COOKIE, event.cookies.join("; "));
    }
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        BASE64_STANDARD.decode(body).map_err(|_| Code::BadFrame)?
    } else {
        body.into_bytes()
    };
    let mut request = request.body(Body::from(body)).map_err(bad)?;
    if let Ok(peer) = event.request_context.http.source_ip.parse::<IpAddr>() {
        request.extensions_mut().insert(Peer(peer));
    }
    Ok(request)
}

/// A stage that has a name stands before the path.
fn path(event: &HttpEvent) -> String {
    let stage = &event.request_context.stage;
    let rest = event.raw_path.strip_prefix('/').and_then(|path| path.strip_prefix(stage.as_str()));
    match rest {
        Some(rest) if !stage.is_empty() && rest.starts_with('/') => rest.to_owned(),
        _ => event.raw_path.clone(),
    }
}

async fn answer(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return Answer::refused(&Failure::from(Code::TooLarge));
    };
    let mut answer = Answer::of(parts.status.as_u16());
    for (name, value) in &parts.headers {
        // Ours are ASCII.
        let Ok(value) = value.to_str() else { continue };
        if name == header::SET_COOKIE {
            answer.cookies.push(value.to_owned());
        } else {
            answer.headers.insert(name.to_string(), value.to_owned());
        }
    }
    match String::from_utf8(bytes.to_vec()) {
        Ok(text) => answer.body = text,
        Err(bytes) => {
            answer.body = BASE64_STANDARD.encode(bytes.into_bytes());
            answer.is_base64_encoded = true;
        }
    }
    answer
}
