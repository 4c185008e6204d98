//! The follower seam: what makes the stream of a table of runs part of the index.

use std::collections::BTreeMap;

use async_trait::async_trait;
use dormouse_core::Address;
use dormouse_journal::{ReadError, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a record of the stream tells: commits of an actor, or none at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whose.
    pub actor: Address,
    /// In which life of its history.
    pub epoch: u32,
    /// The commit before the first of them.
    pub after: u64,
    /// The last of them.
    pub upto: u64,
    /// Whether they set a wake or open tasks.
    pub asks: bool,
}

/// A record that does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a record of the stream does not read: {why}")]
pub struct Unread {
    /// Whose it is, and the commit before the first of its commits, if that reads.
    pub of: Option<(Address, u64)>,
    /// What is wrong.
    pub why: String,
}

/// Makes new images of records part of the index, for stores whose index follows their journal.
///
/// *Ordering*: none; newer wins. *Atomicity*: of one actor's row. *Durability*: as the store's. *Retries*: every call may be made again with the same
/// arguments, at once or later, and does the same.
#[async_trait]
pub trait Follower: Send + Sync + 'static {
    /// What this image tells. Images are JSON as Lambda has it: each attribute an object of its type and value.
    ///
    /// # Errors
    /// [`Unread`]
    fn read(&self, image: &Value) -> Result<Told, Unread>;

    /// Bring rows up to these images, all of which read. Returns the actors of which that was not possible, and why: of one that is damaged no retry
    /// helps.
    ///
    /// # Errors
    /// [`StoreError`]: nobody knows of which.
    async fn absorb(&self, images: &[&Value]) -> Result<BTreeMap<Address, ReadError>, StoreError>;

    /// Bring an actor's row up to the journal.
    ///
    /// # Errors
    /// [`ReadError`]
    async fn catch_up(&self, actor: &Address) -> Result<(), ReadError>;
}
