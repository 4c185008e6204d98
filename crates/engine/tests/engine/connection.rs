//! One client's connection: it writes down every frame, keeps its view by applying what it gets, and can be slow or hang up.
//!
//! Whatever reaches it is checked: no frame names a position that is not durable, a patch applies to the view that is held and gives the view that
//! it says.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dormouse_core::{Address, Position, frame::etag};
use dormouse_engine::{
    follow::Room,
    outlet::{ConnectionId, Outgoing, Outlet, WholeView},
};
use futures_util::FutureExt;
use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use crate::{log::Log, store::Disk};

/// Clones are handles of one connection.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    id: ConnectionId,
    name: String,
    log: Log,
    disk: Disk,
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
    frames: Vec<(Instant, String)>,
    quiet: bool,
}

impl Connection {
    pub fn new(id: u64, name: &str, log: &Log, disk: &Disk) -> Self {
        let pace = watch::Sender::new(Pace::Reads);
        let (name, log, disk) = (name.to_owned(), log.clone(), disk.clone());
        Self(Arc::new(Inner { id: ConnectionId(id), name, log, disk, pace, got: Mutex::default() }))
    }

    /// The same client on another connection.
    pub fn again(&self, id: u64) -> Self {
        let again = Self::new(id, &self.0.name, &self.0.log, &self.0.disk);
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
        let refused = |(_, text): &(Instant, String)| {
            let frame: Value = serde_json::from_str(text).unwrap();
            frame["type"] == "error" && frame["as"] == "events" && frame["actor"] == actor
        };
        self.0.got().frames.iter().skip(since).any(refused)
    }

    /// How many frames came so far.
    pub fn count(&self) -> usize {
        self.0.got().frames.len()
    }

    /// Every frame so far.
    pub fn frames(&self) -> Vec<String> {
        self.0.got().frames.iter().map(|(_, text)| text.clone()).collect()
    }

    /// Every frame so far, and how long after this it came.
    pub fn frames_since(&self, began: Instant) -> Vec<String> {
        let got = self.0.got();
        got.frames.iter().map(|(at, text)| format!("[{:?}] {text}", at.duration_since(began))).collect()
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl Inner {
    fn got(&self) -> MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Got {
    /// Keep the view as a client would.
    fn apply(&mut self, frame: &Value) -> Result<(), String> {
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
                let (held, view) = self.views.get_mut(&actor).ok_or("a patch for somebody who holds no view")?;
                if frame["base"] != held.as_str() {
                    return Err(format!("a patch for somebody who holds another view: {frame}"));
                }
                let ops: json_patch::Patch = serde_json::from_value(frame["ops"].clone()).unwrap();
                json_patch::patch(view, &ops).map_err(|error| format!("a patch that does not apply: {error}"))?;
                *held = says;
            }
            Some("error") if frame["as"] == "view" => {
                self.views.remove(&actor);
            }
            _ => {}
        }
        Ok(())
    }

    fn check_view(&self, whole: &WholeView) -> Result<(), String> {
        let view: Value = serde_json::from_slice(&whole.view).unwrap();
        let actor: &str = whole.actor();
        if *whole.etag != *etag(&whole.view) {
            return Err("an etag that is not the hash of its view".to_owned());
        }
        let same = self.views.get(actor) == Some(&(whole.etag.to_string(), view));
        same.then_some(()).ok_or_else(|| "a patch that does not give the whole view".to_owned())
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
        let (Outgoing::Frame(bytes)
        | Outgoing::Passing(bytes)
        | Outgoing::View { frame: bytes, .. }
        | Outgoing::List { frame: bytes, .. }) = &outgoing;
        let text = std::str::from_utf8(bytes).unwrap();
        let frame: Value = serde_json::from_str(text).unwrap();
        let mut got = self.got();
        let mut checked = got.apply(&frame).and_then(|()| self.check_durable(&frame));
        if let (Ok(()), Outgoing::View { whole, .. }) = (&checked, &outgoing) {
            checked = got.check_view(whole);
        }
        got.frames.push((Instant::now(), text.to_owned()));
        if let Err(wrong) = checked {
            self.log.wrong(format!("{}: {wrong}", self.name));
        }
        if !got.quiet {
            self.log.say(format!("{}: {}", self.name, self.log.frame(&frame)));
        }
    }
}

impl Inner {
    /// The output gate: what a frame names is in the journal by now.
    fn check_durable(&self, frame: &Value) -> Result<(), String> {
        let (Some(actor), Some(text)) = (frame["actor"].as_str(), frame["position"].as_str()) else { return Ok(()) };
        let address: Address = format!("main/{actor}").parse().unwrap();
        let says: Position = text.parse().unwrap();
        let stored = self.disk.position(&address, says.epoch, says.seq).now_or_never().expect("memory does not wait");
        (stored == says).then_some(()).ok_or_else(|| format!("a position that is not durable: {frame}"))
    }
}

struct ItsRoom(Arc<Inner>);

impl Room for ItsRoom {
    async fn room(&self) -> bool {
        let mut pace = self.0.pace.subscribe();
        pace.wait_for(|pace| *pace != Pace::Slow).await.is_ok_and(|pace| *pace == Pace::Reads)
    }
}
