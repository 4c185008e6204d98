//! A number and some notes; everybody sees everything.

use std::collections::BTreeMap;

use dormouse_core::{Actor, Draft, Input, Moment, Rejection, Sight, Summary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Default, Serialize, Deserialize)]
pub struct Counter {
    value: i64,
    notes: BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    start: i64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Refused if the value would fall below zero.
    Add { by: i64 },
    /// Not revealed as an event.
    Note { key: String, text: String },
    /// Draws a number.
    Roll,
    /// Accepted, without an event.
    Nothing,
}

#[derive(Serialize, Deserialize)]
pub enum Event {
    Started(i64),
    Added(i64),
    Noted(String, String),
    Rolled(u64),
}

#[derive(Serialize, JsonSchema)]
pub struct View {
    value: i64,
    notes: BTreeMap<String, String>,
}

impl Actor for Counter {
    const KIND: &'static str = "counter";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = View;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Created { config, .. } => draft.emit(Event::Started(config.start)),
            Input::Command { command: Command::Add { by }, .. } => {
                if draft.value + by < 0 {
                    return Err(Rejection::new("below_zero", "The value would fall below zero."));
                }
                draft.emit(Event::Added(by));
            }
            Input::Command { command: Command::Note { key, text }, .. } => draft.emit(Event::Noted(key, text)),
            Input::Command { command: Command::Roll, .. } => {
                let number = draft.dice().below(1_000_000);
                draft.emit(Event::Rolled(number));
            }
            Input::Retire { .. } if draft.value > 0 => {
                return Err(Rejection::new("not_zero", "Bring it to zero first."));
            }
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, _at: Moment) {
        match event {
            Event::Started(value) => self.value = *value,
            Event::Added(by) => self.value += by,
            Event::Noted(key, text) => {
                self.notes.insert(key.clone(), text.clone());
            }
            Event::Rolled(number) => self.value = i64::try_from(*number).unwrap_or(0),
        }
    }

    fn view(&self, _sight: &Sight) -> View {
        View { value: self.value, notes: self.notes.clone() }
    }

    fn reveal(&self, event: &Event, _sight: &Sight) -> Option<Value> {
        match event {
            Event::Started(_) | Event::Noted(..) => None,
            Event::Added(by) => Some(json!({ "added": by })),
            Event::Rolled(number) => Some(json!({ "rolled": number })),
        }
    }

    fn summary(&self) -> Option<Summary> {
        Some(Summary { title: format!("at {}", self.value), status: "open".into(), ..Summary::default() })
    }
}
