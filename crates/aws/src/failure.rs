//! What the SDK's errors mean to callers of a store: nothing is fatal, since nothing is kept here that an error could leave uncertain.

use std::error::Error;

use dormouse_journal::StoreError;

pub(crate) fn unavailable(error: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
