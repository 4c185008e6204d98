//! A run in the making: commits that were decided on the expected state, and every answer that waits for them.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_core::{
    Address, Failure, Position, Sight, Stimulus, Task, TaskKey, Viewer,
    limits::{RECORD_BYTES_MAX, RUN_BYTES_MAX, RUN_COMMITS_MAX},
    machine::Sealed,
    position::Head,
    record::{Opened, Parked},
};
use dormouse_journal::{Entry, IndexChange, Run};
use tokio::{sync::oneshot, time::Instant};

use super::{
    message::{Heard, Looked, Message, Reply, Watch},
    watch::{Publish, Seat},
};
use crate::{audience::Waits, outlet::ConnectionId};

/// Something that was worked out on the expected state and leaves when that is durable, or is worked out again.
pub(crate) enum Item {
    /// An input, and what it will be told.
    Input { stimulus: Stimulus, reply: Reply, tries: u32, verdict: Verdict },
    /// A look, and what it will see.
    Look { viewer: Viewer, reply: oneshot::Sender<Result<Looked, Failure>>, looked: Result<Looked, Failure> },
    /// Somebody who begins to watch, and what of.
    Watch { watch: Watch, sight: Result<Sight, Failure> },
    /// Somebody who ceases to, in the order of things.
    Unwatch { connection: ConnectionId, of: dormouse_core::frame::As },
    /// Commits, and what will be heard of them.
    Reveal {
        viewer: Viewer,
        entries: Vec<Entry>,
        reply: oneshot::Sender<Result<Heard, Failure>>,
        heard: Result<Heard, Failure>,
    },
    /// A task, and what there is to do.
    Request {
        key: TaskKey,
        opened: u64,
        reply: oneshot::Sender<Result<(Task, Opened), Failure>>,
        asked: Result<(Task, Opened), Failure>,
    },
    /// What waits for an operator.
    Parked { reply: oneshot::Sender<Result<Vec<Parked>, Failure>>, parked: Vec<Parked> },
    /// What it waits for.
    Waits { reply: oneshot::Sender<Result<Waits, Failure>>, waits: Box<Waits> },
    /// Not worked out yet: the state was spoiled, or the run had no room.
    Stranded { message: Message, tries: u32 },
}

impl Item {
    /// Whether an input was refused.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Input { verdict: Verdict::Refused(_), .. })
    }

    /// What was asked, and how often an answer was worked out in vain.
    pub(crate) fn question(self) -> (Message, u32) {
        match self {
            Self::Input { stimulus, reply, tries, .. } => (Message::Input { stimulus: stimulus.asked(), reply }, tries),
            Self::Look { viewer, reply, .. } => (Message::Look { viewer, reply }, 0),
            Self::Watch { watch, .. } => (Message::Watch(watch), 0),
            Self::Unwatch { connection, of } => (Message::Unwatch { connection, of }, 0),
            Self::Reveal { viewer, entries, reply, .. } => (Message::Reveal { viewer, entries, reply }, 0),
            Self::Request { key, opened, reply, .. } => (Message::Request { key, opened, reply }, 0),
            Self::Parked { reply, .. } => (Message::Parked { reply }, 0),
            Self::Waits { reply, .. } => (Message::Waits { reply }, 0),
            Self::Stranded { message: Message::Input { stimulus, reply }, tries } => {
                (Message::Input { stimulus: stimulus.asked(), reply }, tries)
            }
            Self::Stranded { message, tries } => (message, tries),
        }
    }
}

/// What an input will be told.
#[derive(Debug)]
pub(crate) enum Verdict {
    Accepted { position: Position, etag: Option<Arc<str>>, again: bool },
    Refused(Failure),
}

/// The run that will be appended next.
#[derive(Default)]
pub(crate) struct NextRun {
    records: Vec<Arc<[u8]>>,
    bytes: usize,
    index: IndexChange,
    pub(crate) items: Vec<Item>,
    head: Option<Head>,
    time: dormouse_core::Time,
    /// When the first input was decided.
    begun: Option<Instant>,
}

impl NextRun {
    pub(crate) fn push(&mut self, sealed: Sealed) {
        self.begun.get_or_insert_with(Instant::now);
        self.bytes += sealed.record.len();
        self.records.push(sealed.record.into());
        self.index.merge(sealed.changes, sealed.summary, sealed.present);
        self.head = Some(sealed.head);
        self.time = sealed.time;
    }

    /// The actor's last commit is in this run.
    pub(crate) fn retire(&mut self) {
        self.index.retired = true;
    }

    /// Whether there is something to append.
    pub(crate) fn has_commits(&self) -> bool {
        !self.records.is_empty()
    }

    /// Whether one more commit might not fit.
    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= RUN_COMMITS_MAX || self.bytes + RECORD_BYTES_MAX > RUN_BYTES_MAX
    }

    /// Commits of this run, for folding again after a spoiled draft.
    pub(crate) fn records(&self) -> &[Arc<[u8]>] {
        &self.records
    }

    /// Split into what the journal takes and what waits for it.
    pub(crate) fn seal(self, address: Address, expected: Head) -> (Run, Vec<Item>, Instant) {
        let (head, begun) = self.head.zip(self.begun).expect("a run is sealed when it has commits");
        let run = Run { address, records: self.records, expected, head, time: self.time, index: self.index };
        (run, self.items, begun)
    }
}

/// The run that the journal is appending.
pub(crate) struct InFlight {
    pub(crate) run: Run,
    pub(crate) items: Vec<Item>,
    /// Whose sight is another when it is committed.
    pub(crate) sights: BTreeMap<Seat, Sight>,
    /// What each sight is shown then.
    pub(crate) publishes: Vec<Publish>,
    /// The state after it, if a snapshot is due.
    pub(crate) snapshot: Option<Vec<u8>>,
    /// Since when its first input has waited for an answer.
    pub(crate) begun: Instant,
    pub(crate) since: Instant,
}
