//! Who watches, on a host whose connections are held by somebody else: a gateway, and rows in a store.

use std::sync::Arc;

use async_trait::async_trait;
use dormouse_core::{Address, Position, Time, Viewer, frame::As, record::Opened};
use dormouse_journal::StoreError;

use crate::outlet::{ConnectionId, Outlet};

/// Says who watches an actor.
///
/// *Ordering*: the answer holds everybody whose row was written before the question. Whoever subscribes writes its row first and looks at the
/// actor then, and an owner asks after its commit is durable: so each commit is in the first view of a newcomer, or finds its row.
/// *Failures*: an owner that gets no answer tells those whom it knows, and the commit stands.
#[async_trait]
pub trait Audience: Send + Sync + 'static {
    /// Everybody who watches this actor now.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn of(&self, address: &Address) -> Result<Vec<Onlooker>, StoreError>;

    /// An actor moved. Never blocks.
    fn moved(&self, moved: Moved);
}

/// Commits that are durable, and what they ask of the host: nothing here does it by itself.
#[derive(Debug, Clone)]
pub struct Moved {
    /// Whose commits.
    pub address: Address,
    /// Where the actor stood before them.
    pub after: Position,
    /// Where it stands now.
    pub now: Position,
    /// When it wants to be woken next, if these commits changed that.
    pub wake: Option<Option<NextWake>>,
    /// The task instances that they opened.
    pub opened: Vec<Opened>,
}

/// When an actor wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextWake {
    /// As the actor counts time. What its agenda says, so the same in every process.
    pub due: Time,
    /// What the wall clock shows then.
    pub at: Time,
}

/// What an actor waits for.
#[derive(Debug, Clone)]
pub struct Waits {
    /// Where it stands; durable.
    pub position: Position,
    /// When it wants to be woken next.
    pub wake: Option<NextWake>,
    /// Its open tasks.
    pub open: Vec<Opened>,
    /// Whether it has made its last commit.
    pub retired: bool,
}

/// Somebody who watches.
#[derive(Clone)]
pub struct Onlooker {
    /// Who.
    pub viewer: Viewer,
    /// Which of the two.
    pub of: As,
    /// The way to it. The same connection has the same id as long as this process lives.
    pub outlet: Arc<dyn Outlet>,
}

impl Onlooker {
    pub(crate) fn seat(&self) -> (ConnectionId, As) {
        (self.outlet.id(), self.of)
    }
}
