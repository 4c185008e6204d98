//! The console's files: what `web/console` built, inside this binary.

use axum::{
    Router,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use dormouse_core::{Code, Failure};
use dormouse_engine::http::{Refused, unknown};
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "../../web/console/dist"]
#[allow_missing = true]
struct Files;

/// A page may load its own scripts, styles and pictures, and talk to this host; nothing else.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self' ws: wss:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

/// For whatever the API does not answer.
pub(crate) fn pages() -> Router {
    Router::new().fallback(file)
}

/// The file at this path. A browser that goes to another one gets the page, which knows its own routes; a program that mistook a path is told.
async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return unknown(&method).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let is_api = path.starts_with("v1/") || path.starts_with("docs/");
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|accepts| accepts.to_str().ok());
    let is_browser = accepts.into_iter().any(|accepts| accepts.contains("text/html"));
    let has_ending = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    match Files::get(path).filter(|_| !path.is_empty()) {
        Some(file) => served(path, file),
        None if is_api || has_ending || !(is_browser || path.is_empty()) => unknown(&method).into_response(),
        None => page(),
    }
}

fn page() -> Response {
    match Files::get("index.html") {
        Some(file) => served("index.html", file),
        None => {
            let message = "the page is not part of this build; run `make web` and build again";
            Refused(Failure::new(Code::UnknownPath, message)).into_response()
        }
    }
}

fn served(path: &str, file: rust_embed::EmbeddedFile) -> Response {
    // Vite names these files by their contents.
    let lasts = path.starts_with("assets/");
    let cache = if lasts { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mime = HeaderValue::from_str(file.metadata.mimetype());
    let headers = [
        (header::CONTENT_TYPE, mime.unwrap_or(HeaderValue::from_static("application/octet-stream"))),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::OK, headers, file.data.into_owned()).into_response()
}
