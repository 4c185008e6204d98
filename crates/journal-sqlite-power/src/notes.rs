//! An actor for files that are damaged on purpose: it keeps what people say, and has something of everything that the index holds.

use std::sync::Arc;

use dormouse_core::{
    Actor, Address, Agenda, Draft, Input, Kind, Machine, Moment, Principal, Rejection, Sight, Stimulus, Summary, Task,
    TaskKey, Time, Viewer, dice::Secret, machine::Decision,
};
use dormouse_journal::{IndexChange, Journal, Run, StoredSnapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::rng::Rng;

/// Everything that was said.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Notes(Vec<String>);

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Say(String);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Said(String);

/// The kind of its one task.
pub(crate) const TASK: &str = "tidy";

/// Its first wake, which is later than all that is written.
pub(crate) const WAKE: Time = Time(2_000_000_000_000);

impl Actor for Notes {
    const KIND: &'static str = "notes";
    const RULES: u32 = 1;
    type Config = ();
    type Command = Say;
    type Event = Said;
    type View = Vec<String>;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Command { command: Say(text), .. } => draft.emit(Said(text)),
            Input::Joined { .. } => draft.emit(Said("hello".into())),
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, Said(text): &Said, _: Moment) {
        self.0.push(text.clone());
    }

    fn view(&self, _: &Sight) -> Vec<String> {
        self.0.clone()
    }

    fn agenda(&self) -> Agenda {
        Agenda::default().wake(Time(WAKE.0 + self.0.len() as u64), "remind").task("a", TASK)
    }

    fn task(&self, _: &TaskKey) -> Task {
        Task::new(TASK, json!(null))
    }

    fn summary(&self) -> Option<Summary> {
        let title = format!("{} notes", self.0.len());
        let members = vec!["g-1".to_owned(), format!("g-{}", 2 + self.0.len() % 3)];
        Some(Summary { title, status: "open".into(), members, sort: 3, private: self.0.len() % 2 == 1 })
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

    /// Make the actor if it is not there, then join it; else say something, of so many words at most.
    pub(crate) async fn write(&mut self, journal: &impl Journal, words_max: usize, rng: &mut Rng) {
        let by = self.by.clone();
        let stimulus = match self.machine.head().seq {
            0 => Stimulus::Create { by, config: b"null".as_slice().into(), secret: Secret([rng.next() as u8; 32]) },
            1 => Stimulus::Joined { who: by },
            _ => {
                let words = if rng.percent(2) { words_max } else { words_max.min(12) };
                let text = "said ".repeat(1 + rng.index(words));
                let command = serde_json::to_vec(&text).expect("a text").into();
                Stimulus::Command { by, id: None, command, resent: false }
            }
        };
        self.commit(journal, &stimulus, rng).await;
    }

    pub(crate) async fn retire(&mut self, journal: &impl Journal, rng: &mut Rng) {
        let stimulus = Stimulus::Retire { by: self.by.clone() };
        self.commit(journal, &stimulus, rng).await;
    }

    async fn commit(&mut self, journal: &impl Journal, stimulus: &Stimulus, rng: &mut Rng) {
        let expected = self.machine.head();
        self.time = Time(self.time.0 + rng.below(100_000));
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&rng.next().to_le_bytes());
        let Ok(Decision::Commit(sealed)) = self.machine.decide(stimulus, self.time, nonce) else {
            unreachable!("notes refuse nothing")
        };
        let mut index = IndexChange { retired: self.machine.is_retired(), ..IndexChange::default() };
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

    /// Raise the epoch, as an import does.
    pub(crate) async fn fence(&mut self, journal: &impl Journal, epoch: u32) {
        journal.fence(self.machine.address(), epoch).await.expect("the disk has room");
        self.machine.set_epoch(epoch);
    }
}
