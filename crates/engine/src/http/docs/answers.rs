//! The bodies of the HTTP API as types whose schemas alone are wanted; `tests/http.rs` holds the answers of a running router
//! against them.

#![expect(dead_code, reason = "only the schemas of these types are wanted")]

use std::collections::BTreeMap;

use dormouse_core::{Outcome, Time};
use schemars::JsonSchema;
use serde_json::Value;

use super::{
    frames::{About, Bounds, Fault, Identity},
    text::{CommandId, Etag, Name, Outbox, Position},
};
use dormouse_core::frame::server::Revealed;

/// What could not be done.
#[derive(JsonSchema)]
pub(super) struct Failed {
    error: Fault,
}

/// Who the guest would like to be.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct GuestWanted {
    /// What to call them.
    #[schemars(skip_serializing_if = "absent")]
    name: String,
}

/// A new guest.
#[derive(JsonSchema)]
pub(super) struct Guest {
    /// A JWT to send with whatever the guest does.
    token: String,
    principal: Identity,
    expires_at: Time,
}

/// A ticket.
#[derive(JsonSchema)]
pub(super) struct Ticket {
    /// Works once, within 30 seconds, as `token` of a stream, or of a socket where there is a `url`.
    ticket: String,
    /// Where sockets are opened, if not at `/v1/connect`: with `?token=` and the ticket.
    #[schemars(skip_serializing_if = "absent")]
    url: String,
}

/// What `welcome` says on a socket.
#[derive(JsonSchema)]
pub(super) struct Me {
    r#type: Greeting,
    principal: Identity,
    /// Fresh; a client that holds one of its own keeps that.
    outbox: Outbox,
    /// Requests may overtake each other: await the answer of one command before you send the next.
    in_flight: usize,
    limits: Bounds,
    server: About,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Greeting {
    Welcome,
}

/// The principal's tokens from before are refused.
#[derive(JsonSchema)]
pub(super) struct Revoked {
    revoked_at: Time,
}

/// Something to tell.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Signalled {
    /// Any JSON, at most 4 KiB.
    signal: Value,
}

/// Whoever watches is told.
#[derive(JsonSchema)]
pub(super) struct Told {}

/// What runs here.
#[derive(JsonSchema)]
pub(super) struct Host {
    app: String,
    version: String,
    kinds: Vec<KindLine>,
    stats: Stats,
}

/// A kind of actor.
#[derive(JsonSchema)]
struct KindLine {
    kind: Name,
    /// For people.
    title: String,
}

/// What the host has counted.
#[derive(JsonSchema)]
struct Stats {
    /// Actors in memory.
    live: u64,
    /// Actors that are only in the journal.
    asleep: u64,
    /// Commits of every actor.
    commits: u64,
    /// How long the newest wake took, in microseconds; null before the first.
    last_wake_us: Option<u64>,
    /// Sockets and event streams of those who are signed in.
    connections: usize,
    /// Actors whose history does not verify.
    quarantined: usize,
    /// Commits in each ten minutes of the last day.
    activity: Vec<Activity>,
}

/// Ten minutes.
#[derive(JsonSchema)]
struct Activity {
    /// Their start.
    at: Time,
    commits: u64,
}

/// An actor was made.
#[derive(JsonSchema)]
pub(super) struct Created {
    id: Name,
    position: Position,
    etag: Etag,
    view: Value,
}

/// A view.
#[derive(JsonSchema)]
pub(super) struct Looked {
    position: Position,
    etag: Etag,
    view: Value,
}

/// One page of a list.
#[derive(JsonSchema)]
pub(super) struct Page {
    rows: Vec<Row>,
    /// Hand it back as `after`; the last page has none.
    #[schemars(skip_serializing_if = "absent")]
    next: String,
}

/// One actor of a list.
#[derive(JsonSchema)]
pub(super) struct Row {
    kind: Name,
    id: Name,
    title: String,
    /// One word of the kind's own, such as `open`.
    status: String,
    /// Ids of the principals whose own list shows it.
    members: Vec<String>,
    /// Lists are in the order of this, highest first, then newest first.
    sort: i64,
    /// Only its members see it, in their own list.
    #[schemars(skip_serializing_if = "absent")]
    private: bool,
    position: Position,
    created_at: Time,
    updated_at: Time,
    /// When it wakes by itself, if it does.
    #[schemars(skip_serializing_if = "absent")]
    next_wake: Time,
    /// Whether it is in memory.
    awake: bool,
}

/// A command with the id that makes it safe to repeat.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Commanded {
    #[schemars(skip_serializing_if = "absent")]
    command_id: CommandId,
    command: Value,
    /// It was sent before, under this `command_id`, so another copy may come: a refusal is kept.
    #[schemars(skip_serializing_if = "absent")]
    resent: bool,
}

/// The command's commit is durable.
#[derive(JsonSchema)]
pub(super) struct Accepted {
    position: Position,
    /// Of the view that shows the command, if that is known.
    #[schemars(skip_serializing_if = "absent")]
    etag: Etag,
    /// This id was accepted before; this is the first answer.
    #[schemars(skip_serializing_if = "absent")]
    again: bool,
}

/// One page of events.
#[derive(JsonSchema)]
pub(super) struct Events {
    position: Position,
    /// Complete up to this commit: the next `after_seq`.
    through_seq: u64,
    /// Whether there are commits after it.
    more: bool,
    /// Those that this viewer may hear.
    events: Vec<Revealed>,
}

/// The shape of a history.
#[derive(JsonSchema)]
pub(super) struct History {
    position: Position,
    created_at: Time,
    /// Spread evenly, the first and the last among them.
    commits: Vec<CommitAt>,
}

/// One commit.
#[derive(JsonSchema)]
struct CommitAt {
    seq: u64,
    at: Time,
}

/// The actor was retired.
#[derive(JsonSchema)]
pub(super) struct Retired {
    /// Of its last commit.
    position: Position,
}

/// How the host is; 503 where it fails.
#[derive(JsonSchema)]
pub(super) struct Health {
    /// `ok` or `failing`.
    status: String,
    timestamp: Time,
    /// The app.
    service: String,
    version: String,
}

/// How the host is, in detail. What only the store knows is null while it cannot be read.
#[derive(JsonSchema)]
pub(super) struct HealthDetailed {
    /// `ok` or `failing`.
    status: String,
    timestamp: Time,
    /// The app.
    service: String,
    version: String,
    uptime_ms: u64,
    /// Whether it takes nothing new and ends soon.
    draining: bool,
    /// `ok` or `unavailable`.
    journal: String,
    /// Actors in memory.
    live: Option<u64>,
    /// Actors that are only in the journal.
    asleep: Option<u64>,
    /// Actors that are over.
    retired: Option<u64>,
    /// Commits of every actor.
    commits: Option<u64>,
    /// Messages that wait for actors in memory.
    waiting: Option<usize>,
    /// Actors whose history does not verify.
    quarantined: Option<Vec<String>>,
    /// Open connections, of HTTP and sockets.
    connections: usize,
    /// Of this process, where the system says it.
    memory_bytes: Option<u64>,
    /// Used since the process began, where the system says it.
    processor_ms: Option<u64>,
}

/// What the host holds.
#[derive(JsonSchema)]
pub(super) struct HostStats {
    uptime_ms: u64,
    /// Actors in memory.
    live: u64,
    /// Actors that are only in the journal.
    asleep: u64,
    /// Actors that are over.
    retired: u64,
    /// Commits of every actor.
    commits: u64,
    /// Sockets and event streams of those who are signed in.
    connections: usize,
}

/// Actors of one kind that are not retired, private ones included.
#[derive(JsonSchema)]
pub(super) struct KindStats {
    /// How many were counted.
    total: usize,
    /// Whether there are more than are counted.
    more: bool,
    /// How many have which status; those without a summary have none.
    by_status: BTreeMap<String, u64>,
    /// Members of all of them; somebody who is in two counts twice.
    members: usize,
    /// The first of them.
    rows: Vec<Row>,
}

/// The host takes requests.
#[derive(JsonSchema)]
pub(super) struct Ready {
    status: String,
}

/// How a task ended.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Reported {
    /// The task's own token, which its worker was given.
    token: String,
    outcome: Outcome,
}

/// The report was taken.
#[derive(JsonSchema)]
pub(super) struct Taken {
    /// Of the commit that the report made.
    position: Position,
}

/// What was parked runs again.
#[derive(JsonSchema)]
pub(super) struct Redriven {
    redriven: Vec<Unparked>,
}

/// A task or a wake.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Unparked {
    Task { task: String },
    Wake { wake: String, due: Time },
}
