//! The connections seam: who is connected, and who watches what over which connection.

use std::sync::Arc;

use async_trait::async_trait;
use dormouse_core::{Address, Name, Time, Viewer, frame::As, outbox::OutboxId};
use dormouse_engine::identity::Session;
use dormouse_journal::StoreError;
use serde::{Deserialize, Serialize};

/// A connection that the gateway holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// What the gateway calls it.
    pub connection: Arc<str>,
    /// Who is behind it.
    pub session: Session,
    /// Where its commands go unless it names another.
    pub outbox: OutboxId,
    /// When its row may be deleted though nobody closed it.
    pub expires: Time,
}

/// Somebody who watches an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watching {
    /// Which actor.
    pub address: Address,
    /// Over which connection.
    pub connection: Arc<str>,
    /// Which of the two.
    pub of: As,
    /// Who.
    pub viewer: Viewer,
    /// Since when, by the clock of the host that wrote it.
    pub since: Time,
    /// When the row may be deleted though nobody did.
    pub expires: Time,
}

/// Which commits of an actor were pushed: those after one commit up to another, with everything that they opened put into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Which life of the history.
    pub epoch: u32,
    /// The commit before the first of them.
    pub after: u64,
    /// The last of them.
    pub upto: u64,
    /// When it may be forgotten.
    pub expires: Time,
}

impl Pushed {
    /// What is known when this is learned beside what was known. Commits that meet are one mark; of two with a hole between them the newer stays.
    #[must_use]
    pub fn beside(self, known: Option<Self>, now: Time) -> Self {
        let Some(known) = known.filter(|known| now < known.expires && known.epoch >= self.epoch) else { return self };
        let expires = self.expires.max(known.expires);
        if known.epoch > self.epoch || known.after > self.upto {
            known
        } else if self.after > known.upto || self.epoch > known.epoch {
            self
        } else {
            Self { epoch: self.epoch, after: self.after.min(known.after), upto: self.upto.max(known.upto), expires }
        }
    }

    /// Whether this commit was pushed.
    pub fn covers(&self, epoch: u32, seq: u64) -> bool {
        epoch < self.epoch || epoch == self.epoch && (self.after + 1..=self.upto).contains(&seq)
    }
}

/// Who watches an actor, and what they were told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    /// Everybody, in the order of connection and which of the two.
    pub rows: Vec<Watching>,
    /// The mark, if there is one.
    pub pushed: Option<Pushed>,
}

/// Rows of connections, and rows keyed by actor, connection and which of the two is watched.
///
/// *Ordering*: [`of_actor`](Self::of_actor), [`connected`](Self::connected) and [`take_ticket`](Self::take_ticket) see every write that was answered
/// before they were asked. The others may lag behind by seconds. *Atomicity*: each call is one row. *Durability*: a row that is lost costs its
/// connection what comes after, until it asks where it stands; a mark that is lost costs that what was pushed is pushed again. Rows that have expired are not returned, whether deleted or not.
/// *Retries*: every call may be made again with the same arguments and does the same.
#[async_trait]
pub trait Connections: Send + Sync + 'static {
    /// Use a ticket up for this connection. Of all that race for one ticket exactly one connection gets it, and gets it again when it asks again.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn take_ticket(&self, ticket: &str, connection: &str, expires: Time) -> Result<bool, StoreError>;

    /// Write the row of a connection, over one that there may be.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn open(&self, connected: Connected) -> Result<(), StoreError>;

    /// The row of a connection.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn connected(&self, connection: &str, now: Time) -> Result<Option<Connected>, StoreError>;

    /// The connections of a principal.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn of_principal(&self, tenant: &Name, principal: &str, now: Time) -> Result<Vec<Arc<str>>, StoreError>;

    /// Delete the row of a connection. What it watches stays.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn close(&self, connection: &str) -> Result<(), StoreError>;

    /// Write a row of somebody who watches. Over one that there is already, its `since` stays.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn watch(&self, watching: Watching) -> Result<(), StoreError>;

    /// Delete a row of somebody who watches.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn unwatch(&self, address: &Address, connection: &str, of: As) -> Result<(), StoreError>;

    /// Everybody who watches this actor, and its mark.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn of_actor(&self, address: &Address, now: Time) -> Result<Watched, StoreError>;

    /// Remember that these commits of an actor were pushed, [beside](Pushed::beside) what is known. Of several at once none is lost.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn mark_pushed(&self, address: &Address, pushed: Pushed, now: Time) -> Result<(), StoreError>;

    /// Everything that is watched over this connection.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn of_connection(&self, connection: &str, now: Time) -> Result<Vec<Watching>, StoreError>;
}
