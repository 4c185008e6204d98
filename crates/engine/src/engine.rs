//! The engine as hosts hold it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dormouse_core::{
    Address, Code, Failure, Kind, Name, Outcome, Sight, Stimulus, Viewer,
    dice::Secret,
    frame::{
        Action, As,
        client::{From, Sent, Subscribe},
        server::{Resumed, ServerFrame},
    },
    position::Position,
    record::{self, Parked},
};
use dormouse_journal::{Hints, Index, Journal, index::Counts};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::{
    audience::Audience,
    follow, metrics, others,
    outlet::{ConnectionId, Outgoing, Outlet},
    owner::{Accepted, History, Looked, Message, Reply, Watch, own},
    presence,
    registry::Inheritance,
    shared::Shared,
    task::{self, Worker, Workers},
    wakes,
    world::{System, World},
};

/// The storage seams of one engine.
#[derive(Clone)]
pub struct Store {
    /// Where commits live.
    pub journal: Arc<dyn Journal>,
    /// One row per actor.
    pub index: Arc<dyn Index>,
    /// "This actor moved."
    pub hints: Arc<dyn Hints>,
}

/// Drives the actors of one host. Clones share everything.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
}

/// What a host tells of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Actors in memory.
    pub awake: u64,
    /// Messages that wait for them.
    pub waiting: usize,
    /// What the store holds.
    pub counts: Counts,
    /// How long the newest wake took, in microseconds.
    pub last_wake_us: Option<u64>,
    /// Actors whose history does not verify.
    pub quarantined: Vec<Address>,
}

impl Report {
    /// Actors that are not over and not in memory.
    pub fn asleep(&self) -> u64 {
        self.counts.actors.saturating_sub(self.counts.retired).saturating_sub(self.awake)
    }
}

impl Engine {
    /// An engine for these kinds over this store, with the machine's clock.
    pub fn new(kinds: impl IntoIterator<Item = Arc<Kind>>, store: Store) -> Self {
        Self::with(kinds, store, Arc::new(System), Vec::new())
    }

    /// An engine with a world and workers of one's own. Tokens for reports die with it.
    pub fn with(
        kinds: impl IntoIterator<Item = Arc<Kind>>,
        store: Store,
        world: Arc<dyn World>,
        workers: Vec<Arc<dyn Worker>>,
    ) -> Self {
        let report_key = world.draw();
        Self::with_report_key(kinds, store, world, workers, report_key)
    }

    /// The same, with a key of its own for the tokens of tasks that are reported from elsewhere, so that they outlive this process.
    pub fn with_report_key(
        kinds: impl IntoIterator<Item = Arc<Kind>>,
        store: Store,
        world: Arc<dyn World>,
        workers: Vec<Arc<dyn Worker>>,
        report_key: [u8; 32],
    ) -> Self {
        let kinds: BTreeMap<Name, Arc<Kind>> = kinds.into_iter().map(|kind| (kind.name.clone(), kind)).collect();
        Self { shared: Arc::new(Shared::new(kinds, store, world, Workers::new(workers), report_key)) }
    }

    /// An engine for a host that lives for an invocation at a time, and may be frozen or ended in between. Others write to the same store, so
    /// nothing leaves before an append or the journal's head has confirmed it; who watches, and who is present, the host says. It does nothing
    /// by itself: it is not to be [run](Self::run), and a wake that is due comes with the next message to its actor.
    pub fn for_invocations(
        kinds: impl IntoIterator<Item = Arc<Kind>>,
        store: Store,
        world: Arc<dyn World>,
        workers: Vec<Arc<dyn Worker>>,
        report_key: [u8; 32],
        audience: Arc<dyn Audience>,
    ) -> Self {
        let kinds: BTreeMap<Name, Arc<Kind>> = kinds.into_iter().map(|kind| (kind.name.clone(), kind)).collect();
        let mut shared = Shared::new(kinds, store, world, Workers::new(workers), report_key);
        shared.audience = Some(audience);
        Self { shared: Arc::new(shared) }
    }

    /// Run the wake loop and the task dispatcher until the engine drains or its store fails.
    pub async fn run(&self) {
        tokio::join!(
            others::run(self.clone()),
            presence::run(self.clone()),
            wakes::run(self.clone()),
            task::run(self.clone())
        );
    }

    /// The kinds that this engine knows, by name.
    pub fn kinds(&self) -> &BTreeMap<Name, Arc<Kind>> {
        &self.shared.kinds
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// [`Code::NotFound`]: to a caller a kind that is not there is like an actor that is not there.
    pub fn kind(&self, name: &Name) -> Result<&Arc<Kind>, Failure> {
        self.shared.kinds.get(name).ok_or_else(|| Code::NotFound.into())
    }

    /// The storage.
    pub fn store(&self) -> Store {
        let Shared { journal, index, hints, .. } = &*self.shared;
        Store { journal: journal.clone(), index: index.clone(), hints: hints.clone() }
    }

    /// Time and randomness.
    pub fn world(&self) -> &Arc<dyn World> {
        &self.shared.world
    }

    pub(crate) fn post(&self, address: &Address, message: Message) -> Result<(), Failure> {
        let kind = self.kind(&address.kind)?;
        if self.shared.is_dead() {
            return Err(Failure::from(Code::Unavailable).retry_after(1_000));
        }
        if self.is_draining() && message.is_new() {
            return Err(Failure::from(Code::Draining).retry_after(1_000));
        }
        let start = |inheritance: Inheritance| {
            self.shared.owner_started();
            tokio::spawn(own(self.shared.clone(), kind.clone(), address.clone(), inheritance));
        };
        self.shared.touch(address);
        self.shared.registry.send(address, message, start)
    }

    /// Decide an input and wait until its answer is durable.
    ///
    /// # Errors
    /// The [`Failure`] that the sender is to be told.
    pub async fn call(&self, address: &Address, stimulus: Stimulus, with_etag: bool) -> Result<Accepted, Failure> {
        let (reply, answer) = oneshot::channel();
        self.post(address, Message::Input { stimulus, reply: Reply::Call { reply, with_etag } })?;
        match answer.await {
            Ok(answer) => answer,
            // Whether it was written nobody knows, and nobody is told anything: the process ends.
            Err(_) if self.shared.is_dead() => std::future::pending().await,
            Err(_) => Err(Failure::new(Code::Internal, "the actor's owner failed; try again with the same id")),
        }
    }

    /// Make an actor. With the same config again it answers as before.
    ///
    /// # Errors
    /// As [`call`](Self::call); [`Code::IdempotencyMismatch`] if it exists with another config.
    pub async fn create(&self, address: &Address, by: Viewer, config: &[u8]) -> Result<Accepted, Failure> {
        let secret = Secret(self.shared.world.draw());
        self.call(address, Stimulus::Create { by, config: config.into(), secret }, true).await
    }

    /// Complete a task from elsewhere, by its signed token.
    ///
    /// # Errors
    /// [`Code::Unauthenticated`], [`Code::TokenExpired`], [`Code::Stale`] if the instance is not open any more.
    pub async fn report_task(&self, token: &str, outcome: Outcome) -> Result<Accepted, Failure> {
        let instance = task::verify_report(&self.shared.report_key, token, self.shared.world.now())?;
        let stimulus = Stimulus::Report { key: instance.key, opened: instance.opened, outcome };
        self.call(&instance.actor, stimulus, false).await
    }

    /// Let everything of this actor that is parked run again; returns what it was.
    ///
    /// # Errors
    /// [`Code::NotFound`], or as [`call`](Self::call).
    pub async fn redrive(&self, address: &Address, by: &Viewer) -> Result<Vec<Parked>, Failure> {
        let (reply, answer) = oneshot::channel();
        self.post(address, Message::Parked { reply })?;
        let parked = answer.await.unwrap_or_else(|_| Err(Failure::from(Code::Unavailable).retry_after(1_000)))?;
        for what in &parked {
            let stimulus = Stimulus::Redrive { by: by.clone(), what: what.clone() };
            self.call(address, stimulus, false).await?;
        }
        Ok(parked)
    }

    /// A command whose answer is a frame to this connection.
    pub fn send(&self, address: &Address, by: Viewer, sent: Sent, outlet: &Arc<dyn Outlet>) {
        let Sent { id, command_id, command, resent } = sent;
        let reply = || Reply::Wire { outlet: outlet.clone(), command_id: command_id.clone() };
        let stimulus = Stimulus::Command { by, id: Some(id), command, resent };
        if let Err(failure) = self.post(address, Message::Input { stimulus, reply: reply() }) {
            reply().send(&address.actor(), Err(failure));
        }
    }

    /// The view of this viewer now.
    ///
    /// # Errors
    /// The [`Failure`] that the viewer is to be told.
    pub async fn look(&self, address: &Address, viewer: &Viewer) -> Result<Looked, Failure> {
        let (reply, answer) = oneshot::channel();
        self.post(address, Message::Look { viewer: viewer.clone(), reply })?;
        answer.await.unwrap_or_else(|_| Err(Failure::from(Code::Unavailable).retry_after(1_000)))
    }

    /// Tell this connection of the actor from now on. Refusals reach it as frames. An `Events` subscription runs in the returned
    /// follower, which ends with the connection.
    pub async fn subscribe(&self, address: &Address, viewer: &Viewer, wanted: &Subscribe, outlet: &Arc<dyn Outlet>) {
        let history = match self.lies_in_history(address, wanted.from).await {
            Ok(history) => history,
            Err(failure) => return self.refuse(address, wanted.of, &failure, outlet),
        };
        metrics::resumed(match (wanted.from, history) {
            (_, History::Other) => "reset",
            (From::After(_), History::Same) => "position",
            (From::Now | From::Start, History::Same) => "fresh",
        });
        if wanted.of == As::Events {
            // Before the presence is known, whether this viewer may see the actor at all: a look answers that.
            if let Err(failure) = self.look(address, viewer).await {
                return self.refuse(address, wanted.of, &failure, outlet);
            }
        }
        let watch = Watch {
            viewer: viewer.clone(),
            of: wanted.of,
            from: wanted.from,
            etag: wanted.etag.clone(),
            history,
            outlet: outlet.clone(),
        };
        if let Err(failure) = self.post(address, Message::Watch(watch)) {
            self.refuse(address, wanted.of, &failure, outlet);
        }
    }

    /// The follower of an `Events` subscription: run it beside the connection, and drop it to end.
    pub async fn follow(
        &self,
        address: Address,
        viewer: Viewer,
        from: From,
        outlet: Arc<dyn Outlet>,
        room: impl follow::Room,
    ) {
        match self.lies_in_history(&address, from).await {
            Ok(history) => {
                follow::follow(self, &address, &viewer, from, history == History::Same, &outlet, &room).await
            }
            Err(failure) => self.refuse(&address, As::Events, &failure, &outlet),
        }
    }

    pub(crate) fn refuse(&self, address: &Address, of: As, failure: &Failure, outlet: &Arc<dyn Outlet>) {
        let actor = address.actor();
        let frame = ServerFrame::Error {
            failure: failure.into(),
            action: Some(Action::Subscribe),
            actor: Some(&actor),
            r#as: Some(of),
        };
        outlet.push(Outgoing::Frame(frame.text().into()));
    }

    /// Whether the journal holds the commit that a client's position names.
    pub(crate) async fn lies_in_history(&self, address: &Address, from: From) -> Result<History, Failure> {
        let From::After(held) = from else { return Ok(History::Same) };
        if held.seq == 0 {
            return Ok(History::Same);
        }
        let unreadable = |error: dormouse_journal::ReadError| crate::read::unreadable(&self.shared, address, error);
        let head = self.shared.journal.head(address).await.map_err(unreadable)?;
        // One that does not exist is for the owner to answer.
        let Some(head) = head else { return Ok(History::Same) };
        if head.epoch != held.epoch || head.seq < held.seq {
            return Ok(History::Other);
        }
        if head.seq == held.seq {
            return Ok(if head.position() == held { History::Same } else { History::Other });
        }
        let entries = self.shared.journal.read(address, held.seq - 1, 1).await.map_err(unreadable)?;
        let tag = entries.first().and_then(|entry| record::trailing_hash(&entry.record).ok()).map(|hash| hash.tag());
        Ok(if tag == Some(held.tag) { History::Same } else { History::Other })
    }

    /// Tell this connection nothing more of the actor.
    pub fn unsubscribe(&self, address: &Address, connection: ConnectionId, of: As) {
        // A mailbox that is full must not keep a viewer that is gone: try until it is taken.
        if self.post(address, Message::Unwatch { connection, of }).is_err() {
            let (engine, address) = (self.clone(), address.clone());
            tokio::spawn(async move {
                while !engine.shared.is_dead() && !engine.shared.is_draining() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    if engine.post(&address, Message::Unwatch { connection, of }).is_ok() {
                        return;
                    }
                }
            });
        }
    }

    /// Tell the other viewers something that is not journaled. Lost if the actor is busy.
    ///
    /// # Errors
    /// [`Code::Busy`], [`Code::NotFound`] for an unknown kind.
    pub fn signal(
        &self,
        address: &Address,
        from: Viewer,
        connection: Option<ConnectionId>,
        signal: Box<RawValue>,
    ) -> Result<(), Failure> {
        self.post(address, Message::Signal { from, connection, signal })
    }

    /// Tell those who watch who is present, where the host keeps the connections.
    ///
    /// # Errors
    /// As [`signal`](Self::signal).
    pub fn announce(&self, address: &Address) -> Result<(), Failure> {
        self.post(address, Message::Announce)
    }

    /// Which of these positions are older than the actor's, as far as the journal knows.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub async fn behind(&self, address: &Address, held: Position) -> Result<Option<Position>, Failure> {
        let head = self.shared.journal.head(address).await;
        let head = head.map_err(|error| crate::read::unreadable(&self.shared, address, error))?;
        Ok(head.map(|head| head.position()).filter(|now| *now != held))
    }

    /// Whether the actor is in memory.
    pub fn is_awake(&self, address: &Address) -> bool {
        self.shared.registry.is_awake(address)
    }

    /// What this host tells of itself.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub async fn report(&self) -> Result<Report, Failure> {
        let counts = self.shared.index.counts().await.map_err(|error| {
            self.shared.note_store_error(&error);
            Failure::from(Code::Unavailable).retry_after(1_000)
        })?;
        let (awake, waiting) = self.shared.registry.census();
        let (last_wake_us, quarantined) = (self.shared.last_wake_us(), self.shared.quarantined());
        let report = Report { awake: awake as u64, waiting, counts, last_wake_us, quarantined };
        metrics::population(report.awake, report.asleep(), waiting);
        Ok(report)
    }

    /// Take no new inputs, let commits finish, and put every actor to sleep; returns whether all do, within the limit.
    pub async fn drain(&self) -> bool {
        self.shared.drain().await
    }

    /// While draining: wait until the attempts at tasks that run here have ended and were reported, at most [`limits::DRAIN_TASKS`]; returns how
    /// many have not. Reports wake their actors, so drain again after it.
    pub async fn end_tasks(&self) -> usize {
        self.shared.end_tasks().await
    }

    /// Whether the engine is draining.
    pub fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    /// Whether the store could not do what it was asked a moment ago, such as with a full disk. It is asked again with every input.
    pub fn is_unavailable(&self) -> bool {
        self.shared.is_unavailable()
    }

    /// Whether the store has failed for good.
    pub fn has_died(&self) -> bool {
        self.shared.is_dead()
    }

    /// How long ago it began.
    pub fn uptime(&self) -> Duration {
        self.shared.world.now().since(self.shared.began)
    }

    /// Resolves when the store has failed for good, so that the process must end.
    pub async fn died(&self) {
        self.shared.died().await;
    }

    /// What this viewer may know now.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub async fn sight(&self, address: &Address, viewer: &Viewer) -> Result<(Sight, Position), Failure> {
        let looked = self.look(address, viewer).await?;
        Ok((looked.sight, looked.position))
    }
}

/// The greeting of an `Events` subscription.
pub(crate) fn resumed_events(actor: &str, kind: Resumed, position: Position) -> bytes::Bytes {
    let gone = (kind == Resumed::Gone).then_some(Code::Gone);
    let (code, message) = (gone.map(|code| code as u16), gone.map(Code::meaning));
    ServerFrame::Resumed { actor, r#as: As::Events, kind, position, code, message }.text().into()
}
