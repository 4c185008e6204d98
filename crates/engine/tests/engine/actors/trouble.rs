//! Rules with faults of every kind.

use std::collections::BTreeMap;

use dormouse_core::{Actor, Agenda, Draft, Input, Moment, Rejection, Sight, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
pub struct Trouble {
    word: String,
    wakes: usize,
    view_bytes: usize,
    view_panics: bool,
    ballast: String,
    /// JSON has no such keys: a state with an entry cannot be saved.
    unsaveable: BTreeMap<(u8, u8), u8>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Wakes on the agenda from the beginning.
    #[serde(default)]
    wakes: usize,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Say {
        word: String,
    },
    Refuse,
    Panic,
    /// Panic in `evolve`, after an event.
    PanicLater,
    EmitThenRefuse {
        word: String,
    },
    TooLongAgenda,
    TooLargeCommit,
    ViewBytes {
        bytes: usize,
    },
    ViewPanics {
        on: bool,
    },
    Unsaveable,
    /// Carry so many bytes in the state.
    Load {
        bytes: usize,
    },
}

#[derive(Serialize, Deserialize)]
pub enum Event {
    Loaded(usize),
    Said(String),
    Wakes(usize),
    ViewBytes(usize),
    ViewPanics(bool),
    Unsaveable,
    Bomb,
}

#[derive(Serialize, JsonSchema)]
pub struct View {
    word: String,
    padding: String,
}

impl Actor for Trouble {
    const KIND: &'static str = "trouble";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = View;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Created { config, .. } if config.wakes > 0 => draft.emit(Event::Wakes(config.wakes)),
            Input::Command { command, .. } => return Self::command(draft, command),
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, _at: Moment) {
        match event {
            Event::Said(word) => self.word.clone_from(word),
            Event::Wakes(count) => self.wakes = *count,
            Event::ViewBytes(bytes) => self.view_bytes = *bytes,
            Event::ViewPanics(on) => self.view_panics = *on,
            Event::Unsaveable => {
                self.unsaveable.insert((1, 2), 3);
            }
            Event::Loaded(bytes) => self.ballast = ".".repeat(*bytes),
            Event::Bomb => panic!("evolve panics"),
        }
    }

    fn view(&self, _sight: &Sight) -> View {
        assert!(!self.view_panics, "the view panics");
        View { word: self.word.clone(), padding: ".".repeat(self.view_bytes) }
    }

    fn agenda(&self) -> Agenda {
        (0..self.wakes).fold(Agenda::default(), |agenda, n| agenda.wake(Time(u64::MAX), n.to_string()))
    }
}

impl Trouble {
    fn command(draft: &mut Draft<'_, Self>, command: Command) -> Result<(), Rejection> {
        match command {
            Command::Say { word } => draft.emit(Event::Said(word)),
            Command::Refuse => return Err(Rejection::new("no", "The rules refuse.")),
            Command::Panic => panic!("decide panics"),
            Command::PanicLater => {
                draft.emit(Event::Said("half".into()));
                draft.emit(Event::Bomb);
            }
            Command::EmitThenRefuse { word } => {
                draft.emit(Event::Said(word));
                return Err(Rejection::new("half", "The rules refuse after an event."));
            }
            Command::TooLongAgenda => draft.emit(Event::Wakes(1_000)),
            Command::TooLargeCommit => draft.emit(Event::Said("x".repeat(400_000))),
            Command::ViewBytes { bytes } => draft.emit(Event::ViewBytes(bytes)),
            Command::ViewPanics { on } => draft.emit(Event::ViewPanics(on)),
            Command::Unsaveable => draft.emit(Event::Unsaveable),
            Command::Load { bytes } => draft.emit(Event::Loaded(bytes)),
        }
        Ok(())
    }
}
