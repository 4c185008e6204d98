//! An owner on a host that lives for an invocation at a time: frozen between two of them for seconds or for ever, while others write.
//!
//! Its state is a cache: an append or the journal's head confirms whatever leaves. Who watches is asked after each commit, and who is present is
//! said from outside. Between invocations it does nothing; runs do not overlap, so what is durable is what the machine holds when one lands.

use std::{sync::Arc, time::Duration};

use dormouse_core::{Code, Failure, limits};
use dormouse_journal::Run;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    Owner,
    message::Message,
    run::Item,
    watch::{Publish, Transition},
};
use crate::audience::{Audience, Moved, NextWake, Waits};

pub(super) struct Hold {
    audience: Arc<dyn Audience>,
    /// Whether an invocation has sent something and not settled.
    is_held: bool,
    settling: Vec<oneshot::Sender<()>>,
    /// Signals and news of presence, until it is known who hears them.
    passing: Vec<Message>,
    /// Snapshots that are being kept.
    keeping: Vec<JoinHandle<()>>,
}

impl Hold {
    pub(super) fn new(audience: Arc<dyn Audience>) -> Self {
        Self { audience, is_held: true, settling: vec![], passing: vec![], keeping: vec![] }
    }

    /// An invocation that ended before this would freeze it half-way.
    pub(super) fn waits_for(&mut self, keeping: JoinHandle<()>) {
        self.keeping.push(keeping);
    }
}

impl Owner {
    /// Whether nothing more is decided before the run in flight has landed.
    pub(super) fn waits_for_append(&self) -> bool {
        self.hold.is_some() && self.append.is_some()
    }

    pub(super) fn takes_messages(&self) -> bool {
        !self.is_full() && self.broken.is_none() && !self.is_damaged && !self.waits_for_append()
    }

    /// What is decided without a message, and what found no room before.
    pub(super) fn decide_what_is_due(&mut self) {
        if self.waits_for_append() {
            return;
        }
        self.pay_what_is_owed();
        self.let_absent_go();
        self.wake_if_due();
        self.hand_over();
        if self.waits_for_append() {
            return;
        }
        self.decide_waiting();
        // Nothing else would: here no run follows on the heels of another.
        if self.hold.is_some() {
            self.hand_over();
        }
    }

    /// Somebody began or ceased to watch here. Where an owner does not see all who watch, others say who is present.
    pub(super) fn came_or_went(&mut self, transition: Transition) {
        if self.hold.is_none() {
            self.transition(transition);
        }
    }

    /// Whether this host says who is present.
    pub(super) fn announces(&self) -> bool {
        self.hold.is_none()
    }

    /// Nobody would wait for what a wake causes between two invocations.
    pub(super) fn may_wake(&self) -> bool {
        self.hold.as_ref().is_none_or(|hold| hold.is_held)
    }

    /// How long an actor stays in memory that nobody asks anything. A warm host keeps as many as it may.
    pub(super) fn idle_limit(&self) -> Duration {
        let keeps = self.hold.is_some() && self.shared.owners() <= limits::HELD_MAX;
        if keeps { limits::HELD_IDLE } else { limits::IDLE }
    }

    /// Who watches is known before anything is decided: the views of now are what the first commit is compared with.
    pub(super) async fn begin_to_hold(&mut self) {
        self.attend(&[]).await;
        if self.hold.is_some() {
            self.assume();
        }
    }

    pub(super) fn take_hold(&mut self, message: &Message) {
        if let Some(hold) = self.hold.as_mut().filter(|hold| !hold.is_held)
            && !matches!(message, Message::Settle { .. })
        {
            hold.is_held = true;
            // As if it had rung when it was due.
            self.wake_if_due();
        }
    }

    /// Ask who watches. `publishes` are about to be shown.
    pub(super) async fn attend(&mut self, publishes: &[Publish]) {
        let Some(hold) = &self.hold else { return };
        match hold.audience.of(&self.address).await {
            Ok(audience) => self.watchers.attend(audience, &self.machine, publishes),
            Err(error) => {
                tracing::warn!(address = %self.address, %error, "who watches is not known; those who were are told");
            }
        }
    }

    /// Others committed what was just loaded, and told those who watch.
    pub(super) fn assume(&mut self) {
        self.watchers.assume(&self.machine);
    }

    pub(super) fn tell_audience(&self, run: &Run) {
        if let Some(hold) = &self.hold {
            hold.audience.moved(Moved {
                address: self.address.clone(),
                after: run.expected.position(),
                now: run.head.position(),
                wake: run.index.wake.map(|_| self.next_wake()),
                opened: run.index.opened.clone(),
            });
        }
    }

    fn next_wake(&self) -> Option<NextWake> {
        let wall = self.shared.world.now();
        self.machine.next_wake().map(|due| NextWake { due, at: self.clock.on_the_wall(due, wall) })
    }

    /// What is due is done first, and the answer rests on it.
    pub(super) fn say_what_it_waits_for(&mut self, reply: oneshot::Sender<Result<Waits, Failure>>, tries: u32) {
        self.wake_if_due();
        if self.machine.is_spoiled() {
            return self.next.items.push(Item::Stranded { message: Message::Waits { reply }, tries });
        }
        let waits = Waits {
            position: self.machine.head().position(),
            wake: self.next_wake(),
            open: self.machine.open_tasks().cloned().collect(),
            retired: self.machine.is_retired(),
        };
        self.keep(Item::Waits { reply, waits: Box::new(waits) });
    }

    pub(super) fn pass_on_later(&mut self, message: Message) {
        if let Some(hold) = &mut self.hold {
            hold.passing.push(message);
        }
    }

    /// Signals go to those who watch now, from those who may know of the actor now.
    pub(super) async fn pass_on(&mut self) {
        let Some(hold) = &mut self.hold else { return };
        if hold.passing.is_empty() || self.append.is_some() || self.next.has_commits() {
            return;
        }
        let passing = std::mem::take(&mut hold.passing);
        self.catch_up().await;
        self.attend(&[]).await;
        if self.broken.is_some() {
            return;
        }
        for message in passing {
            match message {
                Message::Signal { from, connection, signal } => self.signal(&from, connection, &signal),
                Message::Stream { key, hear, signal } => self.stream(&key.0, &hear, &signal),
                Message::Announce => self.watchers.announce_now(&self.actor),
                Message::ShowAgain => self.show_again(),
                _ => {}
            }
        }
    }

    /// Somebody who committed may have ended before it told them.
    fn show_again(&mut self) {
        self.watchers.hold_nothing();
        self.refresh();
        if self.machine.is_retired() {
            self.watchers.dismiss(&self.actor, &Code::Gone.into());
        }
    }

    pub(super) fn settle_for(&mut self, reply: oneshot::Sender<()>) {
        if let Some(hold) = &mut self.hold {
            hold.settling.push(reply);
        }
    }

    /// Tell those who wait for it that all has left.
    pub(super) fn let_settle(&mut self) {
        let is_busy = self.append.is_some()
            || self.next.has_commits()
            || self.machine.is_spoiled()
            || self.may_be_behind
            || !self.waiting.is_empty()
            || !self.unconfirmed.is_empty()
            || self.watchers.owes();
        let Some(hold) = self.hold.as_mut().filter(|hold| !is_busy && !hold.settling.is_empty()) else { return };
        hold.is_held = false;
        let (settling, keeping) = (std::mem::take(&mut hold.settling), std::mem::take(&mut hold.keeping));
        if keeping.is_empty() {
            return answer(settling);
        }
        tokio::spawn(async move {
            for snapshot in keeping {
                let _ = snapshot.await;
            }
            answer(settling);
        });
    }

    /// Who watches is in rows, and a snapshot is kept as often as commits ask for one.
    pub(super) fn leave_hold(&mut self) -> bool {
        let mailbox = &self.mailbox;
        self.shared.registry.leave(&self.address, || mailbox.is_empty(), &mut Box::default())
    }
}

/// Who ceased to wait is not missed.
fn answer(settling: Vec<oneshot::Sender<()>>) {
    settling.into_iter().for_each(|reply| {
        let _ = reply.send(());
    });
}
