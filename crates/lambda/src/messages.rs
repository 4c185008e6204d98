//! The trigger of the queue: wakes and their keepers, attempts at tasks, repairs.
//!
//! Messages of one event are done at the same time. One that cannot be done now is delivered again; one that can never be done is buried with its
//! reason, so that it stops nobody else.

use std::{pin::pin, time::Duration};

use dormouse_core::{
    Address, Code, Failure, Position, Time,
    limits::{KEEPER_NEAR, KEEPER_STAYS, STREAM_FLUSH, TASKS_AT_ONCE},
    record::Opened,
};
use dormouse_engine::{audience::NextWake, task::Next};
use dormouse_journal::StoreError;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{event::Message, host::Host, queue::Deferred};

impl Host {
    /// The answer names those messages that are to be delivered again.
    pub(crate) async fn take_messages(&self, messages: &[Message]) -> Value {
        let taking = messages.iter().map(|message| async {
            let is_done = self.take_message(message).await;
            (!is_done).then(|| json!({ "itemIdentifier": message.message_id }))
        });
        let taking: Vec<_> = taking.collect();
        let again = stream::iter(taking).buffer_unordered(TASKS_AT_ONCE).filter_map(std::future::ready);
        json!({ "batchItemFailures": again.collect::<Vec<Value>>().await })
    }

    /// Whether the message is done with.
    async fn take_message(&self, message: &Message) -> bool {
        let Ok(what) = serde_json::from_str::<Deferred>(&message.body) else {
            // Nobody here can name it to the dead letters; the queue does.
            tracing::error!(id = message.message_id, "a message of the queue does not read");
            return false;
        };
        let done = match &what {
            Deferred::Wake { actor, due } => self.keep(actor, *due).await,
            Deferred::Task { actor, opened, attempt } => {
                // Of every delivery but this one nobody knows the end: the process may have died of the task.
                self.perform(actor, opened, attempt.saturating_add(message.count().saturating_sub(1))).await
            }
            Deferred::Repair { actor, after } => self.repair(actor, *after).await,
        };
        match done {
            Ok(()) => true,
            Err(failure) if may_pass(&failure) => {
                tracing::warn!(?what, %failure, "a message of the queue will be delivered again");
                false
            }
            Err(failure) => self.bury(&what, &failure.to_string()).await,
        }
    }

    /// Whether it is buried.
    pub(crate) async fn bury(&self, what: &Deferred, why: &str) -> bool {
        tracing::error!(?what, why, "a message of the queue is buried");
        self.queue.bury(what, why).await.inspect_err(|error| tracing::error!(%error, "it could not be buried")).is_ok()
    }

    /// Wake an actor. As long as its next wake is near, and is that of this message or of a commit made here, stay with it; another one has a message
    /// of its own.
    async fn keep(&self, actor: &Address, due: Time) -> Result<(), Failure> {
        if !self.crowd.keep(actor, due) {
            // It is kept here, from now on for this wake, too.
            return Ok(());
        }
        let stayed = self.stay(actor).await;
        let seen = stayed.as_ref().map_or(0, |(seen, _)| seen.seq);
        let owed = self.crowd.cease_to_keep(actor, seen);
        let left = owed.or(stayed.as_ref().ok().and_then(|(_, left)| *left));
        if let Some(wake) = left {
            self.put_wake(actor, wake).await.map_err(queue_unavailable)?;
        }
        stayed.map(drop)
    }

    /// Where the actor stood last, and the wake that is to be passed on, if it is for us to do that.
    async fn stay(&self, actor: &Address) -> Result<(Position, Option<NextWake>), Failure> {
        let until = self.now().after(KEEPER_STAYS);
        let mut seen = None;
        loop {
            let waits = self.api.engine.waits(actor).await?;
            self.finish().await;
            let Some(wake) = waits.wake.filter(|wake| self.crowd.keeps(actor, wake.due)) else {
                return Ok((waits.position, None));
            };
            let now = self.now();
            let left = wake.at.since(now);
            if left >= KEEPER_NEAR || now >= until {
                return Ok((waits.position, Some(wake)));
            }
            // Due and asked for, and it neither moved nor was parked.
            if left.is_zero() && seen.replace((waits.position, wake.due)) == Some((waits.position, wake.due)) {
                return Err(Failure::new(Code::Unavailable, "the actor is due and could not be woken"));
            }
            tokio::time::sleep(left).await;
        }
    }

    async fn perform(&self, actor: &Address, opened: &Opened, attempt: u32) -> Result<(), Failure> {
        let (attempt, after) = match self.while_sending(self.api.engine.attempt(actor, opened, attempt)).await {
            Next::Over => return Ok(()),
            Next::Again { attempt, after } => (attempt, after),
            Next::Unasked(failure) if may_pass(&failure) => {
                (attempt, Duration::from_millis(failure.retry_after.unwrap_or(1_000)))
            }
            Next::Unasked(failure) => return Err(failure),
        };
        let next = Deferred::Task { actor: actor.clone(), opened: opened.clone(), attempt };
        self.queue.put(&next, self.now().after(after)).await.map_err(queue_unavailable)
    }

    /// Until this is done, send what waits now and then: viewers hear what a task streams while it runs.
    async fn while_sending<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(STREAM_FLUSH) => self.finish().await,
            }
        }
    }
}

/// Whether the same may go well later, without anybody doing anything about it.
pub(crate) fn may_pass(failure: &Failure) -> bool {
    failure.code.is_retryable() || failure.retry_after.is_some()
}

pub(crate) fn queue_unavailable(error: StoreError) -> Failure {
    tracing::warn!(error = &error as &dyn std::error::Error, "the queue is not available");
    Failure::from(Code::Unavailable).retry_after(1_000)
}
