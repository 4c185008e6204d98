//! Finds what an actor tells those who may not know it.
//!
//! [`check`] runs a whole session twice on a real host: once as it is, and once so that every sight is shown a state in which all that it may not
//! know is something else. What reaches anybody must be the same, byte for byte. [`check_history`] asks the same of an actor alone, over
//! thousands of games.

use std::{collections::BTreeSet, fmt};

use dormouse_core::{Actor, Dice, Draft, Input, Kind, Sight, Viewer, time::Moment};
use serde::Serialize;
use serde_json::Value;

use super::{
    permuted::{self, grounds, known, next_wake, permuted},
    script::Script,
    session::{self, Got},
};
use crate::{Hides, Solo};

/// Bytes that are shown around a difference.
const AROUND: usize = 60;

/// Something that differs for somebody who cannot know of any difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Who gets what, and when.
    pub what: String,
    /// What they get.
    pub seen: String,
    /// What they would get if that which they cannot know were something else.
    pub otherwise: String,
}

impl Leak {
    fn between(what: impl FnOnce() -> String, seen: String, otherwise: String) -> Result<(), Self> {
        if seen == otherwise { Ok(()) } else { Err(Self { what: what(), seen, otherwise }) }
    }

    fn of(what: impl FnOnce() -> String, seen: &impl Serialize, otherwise: &impl Serialize) -> Result<(), Self> {
        Self::between(what, text(seen), text(otherwise))
    }
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what is shown serialises to JSON")
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seen, otherwise) = (self.seen.as_bytes(), self.otherwise.as_bytes());
        let at = seen.iter().zip(otherwise).take_while(|(a, b)| a == b).count();
        let around = |bytes: &[u8]| {
            let end = bytes.len().min(at + AROUND);
            String::from_utf8_lossy(&bytes[at.saturating_sub(AROUND).min(end)..end]).into_owned()
        };
        writeln!(
            f,
            "{} tells what is hidden, from byte {at} of {} on, or of {}:",
            self.what,
            seen.len(),
            otherwise.len()
        )?;
        writeln!(f, "  as it is:  {}", around(seen))?;
        write!(f, "  otherwise: {}", around(otherwise))
    }
}

impl std::error::Error for Leak {}

/// Run this script as it is and permuted.
///
/// # Panics
/// If anybody, a stranger included, gets other bytes: says who, over what, after which step, and where they differ.
pub fn check<A: Hides>(script: &Script) {
    if let Err(leak) = find::<A>(script) {
        panic!("{leak}");
    }
}

/// The same, for whoever wants the leak itself.
///
/// # Errors
/// The first [`Leak`].
///
/// # Panics
/// If the session differs from itself: views must not depend on the order of a `HashMap`.
pub fn find<A: Hides>(script: &Script) -> Result<(), Leak> {
    let seen = session::run(Kind::of::<A>, script);
    let Err(leak) = compare(script, &seen, &session::run(permuted::kind::<A>, script)) else { return Ok(()) };
    if let Err(unsteady) = compare(script, &seen, &session::run(Kind::of::<A>, script)) {
        panic!("the same session is not the same twice; is there a HashMap in it? {unsteady}");
    }
    Err(leak)
}

fn compare(script: &Script, seen: &[Got], otherwise: &[Got]) -> Result<(), Leak> {
    for (seen, otherwise) in seen.iter().zip(otherwise) {
        let what = || {
            let step = seen.step.checked_sub(1).and_then(|step| script.steps.get(step));
            let step = step
                .map_or_else(|| "at the beginning".to_owned(), |step| format!("after step {}, {step:?},", seen.step));
            format!("what {} gets over {} {step}", seen.who, seen.over)
        };
        let place = |got: &Got| (got.who.clone(), got.over.clone(), got.step);
        let (seen_text, other_text) = match place(seen) == place(otherwise) {
            true => (seen.text.clone(), otherwise.text.clone()),
            // One of them got more, or less.
            false => (format!("{seen:?}"), format!("{otherwise:?}")),
        };
        Leak::between(what, seen_text, other_text)?;
    }
    Leak::of(|| "the number of messages".into(), &seen.len(), &otherwise.len())
}

/// Hold every commit of an actor against one permutation of it for each of these viewers: their sight, the view, what events reveal, the summary,
/// the next wake, and tasks that somebody hears. Earlier commits are looked at in the sight of now, too, as hosts show them.
///
/// # Errors
/// The first [`Leak`].
pub fn check_history<A: Hides>(solo: &Solo<A>, viewers: &[Viewer], dice: &mut Dice) -> Result<(), Leak> {
    let now = sights(&solo.state, viewers);
    let mut state = A::default();
    for (at, events) in &solo.history {
        for event in events {
            state.evolve(&stored(event), *at);
        }
        let commit = Committed { state: &state, bytes: json(&state), at: *at };
        for sight in sights(&state, viewers).union(&now) {
            commit.check_sight(sight, events, dice)?;
        }
        commit.check_rest(viewers, dice)?;
    }
    let events: Vec<Vec<u8>> = solo.history.iter().flat_map(|(_, events)| events.iter().cloned()).collect();
    now.iter().try_for_each(|sight| Committed::newest(solo).check_sight(sight, &events, dice))
}

/// The same of the newest commit alone: for tests that check at every step.
///
/// # Errors
/// The first [`Leak`].
pub fn check_commit<A: Hides>(solo: &Solo<A>, viewers: &[Viewer], dice: &mut Dice) -> Result<(), Leak> {
    let events = solo.history.last().map(|(_, events)| events.as_slice()).unwrap_or_default();
    let commit = Committed::newest(solo);
    sights(&solo.state, viewers).iter().try_for_each(|sight| commit.check_sight(sight, events, dice))?;
    commit.check_rest(viewers, dice)
}

/// Whether the rules take this command, and what they say if not, must not depend on what its sender cannot know. Nothing is changed.
///
/// # Errors
/// The [`Leak`].
///
/// # Panics
/// If the command is none of the actor's.
pub fn check_command<A: Hides>(solo: &Solo<A>, by: &Viewer, command: &Value, dice: &mut Dice) -> Result<(), Leak> {
    let answer = |mut state: A| {
        let command = serde_json::from_value(command.clone()).expect("a command of this actor");
        let at = Moment { seq: solo.at.seq + 1, time: solo.at.time };
        let input = Input::Command { by: by.clone(), command };
        let answer = A::decide(&mut Draft::new(&mut state, &mut vec![], at, solo.secret), input);
        answer.map_or_else(|refused| refused.to_string(), |()| "accepted".to_owned())
    };
    let state = json(&solo.state);
    let other = permuted(&state, &solo.state.sight(by), dice);
    let what = || format!("the answer to {command} of {} after commit {}", by.principal.id, solo.at.seq);
    Leak::between(what, answer(stored(&state)), answer(other))
}

fn sights<A: Actor>(state: &A, viewers: &[Viewer]) -> BTreeSet<Sight> {
    let sights = viewers.iter().map(|viewer| state.sight(viewer));
    sights.filter(|sight| *sight != Sight::Nothing).collect()
}

/// An actor as one commit left it.
struct Committed<'a, A> {
    state: &'a A,
    bytes: Vec<u8>,
    at: Moment,
}

impl<'a, A: Hides> Committed<'a, A> {
    fn newest(solo: &'a Solo<A>) -> Self {
        Self { state: &solo.state, bytes: json(&solo.state), at: solo.at }
    }

    /// What this sight sees, and hears of these events.
    fn check_sight(&self, sight: &Sight, events: &[Vec<u8>], dice: &mut Dice) -> Result<(), Leak> {
        let Self { state, bytes, at } = self;
        let other: A = permuted(bytes, sight, dice);
        Leak::of(|| format!("the view of {sight:?} at commit {}", at.seq), &state.view(sight), &other.view(sight))?;
        for event in events {
            let mut exchanged: A::Event = stored(event);
            A::permute_event(&mut exchanged, known(sight), dice);
            let (seen, otherwise) = (state.reveal(&stored(event), sight), other.reveal(&exchanged, sight));
            Leak::of(|| format!("an event that {sight:?} hears at commit {}", at.seq), &seen, &otherwise)?;
        }
        Ok(())
    }

    /// Who sees what, and what lists show.
    fn check_rest(&self, viewers: &[Viewer], dice: &mut Dice) -> Result<(), Leak> {
        let Self { state, bytes, at } = self;
        for viewer in viewers {
            let sight = state.sight(viewer);
            let other: A = permuted(bytes, grounds(&sight), dice);
            let what = || format!("the sight of {} at commit {}", viewer.principal.id, at.seq);
            Leak::of(what, &sight, &other.sight(viewer))?;
        }
        let other: A = permuted(bytes, &Sight::Public, dice);
        Leak::of(|| format!("the summary at commit {}", at.seq), &state.summary(), &other.summary())?;
        let wake = |state: &A| next_wake(&state.agenda());
        Leak::of(|| format!("the next wake at commit {}", at.seq), &wake(state), &wake(&other))?;
        self.check_tasks(dice)
    }

    /// Whoever hears a task's stream may be told all that its worker was asked.
    fn check_tasks(&self, dice: &mut Dice) -> Result<(), Leak> {
        for (key, _) in self.state.agenda().tasks {
            let task = self.state.task(&key);
            if task.hear != Sight::Nothing {
                let other: A = permuted(&self.bytes, &task.hear, dice);
                Leak::of(|| format!("the task {key} at commit {}", self.at.seq), &task, &other.task(&key))?;
            }
        }
        Ok(())
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("states serialise to JSON")
}

fn stored<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes).expect("what was serialised decodes")
}
