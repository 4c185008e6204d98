//! Wakes and tasks. The first word of a key says what the rules do when it comes: see [`manner`].

use std::{collections::BTreeMap, time::Duration};

use dormouse_core::{Actor, Agenda, Draft, Input, Moment, Outcome, Rejection, Sight, Task, TaskKey, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `LATER`: how many milliseconds after the time that was asked for these rules want to be woken. `AUDITED`: whether they wait for an audit, once.
#[derive(Default, Serialize, Deserialize)]
pub struct Chores<const LATER: u64, const AUDITED: bool> {
    born: Time,
    wakes: BTreeMap<String, Time>,
    tasks: BTreeMap<String, Errand>,
    log: Vec<String>,
}

const AUDIT: &str = "audit";

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Errand {
    kind: String,
    #[serde(default)]
    request: Value,
    #[serde(default = "five")]
    attempts: u32,
    #[serde(default = "minute")]
    seconds: u64,
}

fn five() -> u32 {
    5
}

fn minute() -> u64 {
    60
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Wake me in so many milliseconds.
    Wake {
        key: String,
        in_ms: u64,
    },
    /// Several at once.
    Wakes {
        keys: BTreeMap<String, u64>,
    },
    Cancel {
        key: String,
    },
    /// Open tasks.
    Open {
        tasks: BTreeMap<String, Errand>,
    },
    Close {
        key: String,
    },
    /// A word from another actor.
    Hear {
        word: String,
    },
}

#[derive(Serialize, Deserialize)]
pub enum Event {
    Born,
    Set(String, Time),
    Cancelled(String),
    Rang(String),
    /// Rang, and stays on the agenda.
    Rattled(String),
    Opened(String, Errand),
    Closed(String),
    Ended(String, String),
    /// Ended for the first time, and stays on the agenda.
    Stayed(String, String),
    Heard(String),
}

#[derive(Serialize, JsonSchema)]
pub struct View {
    log: Vec<String>,
    waits: Vec<String>,
}

/// What the rules do with a wake or a report, from its key.
fn manner(key: &str) -> &str {
    key.split('-').next().unwrap_or_default()
}

impl<const LATER: u64, const AUDITED: bool> Chores<LATER, AUDITED> {
    fn wake(draft: &mut Draft<'_, Self>, key: String) -> Result<(), Rejection> {
        match manner(&key) {
            "idle" => {}
            "refuse" => return Err(Rejection::new("no", "The rules refuse this wake.")),
            "half" => {
                draft.emit(Event::Rang(key));
                return Err(Rejection::new("half", "The rules refuse after an event."));
            }
            "panic" => panic!("the rules panic on this wake"),
            "rattle" => draft.emit(Event::Rattled(key)),
            "again" => {
                draft.emit(Event::Rang(key.clone()));
                let next = draft.now().after(Duration::from_secs(1));
                draft.emit(Event::Set(key, next));
            }
            _ => draft.emit(Event::Rang(key)),
        }
        Ok(())
    }

    fn report(draft: &mut Draft<'_, Self>, key: String, outcome: &Outcome) -> Result<(), Rejection> {
        let outcome = match outcome {
            Outcome::Done { value } => format!("done {value}"),
            Outcome::Failed { reason } => format!("failed: {reason}"),
        };
        match manner(&key) {
            "idle" => {}
            "refuse" => return Err(Rejection::new("no", "The rules refuse this report.")),
            "panic" => panic!("the rules panic on this report"),
            "stay" if !draft.log.iter().any(|line| line.starts_with(&key)) => draft.emit(Event::Stayed(key, outcome)),
            _ => draft.emit(Event::Ended(key, outcome)),
        }
        Ok(())
    }

    fn command(draft: &mut Draft<'_, Self>, command: Command) {
        match command {
            Command::Wake { key, in_ms } => {
                let time = draft.now().after(Duration::from_millis(in_ms));
                draft.emit(Event::Set(key, time));
            }
            Command::Wakes { keys } => {
                keys.into_iter().for_each(|(key, in_ms)| Self::command(draft, Command::Wake { key, in_ms }));
            }
            Command::Cancel { key } => draft.emit(Event::Cancelled(key)),
            Command::Open { tasks } => {
                tasks.into_iter().for_each(|(key, errand)| draft.emit(Event::Opened(key, errand)))
            }
            Command::Close { key } => draft.emit(Event::Closed(key)),
            Command::Hear { word } => draft.emit(Event::Heard(word)),
        }
    }
}

impl<const LATER: u64, const AUDITED: bool> Actor for Chores<LATER, AUDITED> {
    const KIND: &'static str = "chores";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = View;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Created { .. } => draft.emit(Event::Born),
            Input::Command { command, .. } => Self::command(draft, command),
            Input::Wake { key } => return Self::wake(draft, key),
            Input::Reported { key, outcome } => return Self::report(draft, key.0, &outcome),
            Input::Joined { .. } | Input::Left { .. } | Input::Retire { .. } => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, at: Moment) {
        let after = at.time.since(self.born).as_millis();
        match event {
            Event::Born => self.born = at.time,
            Event::Set(key, time) => {
                self.wakes.insert(key.clone(), *time);
            }
            Event::Cancelled(key) => {
                self.wakes.remove(key);
            }
            Event::Rang(key) => {
                self.wakes.remove(key);
                self.log.push(format!("{key} rang at {after}"));
            }
            Event::Rattled(key) => self.log.push(format!("{key} rattled at {after}")),
            Event::Opened(key, errand) => {
                self.tasks.insert(key.clone(), errand.clone());
            }
            Event::Closed(key) => {
                self.tasks.remove(key);
            }
            Event::Ended(key, outcome) => {
                self.tasks.remove(key);
                self.log.push(format!("{key} {outcome}"));
            }
            Event::Stayed(key, outcome) => self.log.push(format!("{key} {outcome}, and stays")),
            Event::Heard(word) => self.log.push(format!("heard {word}")),
        }
    }

    fn view(&self, _sight: &Sight) -> View {
        View { log: self.log.clone(), waits: self.wakes.keys().chain(self.tasks.keys()).cloned().collect() }
    }

    fn agenda(&self) -> Agenda {
        let with_wakes = self
            .wakes
            .iter()
            .fold(Agenda::default(), |agenda, (key, time)| agenda.wake(time.after(Duration::from_millis(LATER)), key));
        let with_tasks =
            self.tasks.iter().fold(with_wakes, |agenda, (key, errand)| agenda.task(key.as_str(), &errand.kind));
        let is_owed = AUDITED && !self.log.iter().any(|line| line.starts_with(AUDIT));
        if is_owed { with_tasks.task(AUDIT, "model") } else { with_tasks }
    }

    fn task(&self, key: &TaskKey) -> Task {
        if key.0 == AUDIT {
            return Task::new("model", "an audit".into());
        }
        let Errand { kind, request, attempts, seconds } = self.tasks[&key.0].clone();
        let task = Task::new(kind, request).tries(attempts).within(Duration::from_secs(seconds));
        if manner(&key.0) == "aloud" { task.hear(Sight::Public) } else { task }
    }
}
