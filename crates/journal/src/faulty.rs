//! A journal that fails on request: how tests of the engine see conflicts, unknown outcomes and full disks.
//!
//! Faults are scripted in order, one for each of the next appends; an append without one goes through. Everything but `append` is passed on.
//! Absent: chance. A simulation draws faults from its seed and scripts them here.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use dormouse_core::{Address, position::Head};
use tokio::sync::{Notify, oneshot};

use crate::journal::{AppendError, Entry, Journal, ReadError, Run, StoreError, StoredSnapshot};

/// What somebody else does right before an append.
pub type Hook = Box<dyn FnOnce(&Run) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// How one append goes wrong.
pub enum Fault {
    /// The hook runs first. If it appends to the same actor, the append conflicts.
    Before(Hook),
    /// The run is written, and the caller is told that the outcome is unknown.
    UnknownWritten,
    /// The run is not written, and the caller is told that the outcome is unknown.
    UnknownLost,
    /// As lost, but the run arrives after all: right before the next append to that actor.
    UnknownLate,
    /// Nothing is written; it may work later.
    Unavailable,
    /// Nothing is written, and every later call fails too.
    Fatal,
}

impl Fault {
    /// Somebody else does this right before the append.
    pub fn before<F>(hook: impl FnOnce(&Run) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::Before(Box::new(|run| Box::pin(hook(run))))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before(_) => "Before",
            Self::UnknownWritten => "UnknownWritten",
            Self::UnknownLost => "UnknownLost",
            Self::UnknownLate => "UnknownLate",
            Self::Unavailable => "Unavailable",
            Self::Fatal => "Fatal",
        })
    }
}

/// How the appends ended so far, as their callers were told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Appends that were called.
    pub appends: u64,
    /// Ended with `Ok`.
    pub committed: u64,
    /// Commits in those.
    pub commits: u64,
    /// Ended in conflict.
    pub conflicts: u64,
    /// Ended as unknown.
    pub unknown: u64,
    /// Ended with an error of the store.
    pub failed: u64,
}

/// The failure that a script asked for.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the test asked for this failure")]
pub struct Scripted;

/// Wraps a journal. Clones are handles of one wrapper.
#[derive(Debug)]
pub struct FaultyJournal<J>(Arc<Inner<J>>);

impl<J> Clone for FaultyJournal<J> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

#[derive(Debug)]
struct Inner<J> {
    journal: J,
    script: Mutex<Script>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Script {
    faults: VecDeque<Fault>,
    gates: VecDeque<oneshot::Receiver<()>>,
    late: Vec<Run>,
    waiting: usize,
    fatal: bool,
    tally: Tally,
}

/// Holds one append back until it is released or dropped.
#[derive(Debug)]
pub struct Gate(#[expect(dead_code, reason = "dropping it is the release")] oneshot::Sender<()>);

impl Gate {
    /// Let the append go on.
    pub fn release(self) {}
}

impl<J> FaultyJournal<J> {
    /// A journal that works until told otherwise.
    pub fn new(journal: J) -> Self {
        Self(Arc::new(Inner { journal, script: Mutex::default(), arrived: Notify::new() }))
    }

    /// The journal inside, where nothing fails.
    pub fn inner(&self) -> &J {
        &self.0.journal
    }

    /// Let an append go wrong: the next one, or the one after those that already have a fault.
    pub fn fail(&self, fault: Fault) {
        self.script().faults.push_back(fault);
    }

    /// Hold an append before it does anything: the next one, or the one after those that already have a gate.
    pub fn hold(&self) -> Gate {
        let (gate, held) = oneshot::channel();
        self.script().gates.push_back(held);
        Gate(gate)
    }

    /// Wait until `count` appends stand before their gates.
    pub async fn held(&self, count: usize) {
        loop {
            let arrived = self.0.arrived.notified();
            tokio::pin!(arrived);
            // Listen before looking, so that an arrival in between is not missed.
            arrived.as_mut().enable();
            if self.script().waiting >= count {
                return;
            }
            arrived.await;
        }
    }

    /// How the appends ended so far.
    pub fn tally(&self) -> Tally {
        self.script().tally
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.script().fatal { Err(StoreError::Fatal(Box::new(Scripted))) } else { Ok(()) }
    }

    async fn pass_gate(&self) {
        let Some(gate) = self.script().gates.pop_front() else { return };
        self.script().waiting += 1;
        self.0.arrived.notify_waiters();
        // The gate only ever closes.
        let _ = gate.await;
        self.script().waiting -= 1;
    }

    fn take_late(&self, address: &Address) -> Vec<Run> {
        self.script().late.extract_if(.., |run| &run.address == address).collect()
    }
}

impl<J: Journal> FaultyJournal<J> {
    async fn try_append(&self, run: Run) -> Result<(), AppendError> {
        self.check()?;
        let fault = self.script().faults.pop_front();
        for late in self.take_late(&run.address) {
            // Its place may be taken by now: that is what late means.
            let _ = self.inner().append(late).await;
        }
        let unknown = Err(AppendError::Unknown(Box::new(Scripted)));
        match fault {
            None => self.inner().append(run).await,
            Some(Fault::Before(hook)) => {
                hook(&run).await;
                self.inner().append(run).await
            }
            Some(Fault::UnknownWritten) => self.inner().append(run).await.and(unknown),
            Some(Fault::UnknownLost) => unknown,
            Some(Fault::UnknownLate) => {
                self.script().late.push(run);
                unknown
            }
            Some(Fault::Unavailable) => Err(StoreError::Unavailable(Box::new(Scripted)).into()),
            Some(Fault::Fatal) => {
                self.script().fatal = true;
                Ok(self.check()?)
            }
        }
    }
}

impl Tally {
    fn count(&mut self, commits: u64, outcome: &Result<(), AppendError>) {
        let counter = match outcome {
            Ok(()) => {
                self.commits += commits;
                &mut self.committed
            }
            Err(AppendError::Conflict(_)) => &mut self.conflicts,
            Err(AppendError::Unknown(_)) => &mut self.unknown,
            Err(AppendError::Store(_)) => &mut self.failed,
        };
        *counter += 1;
    }
}

#[async_trait]
impl<J: Journal> Journal for FaultyJournal<J> {
    async fn append(&self, run: Run) -> Result<(), AppendError> {
        self.script().tally.appends += 1;
        self.pass_gate().await;
        let commits = run.records.len() as u64;
        let outcome = self.try_append(run).await;
        self.script().tally.count(commits, &outcome);
        outcome
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        self.check()?;
        self.inner().head(address).await
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.check()?;
        self.inner().read(address, after_seq, limit).await
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        self.check()?;
        self.inner().snapshot(address).await
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        self.check()?;
        self.inner().put_snapshot(address, snapshot).await
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        self.check()?;
        self.inner().fence(address, epoch).await
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        self.check()?;
        self.inner().delete(address).await
    }
}

#[cfg(feature = "conformance")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryStore, conformance::sample::Writer};

    fn faulty() -> (FaultyJournal<MemoryStore>, Writer) {
        (FaultyJournal::new(MemoryStore::new()), Writer::new("main/todo/a"))
    }

    async fn seq(journal: &impl Journal, writer: &Writer) -> u64 {
        journal.head(&writer.address).await.unwrap().map_or(0, |head| head.seq)
    }

    #[tokio::test]
    async fn it_passes_the_suite_until_told_otherwise() {
        crate::conformance::journal_suite(async || FaultyJournal::new(MemoryStore::new())).await;
    }

    #[tokio::test]
    async fn unknown_outcomes_end_with_the_same_run_again() {
        for (fault, written) in [(Fault::UnknownWritten, 1), (Fault::UnknownLost, 0), (Fault::UnknownLate, 0)] {
            let (journal, mut writer) = faulty();
            let (run, rival) = (writer.clone().run(1), writer.clone().run(1));
            journal.fail(fault);
            assert!(matches!(journal.append(run.clone()).await, Err(AppendError::Unknown(_))));
            assert_eq!(seq(&journal, &writer).await, written);
            journal.append(run.clone()).await.unwrap();
            assert!(matches!(journal.append(rival).await, Err(AppendError::Conflict(head)) if head == run.head));
            writer.head = run.head;
            writer.append(&journal, 1).await;
            assert_eq!(
                journal.tally(),
                Tally { appends: 4, committed: 2, commits: 2, conflicts: 1, unknown: 1, failed: 0 }
            );
        }
    }

    #[tokio::test]
    async fn a_late_run_may_beat_a_rival() {
        let (journal, writer) = faulty();
        let (late, rival) = (writer.clone().run(1), writer.clone().run(2));
        journal.fail(Fault::UnknownLate);
        assert!(journal.append(late.clone()).await.is_err());
        assert!(matches!(journal.append(rival).await, Err(AppendError::Conflict(head)) if head == late.head));
    }

    #[tokio::test]
    async fn somebody_else_may_come_first() {
        let (journal, mut writer) = faulty();
        writer.append(&journal, 1).await;
        let (store, mut rival) = (journal.inner().clone(), writer.clone());
        journal.fail(Fault::before(move |_| async move {
            rival.append(&store, 3).await;
        }));
        let outcome = journal.append(writer.run(1)).await;
        assert!(matches!(outcome, Err(AppendError::Conflict(head)) if head.seq == 4), "{outcome:?}");
    }

    #[tokio::test]
    async fn failures_write_nothing_and_fatal_stays() {
        let (journal, mut writer) = faulty();
        journal.fail(Fault::Unavailable);
        journal.fail(Fault::Fatal);
        let run = writer.run(1);
        let unavailable = journal.append(run.clone()).await;
        assert!(matches!(unavailable, Err(AppendError::Store(StoreError::Unavailable(_)))));
        for _ in 0..2 {
            let fatal = journal.append(run.clone()).await;
            assert!(matches!(fatal, Err(AppendError::Store(StoreError::Fatal(_)))));
        }
        assert!(journal.head(&writer.address).await.is_err());
        assert_eq!(seq(journal.inner(), &writer).await, 0);
    }

    #[tokio::test]
    async fn a_held_append_has_written_nothing() {
        let (journal, mut writer) = faulty();
        let gate = journal.hold();
        let (held, run) = (journal.clone(), writer.run(1));
        let append = tokio::spawn(async move { held.append(run).await });
        journal.held(1).await;
        assert_eq!(seq(&journal, &writer).await, 0);
        gate.release();
        append.await.unwrap().unwrap();
        assert_eq!(seq(&journal, &writer).await, 1);
    }
}
