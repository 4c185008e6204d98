//! An actor of the demo, as a host drives it: a script of a session, and what must hold after each line of it.

use std::{collections::BTreeMap, time::Duration};

use dormouse_core::{
    Code, Failure, Hash, Machine, Sight, Stimulus, Time, dice::Secret, machine::Decision, patch::diff,
};
use serde_json::Value;

use super::people::{address, blank, kind, viewer};
use crate::text::word;

const DAWN: Time = Time(1_700_000_000_000);
pub(super) const SECRET: Secret = Secret([7; 32]);
/// Wakes that come due at one moment: rules that ask for more would never let their actor sleep.
const WAKES_MAX: usize = 64;
/// Wakes of one line of a script.
const NIGHTS_MAX: u64 = 20;

/// An actor and what happened to it.
pub(crate) struct Stage {
    pub(crate) machine: Machine,
    now: Time,
    pub(crate) records: Vec<Vec<u8>>,
    /// Of the state.
    hash: Hash,
    views: BTreeMap<Sight, Vec<u8>>,
}

impl Stage {
    pub(super) fn at(machine: Machine) -> Self {
        let now = machine.time().max(DAWN);
        let hash = machine.state_hash();
        Self { machine, now, records: vec![], hash, views: BTreeMap::new() }
    }

    pub(crate) fn play(script: &str) -> Option<Self> {
        let mut lines = script.lines();
        let (name, config) = word(lines.next()?);
        let mut stage = Self::at(blank(&kind(name)?));
        let create = Stimulus::Create { by: viewer("ann"), config: config.as_bytes().into(), secret: SECRET };
        let _ = stage.decide(&create);
        lines.for_each(|line| stage.line(line));
        Some(stage)
    }

    fn line(&mut self, line: &str) {
        let (first, rest) = word(line);
        let stimulus = match (first.as_bytes().first(), first) {
            (Some(b'@'), _) => {
                return self.now = self.now.after(Duration::from_millis(first[1..].parse().unwrap_or(1)));
            }
            (_, "wake") => return (0..rest.parse().unwrap_or(1).min(NIGHTS_MAX)).for_each(|_| self.wake()),
            (Some(b'+'), _) => Stimulus::Joined { who: viewer(&first[1..]) },
            (Some(b'-'), _) => Stimulus::Left { who: viewer(&first[1..]) },
            (_, "retire") => Stimulus::Retire { by: viewer(rest) },
            _ => {
                let (who, n) = first.split_once('#').unwrap_or((first, ""));
                let id = format!("0-a:{n}").parse().ok();
                Stimulus::Command { by: viewer(who), id, command: rest.as_bytes().into(), resent: false }
            }
        };
        let _ = self.decide(&stimulus);
    }

    /// Sleep until the next wake, and decide whatever is due then.
    fn wake(&mut self) {
        let Some(at) = self.machine.next_wake() else { return };
        self.now = self.now.max(at);
        for _ in 0..WAKES_MAX {
            let Some(wake) = self.machine.due(self.now) else { return };
            self.decide(&wake).unwrap_or_else(|failure| panic!("a wake was refused: {failure}"));
        }
        panic!("wakes come due without end at {}", self.now);
    }

    pub(super) fn decide(&mut self, stimulus: &Stimulus) -> Result<(), Failure> {
        let nonce = [self.records.len() as u8; 16];
        match self.machine.decide(stimulus, self.now, nonce) {
            Ok(Decision::Commit(sealed)) => {
                self.records.push(sealed.record);
                self.hash = self.machine.state_hash();
                self.look();
                Ok(())
            }
            Ok(_) => {
                assert_eq!(self.machine.state_hash(), self.hash, "nothing was written");
                Ok(())
            }
            Err(failure) => {
                let is_a_fault = matches!(failure.code, Code::RulesPanicked | Code::AgendaTooLong | Code::Internal);
                assert!(!is_a_fault && !self.machine.is_spoiled(), "{failure} on {stimulus:?}");
                assert_eq!(self.machine.state_hash(), self.hash, "a refusal changes nothing");
                Err(failure)
            }
        }
    }

    /// Every view has a patch from the one before, or is sent whole.
    fn look(&mut self) {
        for who in ["", "ann"] {
            let sight = self.machine.sight(&viewer(who)).expect("rules have a sight for everybody");
            if sight == Sight::Nothing {
                continue;
            }
            let view = self.machine.view(&sight).expect("and a view for every sight");
            if let Some(before) = self.views.insert(sight, view.clone()) {
                leads_to(&before, &view);
            }
        }
    }

    /// The history, from its first commit and from a snapshot, is what happened.
    pub(super) fn replays(self) {
        let Some(kind) = kind(self.machine.address().kind.as_str()) else { return };
        let mut again = blank(&kind);
        for record in &self.records {
            again.apply(record).expect("what was decided can be folded");
        }
        let snapshot = self.machine.snapshot();
        assert_eq!(again.snapshot(), snapshot, "replayed");
        assert_eq!(again.next_wake(), self.machine.next_wake());
        let restored = Machine::restore(kind.clone(), address(&kind), &snapshot).expect("it was just written");
        assert_eq!(restored.expect("by these rules").snapshot(), snapshot, "restored");
    }
}

fn leads_to(before: &[u8], view: &[u8]) {
    let value = |text: &[u8]| serde_json::from_slice::<Value>(text).expect("views are JSON");
    let Some(ops) = diff(before, view) else { return };
    let ops: json_patch::Patch = serde_json::from_slice(&ops).expect("a patch is a list of operations");
    let mut patched = value(before);
    json_patch::patch(&mut patched, &ops).expect("a patch fits what it was made for");
    assert_eq!(patched, value(view), "the view after the patch");
}
