//! What reaches an owner: a closed enum, and the ways in which it answers.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_core::{
    Failure, Position, Sight, Stimulus, Task, TaskKey, Viewer,
    frame::{
        As,
        client::From,
        server::{Revealed, Said, ServerFrame},
    },
    record::{Opened, Parked},
};
use dormouse_journal::Entry;
use tokio::sync::oneshot;

use crate::{
    audience::Waits,
    outlet::{ConnectionId, Outgoing, Outlet},
};

/// Something for one actor's owner.
pub(crate) enum Message {
    /// Decide this.
    Input { stimulus: Stimulus, reply: Reply },
    /// Show the view.
    Look { viewer: Viewer, reply: oneshot::Sender<Result<Looked, Failure>> },
    /// Begin to watch.
    Watch(Watch),
    /// Cease to watch.
    Unwatch { connection: ConnectionId, of: As },
    /// What may this viewer hear of these commits?
    Reveal { viewer: Viewer, entries: Vec<Entry>, reply: oneshot::Sender<Result<Heard, Failure>> },
    /// Tell the other viewers.
    Signal { from: Viewer, connection: Option<ConnectionId>, signal: Box<serde_json::value::RawValue> },
    /// Tell the viewers of this sight what a task streams.
    Stream { key: TaskKey, hear: Sight, signal: Box<serde_json::value::RawValue> },
    /// What is there to do behind this key?
    Request { key: TaskKey, opened: u64, reply: oneshot::Sender<Result<(Task, Opened), Failure>> },
    /// What waits for an operator?
    Parked { reply: oneshot::Sender<Result<Vec<Parked>, Failure>> },
    /// What does it wait for, once it has done what is due?
    Waits { reply: oneshot::Sender<Result<Waits, Failure>> },
    /// Show those who watch what there is to see, whatever they hold.
    ShowAgain,
    /// Look at the agenda.
    Poke,
    /// Somebody else may have written.
    CatchUp,
    /// Tell those who watch who is present: whoever keeps the connections saw somebody come or go.
    Announce,
    /// Say when all that came before has left.
    Settle { reply: oneshot::Sender<()> },
    /// Somebody found that the history does not verify.
    Damaged,
}

impl Message {
    /// Whether a host that drains turns it away. A report is the end of something: the answer of a model may have cost money.
    pub(crate) fn is_new(&self) -> bool {
        match self {
            Self::Input { stimulus, .. } => !matches!(stimulus, Stimulus::Report { .. }),
            Self::Watch(_) => true,
            _ => false,
        }
    }
}

/// A request to watch.
pub(crate) struct Watch {
    pub(crate) viewer: Viewer,
    pub(crate) of: As,
    pub(crate) from: From,
    pub(crate) etag: Option<String>,
    /// Whether the journal holds the commit that `from` names.
    pub(crate) history: History,
    pub(crate) outlet: Arc<dyn Outlet>,
}

/// Whether a client's position lies in the journal's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum History {
    /// It does, or there is no position.
    Same,
    /// It does not: lost, restored, forked, or from the future.
    Other,
}

/// A view as somebody sees it.
#[derive(Debug, Clone)]
pub struct Looked {
    /// Where it stands; durable.
    pub position: Position,
    /// Its etag.
    pub etag: Arc<str>,
    /// Compact JSON.
    pub view: Bytes,
    /// Through whose eyes.
    pub sight: Sight,
}

/// What a viewer may hear of some commits.
pub(crate) struct Heard {
    pub(crate) events: Vec<Revealed>,
    pub(crate) retired: bool,
}

/// An accepted input.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The commit that it made, or that it had made before. For an input that wrote nothing, the actor's position.
    pub position: Position,
    /// The sender's view then, where the sender watches it or asked for it. Of what had been accepted before only if nothing came after it.
    pub etag: Option<Arc<str>>,
    /// Whether it had been accepted before.
    pub again: bool,
}

/// Where an input's answer goes.
pub(crate) enum Reply {
    /// To a connection, as a frame.
    Wire { outlet: Arc<dyn Outlet>, command_id: Arc<str> },
    /// To a caller; with the etag of its view if `with_etag`.
    Call { reply: oneshot::Sender<Result<Accepted, Failure>>, with_etag: bool },
    /// Nowhere.
    Nobody,
}

impl Reply {
    pub(crate) fn wants_etag(&self) -> bool {
        matches!(self, Self::Call { with_etag: true, .. })
    }

    /// The connection that asked.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        if let Self::Wire { outlet, .. } = self { Some(outlet.id()) } else { None }
    }

    /// Answer; `actor` is who answers, as `kind/id`.
    pub(crate) fn send(self, actor: &str, answer: Result<Accepted, Failure>) {
        match self {
            Self::Nobody => {}
            // A caller that went away before its answer has lost nothing: it asks again with the same id.
            Self::Call { reply, .. } => drop(reply.send(answer)),
            Self::Wire { outlet, command_id } => {
                outlet.push(Outgoing::Frame(answer_frame(actor, &command_id, &answer)));
            }
        }
    }
}

fn answer_frame(actor: &str, command_id: &str, answer: &Result<Accepted, Failure>) -> Bytes {
    let frame = match answer {
        Ok(Accepted { position, etag, again }) => {
            ServerFrame::Accepted { actor, command_id, position: *position, etag: etag.as_deref(), again: *again }
        }
        Err(failure) => ServerFrame::Rejected { actor, command_id, failure: Said::from(failure) },
    };
    frame.text().into()
}
