//! What waits to be written to one connection: bounded, and views collapse to the newest.
//!
//! It also notes what the engine's frames answer, since every frame passes here: which subscriptions stand, and how many commands are
//! unanswered.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
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
    /// Commands that were taken and not answered yet.
    unanswered: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// `resumed` and `error` frames of subscriptions, until [`Outbound::outcomes`] takes them; at most a few for each.
    outcomes: Vec<Bytes>,
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
            unanswered: AtomicUsize::new(0),
        })
    }

    /// Count a command that is given to the engine. `false` if as many as may be are unanswered.
    pub(crate) fn begin_command(&self) -> bool {
        // Only the connection's own task counts up.
        let may = self.unanswered.load(Ordering::Relaxed) < limits::IN_FLIGHT_MAX;
        if may {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// What became of subscriptions since the last call.
    pub(crate) fn outcomes(&self) -> Vec<Bytes> {
        std::mem::take(&mut self.queue().outcomes)
    }

    /// Whether the connection must close.
    pub(crate) fn is_ending(&self) -> bool {
        self.queue().ending.is_some()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame of the connection's own.
    pub(crate) fn frame(&self, frame: impl Into<Bytes>) {
        self.enqueue(Outgoing::Frame(frame.into()), None);
    }

    fn enqueue(&self, outgoing: Outgoing, outcome: Option<Bytes>) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let mut queue = self.queue();
        queue.outcomes.extend(outcome);
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
        let has_room = !queue.is_crowded();
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
            if !self.queue().is_crowded() {
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
        let outcome = match &outgoing {
            Outgoing::Frame(frame) => match Answers::to(frame) {
                Some(Answers::Command) => {
                    self.unanswered.fetch_sub(1, Ordering::Relaxed);
                    None
                }
                Some(Answers::Subscription) => Some(frame.clone()),
                None => None,
            },
            Outgoing::Passing(_) | Outgoing::View { .. } => None,
        };
        self.enqueue(outgoing, outcome);
    }
}

/// What a frame of the engine answers.
enum Answers {
    Command,
    Subscription,
}

impl Answers {
    /// By the type, which [`ServerFrame`](dormouse_core::frame::server::ServerFrame) always puts first.
    fn to(frame: &[u8]) -> Option<Self> {
        let (kind, _) = frame.strip_prefix(br#"{"type":""#)?.split_at_checked(8)?;
        match kind {
            b"accepted" | b"rejected" => Some(Self::Command),
            _ if kind.starts_with(b"resumed") || kind.starts_with(b"error") => Some(Self::Subscription),
            _ => None,
        }
    }
}

impl Queue {
    /// From here on whoever can wait does, and what can be left out is.
    fn is_crowded(&self) -> bool {
        self.bytes >= limits::CONNECTION_CROWDED_BYTES || self.waiting.len() >= limits::CONNECTION_QUEUE_FRAMES_MAX / 2
    }

    fn is_full(&self) -> bool {
        self.bytes >= limits::CONNECTION_QUEUE_BYTES_MAX || self.waiting.len() >= limits::CONNECTION_QUEUE_FRAMES_MAX
    }

    fn take(&mut self, outgoing: Outgoing) {
        if self.is_full() {
            self.ending = Some(Code::TooSlow);
            return;
        }
        match outgoing {
            Outgoing::Passing(_) if self.is_crowded() => {}
            Outgoing::Frame(frame) | Outgoing::Passing(frame) => self.add(Waiting::Frame(frame)),
            Outgoing::View { actor, frame, whole } => {
                let mut frame = frame;
                if self.is_crowded() {
                    self.collapse(&actor);
                    frame = whole.frame();
                }
                self.add(Waiting::View { actor, frame });
            }
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
