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
    /// Of an actor or a list.
    View {
        of: Arc<str>,
        frame: Bytes,
    },
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

    /// Whether commands wait for their answers.
    pub(crate) fn owes_answers(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) > 0
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

    fn enqueue(&self, outgoing: Outgoing, answers: Option<Answers>) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let mut queue = self.queue();
        match (answers, &outgoing) {
            // Under the lock: whoever sees that nothing is owed any more finds the answer in the queue.
            (Some(Answers::Command), _) => {
                self.unanswered.fetch_sub(1, Ordering::Relaxed);
            }
            (Some(Answers::Subscription), Outgoing::Frame(frame)) => queue.outcomes.push(frame.clone()),
            _ => {}
        }
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
        let answers = if let Outgoing::Frame(frame) = &outgoing { Answers::to(frame) } else { None };
        self.enqueue(outgoing, answers);
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
            Outgoing::View { actor, frame, whole } => self.take_view(actor, frame, || whole.frame()),
            // A list's name is JSON, which no actor's is.
            Outgoing::List { list, frame, whole } => self.take_view(list, frame, || whole),
        }
    }

    fn take_view(&mut self, of: Arc<str>, mut frame: Bytes, whole: impl FnOnce() -> Bytes) {
        if self.is_crowded() {
            self.collapse(&of);
            frame = whole();
        }
        self.add(Waiting::View { of, frame });
    }

    fn add(&mut self, waiting: Waiting) {
        self.bytes += waiting.bytes();
        self.waiting.push_back(waiting);
    }

    /// Views of this actor or list that still wait are superseded.
    fn collapse(&mut self, one: &Arc<str>) {
        self.waiting.retain(|waiting| !matches!(waiting, Waiting::View { of, .. } if of == one));
        self.bytes = self.waiting.iter().map(Waiting::bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use dormouse_core::{Position, limits::*};
    use dormouse_engine::outlet::WholeView;

    use super::*;

    fn view(actor: &str, n: u64, bytes: usize) -> Outgoing {
        let position = Position { epoch: 1, seq: n, tag: [0; 8] };
        let json = format!("\"{}\"", "x".repeat(bytes - 2));
        let whole = Arc::new(WholeView::new(actor.into(), position, n.to_string().into(), json.into()));
        Outgoing::View { actor: actor.into(), frame: format!("patch {n} of {actor}").into(), whole }
    }

    fn frames(outbound: &Outbound) -> (Vec<String>, Option<Code>) {
        let mut frames = Vec::new();
        loop {
            match outbound.try_next() {
                Some(Next::Frame(frame)) => frames.push(String::from_utf8(frame.to_vec()).unwrap()),
                Some(Next::End(code)) => return (frames, Some(code)),
                None => return (frames, None),
            }
        }
    }

    #[test]
    fn as_many_of_the_largest_views_wait_as_fit() {
        let outbound = Outbound::new(ConnectionId(1));
        let full = CONNECTION_QUEUE_BYTES_MAX / VIEW_BYTES_MAX;
        for n in 0..full {
            outbound.frame("x".repeat(VIEW_BYTES_MAX));
            assert!(!outbound.is_ending(), "{n} is not too many");
        }
        outbound.frame("x");
        let (frames, end) = frames(&outbound);
        assert_eq!((frames.len(), end), (full, Some(Code::TooSlow)));
    }

    #[test]
    fn as_many_frames_wait_as_may() {
        let outbound = Outbound::new(ConnectionId(1));
        for _ in 0..CONNECTION_QUEUE_FRAMES_MAX {
            outbound.frame("{}");
        }
        assert!(!outbound.is_ending());
        outbound.frame("{}");
        let (frames, end) = frames(&outbound);
        assert_eq!((frames.len(), end), (CONNECTION_QUEUE_FRAMES_MAX, Some(Code::TooSlow)));
    }

    #[test]
    fn a_crowded_queue_keeps_the_newest_view_of_each_actor_and_drops_what_passes() {
        let outbound = Outbound::new(ConnectionId(1));
        outbound.push(view("counter/a", 1, 100));
        outbound.push(view("counter/b", 1, 100));
        outbound.push(Outgoing::Passing("passes".into()));
        outbound.frame("x".repeat(CONNECTION_CROWDED_BYTES));
        for n in 2..5 {
            outbound.push(view("counter/a", n, 100));
            outbound.push(Outgoing::Passing("is left out".into()));
        }
        let (frames, end) = frames(&outbound);
        assert_eq!((frames.len(), end), (4, None));
        assert_eq!((&*frames[0], &*frames[1]), ("patch 1 of counter/b", "passes"));
        assert!(frames[3].contains("\"snapshot\"") && frames[3].contains("1:4:"), "{}", frames[3]);
    }

    #[test]
    fn a_crowded_queue_keeps_the_newest_of_each_list() {
        let outbound = Outbound::new(ConnectionId(1));
        let of = |status: &str, n: u64| Outgoing::List {
            list: format!(r#"{{"kind":"counter","status":"{status}"}}"#).into(),
            frame: format!("patch {n} of {status}").into(),
            whole: format!("snapshot {n} of {status}").into(),
        };
        outbound.push(of("open", 1));
        outbound.push(of("over", 1));
        outbound.frame("x".repeat(CONNECTION_CROWDED_BYTES));
        outbound.push(of("open", 2));
        outbound.push(of("open", 3));
        let (frames, end) = frames(&outbound);
        assert_eq!((frames.len(), end), (3, None));
        assert_eq!((&*frames[0], &*frames[2]), ("patch 1 of over", "snapshot 3 of open"));
    }

    #[test]
    fn commands_are_counted_until_they_are_answered() {
        let outbound = Outbound::new(ConnectionId(1));
        assert!((0..IN_FLIGHT_MAX).all(|_| outbound.begin_command()));
        assert!(!outbound.begin_command());
        outbound.push(Outgoing::Frame(r#"{"type":"events","actor":"counter/a"}"#.into()));
        assert!(!outbound.begin_command(), "that answers nothing");
        for answer in [r#"{"type":"accepted"}"#, r#"{"type":"rejected"}"#] {
            outbound.push(Outgoing::Frame(answer.into()));
            assert!(outbound.begin_command() && !outbound.begin_command(), "{answer}");
        }
    }

    #[test]
    fn what_becomes_of_subscriptions_is_noted() {
        let outbound = Outbound::new(ConnectionId(1));
        let (resumed, error) = (r#"{"type":"resumed","actor":"a/b"}"#, r#"{"type":"error","actor":"a/b"}"#);
        outbound.push(Outgoing::Frame(resumed.into()));
        outbound.push(Outgoing::Frame(error.into()));
        outbound.push(Outgoing::Frame(r#"{"type":"snapshot"}"#.into()));
        outbound.frame(error);
        assert_eq!(outbound.outcomes(), [resumed, error], "of the engine's frames, not of our own");
        assert!(outbound.outcomes().is_empty());
    }
}
