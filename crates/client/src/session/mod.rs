//! The session: what the client knows, as one value that changes only by [`Session::step`].
//!
//! Events and the time go in, effects come out; so every drop, duplicate and race can be written as a script, and a
//! simulation can drive as many clients as it likes. Absent: clocks, sockets, randomness, tokio.

mod backoff;
mod line;
mod lists;
mod outbox;
mod polls;
mod subs;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use dormouse_core::{Position, Principal, frame::client::From};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

pub(crate) use backoff::backoff;
use line::Line;
use outbox::Outbox;
pub use outbox::{Kept, KeptCommand};
pub use subs::Subject;
use subs::Subs;

use crate::{
    fault::Fault,
    frame::{As, Bounds, ClientFrame, Identity, List, ResumedKind, Revealed, ServerFrame, Signal, Token},
    limits,
};

/// How the client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// On its way to a host.
    Connecting,
    /// Answered from end to end: a welcome, and an answer to every subscription.
    Live,
    /// Back after a drop; subscriptions are being resumed.
    Replaying,
    /// Between two attempts, or unplugged.
    Offline,
    /// It will not connect again by itself: closed, or refused for a reason that trying again does not change.
    Closed,
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A deadline passed.
    Tick,
    /// Line `line` is open, and this is the token to say hello with.
    Opened {
        /// The number of its [`Effect::Connect`].
        line: u64,
        /// Fresh from the provider.
        token: Token,
    },
    /// Line `line` brought a frame.
    Frame {
        /// The number of its [`Effect::Connect`].
        line: u64,
        /// What came.
        frame: ServerFrame,
    },
    /// Line `line` ended, or could not be opened.
    Dropped {
        /// The number of its [`Effect::Connect`].
        line: u64,
        /// What is known of the reason.
        fault: Option<Fault>,
    },
    /// The application sends a command.
    Send {
        /// Names the command in its [`Effect::Answer`].
        key: u64,
        /// `kind/id`.
        actor: Arc<str>,
        /// The same bytes for every repetition.
        command: Arc<RawValue>,
    },
    /// The application sends a signal.
    Signal {
        /// `kind/id`.
        actor: Arc<str>,
        /// JSON.
        signal: Arc<RawValue>,
    },
    /// The application wants to be told of an actor.
    Subscribe {
        /// `kind/id`.
        actor: Arc<str>,
        /// What to follow.
        of: As,
        /// Where events begin; a view begins with the newest.
        from: From,
    },
    /// The application wants to be told of a list.
    Watch(Arc<List>),
    /// Nobody listens any more.
    Release(Subject),
    /// What [`Effect::Read`] asked for came, or did not.
    Read {
        /// Of what.
        subject: Subject,
        /// The number of its effect.
        read: u64,
        /// As it came over HTTP.
        answer: Result<Value, Fault>,
    },
    /// Connect now: after `Unplug`, in place of waiting, or after a refusal.
    Plug,
    /// Cut the line on purpose; commands wait, subscriptions keep their place.
    Unplug,
    /// The outbox could not be stored: nothing may be promised any more.
    StorageFailed(Fault),
    /// For good.
    Close,
}

/// Something to do, in this order.
#[derive(Debug)]
pub enum Effect {
    /// Store [`Session::kept`] before the frames that follow leave, so that no number is ever used twice.
    Save,
    /// Get a token, open a line, and report [`Event::Opened`] or [`Event::Dropped`].
    Connect {
        /// Its number.
        line: u64,
        /// A host refused the last token.
        fresh: bool,
    },
    /// Close this line; nothing it says is heard any more.
    Disconnect {
        /// Its number.
        line: u64,
    },
    /// Send this over the line that is open.
    Transmit(ClientFrame),
    /// Read this over HTTP, and report [`Event::Read`]: it does not come over the line.
    Read {
        /// A view of an actor, or a list.
        subject: Subject,
        /// Tells one answer from another.
        read: u64,
    },
    /// Answer the application.
    Answer {
        /// Which command.
        key: u64,
        /// How it went.
        answer: Result<Accepted, Fault>,
    },
    /// A view moved.
    View {
        /// `kind/id`.
        actor: Arc<str>,
        /// To this.
        view: Held,
        /// The history before it is not the actor's any more.
        reset: bool,
    },
    /// Events came. Some may have come before: after a question that was asked twice, or because a later listener wants them. Whoever listens
    /// knows how far it has heard.
    Events {
        /// `kind/id`.
        actor: Arc<str>,
        /// They bring the reader here.
        position: Position,
        /// Complete up to this commit.
        through_seq: u64,
        /// In order.
        events: Vec<Revealed>,
    },
    /// A list changed.
    Rows {
        /// Which.
        list: Arc<List>,
        /// Its view, as docs/protocol.md has it.
        view: Arc<Value>,
    },
    /// A subscription was answered.
    Resumed {
        /// `kind/id`.
        actor: Arc<str>,
        /// Which of the two.
        of: As,
        /// How.
        note: Resumed,
    },
    /// A subscription ended.
    Ended {
        /// Which.
        subject: Subject,
        /// Why; `None` because the client was closed.
        fault: Option<Fault>,
    },
    /// Somebody sent a signal.
    Signal(Signal),
    /// Who watches an actor.
    Presence {
        /// `kind/id`.
        actor: Arc<str>,
        /// At most 100 of them.
        here: Vec<Principal>,
        /// All of them.
        count: usize,
    },
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The commit that it made.
    pub position: Position,
    /// The view's etag after it, where the host said so.
    pub etag: Option<String>,
    /// The command had been accepted before a drop; this is the first answer.
    pub again: bool,
}

/// A view as it is held.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Held {
    /// The view.
    pub view: Arc<Value>,
    /// Of this commit.
    pub position: Position,
    /// Names its bytes.
    pub etag: String,
}

/// How a subscription was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// How.
    pub kind: ResumedKind,
    /// Commits between what was held and the position then; `None` at the first subscription and after a reset.
    pub missed: Option<u64>,
    /// The actor's position then.
    pub position: Position,
}

/// One client's session. Time is counted from any fixed moment and never goes back.
#[derive(Debug)]
pub struct Session {
    now: Duration,
    random: f64,
    effects: Vec<Effect>,
    line: Line,
    /// Tells the events of an old line from those of today's.
    number: u64,
    attempt: u32,
    max_delay: Duration,
    ever_live: bool,
    closed: bool,
    fresh_token: bool,
    /// What the host said on this line before it ends.
    verdict: Option<Fault>,
    error: Option<Fault>,
    principal: Option<Identity>,
    in_flight: usize,
    bounds: Bounds,
    outbox: Outbox,
    subs: Subs,
}

impl Session {
    /// A session that connects at its first tick, with the outbox of an earlier one if there is any.
    pub fn new(now: Duration, kept: Option<Kept>) -> Self {
        let bounds = Bounds {
            frame_bytes: dormouse_core::limits::FRAME_BYTES_MAX,
            signal_bytes: dormouse_core::limits::SIGNAL_BYTES_MAX,
            ping_seconds: dormouse_core::limits::PING.as_secs(),
        };
        Self {
            now,
            random: 0.0,
            effects: Vec::new(),
            line: Line::Waiting { until: now },
            number: 0,
            attempt: 0,
            max_delay: limits::MAX_DELAY,
            ever_live: false,
            closed: false,
            fresh_token: false,
            verdict: None,
            error: None,
            principal: None,
            in_flight: 1,
            bounds,
            outbox: Outbox::new(kept),
            subs: Subs::default(),
        }
    }

    /// Never wait longer than this between two attempts, unless a host asks for it.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay.max(limits::FIRST_DELAY);
        self
    }

    /// The only way that a session changes. `random` is at least 0 and below 1.
    pub fn step(&mut self, event: Event, now: Duration, random: f64) -> Vec<Effect> {
        self.now = self.now.max(now);
        self.random = random;
        self.handle(event);
        self.leave_spent();
        self.check_live();
        if self.outbox.take_changed() && !self.closed {
            self.effects.insert(0, Effect::Save);
        }
        std::mem::take(&mut self.effects)
    }

    /// When the session next wants a [`Event::Tick`]; `None` if only the world can move it.
    pub fn deadline(&self) -> Option<Duration> {
        let commands = if self.is_open() { self.outbox.deadline() } else { None };
        [self.line.deadline(), self.subs.deadline(), commands].into_iter().flatten().min()
    }

    /// How the client stands.
    pub fn status(&self) -> Status {
        match self.line {
            Line::Stopped => Status::Closed,
            Line::Unplugged => Status::Offline,
            Line::Open { live_since: Some(_), .. } => Status::Live,
            Line::Open { .. } if self.ever_live => Status::Replaying,
            Line::Waiting { .. } if self.number > 0 => Status::Offline,
            _ => Status::Connecting,
        }
    }

    /// Why the client is not live, if it is not.
    pub fn error(&self) -> Option<&Fault> {
        self.error.as_ref()
    }

    /// Who the host says we are.
    pub fn principal(&self) -> Option<&Identity> {
        self.principal.as_ref()
    }

    /// Commands not yet answered.
    pub fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// The bounds of a frame and a signal.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// What an earlier process left: the keys of its commands, from 1, and whether they were sent. The application's own keys must
    /// begin above them.
    pub fn restored(&self) -> Vec<(u64, KeptCommand)> {
        (1..).zip(self.outbox.kept().commands).collect()
    }

    /// The outbox, to be stored.
    pub fn kept(&self) -> Kept {
        self.outbox.kept()
    }

    /// The view that is held of an actor.
    pub fn view(&self, actor: &str) -> Option<Held> {
        self.subs.held(actor)
    }

    /// The view that is held of a list.
    pub fn rows(&self, list: &Arc<List>) -> Option<Arc<Value>> {
        self.subs.rows(list)
    }

    /// Where a listener starts that wants the next event of an actor: `None` unless a subscription to them is answered.
    pub fn events_head(&self, actor: &str) -> Option<u64> {
        self.subs.events_head(actor)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Tick => {
                self.tick_line();
                let is_late = self.outbox.is_late(self.now) || self.subs.is_late(self.now);
                self.tick_subs();
                self.tick_polls();
                self.resend_late();
                if is_late {
                    self.doubt_line();
                }
            }
            Event::Opened { line, token } if self.is_current(line) => self.on_opened(token),
            Event::Frame { line, frame } if self.is_current(line) => self.on_frame(frame),
            Event::Dropped { line, fault } if self.is_current(line) => self.on_dropped(fault),
            Event::Opened { .. } | Event::Frame { .. } | Event::Dropped { .. } => {}
            Event::Send { key, actor, command } => self.enqueue(key, actor, command),
            // Signals are not kept: one that nobody can carry now is worth nothing later.
            Event::Signal { actor, signal } if self.is_open() => self.transmit(ClientFrame::Signal { actor, signal }),
            Event::Signal { .. } => {}
            Event::Subscribe { actor, of, from } => self.subscribe(actor, of, from),
            Event::Watch(list) => self.watch(list),
            Event::Read { subject, read, answer } => self.on_read(&subject, read, answer),
            Event::Release(subject) => self.subs.release(&subject, self.now + limits::LINGER),
            Event::Plug => self.plug(),
            Event::Unplug => self.unplug(),
            Event::StorageFailed(fault) => self.close(Some(fault)),
            Event::Close => self.close(None),
        }
    }

    fn on_frame(&mut self, frame: ServerFrame) {
        match frame {
            ServerFrame::Welcome(frame) => self.on_welcome(frame),
            ServerFrame::Resumed(frame) => self.on_resumed(frame),
            ServerFrame::Snapshot(frame) => self.on_snapshot(frame),
            ServerFrame::Patch(frame) => self.on_patch(frame),
            ServerFrame::Events(frame) => self.on_events(frame),
            ServerFrame::Accepted(frame) => self.on_accepted(frame),
            ServerFrame::Rejected(frame) => self.on_rejected(frame),
            ServerFrame::Signal(signal) => self.effects.push(Effect::Signal(signal)),
            ServerFrame::Presence(frame) => {
                let (actor, here, count) = (frame.actor, frame.here, frame.count);
                self.effects.push(Effect::Presence { actor, here, count });
            }
            ServerFrame::Error(frame) => self.on_error(frame),
            ServerFrame::List(frame) => self.on_list(frame),
            ServerFrame::Goodbye(fault) => self.hang_up(Some(fault)),
            ServerFrame::Pong(frame) => {
                self.on_pong();
                self.on_behind(&frame.behind);
            }
        }
    }

    fn transmit(&mut self, frame: ClientFrame) {
        self.effects.push(Effect::Transmit(frame));
    }
}
