//! A client: the real session of the Rust client, over the simulation's lines. It notes what it was promised and what it heard.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dormouse_client::{
    Accepted, Fault, Status,
    frame::{As, ClientFrame, ResumedKind, Revealed, Token, decode},
    session::{Effect, Event, Kept, Session, Subject},
};
use dormouse_core::{frame::client::From, position::Position};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json, value::RawValue};
use tokio::{io::DuplexStream, sync::mpsc, task::AbortHandle, time::Instant};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use crate::{audit::Claim, chance::Chance, net::Wire, rules::Command};

/// What became of a command, as its client knows.
#[derive(Debug, Clone)]
pub struct Sent {
    pub actor: String,
    pub begun: Duration,
    pub answered: Option<(Duration, Result<Position, String>)>,
}

/// What a client heard of one actor.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// What happened, as far as its seat may hear of it, in order: commit and what.
    pub told: Vec<(u64, String)>,
    /// How far it has heard: commit and index.
    place: Option<(u64, u32)>,
    pub view: Option<(Position, Value)>,
    pub resets: u64,
    pub ended: Option<String>,
}

/// Gives a client a line to some host, if one can be had.
pub trait Dial {
    fn dial(&mut self, client: usize) -> Option<(Arc<Wire>, DuplexStream)>;
}

/// Something that came over a player's line.
pub struct Came {
    pub player: usize,
    /// Which life of the player, and which of its lines.
    life: u64,
    line: u64,
    /// `None` if the line is over.
    text: Option<String>,
}

pub struct Player {
    pub index: usize,
    /// Which of its tenant's players it is.
    pub seat: usize,
    pub tenant: &'static str,
    pub actors: Vec<String>,
    token: String,
    session: Session,
    began: Instant,
    chance: Chance,
    /// What its storage holds.
    kept: Kept,
    keys: BTreeMap<u64, String>,
    next_key: u64,
    count: u64,
    wire: Option<Arc<Wire>>,
    outgoing: Option<mpsc::UnboundedSender<ClientFrame>>,
    tasks: Vec<AbortHandle>,
    came: mpsc::UnboundedSender<Came>,
    pub sent: BTreeMap<String, Sent>,
    pub heard: BTreeMap<String, Heard>,
    pub violations: Vec<String>,
    /// What it was told since it was last asked, and of which actor.
    pub claims: Vec<(String, Claim)>,
    pub crashes: u64,
    /// Frames that were put on the line twice, and after the one that followed.
    pub doubled: u64,
    pub swapped: u64,
    held_back: Option<ClientFrame>,
    /// Whether its frames may be doubled and swapped.
    pub rough: bool,
}

impl Player {
    pub fn new(
        (index, seat): (usize, usize),
        tenant: &'static str,
        actors: Vec<String>,
        token: String,
        began: Instant,
        chance: Chance,
        came: mpsc::UnboundedSender<Came>,
    ) -> Self {
        Self {
            index,
            seat,
            tenant,
            actors,
            token,
            session: Session::new(began.elapsed(), None),
            began,
            chance,
            kept: Kept::default(),
            keys: BTreeMap::new(),
            next_key: 1,
            count: 0,
            wire: None,
            outgoing: None,
            tasks: Vec::new(),
            came,
            sent: BTreeMap::new(),
            heard: BTreeMap::new(),
            violations: Vec::new(),
            claims: Vec::new(),
            crashes: 0,
            doubled: 0,
            swapped: 0,
            held_back: None,
            rough: false,
        }
    }

    pub fn status(&self) -> Status {
        self.session.status()
    }

    pub fn waiting(&self) -> usize {
        self.session.waiting()
    }

    /// Watch everything, from the beginning.
    pub fn begin(&mut self, hosts: &mut impl Dial) {
        self.step(Event::Tick, hosts);
        for actor in self.actors.clone() {
            let actor: Arc<str> = actor.into();
            self.step(Event::Subscribe { actor: actor.clone(), of: As::View, from: From::Now }, hosts);
            self.step(Event::Subscribe { actor, of: As::Events, from: From::Start }, hosts);
        }
    }

    /// The process ends in the middle of whatever it does, and is started again with what its storage holds.
    pub fn crash(&mut self, hosts: &mut impl Dial) {
        self.crashes += 1;
        self.hang_up(self.chance.once_in(2));
        self.session = Session::new(self.now(), Some(self.kept.clone()));
        self.keys.clear();
        for (key, kept) in self.session.restored() {
            let what = serde_json::from_str::<Value>(kept.command.get()).ok();
            let what = what.and_then(|command| command["what"].as_str().map(str::to_owned));
            self.keys.insert(key, what.unwrap_or_default());
            self.next_key = self.next_key.max(key + 1);
        }
        // It reads everything again from the first event.
        self.heard.clear();
        self.begin(hosts);
    }

    /// It goes, and does not come back.
    pub fn leave(&mut self) {
        self.crashes += 1;
        self.hang_up(false);
        self.session = Session::new(self.now(), None);
    }

    fn hang_up(&mut self, half_open: bool) {
        self.outgoing = None;
        self.held_back = None;
        self.tasks.drain(..).for_each(|task| task.abort());
        let Some(wire) = self.wire.take() else { return };
        if half_open {
            // The host hears nothing of it, not even that it is over.
            [true, false].into_iter().for_each(|to_host| wire.hold(to_host, true));
        } else {
            wire.cut();
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// When the session wants to be stepped.
    pub fn deadline(&self) -> Option<Instant> {
        self.session.deadline().map(|at| self.began + at)
    }

    pub fn take(&mut self, Came { life, line, text, .. }: Came, hosts: &mut impl Dial) {
        if life != self.crashes {
            return;
        }
        let Some(text) = text else { return self.step(Event::Dropped { line, fault: None }, hosts) };
        self.look_for_secrets(&text);
        match decode(&text) {
            Ok(Some(frame)) => self.step(Event::Frame { line, frame }, hosts),
            Ok(None) => {}
            Err(error) => self.violations.push(format!("a frame that is none: {error}: {text}")),
        }
    }

    /// VIEW-SECRECY and TENANT-BYTES: each word says whose it is.
    fn look_for_secrets(&mut self, text: &str) {
        for (at, _) in text.match_indices("word:") {
            let word: String = text[at..].chars().take_while(|c| *c != '"').collect();
            if word != self.word_mark() && !word.starts_with(&format!("{}:", self.word_mark())) {
                let is_ours = word.starts_with(&format!("word:{}:", self.tenant));
                let name = if is_ours { "VIEW-SECRECY" } else { "TENANT-BYTES" };
                self.violations.push(format!("{name}: player {} was sent {word}", self.index));
            }
        }
    }

    fn word_mark(&self) -> String {
        format!("word:{}:{}", self.tenant, self.seat)
    }

    pub fn tick(&mut self, hosts: &mut impl Dial) {
        self.step(Event::Tick, hosts);
    }

    /// Do something, anything; in a storm all to one actor.
    pub fn act(&mut self, storm: bool, hosts: &mut impl Dial) {
        self.count += 1;
        let what = format!("p{}-{}", self.index, self.count);
        let actor = if storm { &self.actors[0] } else { self.chance.one_of(&self.actors) }.clone();
        let command = match self.chance.below(12) {
            0 => Command::Sit { what: what.clone(), seat: self.seat as u16 },
            1 => Command::Hide { what: what.clone(), word: format!("{}:{}", self.word_mark(), self.count) },
            2 => Command::Alarm { what: what.clone(), after_ms: self.chance.below(60_000) },
            3 => Command::Work { what: what.clone() },
            4 => Command::Even { what: what.clone() },
            _ => Command::Add { what: what.clone() },
        };
        let (key, begun) = (self.next_key, self.now());
        self.next_key += 1;
        self.keys.insert(key, what.clone());
        self.sent.insert(what, Sent { actor: actor.clone(), begun, answered: None });
        let command: Arc<RawValue> = RawValue::from_string(json!(command).to_string()).expect("JSON").into();
        self.step(Event::Send { key, actor: actor.into(), command }, hosts);
    }

    fn step(&mut self, event: Event, hosts: &mut impl Dial) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let effects = self.session.step(event, self.now(), self.chance.fraction());
            for effect in effects {
                events.extend(self.perform(effect, hosts));
            }
        }
    }

    fn perform(&mut self, effect: Effect, hosts: &mut impl Dial) -> Option<Event> {
        match effect {
            Effect::Save => self.kept = self.session.kept(),
            Effect::Connect { line, .. } => return Some(self.connect(line, hosts)),
            Effect::Disconnect { .. } => self.hang_up(false),
            Effect::Transmit(frame) => self.transmit(frame),
            Effect::Answer { key, answer } => self.on_answer(key, answer),
            Effect::View { actor, view, reset } => {
                let heard = self.heard.entry(actor.to_string()).or_default();
                let is_older = heard
                    .view
                    .as_ref()
                    .is_some_and(|(held, _)| (view.position.epoch, view.position.seq) < (held.epoch, held.seq));
                if is_older && !reset {
                    self.violations.push(format!("SUB-DENSE: a view of {actor} went back to {}", view.position));
                }
                heard.resets += u64::from(reset);
                heard.view = Some((view.position, (*view.view).clone()));
                self.claims.push((actor.to_string(), Claim::sees(view.position, &view.view)));
            }
            Effect::Resumed { actor, of: As::View, note } if note.kind == ResumedKind::Current => {
                // It is told that it holds the newest.
                if let Some((_, view)) = self.heard.get(&*actor).and_then(|heard| heard.view.as_ref()) {
                    self.claims.push((actor.to_string(), Claim::sees(note.position, view)));
                }
            }
            Effect::Events { actor, events, .. } => self.on_events(&actor, events),
            Effect::Resumed { actor, of: As::Events, note } if note.kind == ResumedKind::Reset => {
                let heard = self.heard.entry(actor.to_string()).or_default();
                (heard.told, heard.place) = (Vec::new(), None);
            }
            Effect::Ended { subject: Subject::Actor(actor, _), fault } => {
                self.heard.entry(actor.to_string()).or_default().ended = Some(format!("{fault:?}"));
            }
            Effect::Resumed { .. }
            | Effect::Ended { .. }
            | Effect::Rows { .. }
            // No host of this house asks for it.
            | Effect::Read { .. }
            | Effect::Signal(_)
            | Effect::Presence { .. } => {}
        }
        None
    }

    fn transmit(&mut self, frame: ClientFrame) {
        let is_command = matches!(frame, ClientFrame::Send { .. });
        if self.rough && self.held_back.is_none() && is_command && self.chance.once_in(25) {
            self.held_back = Some(frame);
            return;
        }
        let Some(outgoing) = &self.outgoing else { return };
        if self.rough && is_command && self.chance.once_in(25) {
            self.doubled += 1;
            let _ = outgoing.send(frame.clone());
        }
        let _ = outgoing.send(frame);
        if let Some(late) = self.held_back.take() {
            self.swapped += 1;
            let _ = outgoing.send(late);
        }
    }

    fn on_answer(&mut self, key: u64, answer: Result<Accepted, Fault>) {
        let (now, what) = (self.now(), self.keys.get(&key).cloned());
        let Some(sent) = what.as_ref().and_then(|what| self.sent.get_mut(what)) else { return };
        if sent.answered.is_some() {
            self.violations.push(format!("IDEMPOTENT: {what:?} was answered twice"));
        }
        let answer = answer.map(|accepted| accepted.position).map_err(|fault| fault.name.into_owned());
        sent.answered = Some((now, answer.clone()));
        if let (Ok(position), Some(what)) = (answer, what) {
            self.claims.push((sent.actor.clone(), Claim::Accepted { what, position }));
        }
    }

    fn on_events(&mut self, actor: &str, events: Vec<Revealed>) {
        let heard = self.heard.entry(actor.to_owned()).or_default();
        for event in events {
            // A host may tell some again, after a question that was asked twice; a listener knows its place, as the client's feeds do.
            let place = (event.seq, event.index);
            if heard.place.is_some_and(|heard| place <= heard) {
                continue;
            }
            heard.place = Some(place);
            if let Some(what) = event.event["what"].as_str() {
                let (after, told) = (heard.told.last().cloned(), (event.seq, what.to_owned()));
                heard.told.push(told.clone());
                self.claims.push((actor.to_owned(), Claim::Hears { after, told }));
            }
        }
    }

    fn connect(&mut self, line: u64, hosts: &mut impl Dial) -> Event {
        self.hang_up(false);
        let Some((wire, end)) = hosts.dial(self.index) else { return Event::Dropped { line, fault: None } };
        self.wire = Some(wire);
        let (outgoing, mut frames) = mpsc::unbounded_channel::<ClientFrame>();
        self.outgoing = Some(outgoing);
        let (came, player, life) = (self.came.clone(), self.index, self.crashes);
        let task = tokio::spawn(async move {
            let socket = WebSocketStream::from_raw_socket(end, Role::Client, None).await;
            let (mut sink, mut stream) = socket.split();
            let writing = tokio::spawn(async move {
                while let Some(frame) = frames.recv().await {
                    if sink.send(Message::Text(frame.text().into())).await.is_err() {
                        break;
                    }
                }
            });
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Text(text) = message {
                    let _ = came.send(Came { player, life, line, text: Some(text.to_string()) });
                }
            }
            writing.abort();
            let _ = came.send(Came { player, life, line, text: None });
        });
        self.tasks.push(task.abort_handle());
        Event::Opened { line, token: Token(self.token.clone()) }
    }
}
