//! What must hold once everything has come to rest. Each violation begins with the name that reliability has for the invariant.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dormouse_core::{
    Address, Kind, Time,
    record::{self, Cause},
};
use dormouse_engine::{LoadOptions, load};
use dormouse_journal::{Journal, MemoryStore};
use serde_json::Value;

use crate::{
    client::Player,
    rules::{Event, Ledger},
};

/// One commit, as the journal has it.
struct Commit {
    seq: u64,
    time: Time,
    cause: Cause,
    events: Vec<Event>,
}

/// The journal's word on one actor.
struct Story {
    epoch: u32,
    commits: Vec<Commit>,
}

#[derive(Default)]
pub struct Found {
    pub violations: Vec<String>,
    pub acknowledged: u64,
    pub commits: u64,
    pub checks: u64,
    /// Commands that were refused on one line and taken on another.
    pub overtaken: u64,
}

impl Found {
    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.violations.push(what());
        }
    }
}

/// Hold the journal against what every player was promised and heard.
pub async fn check(store: &MemoryStore, players: &[Player]) -> Found {
    let mut found = Found::default();
    let mut stories = BTreeMap::new();
    for address in dormouse_journal::Index::sweep(store, None, 1000).await.unwrap_or_default() {
        let story = story(store, &address, &mut found).await;
        found.commits += story.commits.len() as u64;
        once(&address, &story, &mut found);
        timers(&address, &story, &mut found);
        stories.insert(address, story);
    }
    for player in players {
        found.violations.extend(player.violations.iter().cloned());
        promises(player, &stories, &mut found);
        heard(player, &stories, &mut found);
    }
    in_order(players, &mut found);
    found
}

fn address(player: &Player, actor: &str) -> Address {
    let tenant = player.tenant.parse().expect("a name");
    Address::in_tenant(&tenant, actor).expect("a name")
}

/// DENSE, CHAIN-OK and REPLAY-EQUAL: from the first commit and from the snapshot the same state comes out.
async fn story(store: &MemoryStore, address: &Address, found: &mut Found) -> Story {
    let kind = Arc::new(Kind::of::<Ledger>());
    let from_start = load(store, &kind, address, LoadOptions { from_start: true, until: None }).await;
    let from_snapshot = load(store, &kind, address, LoadOptions::default()).await;
    match (from_start, from_snapshot) {
        (Ok(replayed), Ok(restored)) => {
            found.must(replayed.state_hash() == restored.state_hash(), || format!("REPLAY-EQUAL: {address}"));
        }
        (Err(error), _) | (_, Err(error)) => found.violations.push(format!("CHAIN-OK: {address}: {error}")),
    }
    let entries = store.read(address, 0, usize::MAX).await.unwrap_or_default();
    let mut commits = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        found.must(entry.seq == at as u64 + 1, || format!("DENSE: {address}: {} at place {at}", entry.seq));
        match record::open(address, &entry.record) {
            Ok(opening) => {
                let events =
                    opening.body.events.iter().filter_map(|event| serde_json::from_slice(event).ok()).collect();
                commits.push(Commit { seq: entry.seq, time: opening.header.time, cause: opening.body.cause, events });
            }
            Err(damage) => found.violations.push(format!("CHAIN-OK: {address} {}: {damage}", entry.seq)),
        }
    }
    let epoch = store.head(address).await.ok().flatten().map_or(0, |head| head.epoch);
    Story { epoch, commits }
}

/// IDEMPOTENT: no command and no input has two commits.
fn once(address: &Address, story: &Story, found: &mut Found) {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for Commit { seq, cause, events, .. } in &story.commits {
        if let Cause::Command { id: Some(id), .. } = cause {
            let before = seen.insert(format!("id {id:?}"), *seq);
            found.must(before.is_none(), || format!("IDEMPOTENT: {address}: {id:?} is commits {before:?} and {seq}"));
        }
        for what in events.iter().filter_map(Event::command) {
            let before = seen.insert(what.to_owned(), *seq);
            found.must(before.is_none(), || format!("IDEMPOTENT: {address}: {what} is commits {before:?} and {seq}"));
        }
    }
}

/// TIMER-ONCE-PLUS, TIMER-NOT-EARLY and EFFECT-OBSERVED-ONCE.
fn timers(address: &Address, story: &Story, found: &mut Found) {
    let (mut alarms, mut tasks) = (BTreeMap::new(), BTreeMap::new());
    for Commit { time, events, .. } in &story.commits {
        for event in events {
            match event {
                Event::AlarmSet { what, at } => drop(alarms.insert(what, *at)),
                Event::Rang { what } => {
                    let due = alarms.remove(what);
                    found.must(due.is_some(), || format!("TIMER-ONCE-PLUS: {address}: {what} rang without being due"));
                    found.must(due.is_none_or(|due| *time >= due), || format!("TIMER-NOT-EARLY: {address}: {what}"));
                }
                Event::Opened { what } => drop(tasks.insert(what, ())),
                Event::Worked { what, .. } => {
                    let open = tasks.remove(what).is_some();
                    found.must(open, || format!("EFFECT-OBSERVED-ONCE: {address}: {what}"));
                }
                _ => {}
            }
        }
    }
    found.must(alarms.is_empty(), || format!("TIMER-ONCE-PLUS: {address}: {alarms:?} never rang"));
    found.must(tasks.is_empty(), || format!("LIVE-AFTER-HEAL: {address}: {tasks:?} have no outcome"));
}

/// ACK-DURABLE and NO-PHANTOM: what was accepted is where its answer says, and what was refused is nowhere.
fn promises(player: &Player, stories: &BTreeMap<Address, Story>, found: &mut Found) {
    for (what, sent) in &player.sent {
        let address = address(player, &sent.actor);
        let story = stories.get(&address);
        let commit = story.and_then(|story| {
            story.commits.iter().find(|commit| commit.events.iter().any(|event| event.command() == Some(what)))
        });
        let at = commit.map(|commit| commit.seq);
        match &sent.answered {
            Some((_, Ok(position))) => {
                found.acknowledged += 1;
                found.must(at == Some(position.seq), || {
                    format!("ACK-DURABLE: {what} of {address} is at {at:?}, not at {position}")
                });
                found.must(story.is_some_and(|story| story.epoch == position.epoch), || {
                    format!("FENCED: {what}: {position}")
                });
            }
            // The client says itself that it cannot know.
            Some((_, Err(name))) if name == "unknown_outcome" => {}
            // What was put on two lines and refused on one may be taken on the other, if that delivers it when the rules have come to like it.
            Some((_, Err(_))) if sent.transmitted > 1 && at.is_some() => found.overtaken += 1,
            Some((_, Err(name))) => {
                found.must(at.is_none(), || {
                    format!("NO-PHANTOM: {what} of {address} was refused ({name}) and is at {at:?}")
                });
            }
            // Its client was gone when the answer came.
            None => {}
        }
    }
}

/// SUB-DENSE and RESUME-EXACT: over all drops every player heard each event of the journal once, and sees what the newest state shows.
fn heard(player: &Player, stories: &BTreeMap<Address, Story>, found: &mut Found) {
    for actor in &player.actors {
        let Some(story) = stories.get(&address(player, actor)) else { continue };
        let Some(heard) = player.heard.get(actor) else {
            found.violations.push(format!("LIVE-AFTER-HEAL: player {} heard nothing of {actor}", player.index));
            continue;
        };
        found.must(heard.ended.is_none(), || format!("LIVE-AFTER-HEAL: {actor} ended: {:?}", heard.ended));
        found.must(heard.resets == 0, || format!("RESUME-EXACT: {actor} was reset for player {}", player.index));
        let told: Vec<(u64, &str)> =
            heard.events.iter().filter_map(|(seq, _, event)| Some((*seq, public(event)?))).collect();
        let all: Vec<(u64, &str)> = story.commits.iter().flat_map(everybody_hears).collect();
        found.must(told == all, || {
            let first = told.iter().zip(&all).position(|(a, b)| a != b).unwrap_or(told.len().min(all.len()));
            format!(
                "RESUME-EXACT: player {} heard {} of {} events of {actor}; they part at {first}: {:?} and {:?}",
                player.index,
                told.len(),
                all.len(),
                told.get(first),
                all.get(first)
            )
        });
        let seq = heard.view.as_ref().map(|(position, _)| position.seq);
        let shown = heard.view.as_ref().map(|(_, view)| &view["added"]);
        let added = story
            .commits
            .iter()
            .flat_map(|commit| &commit.events)
            .filter(|event| matches!(event, Event::Added { .. }))
            .count();
        found.must(shown == Some(&Value::from(added)), || {
            format!(
                "RESUME-EXACT: player {} sees {shown:?} of {added} at {seq:?} of {} in {actor}",
                player.index,
                story.commits.len()
            )
        });
    }
}

/// Of a heard event, what everybody may hear.
fn public(event: &Value) -> Option<&str> {
    matches!(event["type"].as_str(), Some("added" | "rang")).then(|| event["what"].as_str())?
}

fn everybody_hears(commit: &Commit) -> impl Iterator<Item = (u64, &str)> {
    commit.events.iter().filter_map(|event| match event {
        Event::Added { what } | Event::Rang { what } => Some((commit.seq, what.as_str())),
        _ => None,
    })
}

/// CAS-LINEAR: what was begun after another command of the actor had been answered comes after it. Since answers tell the order, that is
/// the whole of linearizability.
fn in_order(players: &[Player], found: &mut Found) {
    /// When it was begun and answered, and the commit that it is.
    type Span = (Duration, Duration, u64);
    let mut by_actor: BTreeMap<(&str, &str), Vec<Span>> = BTreeMap::new();
    for player in players {
        for sent in player.sent.values() {
            if let Some((answered, Ok(position))) = &sent.answered {
                by_actor.entry((player.tenant, &sent.actor)).or_default().push((sent.begun, *answered, position.seq));
            }
        }
    }
    for ((tenant, actor), mut answers) in by_actor {
        answers.sort_unstable_by_key(|(begun, ..)| *begun);
        let mut by_end: Vec<(Duration, u64)> = answers.iter().map(|(_, answered, seq)| (*answered, *seq)).collect();
        by_end.sort_unstable();
        let (mut ended, mut newest) = (0, 0);
        for (begun, _, seq) in answers {
            while let Some((_, of)) = by_end.get(ended).filter(|(answered, _)| *answered < begun) {
                newest = newest.max(*of);
                ended += 1;
            }
            found.must(seq > newest, || {
                format!("CAS-LINEAR: {tenant}/{actor}: commit {seq} was begun after {newest} was answered")
            });
        }
    }
}
