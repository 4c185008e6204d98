//! The worker of the tests: it does what the script tells it to do next.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use dormouse_engine::task::{Failed, Job, Worker};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::log::Log;

/// What one attempt does.
pub enum Act {
    Answer(Value),
    Fail(String),
    GiveUp(String),
    Hang,
    Panic,
    /// Stream this, then answer.
    Stream(Value),
    /// When the other end of this is dropped, stream this, if it is anything, and answer.
    Wait(oneshot::Receiver<()>, Value),
}

/// Performs tasks of the kind `model`. Clones are handles of one worker.
#[derive(Clone)]
pub struct Hand(Arc<Inner>);

struct Inner {
    log: Log,
    acts: Mutex<VecDeque<Act>>,
}

impl Hand {
    pub fn new(log: &Log) -> Self {
        Self(Arc::new(Inner { log: log.clone(), acts: Mutex::default() }))
    }

    /// What the next attempt does that has not been told yet. Without being told it answers "ok".
    pub fn next(&self, act: Act) {
        self.acts().push_back(act);
    }

    fn acts(&self) -> MutexGuard<'_, VecDeque<Act>> {
        self.0.acts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Worker for Hand {
    fn kind(&self) -> &'static str {
        "model"
    }

    async fn perform(&self, job: Job) -> Result<Value, Failed> {
        let request = if job.task.request.is_null() { String::new() } else { format!(": {}", job.task.request) };
        self.0.log.say(format!("worker: attempt {} at {}{request}", job.attempt, job.idempotency_key()));
        let act = self.acts().pop_front().unwrap_or(Act::Answer(json!("ok")));
        match act {
            Act::Answer(value) => Ok(value),
            Act::Fail(reason) => Err(Failed::again(reason)),
            Act::GiveUp(reason) => Err(Failed::for_good(reason)),
            Act::Hang => pending().await,
            Act::Panic => panic!("the worker panics"),
            Act::Stream(piece) => {
                job.stream(serde_json::from_value(piece).unwrap());
                Ok(json!("streamed"))
            }
            Act::Wait(until, piece) => {
                let _ = until.await;
                if !piece.is_null() {
                    job.stream(serde_json::from_value(piece).unwrap());
                }
                Ok(json!("late"))
            }
        }
    }
}
