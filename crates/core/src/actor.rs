//! The contract that an app writes: one pure actor.

use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    agenda::{Agenda, Outcome, Summary, Task, TaskKey},
    dice::{Dice, Secret, Seed},
    sight::{Sight, Viewer},
    time::{Moment, Time},
};

/// The rules of one kind of session.
///
/// The value itself is the state. It serialises to JSON; keep maps ordered (`BTreeMap`), because the state's hash is a hash of its bytes.
pub trait Actor: Default + Serialize + DeserializeOwned + Send + 'static {
    /// The kind's name in addresses: a [`Name`](crate::Name).
    const KIND: &'static str;
    /// Raised when `evolve` changes meaning; recorded in each commit. A host that meets a higher one lets the actor go.
    const RULES: u32;
    /// What an actor is created with.
    type Config: DeserializeOwned + JsonSchema;
    /// What principals ask for. Use `#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]`.
    type Command: DeserializeOwned + JsonSchema;
    /// What the rules decided. A persistent format, private to the actor; externally tagged enums decode fastest.
    type Event: Serialize + DeserializeOwned;
    /// What a sight shows.
    type View: Serialize + JsonSchema;

    /// Rules: pure and cheap. The draft derefs to the state; [`Draft::emit`] evolves it and records the event.
    ///
    /// Runs again on the newest state when somebody else's commit came first. Validate first, emit then: an `Err` after an `emit`
    /// discards the draft, and the actor is loaded afresh.
    ///
    /// # Errors
    /// A [`Rejection`] reaches the sender alone; no event is written.
    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection>;

    /// State: fold one event. Never fails, never asks the world. Heavy deterministic work belongs here.
    fn evolve(&mut self, event: &Self::Event, at: Moment);

    /// Sight of a viewer, always asked of the newest state; `Nothing` answers as if the actor did not exist.
    fn sight(&self, _viewer: &Viewer) -> Sight {
        Sight::Public
    }

    /// The state as that sight shows it, of any commit.
    fn view(&self, sight: &Sight) -> Self::View;

    /// Wakes as (time, key), and the keys of open tasks. A wake reaches `decide` with one due key at a time.
    fn agenda(&self) -> Agenda {
        Agenda::default()
    }

    /// The request behind an open task's key; stable while the key is listed.
    fn task(&self, key: &TaskKey) -> Task {
        unreachable!("{} lists the task {key} but does not say what it is", Self::KIND)
    }

    /// What of an event this sight may hear as an event. `self` is the newest state.
    fn reveal(&self, _event: &Self::Event, _sight: &Sight) -> Option<Value> {
        None
    }

    /// The line that lists and lobbies show.
    fn summary(&self) -> Option<Summary> {
        None
    }
}

/// What reaches an actor.
#[derive(Debug, Clone, PartialEq)]
pub enum Input<A: Actor> {
    /// The first input of every actor.
    Created {
        /// Who asked for it.
        by: Viewer,
        /// With what.
        config: A::Config,
    },
    /// A principal wants something.
    Command {
        /// Who.
        by: Viewer,
        /// What.
        command: A::Command,
    },
    /// A time of the agenda has come. `draft.now()` is at or after it.
    Wake {
        /// The key that the agenda gave.
        key: String,
    },
    /// A task of the agenda ended.
    Reported {
        /// The key that the agenda gave.
        key: TaskKey,
        /// How.
        outcome: Outcome,
    },
    /// A principal's first live connection began to watch, or its sight became another while it watches: rules that do not care who passes
    /// by hear of it again once it matters. Whose `Joined` made a commit does not join again before it left. Who comes back within [`PRESENCE_EXPIRY`](crate::limits::PRESENCE_EXPIRY) of the end of
    /// a host, or of the move to another one, was never away, and does not join again.
    Joined {
        /// Who.
        who: Viewer,
    },
    /// A principal's last live connection is gone. Whose `Joined` made a commit has left with this one, whatever `decide` says.
    Left {
        /// Who; without roles if its host ended and it did not come back.
        who: Viewer,
    },
    /// Somebody asks to end this actor. `Ok` retires it: that commit is its last.
    Retire {
        /// Who.
        by: Viewer,
    },
}

/// A refusal by the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    /// For programs: a word in snake_case that the rules choose and keep.
    pub code: &'static str,
    /// For people: what happened and what to do.
    pub message: String,
}

impl Rejection {
    /// A refusal with a code for programs and a sentence for people.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The state while an input is decided: derefs to it, and evolves as events are emitted.
pub struct Draft<'a, A: Actor> {
    state: &'a mut A,
    events: &'a mut Vec<Vec<u8>>,
    at: Moment,
    secret: Secret,
    seeds: u32,
}

impl<'a, A: Actor> Draft<'a, A> {
    /// A draft of the commit at `at`. Encoded events are pushed to `events`.
    pub fn new(state: &'a mut A, events: &'a mut Vec<Vec<u8>>, at: Moment, secret: Secret) -> Self {
        Self { state, events, at, secret, seeds: 0 }
    }

    /// Evolve the state by this event and record it.
    ///
    /// # Panics
    /// If the event does not serialise to JSON: the input is rejected, nothing is written.
    pub fn emit(&mut self, event: A::Event) {
        self.events.push(serde_json::to_vec(&event).expect("events serialise to JSON"));
        self.state.evolve(&event, self.at);
    }

    /// The commit's time.
    pub fn now(&self) -> Time {
        self.at.time
    }

    /// The commit's number, if there will be one.
    pub fn seq(&self) -> u64 {
        self.at.seq
    }

    /// A fresh seed for an event to hold. Secret until the rules reveal it, and telling nothing of any other.
    pub fn seed(&mut self) -> Seed {
        let seed = self.secret.seed(self.at.seq, self.seeds);
        self.seeds += 1;
        seed
    }

    /// A fresh stream of random choices, for rules that record what was chosen.
    pub fn dice(&mut self) -> Dice {
        self.seed().dice()
    }
}

impl<A: Actor> Deref for Draft<'_, A> {
    type Target = A;

    fn deref(&self) -> &A {
        self.state
    }
}
