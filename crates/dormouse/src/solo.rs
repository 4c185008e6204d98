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

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    use super::*;

    /// Rolls a die every minute until it has shown a six.
    #[derive(Default, Serialize, Deserialize)]
    struct Roller {
        next: Time,
        rolls: Vec<u64>,
    }

    #[derive(Deserialize, JsonSchema)]
    struct None {}

    impl Actor for Roller {
        const KIND: &'static str = "roller";
        const RULES: u32 = 1;
        type Config = None;
        type Command = None;
        type Event = u64;
        type View = Value;

        fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
            if matches!(input, Input::Retire { .. }) {
                return Err(Rejection::new("no", "It rolls on."));
            }
            let roll = 1 + draft.dice().below(6);
            draft.emit(roll);
            Ok(())
        }

        fn evolve(&mut self, roll: &u64, at: Moment) {
            self.rolls.push(*roll);
            self.next = at.time.after(Duration::from_secs(60));
        }

        fn view(&self, _: &Sight) -> Value {
            json!(self.rolls)
        }

        fn agenda(&self) -> Agenda {
            if self.rolls.contains(&6) { Agenda::default() } else { Agenda::default().wake(self.next, "roll") }
        }
    }

    fn rolled(number: u64) -> Solo<Roller> {
        let mut solo = Solo::new(number);
        solo.decide(Input::Created { by: Viewer::default(), config: None {} }).expect("it is made");
        while solo.wake() {}
        solo
    }

    #[test]
    fn the_same_number_makes_the_same_history() {
        let (first, again) = (rolled(1), rolled(1));
        assert_eq!(first.state.rolls.last(), Some(&6));
        assert_eq!(first.history, again.history);
        assert!((2..9).any(|number| rolled(number).history != first.history));
    }

    #[test]
    fn a_refusal_changes_nothing() {
        let mut solo = rolled(1);
        let (at, commits) = (solo.at, solo.history.len());
        assert!(solo.decide(Input::Retire { by: Viewer::default() }).is_err());
        assert_eq!((solo.at, solo.history.len()), (at, commits));
    }

    #[test]
    fn what_comes_due_meanwhile_happens_at_its_time() {
        let mut solo = Solo::<Roller>::new(1);
        solo.decide(Input::Created { by: Viewer::default(), config: None {} }).expect("it is made");
        solo.state.rolls = vec![1];
        solo.wait(Duration::from_secs(59));
        assert_eq!(solo.history.len(), 1);
        solo.wait(Duration::from_secs(1));
        assert_eq!(solo.history.len(), 2);
        assert_eq!(solo.at.time.since(DAWN), Duration::from_secs(60));
    }
}
