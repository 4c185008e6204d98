//! What a host answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{Action, As};
use crate::{
    codes::{Code, Failure},
    position::Position,
    sight::{Principal, Viewer},
    time::Time,
};

/// A frame to a client.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)] // The fields are those of docs/protocol.md, "From the host".
pub enum ServerFrame<'a> {
    Welcome {
        principal: Identity<'a>,
        outbox: &'a str,
        in_flight: usize,
        limits: Bounds,
        server: About,
    },
    Resumed {
        actor: &'a str,
        r#as: As,
        kind: Resumed,
        position: Position,
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
    Snapshot {
        actor: &'a str,
        position: Position,
        etag: &'a str,
        view: &'a RawValue,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        reset: bool,
    },
    Patch {
        actor: &'a str,
        base: &'a str,
        etag: &'a str,
        position: Position,
        ops: &'a RawValue,
    },
    Events {
        actor: &'a str,
        position: Position,
        after_seq: u64,
        through_seq: u64,
        events: &'a [Revealed],
    },
    Accepted {
        actor: &'a str,
        command_id: &'a str,
        position: Position,
        #[serde(skip_serializing_if = "Option::is_none")]
        etag: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    Rejected {
        actor: &'a str,
        command_id: &'a str,
        #[serde(flatten)]
        failure: Said<'a>,
    },
    Signal {
        actor: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<&'a Principal>,
        #[serde(skip_serializing_if = "Option::is_none")]
        task: Option<&'a str>,
        signal: &'a RawValue,
    },
    Presence {
        actor: &'a str,
        here: &'a [Principal],
        count: usize,
    },
    Error {
        #[serde(flatten)]
        failure: Said<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        action: Option<Action>,
        #[serde(skip_serializing_if = "Option::is_none")]
        actor: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        r#as: Option<As>,
    },
    Goodbye {
        #[serde(flatten)]
        failure: Said<'a>,
    },
    Pong {
        behind: BTreeMap<String, Position>,
    },
}

impl ServerFrame<'_> {
    /// The frame as JSON text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("frames serialise to JSON")
    }
}

/// How a resume was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resumed {
    /// Nothing happened since.
    Current,
    /// Every revealed event since follows.
    Tail,
    /// The whole view follows.
    Snapshot,
    /// The history that the position names is not the journal's; the whole view follows.
    Reset,
    /// The actor was retired.
    Gone,
}

/// An event that a sight may hear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Revealed {
    /// Its commit.
    pub seq: u64,
    /// Its place among the revealed events of that commit.
    pub index: u32,
    /// Its commit's time.
    pub at: Time,
    /// What `reveal` made of it.
    pub event: Value,
}

/// A principal with its roles, as `welcome` and the guest's answer show it.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs)]
pub struct Identity<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub roles: &'a [String],
}

impl<'a> From<&'a Viewer> for Identity<'a> {
    fn from(viewer: &'a Viewer) -> Self {
        Self { id: &viewer.principal.id, name: &viewer.principal.name, roles: &viewer.roles }
    }
}

/// The limits that a client should keep.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs)]
pub struct Bounds {
    pub frame_bytes: usize,
    pub signal_bytes: usize,
    pub ping_seconds: u64,
}

/// Who answers.
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs)]
pub struct About {
    pub version: &'static str,
}

/// A failure as the wire spells it.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Said<'a> {
    pub code: u16,
    pub name: &'static str,
    pub message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

impl<'a> From<&'a Failure> for Said<'a> {
    fn from(failure: &'a Failure) -> Self {
        let Failure { code, message, retry_after, reason, position } = failure;
        let (code, name, reason) = (*code as u16, code.name(), reason.as_deref());
        Self { code, name, message, retry_after: *retry_after, reason, position: *position }
    }
}

impl From<Code> for Said<'static> {
    fn from(code: Code) -> Self {
        let (name, message) = (code.name(), code.meaning());
        Self { code: code as u16, name, message, retry_after: None, reason: None, position: None }
    }
}
