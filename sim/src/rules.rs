//! What the simulated people play: an actor with a count, hidden words, alarms, tasks, and people who come and go.
//!
//! Every command says in `what` which one it is, and so does each event, so that the journal tells what became of each command.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dormouse_core::{
    Actor, Agenda, Draft, Input, Moment, Outcome, Rejection, Sight, Task, TaskKey, Time, Viewer,
    planted::{Bug, planted},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::entropy;

/// The kind of task that an actor waits for.
pub const WORK: &str = "work";

/// A task is tried so often.
pub const ATTEMPTS: u32 = 3;

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    added: u64,
    /// Depends on every event and on their order.
    order: u64,
    seats: BTreeMap<u16, String>,
    words: BTreeMap<u16, String>,
    alarms: BTreeMap<String, Time>,
    rung: u64,
    tasks: BTreeSet<String>,
    worked: u64,
    here: BTreeSet<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    Add {
        what: String,
    },
    Sit {
        what: String,
        seat: u16,
    },
    Hide {
        what: String,
        word: String,
    },
    Alarm {
        what: String,
        after_ms: u64,
    },
    Work {
        what: String,
    },
    /// As `Add`, but refused while the count is odd: the rules come to like it, and cease to, all the time.
    Even {
        what: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    Added { what: String },
    Sat { what: String, seat: u16, who: String },
    Hidden { what: String, seat: u16, word: String },
    AlarmSet { what: String, at: Time },
    Rang { what: String },
    Opened { what: String },
    Worked { what: String, done: bool },
    Came { who: String },
    Went { who: String },
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct View {
    added: u64,
    order: u64,
    seats: BTreeMap<u16, String>,
    words: BTreeMap<u16, String>,
    rung: u64,
    worked: u64,
    /// Tasks that have no outcome yet.
    open: usize,
    here: BTreeSet<String>,
}

impl Event {
    /// The command that made it.
    pub fn command(&self) -> Option<&str> {
        match self {
            Self::Added { what }
            | Self::Sat { what, .. }
            | Self::Hidden { what, .. }
            | Self::AlarmSet { what, .. }
            | Self::Opened { what } => Some(what),
            Self::Rang { .. } | Self::Worked { .. } | Self::Came { .. } | Self::Went { .. } => None,
        }
    }
}

impl Ledger {
    fn seat_of(&self, who: &Viewer) -> Option<u16> {
        self.seats.iter().find(|(_, sits)| **sits == who.principal.id).map(|(seat, _)| *seat)
    }

    fn event(&self, by: &Viewer, now: Time, command: Command) -> Result<Event, Rejection> {
        Ok(match command {
            Command::Add { what } => Event::Added { what },
            Command::Sit { what, seat } => Event::Sat { what, seat, who: by.principal.id.clone() },
            Command::Hide { what, word } => {
                let seat = self.seat_of(by).ok_or_else(|| Rejection::new("not_seated", "Sit down first."))?;
                Event::Hidden { what, seat, word }
            }
            Command::Alarm { what, after_ms } => {
                Event::AlarmSet { what, at: now.after(Duration::from_millis(after_ms)) }
            }
            Command::Work { what } => Event::Opened { what },
            Command::Even { .. } if self.added % 2 == 1 => {
                return Err(Rejection::new("odd", "Wait until somebody adds one."));
            }
            Command::Even { what } => Event::Added { what },
        })
    }
}

impl Actor for Ledger {
    const KIND: &'static str = "ledger";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = View;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Command { by, command } => {
                let event = draft.event(&by, draft.now(), command)?;
                draft.emit(event);
            }
            Input::Wake { key } => draft.emit(Event::Rang { what: key }),
            Input::Reported { key, outcome } => {
                draft.emit(Event::Worked { what: key.0, done: matches!(outcome, Outcome::Done { .. }) });
            }
            Input::Joined { who } if draft.seat_of(&who).is_some() => {
                draft.emit(Event::Came { who: who.principal.id.clone() });
            }
            Input::Left { who } if draft.here.contains(&who.principal.id) => {
                draft.emit(Event::Went { who: who.principal.id.clone() });
            }
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, at: Moment) {
        self.order = self.order.rotate_left(7).wrapping_mul(31).wrapping_add(at.seq ^ at.time.0);
        if planted(Bug::ImpureRules) {
            self.order ^= entropy::bits();
        }
        match event {
            Event::Added { .. } => self.added += 1,
            Event::Sat { seat, who, .. } => {
                self.seats.retain(|_, sits| sits != who);
                self.seats.insert(*seat, who.clone());
            }
            Event::Hidden { seat, word, .. } => drop(self.words.insert(*seat, word.clone())),
            Event::AlarmSet { what, at } => drop(self.alarms.insert(what.clone(), *at)),
            Event::Rang { what } => self.rung += u64::from(self.alarms.remove(what).is_some()),
            Event::Opened { what } => drop(self.tasks.insert(what.clone())),
            Event::Worked { what, .. } => self.worked += u64::from(self.tasks.remove(what)),
            Event::Came { who } => drop(self.here.insert(who.clone())),
            Event::Went { who } => drop(self.here.remove(who)),
        }
    }

    fn sight(&self, viewer: &Viewer) -> Sight {
        self.seat_of(viewer).map_or(Sight::Public, Sight::Seat)
    }

    fn view(&self, sight: &Sight) -> View {
        let sees = |seat: &u16| *sight == Sight::All || *sight == Sight::Seat(*seat);
        let words = self.words.iter().map(|(seat, word)| (*seat, if sees(seat) { word.clone() } else { "?".into() }));
        View {
            added: self.added,
            order: self.order,
            seats: self.seats.clone(),
            words: words.collect(),
            rung: self.rung,
            worked: self.worked,
            open: self.tasks.len(),
            here: self.here.clone(),
        }
    }

    fn reveal(&self, event: &Event, sight: &Sight) -> Option<Value> {
        match event {
            Event::Hidden { seat, .. } if *sight != Sight::All && *sight != Sight::Seat(*seat) => None,
            Event::Added { .. } | Event::Rang { .. } | Event::Hidden { .. } => Some(json!(event)),
            _ => None,
        }
    }

    fn agenda(&self) -> Agenda {
        let agenda = self.alarms.iter().fold(Agenda::default(), |agenda, (what, at)| agenda.wake(*at, what.as_str()));
        self.tasks.iter().fold(agenda, |agenda, what| agenda.task(what.as_str(), WORK))
    }

    fn task(&self, key: &TaskKey) -> Task {
        Task { attempts: ATTEMPTS, ..Task::new(WORK, json!(key.0)) }
    }
}
