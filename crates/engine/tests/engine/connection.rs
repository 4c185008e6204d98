//! One client's connection: it writes down every frame, keeps its view by applying what it gets, and can be slow or hang up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dormouse_core::frame::etag;
use dormouse_engine::{
    follow::Room,
    outlet::{ConnectionId, Outgoing, Outlet},
};
use serde_json::Value;
use tokio::sync::watch;

use crate::log::Log;

/// Clones are handles of one connection.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    id: ConnectionId,
    name: String,
    log: Log,
    pace: watch::Sender<Pace>,
    got: Mutex<Got>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Reads,
    Slow,
    Gone,
}

#[derive(Default)]
struct Got {
    /// By actor: the etag held and the view, as the frames have built it.
    views: BTreeMap<String, (String, Value)>,
    /// By actor: the newest position that a frame named.
    positions: BTreeMap<String, String>,
    frames: Vec<String>,
    quiet: bool,
}

impl Connection {
    pub fn new(id: u64, name: &str, log: &Log) -> Self {
        let pace = watch::Sender::new(Pace::Reads);
        let (name, log) = (name.to_owned(), log.clone());
        Self(Arc::new(Inner { id: ConnectionId(id), name, log, pace, got: Mutex::default() }))
    }

    /// The same client on another connection.
    pub fn again(&self, id: u64) -> Self {
        let again = Self::new(id, &self.0.name, &self.0.log);
        let (mut from, mut to) = (self.0.got(), again.0.got());
        to.views = std::mem::take(&mut from.views);
        to.positions = std::mem::take(&mut from.positions);
        drop(to);
        drop(from);
        again
    }

    /// Position and etag of this actor, as held.
    pub fn held(&self, actor: &str) -> (String, String) {
        let got = self.0.got();
        let etag = got.views.get(actor).map(|(etag, _)| etag.clone());
        (got.positions.get(actor).cloned().unwrap_or_default(), etag.unwrap_or_default())
    }

    pub fn outlet(&self) -> Arc<dyn Outlet> {
        self.0.clone()
    }

    pub fn room(&self) -> impl Room + 'static {
        ItsRoom(self.0.clone())
    }

    /// No room for more events until it reads again.
    pub fn slow(&self) {
        self.0.pace.send_replace(Pace::Slow);
    }

    pub fn reads(&self) {
        self.0.pace.send_replace(Pace::Reads);
    }

    /// Nothing reaches it any more.
    pub fn hang_up(&self) {
        self.0.pace.send_replace(Pace::Gone);
    }

    /// Whether its frames are left out of the log.
    pub fn quiet(&self, quiet: bool) {
        self.0.got().quiet = quiet;
    }

    /// Etag and view of this actor, as held.
    pub fn view(&self, actor: &str) -> Option<(String, Value)> {
        self.0.got().views.get(actor).cloned()
    }

    /// Whether an `error` came for this subscription to events after so many frames.
    pub fn was_refused(&self, actor: &str, since: usize) -> bool {
        let refused = |text: &String| {
            let frame: Value = serde_json::from_str(text).unwrap();
            frame["type"] == "error" && frame["as"] == "events" && frame["actor"] == actor
        };
        self.0.got().frames.iter().skip(since).any(refused)
    }

    /// How many frames came so far.
    pub fn count(&self) -> usize {
        self.0.got().frames.len()
    }

    /// Every frame so far, and forget them.
    pub fn take_frames(&self) -> Vec<String> {
        std::mem::take(&mut self.0.got().frames)
    }
}

impl Inner {
    fn got(&self) -> MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Got {
    /// Keep the view as a client would. A patch that does not apply, or gives another view than it says, is the engine's fault.
    fn apply(&mut self, frame: &Value) {
        let actor = frame["actor"].as_str().unwrap_or_default().to_owned();
        let says = frame["etag"].as_str().unwrap_or_default().to_owned();
        if let Some(position) = frame["position"].as_str().filter(|_| frame["type"] != "accepted") {
            self.positions.insert(actor.clone(), position.to_owned());
        }
        match frame["type"].as_str() {
            Some("snapshot") => {
                self.views.insert(actor, (says, frame["view"].clone()));
            }
            Some("patch") => {
                let (held, view) = self.views.get_mut(&actor).expect("a patch comes to somebody who holds a view");
                assert_eq!(frame["base"], held.as_str(), "a patch applies to the view that is held: {frame}");
                let ops: json_patch::Patch = serde_json::from_value(frame["ops"].clone()).unwrap();
                json_patch::patch(view, &ops).unwrap();
                *held = says;
            }
            Some("error") if frame["as"] == "view" => {
                self.views.remove(&actor);
            }
            _ => {}
        }
    }
}

impl Outlet for Inner {
    fn id(&self) -> ConnectionId {
        self.id
    }

    fn push(&self, outgoing: Outgoing) {
        if *self.pace.borrow() == Pace::Gone {
            return;
        }
        let (Outgoing::Frame(bytes) | Outgoing::Passing(bytes) | Outgoing::View { frame: bytes, .. }) = &outgoing;
        let text = std::str::from_utf8(bytes).unwrap();
        let frame: Value = serde_json::from_str(text).unwrap();
        let mut got = self.got();
        got.apply(&frame);
        got.frames.push(text.to_owned());
        if let Outgoing::View { whole, .. } = &outgoing {
            let snapshot: Value = serde_json::from_slice(&whole.view).unwrap();
            let actor: &str = whole.actor();
            assert_eq!(*whole.etag, *etag(&whole.view), "an etag is the hash of its view");
            assert_eq!(got.views[actor], (whole.etag.to_string(), snapshot), "a patch gives the whole view");
        }
        if !got.quiet {
            self.log.say(format!("{}: {}", self.name, self.log.frame(&frame)));
        }
    }
}

struct ItsRoom(Arc<Inner>);

impl Room for ItsRoom {
    async fn room(&self) -> bool {
        let mut pace = self.0.pace.subscribe();
        pace.wait_for(|pace| *pace != Pace::Slow).await.is_ok_and(|pace| *pace == Pace::Reads)
    }
}
