//! An owner before the journal: handing runs over, and what each outcome means for those who wait.

use dormouse_core::planted::{Bug, planted};
use std::{collections::VecDeque, sync::Arc};

use dormouse_core::{
    Code, Failure, Machine, Stimulus,
    frame::server::{Resumed, ServerFrame},
    limits,
    position::Head,
    record,
};
use dormouse_journal::{AppendError, Run, StoreError, StoredSnapshot};
use tokio::time::Instant;

use super::{
    Append, Owner, STORE_RETRY,
    clock::Clock,
    load::{LoadOptions, bring, load},
    message::{Accepted, Message, Reply, Watch},
    refuse,
    run::{InFlight, Item, Verdict},
    watch::{Publish, Transition},
};
use crate::{outlet::Outgoing, shared::Shared};

impl Owner {
    /// Give the next run to the journal, if it is free.
    pub(super) fn hand_over(&mut self) {
        if self.append.is_some() || self.machine.is_spoiled() {
            return;
        }
        if !self.next.has_commits() {
            if self.watchers.owes() {
                self.refresh();
            }
            return;
        }
        let sights = self.watchers.look_ahead(&self.machine);
        let publishes = self.watchers.prepare(&self.machine, &self.actor, &sights);
        let next = std::mem::take(&mut self.next);
        let (mut run, items, begun) = next.seal(self.address.clone(), self.durable);
        if let Some(Some(wake)) = &mut run.index.wake {
            *wake = self.clock.on_the_wall(*wake, self.shared.world.now());
        }
        let snapshot_due = run.head.seq >= self.snapshot_seq + limits::SNAPSHOT_COMMITS;
        let snapshot = if snapshot_due || self.machine.is_retired() { self.snapshot() } else { None };
        self.append = Some(append(&self.shared, run.clone()));
        self.in_flight =
            Some(Box::new(InFlight { run, items, sights, publishes, snapshot, begun, since: Instant::now() }));
    }

    pub(super) async fn landed(&mut self, landed: Result<(), AppendError>) {
        let in_flight = self.in_flight.take().expect("what lands was in flight");
        match landed {
            Ok(()) => {
                // Only now: whoever began to watch after this has the commit in its first view.
                if self.hold.is_some() {
                    Box::pin(self.attend(&in_flight.publishes)).await;
                }
                self.committed(*in_flight);
            }
            Err(AppendError::Conflict(head)) => {
                tracing::debug!(address = %self.address, at = %head.position(), "somebody else's commit came first");
                self.shared.meters.rebased.increment(1);
                Box::pin(self.decide_again(in_flight.items)).await;
            }
            Err(AppendError::Unknown(_)) if planted(Bug::UnknownIsCommitted) => self.committed(*in_flight),
            Err(AppendError::Unknown(_)) if planted(Bug::UnknownIsRefused) => {
                let refused = Failure::from(Code::Forbidden);
                in_flight.items.into_iter().for_each(|item| refuse(item.question().0, &self.actor, &refused));
                Box::pin(self.decide_again(Vec::new())).await;
            }
            Err(AppendError::Unknown(error)) => {
                tracing::warn!(address = %self.address, %error, "unknown outcome; putting the same run again");
                self.shared.meters.unknown.increment(1);
                self.append = Some(append_again(&self.shared, in_flight.run.clone()));
                self.in_flight = Some(in_flight);
            }
            Err(AppendError::Store(error)) => Box::pin(self.lost(*in_flight, &error)).await,
        }
    }

    fn committed(&mut self, in_flight: InFlight) {
        let InFlight { run, items, sights, publishes, snapshot, begun, since } = in_flight;
        self.shared.note_stored();
        self.tell_audience(&run);
        self.shared.meters.committed(run.records.len(), since.elapsed(), begun.elapsed());
        if run.head.seq < self.durable.seq {
            // An unknown outcome of before: meanwhile the state was read back, with this run in it and others after it.
            items.into_iter().for_each(|item| self.let_out(item, None));
            self.refresh();
            return;
        }
        self.durable = run.head;
        // Before anybody hears of the commit: who asks for a list then finds it changed.
        if run.index.retired || run.index.summary.is_some() {
            self.shared.lists.changed(&self.address, run.index.summary.iter().flatten().next());
        }
        let turned = self.watchers.turn(sights);
        for item in items {
            self.let_out(item, Some(&publishes));
        }
        self.deliver(&publishes);
        self.join_again(turned);
        self.shared.registry.moved(&self.address, run.head.seq);
        self.shared.hints.moved(&self.address, run.head.position());
        self.shared.opened(&self.address, &run.index.opened);
        if let Some(bytes) = snapshot {
            self.keep_snapshot(run.head, bytes);
        }
        if run.index.retired {
            self.watchers.dismiss(&self.actor, &Code::Gone.into());
        }
    }

    /// Show what is durable, and let go who may not see it.
    fn deliver(&mut self, publishes: &[Publish]) {
        let blind = self.watchers.let_blind_go(&self.actor);
        let (delivered, gone) = self.watchers.deliver(publishes, &self.actor);
        self.shared.meters.deliveries.increment(delivered);
        blind.into_iter().chain(gone).for_each(|transition| self.came_or_went(transition));
    }

    /// The state may be another than when the viewers were last shown it: ask their sights and show it. Not if it is not durable, or worthless.
    pub(super) fn refresh(&mut self) {
        if self.machine.head() != self.durable || self.machine.is_spoiled() {
            return;
        }
        let sights = self.watchers.look_ahead(&self.machine);
        let turned = self.watchers.turn(sights);
        let publishes = self.watchers.prepare(&self.machine, &self.actor, &Default::default());
        self.deliver(&publishes);
        self.join_again(turned);
    }

    /// Whoever was not let go.
    fn join_again(&mut self, turned: Vec<Transition>) {
        let still_here = turned.into_iter().filter(|it| self.watchers.is_here(&it.who().principal.id));
        let joining: Vec<Transition> = still_here.collect();
        joining.into_iter().for_each(|transition| self.transition(transition));
    }

    fn keep_snapshot(&mut self, head: Head, bytes: Vec<u8>) {
        self.snapshot_seq = head.seq;
        let (shared, address) = (self.shared.clone(), self.address.clone());
        let snapshot = StoredSnapshot { head, bytes: bytes.into() };
        let keeping = tokio::spawn(async move {
            if let Err(error) = shared.journal.put_snapshot(&address, snapshot).await {
                shared.note_store_error(&error);
            }
        });
        if let Some(hold) = &mut self.hold {
            hold.waits_for(keeping);
        }
    }

    /// `publishes` is what its viewers are shown of the state that it rests on; `None` if they were shown another.
    pub(super) fn let_out(&mut self, item: Item, publishes: Option<&[Publish]>) {
        match item {
            Item::Look { reply, looked, .. } => drop(reply.send(looked)),
            Item::Reveal { reply, heard, .. } => drop(reply.send(heard)),
            Item::Request { reply, asked, .. } => drop(reply.send(asked)),
            Item::Parked { reply, parked } => drop(reply.send(Ok(parked))),
            Item::Waits { reply, waits } => drop(reply.send(Ok(*waits))),
            Item::Input { reply, verdict: Verdict::Refused(failure), .. } => reply.send(&self.actor, Err(failure)),
            Item::Input { reply, verdict: Verdict::Accepted { position, etag, again }, .. } => {
                // The view of now is not that of a first answer which others came after.
                let is_of_now = !again || position == self.durable.position();
                let connection = reply.connection().filter(|_| is_of_now);
                let etag = etag.or_else(|| self.watchers.etag_of(connection?, publishes?));
                reply.send(&self.actor, Ok(Accepted { position, etag, again }));
            }
            Item::Watch { watch, sight: Ok(sight) } => {
                if let Some(transition) = self.watchers.watch(watch, sight) {
                    self.came_or_went(transition);
                }
            }
            Item::Watch { watch, sight: Err(failure) } => self.turn_away(watch, &failure),
            Item::Unwatch { connection, of } => {
                if let Some(transition) = self.watchers.unwatch(connection, of) {
                    self.came_or_went(transition);
                }
            }
            Item::Stranded { message, tries } => self.answer(message, tries),
        }
    }

    /// Somebody who may not watch. The follower of events says so itself.
    fn turn_away(&self, watch: Watch, failure: &Failure) {
        if watch.of == dormouse_core::frame::As::Events {
            return;
        }
        if failure.code != Code::Gone {
            return refuse(Message::Watch(watch), &self.actor, failure);
        }
        let (actor, position, message) = (&*self.actor, self.machine.head().position(), Some(&*failure.message));
        let (kind, code) = (Resumed::Gone, Some(failure.code as u16));
        let frame = ServerFrame::Resumed { actor, r#as: watch.of, kind, position, code, message };
        watch.outlet.push(Outgoing::Frame(frame.text().into()));
    }

    /// Inputs were refused on what this host knows, and nothing is under way that would tell whether that is old. Somebody else may have taken
    /// such an input already, when this client asked there and heard no answer: refusing it now would be a lie.
    pub(super) async fn confirm(&mut self) {
        let items = std::mem::take(&mut self.unconfirmed);
        match self.shared.journal.head(&self.address).await {
            Ok(head) if head.unwrap_or(Head::start(self.durable.epoch)) == self.durable => {
                items.into_iter().for_each(|item| self.let_out(item, Some(&[])));
            }
            Ok(_) => self.decide_again(items).await,
            Err(error) => {
                let failure = crate::read::unreadable(&self.shared, &self.address, error);
                items.into_iter().for_each(|item| refuse(item.question().0, &self.actor, &failure));
            }
        }
    }

    /// The expected state is void: load what the journal has and decide everything again, in the order in which it came.
    async fn decide_again(&mut self, items: Vec<Item>) {
        // What was refused before on the void state, and waited to be confirmed, came first.
        let mut again: VecDeque<Item> = std::mem::take(&mut self.unconfirmed).into();
        again.extend(items);
        again.extend(std::mem::take(&mut self.next).items);
        again.append(&mut self.waiting);
        if let Err(failure) = self.reload().await {
            return self.give_up(again, failure);
        }
        for item in again {
            match item.question() {
                (Message::Input { reply: Reply::Nobody, stimulus }, tries) if tries >= limits::REBASE_MAX => {
                    self.put_off(&stimulus);
                }
                (message @ Message::Input { .. }, tries) if tries >= limits::REBASE_MAX => {
                    refuse(message, &self.actor, &Failure::from(Code::Busy).retry_after(200));
                }
                (message, tries) => self.answer(message, tries + 1),
            }
        }
    }

    /// There is no state to decide on: these are refused, and so is everything else once what is in flight has landed.
    fn give_up(&mut self, items: impl IntoIterator<Item = Item>, failure: Failure) {
        let waiting = std::mem::take(&mut self.waiting).into_iter().chain(std::mem::take(&mut self.unconfirmed));
        items.into_iter().chain(waiting).for_each(|item| refuse(item.question().0, &self.actor, &failure));
        self.broken = Some(failure);
    }

    /// Nobody would ask again for who came or went; wakes come again by themselves.
    fn put_off(&mut self, stimulus: &Stimulus) {
        if let Some(transition) = Transition::of(stimulus) {
            self.retry_at = Instant::now() + STORE_RETRY;
            self.owe(transition);
        }
    }

    /// Back to what the journal has, which the viewers are shown if they have not seen it.
    async fn reload(&mut self) -> Result<(), Failure> {
        match bring(&*self.shared.journal, &self.kind, &self.address, LoadOptions::default()).await {
            Ok(loaded) => {
                self.machine = loaded.machine;
                self.machine.settle();
                self.clock = Clock::at(self.now().max(self.machine.time()));
                self.durable = self.machine.head();
                self.broken = None;
                self.watchers.forget_expected();
                self.expect_back();
                if self.hold.is_some() {
                    self.assume();
                } else if self.in_flight.is_none() {
                    self.refresh();
                }
                Ok(())
            }
            Err(error) => {
                self.shared.note_load_error(&self.address, &error);
                Err(error.failure())
            }
        }
    }

    /// What somebody else wrote is loaded and shown, unless a run of our own is about to find out.
    pub(super) async fn catch_up(&mut self) {
        if self.append.is_some() || self.next.has_commits() {
            return;
        }
        self.may_be_behind = false;
        if let Ok(Some(head)) = self.shared.journal.head(&self.address).await
            && head != self.durable
        {
            self.broken = self.reload().await.err();
        }
        self.shared.registry.moved(&self.address, self.durable.seq);
    }

    /// A refusal came after an event: the draft is worthless. What is in flight and what was decided before it stays good.
    pub(super) async fn recover_from_spoiled(&mut self) {
        let fold = |machine: &mut Machine, records: &[Arc<[u8]>]| {
            records.iter().try_for_each(|record| machine.apply(record)).is_ok()
        };
        let mut machine = match load(&*self.shared.journal, &self.kind, &self.address, LoadOptions::default()).await {
            Ok(machine) => machine,
            Err(error) => {
                self.shared.note_load_error(&self.address, &error);
                let items = std::mem::take(&mut self.next).items;
                return self.give_up(items, error.failure());
            }
        };
        let in_flight = self.in_flight.as_ref().map(|in_flight| &in_flight.run);
        // What the next run builds on. A run in flight of before the state was read back lies behind it.
        let base = in_flight.map(|run| run.head).filter(|head| head.seq > self.durable.seq).unwrap_or(self.durable);
        let follows = in_flight.filter(|run| run.expected == machine.head());
        let is_there = follows.is_none_or(|run| fold(&mut machine, &run.records)) && machine.head() == base;
        let rebuilt = (is_there && fold(&mut machine, self.next.records())).then_some(machine);
        match rebuilt {
            Some(mut machine) => {
                machine.settle();
                self.machine = machine;
                self.decide_stranded();
            }
            None => {
                // The journal moved under us: the run in flight will conflict, and everything is decided again then.
                let items = std::mem::take(&mut self.next).items;
                self.decide_again(items).await;
            }
        }
    }

    /// Items that came while the machine was spoiled, and the one that spoiled it.
    fn decide_stranded(&mut self) {
        let items = std::mem::take(&mut self.next.items);
        for item in items {
            let what = parked_instead(&item);
            match item {
                Item::Stranded { message, tries } => self.answer(message, tries),
                item => self.keep(item),
            }
            if let Some(what) = what {
                self.decide(Stimulus::Park { what }, Reply::Nobody, 0);
            }
        }
    }

    /// The store took nothing: say so, and go back to what it holds.
    async fn lost(&mut self, in_flight: InFlight, error: &StoreError) {
        self.shared.note_store_error(error);
        if self.shared.is_dead() {
            // Nobody is told anything: after a failed fsync nobody knows what the disk holds.
            return;
        }
        let failure = Failure::from(Code::Unavailable).retry_after(1_000);
        let next = std::mem::take(&mut self.next);
        let waiting = std::mem::take(&mut self.waiting);
        let unconfirmed = std::mem::take(&mut self.unconfirmed);
        self.retry_at = Instant::now() + STORE_RETRY;
        self.broken = self.reload().await.err();
        for item in unconfirmed.into_iter().chain(in_flight.items).chain(next.items).chain(waiting) {
            match item.question() {
                (Message::Input { reply: Reply::Nobody, stimulus }, _) => self.put_off(&stimulus),
                (message @ Message::Input { .. }, _) => refuse(message, &self.actor, &failure),
                // What was to be written is lost; who only wanted to look sees what there is.
                (message, tries) if self.broken.is_none() => self.answer(message, tries),
                (message, _) => refuse(message, &self.actor, &failure),
            }
        }
    }
}

/// A wake or report on which the rules failed is parked, or it would come again at once and for ever.
fn parked_instead(item: &Item) -> Option<record::Parked> {
    match item {
        Item::Input { stimulus: Stimulus::Wake { key, due }, verdict: Verdict::Refused(_), .. } => {
            Some(record::Parked::Wake(key.clone(), *due))
        }
        Item::Input { stimulus: Stimulus::Report { key, .. }, verdict: Verdict::Refused(failure), .. }
            if failure.code != Code::Stale =>
        {
            Some(record::Parked::Task(key.clone()))
        }
        _ => None,
    }
}

fn append(shared: &Arc<Shared>, run: Run) -> Append {
    let journal = shared.journal.clone();
    Box::pin(async move { journal.append(run).await })
}

fn append_again(shared: &Arc<Shared>, run: Run) -> Append {
    let journal = shared.journal.clone();
    Box::pin(async move {
        tokio::time::sleep(limits::UNKNOWN_RETRY).await;
        match journal.append(run).await {
            // This put wrote nothing; what became of the ones before is as unknown as it was.
            Err(AppendError::Store(StoreError::Unavailable(cause))) => Err(AppendError::Unknown(cause)),
            outcome => outcome,
        }
    })
}
