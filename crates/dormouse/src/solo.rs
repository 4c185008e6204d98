//! An actor without a host: it decides inputs, and time passes when it is told to. For tournaments, simulations and tests.

use std::time::Duration;

use dormouse_core::{Actor, Draft, Input, Rejection, Time, dice::Secret, time::Moment};

/// When a [`Solo`] begins.
const DAWN: Time = Time(1_700_000_000_000);

/// One commit: its moment, and its events as they are stored.
pub type Commit = (Moment, Vec<Vec<u8>>);

/// An actor by itself, its time, and all that has happened to it.
pub struct Solo<A: Actor> {
    /// The actor as it stands.
    pub state: A,
    /// Its newest commit, and the time now.
    pub at: Moment,
    /// Every commit.
    pub history: Vec<Commit>,
    pub(crate) secret: Secret,
}

impl<A: Actor> Solo<A> {
    /// An actor whose randomness comes from this number: the same inputs make the same history.
    pub fn new(number: u64) -> Self {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        Self { state: A::default(), at: Moment { seq: 0, time: DAWN }, history: vec![], secret: Secret(secret) }
    }

    /// Decide an input now, as a host would.
    ///
    /// # Errors
    /// The rules' refusal; nothing has changed.
    ///
    /// # Panics
    /// If the rules refuse after an event: a host would load the actor again.
    pub fn decide(&mut self, input: Input<A>) -> Result<(), Rejection> {
        let at = Moment { seq: self.at.seq + 1, time: self.at.time };
        let mut events = vec![];
        let decided = A::decide(&mut Draft::new(&mut self.state, &mut events, at, self.secret), input);
        assert!(decided.is_ok() || events.is_empty(), "rules validate first and emit then");
        decided?;
        self.at = at;
        self.history.push((at, events));
        Ok(())
    }

    /// Let time pass until the agenda's next wake, and wake the actor; `false` if it waits for none.
    ///
    /// # Panics
    /// If the actor refuses the wake or does nothing about it: a host would park it.
    pub fn wake(&mut self) -> bool {
        let Some((due, key)) = self.state.agenda().wakes.into_iter().min() else { return false };
        self.at.time = self.at.time.max(due);
        self.decide(Input::Wake { key }).unwrap_or_else(|refused| panic!("a wake was refused: {refused}"));
        let (_, events) = self.history.last().expect("it was just decided");
        assert!(!events.is_empty(), "a wake that changes nothing stays due for ever");
        true
    }

    /// Let this much time pass, with every wake that comes due meanwhile.
    pub fn wait(&mut self, time: Duration) {
        let end = self.at.time.after(time);
        while self.state.agenda().wakes.iter().any(|(due, _)| *due <= end) {
            self.wake();
        }
        self.at.time = self.at.time.max(end);
    }
}
