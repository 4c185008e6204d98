//! The outbox: commands numbered over all actors, sent in order and sent again with the same id until a host answered.
//!
//! A number is final once it was transmitted, and is never used for another command after that. A host that takes the numbers
//! of this outbox for used or too old has it replaced: what was certainly not carried out goes out again under a new one.

use dormouse_core::planted::{Bug, planted};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    time::Duration,
};

use dormouse_core::codes::Code;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Accepted, Effect, Session};
use crate::{
    fault::{Action, Fault},
    frame::{self, ClientFrame},
    limits::{ANSWER, ANSWER_WINDOW, ENVELOPE_BYTES, MOVES_MAX, WAITING_MAX},
};

/// An outbox as it is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Whose commands these are.
    pub owner: Option<String>,
    /// The outbox that a host gave.
    pub outbox: Option<String>,
    /// The number of the next command.
    pub next_n: u64,
    /// Not answered yet, in order.
    pub commands: Vec<KeptCommand>,
}

/// A command as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptCommand {
    /// Its number.
    pub n: u64,
    /// `kind/id`.
    pub actor: Arc<str>,
    /// JSON.
    pub command: Arc<RawValue>,
    /// Whether a host may have seen it.
    pub sent: bool,
}

const USED_BEFORE: u16 = Code::IdempotencyMismatch as u16;
const TOO_OLD: u16 = Code::UnknownCommandAge as u16;
/// Nothing is carried out after it.
const GONE: u16 = Code::Gone as u16;
/// What counts for [`Command::sends`] where only "sent" is known.
const SENT_BEFORE: u32 = 1;

#[derive(Debug)]
pub(super) struct Outbox {
    owner: Option<String>,
    id: Option<String>,
    next_n: u64,
    commands: BTreeMap<u64, Command>,
    /// A host refused a number as used or too old; once every answer is here that this outbox can still get, another takes its place.
    spent: bool,
    changed: bool,
}

#[derive(Debug)]
struct Command {
    key: u64,
    actor: Arc<str>,
    body: Arc<RawValue>,
    /// Until when an answer is waited for, if it was sent over this line.
    answer_by: Option<Duration>,
    /// How often a host may have seen this id, over this line or an earlier one; one of an earlier process may have been sent twice.
    sends: u32,
    /// The copy that went out first, which does not say that there are others, went over this line and is not answered.
    first_here: bool,
    /// How often it was given another id.
    moves: u32,
    retries: u32,
    not_before: Duration,
}

impl Outbox {
    pub(super) fn new(kept: Option<Kept>) -> Self {
        let kept = kept.unwrap_or_default();
        let sends = |it: &KeptCommand| if it.sent { SENT_BEFORE } else { 0 };
        let commands =
            (1..).zip(kept.commands).map(|(key, it)| (it.n, Command::new(key, sends(&it), it.actor, it.command)));
        let commands: BTreeMap<u64, Command> = commands.collect();
        let next_n = kept.next_n.max(commands.last_key_value().map_or(1, |(n, _)| n + 1));
        Self { owner: kept.owner, id: kept.outbox, next_n, commands, spent: false, changed: false }
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(super) fn take_changed(&mut self) -> bool {
        mem::take(&mut self.changed)
    }

    pub(super) fn kept(&self) -> Kept {
        let commands = self.commands.iter().map(|(&n, it)| KeptCommand {
            n,
            actor: it.actor.clone(),
            command: it.body.clone(),
            sent: it.sends > 0,
        });
        let (owner, outbox, next_n) = (self.owner.clone(), self.id.clone(), self.next_n);
        Kept { owner, outbox, next_n, commands: commands.collect() }
    }

    /// Whether a command has waited for its answer for too long.
    pub(super) fn is_late(&self, now: Duration) -> bool {
        self.commands.values().any(|command| command.answer_by.is_some_and(|by| by <= now))
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        let of = |it: &Command| it.answer_by.or_else(|| Some(it.not_before).filter(|at| !at.is_zero()));
        self.commands.values().filter_map(of).min()
    }

    /// The command that an answer names; duplicates of an answer find nothing here.
    fn find(&self, command_id: &str) -> Option<u64> {
        let (outbox, n) = command_id.rsplit_once(':')?;
        let n = n.parse().ok().filter(|_| Some(outbox) == self.id())?;
        self.commands.contains_key(&n).then_some(n)
    }

    fn remove(&mut self, n: u64) -> Option<Command> {
        self.changed = true;
        self.commands.remove(&n)
    }

    fn renumber(&mut self) {
        let commands = mem::take(&mut self.commands).into_values();
        self.commands = (1..).zip(commands).collect();
        self.next_n = self.commands.len() as u64 + 1;
    }
}

impl Command {
    fn new(key: u64, sends: u32, actor: Arc<str>, body: Arc<RawValue>) -> Self {
        let not_before = Duration::ZERO;
        Self { key, actor, body, answer_by: None, sends, first_here: false, moves: 0, retries: 0, not_before }
    }
}

impl Session {
    pub(super) fn enqueue(&mut self, key: u64, actor: Arc<str>, command: Arc<RawValue>) {
        if self.is_closed() {
            return self.answer(key, Err(Fault::closed()));
        }
        if self.outbox.len() >= WAITING_MAX {
            let message =
                format!("{WAITING_MAX} commands wait for an answer; this one was not taken. Send it again later.");
            return self.answer(key, Err(Fault::local("outbox_full", message, Action::Retry)));
        }
        let n = self.outbox.next_n;
        self.outbox.next_n += 1;
        self.outbox.commands.insert(n, Command::new(key, 0, actor, command));
        self.outbox.changed = true;
        self.flush();
    }

    /// Sends what may go now. An actor's commands keep their order: one that waits holds back the later ones.
    pub(super) fn flush(&mut self) {
        if !self.is_open() {
            return;
        }
        let outbox = &mut self.outbox;
        let sent = outbox.commands.values().filter(|it| it.answer_by.is_some()).count();
        let mut free = self.in_flight.saturating_sub(sent);
        let mut held: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut lowest: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for (&n, command) in &mut outbox.commands {
            if free == 0 {
                return;
            }
            // What goes on to a new outbox does not wait in this one, nor is it waited for.
            if outbox.spent && command.sends == 0 || planted(Bug::NeverAskedAgain) && command.sends > 0 {
                continue;
            }
            let low = *lowest.entry(command.actor.clone()).or_insert(n);
            if command.answer_by.is_some() || held.contains(&command.actor) {
                continue;
            }
            // The host would have forgotten the lowest one's answer by the time it asks for it.
            if command.not_before > self.now || n - low >= ANSWER_WINDOW {
                held.insert(command.actor.clone());
                continue;
            }
            free -= 1;
            command.answer_by = Some(self.now + ANSWER);
            // Of what may have gone out before a copy may come at any time: its refusal must hold for that one, too.
            let resent = command.sends > 0;
            outbox.changed |= !resent;
            command.first_here |= !resent;
            command.sends += 1;
            let command_id = format!("{}:{n}", outbox.id.as_deref().unwrap_or_default());
            let (actor, command) = (command.actor.clone(), command.body.clone());
            self.effects.push(Effect::Transmit(ClientFrame::Send { actor, command_id, command, resent }));
        }
    }

    pub(super) fn on_accepted(&mut self, frame: frame::Accepted) {
        let frame::Accepted { command_id, position, etag, again, .. } = frame;
        let Some(command) = self.outbox.find(&command_id).and_then(|n| self.outbox.remove(n)) else { return };
        self.answer(command.key, Ok(Accepted { position, etag, again }));
        self.flush();
    }

    pub(super) fn on_rejected(&mut self, frame: frame::Rejected) {
        let Some(n) = self.outbox.find(&frame.command_id) else { return };
        if [USED_BEFORE, TOO_OLD].contains(&frame.fault.code) {
            self.on_spent(n, frame.fault);
        } else if frame.fault.action == Action::Stop {
            self.on_refused(n, frame.fault);
        } else if let Some(retries) = self.outbox.commands.get(&n).map(|it| it.retries) {
            let wait = self.backoff(retries, frame.fault.retry_after);
            let Some(command) = self.outbox.commands.get_mut(&n) else { return };
            command.not_before = self.now + wait;
            command.retries += 1;
            // With one copy, this is its answer.
            command.first_here &= command.sends > 1;
            command.answer_by = None;
        }
        self.flush();
    }

    /// A refusal is the last word if there is no other copy, or if none can be carried out any more.
    fn on_refused(&mut self, n: u64, fault: Fault) {
        let Some(command) = self.outbox.commands.get_mut(&n) else { return };
        if command.sends == 1 || fault.position.is_some() || fault.code == GONE {
            self.refuse_command(n, fault);
        } else if !mem::take(&mut command.first_here) {
            let message =
                format!("{} An earlier copy of the command may still arrive; look at the view.", fault.message);
            self.refuse_command(n, Fault::local("unknown_outcome", message, Action::Stop));
        }
        // Else it is the answer to the first copy. The one to a later copy is still to come, and may be another.
    }

    /// The host knows this id from another command, or takes it for older than what it remembers: its storage went back to an
    /// older state, or a busy actor forgot outboxes as old as this one. Every further number may be refused too, so what was not
    /// carried out moves to a new outbox. That is certain of another body's id, and of one that was sent just once.
    fn on_spent(&mut self, n: u64, fault: Fault) {
        let Some(command) = self.outbox.commands.get_mut(&n) else { return };
        let unheard = fault.code == USED_BEFORE || command.sends == 1;
        self.outbox.spent = true;
        self.outbox.changed = true;
        if !unheard || command.moves >= MOVES_MAX {
            return self.refuse_command(n, fault);
        }
        (command.sends, command.first_here, command.answer_by) = (0, false, None);
        command.moves += 1;
    }

    /// Once every answer is here that the spent outbox can still get: those who were sent under it would be unknown without it.
    pub(super) fn leave_spent(&mut self) {
        let outbox = &mut self.outbox;
        if !outbox.spent || outbox.commands.values().any(|it| it.sends > 0) {
            return;
        }
        (outbox.id, outbox.spent, outbox.changed) = (None, false, true);
        outbox.renumber();
        let message = "Numbers of this outbox are used up already; the client takes a new one.";
        self.hang_up(Some(Fault::local("outbox_spent", message, Action::Retry)));
    }

    fn refuse_command(&mut self, n: u64, fault: Fault) {
        if let Some(command) = self.outbox.remove(n) {
            self.answer(command.key, Err(fault));
        }
    }

    /// The line went: what was sent and not answered waits again, under the same id.
    pub(super) fn recall_sent(&mut self) {
        self.outbox.commands.values_mut().for_each(|command| (command.answer_by, command.first_here) = (None, false));
    }

    /// A frame may get lost on a line that lives on; asking again is free because the id is the same.
    pub(super) fn resend_late(&mut self) {
        let now = self.now;
        for command in self.outbox.commands.values_mut() {
            command.answer_by = command.answer_by.filter(|by| *by > now);
            // A time that has passed is cleared, or it would stay the next deadline while the command waits for its turn.
            if command.not_before <= now {
                command.not_before = Duration::ZERO;
            }
        }
        self.flush();
    }

    /// The host named the outbox and its owner.
    pub(super) fn use_outbox(&mut self, owner: &str, id: &str) {
        if self.outbox.owner.as_deref().is_some_and(|before| before != owner) {
            // Numbers go on counting: under this outbox the former owner has used the ones before.
            let message = "The client signed in as somebody else; the command was dropped.";
            self.reject_all(&Fault::local("principal_changed", message, Action::Stop));
        }
        self.outbox.changed |= self.outbox.owner.as_deref() != Some(owner) || self.outbox.id() != Some(id);
        self.outbox.owner = Some(owner.to_owned());
        if self.outbox.id() != Some(id) {
            self.abandon_transmitted();
            self.outbox.renumber();
            self.outbox.spent = false;
            self.outbox.id = Some(id.to_owned());
        }
    }

    /// This line carries less than the one that they were meant for: sent, they would end it, again and again.
    pub(super) fn refuse_too_large(&mut self) {
        let room = self.bounds.frame_bytes.saturating_sub(ENVELOPE_BYTES);
        let is_large = |it: &Command| it.body.get().len() > room;
        let large: Vec<(u64, bool)> =
            self.outbox.commands.iter().filter(|(_, it)| is_large(it)).map(|(n, it)| (*n, it.sends > 0)).collect();
        for (n, was_sent) in large {
            let mut fault = Fault::too_large("command", room);
            if was_sent {
                let message = format!("{} An earlier copy may have been carried out; look at the view.", fault.message);
                fault = Fault::local("unknown_outcome", message, Action::Stop);
            }
            self.refuse_command(n, fault);
        }
    }

    /// Without the outbox that they went out under, sending these again could carry them out twice.
    fn abandon_transmitted(&mut self) {
        let message = "Whether the command was carried out cannot be told, for the host does not know its outbox. Look at the view.";
        let fault = Fault::local("unknown_outcome", message, Action::Stop);
        let lost: Vec<u64> = self.outbox.commands.iter().filter(|(_, it)| it.sends > 0).map(|(n, _)| *n).collect();
        lost.into_iter().for_each(|n| self.refuse_command(n, fault.clone()));
    }

    pub(super) fn reject_all(&mut self, fault: &Fault) {
        self.outbox.changed = true;
        for command in mem::take(&mut self.outbox.commands).into_values() {
            self.answer(command.key, Err(fault.clone()));
        }
    }

    fn answer(&mut self, key: u64, answer: Result<Accepted, Fault>) {
        if planted(Bug::AnsweredTwice) {
            self.effects.push(Effect::Answer { key, answer: answer.clone() });
        }
        self.effects.push(Effect::Answer { key, answer });
    }
}
