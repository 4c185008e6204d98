//! Who watches an actor, grouped by what they may know: one view, one diff and one frame for each sight.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use dormouse_core::{
    Code, Failure, Machine, Position, Principal, Sight, Viewer,
    frame::{
        As,
        client::From,
        etag,
        server::{Resumed, Said, ServerFrame},
    },
    limits::{PRESENCE_NAMED_MAX, VIEW_BYTES_MAX},
    patch,
};
use serde_json::value::RawValue;

use super::message::{History, Watch};
use crate::outlet::{ConnectionId, Outgoing, Outlet, WholeView};

/// Everybody who watches one actor. Outlives the owner while the actor sleeps.
#[derive(Default)]
pub(crate) struct WatchTable {
    watchers: BTreeMap<(ConnectionId, As), Watcher>,
    sights: BTreeMap<Sight, Shown>,
    here: BTreeMap<String, (Viewer, usize)>,
    presence_changed: bool,
}

struct Watcher {
    viewer: Viewer,
    sight: Sight,
    outlet: Arc<dyn Outlet>,
    /// The etag of the view that it holds, or will hold when what was pushed has arrived.
    holds: Option<Arc<str>>,
    /// Owed before anything else.
    greeting: Option<Greeting>,
}

struct Greeting {
    from: From,
    history: History,
}

/// What a sight was shown last, as of the state that the owner expects.
struct Shown {
    etag: Arc<str>,
    /// Dropped while the actor sleeps: the state gives it again.
    view: Option<Bytes>,
}

/// What one sight is shown when a run is committed.
pub(crate) struct Publish {
    sight: Sight,
    /// The etag before, and the patch from there if there is a short one.
    base: Option<(Arc<str>, Option<Bytes>)>,
    whole: Arc<WholeView>,
}

/// A principal's first connection came, or its last one went.
pub(crate) enum Transition {
    Joined(Viewer),
    Left(Viewer),
}

impl WatchTable {
    pub(crate) fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    /// Forget the bytes of views; their etags stay.
    pub(crate) fn fall_asleep(&mut self) {
        self.sights.values_mut().for_each(|shown| shown.view = None);
    }

    /// Take somebody in. The greeting and the first view come with the next [`deliver`](Self::deliver).
    pub(crate) fn watch(&mut self, watch: Watch, sight: Sight) -> Option<Transition> {
        let Watch { viewer, of, from, etag, history, outlet } = watch;
        let key = (outlet.id(), of);
        let principal = viewer.principal.id.clone();
        let greeting = (of == As::View).then_some(Greeting { from, history });
        let holds = etag.map(Arc::from);
        let is_new =
            self.watchers.insert(key, Watcher { viewer: viewer.clone(), sight, outlet, holds, greeting }).is_none();
        if !is_new {
            return None;
        }
        let count = &mut self.here.entry(principal).or_insert((viewer.clone(), 0)).1;
        *count += 1;
        self.presence_changed = true;
        (*count == 1).then_some(Transition::Joined(viewer))
    }

    /// Let somebody go.
    pub(crate) fn unwatch(&mut self, connection: ConnectionId, of: As) -> Option<Transition> {
        let gone = self.watchers.remove(&(connection, of))?;
        self.forget_unwatched_sights();
        let id = &gone.viewer.principal.id;
        let (_, count) = self.here.get_mut(id)?;
        *count -= 1;
        self.presence_changed = true;
        if *count > 0 {
            return None;
        }
        self.here.remove(id);
        Some(Transition::Left(gone.viewer))
    }

    fn forget_unwatched_sights(&mut self) {
        let watchers = &self.watchers;
        self.sights.retain(|sight, _| watchers.iter().any(|((_, of), w)| *of == As::View && w.sight == *sight));
    }

    /// Ask the rules again what everybody may know; who may know nothing any more is told so and let go.
    pub(crate) fn look_again(&mut self, machine: &Machine, actor: &Arc<str>) -> Vec<Transition> {
        let mut blinded = Vec::new();
        for (key, watcher) in &mut self.watchers {
            match machine.sight(&watcher.viewer) {
                Ok(Sight::Nothing) => blinded.push(*key),
                Ok(sight) => watcher.sight = sight,
                // Rules that fail here keep the sight that they gave before.
                Err(_) => {}
            }
        }
        let dismiss = |(connection, of): (ConnectionId, As)| {
            if let Some(watcher) = self.watchers.get(&(connection, of)) {
                let failure = Said::from(Code::NotFound);
                let frame = ServerFrame::Error { failure, actor: Some(actor), r#as: Some(of) };
                watcher.outlet.push(Outgoing::Frame(frame.text().into()));
            }
            self.unwatch(connection, of)
        };
        blinded.into_iter().filter_map(dismiss).collect()
    }

    /// What each watched sight is to be shown of the machine's state. Sights whose view did not change and who owe nobody a greeting are
    /// left out.
    pub(crate) fn prepare(&mut self, machine: &Machine, actor: &Arc<str>) -> Vec<Publish> {
        let mut owed: BTreeMap<Sight, bool> = BTreeMap::new();
        for ((_, of), watcher) in &self.watchers {
            if *of == As::View {
                let newcomer = watcher.greeting.is_some() || watcher.holds.is_none();
                *owed.entry(watcher.sight.clone()).or_default() |= newcomer;
            }
        }
        owed.into_iter().filter_map(|(sight, newcomers)| self.prepare_sight(machine, actor, sight, newcomers)).collect()
    }

    fn prepare_sight(&mut self, machine: &Machine, actor: &Arc<str>, sight: Sight, newcomers: bool) -> Option<Publish> {
        let view = Bytes::from(
            bounded_view(machine, &sight)
                .inspect_err(|failure| {
                    tracing::error!(%actor, %failure, "the view of a sight cannot be shown");
                })
                .ok()?,
        );
        let before = self.sights.get(&sight);
        if let Some(shown) = before
            && shown.view.as_ref() == Some(&view)
        {
            let whole = WholeView::new(actor.clone(), machine.head().position(), shown.etag.clone(), view);
            let base = Some((shown.etag.clone(), None));
            return newcomers.then(|| Publish { sight, base, whole: Arc::new(whole) });
        }
        let etag: Arc<str> = etag(&view).into();
        let base = before.map(|shown| {
            let ops = shown.view.as_ref().and_then(|old| patch::diff(old, &view));
            (shown.etag.clone(), ops.map(|ops| patch_frame(actor, &shown.etag, &etag, machine.head().position(), &ops)))
        });
        self.sights.insert(sight.clone(), Shown { etag: etag.clone(), view: Some(view.clone()) });
        let whole = WholeView::new(actor.clone(), machine.head().position(), etag, view);
        Some(Publish { sight, base, whole: Arc::new(whole) })
    }

    /// Show what was prepared, now that it is durable.
    pub(crate) fn deliver(&mut self, publishes: &[Publish], actor: &Arc<str>) -> u64 {
        let mut delivered = 0;
        for publish in publishes {
            let watchers = self.watchers.iter_mut().filter(|((_, of), w)| *of == As::View && w.sight == publish.sight);
            for (_, watcher) in watchers {
                delivered += u64::from(watcher.show(publish, actor));
            }
        }
        delivered
    }

    /// The etag that this connection's view has after these publishes.
    pub(crate) fn etag_of(&self, connection: ConnectionId, publishes: &[Publish]) -> Option<Arc<str>> {
        let watcher = self.watchers.get(&(connection, As::View))?;
        let published = publishes.iter().find(|publish| publish.sight == watcher.sight);
        published.map(|publish| publish.whole.etag.clone()).or_else(|| watcher.holds.clone())
    }

    /// Whether anybody is owed a first view.
    pub(crate) fn owes(&self) -> bool {
        self.watchers.values().any(|watcher| watcher.greeting.is_some())
    }

    /// Tell those who may hear; `sender` does not hear itself.
    pub(crate) fn signal(&self, frame: &Bytes, sender: Option<ConnectionId>, hears: impl Fn(&Sight) -> bool) {
        let mut told = None;
        for ((connection, _), watcher) in &self.watchers {
            if Some(*connection) != sender && told != Some(*connection) && hears(&watcher.sight) {
                watcher.outlet.push(Outgoing::Passing(frame.clone()));
                told = Some(*connection);
            }
        }
    }

    /// The `presence` frame for everybody, if it changed since the last one.
    pub(crate) fn announce(&mut self, actor: &Arc<str>) {
        if !std::mem::take(&mut self.presence_changed) {
            return;
        }
        let here: Vec<Principal> =
            self.here.values().take(PRESENCE_NAMED_MAX).map(|(viewer, _)| viewer.principal.clone()).collect();
        let frame = ServerFrame::Presence { actor, here: &here, count: self.here.len() };
        self.signal(&Bytes::from(frame.text()), None, |_| true);
    }

    pub(crate) fn presence_changed(&self) -> bool {
        self.presence_changed
    }

    /// The actor is gone for good, or cannot be served: say so and let everybody go.
    pub(crate) fn dismiss(&mut self, actor: &Arc<str>, failure: &Failure) {
        for ((_, of), watcher) in std::mem::take(&mut self.watchers) {
            let frame = ServerFrame::Error { failure: Said::from(failure), actor: Some(actor), r#as: Some(of) };
            watcher.outlet.push(Outgoing::Frame(frame.text().into()));
        }
        self.sights.clear();
        self.here.clear();
    }

    /// Everything that was prepared is void: the next [`prepare`](Self::prepare) shows whole views to those who hold others.
    pub(crate) fn forget_expected(&mut self) {
        self.sights.clear();
    }
}

impl Watcher {
    fn show(&mut self, publish: &Publish, actor: &Arc<str>) -> bool {
        let whole = &publish.whole;
        let holds_newest = self.holds.as_ref() == Some(&whole.etag);
        if let Some(Greeting { from, history }) = self.greeting.take() {
            let kind = match history {
                History::Other => Resumed::Reset,
                History::Same if holds_newest || is_at(from, whole.position) => Resumed::Current,
                History::Same => Resumed::Snapshot,
            };
            let (position, r#as) = (whole.position, As::View);
            let resumed = ServerFrame::Resumed { actor, r#as, kind, position, code: None, message: None };
            self.outlet.push(Outgoing::Frame(resumed.text().into()));
            self.holds = Some(whole.etag.clone());
            match kind {
                Resumed::Reset => self.outlet.push(Outgoing::Frame(whole.reset_frame())),
                Resumed::Snapshot => self.push_view(whole.frame(), whole),
                _ => {}
            }
            return true;
        }
        if holds_newest {
            return false;
        }
        let frame = match &publish.base {
            Some((base, Some(patch))) if self.holds.as_ref() == Some(base) => patch.clone(),
            _ => whole.frame(),
        };
        self.holds = Some(whole.etag.clone());
        self.push_view(frame, whole);
        true
    }

    fn push_view(&self, frame: Bytes, whole: &Arc<WholeView>) {
        self.outlet.push(Outgoing::View { actor: whole.actor().clone(), frame, whole: whole.clone() });
    }
}

/// A client that names a position holds the view of that position.
fn is_at(from: From, position: Position) -> bool {
    matches!(from, From::After(held) if held == position)
}

/// The view of a sight, unless it is larger than a frame may be.
pub(crate) fn bounded_view(machine: &Machine, sight: &Sight) -> Result<Vec<u8>, Failure> {
    let view = machine.view(sight)?;
    if view.len() > VIEW_BYTES_MAX {
        return Err(Failure::new(Code::TooLarge, "the view of this actor is larger than a view may be"));
    }
    Ok(view)
}

fn patch_frame(actor: &str, base: &str, etag: &str, position: Position, ops: &[u8]) -> Bytes {
    let ops: &RawValue = serde_json::from_slice(ops).expect("patches are JSON");
    ServerFrame::Patch { actor, base, etag, position, ops }.text().into()
}
