//! The hints seam: "this actor moved". May be lost, doubled or late; following reads the journal.

use dormouse_core::{Address, position::Position};
use tokio::sync::broadcast;

/// Says that actors moved, and hears that others said so.
///
/// *Ordering*: none promised. *Durability*: none. A subscriber that lags hears [`Hint::Lagged`] and must look at everything it follows.
pub trait Hints: Send + Sync + 'static {
    /// Say that this actor's journal has reached this position. Never blocks.
    fn moved(&self, address: &Address, position: Position);
    /// Hear what is said from now on.
    fn listen(&self) -> Listener;
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// This actor's journal has reached this position.
    Moved(Address, Position),
    /// Some hints were lost.
    Lagged,
}

/// Hears hints.
pub struct Listener(broadcast::Receiver<Hint>);

impl Listener {
    /// The next hint; `None` when nobody can say anything any more.
    pub async fn next(&mut self) -> Option<Hint> {
        match self.0.recv().await {
            Ok(hint) => Some(hint),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Hint::Lagged),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Hints within one process.
#[derive(Debug, Clone)]
pub struct LocalHints(broadcast::Sender<Hint>);

/// Hints that wait for a slow listener before it is told that it lagged.
const WAITING_MAX: usize = 1024;

impl Default for LocalHints {
    fn default() -> Self {
        Self(broadcast::Sender::new(WAITING_MAX))
    }
}

impl Hints for LocalHints {
    fn moved(&self, address: &Address, position: Position) {
        // Nobody listening is an ordinary case: one process that owns its journal follows nobody.
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(Hint::Moved(address.clone(), position));
        }
    }

    fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}
