//! The frames of `docs/protocol.md` as types whose schemas alone are wanted.
//!
//! They mirror `dormouse_core::frame`, whose types borrow and hold raw JSON. `tests/frames.rs` compares the fields of every
//! variant with what the core writes and reads. A field with `skip_serializing_if` may be absent, and is never null.

#![expect(dead_code, reason = "only the schemas of these types are wanted")]

use std::collections::BTreeMap;

use dormouse_core::{
    Principal,
    frame::{
        Action, As,
        server::{Resumed, Revealed},
    },
};
use schemars::JsonSchema;
use serde_json::Value;

use super::{
    answers::Row,
    text::{Actor, CodeName, CodeNumber, CommandId, Etag, From, Name, Outbox, Position},
};

/// A frame from the client.
#[derive(JsonSchema)]
#[schemars(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ClientFrame {
    /// Who I am; the first frame, within 5 seconds.
    Hello {
        /// A JWT.
        token: String,
        /// The outbox of an earlier `welcome`.
        #[schemars(skip_serializing_if = "absent")]
        outbox: Outbox,
    },
    /// Tell me of this actor.
    Subscribe {
        actor: Actor,
        /// Its view, if this is absent.
        #[schemars(rename = "as", skip_serializing_if = "absent")]
        of: As,
        /// Where to resume. Without it, a view starts with a snapshot and events with the next.
        #[schemars(skip_serializing_if = "absent")]
        from: From,
        /// Of the view that the client holds.
        #[schemars(skip_serializing_if = "absent")]
        etag: String,
    },
    /// Tell me of it no more.
    Unsubscribe {
        actor: Actor,
        /// Its view, if this is absent.
        #[schemars(rename = "as", skip_serializing_if = "absent")]
        of: As,
    },
    /// Give the actor this command.
    Send {
        actor: Actor,
        command_id: CommandId,
        /// A command of the actor's kind.
        command: Value,
        /// It was put on a line before, so another copy may come: a refusal is kept.
        #[schemars(skip_serializing_if = "absent")]
        resent: bool,
    },
    /// Tell those who watch the actor now. It is not kept.
    Signal {
        actor: Actor,
        /// Any JSON, at most 4 KiB.
        signal: Value,
    },
    /// I am here, and this is where I stand.
    Ping {
        /// By actor, of the subscriptions of this connection.
        #[schemars(skip_serializing_if = "absent")]
        positions: BTreeMap<String, Position>,
    },
}

/// A frame about a list from the client.
#[derive(JsonSchema)]
#[schemars(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ClientListFrame {
    /// Tell me of the first rows of this list.
    Subscribe {
        list: List,
        /// Of the view that the client holds.
        #[schemars(skip_serializing_if = "absent")]
        etag: String,
    },
    /// Tell me of it no more.
    Unsubscribe { list: List },
}

/// Which rows: what `GET /v1/{kind}` takes as its path and query.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct List {
    kind: Name,
    /// Only those whose `members` name me.
    #[schemars(skip_serializing_if = "absent")]
    mine: bool,
    /// Only those of this status.
    #[schemars(skip_serializing_if = "absent")]
    status: String,
}

/// A frame about a list from the host.
#[derive(JsonSchema)]
#[schemars(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerListFrame {
    /// The answer to a subscription: whether what the client holds is still the list.
    Resumed { list: List, kind: ListResumed },
    /// The first rows.
    Snapshot { list: List, etag: Etag, view: ListView },
    /// The view of `base` becomes that of `etag`.
    Patch { list: List, base: Etag, etag: Etag, ops: Vec<Op> },
    /// A subscription was refused; the connection stays.
    Error {
        #[schemars(flatten)]
        notice: Notice,
        /// What it answers.
        #[schemars(skip_serializing_if = "absent")]
        action: Action,
        list: List,
    },
}

/// How a subscription to a list was answered.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
pub(super) enum ListResumed {
    /// The view that the client holds is that of now.
    Current,
    /// The view follows.
    Snapshot,
}

/// The first rows of a list, by id. Their order is that of `sort`, then `updated_at`, then `id`, the highest first.
#[derive(JsonSchema)]
pub(super) struct ListView {
    rows: BTreeMap<String, Row>,
    /// There are more rows: `after` of the request that asks for them.
    #[schemars(skip_serializing_if = "absent")]
    next: String,
}

/// A frame from the host.
#[derive(JsonSchema)]
#[schemars(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerFrame {
    /// You are signed in.
    Welcome {
        principal: Identity,
        outbox: Outbox,
        /// Commands of this connection that may be unanswered.
        in_flight: usize,
        limits: Bounds,
        server: About,
    },
    /// The answer to a subscription: what happened since `from`, and so what follows.
    Resumed {
        actor: Actor,
        #[schemars(rename = "as")]
        of: As,
        kind: Resumed,
        position: Position,
        #[schemars(skip_serializing_if = "absent")]
        code: CodeNumber,
        #[schemars(skip_serializing_if = "absent")]
        message: String,
    },
    /// The whole view.
    Snapshot {
        actor: Actor,
        position: Position,
        etag: Etag,
        /// A view of the actor's kind, as this viewer may see it.
        view: Value,
        /// The history that the subscription named is not the journal's: forget it.
        #[schemars(skip_serializing_if = "absent")]
        reset: bool,
    },
    /// The view of `base` becomes that of `etag`.
    Patch { actor: Actor, base: Etag, etag: Etag, position: Position, ops: Vec<Op> },
    /// Every event that this viewer may hear of the commits after `after_seq`, up to `through_seq`.
    Events { actor: Actor, position: Position, after_seq: u64, through_seq: u64, events: Vec<Revealed> },
    /// The command's commit is durable.
    Accepted {
        actor: Actor,
        command_id: CommandId,
        position: Position,
        /// Of the view that shows the command.
        #[schemars(skip_serializing_if = "absent")]
        etag: Etag,
        /// This id was accepted before; this is the first answer.
        #[schemars(skip_serializing_if = "absent")]
        again: bool,
    },
    /// The command was not executed.
    Rejected {
        actor: Actor,
        command_id: CommandId,
        #[schemars(flatten)]
        fault: Fault,
    },
    /// Somebody who watches, or an open task, says something that is not kept.
    Signal {
        actor: Actor,
        /// Who, if it was a client.
        #[schemars(skip_serializing_if = "absent")]
        from: Principal,
        /// The task's key, if it was one.
        #[schemars(skip_serializing_if = "absent")]
        task: String,
        signal: Value,
    },
    /// Who is connected and watches.
    Presence {
        actor: Actor,
        /// Sorted by id, at most 100.
        here: Vec<Principal>,
        /// All of them.
        count: usize,
    },
    /// A frame or a subscription was refused; the connection stays.
    Error {
        #[schemars(flatten)]
        notice: Notice,
        /// What it answers; none where nothing was asked, such as at the end of a subscription, or where the frame could not be read.
        #[schemars(skip_serializing_if = "absent")]
        action: Action,
        #[schemars(skip_serializing_if = "absent")]
        actor: Actor,
        #[schemars(rename = "as", skip_serializing_if = "absent")]
        of: As,
    },
    /// The connection closes after this.
    Goodbye {
        code: CodeNumber,
        name: CodeName,
        /// For people.
        message: String,
        /// Milliseconds to wait before connecting again; each connection is given its own share.
        retry_after: u64,
    },
    /// Which of the positions of a `ping` are old, and the newest.
    Pong { behind: BTreeMap<String, Position> },
}

/// One operation of RFC 6902; others are not sent.
#[derive(JsonSchema)]
#[schemars(tag = "op", rename_all = "snake_case")]
pub(super) enum Op {
    /// Insert.
    Add { path: String, value: Value },
    /// Take out.
    Remove { path: String },
    /// Put in the place of what is there.
    Replace { path: String, value: Value },
}

/// A principal with its roles.
#[derive(JsonSchema)]
pub(super) struct Identity {
    id: String,
    name: String,
    roles: Vec<String>,
}

/// Limits that a client keeps.
#[derive(JsonSchema)]
pub(super) struct Bounds {
    /// One frame from the client.
    frame_bytes: usize,
    /// One signal.
    signal_bytes: usize,
    /// How often to ping.
    ping_seconds: u64,
}

/// Who answers.
#[derive(JsonSchema)]
pub(super) struct About {
    version: String,
}

/// What could not be done.
#[derive(JsonSchema)]
pub(super) struct Notice {
    code: CodeNumber,
    name: CodeName,
    /// For people.
    message: String,
    /// Milliseconds to wait before trying again.
    #[schemars(skip_serializing_if = "absent")]
    retry_after: u64,
}

/// What could not be done, and the rules' own reason.
#[derive(JsonSchema)]
pub(super) struct Fault {
    code: CodeNumber,
    name: CodeName,
    /// For people.
    message: String,
    /// Milliseconds to wait before trying again.
    #[schemars(skip_serializing_if = "absent")]
    retry_after: u64,
    /// The rules' own code, where they refused.
    #[schemars(skip_serializing_if = "absent")]
    reason: String,
    /// The commit that keeps this refusal of a command: no copy of it is executed any more.
    #[schemars(skip_serializing_if = "absent")]
    position: Position,
}
