//! The hints seam: "this actor moved". May be lost, doubled or late; following reads the journal.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use dormouse_core::{Address, position::Position};
use tokio::sync::broadcast;

/// Says that actors moved, and hears that other hosts said so.
///
/// *Ordering*: none promised. *Durability*: none. A subscriber that lags hears [`Hint::Lagged`] and must look at everything it follows.
pub trait Hints: Send + Sync + 'static {
    /// Say that this actor's journal has reached this position. Never blocks.
    fn moved(&self, address: &Address, position: Position);
    /// Hear what others say from now on.
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

/// Hears hints of other hosts.
pub struct Listener {
    said: broadcast::Receiver<(u64, Hint)>,
    host: u64,
    ears: Arc<AtomicUsize>,
}

impl Listener {
    /// The next hint; `None` when nobody can say anything any more.
    pub async fn next(&mut self) -> Option<Hint> {
        loop {
            match self.said.recv().await {
                Ok((host, _)) if host == self.host => {}
                Ok((_, hint)) => return Some(hint),
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(Hint::Lagged),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ears.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Hints within one process, which may run several hosts. Clones are of one host.
#[derive(Debug, Clone)]
pub struct LocalHints {
    said: broadcast::Sender<(u64, Hint)>,
    hosts: Arc<AtomicU64>,
    host: u64,
    /// Listeners of this host.
    ears: Arc<AtomicUsize>,
}

/// Hints that wait for a slow listener before it is told that it lagged.
const WAITING_MAX: usize = 1024;

impl Default for LocalHints {
    fn default() -> Self {
        Self { said: broadcast::Sender::new(WAITING_MAX), hosts: Arc::default(), host: 0, ears: Arc::default() }
    }
}

impl LocalHints {
    /// The same, for another host.
    #[must_use]
    pub fn of_another_host(&self) -> Self {
        let host = 1 + self.hosts.fetch_add(1, Ordering::Relaxed);
        Self { host, ears: Arc::default(), ..self.clone() }
    }
}

impl Hints for LocalHints {
    fn moved(&self, address: &Address, position: Position) {
        // Nobody else listening is the ordinary case: one process that owns its journal follows nobody.
        if self.said.receiver_count() > self.ears.load(Ordering::Relaxed) {
            let _ = self.said.send((self.host, Hint::Moved(address.clone(), position)));
        }
    }

    fn listen(&self) -> Listener {
        self.ears.fetch_add(1, Ordering::Relaxed);
        Listener { said: self.said.subscribe(), host: self.host, ears: self.ears.clone() }
    }
}

#[cfg(test)]
mod tests {
    use dormouse_core::position::Head;

    use super::*;

    #[tokio::test]
    async fn a_host_hears_others_and_not_itself() {
        let (here, there) = (LocalHints::default(), LocalHints::default().of_another_host());
        let beside = here.of_another_host();
        let (mut ears, mut deaf) = (here.listen(), there.listen());
        let address: Address = "main/todo/a".parse().unwrap();
        let at = |seq| Head { seq, ..Head::start(1) }.position();
        let _keeps_saying = beside.listen();
        here.moved(&address, at(1));
        beside.moved(&address, at(2));
        assert_eq!(ears.next().await, Some(Hint::Moved(address.clone(), at(2))));
        for seq in 0..=WAITING_MAX as u64 {
            beside.moved(&address, at(seq));
        }
        assert_eq!(ears.next().await, Some(Hint::Lagged));
        drop(there);
        assert_eq!(deaf.next().await, None, "nobody of that process is left");
    }

    #[test]
    fn alone_nothing_is_said() {
        let here = LocalHints::default();
        let ears = here.listen();
        here.moved(&"main/todo/a".parse().unwrap(), Head::start(1).position());
        assert!(ears.said.is_empty());
        let beside = here.of_another_host().listen();
        here.moved(&"main/todo/a".parse().unwrap(), Head::start(1).position());
        assert!(!beside.said.is_empty());
    }
}
