//! The engine's part of an actor's state: what it must know of the past to go on, inside every snapshot and export.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::present::Present;
use crate::{
    agenda::TaskKey,
    dice::Secret,
    outbox::{CommandId, Outboxes},
    planted::{Bug, planted},
    record::{Body, Cause, Changes, Header, Opened, Parked},
    refusals::{Refusals, Words},
    time::Time,
};

/// The engine's part of an actor's state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Upkeep {
    pub(super) secret: Secret,
    /// Hash of the config and tag of the first commit.
    pub(super) created: Option<(u64, [u8; 8])>,
    pub(super) outboxes: Outboxes,
    pub(super) open: BTreeMap<TaskKey, Opened>,
    pub(super) parked: BTreeSet<Parked>,
    pub(super) wake: Option<Time>,
    pub(super) events: u64,
    pub(super) retired: bool,
    /// Since version 2 of snapshots; behind all that was there before, so that older ones are read as if nobody were present.
    pub(super) present: Present,
    /// Since version 3 of snapshots. The outboxes know the ids; an answer of theirs whose commit is not here was accepted.
    pub(super) refusals: Refusals,
}

impl Upkeep {
    /// What a planted bug leaves out of snapshots.
    pub(crate) fn forget_commands(&mut self) {
        self.outboxes = Outboxes::default();
    }

    /// Move past a commit; `tag` is of its hash.
    pub(super) fn step(&mut self, header: &Header, body: &Body<'_>, changes: &Changes, tag: [u8; 8]) {
        self.events += body.events.len() as u64;
        self.retired |= header.retires;
        for (key, _) in &changes.closed {
            self.open.remove(key);
        }
        for opened in &changes.opened {
            self.open.insert(opened.key.clone(), opened.clone());
        }
        for what in &changes.released {
            self.parked.remove(what);
        }
        if let Some(wake) = changes.wake {
            self.wake = wake;
        }
        match (&body.cause, &body.by) {
            (Cause::Created { secret, config }, _) => {
                self.secret = *secret;
                self.created = Some((*config, tag));
            }
            (Cause::Command { id: Some(id), body }, Some(by)) => {
                self.outboxes.remember(&by.id, id, *body, header.seq, tag);
            }
            (Cause::Refused { id, body, words }, Some(by)) => {
                self.keep_refusal(&by.id, (id, *body), words, (header.seq, tag))
            }
            (Cause::Parked { what }, _) => {
                self.parked.insert(what.clone());
            }
            (Cause::Joined, Some(who)) => self.present.joined(who),
            (Cause::Left, Some(who)) => self.present.left(who),
            (Cause::Retire, _) => self.present.clear(),
            _ => {}
        }
    }

    fn keep_refusal(&mut self, by: &str, (id, body): (&CommandId, u64), words: &Words, (seq, tag): (u64, [u8; 8])) {
        if planted(Bug::RefusalNotKept) {
            return;
        }
        self.outboxes.remember(by, id, body, seq, tag);
        if let Some(forgotten) = self.refusals.remember(seq, words.clone()) {
            self.outboxes.forget_answer(forgotten);
        }
    }
}
