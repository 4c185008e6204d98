//! What happens in a session, in the order in which it happens.

use std::time::Duration;

use serde_json::Value;

/// One session: who is there, and what they do.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) people: Vec<String>,
    pub(super) config: Value,
    pub(super) steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Send { who: usize, command: Value },
    Signal { who: usize, signal: Value },
    Retire { who: usize },
    Leave { who: usize },
    Come { who: usize },
    Wait(Duration),
}

impl Script {
    /// These people watch from the beginning; the first of them makes the actor, with this config.
    ///
    /// # Panics
    /// If there is nobody.
    pub fn new(people: &[&str], config: Value) -> Self {
        assert!(!people.is_empty(), "somebody makes the actor");
        Self { people: people.iter().map(|name| (*name).to_owned()).collect(), config, steps: vec![] }
    }

    /// Somebody sends a command. It may be refused: then who hears why is checked as well.
    #[must_use]
    pub fn send(self, who: &str, command: Value) -> Self {
        let who = self.place(who);
        self.then(Step::Send { who, command })
    }

    /// Somebody tells the others something that is kept nowhere.
    #[must_use]
    pub fn signal(self, who: &str, signal: Value) -> Self {
        let who = self.place(who);
        self.then(Step::Signal { who, signal })
    }

    /// Somebody asks to end the actor.
    #[must_use]
    pub fn retire(self, who: &str) -> Self {
        let who = self.place(who);
        self.then(Step::Retire { who })
    }

    /// Somebody's connections go.
    #[must_use]
    pub fn leave(self, who: &str) -> Self {
        let who = self.place(who);
        self.then(Step::Leave { who })
    }

    /// Somebody comes back, and watches as before.
    #[must_use]
    pub fn come(self, who: &str) -> Self {
        let who = self.place(who);
        self.then(Step::Come { who })
    }

    /// Time passes, with every wake that comes due.
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    fn place(&self, who: &str) -> usize {
        let place = self.people.iter().position(|name| name == who);
        place.unwrap_or_else(|| panic!("{who} is not among {:?}", self.people))
    }
}
