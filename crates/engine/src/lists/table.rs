//! Who watches which list, what they were shown, and which list is read next.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use dormouse_core::{
    Address, Failure, Name, Summary,
    frame::{
        Action, etag,
        list::{List, ListFrame},
        server::{Resumed, Said},
    },
    limits::{LIST_EVERY, LIST_LOOK},
    patch,
};
use serde_json::value::RawValue;
use tokio::{sync::Notify, time::Instant};

use crate::outlet::{ConnectionId, Outgoing, Outlet};

/// A tenant and one of its kinds.
pub(super) type KindOf = (Name, Name);

/// Changes of one kind that wait to be looked at; with more of them every list of the kind is read.
const HEARD_MAX: usize = 1024;

/// Every list that is watched on this host.
#[derive(Default)]
pub(crate) struct Lists {
    kinds: Mutex<HashMap<KindOf, Arc<OfKind>>>,
}

impl Lists {
    /// A commit changed this actor's summary to that one, or took it away.
    pub(crate) fn changed(&self, address: &Address, summary: Option<&Summary>) {
        let of = (address.tenant.clone(), address.kind.clone());
        let lists = self.kinds().get(&of).cloned();
        if let Some(lists) = lists {
            lists.hear(&address.id, summary);
        }
    }

    /// Somebody watches a list. Returns what is to be [kept](super::keep) if nobody watched one of this kind before.
    pub(super) fn watch(&self, of: &KindOf, key: Key, list: &List, watcher: Watcher) -> Option<Arc<OfKind>> {
        let mut kinds = self.kinds();
        let known = kinds.contains_key(of);
        let lists = kinds.entry(of.clone()).or_default();
        // Under the lock, or the one who keeps them might see that nobody watches, and leave.
        lists.watch(key, list, watcher, Instant::now());
        (!known).then(|| lists.clone())
    }

    pub(super) fn unwatch(&self, of: &KindOf, key: &Key, connection: ConnectionId) {
        let lists = self.kinds().get(of).cloned();
        if let Some(lists) = lists {
            lists.unwatch(key, connection);
        }
    }

    /// Forget this kind, unless somebody came meanwhile; returns whether it is forgotten.
    pub(super) fn end(&self, of: &KindOf) -> bool {
        let mut kinds = self.kinds();
        let is_over = kinds.get(of).is_none_or(|lists| lists.state().lists.is_empty());
        if is_over {
            kinds.remove(of);
        }
        is_over
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<KindOf, Arc<OfKind>>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which list of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) status: Option<String>,
    /// Whose, if it is a list of "mine".
    pub(super) member: Option<String>,
}

impl Key {
    /// Whether a row of this summary is on the list, as [`Filter::wants`](dormouse_journal::Filter::wants) says it.
    fn wants(&self, summary: &Summary) -> bool {
        self.status.as_ref().is_none_or(|status| *status == summary.status)
            && self.member.as_ref().map_or(!summary.private, |member| summary.members.contains(member))
    }
}

/// The watched lists of one kind of one tenant.
#[derive(Default)]
pub(super) struct OfKind {
    state: Mutex<State>,
    stirred: Notify,
}

#[derive(Default)]
struct State {
    lists: BTreeMap<Key, Watched>,
    /// When each of them is read next.
    turns: BTreeSet<(Instant, Key)>,
    /// Summaries that changed and have not been compared with the lists yet.
    heard: Vec<(Name, Option<Summary>)>,
}

/// What the keeper of some lists does next.
pub(super) enum Turn {
    Read(Key),
    Wait(Instant),
    /// Nobody watches any of them.
    Over,
}

impl OfKind {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves when there may be another turn. Remembers one call that came before.
    pub(super) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    /// The caller has a commit to see to: the lists are compared by their keeper.
    fn hear(&self, id: &Name, summary: Option<&Summary>) {
        let mut state = self.state();
        if state.heard.len() <= HEARD_MAX {
            state.heard.push((id.clone(), summary.cloned()));
        }
        drop(state);
        self.stirred.notify_one();
    }

    fn watch(&self, key: Key, list: &List, watcher: Watcher, now: Instant) {
        let mut state = self.state();
        let State { lists, turns, .. } = &mut *state;
        let watched = lists.entry(key.clone()).or_insert_with(|| {
            turns.insert((now, key.clone()));
            Watched::new(list, now)
        });
        watched.watchers.insert(watcher.outlet.id(), watcher);
        state.bring_forward(&key, now);
        drop(state);
        self.stirred.notify_one();
    }

    fn unwatch(&self, key: &Key, connection: ConnectionId) {
        let mut state = self.state();
        if let Some(watched) = state.lists.get_mut(key) {
            watched.watchers.remove(&connection);
        }
        state.forget_unwatched(key);
        drop(state);
        self.stirred.notify_one();
    }

    pub(super) fn turn(&self, now: Instant) -> Turn {
        let mut state = self.state();
        state.compare(now);
        match state.turns.first() {
            None => Turn::Over,
            Some((at, key)) if *at <= now => Turn::Read(key.clone()),
            Some((at, _)) => Turn::Wait(*at),
        }
    }

    /// The list was read, beginning `since`. Returns how many were told.
    pub(super) fn show(&self, key: &Key, view: &Bytes, ids: BTreeSet<Name>, since: Instant) -> u64 {
        let mut state = self.state();
        let Some(watched) = state.lists.get_mut(key) else { return 0 };
        let told = watched.show(view, ids);
        state.was_read(key, since);
        told
    }

    /// The list could not be read. Who was told nothing yet is told so and asks again; the others hold what they hold.
    pub(super) fn unread(&self, key: &Key, failure: &Failure, since: Instant) {
        let mut state = self.state();
        let Some(Watched { list, watchers, .. }) = state.lists.get_mut(key) else { return };
        let frame = ListFrame::Error { failure: Said::from(failure), action: Some(Action::Subscribe), list };
        let frame = Bytes::from(frame.text());
        for watcher in watchers.extract_if(.., |_, watcher| !watcher.is_greeted).map(|(_, watcher)| watcher) {
            watcher.outlet.push(Outgoing::Frame(frame.clone()));
        }
        state.was_read(key, since);
        state.forget_unwatched(key);
    }
}

impl State {
    /// Lists that a change touches are read soon: those that want the new summary, and those that show the row.
    fn compare(&mut self, now: Instant) {
        let heard = std::mem::take(&mut self.heard);
        if heard.is_empty() {
            return;
        }
        let touches = |key: &Key, watched: &Watched, (id, summary): &(Name, Option<Summary>)| {
            summary.as_ref().is_some_and(|summary| key.wants(summary)) || watched.ids.contains(id)
        };
        let is_touched = |(key, watched): &(&Key, &Watched)| {
            heard.len() > HEARD_MAX || heard.iter().any(|change| touches(key, watched, change))
        };
        let touched: Vec<Key> = self.lists.iter().filter(is_touched).map(|(key, _)| key.clone()).collect();
        touched.iter().for_each(|key| self.bring_forward(key, now));
    }

    /// Read it as soon as may be.
    fn bring_forward(&mut self, key: &Key, now: Instant) {
        let Some(watched) = self.lists.get(key) else { return };
        let soon = watched.read_at.map_or(now, |read_at| now.max(read_at + LIST_EVERY));
        if soon < watched.turn {
            self.put_turn(key, soon);
        }
    }

    fn was_read(&mut self, key: &Key, since: Instant) {
        if let Some(watched) = self.lists.get_mut(key) {
            watched.read_at = Some(since);
        }
        self.put_turn(key, since + LIST_LOOK);
    }

    fn put_turn(&mut self, key: &Key, at: Instant) {
        let Some(watched) = self.lists.get_mut(key) else { return };
        self.turns.remove(&(watched.turn, key.clone()));
        watched.turn = at;
        self.turns.insert((at, key.clone()));
    }

    fn forget_unwatched(&mut self, key: &Key) {
        if let Some(watched) = self.lists.get(key).filter(|watched| watched.watchers.is_empty()) {
            self.turns.remove(&(watched.turn, key.clone()));
            self.lists.remove(key);
        }
    }
}

/// One list, and those who watch it.
struct Watched {
    list: List,
    /// What a slow connection knows it by.
    name: Arc<str>,
    watchers: BTreeMap<ConnectionId, Watcher>,
    shown: Option<Shown>,
    /// Whose rows were on it when it was read last.
    ids: BTreeSet<Name>,
    read_at: Option<Instant>,
    turn: Instant,
}

struct Shown {
    etag: Arc<str>,
    view: Bytes,
}

/// Where somebody watches from.
pub(super) struct Watcher {
    outlet: Arc<dyn Outlet>,
    /// The etag of the view that it holds, or will hold when what was pushed has arrived.
    holds: Option<Arc<str>>,
    /// Whether its question has been answered.
    is_greeted: bool,
}

/// From what was shown before to what is shown now.
struct Change<'a> {
    list: &'a List,
    name: &'a Arc<str>,
    etag: &'a Arc<str>,
    /// The etag before, and the patch from there if there is a short one.
    base: Option<(Arc<str>, Option<Bytes>)>,
    whole: Bytes,
}

impl Watched {
    fn new(list: &List, turn: Instant) -> Self {
        let name = serde_json::to_string(list).expect("a list is plain data").into();
        let (watchers, ids) = Default::default();
        Self { list: list.clone(), name, watchers, shown: None, ids, read_at: None, turn }
    }

    /// Tell those who hold another view, and answer those who have just come.
    fn show(&mut self, view: &Bytes, ids: BTreeSet<Name>) -> u64 {
        self.ids = ids;
        let is_same = self.shown.as_ref().is_some_and(|shown| shown.view == *view);
        if is_same && self.watchers.values().all(|watcher| watcher.is_greeted) {
            return 0;
        }
        let Self { list, name, watchers, shown, .. } = self;
        let next: Arc<str> = etag(view).into();
        let before = shown.replace(Shown { etag: next.clone(), view: view.clone() }).filter(|_| !is_same);
        let base = before.map(|before| {
            let ops = patch::diff(&before.view, view);
            let frame = ops.map(|ops| patch_frame(list, &before.etag, &next, &ops));
            (before.etag, frame)
        });
        let change = Change { list, name, etag: &next, base, whole: snapshot_frame(list, &next, view) };
        watchers.values_mut().map(|watcher| u64::from(watcher.show(&change))).sum()
    }
}

impl Watcher {
    pub(super) fn new(outlet: Arc<dyn Outlet>, etag: Option<String>) -> Self {
        Self { outlet, holds: etag.map(Arc::from), is_greeted: false }
    }

    fn show(&mut self, change: &Change<'_>) -> bool {
        let holds_newest = self.holds.as_ref() == Some(change.etag);
        let was_greeted = std::mem::replace(&mut self.is_greeted, true);
        if !was_greeted {
            let kind = if holds_newest { Resumed::Current } else { Resumed::Snapshot };
            let resumed = ListFrame::Resumed { list: change.list, kind };
            self.outlet.push(Outgoing::Frame(resumed.text().into()));
        }
        if !holds_newest {
            let patch = change.base.as_ref().filter(|(base, _)| was_greeted && self.holds.as_ref() == Some(base));
            let frame = patch.and_then(|(_, patch)| patch.clone()).unwrap_or_else(|| change.whole.clone());
            let (list, whole) = (change.name.clone(), change.whole.clone());
            self.outlet.push(Outgoing::List { list, frame, whole });
            self.holds = Some(change.etag.clone());
        }
        !was_greeted || !holds_newest
    }
}

fn patch_frame(list: &List, base: &str, etag: &str, ops: &[u8]) -> Bytes {
    let ops: &RawValue = serde_json::from_slice(ops).expect("patches are JSON");
    ListFrame::Patch { list, base, etag, ops }.text().into()
}

fn snapshot_frame(list: &List, etag: &str, view: &[u8]) -> Bytes {
    let view: &RawValue = serde_json::from_slice(view).expect("views are JSON");
    ListFrame::Snapshot { list, etag, view }.text().into()
}
