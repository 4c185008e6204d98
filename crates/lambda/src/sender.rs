//! The sender seam: the way out to connections that a gateway holds.

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::Time;

/// Why something could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The connection is gone and will not come back: its rows are to be deleted.
    #[error("the connection is gone")]
    Gone,
    /// The message is larger than [`GATEWAY_MESSAGE_BYTES_MAX`](dormouse_core::limits::GATEWAY_MESSAGE_BYTES_MAX). It was not sent; the connection stays.
    #[error("the message is larger than the gateway carries")]
    TooLarge,
    /// Nobody knows whether it arrived. The connection is taken to live.
    #[error("the gateway cannot be reached now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What the gateway knows of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// When it was opened.
    pub connected: Time,
    /// When a message last went either way.
    pub last_active: Time,
    /// The address of its peer.
    pub source: String,
}

/// Sends to connections, and says what became of them.
///
/// *Ordering*: messages that are sent to a connection one after the other arrive in that order. *Durability*: `Ok` says that the gateway took the
/// message, not that the client has it. *Size*: an implementation splits a message into frames of at most
/// [`GATEWAY_FRAME_BYTES_MAX`](dormouse_core::limits::GATEWAY_FRAME_BYTES_MAX) where the gateway does not. *Retries*: the caller does not send again what may have
/// arrived; the client finds out where it stands.
#[async_trait]
pub trait Sender: Send + Sync + 'static {
    /// Send one message.
    ///
    /// # Errors
    /// [`SendError`]
    async fn send(&self, connection: &str, message: Bytes) -> Result<(), SendError>;

    /// What is known of a connection; `None` if it is gone.
    ///
    /// # Errors
    /// [`SendError::Unavailable`]
    async fn info(&self, connection: &str) -> Result<Option<Info>, SendError>;

    /// Whether a connection lives.
    ///
    /// # Errors
    /// [`SendError::Unavailable`]
    async fn is_alive(&self, connection: &str) -> Result<bool, SendError> {
        Ok(self.info(connection).await?.is_some())
    }

    /// Close a connection. One that is gone already is closed.
    ///
    /// # Errors
    /// [`SendError::Unavailable`]
    async fn disconnect(&self, connection: &str) -> Result<(), SendError>;
}
