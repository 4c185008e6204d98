//! Who watches, on a host whose connections are held by somebody else: a gateway, and rows in a store.

use std::sync::Arc;

use async_trait::async_trait;
use dormouse_core::{Address, Position, Viewer, frame::As};
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

    /// The commits after `after`, up to `now`, are durable. Never blocks.
    fn moved(&self, address: &Address, after: Position, now: Position);
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
