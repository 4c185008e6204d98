//! Seats with a hidden word each. Who sits sees its own word, a judge sees all, who was shown the door sees nothing.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_core::{Actor, Agenda, Draft, Input, Moment, Rejection, Sight, Task, TaskKey, Viewer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The only seat whose holder the rules miss.
const HEAD_OF_THE_TABLE: u16 = 9;

#[derive(Default, Serialize, Deserialize)]
pub struct Secret {
    seats: BTreeMap<u16, String>,
    words: BTreeMap<u16, String>,
    banned: BTreeSet<String>,
    peeking: BTreeSet<String>,
    /// Questions that a model thinks about aloud, for one seat.
    asked: BTreeMap<String, u16>,
    over: bool,
    moves: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Sit {
        seat: u16,
    },
    Stand,
    /// Put a word under one's seat.
    Hide {
        word: String,
    },
    /// Have a model think aloud for one's seat.
    Ask {
        question: String,
    },
    /// Show this principal the door.
    Ban {
        who: String,
    },
    /// See all from now on. No view shows who does.
    Peek,
    /// Something that everybody may see.
    Move,
    /// All words become public, also those of the past.
    Finish,
}

#[derive(Serialize, Deserialize)]
pub enum Event {
    Sat { seat: u16, who: String },
    Stood { seat: u16 },
    Hidden { seat: u16, word: String },
    Asked { seat: u16, question: String },
    Answered { question: String },
    Banned { who: String },
    Peeked { who: String },
    Moved,
    Finished,
    Came { seat: u16 },
    Went { seat: u16 },
}

#[derive(Serialize, JsonSchema)]
pub struct View {
    seats: BTreeMap<u16, String>,
    words: BTreeMap<u16, String>,
    moves: u32,
    over: bool,
}

impl Secret {
    fn seat_of(&self, principal: &str) -> Option<u16> {
        self.seats.iter().find(|(_, who)| *who == principal).map(|(seat, _)| *seat)
    }

    fn is_missed(&self, who: &Viewer) -> bool {
        self.seat_of(&who.principal.id) == Some(HEAD_OF_THE_TABLE)
    }

    fn sees(&self, sight: &Sight, seat: u16) -> bool {
        *sight == Sight::All || *sight == Sight::Seat(seat)
    }

    fn event(&self, by: &str, command: Command) -> Result<Event, Rejection> {
        let seated = || self.seat_of(by).ok_or_else(|| Rejection::new("not_seated", "Take a seat first."));
        Ok(match command {
            Command::Sit { seat } if self.seats.contains_key(&seat) => {
                return Err(Rejection::new("taken", "Somebody sits there."));
            }
            Command::Sit { seat } => Event::Sat { seat, who: by.to_owned() },
            Command::Stand => Event::Stood { seat: seated()? },
            Command::Hide { word } => Event::Hidden { seat: seated()?, word },
            Command::Ask { question } => Event::Asked { seat: seated()?, question },
            Command::Ban { who } => Event::Banned { who },
            Command::Peek => Event::Peeked { who: by.to_owned() },
            Command::Move => Event::Moved,
            Command::Finish => Event::Finished,
        })
    }
}

impl Actor for Secret {
    const KIND: &'static str = "secret";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = View;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Command { by, command } => {
                let event = draft.event(&by.principal.id, command)?;
                draft.emit(event);
            }
            Input::Joined { who } if draft.is_missed(&who) => draft.emit(Event::Came { seat: HEAD_OF_THE_TABLE }),
            Input::Left { who } if draft.is_missed(&who) => draft.emit(Event::Went { seat: HEAD_OF_THE_TABLE }),
            Input::Reported { key, .. } => draft.emit(Event::Answered { question: key.0 }),
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, _at: Moment) {
        match event {
            Event::Sat { seat, who } => {
                self.seats.retain(|_, sitting| sitting != who);
                self.seats.insert(*seat, who.clone());
            }
            Event::Stood { seat } => {
                self.seats.remove(seat);
            }
            Event::Hidden { seat, word } => {
                self.words.insert(*seat, word.clone());
            }
            Event::Asked { seat, question } => {
                self.asked.insert(question.clone(), *seat);
            }
            Event::Answered { question } => {
                self.asked.remove(question);
            }
            Event::Banned { who } => {
                self.banned.insert(who.clone());
            }
            Event::Peeked { who } => {
                self.peeking.insert(who.clone());
            }
            Event::Moved => self.moves += 1,
            Event::Finished => self.over = true,
            Event::Came { .. } | Event::Went { .. } => {}
        }
    }

    fn sight(&self, viewer: &Viewer) -> Sight {
        let who = &viewer.principal.id;
        if viewer.has_role("judge") {
            Sight::All
        } else if self.banned.contains(who) {
            Sight::Nothing
        } else if self.over || self.peeking.contains(who) {
            Sight::All
        } else {
            self.seat_of(who).map_or(Sight::Public, Sight::Seat)
        }
    }

    fn view(&self, sight: &Sight) -> View {
        assert_ne!(*sight, Sight::Nothing, "the view of nothing is never asked for");
        let shown = |(seat, word): (&u16, &String)| {
            (*seat, if self.sees(sight, *seat) { word.clone() } else { "?".to_owned() })
        };
        let words = self.words.iter().map(shown).collect();
        View { seats: self.seats.clone(), words, moves: self.moves, over: self.over }
    }

    fn agenda(&self) -> Agenda {
        self.asked.keys().fold(Agenda::default(), |agenda, question| agenda.task(question.as_str(), "model"))
    }

    fn task(&self, key: &TaskKey) -> Task {
        Task::new("model", Value::Null).hear(Sight::Seat(self.asked[&key.0]))
    }

    fn reveal(&self, event: &Event, sight: &Sight) -> Option<Value> {
        match event {
            Event::Sat { seat, who } => Some(json!({ "sat": who, "seat": seat })),
            Event::Hidden { seat, word } if self.sees(sight, *seat) => Some(json!({ "hid": word, "seat": seat })),
            Event::Moved => Some(json!("moved")),
            Event::Finished => Some(json!("finished")),
            _ => None,
        }
    }
}
