//! What must hold at every step: the journal only grows, and soundly, and nobody hears of what is not in it.
//!
//! Each violation begins with the name that docs/reliability.md has for the invariant.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher},
    sync::Arc,
};

use dormouse_core::{
    Address, Kind, Machine, Time,
    hash::Hash,
    position::{Head, Position},
    record::{self, Cause, Opening},
};
use dormouse_journal::{Entry, Journal, MemoryStore};

use serde_json::Value;

use crate::{
    play::{SEATS, viewer},
    rules::{Event, Ledger},
};

/// More of one invariant would say the same again.
const VIOLATIONS_MAX: usize = 10;

/// What was found so far.
#[derive(Default)]
pub struct Found {
    pub violations: Vec<String>,
    pub checks: u64,
}

impl Found {
    pub fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            let what = what();
            let name = what.split(':').next();
            if self.violations.iter().filter(|other| other.split(':').next() == name).count() < VIOLATIONS_MAX {
                self.violations.push(what);
            }
        }
    }
}

/// What a player was told, to be held against the journal at once.
pub enum Claim {
    /// This command is there.
    Accepted { what: String, position: Position },
    /// It holds the view of this commit, which has this fingerprint.
    Sees { position: Position, view: u64 },
    /// After this the next thing that its seat may hear is that: commit and what.
    Hears { after: Option<(u64, String)>, told: (u64, String) },
}

impl Claim {
    pub fn sees(position: Position, view: &Value) -> Self {
        Self::Sees { position, view: fingerprint(view) }
    }
}

fn fingerprint(view: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    view.to_string().hash(&mut hasher);
    hasher.finish()
}

/// One actor, as the journal has shown it.
#[derive(Default)]
pub struct Story {
    /// As the rules have it, from the first commit on.
    machine: Option<Machine>,
    /// What each seat sees at each commit.
    views: BTreeMap<(u64, [u8; 8], usize), u64>,
    pub head: Option<Head>,
    pub commits: u64,
    /// Where each command is.
    pub at: BTreeMap<String, u64>,
    /// What happened, as far as each seat may hear of it, in order.
    pub told: [Vec<(u64, String)>; SEATS],
    /// Who sits where.
    seats: BTreeMap<u16, String>,
    /// Commits of this history and of those that were lost.
    tags: BTreeSet<(u64, [u8; 8])>,
    /// Commands that a restored copy did not have.
    pub lost: BTreeSet<String>,
    /// What a seat could hear of and a restored copy did not have. It may still be on its way.
    unheard_of: BTreeSet<(u64, String)>,
    /// How often its epoch was raised.
    pub fences: u64,
    ids: BTreeSet<String>,
    alarms: BTreeMap<String, Time>,
    tasks: BTreeSet<String>,
}

/// The whole journal, as it has shown itself.
#[derive(Default)]
pub struct Audit {
    pub stories: BTreeMap<Address, Story>,
    pub found: Found,
}

impl Audit {
    /// Watch this actor, which is there from now on.
    pub fn follow(&mut self, address: Address) {
        self.stories.insert(address, Story::default());
    }

    /// Look what has grown; by now no clock that was ever right or wrong can show more than `latest`.
    pub async fn step(&mut self, store: &MemoryStore, latest: Time) {
        for (address, story) in &mut self.stories {
            let head = store.head(address).await.ok().flatten();
            if head != story.head {
                story.grow(address, store, head, latest, &mut self.found).await;
            }
        }
    }

    /// The epoch of this actor was raised; its commits stay what they are.
    pub fn fenced(&mut self, address: &Address) {
        self.stories.entry(address.clone()).and_modify(|story| story.fences += 1);
    }

    /// An older copy was restored: what is not there any more is lost, and everything else is as it was.
    pub async fn restored(&mut self, store: &MemoryStore, latest: Time) {
        for (address, story) in &mut self.stories {
            let before = std::mem::take(story);
            let (tags, views, fences) = (before.tags, before.views, before.fences + 1);
            let (lost, unheard_of) = (before.lost, before.unheard_of);
            *story = Story { tags, views, lost, unheard_of, fences, ..Story::default() };
            let head = store.head(address).await.ok().flatten();
            story.grow(address, store, head, latest, &mut Found::default()).await;
            story.lost.extend(before.at.into_keys().filter(|what| !story.at.contains_key(what)));
            let before = before.told.into_iter().flatten();
            story.unheard_of.extend(before.filter(|it| !story.told.iter().any(|told| told.contains(it))));
        }
    }

    /// Hold what somebody was told against the journal.
    pub fn hear(&mut self, (player, seat): (usize, usize), address: &Address, claim: Claim) {
        let Some(story) = self.stories.get(address) else { return };
        match claim {
            Claim::Accepted { what, position } => {
                let is_there = story.at.get(&what) == Some(&position.seq) && story.holds(position);
                let was_there = story.lost.contains(&what) && story.holds(position);
                self.found.must(is_there || was_there, || {
                    format!("ACK-AFTER-SYNC: {what} of {address} was accepted at {position}, where it is not yet")
                });
            }
            Claim::Sees { position, view } => {
                self.found.must(story.holds(position), || {
                    format!("ACK-AFTER-SYNC: player {player} sees {address} at {position}, which is no commit yet")
                });
                let right = story.views.get(&(position.seq, position.tag, seat));
                self.found.must(right.is_none_or(|right| *right == view), || {
                    format!("RESUME-EXACT: player {player} holds another view of {address} than that of {position}")
                });
            }
            Claim::Hears { after, told } => {
                let was_lost =
                    [after.as_ref(), Some(&told)].into_iter().flatten().any(|it| story.unheard_of.contains(it));
                let all = &story.told[seat];
                let place = after.map_or(Some(0), |after| Some(all.iter().position(|it| *it == after)? + 1));
                let next = place.and_then(|place| all.get(place));
                self.found.must(next == Some(&told) || was_lost, || {
                    format!("SUB-DENSE: player {player} heard {told:?} of {address}, and {next:?} is next")
                });
            }
        }
    }
}

impl Story {
    /// Whether this position names a commit that is or was there.
    fn holds(&self, position: Position) -> bool {
        position.seq == 0 || self.tags.contains(&(position.seq, position.tag))
    }

    async fn grow(
        &mut self,
        address: &Address,
        store: &MemoryStore,
        head: Option<Head>,
        latest: Time,
        found: &mut Found,
    ) {
        let known = self.head.unwrap_or(Head::start(0));
        // The newest known one again: it must be what it was.
        let entries = store.read(address, known.seq.saturating_sub(1), usize::MAX).await.unwrap_or_default();
        let (old, new) = entries.split_at(usize::from(known.seq > 0).min(entries.len()));
        let stays = old.iter().all(|entry| record::trailing_hash(&entry.record).ok() == Some(known.hash));
        found.must(stays && head.is_some_and(|head| head.seq >= known.seq), || {
            format!("ONE-PER-SEQ: commit {} of {address} is another one than it was", known.seq)
        });
        let mut last = known.hash;
        for entry in new {
            last = self.take(address, entry, last, latest, found);
        }
        self.head = head;
    }

    /// DENSE and CHAIN-OK; the hash of this commit.
    fn take(&mut self, address: &Address, entry: &Entry, last: Hash, latest: Time, found: &mut Found) -> Hash {
        let opening = match record::open(address, &entry.record) {
            Ok(opening) => opening,
            Err(damage) => {
                found.must(false, || format!("CHAIN-OK: {address} {}: {damage}", entry.seq));
                return last;
            }
        };
        let (header, hash) = (&opening.header, opening.hash);
        self.commits += 1;
        found.must(header.seq == self.commits, || {
            format!("DENSE: commit {} of {address} is at place {}", header.seq, self.commits)
        });
        found.must(header.prev == last, || format!("CHAIN-OK: {address} {}: it does not follow", header.seq));
        self.tags.insert((header.seq, hash.tag()));
        self.show(address, &opening);
        self.once(address, &opening, found);
        let events = opening.body.events.iter().filter_map(|event| serde_json::from_slice(event).ok());
        for event in events.collect::<Vec<Event>>() {
            self.happen(address, header.seq, header.time, event, latest, found);
        }
        hash
    }

    /// Note what everybody sees from now on.
    fn show(&mut self, address: &Address, opening: &Opening<'_>) {
        let blank = || Machine::blank(Arc::new(Kind::of::<Ledger>()), address.clone(), 1);
        let machine = self.machine.get_or_insert_with(blank);
        if machine.fold(opening).is_err() {
            return;
        }
        for seat in 0..SEATS {
            let sight = machine.sight(&viewer(seat)).ok();
            let view = sight.and_then(|sight| serde_json::from_slice(&machine.view(&sight).ok()?).ok());
            if let Some(view) = view {
                let place = (opening.header.seq, opening.hash.tag(), seat);
                self.views.insert(place, fingerprint(&view));
            }
        }
    }

    /// IDEMPOTENT: no command has two commits.
    fn once(&mut self, address: &Address, opening: &Opening<'_>, found: &mut Found) {
        if let Cause::Command { id: Some(id), .. } = &opening.body.cause {
            let is_new = self.ids.insert(format!("{id:?}"));
            found.must(is_new, || format!("IDEMPOTENT: {id:?} has two commits in {address}"));
        }
    }

    /// IDEMPOTENT, TIMER-ONCE-PLUS, TIMER-NOT-EARLY and EFFECT-OBSERVED-ONCE.
    fn happen(&mut self, address: &Address, seq: u64, time: Time, event: Event, latest: Time, found: &mut Found) {
        if let Some(what) = event.command() {
            let before = self.at.insert(what.to_owned(), seq);
            found.must(before.is_none(), || format!("IDEMPOTENT: {what} of {address} is commits {before:?} and {seq}"));
        }
        match event {
            Event::Added { what } => self.tell(seq, &what, |_| true),
            Event::Sat { seat, who, .. } => drop(self.seats.insert(seat, who)),
            Event::Hidden { what, seat, .. } => {
                let sits = self.seats.get(&seat).cloned();
                self.tell(seq, &what, |who| sits.as_deref() == Some(who));
            }
            Event::AlarmSet { what, at } => drop(self.alarms.insert(what, at)),
            Event::Rang { what } => {
                let due = self.alarms.remove(&what);
                found.must(due.is_some(), || format!("TIMER-ONCE-PLUS: {address}: {what} rang without being due"));
                // By the actor's own clock, and by the right one, as far as clocks were right.
                found.must(due.is_none_or(|due| due <= time && due <= latest), || {
                    format!("TIMER-NOT-EARLY: {address}: {what} rang before {due:?}")
                });
                self.tell(seq, &what, |_| true);
            }
            Event::Opened { what } => drop(self.tasks.insert(what)),
            Event::Worked { what, .. } => {
                let is_open = self.tasks.remove(&what);
                found.must(is_open, || format!("EFFECT-OBSERVED-ONCE: {address}: {what}"));
            }
            _ => {}
        }
    }

    /// Those of whom this holds may hear of it.
    fn tell(&mut self, seq: u64, what: &str, hears: impl Fn(&str) -> bool) {
        for (seat, told) in self.told.iter_mut().enumerate() {
            if hears(&viewer(seat).principal.id) {
                told.push((seq, what.to_owned()));
            }
        }
    }

    /// When everything has come to rest, nothing is left to ring and nothing to do.
    pub fn end(&self, address: &Address, found: &mut Found) {
        let Self { alarms, tasks, .. } = self;
        found.must(alarms.is_empty(), || format!("TIMER-ONCE-PLUS: {address}: {alarms:?} never rang"));
        found.must(tasks.is_empty(), || format!("LIVE-AFTER-HEAL: {address}: {tasks:?} have no outcome"));
    }
}
