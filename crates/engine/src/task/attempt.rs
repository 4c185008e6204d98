//! One attempt at a task instance, on any host. Where the instance waits for it, and for the next one, is the host's affair.

use std::{panic::AssertUnwindSafe, time::Duration};

use dormouse_core::{
    Address, Code, Failure, Outcome, Stimulus, Task, limits,
    planted::{Bug, planted},
    record::Opened,
};
use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{Failed, Job, backoff, label};
use crate::{engine::Engine, metrics, owner::Message};

/// An attempt.
pub(crate) struct Try {
    /// Whose task.
    pub(crate) address: Address,
    /// Which instance.
    pub(crate) opened: Opened,
    /// Which attempt, from 1.
    pub(crate) attempt: u32,
}

/// What is left to do of a task instance after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the actor has heard of it, or it does not wait for it any more.
    Over,
    /// Another attempt.
    Again {
        /// Which one.
        attempt: u32,
        /// How long to wait before it.
        after: Duration,
    },
    /// The same attempt: the actor could not be asked what there is to do.
    Unasked(Failure),
}

impl Try {
    /// What there is to do, if there is anything left to do and an attempt left to do it.
    pub(crate) async fn ask(&self, engine: &Engine) -> Result<Task, Next> {
        match self.request(engine).await {
            Ok(task) if self.attempt > attempts(&task) => {
                // The attempts before ended with their host, or were to be reported from elsewhere.
                metrics::task(&task.kind, "failed");
                let reason = "every attempt ended without a report".to_owned();
                Err(self.report(engine, Outcome::Failed { reason }).await)
            }
            Ok(task) => Ok(task),
            Err(failure) if failure.code == Code::Stale => Err(Next::Over),
            Err(failure) => {
                tracing::warn!(task = self.label(), %failure, "a task cannot be asked for");
                Err(Next::Unasked(failure))
            }
        }
    }

    /// Do it, and tell the actor what came of it.
    pub(crate) async fn make(&self, engine: &Engine, task: Task) -> Next {
        let (kind, attempts) = (task.kind.clone(), attempts(&task));
        match self.perform(engine, task).await {
            Ok(value) => {
                metrics::task(&kind, "done");
                self.report(engine, Outcome::Done { value }).await
            }
            Err(Failed { elsewhere: true, after, .. }) => {
                metrics::task(&kind, "elsewhere");
                self.again(after.unwrap_or_default())
            }
            Err(failed) if failed.retry && self.attempt < attempts => {
                metrics::task(&kind, "again");
                let (task, attempt, reason) = (self.label(), self.attempt, failed.reason);
                tracing::info!(task, attempt, reason, "a task will be tried again");
                self.again(backoff(self.attempt + 1).max(failed.after.unwrap_or_default()))
            }
            Err(failed) => {
                metrics::task(&kind, "failed");
                self.report(engine, Outcome::Failed { reason: failed.reason }).await
            }
        }
    }

    fn again(&self, after: Duration) -> Next {
        Next::Again { attempt: self.attempt + 1, after }
    }

    fn label(&self) -> String {
        label(&self.address, &self.opened.key, self.opened.seq)
    }

    async fn request(&self, engine: &Engine) -> Result<Task, Failure> {
        let (reply, answer) = oneshot::channel();
        let (key, opened) = (self.opened.key.clone(), self.opened.seq);
        engine.post(&self.address, Message::Request { key, opened, reply })?;
        let (task, _) = answer.await.map_err(|_| Failure::from(Code::Unavailable))??;
        Ok(task)
    }

    async fn perform(&self, engine: &Engine, task: Task) -> Result<Value, Failed> {
        let Some(worker) = engine.shared.workers.of(&task.kind).cloned() else {
            // It came here by the kind that the agenda lists, for which there is one.
            return Err(Failed::for_good(format!(
                "the agenda lists {} and the task is {}",
                self.opened.kind, task.kind
            )));
        };
        let deadline = task.deadline;
        let job = Job {
            address: self.address.clone(),
            opened: self.opened.clone(),
            task,
            attempt: self.attempt,
            engine: engine.clone(),
        };
        let attempt = AssertUnwindSafe(worker.perform(job)).catch_unwind();
        match tokio::time::timeout(deadline, attempt).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Failed::again("the worker panicked")),
            Err(_) => Err(Failed::again("the deadline passed")),
        }
    }

    /// Report until the actor has taken it or it is stale: the answer of a model may have cost money.
    async fn report(&self, engine: &Engine, outcome: Outcome) -> Next {
        for next in 2.. {
            let (key, opened) = (self.opened.key.clone(), self.opened.seq);
            let stimulus = Stimulus::Report { key, opened, outcome: outcome.clone() };
            match engine.call(&self.address, stimulus, false).await {
                Ok(_) => return Next::Over,
                Err(failure)
                    if failure.code.is_retryable() && next <= limits::TASK_ATTEMPTS && !engine.is_draining() =>
                {
                    tokio::time::sleep(backoff(next)).await;
                }
                Err(failure) if failure.code == Code::Stale => {
                    metrics::task(&self.opened.kind, "stale");
                    return Next::Over;
                }
                Err(failure) => {
                    tracing::warn!(
                        task = self.label(),
                        %failure,
                        "a report was not taken; the task will be performed again"
                    );
                    break;
                }
            }
        }
        self.again(backoff(self.attempt + 1))
    }
}

fn attempts(task: &Task) -> u32 {
    if planted(Bug::EndlessAttempts) { u32::MAX } else { task.attempts }
}
