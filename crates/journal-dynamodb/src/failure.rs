//! What the SDK's errors mean to callers.
//!
//! DynamoDB refuses with a status of 4xx before it writes anything. All else that goes wrong after a request may have left (a timeout, a lost
//! reply, a status of 5xx) leaves the outcome unknown. Nothing is fatal: the store holds no state that an error could leave uncertain.

use std::error::Error;

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use dormouse_core::Address;
use dormouse_journal::{ReadError, StoreError};

/// The codes that ask to come again later. Nothing was written.
const THROTTLED: &[&str] =
    &["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded", "Throttling"];

/// What becomes of a write that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// Not written; the table or the account is asked too much.
    Throttled,
    /// Not written.
    Refused,
    /// Perhaps written, perhaps later.
    Unknown,
}

impl Write {
    pub(crate) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::Refused,
            SdkError::ServiceError(said) if said.raw().status().is_client_error() => {
                let code = said.err().code().unwrap_or_default();
                if THROTTLED.contains(&code) { Self::Throttled } else { Self::Refused }
            }
            _ => Self::Unknown,
        }
    }
}

/// What is stored is not what this program writes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("an item of {address} is damaged: {what}")]
pub(crate) struct BadItem {
    pub(crate) address: String,
    pub(crate) what: &'static str,
}

impl BadItem {
    pub(crate) fn of(address: &Address, what: &'static str) -> Self {
        Self { address: address.to_string(), what }
    }
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Damaged(#[from] BadItem),
    #[error("DynamoDB or the object store failed")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

impl Failure {
    pub(crate) fn store(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Store(Box::new(error))
    }

    pub(crate) fn read(self, address: &Address) -> ReadError {
        match self {
            Self::Damaged(bad) => ReadError::Damaged(address.clone(), bad.what.to_owned()),
            Self::Store(cause) => StoreError::Unavailable(cause).into(),
        }
    }
}

impl From<Failure> for StoreError {
    /// One actor's damage must not end the process that serves the others.
    fn from(failure: Failure) -> Self {
        Self::Unavailable(match failure {
            Failure::Damaged(bad) => Box::new(bad),
            Failure::Store(cause) => cause,
        })
    }
}
