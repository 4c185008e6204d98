//! Work outside the rules: leased from the index, performed by workers, reported back as inputs.
//!
//! At least once: after a crash the lease ends and somebody performs the task again. The report of an instance that is no longer open
//! has no effect.

mod attempt;
mod dispatch;
mod send;
mod token;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use dormouse_core::{Address, Sight, Task, TaskKey, Time, record::Opened};
use serde_json::{Value, value::RawValue};

pub use attempt::Next;
pub(crate) use attempt::Try;
pub(crate) use dispatch::run;
pub(crate) use token::verify as verify_report;

use crate::{engine::Engine, owner::Message};

/// Performs tasks of one kind.
///
/// *Retries*: an `Err` is tried again with backoff until the task's attempts are used up; then the actor hears `Failed`. A worker is
/// dropped at the deadline. It must bear being called twice for one task; [`Job::idempotency_key`] names the instance.
#[async_trait]
pub trait Worker: Send + Sync + 'static {
    /// Which kind of task.
    fn kind(&self) -> &'static str;
    /// Perform one attempt.
    async fn perform(&self, job: Job) -> Result<Value, Failed>;
}

/// An attempt that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// In words, for logs and for the rules.
    pub reason: String,
    /// Whether trying again could help.
    pub retry: bool,
    /// Wait at least this long before the next attempt.
    pub after: Option<Duration>,
    /// Somebody else will report, with the job's token.
    pub(crate) elsewhere: bool,
}

impl Failed {
    /// Trying again may help.
    pub fn again(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: true, after: None, elsewhere: false }
    }

    /// Not failed at all: somebody outside works on it and reports with [`Job::report_token`]. If no report comes within this time,
    /// the next attempt is made.
    pub fn reported_elsewhere(within: Duration) -> Self {
        let reason = "no report came in time".to_owned();
        Self { reason, retry: true, after: Some(within), elsewhere: true }
    }

    /// Trying again will not help.
    pub fn for_good(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), retry: false, after: None, elsewhere: false }
    }
}

/// One attempt at a task.
pub struct Job {
    /// Whose task.
    pub address: Address,
    /// Which instance.
    pub opened: Opened,
    /// What to do.
    pub task: Task,
    /// Which attempt, from 1.
    pub attempt: u32,
    pub(crate) engine: Engine,
}

impl Job {
    /// The same for every attempt at this instance, and for no other.
    pub fn idempotency_key(&self) -> String {
        format!("{}/{}@{}", self.address, self.opened.key, self.opened.seq)
    }

    /// With this token anybody may report the task's outcome, once, to `POST /v1/reports`, until `within` has passed.
    ///
    /// # Errors
    /// If the token cannot be signed; trying again may help.
    pub fn report_token(&self, within: Duration) -> Result<String, Failed> {
        let expires = self.engine.shared.world.now().after(within);
        let instance =
            token::Instance { actor: self.address.clone(), key: self.opened.key.clone(), opened: self.opened.seq };
        token::sign(&self.engine.shared.report_key, &instance, expires)
            .ok_or_else(|| Failed::again("the token cannot be signed"))
    }

    /// Let the viewers that may hear this task hear a piece of its stream. Lost if the actor is busy.
    pub fn stream(&self, signal: Box<RawValue>) {
        if self.task.hear != Sight::Nothing {
            let (key, hear) = (self.opened.key.clone(), self.task.hear.clone());
            let _ = self.engine.post(&self.address, Message::Stream { key, hear, signal });
        }
    }
}

/// The workers of one host, by kind.
pub(crate) struct Workers(BTreeMap<&'static str, Arc<dyn Worker>>);

impl Workers {
    pub(crate) fn new(workers: Vec<Arc<dyn Worker>>) -> Self {
        let built_in: Arc<dyn Worker> = Arc::new(send::Send);
        Self(workers.into_iter().chain([built_in]).map(|worker| (worker.kind(), worker)).collect())
    }

    /// What this host can perform.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    pub(crate) fn of(&self, kind: &str) -> Option<&Arc<dyn Worker>> {
        self.0.get(kind)
    }
}

/// How long to wait before attempt `next`: 1, 2, 4 … seconds, at most the limit.
pub(crate) fn backoff(next: u32) -> Duration {
    let doubled = 1u64 << next.saturating_sub(2).min(32);
    Duration::from_secs(doubled).min(dormouse_core::limits::TASK_BACKOFF_MAX)
}

/// The lease of an attempt ends this long after `now`.
pub(crate) fn lease_until(now: Time, deadline: Duration) -> Time {
    now.after(deadline + dormouse_core::limits::TASK_LEASE_GRACE)
}

/// Names a task instance in logs.
pub(crate) fn label(address: &Address, key: &TaskKey, opened: u64) -> String {
    format!("{address}/{key}@{opened}")
}
