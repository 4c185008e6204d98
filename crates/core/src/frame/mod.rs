//! The frames of the wire: what clients may say ([`client`]) and what hosts answer ([`server`], [`list`]). See `docs/protocol.md`.

pub mod client;
pub mod glimpse;
pub mod list;
pub mod server;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hash::Hash;

/// What a subscription follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum As {
    /// The state as the viewer's sight shows it.
    #[default]
    View,
    /// The events that the rules reveal to that sight.
    Events,
}

/// What a client's frame asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // Those of docs/protocol.md, "From the client".
pub enum Action {
    Hello,
    Subscribe,
    Unsubscribe,
    Send,
    Signal,
    Ping,
}

/// The etag of a view: 16 hex digits of the SHA-256 of its bytes.
pub fn etag(view: &[u8]) -> String {
    format!("{:016x}", u64::from_be_bytes(Hash::of("dormouse/etag/1", &[view]).tag()))
}
