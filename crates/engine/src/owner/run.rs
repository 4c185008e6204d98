//! A run in the making: commits that were decided on the expected state, and every answer that waits for them.

use std::sync::Arc;

use dormouse_core::{
    Address, Failure, Position, Stimulus, Viewer,
    limits::{RUN_BYTES_MAX, RUN_COMMITS_MAX},
    machine::Sealed,
    position::Head,
};
use dormouse_journal::{IndexChange, Run};
use tokio::sync::oneshot;

use super::{
    message::{Looked, Reply},
    watch::Publish,
};

/// Something that was worked out on the expected state and leaves when that is durable, or is worked out again.
pub(crate) enum Item {
    /// An input, and what it will be told.
    Input { stimulus: Stimulus, reply: Reply, tries: u32, verdict: Verdict },
    /// A look, and what it will see.
    Look { viewer: Viewer, reply: oneshot::Sender<Result<Looked, Failure>>, looked: Result<Looked, Failure> },
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
}

impl NextRun {
    pub(crate) fn push(&mut self, sealed: Sealed) {
        self.bytes += sealed.record.len();
        self.records.push(sealed.record.into());
        self.index.merge(sealed.changes, sealed.summary);
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
        self.records.len() >= RUN_COMMITS_MAX || self.bytes + dormouse_core::limits::RECORD_BYTES_MAX > RUN_BYTES_MAX
    }

    /// Commits of this run, for folding again after a spoiled draft.
    pub(crate) fn records(&self) -> &[Arc<[u8]>] {
        &self.records
    }

    /// Split into what the journal takes and what waits for it.
    pub(crate) fn seal(self, address: Address, expected: Head) -> (Run, Vec<Item>) {
        let head = self.head.expect("a run is sealed when it has commits");
        let run = Run { address, records: self.records, expected, head, time: self.time, index: self.index };
        (run, self.items)
    }
}

/// The run that the journal is appending.
pub(crate) struct InFlight {
    pub(crate) run: Run,
    pub(crate) items: Vec<Item>,
    /// What each sight is shown when it is committed.
    pub(crate) publishes: Vec<Publish>,
    /// The state after it, if a snapshot is due.
    pub(crate) snapshot: Option<Vec<u8>>,
    pub(crate) since: tokio::time::Instant,
}
