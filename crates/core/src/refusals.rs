//! Refusals that are kept: of a command that may be on several lines, so that each of its copies gets the same one, whenever it comes.
//!
//! Part of the state of every actor, beside its [outboxes](crate::outbox), which know the ids. Absent: refusals of commands that were put on
//! one line. Of those there is no copy that could come later, and refusing them costs no commit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    codes::{Code, Failure},
    limits::{KEY_BYTES_MAX, REFUSAL_BYTES_MAX, REFUSALS_MAX},
    position::Position,
};

/// What was said when a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// A number of docs/codes.md.
    pub code: u16,
    /// The rules' own code, where the rules refused.
    pub reason: Option<String>,
    /// For people.
    pub message: String,
}

impl Words {
    /// Those of this failure, cut to their limits.
    pub fn of(failure: &Failure) -> Self {
        Self {
            code: failure.code as u16,
            reason: failure.reason.as_deref().map(|reason| cut(reason, KEY_BYTES_MAX)),
            message: cut(&failure.message, REFUSAL_BYTES_MAX),
        }
    }

    /// The failure, as whoever sent the command is told it: it is kept by the commit at `position`.
    pub fn failure(&self, position: Position) -> Failure {
        // A number that only newer programs know still says that it was refused.
        let code = Code::ALL.iter().find(|code| **code as u16 == self.code).copied().unwrap_or(Code::Rejected);
        let reason = self.reason.clone().map(Into::into);
        Failure { reason, position: Some(position), ..Failure::new(code, self.message.clone()) }
    }
}

fn cut(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

/// The refusals that an actor remembers, by the commits that keep them: at most [`REFUSALS_MAX`], and the oldest goes first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Refusals(BTreeMap<u64, Words>);

impl Refusals {
    /// What commit `seq` keeps, if that is a refusal.
    pub fn get(&self, seq: u64) -> Option<&Words> {
        self.0.get(&seq)
    }

    /// Remember what commit `seq` keeps. Returns the commit whose refusal is forgotten to make room.
    #[must_use]
    pub fn remember(&mut self, seq: u64, words: Words) -> Option<u64> {
        self.0.insert(seq, words);
        if self.0.len() > REFUSALS_MAX { self.0.pop_first().map(|(oldest, _)| oldest) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(message: &str) -> Words {
        let reason = Some("r".repeat(KEY_BYTES_MAX + 1).into());
        Words::of(&Failure { reason, ..Failure::new(Code::Rejected, message) })
    }

    #[test]
    fn a_refusal_is_told_as_it_is_kept_and_cut_between_characters() {
        let whole = "n".repeat(REFUSAL_BYTES_MAX);
        assert_eq!(words(&whole).message, whole);
        let kept = words(&format!("{}é", "n".repeat(REFUSAL_BYTES_MAX - 1)));
        assert_eq!(kept.message, "n".repeat(REFUSAL_BYTES_MAX - 1));
        let position = Position { epoch: 1, seq: 7, tag: [1; 8] };
        let told = kept.failure(position);
        assert_eq!((told.code, told.position, Words::of(&told)), (Code::Rejected, Some(position), kept));
        assert_eq!(told.reason.unwrap().len(), KEY_BYTES_MAX);
    }

    #[test]
    fn a_code_that_is_not_known_still_refuses() {
        let position = Position { epoch: 1, seq: 7, tag: [1; 8] };
        assert_eq!(Words { code: 4_999, ..words("no") }.failure(position).code, Code::Rejected);
    }

    #[test]
    fn at_the_limit_every_refusal_is_known_and_one_more_pushes_out_the_oldest() {
        let mut refusals = Refusals::default();
        let last = REFUSALS_MAX as u64;
        assert!((1..=last).all(|seq| refusals.remember(seq, words("no")).is_none()));
        assert!((1..=last).all(|seq| refusals.get(seq).is_some()));
        assert_eq!(refusals.remember(last + 1, words("no")), Some(1));
        assert!(refusals.get(1).is_none() && refusals.get(2).is_some() && refusals.get(last + 1).is_some());
    }
}
