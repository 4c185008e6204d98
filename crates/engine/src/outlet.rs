//! The way out to one connection, whatever carries it: a socket, an SSE stream, a gateway.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use dormouse_core::{frame::server::ServerFrame, position::Position};
use serde_json::value::RawValue;

/// Names a connection within one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// Takes frames for one connection. Never blocks and never fails: what cannot be kept is the connection's own affair.
///
/// *Ordering*: frames leave in the order in which they were pushed, but for views that were superseded while they waited.
pub trait Outlet: Send + Sync + 'static {
    /// Which connection.
    fn id(&self) -> ConnectionId;
    /// Send a frame.
    fn push(&self, outgoing: Outgoing);
}

/// Something to send.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// A frame that must arrive: an answer, an error, a greeting.
    Frame(Bytes),
    /// A frame that may be dropped when the connection is slow: a signal, presence.
    Passing(Bytes),
    /// A change of a view. A slow connection may drop those that wait for the same actor and send the newest one's snapshot instead.
    View {
        /// Which actor's view.
        actor: Arc<str>,
        /// The patch or snapshot that applies to what was sent before.
        frame: Bytes,
        /// The whole of it.
        whole: Arc<WholeView>,
    },
    /// A change of a list. A slow connection may drop those that wait for the same list and send the newest snapshot instead.
    List {
        /// Which list.
        list: Arc<str>,
        /// The patch or snapshot that applies to what was sent before.
        frame: Bytes,
        /// The snapshot.
        whole: Bytes,
    },
}

/// A view at a position, serialised as a snapshot frame at most once for all who need it.
#[derive(Debug)]
pub struct WholeView {
    actor: Arc<str>,
    /// Where it stands.
    pub position: Position,
    /// Its etag.
    pub etag: Arc<str>,
    /// Its bytes: compact JSON.
    pub view: Bytes,
    frame: OnceLock<Bytes>,
}

impl WholeView {
    /// A view of `actor` (`kind/id`).
    pub fn new(actor: Arc<str>, position: Position, etag: Arc<str>, view: Bytes) -> Self {
        Self { actor, position, etag, view, frame: OnceLock::new() }
    }

    /// `kind/id`.
    pub fn actor(&self) -> &Arc<str> {
        &self.actor
    }

    /// The `snapshot` frame.
    pub fn frame(&self) -> Bytes {
        self.frame.get_or_init(|| self.snapshot(false)).clone()
    }

    /// The `snapshot` frame for a viewer whose history is not this one.
    pub fn reset_frame(&self) -> Bytes {
        self.snapshot(true)
    }

    fn snapshot(&self, reset: bool) -> Bytes {
        let view: &RawValue = serde_json::from_slice(&self.view).expect("views are JSON");
        let (actor, etag) = (&*self.actor, &*self.etag);
        ServerFrame::Snapshot { actor, position: self.position, etag, view, reset }.text().into()
    }
}
