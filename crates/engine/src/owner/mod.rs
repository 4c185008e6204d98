//! The owner of one actor in memory: the only one who touches its state.
//!
//! One loop takes messages, decides them on the expected state, hands runs to the journal one at a time, and lets answers and
//! views out when the run that they rest on is durable. Everything that was expected is thrown away when a run fails.
//! Absent: sockets, SQL, and any way to change state but [`Machine::decide`].

mod load;
mod message;
mod run;
mod watch;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use dormouse_core::{
    Address, Code, Failure, Kind, Machine, Sight, Stimulus, Viewer,
    frame::{
        etag,
        server::{Revealed, ServerFrame},
    },
    limits,
    machine::Decision,
    position::Head,
    record,
};
use dormouse_journal::{AppendError, Entry, IndexChange, StoredSnapshot};
use futures_util::future::BoxFuture;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

pub use load::{LoadError, LoadOptions, load};
pub use message::{Accepted, Looked};
pub(crate) use message::{Heard, History, Message, Reply, Watch};
use run::{InFlight, Item, NextRun, Verdict};
pub(crate) use watch::WatchTable;
use watch::{Publish, Transition, bounded_view};

use crate::{metrics, registry::Inheritance, shared::Shared};

/// Presence is told at most this often: two hundred arrivals in one moment are one frame, not two hundred.
const PRESENCE_EVERY: Duration = Duration::from_millis(100);

/// An actor that is idle and may not sleep yet looks again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

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
    durable: Head,
    snapshot_seq: u64,
    next: NextRun,
    in_flight: Option<Box<InFlight>>,
    append: Option<Append>,
    watchers: Box<WatchTable>,
    last_input: Instant,
    presence_at: Instant,
    /// The state could not be read back; nothing can be decided on what is left.
    broken: Option<Failure>,
}

/// Own an actor until it sleeps.
pub(crate) async fn own(shared: Arc<Shared>, kind: Arc<Kind>, address: Address, inherited: Inheritance) {
    let actor: Arc<str> = address.actor().into();
    let since = Instant::now();
    match load(&*shared.journal, &kind, &address, LoadOptions::default()).await {
        Ok(machine) => {
            metrics::loaded(since.elapsed(), machine.head().seq);
            shared.note_wake(&address, since.elapsed(), machine.head().seq);
            let owner = Owner::new(shared.clone(), kind, address, actor, inherited, machine);
            Box::pin(owner.run()).await;
        }
        Err(error) => {
            shared.note_load_error(&address, &error);
            refuse_all(&shared, &address, &actor, inherited, &error.failure()).await;
        }
    }
    shared.owner_left();
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
        Message::Input { reply, .. } => reply.send(Err(failure.clone())),
        Message::Look { reply, .. } => drop(reply.send(Err(failure.clone()))),
        Message::Reveal { reply, .. } => drop(reply.send(Err(failure.clone()))),
        Message::Request { reply, .. } => drop(reply.send(Err(failure.clone()))),
        Message::Watch(watch) => {
            let frame = ServerFrame::Error { failure: failure.into(), actor: Some(actor), r#as: Some(watch.of) };
            watch.outlet.push(crate::outlet::Outgoing::Frame(frame.text().into()));
        }
        Message::Unwatch { .. } | Message::Signal { .. } | Message::Stream { .. } | Message::Poke => {}
    }
}

impl Owner {
    fn new(
        shared: Arc<Shared>,
        kind: Arc<Kind>,
        address: Address,
        actor: Arc<str>,
        inherited: Inheritance,
        machine: Machine,
    ) -> Self {
        let now = Instant::now();
        let durable = machine.head();
        Self {
            shared,
            kind,
            address,
            actor,
            mailbox: inherited.mailbox,
            snapshot_seq: durable.seq,
            durable,
            machine,
            next: NextRun::default(),
            in_flight: None,
            append: None,
            watchers: inherited.watchers,
            last_input: now,
            presence_at: now,
            broken: None,
        }
    }

    async fn run(mut self) {
        self.settle().await;
        loop {
            if self.machine.is_spoiled() {
                self.recover_from_spoiled().await;
            }
            if let Some(failure) = self.broken.take() {
                let Self { shared, address, actor, mailbox, watchers, .. } = self;
                return refuse_all(&shared, &address, &actor, Inheritance { mailbox, watchers }, &failure).await;
            }
            self.wake_if_due();
            self.hand_over();
            if self.shared.is_dead() || (self.may_sleep() && self.fall_asleep().await) {
                return;
            }
            let timer = self.timer();
            tokio::select! {
                biased;
                landed = async { self.append.as_mut().expect("guarded").await }, if self.append.is_some() => {
                    self.append = None;
                    self.landed(landed).await;
                }
                message = self.mailbox.recv(), if !self.next.is_full() => {
                    let Some(message) = message else { return };
                    self.take_some(*message);
                }
                () = tokio::time::sleep_until(timer) => self.announce(),
                () = self.shared.drained(), if !self.shared.is_draining() => {}
            }
        }
    }

    /// The rules may say another agenda or summary than when the actor last wrote: the index follows.
    async fn settle(&mut self) {
        let settled = self.machine.settle();
        if self.durable.seq == 0 {
            return;
        }
        let row = self.shared.index.row(&self.address).await.ok().flatten();
        if row.is_some_and(|row| row.wake != settled.wake || row.summary != settled.summary) {
            let change =
                IndexChange { wake: Some(settled.wake), summary: Some(settled.summary), ..IndexChange::default() };
            let at = self.durable.position();
            if let Err(error) = self.shared.index.reindex(&self.address, at, change).await {
                tracing::warn!(address = %self.address, %error, "the index could not be told");
            }
        }
    }

    // Taking messages

    fn take_some(&mut self, first: Message) {
        self.take(first);
        for _ in 1..DRAIN {
            if self.next.is_full() || self.machine.is_spoiled() {
                return;
            }
            let Ok(message) = self.mailbox.try_recv() else { return };
            self.take(*message);
        }
    }

    fn take(&mut self, message: Message) {
        if !matches!(message, Message::Poke) {
            self.last_input = Instant::now();
        }
        match message {
            Message::Input { stimulus, reply } => self.decide(stimulus, reply, 0),
            Message::Look { viewer, reply } => self.look(viewer, reply),
            Message::Watch(watch) => self.watch(watch),
            Message::Unwatch { connection, of } => {
                let transition = self.watchers.unwatch(connection, of);
                self.transition(transition);
            }
            Message::Reveal { viewer, entries, reply } => drop(reply.send(self.reveal(&viewer, &entries))),
            Message::Signal { from, connection, signal } => self.signal(&from, connection, &signal),
            Message::Stream { key, hear, signal } => {
                let frame = ServerFrame::Signal { actor: &self.actor, from: None, task: Some(&key.0), signal: &signal };
                let hears = |sight: &Sight| *sight == hear || *sight == Sight::All || hear == Sight::Public;
                self.watchers.signal(&Bytes::from(frame.text()), None, hears);
            }
            Message::Request { key, opened, reply } => drop(reply.send(self.machine.task(&key, opened))),
            Message::Poke => {}
        }
    }

    /// Decide an input on the expected state. What comes of it waits in the next run.
    fn decide(&mut self, stimulus: Stimulus, reply: Reply, tries: u32) {
        if self.machine.is_spoiled() {
            // Decided again once the actor has been loaded afresh.
            let verdict = Verdict::Refused(Code::Busy.into());
            self.next.items.push(Item::Input { stimulus, reply, tries, verdict });
            return;
        }
        let now = self.shared.world.now();
        let since = Instant::now();
        let decided = self.machine.decide(&stimulus, now, self.shared.world.draw());
        metrics::decided(&stimulus, &decided, since.elapsed());
        let verdict = match decided {
            Ok(Decision::Commit(sealed)) => {
                let position = sealed.head.position();
                self.next.push(*sealed);
                if self.machine.is_retired() {
                    self.next.retire();
                }
                Verdict::Accepted { position, etag: self.etag_for(&stimulus, &reply), again: false }
            }
            Ok(Decision::Before(position)) => {
                Verdict::Accepted { position, etag: self.etag_for(&stimulus, &reply), again: true }
            }
            Ok(Decision::Nothing) => {
                Verdict::Accepted { position: self.machine.head().position(), etag: None, again: false }
            }
            Err(failure) => Verdict::Refused(failure),
        };
        self.keep(Item::Input { stimulus, reply, tries, verdict });
    }

    fn etag_for(&self, stimulus: &Stimulus, reply: &Reply) -> Option<Arc<str>> {
        let (Stimulus::Command { by, .. } | Stimulus::Create { by, .. }) = stimulus else { return None };
        if !reply.wants_etag() {
            return None;
        }
        let sight = self.machine.sight(by).ok()?;
        bounded_view(&self.machine, &sight).ok().map(|view| etag(&view).into())
    }

    /// Let an item out at once if the state that it saw is durable, else with the run that makes it so.
    fn keep(&mut self, item: Item) {
        if self.next.has_commits() || self.machine.is_spoiled() {
            self.next.items.push(item);
        } else if let Some(in_flight) = &mut self.in_flight {
            in_flight.items.push(item);
        } else {
            self.let_out(item, &[]);
        }
    }

    fn look(&mut self, viewer: Viewer, reply: oneshot::Sender<Result<Looked, Failure>>) {
        let looked = if self.machine.is_spoiled() { Err(Code::Busy.into()) } else { self.looked(&viewer) };
        self.keep(Item::Look { viewer, reply, looked });
    }

    fn looked(&self, viewer: &Viewer) -> Result<Looked, Failure> {
        match self.machine.sight(viewer)? {
            Sight::Nothing => Err(Code::NotFound.into()),
            sight => {
                let view = bounded_view(&self.machine, &sight)?;
                let etag = etag(&view).into();
                Ok(Looked { position: self.machine.head().position(), etag, view: view.into(), sight })
            }
        }
    }

    fn watch(&mut self, watch: Watch) {
        let sight =
            if self.machine.is_retired() { Err(Failure::from(Code::Gone)) } else { self.machine.sight(&watch.viewer) };
        match sight {
            Ok(Sight::Nothing) => refuse(Message::Watch(watch), &self.actor, &Code::NotFound.into()),
            Err(failure) => refuse(Message::Watch(watch), &self.actor, &failure),
            Ok(sight) => {
                let transition = self.watchers.watch(watch, sight);
                self.transition(transition);
            }
        }
    }

    fn transition(&mut self, transition: Option<Transition>) {
        match transition {
            None => {}
            Some(Transition::Joined(who)) => self.decide(Stimulus::Joined { who }, Reply::Nobody, 0),
            Some(Transition::Left(who)) => self.decide(Stimulus::Left { who }, Reply::Nobody, 0),
        }
    }

    fn reveal(&self, viewer: &Viewer, entries: &[Entry]) -> Result<Heard, Failure> {
        let sight = self.machine.sight(viewer)?;
        if sight == Sight::Nothing {
            return Err(Code::NotFound.into());
        }
        let mut events = Vec::new();
        for entry in entries {
            // The chain up to here was verified at load or by our own commits; the bytes themselves are checked again.
            let opening = record::open(&self.address, &entry.record).map_err(|_| Failure::from(Code::Quarantined))?;
            let mut index = 0;
            for event in &opening.body.events {
                if let Some(event) = self.machine.reveal(event, &sight)? {
                    events.push(Revealed { seq: entry.seq, index, at: opening.header.time, event });
                    index += 1;
                }
            }
        }
        Ok(Heard { events, retired: self.machine.is_retired() })
    }

    fn signal(
        &mut self,
        from: &Viewer,
        connection: Option<crate::outlet::ConnectionId>,
        signal: &serde_json::value::RawValue,
    ) {
        let may_know = |sight: Result<Sight, Failure>| sight.is_ok_and(|sight| sight != Sight::Nothing);
        if may_know(self.machine.sight(from)) {
            let frame = ServerFrame::Signal { actor: &self.actor, from: Some(&from.principal), task: None, signal };
            self.watchers.signal(&Bytes::from(frame.text()), connection, |_| true);
        }
    }

    // The agenda

    fn wake_if_due(&mut self) {
        for _ in 0..limits::AGENDA_WAKES_MAX {
            if self.machine.is_spoiled() || self.next.is_full() {
                return;
            }
            let Some(stimulus) = self.machine.due(self.shared.world.now()) else { return };
            self.decide(stimulus, Reply::Nobody, 0);
        }
    }

    fn next_wake_in(&self) -> Option<Duration> {
        self.machine.next_wake().map(|due| due.since(self.shared.world.now()))
    }

    /// When to look around even if nothing happens.
    fn timer(&self) -> Instant {
        let now = Instant::now();
        let idle = self.last_input + limits::IDLE;
        let idle = if idle > now { idle } else { now + LOOK_AGAIN };
        let wake = self.next_wake_in().map_or(idle, |delay| now + delay.max(Duration::from_millis(1)));
        let presence = if self.watchers.presence_changed() { self.presence_at + PRESENCE_EVERY } else { idle };
        idle.min(wake).min(presence)
    }

    fn announce(&mut self) {
        let now = Instant::now();
        if self.watchers.presence_changed() && now >= self.presence_at + PRESENCE_EVERY {
            self.presence_at = now;
            self.watchers.announce(&self.actor);
        }
    }

    // The journal

    /// Give the next run to the journal, if it is free.
    fn hand_over(&mut self) {
        if self.append.is_some() || self.machine.is_spoiled() {
            return;
        }
        let changed = self.next.has_commits();
        if !changed {
            if self.watchers.owes() {
                let publishes = self.watchers.prepare(&self.machine, &self.actor);
                self.watchers.deliver(&publishes, &self.actor);
            }
            return;
        }
        let departed = self.watchers.look_again(&self.machine, &self.actor);
        let publishes = self.watchers.prepare(&self.machine, &self.actor);
        let next = std::mem::take(&mut self.next);
        let (run, items) = next.seal(self.address.clone(), self.durable);
        let snapshot_due = run.head.seq >= self.snapshot_seq + limits::SNAPSHOT_COMMITS;
        let snapshot = (snapshot_due || self.machine.is_retired()).then(|| self.machine.snapshot());
        self.append = Some(append(&self.shared, run.clone()));
        self.in_flight = Some(Box::new(InFlight { run, items, publishes, snapshot, since: Instant::now() }));
        for transition in departed {
            self.transition(Some(transition));
        }
    }

    async fn landed(&mut self, landed: Result<(), AppendError>) {
        let in_flight = self.in_flight.take().expect("what lands was in flight");
        match landed {
            Ok(()) => self.committed(*in_flight),
            Err(AppendError::Conflict(head)) => {
                tracing::debug!(address = %self.address, at = %head.position(), "somebody else's commit came first");
                metrics::rebased();
                self.decide_again(in_flight.items).await;
            }
            Err(AppendError::Unknown(error)) => {
                tracing::warn!(address = %self.address, %error, "unknown outcome; putting the same run again");
                metrics::unknown();
                self.append = Some(append_again(&self.shared, in_flight.run.clone()));
                self.in_flight = Some(in_flight);
            }
            Err(AppendError::Store(error)) => self.lost(*in_flight, &error).await,
        }
    }

    fn committed(&mut self, in_flight: InFlight) {
        let InFlight { run, items, publishes, snapshot, since } = in_flight;
        metrics::committed(run.records.len(), since.elapsed());
        self.durable = run.head;
        for item in items {
            self.let_out(item, &publishes);
        }
        metrics::delivered(self.watchers.deliver(&publishes, &self.actor));
        self.shared.registry.moved(&self.address, run.head.seq);
        self.shared.hints.moved(&self.address, run.head.position());
        if !run.index.opened.is_empty() {
            self.shared.tasks_opened.notify_one();
        }
        if let Some(bytes) = snapshot {
            self.keep_snapshot(run.head, bytes);
        }
        if run.index.retired {
            self.watchers.dismiss(&self.actor, &Code::Gone.into());
        }
    }

    fn keep_snapshot(&mut self, head: Head, bytes: Vec<u8>) {
        self.snapshot_seq = head.seq;
        let (shared, address) = (self.shared.clone(), self.address.clone());
        let snapshot = StoredSnapshot { head, bytes: bytes.into() };
        tokio::spawn(async move {
            if let Err(error) = shared.journal.put_snapshot(&address, snapshot).await {
                shared.note_store_error(&error);
            }
        });
    }

    fn let_out(&self, item: Item, publishes: &[Publish]) {
        match item {
            Item::Look { reply, looked, .. } => drop(reply.send(looked)),
            Item::Input { reply, verdict: Verdict::Refused(failure), .. } => reply.send(Err(failure)),
            Item::Input { reply, verdict: Verdict::Accepted { position, etag, again }, .. } => {
                let etag = etag.or_else(|| self.watchers.etag_of(reply.connection()?, publishes));
                reply.send(Ok(Accepted { position, etag, again }));
            }
        }
    }

    /// The expected state is void: load what the journal has and decide everything again, in the order in which it came.
    async fn decide_again(&mut self, items: Vec<Item>) {
        let mut again: VecDeque<Item> = items.into();
        again.extend(std::mem::take(&mut self.next).items);
        if let Err(failure) = self.reload().await {
            again.into_iter().for_each(|item| refuse_item(item, &failure));
            self.broken = Some(failure);
            return;
        }
        while let Some(item) = again.pop_front() {
            match item {
                Item::Look { viewer, reply, .. } => self.look(viewer, reply),
                Item::Input { stimulus, reply, tries, .. } if tries < limits::REBASE_MAX => {
                    self.decide(stimulus, reply, tries + 1);
                }
                Item::Input { reply, .. } => reply.send(Err(Failure::from(Code::Busy).retry_after(200))),
            }
        }
        if !self.next.has_commits() {
            // Others' commits are news to our viewers.
            let publishes = self.watchers.prepare(&self.machine, &self.actor);
            self.watchers.deliver(&publishes, &self.actor);
        }
    }

    async fn reload(&mut self) -> Result<(), Failure> {
        match load(&*self.shared.journal, &self.kind, &self.address, LoadOptions::default()).await {
            Ok(machine) => {
                self.machine = machine;
                self.durable = self.machine.head();
                self.machine.settle();
                self.watchers.forget_expected();
                Ok(())
            }
            Err(error) => {
                self.shared.note_load_error(&self.address, &error);
                Err(error.failure())
            }
        }
    }

    /// A refusal came after an event: the draft is worthless. What is in flight and what was decided before it stays good.
    async fn recover_from_spoiled(&mut self) {
        let fold = |machine: &mut Machine, records: &[Arc<[u8]>]| {
            records.iter().try_for_each(|record| machine.apply(record)).is_ok()
        };
        let loaded = load(&*self.shared.journal, &self.kind, &self.address, LoadOptions::default()).await;
        let rebuilt = loaded.ok().and_then(|mut machine| {
            if machine.head() == self.durable
                && let Some(in_flight) = &self.in_flight
            {
                fold(&mut machine, &in_flight.run.records).then_some(())?;
            }
            let follows = self
                .next
                .records()
                .first()
                .is_none_or(|first| record::header(first).is_ok_and(|header| header.prev == machine.head().hash));
            (follows && fold(&mut machine, self.next.records())).then_some(machine)
        });
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
            match item {
                Item::Input { stimulus, reply, tries, verdict: Verdict::Refused(Failure { code: Code::Busy, .. }) } => {
                    self.decide(stimulus, reply, tries);
                }
                Item::Look { viewer, reply, looked: Err(Failure { code: Code::Busy, .. }) } => self.look(viewer, reply),
                Item::Input {
                    stimulus: Stimulus::Wake { key, due },
                    reply,
                    verdict: Verdict::Refused(failure),
                    ..
                } => {
                    reply.send(Err(failure));
                    let what = record::Parked::Wake(key, due);
                    self.decide(Stimulus::Park { what }, Reply::Nobody, 0);
                }
                Item::Input {
                    stimulus: Stimulus::Report { key, .. },
                    reply,
                    verdict: Verdict::Refused(failure),
                    ..
                } => {
                    reply.send(Err(failure));
                    let what = record::Parked::Task(key);
                    self.decide(Stimulus::Park { what }, Reply::Nobody, 0);
                }
                other => self.keep(other),
            }
        }
    }

    /// The store took nothing: say so, and go back to what it holds.
    async fn lost(&mut self, in_flight: InFlight, error: &dormouse_journal::StoreError) {
        self.shared.note_store_error(error);
        if self.shared.is_dead() {
            // Nobody is told anything: after a failed fsync nobody knows what the disk holds.
            return;
        }
        let failure = Failure::from(Code::Unavailable).retry_after(1_000);
        let next = std::mem::take(&mut self.next);
        in_flight.items.into_iter().chain(next.items).for_each(|item| refuse_item(item, &failure));
        self.broken = self.reload().await.err();
    }

    // Sleep

    fn may_sleep(&self) -> bool {
        let idle = self.last_input.elapsed() >= limits::IDLE || self.shared.is_draining();
        let wakes_soon =
            self.next_wake_in().is_some_and(|delay| delay < limits::WAKE_SOON) && !self.shared.is_draining();
        idle && !wakes_soon && self.append.is_none() && !self.next.has_commits() && self.mailbox.is_empty()
    }

    async fn fall_asleep(&mut self) -> bool {
        self.watchers.announce(&self.actor);
        if self.durable.seq > self.snapshot_seq {
            let snapshot = StoredSnapshot { head: self.durable, bytes: self.machine.snapshot().into() };
            self.snapshot_seq = self.durable.seq;
            if let Err(error) = self.shared.journal.put_snapshot(&self.address, snapshot).await {
                self.shared.note_store_error(&error);
            }
        }
        self.watchers.fall_asleep();
        let mailbox = &self.mailbox;
        self.shared.registry.leave(&self.address, || mailbox.is_empty(), &mut self.watchers)
    }
}

fn refuse_item(item: Item, failure: &Failure) {
    match item {
        Item::Input { reply, .. } => reply.send(Err(failure.clone())),
        Item::Look { reply, .. } => drop(reply.send(Err(failure.clone()))),
    }
}

fn append(shared: &Arc<Shared>, run: dormouse_journal::Run) -> Append {
    let journal = shared.journal.clone();
    Box::pin(async move { journal.append(run).await })
}

fn append_again(shared: &Arc<Shared>, run: dormouse_journal::Run) -> Append {
    let journal = shared.journal.clone();
    Box::pin(async move {
        tokio::time::sleep(limits::UNKNOWN_RETRY).await;
        journal.append(run).await
    })
}
