//! An actor for files that are damaged on purpose: it keeps what people say.

use std::sync::Arc;

use dormouse_core::{
    Actor, Address, Draft, Input, Kind, Machine, Moment, Principal, Rejection, Sight, Stimulus, Summary, Time, Viewer,
    dice::Secret, machine::Decision,
};
use dormouse_journal::{IndexChange, Journal, Run, StoredSnapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// Everything that was said.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Notes(Vec<String>);

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Say(String);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Said(String);

impl Actor for Notes {
    const KIND: &'static str = "notes";
    const RULES: u32 = 1;
    type Config = ();
    type Command = Say;
    type Event = Said;
    type View = Vec<String>;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        if let Input::Command { command: Say(text), .. } = input {
            draft.emit(Said(text));
        }
        Ok(())
    }

    fn evolve(&mut self, Said(text): &Said, _: Moment) {
        self.0.push(text.clone());
    }

    fn view(&self, _: &Sight) -> Vec<String> {
        self.0.clone()
    }

    fn summary(&self) -> Option<Summary> {
        Some(Summary { title: format!("{} notes", self.0.len()), status: "open".into(), ..Summary::default() })
    }
}

/// A person who fills notes.
pub(crate) struct Scribe {
    machine: Machine,
    by: Viewer,
    time: Time,
}

impl Scribe {
    pub(crate) fn new(kind: &Arc<Kind>, address: Address) -> Self {
        let by = Viewer::new(Principal { id: "g-1".into(), name: "Ana".into() }, Vec::new());
        Self { machine: Machine::blank(kind.clone(), address, 1), by, time: Time(1_790_000_000_000) }
    }

    /// Make the actor if it is not there; else say something.
    pub(crate) async fn write(&mut self, journal: &impl Journal, rng: &mut Rng) {
        let expected = self.machine.head();
        let by = self.by.clone();
        let stimulus = if expected.seq == 0 {
            Stimulus::Create { by, config: b"null".as_slice().into(), secret: Secret([rng.next() as u8; 32]) }
        } else {
            let words_max = if rng.percent(2) { 1_500 } else { 12 };
            let text = "said ".repeat(1 + rng.index(words_max));
            Stimulus::Command {
                by,
                id: None,
                command: serde_json::to_vec(&text).expect("a text").into(),
                resent: false,
            }
        };
        self.time = Time(self.time.0 + rng.below(100_000));
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&rng.next().to_le_bytes());
        let Ok(Decision::Commit(sealed)) = self.machine.decide(&stimulus, self.time, nonce) else {
            unreachable!("notes refuse nothing")
        };
        let mut index = IndexChange::default();
        index.merge(sealed.changes, sealed.summary, sealed.present);
        let address = self.machine.address().clone();
        let run =
            Run { address, records: vec![sealed.record.into()], expected, head: sealed.head, time: sealed.time, index };
        journal.append(run).await.expect("nobody else writes here");
    }

    pub(crate) async fn save(&self, journal: &impl Journal) {
        let snapshot = StoredSnapshot { head: self.machine.head(), bytes: self.machine.snapshot().into() };
        journal.put_snapshot(self.machine.address(), snapshot).await.expect("the disk has room");
    }
}
