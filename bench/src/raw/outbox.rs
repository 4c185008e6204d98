//! What waits to be written to one connection.

use std::mem;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// A connection that lets this many frames pile up is too slow and is closed.
const MOST_FRAMES: usize = 16 * 1024;

/// The frames that rooms have for one connection. Rooms push a batch with one lock and one wake.
#[derive(Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct Queue {
    frames: Vec<Utf8Bytes>,
    overflown: bool,
}

/// The connection did not read for too long.
pub(super) struct TooSlow;

impl Outbox {
    /// Adds a batch and wakes the connection once.
    pub(super) fn push(&self, frames: &[Utf8Bytes]) {
        self.add(frames);
        self.wake();
    }

    /// Adds a batch for a connection that is awake, or that the caller wakes later.
    pub(super) fn add(&self, frames: &[Utf8Bytes]) {
        let mut queue = self.lock();
        if queue.frames.len() + frames.len() > MOST_FRAMES {
            queue.overflown = true;
            queue.frames.clear();
        } else {
            queue.frames.extend_from_slice(frames);
        }
    }

    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// Swaps what waits into `into`, which must be empty, so that both vectors keep their allocation.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, into: &mut Vec<Utf8Bytes>) -> Poll<Result<(), TooSlow>> {
        // Registered before the look, so that a push in between wakes.
        self.waker.register(cx.waker());
        let mut queue = self.lock();
        if queue.overflown {
            return Poll::Ready(Err(TooSlow));
        }
        if queue.frames.is_empty() {
            return Poll::Pending;
        }
        mem::swap(&mut queue.frames, into);
        Poll::Ready(Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nothing panics while it holds an outbox")
    }
}
