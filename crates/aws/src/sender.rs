//! The sender seam over API Gateway's management API.
//!
//! *Order*: a message is asked for once, and the next one when that was answered; so two arrive in their order, but for one that was given up after its
//! timeout, which may still arrive, and later than the next. *Twice*: only if the line to the management API broke and the gateway had the message already.
//! That is risked since a line which was idle while its environment was frozen breaks at its next use: without a second attempt the first message after
//! every pause would be lost. A client takes a patch or an event that it has for what it is, and asks again where there is a gap.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_apigatewaymanagement::{
    Client,
    config::{http::HttpResponse, retry::RetryConfig},
    error::SdkError,
    primitives::{Blob, DateTime},
};
use bytes::Bytes;
use dormouse_core::Time;
use dormouse_lambda::sender::{Info, SendError, Sender};

/// Pauses before a throttled message is sent again: the account's rate is counted by the second. Who waits longer is told `Unavailable`, and the invocation
/// goes on.
const THROTTLED_PAUSES: [Duration; 3] =
    [Duration::from_millis(25), Duration::from_millis(75), Duration::from_millis(225)];

/// The way out through a WebSocket API.
#[derive(Debug, Clone)]
pub struct GatewaySender {
    client: Client,
    /// For messages: the SDK would send again also what timed out, and may have arrived.
    once: Client,
}

/// What is known of a message that failed.
enum Lost {
    Gone,
    TooLarge,
    /// Not sent: the account sends too much.
    Throttled,
    /// The line broke: a second attempt finds another.
    Broken,
    Unknown,
}

impl GatewaySender {
    /// Over a client of [`Clients::management`](crate::Clients::management).
    pub fn new(client: &Client) -> Self {
        let once = client.config().to_builder().retry_config(RetryConfig::disabled()).build();
        Self { client: client.clone(), once: Client::from_conf(once) }
    }
}

#[async_trait]
impl Sender for GatewaySender {
    async fn send(&self, connection: &str, message: Bytes) -> Result<(), SendError> {
        let post = self.once.post_to_connection().connection_id(connection).data(Blob::new(message));
        let (mut pauses, mut broke) = (THROTTLED_PAUSES.iter(), false);
        loop {
            let Err(error) = post.clone().send().await else { return Ok(()) };
            match lost(&error) {
                Lost::Gone => return Err(SendError::Gone),
                Lost::TooLarge => return Err(SendError::TooLarge),
                Lost::Broken if !broke => broke = true,
                Lost::Throttled => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(unavailable(error)),
                },
                Lost::Broken | Lost::Unknown => return Err(unavailable(error)),
            }
        }
    }

    async fn info(&self, connection: &str) -> Result<Option<Info>, SendError> {
        let answer = match self.client.get_connection().connection_id(connection).send().await {
            Ok(answer) => answer,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        let (connected, last_active) = (time(answer.connected_at()), time(answer.last_active_at()));
        let source = answer.identity.and_then(|identity| identity.source_ip).unwrap_or_default();
        Ok(Some(Info { connected, last_active, source }))
    }

    async fn disconnect(&self, connection: &str) -> Result<(), SendError> {
        match self.client.delete_connection().connection_id(connection).send().await {
            Err(error) if !is_gone(&error) => Err(unavailable(error)),
            _ => Ok(()),
        }
    }
}

/// By the status, which is there also when nobody can read the rest.
fn lost<E>(error: &SdkError<E, HttpResponse>) -> Lost {
    match (error.raw_response().map(|response| response.status().as_u16()), error) {
        (Some(410), _) => Lost::Gone,
        (Some(413), _) => Lost::TooLarge,
        (Some(429), _) => Lost::Throttled,
        (None, SdkError::DispatchFailure(failure)) if !failure.is_timeout() && !failure.is_user() => Lost::Broken,
        _ => Lost::Unknown,
    }
}

fn is_gone<E>(error: &SdkError<E, HttpResponse>) -> bool {
    matches!(lost(error), Lost::Gone)
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> SendError {
    SendError::Unavailable(Box::new(error))
}

fn time(at: Option<&DateTime>) -> Time {
    Time(at.and_then(|at| at.to_millis().ok()).and_then(|millis| millis.try_into().ok()).unwrap_or_default())
}
