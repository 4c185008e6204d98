//! Subscriptions on the wire: at most one to each subject, resumed from where they stand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dormouse_core::{Position, frame::client::From};
use serde_json::Value;

use super::{Effect, Held, Resumed, Session, polls};
use crate::{
    fault::{Action, Fault},
    frame::{self, As, ClientFrame, List, Patch, ResumedKind, Snapshot},
    limits::{ANSWER, EARLY_PATCHES_MAX, GAP},
};

/// What is followed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The view or the events of `kind/id`.
    Actor(Arc<str>, As),
    /// The first rows of a list. There are no positions here: a list has no history.
    List(Arc<List>),
}

#[derive(Debug, Default)]
pub(super) struct Subs(pub(super) BTreeMap<Subject, Sub>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is no line.
    Idle,
    /// Waits for `resumed`.
    Asked {
        at: Duration,
    },
    Live,
    /// Refused for now.
    Again {
        at: Duration,
    },
    /// It does not come over the line: to be read over HTTP then.
    Polled {
        at: Duration,
    },
    /// Waits for what is read since then.
    Reading {
        since: Duration,
    },
}

#[derive(Debug)]
pub(super) struct Sub {
    pub(super) phase: Phase,
    pub(super) position: Option<Position>,
    pub(super) etag: Option<String>,
    pub(super) view: Option<Arc<Value>>,
    /// What to ask for while there is no position yet.
    from: From,
    early: Vec<Patch>,
    /// When a patch that does not fit stops being a matter of waiting.
    gap_at: Option<Duration>,
    pub(super) retries: u32,
    /// How often it was read: an answer that comes too late is none.
    pub(super) reads: u64,
    pub(super) read_at: Option<Duration>,
    /// The actor's commit when the subscription was last answered.
    answered: Option<u64>,
    /// When nobody listens any more: the time to unsubscribe.
    pub(super) drop_at: Option<Duration>,
}

/// By epoch, then seq.
pub(super) fn order(position: Position) -> (u32, u64) {
    (position.epoch, position.seq)
}

impl Subs {
    fn get_mut(&mut self, actor: &Arc<str>, of: As) -> Option<&mut Sub> {
        self.0.get_mut(&Subject::Actor(actor.clone(), of))
    }

    pub(super) fn subjects_where(&self, wanted: impl Fn(&Subject, &Sub) -> bool) -> Vec<Subject> {
        self.0.iter().filter(|(subject, sub)| wanted(subject, sub)).map(|(subject, _)| subject.clone()).collect()
    }

    pub(super) fn any_asked(&self) -> bool {
        self.0.values().any(|sub| matches!(sub.phase, Phase::Asked { .. }))
    }

    pub(super) fn release(&mut self, subject: &Subject, drop_at: Duration) {
        if let Some(sub) = self.0.get_mut(subject) {
            sub.drop_at = Some(drop_at);
        }
    }

    pub(super) fn idle(&mut self) {
        for sub in self.0.values_mut() {
            sub.phase = Phase::Idle;
            sub.gap_at = None;
            sub.early.clear();
        }
    }

    pub(super) fn held(&self, actor: &str) -> Option<Held> {
        let sub = self.0.get(&Subject::Actor(actor.into(), As::View))?;
        Some(Held { view: sub.view.clone()?, position: sub.position?, etag: sub.etag.clone()? })
    }

    pub(super) fn events_head(&self, actor: &str) -> Option<u64> {
        let sub = self.0.get(&Subject::Actor(actor.into(), As::Events))?;
        sub.answered.map(|seq| sub.position.map_or(seq, |held| held.seq.max(seq)))
    }

    /// Whether a question has waited for its answer for too long.
    pub(super) fn is_late(&self, now: Duration) -> bool {
        self.0.values().any(|sub| matches!(sub.phase, Phase::Asked { at } if at + ANSWER <= now))
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.0.values().flat_map(|sub| [sub.drop_at, sub.ask_at(), sub.poll_at()]).flatten().min()
    }

    /// For `ping`: of two subscriptions to one actor, the older position.
    pub(super) fn positions(&self) -> BTreeMap<Arc<str>, Position> {
        let mut positions: BTreeMap<Arc<str>, Position> = BTreeMap::new();
        for (subject, sub) in &self.0 {
            let Subject::Actor(actor, _) = subject else { continue };
            let Some(held) = sub.position.filter(|_| sub.phase == Phase::Live) else { continue };
            let oldest = positions.entry(actor.clone()).or_insert(held);
            if order(held) < order(*oldest) {
                *oldest = held;
            }
        }
        positions
    }
}

impl Sub {
    pub(super) fn new(from: From) -> Self {
        Self {
            phase: Phase::Idle,
            position: None,
            etag: None,
            view: None,
            from,
            early: Vec::new(),
            gap_at: None,
            retries: 0,
            reads: 0,
            read_at: None,
            answered: None,
            drop_at: None,
        }
    }

    /// When to ask the host (again).
    fn ask_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Idle | Phase::Polled { .. } | Phase::Reading { .. } => None,
            Phase::Asked { at } => Some(at + ANSWER),
            Phase::Again { at } => Some(at),
            Phase::Live => self.gap_at,
        }
    }

    fn place(&self) -> Option<String> {
        match (self.position, self.from) {
            (Some(position), _) | (None, From::After(position)) => Some(position.to_string()),
            (None, From::Start) => Some("start".into()),
            (None, From::Now) => None,
        }
    }

    /// The commit up to which the events have been heard.
    fn heard_through(&self) -> u64 {
        match (self.position, self.from) {
            (Some(position), _) | (None, From::After(position)) => position.seq,
            (None, From::Start | From::Now) => 0,
        }
    }

    /// The position decides before the base does: an etag may come back later (a light switched on and off).
    fn is_old(&self, patch: &Patch) -> bool {
        self.position.is_some_and(|held| order(patch.position) <= order(held))
    }

    /// Whether a listener that wants events from there needs the wire to go back.
    fn needs_rewind(&self, from: From) -> bool {
        let held = self.position.map_or(self.from, From::After);
        match (from, held) {
            (From::Now, _) | (_, From::Start) => false,
            (_, From::Now) | (From::Start, From::After(_)) => true,
            (From::After(wanted), From::After(held)) => order(wanted) < order(held),
        }
    }

    fn forget_place(&mut self, of: As) {
        self.position = None;
        self.etag = None;
        self.from = if of == As::Events { From::Start } else { From::Now };
    }

    /// False if the view is not what the etags say it is.
    fn apply(&mut self, patch: Patch) -> bool {
        let view = Arc::make_mut(self.view.get_or_insert_default());
        if json_patch::patch(view, &patch.ops).is_err() {
            return false;
        }
        self.etag = Some(patch.etag);
        self.position = Some(patch.position);
        self.early.retain(|early| order(early.position) > order(patch.position));
        true
    }

    /// Patches that overtook what came now.
    fn apply_early(&mut self) -> bool {
        while let Some(at) =
            self.early.iter().position(|patch| Some(&patch.base) == self.etag.as_ref() && !self.is_old(patch))
        {
            let patch = self.early.remove(at);
            if !self.apply(patch) {
                return false;
            }
        }
        if self.early.is_empty() {
            self.gap_at = None;
        }
        true
    }
}

impl Session {
    pub(super) fn subscribe(&mut self, actor: Arc<str>, of: As, from: From) {
        let from = if of == As::Events { from } else { From::Now };
        let subject = Subject::Actor(actor, of);
        let Some(sub) = self.follow(&subject, from) else { return };
        if sub.needs_rewind(from) {
            sub.from = from;
            sub.position = None;
            self.ask(&subject);
        }
    }

    /// The subscription that there was already; else there is one now, or there can be none any more.
    pub(super) fn follow(&mut self, subject: &Subject, from: From) -> Option<&mut Sub> {
        if self.is_closed() {
            self.effects.push(Effect::Ended { subject: subject.clone(), fault: Some(Fault::closed()) });
            return None;
        }
        if !self.subs.0.contains_key(subject) {
            self.subs.0.insert(subject.clone(), Sub::new(from));
            self.ask(subject);
            return None;
        }
        let sub = self.subs.0.get_mut(subject)?;
        sub.drop_at = None;
        Some(sub)
    }

    /// Asks the host for this subscription from where it stands, if there is a line.
    pub(super) fn ask(&mut self, subject: &Subject) {
        let (is_open, now) = (self.is_open(), self.now);
        let Some(sub) = self.subs.0.get_mut(subject) else { return };
        sub.gap_at = None;
        if !is_open {
            sub.phase = Phase::Idle;
            return;
        }
        sub.early.clear();
        sub.phase = Phase::Asked { at: now };
        let frame = match subject.clone() {
            Subject::Actor(actor, of) => {
                let etag = sub.etag.clone().filter(|_| sub.position.is_some());
                ClientFrame::Subscribe { actor, r#as: of, from: sub.place(), etag }
            }
            Subject::List(list) => ClientFrame::SubscribeList { list, etag: sub.etag.clone() },
        };
        self.transmit(frame);
    }

    pub(super) fn ask_all(&mut self) {
        for subject in self.subs.subjects_where(|_, _| true) {
            self.ask(&subject);
        }
    }

    pub(super) fn on_resumed(&mut self, frame: frame::Resumed) {
        let frame::Resumed { actor, r#as: of, kind, position, code, message } = frame;
        let Some(sub) = self.subs.get_mut(&actor, of) else { return };
        if kind == ResumedKind::Gone {
            let message = message.unwrap_or_else(|| "The actor was retired.".into());
            let mut fault = Fault::local("gone", message, Action::Stop);
            fault.code = code.unwrap_or_default();
            return self.end(&Subject::Actor(actor, of), Some(fault));
        }
        let held = sub.position.filter(|held| kind != ResumedKind::Reset && held.epoch == position.epoch);
        let missed = held.map(|held| position.seq.saturating_sub(held.seq));
        sub.phase = Phase::Live;
        sub.retries = 0;
        sub.answered = Some(position.seq);
        match kind {
            // A tail or a snapshot is on its way: holding the new position before it came would lose it in a drop.
            ResumedKind::Current => sub.position = Some(position),
            ResumedKind::Reset => {
                sub.forget_place(of);
                sub.early.clear();
            }
            _ => {}
        }
        self.effects.push(Effect::Resumed { actor, of, note: Resumed { kind, missed, position } });
    }

    pub(super) fn on_snapshot(&mut self, frame: Snapshot) {
        let Snapshot { actor, position, etag, view, reset } = frame;
        let Some(sub) = self.subs.get_mut(&actor, As::View) else { return };
        let is_old = sub.position.is_some_and(|held| order(position) < order(held));
        if is_old && !reset {
            return;
        }
        sub.position = Some(position);
        sub.etag = Some(etag);
        sub.view = Some(view);
        sub.early.retain(|patch| order(patch.position) > order(position));
        self.show(actor, reset);
    }

    pub(super) fn on_patch(&mut self, frame: Patch) {
        let gap_at = self.now + GAP;
        let actor = frame.actor.clone();
        let Some(sub) = self.subs.get_mut(&actor, As::View) else { return };
        if sub.is_old(&frame) {
            return;
        }
        if Some(&frame.base) != sub.etag.as_ref() {
            // It may have overtaken its base or a snapshot; that is worth one second before asking.
            if sub.early.len() == EARLY_PATCHES_MAX {
                sub.early.remove(0);
            }
            sub.early.push(frame);
            sub.gap_at.get_or_insert(gap_at);
            return;
        }
        if sub.apply(frame) { self.show(actor, false) } else { self.mend(actor) }
    }

    pub(super) fn show(&mut self, actor: Arc<str>, reset: bool) {
        let Some(sub) = self.subs.get_mut(&actor, As::View) else { return };
        let fits = sub.apply_early();
        if let Some(view) = self.subs.held(&actor) {
            self.effects.push(Effect::View { actor: actor.clone(), view, reset });
        }
        if !fits {
            self.mend(actor);
        }
    }

    /// The etags agree and the views do not. Only the whole view repairs that.
    fn mend(&mut self, actor: Arc<str>) {
        let subject = Subject::Actor(actor, As::View);
        if let Some(sub) = self.subs.0.get_mut(&subject) {
            sub.forget_place(As::View);
        }
        self.ask(&subject);
    }

    pub(super) fn on_events(&mut self, frame: frame::Events) {
        let gap_at = self.now + GAP;
        let frame::Events { actor, position, after_seq, through_seq, events } = frame;
        let Some(sub) = self.subs.get_mut(&actor, As::Events) else { return };
        // While a question is out, its answer begins where this frame would: taking both would move past what is coming.
        let is_old = sub.position.is_some_and(|held| order(position) < order(held));
        if sub.phase != Phase::Live || is_old {
            return;
        }
        if after_seq > sub.heard_through() {
            // It overtook the events before it, or those are lost. What is held then is where to ask from.
            sub.gap_at.get_or_insert(gap_at);
            return;
        }
        sub.position = Some(position);
        self.effects.push(Effect::Events { actor, position, through_seq, events });
    }

    /// A refused subscription. Without `as` it is meant for whatever still waits for an answer at this actor.
    pub(super) fn on_sub_error(&mut self, actor: &Arc<str>, of: Option<As>, fault: &Fault) {
        let is_meant = |subject: &Subject, sub: &Sub| match (subject, of) {
            (Subject::Actor(one, as_one), Some(of)) => one == actor && *as_one == of,
            (Subject::Actor(one, _), None) => one == actor && matches!(sub.phase, Phase::Asked { .. }),
            (Subject::List(_), _) => false,
        };
        let meant = self.subs.subjects_where(is_meant);
        // Nobody asked: a signal was refused. That ends nothing.
        if meant.is_empty() {
            self.error = Some(fault.clone());
        }
        for subject in meant {
            self.refuse(&subject, fault);
        }
    }

    pub(super) fn refuse(&mut self, subject: &Subject, fault: &Fault) {
        if polls::is_read_instead(subject, fault) {
            return self.poll(subject);
        }
        if fault.action == Action::Stop {
            return self.end(subject, Some(fault.clone()));
        }
        let Some(retries) = self.subs.0.get(subject).map(|sub| sub.retries) else { return };
        let at = self.now + self.backoff(retries, fault.retry_after);
        let Some(sub) = self.subs.0.get_mut(subject) else { return };
        // 2xxx: what we name is no position of this actor, so the next question names none.
        if fault.action == Action::Resubscribe {
            sub.forget_place(if let Subject::Actor(_, of) = subject { *of } else { As::View });
        }
        sub.phase = Phase::Again { at };
        sub.retries += 1;
    }

    pub(super) fn on_behind(&mut self, behind: &BTreeMap<Arc<str>, Position>) {
        let is_behind = |subject: &Subject, sub: &Sub| {
            let Subject::Actor(actor, _) = subject else { return false };
            match (sub.position, behind.get(actor)) {
                (Some(held), Some(newest)) => sub.phase == Phase::Live && order(held) < order(*newest),
                _ => false,
            }
        };
        for subject in self.subs.subjects_where(is_behind) {
            self.ask(&subject);
        }
    }

    pub(super) fn tick_subs(&mut self) {
        let now = self.now;
        let passed = |at: Option<Duration>| at.is_some_and(|at| at <= now);
        for subject in self.subs.subjects_where(|_, sub| passed(sub.drop_at)) {
            self.subs.0.remove(&subject);
            if self.is_open() {
                self.transmit(match subject {
                    Subject::Actor(actor, of) => ClientFrame::Unsubscribe { actor, r#as: of },
                    Subject::List(list) => ClientFrame::UnsubscribeList { list },
                });
            }
        }
        for subject in self.subs.subjects_where(|_, sub| passed(sub.ask_at())) {
            self.ask(&subject);
        }
    }

    pub(super) fn end(&mut self, subject: &Subject, fault: Option<Fault>) {
        if self.subs.0.remove(subject).is_some() {
            self.effects.push(Effect::Ended { subject: subject.clone(), fault });
        }
    }

    pub(super) fn end_all(&mut self, fault: Option<&Fault>) {
        for subject in self.subs.subjects_where(|_, _| true) {
            self.end(&subject, fault.cloned());
        }
    }
}
