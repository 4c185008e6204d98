//! `/docs`: OpenAPI and AsyncAPI, generated from the kinds, the table of codes and the schemas.
use std::sync::Arc;

use axum::Router;

use super::Api;

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
}
