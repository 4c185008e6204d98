//! The queue seam: what is to be done later, by whichever environment gets it.

use async_trait::async_trait;
use dormouse_core::{Address, Time, record::Opened};
use dormouse_journal::StoreError;
use serde::{Deserialize, Serialize};

/// Something to do later. As JSON it is the body of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Deferred {
    /// Wake this actor, if its agenda says so by then.
    Wake {
        /// Which actor.
        actor: Address,
        /// The wake that it wanted next when this was put, by the actor's time: a later commit may want another, and puts it.
        due: Time,
    },
    /// Perform this task instance, if it is open by then.
    Task {
        /// Whose task.
        actor: Address,
        /// Which instance.
        opened: Opened,
        /// Which attempt this is, from 1.
        attempt: u32,
    },
    /// Do what a stream's record of this actor could not be made to do: its row of the index, what its viewers missed, its wake and its tasks.
    Repair {
        /// Which actor.
        actor: Address,
        /// The commit up to which nothing is missing, 0 if nobody knows.
        after: u64,
    },
}

/// Carries what is deferred to some environment.
///
/// *Ordering*: none. *Durability*: `Ok` says that it will be delivered, once or more often, unless the queue loses it: a sweep finds what was lost.
/// *Retries*: what is delivered and not done within the queue's visibility timeout is delivered again; after so many deliveries it is buried.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Deliver this, not before `at` by the queue's clock; a time that has passed means at once.
    ///
    /// # Errors
    /// [`StoreError`]: nobody knows whether it was taken.
    async fn put(&self, what: &Deferred, at: Time) -> Result<(), StoreError>;

    /// Lay this among the dead letters, with the reason: nobody does it before an operator says so.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn bury(&self, what: &Deferred, why: &str) -> Result<(), StoreError>;

    /// Put up to `limit` dead letters back into the queue; returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`]: some may be back, and may come twice.
    async fn redrive(&self, limit: usize) -> Result<usize, StoreError>;
}
