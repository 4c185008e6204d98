//! Who is here, as the rules hear it.

use std::collections::BTreeMap;

use dormouse_core::{Actor, Draft, Input, Moment, Rejection, Sight};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
pub struct Lobby {
    /// How often each was here.
    here: BTreeMap<String, i32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Wave,
}

#[derive(Serialize, Deserialize)]
pub enum Event {
    Came(String),
    Went(String),
}

impl Actor for Lobby {
    const KIND: &'static str = "lobby";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = BTreeMap<String, i32>;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Joined { who } => draft.emit(Event::Came(who.principal.id.clone())),
            Input::Left { who } => draft.emit(Event::Went(who.principal.id.clone())),
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, _at: Moment) {
        match event {
            Event::Came(who) => *self.here.entry(who.clone()).or_default() += 1,
            Event::Went(who) => *self.here.entry(who.clone()).or_default() -= 1,
        }
    }

    fn view(&self, _sight: &Sight) -> BTreeMap<String, i32> {
        self.here.clone()
    }
}
