//! Exactly once from a client: the ids that an actor remembers, with the commits that hold their first answers.
//!
//! Part of the state of every actor, so that it is in every snapshot and export, and the same on every host.
//! A number above all that are remembered, or in a gap between them, is new; one at or below the highest forgotten is never executed.

use std::{collections::BTreeMap, collections::VecDeque, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::limits::{OUTBOX_ANSWERS_MAX, OUTBOXES_MAX, OUTBOXES_PER_PRINCIPAL_MAX};

/// A client's queue: `stamp-random`, the stamp being the host's time in `welcome`, in base 36.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxId {
    /// Milliseconds since 1970 at which a host gave it out.
    pub stamp: u64,
    /// Its own part: 1 to 32 of `a-z 0-9`.
    pub unique: String,
}

/// `outbox:n`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandId {
    /// Whose queue.
    pub outbox: OutboxId,
    /// Which of it, from 1.
    pub n: u64,
}

/// The text is not an outbox or a command id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an outbox is stamp-random, a command id outbox:n with n from 1")]
pub struct BadCommandId;

impl FromStr for OutboxId {
    type Err = BadCommandId;

    fn from_str(text: &str) -> Result<Self, BadCommandId> {
        let (stamp, unique) = text.split_once('-').ok_or(BadCommandId)?;
        let plain = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
        // One text for each outbox.
        let leads_with_zero = stamp.len() > 1 && stamp.starts_with('0');
        if !plain(stamp) || !plain(unique) || stamp.len() > 12 || unique.len() > 32 || leads_with_zero {
            return Err(BadCommandId);
        }
        let stamp = u64::from_str_radix(stamp, 36).map_err(|_| BadCommandId)?;
        Ok(Self { stamp, unique: unique.to_owned() })
    }
}

impl fmt::Display for OutboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 13 digits of base 36 hold every u64.
        let (mut digits, mut at, mut rest) = ([0u8; 13], 13, self.stamp);
        loop {
            at -= 1;
            digits[at] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
            rest /= 36;
            if rest == 0 {
                break;
            }
        }
        let stamp = std::str::from_utf8(&digits[at..]).expect("digits are ASCII");
        write!(f, "{stamp}-{}", self.unique)
    }
}

impl FromStr for CommandId {
    type Err = BadCommandId;

    fn from_str(text: &str) -> Result<Self, BadCommandId> {
        let (outbox, n) = text.split_once(':').ok_or(BadCommandId)?;
        let counted = !n.starts_with('0') && n.bytes().all(|b| b.is_ascii_digit());
        let n = if counted { n.parse().map_err(|_| BadCommandId)? } else { return Err(BadCommandId) };
        Ok(Self { outbox: outbox.parse()?, n })
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.outbox, self.n)
    }
}

/// Where the answer to a command stands: the commit that it made, or that keeps its refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    n: u64,
    /// The first 8 bytes of the hash of the command.
    body: u64,
    seq: u64,
    tag: [u8; 8],
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Outbox {
    principal: String,
    id: OutboxId,
    /// Highest number whose answer was forgotten.
    floor: u64,
    /// Sorted by `n`.
    answers: VecDeque<Answer>,
}

/// What an actor knows of a command id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Not executed yet.
    New,
    /// Answered before, by this commit.
    Before {
        /// The commit that it made, or that keeps its refusal.
        seq: u64,
        /// That commit's tag.
        tag: [u8; 8],
    },
    /// Used before with another body.
    OtherBody,
    /// Older than what is remembered.
    TooOld,
}

/// The outboxes that an actor remembers: at most [`OUTBOXES_MAX`] of people and as many of other actors, least recently used first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Outboxes {
    known: Vec<Outbox>,
    /// The newest stamp of an outbox that was forgotten, of people and of actors: an unknown outbox stamped at or before it may have
    /// been executed.
    forgotten: [Option<u64>; 2],
    /// The same of those principals that have others which are known: it concerns nobody else.
    forgotten_of: BTreeMap<String, u64>,
}

/// What the principals of other actors begin with. People's tokens never carry it.
pub const ACTOR_PREFIX: &str = "actor:";

/// People and actors push out their own kind only: a lobby that a thousand rooms report to still remembers its visitors.
fn class(principal: &str) -> usize {
    usize::from(principal.starts_with(ACTOR_PREFIX))
}

impl Outboxes {
    /// What is known of this id, whose command hashes to `body`.
    pub fn look_up(&self, principal: &str, id: &CommandId, body: u64) -> Known {
        let Some(outbox) = self.known.iter().rev().find(|o| o.is(principal, &id.outbox)) else {
            let forgotten = self.forgotten[class(principal)].max(self.forgotten_of.get(principal).copied());
            let may_be_forgotten = forgotten.is_some_and(|stamp| id.outbox.stamp <= stamp);
            return if may_be_forgotten { Known::TooOld } else { Known::New };
        };
        match outbox.answers.binary_search_by_key(&id.n, |a| a.n) {
            Ok(at) if outbox.answers[at].body == body => {
                Known::Before { seq: outbox.answers[at].seq, tag: outbox.answers[at].tag }
            }
            Ok(_) => Known::OtherBody,
            Err(_) if id.n <= outbox.floor => Known::TooOld,
            Err(_) => Known::New,
        }
    }

    /// Remember that commit `seq` answers this id.
    pub fn remember(&mut self, principal: &str, id: &CommandId, body: u64, seq: u64, tag: [u8; 8]) {
        match self.known.iter().rposition(|o| o.is(principal, &id.outbox)) {
            // The most recently used is last.
            Some(at) => self.known[at..].rotate_left(1),
            None => {
                self.make_room(principal);
                let id = id.outbox.clone();
                if self.known.len() == self.known.capacity() {
                    // Most actors know one or two.
                    self.known.reserve_exact(1 + self.known.len() / 4);
                }
                self.known.push(Outbox { principal: principal.to_owned(), id, floor: 0, answers: VecDeque::new() });
            }
        }
        let outbox = self.known.last_mut().expect("one was just moved or pushed there");
        outbox.remember(Answer { n: id.n, body, seq, tag });
    }

    /// What commit `seq` answered is too old from now on, and so is every number of that outbox before it which is not remembered.
    pub fn forget_answer(&mut self, seq: u64) {
        for outbox in &mut self.known {
            if let Some(at) = outbox.answers.iter().position(|answer| answer.seq == seq) {
                let gone = outbox.answers.remove(at).map_or(0, |answer| answer.n);
                outbox.floor = outbox.floor.max(gone);
                return;
            }
        }
    }

    fn make_room(&mut self, principal: &str) {
        let own = self.known.iter().filter(|o| o.principal == principal).count();
        let victim = if own >= OUTBOXES_PER_PRINCIPAL_MAX {
            self.known.iter().position(|o| o.principal == principal)
        } else {
            let same_class = |o: &Outbox| class(&o.principal) == class(principal);
            let full = self.known.iter().filter(|o| same_class(o)).count() >= OUTBOXES_MAX;
            full.then(|| self.known.iter().position(same_class)).flatten()
        };
        if let Some(at) = victim {
            let gone = self.known.remove(at);
            self.forget(gone, principal);
        }
    }

    /// `newcomer` is the principal whose outbox takes the place.
    fn forget(&mut self, gone: Outbox, newcomer: &str) {
        let Outbox { principal, id: OutboxId { stamp, .. }, .. } = gone;
        if principal == newcomer || self.known.iter().any(|outbox| outbox.principal == principal) {
            let newest = self.forgotten_of.entry(principal).or_default();
            *newest = stamp.max(*newest);
        } else {
            let newest = self.forgotten_of.remove(&principal).max(Some(stamp));
            let forgotten = &mut self.forgotten[class(&principal)];
            *forgotten = newest.max(*forgotten);
        }
    }
}

impl Outbox {
    fn is(&self, principal: &str, id: &OutboxId) -> bool {
        self.principal == principal && self.id == *id
    }

    fn remember(&mut self, answer: Answer) {
        let at = self.answers.partition_point(|a| a.n < answer.n);
        if self.answers.len() == OUTBOX_ANSWERS_MAX {
            // The lowest goes, which may be the newcomer itself: a gap filled late is not remembered, and so never accepted again.
            let Some(lowest) = (if at == 0 { None } else { self.answers.pop_front() }) else {
                self.floor = self.floor.max(answer.n);
                return;
            };
            self.floor = self.floor.max(lowest.n);
            self.answers.insert(at - 1, answer);
        } else {
            if self.answers.len() == self.answers.capacity() {
                self.answers.reserve_exact((self.answers.len() + 8).min(OUTBOX_ANSWERS_MAX) - self.answers.len());
            }
            self.answers.insert(at, answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> CommandId {
        CommandId { outbox: OutboxId { stamp: 1_000, unique: "a".into() }, n }
    }

    fn other(stamp: u64) -> CommandId {
        CommandId { outbox: OutboxId { stamp, unique: format!("o{stamp}") }, n: 1 }
    }

    #[test]
    fn ids_have_one_text() {
        for good in ["lx3k9-ab12:7", "0-a:1"] {
            assert_eq!(good.parse::<CommandId>().unwrap().to_string(), good);
        }
        for bad in
            ["", "a:1", "00-a:1", "0-a:0", "0-a:01", "0-a:-1", "0-A:1", "0-a", "0-a:x", "zzzzzzzzzzzzz-a:1", "0-:1"]
        {
            assert_eq!(bad.parse::<CommandId>(), Err(BadCommandId), "{bad}");
        }
    }

    #[test]
    fn a_retry_finds_its_first_answer() {
        let mut boxes = Outboxes::default();
        assert_eq!(boxes.look_up("ana", &id(1), 9), Known::New);
        boxes.remember("ana", &id(1), 9, 412, [1; 8]);
        assert_eq!(boxes.look_up("ana", &id(1), 9), Known::Before { seq: 412, tag: [1; 8] });
        assert_eq!(boxes.look_up("ana", &id(1), 8), Known::OtherBody);
        assert_eq!(boxes.look_up("bo", &id(1), 9), Known::New, "an outbox belongs to its principal");
    }

    #[test]
    fn what_is_forgotten_is_never_executed() {
        let mut boxes = Outboxes::default();
        let remembered = OUTBOX_ANSWERS_MAX as u64;
        for n in 1..=remembered + 1 {
            boxes.remember("ana", &id(n * 10), 0, n, [0; 8]);
        }
        assert_eq!(boxes.look_up("ana", &id(10), 0), Known::TooOld);
        assert_eq!(boxes.look_up("ana", &id(9), 0), Known::TooOld, "below the forgotten one");
        assert_eq!(boxes.look_up("ana", &id(20), 0), Known::Before { seq: 2, tag: [0; 8] });
        assert_eq!(boxes.look_up("ana", &id(15), 0), Known::New, "a number between, never used here");
    }

    #[test]
    fn a_gap_filled_late_is_not_executed_twice() {
        let mut boxes = Outboxes::default();
        for n in 2..=OUTBOX_ANSWERS_MAX as u64 + 1 {
            boxes.remember("ana", &id(n), 0, n, [0; 8]);
        }
        boxes.remember("ana", &id(1), 0, 99, [0; 8]);
        assert_eq!(boxes.look_up("ana", &id(1), 0), Known::TooOld);
        assert_eq!(boxes.look_up("ana", &id(2), 0), Known::Before { seq: 2, tag: [0; 8] });
    }

    #[test]
    fn an_answer_that_is_forgotten_is_too_old_and_the_others_stay() {
        let mut boxes = Outboxes::default();
        (1..=4).for_each(|n| boxes.remember("ana", &id(n * 10), 0, n, [0; 8]));
        boxes.remember("bo", &other(5), 0, 5, [0; 8]);
        boxes.forget_answer(3);
        boxes.forget_answer(99);
        assert_eq!(
            [10, 20, 40].map(|n| boxes.look_up("ana", &id(n), 0)),
            [1, 2, 4].map(|seq| Known::Before { seq, tag: [0; 8] })
        );
        assert_eq!([15, 30].map(|n| boxes.look_up("ana", &id(n), 0)), [Known::TooOld; 2]);
        assert_eq!(boxes.look_up("ana", &id(31), 0), Known::New);
        assert_eq!(boxes.look_up("bo", &other(5), 0), Known::Before { seq: 5, tag: [0; 8] });
    }

    #[test]
    fn an_unknown_outbox_older_than_a_forgotten_one_is_too_old() {
        let mut boxes = Outboxes::default();
        for stamp in 1..=OUTBOXES_MAX as u64 + 1 {
            boxes.remember(&format!("p{stamp}"), &other(stamp), 0, 1, [0; 8]);
        }
        assert_eq!(boxes.look_up("p1", &other(1), 0), Known::TooOld);
        assert_eq!(boxes.look_up("p2", &other(2), 0), Known::Before { seq: 1, tag: [0; 8] });
        assert_eq!(boxes.look_up("new", &other(9_999), 0), Known::New);
    }

    #[test]
    fn one_principal_pushes_out_its_own_outboxes_only() {
        let mut boxes = Outboxes::default();
        boxes.remember("bo", &other(1), 0, 1, [0; 8]);
        for stamp in 2..100 {
            boxes.remember("ana", &other(stamp), 0, 1, [0; 8]);
        }
        assert_eq!(boxes.look_up("bo", &other(1), 0), Known::Before { seq: 1, tag: [0; 8] });
        assert_eq!(boxes.known.len(), 1 + OUTBOXES_PER_PRINCIPAL_MAX);
        assert_eq!(boxes.look_up("ana", &other(2), 0), Known::TooOld);
        assert_eq!(boxes.look_up("cy", &other(2), 0), Known::New, "what Ana forgot concerns nobody else");
    }

    #[test]
    fn what_a_principal_forgot_is_not_forgotten_with_its_last_outbox() {
        let mut boxes = Outboxes::default();
        (10..=10 + OUTBOXES_PER_PRINCIPAL_MAX as u64).for_each(|at| boxes.remember("ana", &other(at), 0, 1, [0; 8]));
        (0..OUTBOXES_MAX as u64).for_each(|n| boxes.remember(&format!("p{n}"), &other(1_000), 0, 1, [0; 8]));
        assert!(boxes.forgotten_of.is_empty() && boxes.known.iter().all(|outbox| outbox.principal != "ana"));
        assert_eq!(boxes.look_up("ana", &other(10), 0), Known::TooOld);
        assert_eq!(boxes.look_up("ana", &other(500), 0), Known::New);
    }
}
