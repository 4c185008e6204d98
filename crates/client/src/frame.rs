//! The frames of `docs/protocol.md`, from the client's side: what it says is encoded, what it hears is decoded.
//!
//! Decoding is strict about the fields that the client uses and blind to others; a frame of an unknown type is nothing,
//! since a newer host may send it.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

pub use dormouse_core::frame::{
    Action, As,
    list::List,
    server::{Resumed as ResumedKind, Revealed},
};
use dormouse_core::{Position, Principal};
use json_patch::PatchOperation;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

use crate::fault::Fault;

/// A token. Its text appears in no log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What the client says.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[allow(missing_docs)] // The fields are those of docs/protocol.md, "From the client".
pub enum ClientFrame {
    Hello {
        token: Token,
        #[serde(skip_serializing_if = "Option::is_none")]
        outbox: Option<String>,
    },
    Subscribe {
        actor: Arc<str>,
        r#as: As,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    #[serde(rename = "subscribe")]
    SubscribeList {
        list: Arc<List>,
        #[serde(skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    Unsubscribe {
        actor: Arc<str>,
        r#as: As,
    },
    #[serde(rename = "unsubscribe")]
    UnsubscribeList {
        list: Arc<List>,
    },
    Send {
        actor: Arc<str>,
        command_id: String,
        command: Arc<RawValue>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        resent: bool,
    },
    Signal {
        actor: Arc<str>,
        signal: Arc<RawValue>,
    },
    Ping {
        positions: BTreeMap<Arc<str>, Position>,
    },
}

impl ClientFrame {
    /// The frame as JSON text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("text, numbers and JSON always serialise")
    }
}

/// What a host says.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub enum ServerFrame {
    Welcome(Welcome),
    Resumed(Resumed),
    Snapshot(Snapshot),
    Patch(Patch),
    Events(Events),
    Accepted(Accepted),
    Rejected(Rejected),
    Signal(Signal),
    Presence(Presence),
    Error(Refusal),
    List(ListFrame),
    Goodbye(Fault),
    Pong(Pong),
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Welcome {
    pub principal: Identity,
    pub outbox: String,
    pub in_flight: usize,
    pub limits: Bounds,
}

/// Who the host says we are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct Identity {
    pub id: String,
    pub name: String,
    pub roles: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[allow(missing_docs)]
pub struct Bounds {
    pub frame_bytes: usize,
    pub signal_bytes: usize,
    pub ping_seconds: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Resumed {
    pub actor: Arc<str>,
    pub r#as: As,
    pub kind: ResumedKind,
    pub position: Position,
    pub code: Option<u16>,
    pub message: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Snapshot {
    pub actor: Arc<str>,
    pub position: Position,
    pub etag: String,
    pub view: Arc<Value>,
    #[serde(default)]
    pub reset: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Patch {
    pub actor: Arc<str>,
    pub base: String,
    pub etag: String,
    pub position: Position,
    pub ops: Vec<PatchOperation>,
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Events {
    pub actor: Arc<str>,
    pub position: Position,
    pub after_seq: u64,
    pub through_seq: u64,
    pub events: Vec<Revealed>,
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Accepted {
    pub actor: Arc<str>,
    pub command_id: String,
    pub position: Position,
    pub etag: Option<String>,
    #[serde(default)]
    pub again: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Rejected {
    pub actor: Arc<str>,
    pub command_id: String,
    #[serde(flatten)]
    pub fault: Fault,
}

/// A message to whoever watches an actor; it is kept nowhere.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Signal {
    /// `kind/id`.
    pub actor: Arc<str>,
    /// Who sent it, unless a task did.
    pub from: Option<Principal>,
    /// The key of the task that sent it.
    pub task: Option<String>,
    /// What was sent.
    pub signal: Value,
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Presence {
    pub actor: Arc<str>,
    pub here: Vec<Principal>,
    pub count: usize,
}

/// The frame `error`.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Refusal {
    #[serde(flatten)]
    pub fault: Fault,
    /// What it answers.
    pub action: Option<Action>,
    pub actor: Option<Arc<str>>,
    pub r#as: Option<As>,
}

/// A frame about a list: it has no history, and so no position.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)] // The fields are those of docs/protocol.md, "Lists".
pub struct ListFrame {
    pub list: List,
    #[serde(flatten)]
    pub said: ListSaid,
}

/// What a frame says about a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ListSaid {
    Resumed {
        kind: ResumedKind,
    },
    Snapshot {
        etag: String,
        view: Arc<Value>,
    },
    Patch {
        base: String,
        etag: String,
        ops: Vec<PatchOperation>,
    },
    Error {
        #[serde(flatten)]
        fault: Fault,
        action: Option<Action>,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Pong {
    pub behind: BTreeMap<Arc<str>, Position>,
}

/// Read one frame of a host; `None` for a type that this client does not know.
///
/// # Errors
/// If it is not JSON, or if a known frame is malformed.
pub fn decode(text: &str) -> Result<Option<ServerFrame>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Tagged<'a> {
        #[serde(borrow)]
        r#type: Cow<'a, str>,
        list: Option<IgnoredAny>,
    }
    // Two passes over the text: a tagged enum would first copy each view into a tree of its own.
    let tagged: Tagged<'_> = serde_json::from_str(text)?;
    Ok(Some(match &*tagged.r#type {
        "resumed" | "snapshot" | "patch" | "error" if tagged.list.is_some() => {
            ServerFrame::List(serde_json::from_str(text)?)
        }
        "welcome" => ServerFrame::Welcome(serde_json::from_str(text)?),
        "resumed" => ServerFrame::Resumed(serde_json::from_str(text)?),
        "snapshot" => ServerFrame::Snapshot(serde_json::from_str(text)?),
        "patch" => ServerFrame::Patch(serde_json::from_str(text)?),
        "events" => ServerFrame::Events(serde_json::from_str(text)?),
        "accepted" => ServerFrame::Accepted(serde_json::from_str(text)?),
        "rejected" => ServerFrame::Rejected(serde_json::from_str(text)?),
        "signal" => ServerFrame::Signal(serde_json::from_str(text)?),
        "presence" => ServerFrame::Presence(serde_json::from_str(text)?),
        "error" => ServerFrame::Error(serde_json::from_str(text)?),
        "goodbye" => ServerFrame::Goodbye(serde_json::from_str(text)?),
        "pong" => ServerFrame::Pong(serde_json::from_str(text)?),
        _ => return Ok(None),
    }))
}
