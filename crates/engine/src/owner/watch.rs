//! Who watches an actor, grouped by what they may know: one view, one diff and one frame for each sight.

use dormouse_core::planted::{Bug, planted};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use dormouse_core::{
    Code, Failure, Machine, Position, Principal, Sight, Stimulus, Viewer,
    frame::{
        Action, As,
        client::From,
        etag,
        server::{Resumed, Said, ServerFrame},
    },
    limits::{PRESENCE_NAMED_MAX, VIEW_BYTES_MAX},
    patch,
};
use serde_json::value::RawValue;

use super::message::{History, Watch};
use crate::{
    audience::Onlooker,
    outlet::{ConnectionId, Outgoing, Outlet, WholeView},
};

/// Everybody who watches one actor, as far as that is durable. Outlives the owner while the actor sleeps.
#[derive(Default)]
pub(crate) struct WatchTable {
    watchers: BTreeMap<Seat, Watcher>,
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
    view: Result<Change, Failure>,
}

/// From one view of a sight to the next.
struct Change {
    /// The etag before, and the patch from there if there is a short one.
    base: Option<(Arc<str>, Option<Bytes>)>,
    whole: Arc<WholeView>,
}

/// Where somebody watches from, and which of the two.
pub(crate) type Seat = (ConnectionId, As);

/// A principal's first connection came, its last one went, or what it may see became something else.
pub(crate) enum Transition {
    Joined(Viewer),
    Left(Viewer),
}

impl Transition {
    pub(crate) fn of(stimulus: &Stimulus) -> Option<Self> {
        match stimulus {
            Stimulus::Joined { who } => Some(Self::Joined(who.clone())),
            Stimulus::Left { who } => Some(Self::Left(who.clone())),
            _ => None,
        }
    }

    pub(crate) fn who(&self) -> &Viewer {
        match self {
            Self::Joined(who) | Self::Left(who) => who,
        }
    }

    pub(crate) fn stimulus(self) -> Stimulus {
        match self {
            Self::Joined(who) => Stimulus::Joined { who },
            Self::Left(who) => Stimulus::Left { who },
        }
    }

    pub(crate) fn is_undone_by(&self, other: &Self) -> bool {
        let is_opposite = matches!((self, other), (Self::Joined(_), Self::Left(_)) | (Self::Left(_), Self::Joined(_)));
        is_opposite && self.who().principal.id == other.who().principal.id
    }
}

impl WatchTable {
    pub(crate) fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    /// Whether this principal watches over any connection.
    pub(crate) fn is_here(&self, principal: &str) -> bool {
        self.here.contains_key(principal)
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

    /// Ask the rules again what everybody may know: those whose sight is another in the machine's state.
    pub(crate) fn look_ahead(&self, machine: &Machine) -> BTreeMap<Seat, Sight> {
        let look = |(seat, watcher): (&Seat, &Watcher)| {
            // Rules that fail here keep the sight that they gave before.
            let sight = machine.sight(&watcher.viewer).ok()?;
            (sight != watcher.sight).then_some((*seat, sight))
        };
        self.watchers.iter().filter_map(look).collect()
    }

    /// The state in which these sights hold is durable. Who sees otherwise than before is somebody else to the rules, which may not have
    /// cared that a passer-by watches, and care that a player does.
    pub(crate) fn turn(&mut self, sights: BTreeMap<Seat, Sight>) -> Vec<Transition> {
        let mut turned: BTreeMap<String, Viewer> = BTreeMap::new();
        for (seat, sight) in sights {
            if let Some(watcher) = self.watchers.get_mut(&seat) {
                watcher.sight = sight;
                turned.entry(watcher.viewer.principal.id.clone()).or_insert_with(|| watcher.viewer.clone());
            }
        }
        turned.into_values().map(Transition::Joined).collect()
    }

    /// Who may know nothing any more is told so and let go. The follower of events says so itself, after the events before.
    pub(crate) fn let_blind_go(&mut self, actor: &Arc<str>) -> Vec<Transition> {
        let blind = |(seat, watcher): (&Seat, &Watcher)| (watcher.sight == Sight::Nothing).then_some(*seat);
        let blind: Vec<Seat> = self.watchers.iter().filter_map(blind).collect();
        blind.into_iter().filter_map(|seat| self.let_go(seat, actor, &Code::NotFound.into())).collect()
    }

    fn let_go(&mut self, (connection, of): Seat, actor: &Arc<str>, failure: &Failure) -> Option<Transition> {
        if let Some(watcher) = self.watchers.get(&(connection, of)).filter(|_| of == As::View) {
            watcher.say_over(of, actor, failure);
        }
        self.unwatch(connection, of)
    }

    /// What each watched sight is to be shown of the machine's state, in which these `sights` are others. Left out are those whose view
    /// everybody holds.
    pub(crate) fn prepare(
        &mut self,
        machine: &Machine,
        actor: &Arc<str>,
        sights: &BTreeMap<Seat, Sight>,
    ) -> Vec<Publish> {
        let mut owed: BTreeMap<Sight, bool> = BTreeMap::new();
        for (seat, watcher) in self.watchers.iter().filter(|((_, of), _)| *of == As::View) {
            let sight = sights.get(seat).unwrap_or(&watcher.sight);
            if *sight != Sight::Nothing {
                let shown = self.sights.get(sight).map(|shown| &shown.etag);
                let newcomer = watcher.greeting.is_some() || watcher.holds.as_ref() != shown;
                *owed.entry(sight.clone()).or_default() |= newcomer;
            }
        }
        owed.into_iter().filter_map(|(sight, newcomers)| self.prepare_sight(machine, actor, sight, newcomers)).collect()
    }

    fn prepare_sight(&mut self, machine: &Machine, actor: &Arc<str>, sight: Sight, newcomers: bool) -> Option<Publish> {
        let shown = if planted(Bug::OpenHands) { &Sight::All } else { &sight };
        let view = match bounded_view(machine, shown) {
            Ok(view) => Bytes::from(view),
            Err(failure) => {
                tracing::error!(%actor, %failure, "the view of a sight cannot be shown");
                self.sights.remove(&sight);
                return Some(Publish { sight, view: Err(failure) });
            }
        };
        let position = machine.head().position();
        if let Some(shown) = self.sights.get_mut(&sight)
            && shown.is(&view)
        {
            shown.view = Some(view.clone());
            let whole = Arc::new(WholeView::new(actor.clone(), position, shown.etag.clone(), view));
            let base = Some((shown.etag.clone(), None));
            return newcomers.then_some(Publish { sight, view: Ok(Change { base, whole }) });
        }
        let etag: Arc<str> = etag(&view).into();
        let shown = Shown { etag: etag.clone(), view: Some(view.clone()) };
        let base = self.sights.insert(sight.clone(), shown).map(|shown| {
            let ops = shown.view.as_ref().and_then(|old| patch::diff(old, &view));
            let frame = ops.map(|ops| patch_frame(actor, &shown.etag, &etag, position, &ops));
            (shown.etag, frame)
        });
        let whole = Arc::new(WholeView::new(actor.clone(), position, etag, view));
        Some(Publish { sight, view: Ok(Change { base, whole }) })
    }

    /// Show what was prepared, now that it is durable. Whose view cannot be shown is told so and let go.
    pub(crate) fn deliver(&mut self, publishes: &[Publish], actor: &Arc<str>) -> (u64, Vec<Transition>) {
        let mut delivered = 0;
        let mut gone = Vec::new();
        for Publish { sight, view } in publishes {
            let watchers = self.watchers.iter_mut().filter(|((_, of), w)| *of == As::View && w.sight == *sight);
            match view {
                Ok(change) => watchers.for_each(|(_, watcher)| delivered += u64::from(watcher.show(change, actor))),
                Err(failure) => gone.extend(watchers.map(|(seat, _)| (*seat, failure.clone()))),
            }
        }
        let gone = gone.into_iter().filter_map(|(seat, failure)| self.let_go(seat, actor, &failure)).collect();
        (delivered, gone)
    }

    /// The etag that this connection's view has after these publishes.
    pub(crate) fn etag_of(&self, connection: ConnectionId, publishes: &[Publish]) -> Option<Arc<str>> {
        let watcher = self.watchers.get(&(connection, As::View)).filter(|watcher| watcher.sight != Sight::Nothing)?;
        match publishes.iter().find(|publish| publish.sight == watcher.sight).map(|publish| &publish.view) {
            Some(Ok(change)) => Some(change.whole.etag.clone()),
            Some(Err(_)) => None,
            None => watcher.holds.clone(),
        }
    }

    /// Whether anybody is owed a view: the first one, or one that it may not hold.
    pub(crate) fn owes(&self) -> bool {
        let is_owed = |((_, of), watcher): (&Seat, &Watcher)| {
            let holds_none = *of == As::View && watcher.holds.is_none() && watcher.sight != Sight::Nothing;
            watcher.greeting.is_some() || holds_none
        };
        self.watchers.iter().any(is_owed)
    }

    /// These watch, and nobody else does but those who have just asked. Newcomers are taken in silently: what they see was shown to them
    /// elsewhere, up to what these `publishes` will show.
    pub(crate) fn attend(&mut self, audience: Vec<Onlooker>, machine: &Machine, publishes: &[Publish]) {
        let seats: BTreeSet<Seat> = audience.iter().map(Onlooker::seat).collect();
        self.watchers.retain(|seat, watcher| watcher.greeting.is_some() || seats.contains(seat));
        for onlooker in audience {
            // Rules that fail here are asked again after the next commit.
            let Ok(sight) = machine.sight(&onlooker.viewer) else { continue };
            let holds = self.shown_before(&sight, publishes);
            let seat = onlooker.seat();
            let Onlooker { viewer, outlet, .. } = onlooker;
            self.watchers.entry(seat).or_insert(Watcher { viewer, sight, outlet, holds, greeting: None });
        }
        self.count_here();
        self.forget_unwatched_sights();
    }

    fn shown_before(&self, sight: &Sight, publishes: &[Publish]) -> Option<Arc<str>> {
        match publishes.iter().find(|publish| publish.sight == *sight).map(|publish| &publish.view) {
            Some(Ok(change)) => change.base.as_ref().map(|(base, _)| base.clone()),
            Some(Err(_)) => None,
            None => self.sights.get(sight).map(|shown| shown.etag.clone()),
        }
    }

    fn count_here(&mut self) {
        self.here.clear();
        for watcher in self.watchers.values() {
            let viewer = &watcher.viewer;
            self.here.entry(viewer.principal.id.clone()).or_insert((viewer.clone(), 0)).1 += 1;
        }
    }

    /// What the machine holds was shown elsewhere: everybody who was greeted holds it.
    pub(crate) fn assume(&mut self, machine: &Machine) {
        let sights = self.look_ahead(machine);
        self.turn(sights);
        self.sights.clear();
        let Self { watchers, sights, .. } = self;
        for (_, watcher) in watchers.iter_mut().filter(|((_, of), it)| *of == As::View && it.sight != Sight::Nothing) {
            if !sights.contains_key(&watcher.sight)
                && let Ok(view) = bounded_view(machine, &watcher.sight)
            {
                let shown = Shown { etag: etag(&view).into(), view: Some(view.into()) };
                sights.insert(watcher.sight.clone(), shown);
            }
            if watcher.greeting.is_none() {
                watcher.holds = sights.get(&watcher.sight).map(|shown| shown.etag.clone());
            }
        }
    }

    /// Nobody knows what those who were greeted hold.
    pub(crate) fn hold_nothing(&mut self) {
        self.watchers
            .values_mut()
            .filter(|watcher| watcher.greeting.is_none())
            .for_each(|watcher| watcher.holds = None);
    }

    /// Tell those who may hear; `sender` does not hear itself.
    pub(crate) fn signal(&self, frame: &Bytes, sender: Option<ConnectionId>, hears: impl Fn(&Sight) -> bool) {
        let mut told = None;
        for ((connection, _), watcher) in &self.watchers {
            let may_hear = watcher.sight != Sight::Nothing && hears(&watcher.sight);
            if Some(*connection) != sender && told != Some(*connection) && may_hear {
                watcher.outlet.push(Outgoing::Passing(frame.clone()));
                told = Some(*connection);
            }
        }
    }

    /// The `presence` frame for everybody, if it changed since the last one.
    pub(crate) fn announce(&mut self, actor: &Arc<str>) {
        if std::mem::take(&mut self.presence_changed) {
            self.announce_now(actor);
        }
    }

    pub(crate) fn announce_now(&self, actor: &Arc<str>) {
        let here: Vec<Principal> =
            self.here.values().take(PRESENCE_NAMED_MAX).map(|(viewer, _)| viewer.principal.clone()).collect();
        let frame = ServerFrame::Presence { actor, here: &here, count: self.here.len() };
        self.signal(&Bytes::from(frame.text()), None, |_| true);
    }

    pub(crate) fn presence_changed(&self) -> bool {
        self.presence_changed
    }

    /// The actor is gone for good, or cannot be served: say so and let everybody go. Of the end the followers of events hear in the journal.
    pub(crate) fn dismiss(&mut self, actor: &Arc<str>, failure: &Failure) {
        for ((_, of), watcher) in std::mem::take(&mut self.watchers) {
            if of == As::View || failure.code != Code::Gone {
                watcher.say_over(of, actor, failure);
            }
        }
        self.sights.clear();
        self.here.clear();
    }

    /// Everything that was prepared is void: the next [`prepare`](Self::prepare) shows whole views to those who hold others.
    pub(crate) fn forget_expected(&mut self) {
        self.sights.clear();
    }
}

impl Shown {
    fn is(&self, view: &Bytes) -> bool {
        self.view.as_ref().map_or_else(|| *self.etag == *etag(view), |shown| shown == view)
    }
}

impl Watcher {
    fn say_over(&self, of: As, actor: &Arc<str>, failure: &Failure) {
        // Who was not greeted yet hears it in answer to its question.
        let action = self.greeting.is_some().then_some(Action::Subscribe);
        let frame = ServerFrame::Error { failure: Said::from(failure), action, actor: Some(actor), r#as: Some(of) };
        self.outlet.push(Outgoing::Frame(frame.text().into()));
    }

    fn show(&mut self, change: &Change, actor: &Arc<str>) -> bool {
        let whole = &change.whole;
        let holds_newest = self.holds.as_ref() == Some(&whole.etag);
        if let Some(Greeting { from, history }) = self.greeting.take() {
            let kind = match history {
                History::Other => Resumed::Reset,
                History::Same if holds_newest || planted(Bug::ResumesBlindly) => Resumed::Current,
                // Who names no etag holds the view of the position; who names another one holds another view of it.
                History::Same if self.holds.is_none() && is_at(from, whole.position) => Resumed::Current,
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
        let frame = match &change.base {
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
