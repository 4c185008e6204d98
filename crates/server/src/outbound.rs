//! What waits to be written to one connection: bounded, and views collapse to the newest.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use dormouse_core::{Code, limits};
use dormouse_engine::outlet::{ConnectionId, Outgoing, Outlet};
use tokio::sync::Notify;

/// The queue of one connection. The engine pushes, the connection's writer takes.
pub(crate) struct Outbound {
    id: ConnectionId,
    queue: Mutex<Queue>,
    ready: Notify,
    room: Notify,
    closed: AtomicBool,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Why the connection must close, once what waits has been written.
    ending: Option<Code>,
}

enum Waiting {
    Frame(Bytes),
    View { actor: Arc<str>, frame: Bytes },
}

impl Waiting {
    fn bytes(&self) -> usize {
        match self {
            Self::Frame(frame) | Self::View { frame, .. } => frame.len(),
        }
    }
}

/// What the writer is to do next.
pub(crate) enum Next {
    Frame(Bytes),
    End(Code),
}

impl Outbound {
    pub(crate) fn new(id: ConnectionId) -> Arc<Self> {
        Arc::new(Self {
            id,
            queue: Mutex::default(),
            ready: Notify::new(),
            room: Notify::new(),
            closed: AtomicBool::new(false),
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame of the connection's own.
    pub(crate) fn frame(&self, frame: impl Into<Bytes>) {
        self.push(Outgoing::Frame(frame.into()));
    }

    /// Close after what waits has been written. The first reason stays.
    pub(crate) fn end(&self, code: Code) {
        self.queue().ending.get_or_insert(code);
        self.ready.notify_one();
    }

    /// The connection is gone: nothing is kept any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let mut queue = self.queue();
        queue.waiting.clear();
        queue.bytes = 0;
        drop(queue);
        self.room.notify_waiters();
    }

    /// What to write next, if there is anything.
    pub(crate) fn try_next(&self) -> Option<Next> {
        let mut queue = self.queue();
        let Some(waiting) = queue.waiting.pop_front() else {
            return queue.ending.map(Next::End);
        };
        queue.bytes -= waiting.bytes();
        let has_room = !queue.is_half_full();
        drop(queue);
        if has_room {
            self.room.notify_waiters();
        }
        let (Waiting::Frame(frame) | Waiting::View { frame, .. }) = waiting;
        Some(Next::Frame(frame))
    }

    /// Resolves when there may be something to write. Remembers one call that came before.
    pub(crate) async fn ready(&self) {
        self.ready.notified().await;
    }

    /// Resolves to whether there is room, or at once to `false` when the connection is gone.
    pub(crate) async fn has_room(&self) -> bool {
        loop {
            let room = self.room.notified();
            if self.closed.load(Ordering::Acquire) {
                return false;
            }
            if !self.queue().is_half_full() {
                return true;
            }
            room.await;
        }
    }
}

impl Outlet for Outbound {
    fn id(&self) -> ConnectionId {
        self.id
    }

    fn push(&self, outgoing: Outgoing) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let mut queue = self.queue();
        if queue.ending.is_some() {
            return;
        }
        let was_empty = queue.waiting.is_empty();
        queue.take(outgoing);
        let wake = was_empty || queue.ending.is_some();
        drop(queue);
        if wake {
            self.ready.notify_one();
        }
    }
}

impl Queue {
    fn is_half_full(&self) -> bool {
        self.bytes >= limits::CONNECTION_QUEUE_BYTES_MAX / 2
            || self.waiting.len() >= limits::CONNECTION_QUEUE_FRAMES_MAX / 2
    }

    fn is_full(&self) -> bool {
        self.bytes >= limits::CONNECTION_QUEUE_BYTES_MAX || self.waiting.len() >= limits::CONNECTION_QUEUE_FRAMES_MAX
    }

    fn take(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Passing(_) if self.is_half_full() => {}
            Outgoing::Frame(frame) | Outgoing::Passing(frame) => self.add(Waiting::Frame(frame)),
            Outgoing::View { actor, frame, whole } => {
                let mut frame = frame;
                if self.is_half_full() {
                    self.collapse(&actor);
                    frame = whole.frame();
                }
                self.add(Waiting::View { actor, frame });
            }
        }
        if self.is_full() {
            self.ending = Some(Code::TooSlow);
        }
    }

    fn add(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }

    /// Views of this actor that still wait are superseded.
    fn collapse(&mut self, actor: &Arc<str>) {
        self.waiting.retain(|waiting| !matches!(waiting, Waiting::View { actor: of, .. } if of == actor));
        self.bytes = self.waiting.iter().map(Waiting::bytes).sum();
    }
}
