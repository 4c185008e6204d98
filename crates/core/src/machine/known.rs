//! What needs no decision: inputs that were answered before or came too late, and what would come again for ever.

use super::{Decision, Machine, Stimulus};
use crate::{
    agenda::{Outcome, Task},
    codes::{Code, Failure},
    hash::Hash,
    limits::OUTBOX_AHEAD_MAX,
    outbox::{CommandId, Known},
    planted::{Bug, planted},
    position::Position,
    record::Parked,
    sight::Viewer,
    time::Time,
};

impl Machine {
    /// The answer of an input that needs no decision: one that was answered before, or that came too late.
    pub(super) fn known(&self, stimulus: &Stimulus, now: Time) -> Result<Option<Decision>, Failure> {
        match stimulus {
            Stimulus::Create { config, .. } => self.created_before(body_hash(config)),
            Stimulus::Command { by, id: Some(id), command, .. } | Stimulus::Refuse { by, id, command, .. } => {
                self.answered_before(by, id, body_hash(command), now)
            }
            Stimulus::Wake { key, due } => Ok(self.wake_is_over(key, *due).then_some(Decision::Nothing)),
            Stimulus::Report { key, opened, .. } => {
                let is_open = self.upkeep.open.get(key).is_some_and(|o| o.seq == *opened) || planted(Bug::OutcomeTwice);
                if is_open { Ok(None) } else { Err(Code::Stale.into()) }
            }
            // Back before anybody missed them.
            Stimulus::Joined { who } if self.upkeep.present.holds(&who.principal) => Ok(Some(Decision::Nothing)),
            Stimulus::Redrive { what, .. } if !self.upkeep.parked.contains(what) => Ok(Some(Decision::Nothing)),
            Stimulus::Review if !self.waits_for_others() => Ok(Some(Decision::Nothing)),
            Stimulus::Park { what } if !self.may_park(what) => Ok(Some(Decision::Nothing)),
            _ => Ok(None),
        }
    }

    /// What the task that failed was to do.
    pub(super) fn failed_task(&self, stimulus: &Stimulus) -> Option<Task> {
        match stimulus {
            Stimulus::Report { key, outcome: Outcome::Failed { .. }, .. } => self.guarded(|rules| rules.task(key)).ok(),
            _ => None,
        }
    }

    /// A wake that has come and stays on the agenda would come again at once, a task that failed and stays what it was would fail again.
    pub(super) fn stays(&self, stimulus: &Stimulus, failed: Option<&Task>) -> Result<Option<Parked>, Failure> {
        match (stimulus, failed) {
            (Stimulus::Wake { key, due }, _) => {
                let agenda = self.guarded(|rules| rules.agenda())?;
                Ok(agenda.wakes.contains(&(*due, key.clone())).then(|| Parked::Wake(key.clone(), *due)))
            }
            (Stimulus::Report { key, .. }, Some(failed)) => {
                let agenda = self.guarded(|rules| rules.agenda())?;
                let listed = agenda.tasks.iter().any(|(listed, _)| listed == key);
                let stays = listed && self.guarded(|rules| rules.task(key))? == *failed;
                Ok(stays.then(|| Parked::Task(key.clone())))
            }
            _ => Ok(None),
        }
    }

    fn created_before(&self, config: u64) -> Result<Option<Decision>, Failure> {
        match self.upkeep.created {
            None => Ok(None),
            Some((first, tag)) if first == config => Ok(Some(Decision::Before(self.place(1, tag)))),
            Some(_) => Err(Code::IdempotencyMismatch.into()),
        }
    }

    fn answered_before(&self, by: &Viewer, id: &CommandId, body: u64, now: Time) -> Result<Option<Decision>, Failure> {
        match self.upkeep.outboxes.look_up(&by.principal.id, id, body) {
            // Once forgotten it would make every honest outbox look older than it. Actors stamp with their own time, which may be ahead.
            Known::New if id.outbox.stamp > now.after(OUTBOX_AHEAD_MAX).0 && !by.is_actor() => {
                Err(Failure::new(Code::BadCommandId, "this outbox is stamped in the future; take that of `welcome`"))
            }
            Known::New => Ok(None),
            Known::Before { .. } if planted(Bug::Forgetful) => Ok(None),
            Known::Before { seq, tag } => match self.upkeep.refusals.get(seq) {
                Some(words) => Err(words.failure(self.place(seq, tag))),
                None => Ok(Some(Decision::Before(self.place(seq, tag)))),
            },
            Known::OtherBody => Err(Code::IdempotencyMismatch.into()),
            Known::TooOld => Err(Code::UnknownCommandAge.into()),
        }
    }

    fn wake_is_over(&self, key: &str, due: Time) -> bool {
        let listed =
            self.guarded(|rules| rules.agenda()).is_ok_and(|agenda| agenda.wakes.contains(&(due, key.to_owned())));
        !listed || !self.runs(key, due)
    }

    fn may_park(&self, what: &Parked) -> bool {
        match what {
            Parked::Wake(key, due) => !self.wake_is_over(key, *due),
            Parked::Task(key) => self.upkeep.open.contains_key(key),
        }
    }

    fn place(&self, seq: u64, tag: [u8; 8]) -> Position {
        Position { epoch: self.head.epoch, seq, tag }
    }
}

/// What two payloads must share to be the same: their bytes.
pub(super) fn body_hash(payload: &[u8]) -> u64 {
    Hash::of("dormouse/body/1", &[payload]).short()
}
