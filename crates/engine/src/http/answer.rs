//! How a failure leaves over HTTP.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use dormouse_core::{Code, Failure, frame::server::Said};
use serde_json::json;

/// A failure as a response.
#[derive(Debug)]
pub struct Refused(pub Failure);

impl<F: Into<Failure>> From<F> for Refused {
    fn from(failure: F) -> Self {
        Self(failure.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(failure) = self;
        let status = StatusCode::from_u16(failure.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(json!({ "error": Said::from(&failure) }))).into_response();
        if let Some(wait) = failure.retry_after {
            let seconds = wait.div_ceil(1000);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if failure.code == Code::Unauthenticated {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
