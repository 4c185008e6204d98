//! The world around the session: one task that feeds it events one at a time and carries its effects out.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    mem,
    sync::Arc,
    time::Duration,
};

use dormouse_core::frame::client::From;
use serde_json::value::RawValue;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::Instant,
};

use crate::{
    fault::{Action, Fault},
    feed::Feed,
    frame::{As, Bounds, ClientFrame, Identity, Signal},
    http::{Ask, Http},
    limits::{BATCH_MAX, HEARD_FRAMES_MAX, LINE_FRAMES_MAX, SIGNAL_FRAMES_MAX},
    lists::ListFeed,
    session::{Accepted, Effect, Event, KeptCommand, Session, Status, Subject},
    socket,
    storage::{Record, Storage},
};

/// What the application asks of the task. Each call has a caller who waits for it or holds what it made, so that their
/// number is bounded by the application's own.
pub(crate) enum Call {
    Send { actor: Arc<str>, command: Arc<RawValue>, answer: oneshot::Sender<Result<Accepted, Fault>> },
    Signal { actor: Arc<str>, signal: Arc<RawValue>, done: oneshot::Sender<()> },
    Subscribe { feed: Arc<Feed>, from: From },
    Release(Arc<Feed>),
    Watch(Arc<ListFeed>),
    Unwatch(Arc<ListFeed>),
    Plug,
    Unplug,
    Close(oneshot::Sender<()>),
}

/// What can be seen of the client from outside.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    pub(crate) principal: Option<Identity>,
    pub(crate) error: Option<Fault>,
    pub(crate) waiting: usize,
    pub(crate) bounds: Bounds,
}

/// Where the task tells what it sees.
pub(crate) struct Telling {
    pub(crate) status: watch::Sender<Status>,
    pub(crate) face: watch::Sender<Face>,
    pub(crate) signals: broadcast::Sender<Signal>,
}

/// A command that an earlier process left, and where its answer comes.
pub(crate) struct Left {
    pub(crate) kept: KeptCommand,
    pub(crate) answer: oneshot::Receiver<Result<Accepted, Fault>>,
}

pub(crate) struct Driver {
    session: Session,
    since: Instant,
    http: Arc<Http>,
    storage: Box<dyn Storage>,
    telling: Telling,
    /// Of the line that is up.
    outgoing: Option<mpsc::Sender<ClientFrame>>,
    events: mpsc::Sender<Event>,
    answers: HashMap<u64, oneshot::Sender<Result<Accepted, Fault>>>,
    feeds: Vec<Arc<Feed>>,
    lists: Vec<Arc<ListFeed>>,
    next_key: u64,
    random: RandomState,
    draws: u64,
    effects: Vec<Effect>,
}

impl Face {
    pub(crate) fn of(session: &Session) -> Self {
        Self {
            principal: session.principal().cloned(),
            error: session.error().cloned(),
            waiting: session.waiting(),
            bounds: session.bounds(),
        }
    }
}

impl Driver {
    pub(crate) fn spawn(
        session: Session,
        http: Arc<Http>,
        storage: Box<dyn Storage>,
        telling: Telling,
        calls: mpsc::UnboundedReceiver<Call>,
    ) -> Vec<Left> {
        let (events, incoming) = mpsc::channel(HEARD_FRAMES_MAX);
        let (mut answers, mut left) = (HashMap::new(), Vec::new());
        for (key, kept) in session.restored() {
            let (answer, answered) = oneshot::channel();
            answers.insert(key, answer);
            left.push(Left { kept, answer: answered });
        }
        let driver = Self {
            session,
            since: Instant::now(),
            http,
            storage,
            telling,
            outgoing: None,
            events,
            next_key: answers.len() as u64 + 1,
            answers,
            feeds: Vec::new(),
            lists: Vec::new(),
            random: RandomState::new(),
            draws: 0,
            effects: Vec::new(),
        };
        tokio::spawn(driver.run(calls, incoming));
        left
    }

    async fn run(mut self, mut calls: mpsc::UnboundedReceiver<Call>, mut incoming: mpsc::Receiver<Event>) {
        self.step(Event::Tick);
        self.carry_out();
        loop {
            let deadline = self.session.deadline().map(|at| self.since + at);
            tokio::select! {
                call = calls.recv() => match call {
                    Some(call) => self.call(call),
                    // Every handle is gone: nobody can ask or hear anything any more.
                    None => {
                        self.step(Event::Close);
                        return self.carry_out();
                    }
                },
                Some(event) = incoming.recv() => self.step(event),
                () = sleep_until(deadline) => self.step(Event::Tick),
            }
            // What has come meanwhile shares one write of the outbox and one flush of the socket.
            for _ in 0..BATCH_MAX {
                if let Ok(event) = incoming.try_recv() {
                    self.step(event);
                } else if let Ok(call) = calls.try_recv() {
                    self.call(call);
                } else {
                    break;
                }
            }
            self.carry_out();
        }
    }

    fn call(&mut self, call: Call) {
        match call {
            Call::Send { actor, command, answer } => {
                let key = self.next_key;
                self.next_key += 1;
                self.answers.insert(key, answer);
                self.step(Event::Send { key, actor, command });
            }
            Call::Signal { actor, signal, done } => {
                self.step(Event::Signal { actor, signal });
                let _ = done.send(());
            }
            Call::Subscribe { feed, from } => self.subscribe(feed, from),
            Call::Release(feed) => self.release(&feed),
            Call::Watch(feed) => self.watch(feed),
            Call::Unwatch(feed) => self.unwatch(&feed),
            Call::Plug => self.step(Event::Plug),
            Call::Unplug => self.step(Event::Unplug),
            Call::Close(done) => {
                self.step(Event::Close);
                let _ = done.send(());
            }
        }
    }

    fn subscribe(&mut self, feed: Arc<Feed>, from: From) {
        let (actor, of) = (feed.actor.clone(), feed.of);
        // A view that another listener holds already is this one's first update.
        if of == As::View {
            if let Some(held) = self.session.view(&actor) {
                feed.on_view(held, false);
            }
        } else if let Some(head) = self.session.events_head(&actor) {
            feed.begin_after(head);
        }
        self.feeds.push(feed);
        self.step(Event::Subscribe { actor, of, from });
    }

    fn release(&mut self, feed: &Arc<Feed>) {
        self.feeds.retain(|other| !Arc::ptr_eq(other, feed));
        let (actor, of) = (feed.actor.clone(), feed.of);
        if !self.feeds.iter().any(|other| other.actor == actor && other.of == of) {
            self.step(Event::Release(Subject::Actor(actor, of)));
        }
    }

    fn watch(&mut self, feed: Arc<ListFeed>) {
        // Rows that another listener holds already are this one's first update.
        if let Some(view) = self.session.rows(&feed.list) {
            feed.on_rows(&view);
        }
        let list = feed.list.clone();
        self.lists.push(feed);
        self.step(Event::Watch(list));
    }

    fn unwatch(&mut self, feed: &Arc<ListFeed>) {
        self.lists.retain(|other| !Arc::ptr_eq(other, feed));
        if !self.lists.iter().any(|other| other.list == feed.list) {
            self.step(Event::Release(Subject::List(feed.list.clone())));
        }
    }

    fn step(&mut self, event: Event) {
        let random = self.draw();
        let effects = self.session.step(event, self.since.elapsed(), random);
        self.effects.extend(effects);
    }

    /// At least 0, below 1. For jitter, which needs no secrets.
    fn draw(&mut self) -> f64 {
        self.draws += 1;
        (self.random.hash_one(self.draws) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn carry_out(&mut self) {
        if self.effects.iter().any(|effect| matches!(effect, Effect::Save)) {
            let (guest, by_ticket) = (self.http.guest(), self.http.is_by_ticket());
            let record = Record { outbox: self.session.kept(), guest, by_ticket };
            if let Err(error) = self.storage.save(&record) {
                // Nothing numbered since the last save may leave.
                self.effects.retain(|effect| !matches!(effect, Effect::Transmit(ClientFrame::Send { .. })));
                let message = format!("The outbox could not be stored: {error}. Look at the view for what was done.");
                self.step(Event::StorageFailed(Fault::local("storage_failed", message, Action::Stop)));
            }
        }
        // Performing may step the session again, when a line's queue is full.
        while !self.effects.is_empty() {
            for effect in mem::take(&mut self.effects) {
                self.perform(effect);
            }
        }
        self.tell();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Save => {}
            Effect::Connect { line, fresh } => {
                let (outgoing, frames) = mpsc::channel(LINE_FRAMES_MAX);
                self.outgoing = Some(outgoing);
                tokio::spawn(socket::run(line, fresh, self.http.clone(), frames, self.events.clone()));
            }
            // Its task closes the socket when its frames end.
            Effect::Disconnect { .. } => self.outgoing = None,
            Effect::Transmit(frame) => self.transmit(frame),
            Effect::Read { subject, read } => {
                let (http, events) = (self.http.clone(), self.events.clone());
                tokio::spawn(async move {
                    let answer = http.request(asked_for(&subject)).await;
                    // Nobody hears it if the client is gone.
                    let _ = events.send(Event::Read { subject, read, answer }).await;
                });
            }
            Effect::Answer { key, answer } => {
                if let Some(waiting) = self.answers.remove(&key) {
                    let _ = waiting.send(answer);
                }
            }
            Effect::View { actor, view, reset } => {
                self.each(&actor, As::View, |feed| feed.on_view(view.clone(), reset));
            }
            Effect::Events { actor, position, through_seq, events } => {
                self.each(&actor, As::Events, |feed| feed.on_events(&events, position, through_seq));
                // A reader that was too slow has ended by itself.
                let (ended, live) = mem::take(&mut self.feeds).into_iter().partition(|feed| feed.is_ended());
                self.feeds = live;
                let ended: Vec<Arc<Feed>> = ended;
                ended.iter().for_each(|feed| self.release(feed));
            }
            Effect::Resumed { actor, of, note } => self.each(&actor, of, |feed| feed.on_resumed(note.clone())),
            Effect::Rows { list, view } => {
                self.lists.iter().filter(|feed| feed.list == list).for_each(|feed| feed.on_rows(&view));
            }
            Effect::Ended { subject: Subject::Actor(actor, of), fault } => {
                self.each(&actor, of, |feed| feed.end(fault.clone()));
                self.feeds.retain(|feed| !feed.is_ended());
            }
            Effect::Ended { subject: Subject::List(list), fault } => {
                self.lists.extract_if(.., |feed| feed.list == list).for_each(|feed| feed.end(fault.clone()));
            }
            // Nobody may be listening.
            Effect::Signal(signal) => drop(self.telling.signals.send(signal)),
            Effect::Presence { actor, here, count } => {
                let told = self.feeds.iter().filter(|feed| feed.actor == actor);
                told.for_each(|feed| feed.on_presence(here.clone(), count));
            }
        }
    }

    fn each(&self, actor: &Arc<str>, of: As, act: impl Fn(&Feed)) {
        self.feeds.iter().filter(|feed| feed.of == of && feed.actor == *actor).for_each(|feed| act(feed));
    }

    fn transmit(&mut self, frame: ClientFrame) {
        let Some(outgoing) = &self.outgoing else { return };
        let is_signal = matches!(frame, ClientFrame::Signal { .. });
        if is_signal && outgoing.max_capacity() - outgoing.capacity() >= SIGNAL_FRAMES_MAX {
            return;
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = outgoing.try_send(frame) {
            // The host has not read for so long that it cannot be alive. The task's own report finds a newer line.
            self.outgoing = None;
        }
    }

    fn tell(&self) {
        let status = self.session.status();
        // First the reason, then the status: whoever sees the one finds the other.
        self.telling.face.send_replace(Face::of(&self.session));
        self.telling.status.send_if_modified(|told| mem::replace(told, status) != status);
    }
}

fn asked_for(subject: &Subject) -> Ask<'static> {
    match subject {
        Subject::Actor(actor, _) => Ask::get(format!("/v1/{actor}")),
        Subject::List(list) => Ask::get(format!("/v1/{}", list.kind))
            .with("mine", list.mine.then_some(true))
            .with("status", list.status.clone()),
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// 32 hex digits nobody else is likely to draw.
pub(crate) fn unlikely_key() -> String {
    let (one, two) = (RandomState::new(), RandomState::new());
    let since: Duration = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{:016x}{:016x}", one.hash_one(since), two.hash_one(since))
}
