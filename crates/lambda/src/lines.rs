//! What waits to be sent to connections until the invocation ends: in order, one message for the newest view of an actor, and none that is larger
//! than the gateway carries.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use dormouse_core::{
    Address, Code, Failure, Name,
    frame::{
        As,
        server::{Resumed, Said, ServerFrame},
    },
    limits::{GATEWAY_FRAME_BYTES_MAX, GATEWAY_MESSAGE_BYTES_MAX, PUSHES_AT_ONCE},
};
use dormouse_engine::outlet::{ConnectionId, Outgoing, Outlet};
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use crate::sender::{SendError, Sender};

/// Every connection that this environment knows of.
#[derive(Default)]
pub(crate) struct Lines {
    known: Mutex<HashMap<Arc<str>, Arc<Line>>>,
    next: AtomicU64,
    stirred: Arc<Stirred>,
}

/// Lines with something to send or to say, in the order of their connections, so that the same events send the same in the same order.
type Stirred = Mutex<BTreeMap<Arc<str>, Arc<Line>>>;

/// The way out to one connection.
pub(crate) struct Line {
    id: ConnectionId,
    connection: Arc<str>,
    /// The only tenant that its connection reaches.
    tenant: Name,
    queue: Mutex<Queue>,
    stirred: Arc<Stirred>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    outcomes: Vec<Outcome>,
    is_over: bool,
}

enum Waiting {
    Frame(Bytes),
    View { actor: Arc<str>, frame: Bytes },
}

/// What became of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) address: Address,
    pub(crate) of: As,
    /// Whether frames follow. Else its row is to go.
    pub(crate) stands: bool,
}

/// The parts of a frame that tell what became of a subscription.
#[derive(Deserialize)]
struct Parts<'a> {
    r#type: &'a str,
    actor: Option<&'a str>,
    r#as: Option<As>,
    kind: Option<Resumed>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lines {
    /// The way out to this connection.
    pub(crate) fn to(&self, connection: &Arc<str>, tenant: &Name) -> Arc<Line> {
        let line = || {
            let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
            let (connection, tenant, stirred) = (connection.clone(), tenant.clone(), self.stirred.clone());
            Arc::new(Line { id, connection, tenant, queue: Mutex::default(), stirred })
        };
        locked(&self.known).entry(connection.clone()).or_insert_with(line).clone()
    }

    /// Nothing more goes to this connection.
    pub(crate) fn end(&self, connection: &str) {
        if let Some(line) = locked(&self.known).get(connection) {
            let mut queue = line.queue();
            queue.is_over = true;
            queue.waiting.clear();
        }
    }

    /// What became of subscriptions since the last call, by connection.
    pub(crate) fn outcomes(&self) -> Vec<(Arc<str>, Outcome)> {
        let stirred = locked(&self.stirred);
        let of_line = |line: &Arc<Line>| {
            let outcomes = std::mem::take(&mut line.queue().outcomes);
            outcomes.into_iter().map(|outcome| (line.connection.clone(), outcome)).collect::<Vec<_>>()
        };
        stirred.values().flat_map(of_line).collect()
    }

    /// Send what waits; returns the connections that are gone. The messages of one connection go one after the other.
    pub(crate) async fn flush(&self, sender: &dyn Sender) -> Vec<Arc<str>> {
        let stirred = std::mem::take(&mut *locked(&self.stirred));
        let sending = stirred.into_values().map(|line| async move { line.flush(sender).await });
        let gone = stream::iter(sending).buffered(PUSHES_AT_ONCE).filter_map(std::future::ready).collect().await;
        self.forget_unused();
        gone
    }

    /// Those that no owner has in its hands any more.
    fn forget_unused(&self) {
        let stirred = locked(&self.stirred);
        let is_used = |line: &Arc<Line>| Arc::strong_count(line) > 1 || stirred.contains_key(&line.connection);
        locked(&self.known).retain(|_, line| is_used(line));
    }
}

impl Line {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        locked(&self.queue)
    }

    fn stir(self: &Arc<Self>) {
        locked(&self.stirred).insert(self.connection.clone(), self.clone());
    }

    /// Whether the newest outcome of this subscription is its end.
    pub(crate) fn has_ended(&self, address: &Address, of: As) -> bool {
        let queue = self.queue();
        let newest = queue.outcomes.iter().rev().find(|it| it.address == *address && it.of == of);
        newest.is_some_and(|outcome| !outcome.stands)
    }

    /// A frame of the host's own.
    pub(crate) fn say(self: &Arc<Self>, frame: &ServerFrame<'_>) {
        self.say_text(frame.text());
    }

    pub(crate) fn say_text(self: &Arc<Self>, frame: String) {
        self.queue().add(Waiting::Frame(frame.into()));
        self.stir();
    }

    /// Whether this connection is gone.
    async fn flush(&self, sender: &dyn Sender) -> Option<Arc<str>> {
        let waiting = std::mem::take(&mut self.queue().waiting);
        for waiting in waiting {
            let (Waiting::Frame(frame) | Waiting::View { frame, .. }) = waiting;
            match sender.send(&self.connection, frame).await {
                Ok(()) => {}
                Err(SendError::Gone) => return Some(self.connection.clone()),
                // What comes after would leave a gap. The client finds where it stands.
                Err(error) => {
                    tracing::warn!(connection = %self.connection, %error, "a connection could not be sent to");
                    return None;
                }
            }
        }
        None
    }

    fn outcome(&self, frame: &[u8]) -> Option<Outcome> {
        let Parts { r#type, actor: Some(actor), r#as: Some(of), kind } = serde_json::from_slice(frame).ok()? else {
            return None;
        };
        let stands = match r#type {
            "resumed" => kind != Some(Resumed::Gone),
            "error" => false,
            _ => return None,
        };
        Some(Outcome { address: Address::in_tenant(&self.tenant, actor).ok()?, of, stands })
    }

    /// Instead of what the gateway does not carry.
    fn too_large(&self, actor: &str, of: As) -> (Bytes, Option<Outcome>) {
        let failure = Failure::new(
            Code::TooLarge,
            "this is larger than a message of this line; read the actor over HTTP, with `GET /v1/{kind}/{id}`",
        );
        let (said, actor, r#as) = (Said::from(&failure), Some(actor), Some(of));
        let frame = Bytes::from(ServerFrame::Error { failure: said, action: None, actor, r#as }.text());
        let outcome = self.outcome(&frame);
        (frame, outcome)
    }
}

/// Frames whose type says what became of a subscription, by the type, which comes first in every frame.
fn may_tell_an_outcome(frame: &[u8]) -> bool {
    frame.starts_with(br#"{"type":"resumed""#) || frame.starts_with(br#"{"type":"error""#)
}

/// What the gateway meters a message as.
fn units(bytes: usize) -> usize {
    bytes.div_ceil(GATEWAY_FRAME_BYTES_MAX)
}

impl Queue {
    fn add(&mut self, waiting: Waiting) {
        if !self.is_over {
            self.waiting.push(waiting);
        }
    }

    /// The newest view, in as few messages as may be.
    fn add_view(&mut self, actor: Arc<str>, frame: Bytes, whole: impl FnOnce() -> Bytes) {
        let is_of_it = |waiting: &Waiting| matches!(waiting, Waiting::View { actor: of, .. } if *of == actor);
        let before: usize = self.waiting.iter().filter(|it| is_of_it(it)).map(|it| units(it.bytes())).sum();
        if before == 0 {
            return self.add(Waiting::View { actor, frame });
        }
        let whole = whole();
        if whole.len() <= GATEWAY_MESSAGE_BYTES_MAX && units(whole.len()) < before + units(frame.len()) {
            self.waiting.retain(|waiting| !is_of_it(waiting));
            self.add(Waiting::View { actor, frame: whole });
        } else {
            self.add(Waiting::View { actor, frame });
        }
    }
}

impl Waiting {
    fn bytes(&self) -> usize {
        let (Self::Frame(frame) | Self::View { frame, .. }) = self;
        frame.len()
    }
}

/// An outlet is a handle, since what has something to send is remembered by the line itself.
pub(crate) struct Out(pub(crate) Arc<Line>);

impl Outlet for Out {
    fn id(&self) -> ConnectionId {
        self.0.id
    }

    fn push(&self, outgoing: Outgoing) {
        let Self(line) = self;
        let mut queue = line.queue();
        match outgoing {
            Outgoing::Frame(frame) | Outgoing::Passing(frame) if frame.len() <= GATEWAY_MESSAGE_BYTES_MAX => {
                if may_tell_an_outcome(&frame) {
                    queue.outcomes.extend(line.outcome(&frame));
                }
                queue.add(Waiting::Frame(frame));
            }
            // Of all frames that are not views only those of events grow with what the rules do.
            Outgoing::Frame(frame) | Outgoing::Passing(frame) => {
                let parts: Option<Parts<'_>> = serde_json::from_slice(&frame).ok();
                let of =
                    parts.as_ref().map_or(As::View, |it| if it.r#type == "events" { As::Events } else { As::View });
                let actor = parts.and_then(|parts| parts.actor).unwrap_or_default();
                let (frame, outcome) = line.too_large(actor, of);
                queue.outcomes.extend(outcome);
                queue.add(Waiting::Frame(frame));
            }
            Outgoing::View { actor, frame, whole } => {
                let frame = if frame.len() > GATEWAY_MESSAGE_BYTES_MAX { whole.frame() } else { frame };
                if frame.len() <= GATEWAY_MESSAGE_BYTES_MAX {
                    queue.add_view(actor, frame, || whole.frame());
                } else {
                    let (frame, outcome) = line.too_large(&actor, As::View);
                    queue.outcomes.extend(outcome);
                    queue.add(Waiting::Frame(frame));
                }
            }
            // Nobody is let to follow a list here.
            Outgoing::List { .. } => {}
        }
        drop(queue);
        line.stir();
    }
}
