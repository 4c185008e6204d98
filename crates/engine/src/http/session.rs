//! What every request is asked first: who sends it, and whether its body may be read.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path, Request},
    http::{HeaderMap, header, request::Parts},
};
use bytes::Bytes;
use dormouse_core::{
    Code, Failure,
    limits::{BODY, FRAME_BYTES_MAX},
    strict,
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{Api, Peer, Refused};
use crate::identity::Session;

/// A request with a good token, within its principal's rate.
pub struct Signed(pub Session);

impl FromRequestParts<Arc<Api>> for Signed {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refused> {
        let session = match bearer(&parts.headers).ok_or_else(|| Code::Unauthenticated.into()) {
            Ok(token) => api.identity.verify(token),
            Err(failure) => Err(failure),
        };
        match session {
            Ok(session) => {
                api.admission.spend(&session)?;
                Ok(Self(session))
            }
            // Guessing tokens costs what any unsigned request costs.
            Err(failure) => {
                if let Some(Peer(address)) = parts.extensions.get() {
                    api.admission.request(*address)?;
                }
                Err(Refused(failure))
            }
        }
    }
}

/// What stands in the path. Escapes that are no UTF-8 are no name.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let Path(names) = Path::from_request_parts(parts, state).await.map_err(|_| Code::BadName)?;
        Ok(Self(names))
    }
}

/// The token of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The whole body, unless it is longer than a frame may be or takes longer than it may.
///
/// # Errors
/// [`Code::TooLarge`], [`Code::Timeout`]
pub async fn body(request: Request) -> Result<Bytes, Failure> {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > FRAME_BYTES_MAX as u64) {
        return Err(Code::TooLarge.into());
    }
    let read = axum::body::to_bytes(request.into_body(), FRAME_BYTES_MAX);
    match tokio::time::timeout(BODY, read).await {
        Ok(bytes) => bytes.map_err(|_| Code::TooLarge.into()),
        Err(_) => Err(Code::Timeout.into()),
    }
}

/// A strictly checked body, which is an object.
pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    strict::check(bytes).map_err(Failure::from)?;
    // Serde would take a list for an object, its values for the fields in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Failure::new(Code::BadFrame, "the body is a list; expected an object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let unknown = error.to_string().starts_with("unknown field");
        let code = if unknown { Code::UnknownField } else { Code::BadFrame };
        code.into()
    })
}

/// A field that may be absent, and is never `null`.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
