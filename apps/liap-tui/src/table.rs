//! A room without a host, for the tournament and for tests: it decides inputs and lets time pass.

use dormouse::{core::dice::Secret, prelude::*};

use crate::Room;

/// A room, its time, and all that has happened in it.
pub struct Table {
    /// The room as it stands.
    pub room: Room,
    /// Its newest commit.
    pub at: Moment,
    /// Every commit's events, encoded, and its moment.
    pub history: Vec<(Moment, Vec<Vec<u8>>)>,
    secret: Secret,
}

impl Table {
    /// A table whose randomness comes from this number.
    pub fn new(number: u64) -> Self {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        let at = Moment { seq: 0, time: Time(1_700_000_000_000) };
        Self { room: Room::default(), at, history: vec![], secret: Secret(secret) }
    }

    /// Decide an input now, as a host would.
    ///
    /// # Errors
    /// The rules' refusal; nothing has changed.
    pub fn decide(&mut self, input: Input<Room>) -> Result<(), Rejection> {
        let at = Moment { seq: self.at.seq + 1, time: self.at.time };
        let mut events = vec![];
        let decided = Room::decide(&mut Draft::new(&mut self.room, &mut events, at, self.secret), input);
        assert!(decided.is_ok() || events.is_empty(), "rules validate first and emit then");
        decided?;
        self.at = at;
        self.history.push((at, events));
        Ok(())
    }

    /// Let time pass until the agenda's next wake, and wake the room; `false` if it waits for nothing.
    ///
    /// # Panics
    /// If the room refuses the wake or does nothing about it: a host would park it.
    pub fn wake(&mut self) -> bool {
        let Some((due, key)) = self.room.agenda().wakes.into_iter().min() else { return false };
        self.at.time = self.at.time.max(due);
        self.decide(Input::Wake { key }).expect("rooms do not refuse wakes");
        let (_, events) = self.history.last().expect("it was just decided");
        assert!(!events.is_empty(), "a wake that changes nothing stays due for ever");
        true
    }
}
