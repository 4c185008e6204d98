//! The owner of one actor in memory: the only one who touches its state.
//!
//! One loop takes messages, decides them on the expected state, hands runs to the journal one at a time, and lets answers and
//! views out when the run that they rest on is durable. Everything that was expected is thrown away when a run fails.
//! Absent: sockets, SQL, and any way to change state but [`Machine::decide`].

mod absent;
mod clock;
mod hold;
mod landing;
mod load;
mod look;
mod message;
mod run;
mod watch;

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use dormouse_core::planted::{Bug, planted};
use dormouse_core::{
    Address, Code, Failure, Kind, Machine, Sight, Stimulus,
    frame::{Action, etag, server::ServerFrame},
    limits,
    machine::Decision,
    position::Head,
};
use dormouse_journal::{AppendError, IndexChange, StoredSnapshot};
use futures_util::future::BoxFuture;
use tokio::{sync::mpsc, time::Instant};

use clock::Clock;
use hold::Hold;

pub use load::{LoadError, LoadOptions, load};
use load::{Loaded, bring};
pub use message::{Accepted, Looked};
pub(crate) use message::{Heard, History, Message, Reply, Watch};
use run::{InFlight, Item, NextRun, Verdict};
pub(crate) use watch::WatchTable;
use watch::{Transition, bounded_view};

use crate::{registry::Inheritance, shared::Shared};

/// Presence is told at most this often: two hundred arrivals in one moment are one frame, not two hundred.
const PRESENCE_EVERY: Duration = Duration::from_millis(100);

/// An actor that is idle and may not sleep yet looks again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// After the store took nothing, wakes and presence wait this long.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// Messages taken before the loop looks at the journal again.
const DRAIN: usize = 256;

type Append = BoxFuture<'static, Result<(), AppendError>>;

pub(crate) struct Owner {
    shared: Arc<Shared>,
    kind: Arc<Kind>,
    address: Address,
    /// `kind/id`.
    actor: Arc<str>,
    mailbox: mpsc::Receiver<Box<Message>>,
    machine: Machine,
    clock: Clock,
    durable: Head,
    /// How far the newest snapshot reaches.
    snapshot_seq: u64,
    next: NextRun,
    /// Inputs that found no room in the next run: they come before anything else.
    waiting: VecDeque<Item>,
    in_flight: Option<Box<InFlight>>,
    append: Option<Append>,
    watchers: Box<WatchTable>,
    last_input: Instant,
    presence_at: Instant,
    /// Who came and went while the store was not available, to be decided when it may be again.
    owed: Vec<Transition>,
    /// Until when those who are present and not connected here may come back, if there are any.
    absent_until: Option<Instant>,
    /// Somebody else said that it wrote.
    may_be_behind: bool,
    /// The store was not available: nothing is asked of it without need before.
    retry_at: Instant,
    /// The state could not be read back; nothing can be decided on what is left.
    broken: Option<Failure>,
    /// Refused on a state that may be old.
    unconfirmed: Vec<Item>,
    /// What is decided goes its way; then nothing more is taken.
    is_damaged: bool,
    /// What there is to know on a host that lives for an invocation at a time.
    hold: Option<Box<Hold>>,
}

/// Counts an owner out, even one that was torn down.
struct Left(Arc<Shared>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.owner_left();
    }
}

/// Own an actor until it sleeps.
pub(crate) async fn own(shared: Arc<Shared>, kind: Arc<Kind>, address: Address, inherited: Inheritance) {
    let _left = Left(shared.clone());
    let actor: Arc<str> = address.actor().into();
    if shared.is_withheld(&address) {
        return Box::pin(refuse_all(&shared, &address, &actor, inherited, &Code::Quarantined.into())).await;
    }
    let since = Instant::now();
    // What is done once in a while is boxed, here and in the loop: it would be a part of every live actor's memory.
    match Box::pin(bring(&*shared.journal, &kind, &address, LoadOptions::default())).await {
        Ok(loaded) => {
            let seq = loaded.machine.head().seq;
            shared.meters.loaded(since.elapsed(), seq);
            shared.note_wake(&address, since.elapsed(), seq);
            let owner = Box::new(Owner::new(shared.clone(), kind, address, actor, inherited, loaded));
            Box::pin(owner.run()).await;
        }
        Err(error) => {
            shared.note_load_error(&address, &error);
            Box::pin(refuse_all(&shared, &address, &actor, inherited, &error.failure())).await;
        }
    }
}

/// An actor that cannot be loaded answers everybody alike for a while, so that a storm of retries does not read the journal each time.
async fn refuse_all(shared: &Shared, address: &Address, actor: &Arc<str>, inherited: Inheritance, failure: &Failure) {
    let Inheritance { mut mailbox, mut watchers } = inherited;
    watchers.dismiss(actor, failure);
    let until = Instant::now() + limits::WAKE_SOON;
    loop {
        match tokio::time::timeout_at(until, mailbox.recv()).await {
            Ok(Some(message)) => refuse(*message, actor, failure),
            Ok(None) => return,
            Err(_) if shared.registry.leave(address, || mailbox.is_empty(), &mut watchers) => return,
            Err(_) => {
                while let Ok(message) = mailbox.try_recv() {
                    refuse(*message, actor, failure)
                }
            }
        }
    }
}

fn refuse(message: Message, actor: &Arc<str>, failure: &Failure) {
    match message {
        Message::Input { reply, .. } => reply.send(actor, Err(failure.clone())),
        Message::Look { reply, .. } => drop(reply.send(Err(failure.clone()))),
        Message::Reveal { reply, .. } => drop(reply.send(Err(failure.clone()))),
        Message::Request { reply, .. } => drop(reply.send(Err(failure.clone()))),
        Message::Parked { reply } => drop(reply.send(Err(failure.clone()))),
        Message::Waits { reply } => drop(reply.send(Err(failure.clone()))),
        Message::Watch(watch) => {
            let (failure, action) = (failure.into(), Some(Action::Subscribe));
            let frame = ServerFrame::Error { failure, action, actor: Some(actor), r#as: Some(watch.of) };
            watch.outlet.push(crate::outlet::Outgoing::Frame(frame.text().into()));
        }
        // Whoever waits hears that there is nothing to wait for.
        Message::Settle { reply } => drop(reply),
        Message::Unwatch { .. }
        | Message::Signal { .. }
        | Message::Stream { .. }
        | Message::Announce
        | Message::ShowAgain
        | Message::Poke
        | Message::CatchUp
        | Message::Damaged => {}
    }
}

impl Owner {
    fn new(
        shared: Arc<Shared>,
        kind: Arc<Kind>,
        address: Address,
        actor: Arc<str>,
        inherited: Inheritance,
        Loaded { machine, snapshot_seq }: Loaded,
    ) -> Self {
        let now = Instant::now();
        let hold = shared.audience.clone().map(|audience| Box::new(Hold::new(audience)));
        Self {
            hold,
            shared,
            kind,
            address,
            actor,
            mailbox: inherited.mailbox,
            clock: Clock::at(machine.time()),
            durable: machine.head(),
            snapshot_seq,
            machine,
            next: NextRun::default(),
            waiting: VecDeque::new(),
            in_flight: None,
            append: None,
            watchers: inherited.watchers,
            last_input: now,
            presence_at: now,
            owed: Vec::new(),
            absent_until: None,
            may_be_behind: false,
            retry_at: now,
            broken: None,
            unconfirmed: Vec::new(),
            is_damaged: false,
        }
    }

    async fn run(mut self: Box<Self>) {
        Box::pin(self.settle()).await;
        self.expect_back();
        Box::pin(self.begin_to_hold()).await;
        if self.machine.waits_for_others() {
            self.decide(Stimulus::Review, Reply::Nobody, 0);
        }
        if self.hold.is_none() && !self.watchers.is_empty() {
            // Others may have written while the actor slept here.
            self.refresh();
        }
        // Moved only when it must ring earlier, or has rung: most rounds end long before.
        let timer = tokio::time::sleep_until(self.timer());
        tokio::pin!(timer);
        loop {
            if self.is_damaged
                && self.append.is_none()
                && self.next.items.is_empty()
                && self.waiting.is_empty()
                && self.unconfirmed.is_empty()
            {
                self.broken.get_or_insert(Code::Quarantined.into());
            }
            if self.append.is_none()
                && let Some(failure) = self.broken.take()
            {
                let Self { shared, address, actor, mailbox, watchers, .. } = *self;
                let inheritance = Inheritance { mailbox, watchers };
                return Box::pin(refuse_all(&shared, &address, &actor, inheritance, &failure)).await;
            }
            if self.broken.is_none() && self.go_on().await {
                return;
            }
            if self.machine.is_spoiled() && self.broken.is_none() {
                continue;
            }
            self.let_settle();
            let next = self.timer();
            if next < timer.deadline() || timer.is_elapsed() {
                timer.as_mut().reset(next);
            }
            tokio::select! {
                biased;
                landed = async { self.append.as_mut().expect("guarded").await }, if self.append.is_some() => {
                    self.append = None;
                    self.landed(landed).await;
                }
                message = self.mailbox.recv(), if self.takes_messages() => {
                    let Some(message) = message else { return };
                    self.take_some(*message);
                }
                () = &mut timer => self.announce(),
                () = self.shared.drained(), if !self.shared.is_draining() => {}
            }
        }
    }

    /// Do what there is to do without a message. True if the owner is to end.
    async fn go_on(&mut self) -> bool {
        if self.machine.is_spoiled() {
            Box::pin(self.recover_from_spoiled()).await;
            if self.broken.is_some() {
                return false;
            }
        }
        // What is decided again may be refused again, on a state that is newer and may be old, too.
        while !self.unconfirmed.is_empty() && self.append.is_none() && !self.next.has_commits() {
            Box::pin(self.confirm()).await;
            if self.broken.is_some() {
                return false;
            }
        }
        if self.may_be_behind {
            Box::pin(self.catch_up()).await;
            if self.broken.is_some() {
                return false;
            }
        }
        Box::pin(self.pass_on()).await;
        if self.broken.is_some() {
            return false;
        }
        self.decide_what_is_due();
        self.shared.is_dead() || (self.may_sleep() && Box::pin(self.fall_asleep()).await)
    }

    /// The rules may say another agenda or summary than when the actor last wrote: the index follows.
    async fn settle(&mut self) {
        let settled = self.machine.settle();
        if self.durable.seq == 0 {
            return;
        }
        let Ok(Some(row)) = self.shared.index.row(&self.address).await else { return };
        let wall = self.shared.world.now();
        if let (Some(shown), Some(due)) = (row.wake, settled.wake)
            && self.clock.ahead(wall) > Duration::ZERO
        {
            // The wall clock is behind the actor. The row has the wake by the wall clock: so much is the actor ahead of it.
            self.clock = Clock::at(self.machine.time().max(wall.after(due.since(shown))));
        }
        let wake = settled.wake.map(|due| self.clock.on_the_wall(due, wall));
        if row.wake != wake || row.summary != settled.summary || row.present != settled.present {
            let (wake, summary, present) = (Some(wake), Some(settled.summary.clone()), Some(settled.present));
            let change = IndexChange { wake, summary, present, ..IndexChange::default() };
            let at = self.durable.position();
            if let Err(error) = self.shared.index.reindex(&self.address, at, change).await {
                tracing::warn!(address = %self.address, %error, "the index could not be told");
            } else if row.summary != settled.summary {
                self.shared.lists.changed(&self.address, settled.summary.as_ref());
            }
        }
    }

    fn now(&self) -> dormouse_core::Time {
        self.clock.now(self.shared.world.now())
    }

    // Taking messages

    /// Whether as much waits for the journal as may.
    fn is_full(&self) -> bool {
        let waiting = self.in_flight.as_ref().map_or(0, |in_flight| in_flight.items.len()) + self.next.items.len();
        self.next.is_full() || !self.waiting.is_empty() || waiting >= limits::MAILBOX_MAX
    }

    fn take_some(&mut self, first: Message) {
        let now = Instant::now();
        self.take(first, now);
        for _ in 1..DRAIN {
            if self.is_full() || self.machine.is_spoiled() {
                return;
            }
            let Ok(message) = self.mailbox.try_recv() else { return };
            self.take(*message, now);
        }
    }

    fn take(&mut self, message: Message, now: Instant) {
        if !matches!(message, Message::Poke | Message::CatchUp | Message::Settle { .. }) {
            self.last_input = now;
        }
        self.take_hold(&message);
        self.answer(message, 0);
    }

    /// Work out the answer on the expected state; it leaves when that is durable.
    fn answer(&mut self, message: Message, tries: u32) {
        if self.machine.is_spoiled() {
            return self.next.items.push(Item::Stranded { message, tries });
        }
        let item = match message {
            Message::Input { stimulus, reply } => return self.decide(stimulus, reply, tries),
            Message::Look { viewer, reply } => Item::Look { looked: self.looked(&viewer), viewer, reply },
            Message::Watch(watch) => Item::Watch { sight: self.may_watch(&watch), watch },
            Message::Unwatch { connection, of } => Item::Unwatch { connection, of },
            Message::Reveal { viewer, entries, reply } => {
                Item::Reveal { heard: self.reveal(&viewer, &entries), viewer, entries, reply }
            }
            Message::Request { key, opened, reply } => {
                Item::Request { asked: self.machine.task(&key, opened), key, opened, reply }
            }
            Message::Settle { reply } => return self.settle_for(reply),
            Message::Waits { reply } => return self.say_what_it_waits_for(reply, tries),
            message @ (Message::Signal { .. } | Message::Stream { .. } | Message::Announce | Message::ShowAgain)
                if self.hold.is_some() =>
            {
                return self.pass_on_later(message);
            }
            Message::Signal { from, connection, signal } => return self.signal(&from, connection, &signal),
            Message::Stream { key, hear, signal } => return self.stream(&key.0, &hear, &signal),
            Message::Parked { reply } => Item::Parked { parked: self.machine.parked().cloned().collect(), reply },
            Message::Poke | Message::Announce | Message::ShowAgain => return,
            Message::CatchUp => return self.may_be_behind = true,
            Message::Damaged => return self.is_damaged = true,
        };
        self.keep(item);
    }

    /// Decide an input on the expected state. What comes of it waits in the next run.
    fn decide(&mut self, stimulus: Stimulus, reply: Reply, tries: u32) {
        if self.machine.is_spoiled() {
            let message = Message::Input { stimulus, reply };
            return self.next.items.push(Item::Stranded { message, tries });
        }
        if self.next.is_full() {
            let message = Message::Input { stimulus, reply };
            return self.waiting.push_back(Item::Stranded { message, tries });
        }
        let decided = self.machine.decide(&stimulus, self.now(), self.shared.world.draw());
        self.shared.meters.decided(&stimulus, &decided);
        if let Err(refusal) = &decided
            && let Some(kept) = stimulus.kept(refusal)
        {
            return self.decide(kept, reply, tries);
        }
        let verdict = self.verdict(&stimulus, &reply, decided);
        self.keep(Item::Input { stimulus, reply, tries, verdict });
    }

    /// What the sender will be told. A commit joins the next run.
    fn verdict(&mut self, stimulus: &Stimulus, reply: &Reply, decided: Result<Decision, Failure>) -> Verdict {
        match decided {
            Ok(Decision::Commit(sealed)) => {
                let position = sealed.head.position();
                self.clock = Clock::at(sealed.time);
                self.next.push(*sealed);
                if self.machine.is_retired() {
                    self.next.retire();
                }
                match stimulus {
                    Stimulus::Refuse { words, .. } => Verdict::Refused(words.failure(position)),
                    _ => Verdict::Accepted { position, etag: self.etag_for(stimulus, reply), again: false },
                }
            }
            Ok(Decision::Before(position)) => {
                let is_newest = position == self.machine.head().position();
                let etag = if is_newest { self.etag_for(stimulus, reply) } else { None };
                Verdict::Accepted { position, etag, again: true }
            }
            Ok(Decision::Nothing) => {
                Verdict::Accepted { position: self.machine.head().position(), etag: None, again: false }
            }
            Err(failure) => Verdict::Refused(failure),
        }
    }

    /// The run before is on its way: there may be room in the next one.
    fn decide_waiting(&mut self) {
        while !self.next.is_full()
            && !self.machine.is_spoiled()
            && let Some(item) = self.waiting.pop_front()
        {
            self.let_out(item, Some(&[]));
        }
    }

    fn etag_for(&self, stimulus: &Stimulus, reply: &Reply) -> Option<Arc<str>> {
        let (Stimulus::Command { by, .. } | Stimulus::Create { by, .. }) = stimulus else { return None };
        if !reply.wants_etag() {
            return None;
        }
        let sight = self.machine.sight(by).ok().filter(|sight| *sight != Sight::Nothing)?;
        bounded_view(&self.machine, &sight).ok().map(|view| etag(&view).into())
    }

    /// Let an item out at once if the state that it saw is durable, else with the run that makes it so.
    fn keep(&mut self, item: Item) {
        if planted(Bug::ToldTooEarly) {
            self.let_out(item, Some(&[]));
        } else if self.next.has_commits() || self.machine.is_spoiled() {
            self.next.items.push(item);
        } else if let Some(in_flight) = &mut self.in_flight {
            in_flight.items.push(item);
        } else if self.hold.is_some() || (self.shared.journal.is_shared() && item.is_refused()) {
            self.unconfirmed.push(item);
        } else {
            self.let_out(item, Some(&[]));
        }
    }

    // Presence

    fn transition(&mut self, transition: Transition) {
        if self.owed.is_empty() {
            self.decide(transition.stimulus(), Reply::Nobody, 0);
        } else {
            self.owe(transition);
        }
    }

    /// Remember it until the store takes it. Who came and went meanwhile was not here.
    fn owe(&mut self, transition: Transition) {
        match self.owed.iter().position(|owed| owed.is_undone_by(&transition)) {
            Some(undone) => drop(self.owed.remove(undone)),
            None => self.owed.push(transition),
        }
    }

    fn pay_what_is_owed(&mut self) {
        if !self.owed.is_empty() && Instant::now() >= self.retry_at {
            std::mem::take(&mut self.owed).into_iter().for_each(|transition| self.transition(transition));
        }
    }

    // The agenda

    fn wake_if_due(&mut self) {
        if Instant::now() < self.retry_at || !self.may_wake() {
            return;
        }
        for _ in 0..limits::AGENDA_WAKES_MAX {
            if self.machine.is_spoiled() || self.next.is_full() {
                return;
            }
            let Some(stimulus) = self.machine.due(self.now()) else { return };
            self.decide(stimulus, Reply::Nobody, 0);
        }
    }

    fn next_wake_in(&self) -> Option<Duration> {
        self.machine
            .next_wake()
            .filter(|_| self.hold.is_none() && !planted(Bug::DeafToWakes))
            .map(|due| due.since(self.now()))
    }

    /// When to look around even if nothing happens.
    fn timer(&self) -> Instant {
        let now = Instant::now();
        let idle = self.last_input + self.idle_limit();
        let idle = if idle > now { idle } else { now + LOOK_AGAIN };
        let wake = self.next_wake_in().map(|delay| (now + delay.max(Duration::from_millis(1))).max(self.retry_at));
        let wake = wake.unwrap_or(idle);
        let presence =
            if self.announces() && self.watchers.presence_changed() { self.presence_at + PRESENCE_EVERY } else { idle };
        let owed = if self.owed.is_empty() { idle } else { self.retry_at };
        let absent = self.absent_until.map_or(idle, |until| until.max(self.retry_at));
        idle.min(wake).min(presence).min(owed).min(absent)
    }

    fn announce(&mut self) {
        let now = Instant::now();
        if self.announces() && self.watchers.presence_changed() && now >= self.presence_at + PRESENCE_EVERY {
            self.presence_at = now;
            self.watchers.announce(&self.actor);
        }
    }

    // Sleep

    fn may_sleep(&self) -> bool {
        if self.shared.is_draining() {
            return self.append.is_none()
                && !self.next.has_commits()
                && self.waiting.is_empty()
                && self.unconfirmed.is_empty()
                && self.mailbox.is_empty();
        }
        let idle = self.last_input.elapsed() >= self.idle_limit();
        let wakes_soon = self.next_wake_in().is_some_and(|delay| delay < limits::WAKE_SOON);
        let busy = self.append.is_some() || self.next.has_commits() || !self.owed.is_empty();
        let busy = busy || self.absent_until.is_some() || !self.waiting.is_empty() || !self.unconfirmed.is_empty();
        idle && !wakes_soon && !busy && self.mailbox.is_empty() && !planted(Bug::NeverSleeps)
    }

    async fn fall_asleep(&mut self) -> bool {
        if self.hold.is_some() {
            return self.leave_hold();
        }
        self.watchers.announce(&self.actor);
        if self.durable.seq > self.snapshot_seq
            && let Some(bytes) = self.snapshot()
        {
            let snapshot = StoredSnapshot { head: self.durable, bytes: bytes.into() };
            self.snapshot_seq = self.durable.seq;
            if let Err(error) = self.shared.journal.put_snapshot(&self.address, snapshot).await {
                self.shared.note_store_error(&error);
            }
        }
        self.watchers.fall_asleep();
        let mailbox = &self.mailbox;
        self.shared.registry.leave(&self.address, || mailbox.is_empty(), &mut self.watchers)
    }

    /// The state as bytes. One that does not serialise costs its snapshots: it is replayed instead.
    fn snapshot(&mut self) -> Option<Vec<u8>> {
        match catch_unwind(AssertUnwindSafe(|| self.machine.snapshot())) {
            Ok(snapshot) => {
                self.machine.weigh(&snapshot);
                Some(snapshot)
            }
            Err(_) => {
                tracing::error!(address = %self.address, "the state cannot be saved; it is replayed at each wake");
                None
            }
        }
    }
}
