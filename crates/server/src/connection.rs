//! One signed-in connection: what it follows, and what its frames ask for. The same for sockets and, in part, for event streams.
//!
//! What the engine refuses is not followed: nothing about such an actor may be asked for or told, not even whether it exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use dormouse_core::{
    Address, Code, Failure, Position,
    frame::{
        Action, As,
        client::{ClientFrame, From, Sent, Subscribe},
        glimpse::{Glimpse, glimpse},
        list::{List, ListFrame},
        server::{Resumed, Said, ServerFrame},
    },
    limits,
};
use dormouse_engine::{
    follow::Room,
    identity::{Held, Pace, Session},
    outlet::Outlet,
};
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::{Host, outbound::Outbound};

pub(crate) struct Connection {
    host: Arc<Host>,
    session: Session,
    outbound: Arc<Outbound>,
    outlet: Arc<dyn Outlet>,
    pace: Pace,
    followed: BTreeMap<(Address, As), Followed>,
    lists: BTreeSet<List>,
    /// The actor that was named last: most clients talk to one.
    named: Option<(Box<str>, Address)>,
    _held: Held<String>,
}

#[derive(Default)]
struct Followed {
    /// Reads the events, if that is what is followed.
    follower: Option<JoinHandle<()>>,
    /// Subscriptions that the engine has not answered yet.
    asked: u32,
    /// Whether the engine has answered `resumed`, so that it must be told of the end.
    stands: bool,
}

/// What a frame says of a subscription.
#[derive(Deserialize)]
struct Outcome<'a> {
    r#type: &'a str,
    actor: Option<&'a str>,
    r#as: Option<As>,
    kind: Option<Resumed>,
}

/// A follower waits for room in its connection's queue.
struct QueueRoom(Arc<Outbound>);

impl Room for QueueRoom {
    async fn room(&self) -> bool {
        self.0.has_room().await
    }
}

impl Connection {
    pub(crate) fn new(host: Arc<Host>, session: Session, outbound: Arc<Outbound>) -> Result<Self, Failure> {
        let held = host.api.admission.enter(&session)?;
        let pace = host.api.admission.pace();
        let outlet: Arc<dyn Outlet> = outbound.clone();
        let (followed, lists) = Default::default();
        Ok(Self { host, session, outbound, outlet, pace, followed, lists, named: None, _held: held })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the session still stands.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.host.api.identity.check(&self.session)
    }

    /// How long until [`check`](Self::check) is to be asked: at the latest when the token expires.
    pub(crate) fn until_check(&self) -> Duration {
        let left = self.session.expires.since(self.host.api.engine.world().now());
        limits::SESSION_CHECK.min(left).max(Duration::from_millis(10))
    }

    /// Take one frame.
    pub(crate) async fn take(&mut self, text: &str) {
        // A flood closes the connection: an answer to each frame would double it.
        if let Err(failure) = self.pace.frame() {
            return self.outbound.end(failure.code);
        }
        match dormouse_core::frame::client::parse(text) {
            Ok(frame) => self.act(frame).await,
            Err(failure) => self.misread(text, &failure),
        }
    }

    /// Answer a frame that was refused as such, by what its sender knows it by as far as that can be read.
    fn misread(&self, text: &str, failure: &Failure) {
        let Glimpse { action, actor, list, of, command_id } = glimpse(text);
        if let Some(list) = &list {
            return self.list_error(failure, action, list);
        }
        match (&actor, &command_id) {
            (Some(actor), Some(command_id)) => self.reject(failure, actor, command_id),
            _ => self.error(failure, action, actor.as_deref(), of),
        }
    }

    /// A ping or pong of the transport: it counts like any frame.
    pub(crate) fn control(&self) {
        if let Err(failure) = self.pace.frame() {
            self.outbound.end(failure.code);
        }
    }

    async fn act(&mut self, frame: ClientFrame) {
        match frame {
            ClientFrame::Hello { .. } => {
                let failure = Failure::new(Code::BadFrame, "this connection has said `hello` already");
                self.error(&failure, Some(Action::Hello), None, None);
            }
            // What is done once in a while is boxed: it would be a part of every idle connection's memory.
            ClientFrame::Subscribe(wanted) => Box::pin(self.subscribe(wanted)).await,
            ClientFrame::Unsubscribe { actor, of } => self.unsubscribe(&actor, of),
            ClientFrame::SubscribeList { list, etag } => self.subscribe_list(list, etag),
            ClientFrame::UnsubscribeList { list } => self.unsubscribe_list(&list),
            ClientFrame::Send { actor, sent } => self.send(&actor, sent),
            ClientFrame::Signal { actor, signal } => {
                let told = self.pace.signal().and_then(|()| self.admit(&actor)).and_then(|address| {
                    let connection = Some(self.outbound.id());
                    self.host.api.engine.signal(&address, self.session.viewer.clone(), connection, signal)
                });
                if let Err(failure) = told {
                    self.error(&failure, Some(Action::Signal), Some(&actor), None);
                }
            }
            ClientFrame::Ping { positions } => Box::pin(self.ping(positions)).await,
        }
    }

    fn address(&mut self, actor: &str) -> Result<Address, Failure> {
        if let Some((_, address)) = self.named.as_ref().filter(|(name, _)| **name == *actor) {
            return Ok(address.clone());
        }
        let address = Address::in_tenant(&self.session.tenant, actor).map_err(|_| Code::BadName)?;
        self.named = Some((actor.into(), address.clone()));
        Ok(address)
    }

    /// The actor's address, if this connection may ask anything of it now.
    fn admit(&mut self, actor: &str) -> Result<Address, Failure> {
        let address = self.address(actor)?;
        self.spend()?;
        Ok(address)
    }

    /// Whether this connection may ask for anything now.
    fn spend(&self) -> Result<(), Failure> {
        self.check()?;
        self.host.api.admission.spend(&self.session)
    }

    fn error(&self, failure: &Failure, action: Option<Action>, actor: Option<&str>, of: Option<As>) {
        self.refuse(ServerFrame::Error { failure: Said::from(failure), action, actor, r#as: of }.text(), failure.code);
    }

    fn reject(&self, failure: &Failure, actor: &str, command_id: &str) {
        self.refuse(ServerFrame::Rejected { actor, command_id, failure: Said::from(failure) }.text(), failure.code);
    }

    /// Answer with this frame; a session that is over ends the connection after it.
    fn refuse(&self, frame: String, code: Code) {
        self.outbound.frame(frame);
        if matches!(code, Code::TokenExpired | Code::Revoked) {
            self.outbound.end(code);
        }
    }

    /// Follow an actor. A second subscription to the same takes the place of the first.
    pub(crate) async fn subscribe(&mut self, wanted: Subscribe) {
        self.settle();
        let admitted = self.pace.subscription().and_then(|()| self.admit(&wanted.actor)).and_then(|address| {
            let known = self.followed.contains_key(&(address.clone(), wanted.of));
            self.has_room_for(known).map(|()| address)
        });
        let address = match admitted {
            Ok(address) => address,
            Err(failure) => {
                return self.error(&failure, Some(Action::Subscribe), Some(&wanted.actor), Some(wanted.of));
            }
        };
        let key = (address.clone(), wanted.of);
        let followed = self.followed.entry(key.clone()).or_default();
        followed.asked += 1;
        if let Some(before) = followed.follower.take() {
            before.abort();
        }
        let engine = self.host.api.engine.clone();
        engine.subscribe(&address, &self.session.viewer, &wanted, &self.outlet).await;
        if wanted.of == As::Events {
            // Whoever may not see the actor has been told so by now; a follower would tell where its history stands.
            self.settle();
            if self.followed.contains_key(&key) {
                let follower = self.follow(address, wanted.from);
                self.followed.entry(key).or_default().follower = Some(follower);
            }
        }
    }

    fn has_room_for(&self, known: bool) -> Result<(), Failure> {
        let is_full = self.followed.len() + self.lists.len() >= limits::SUBSCRIPTIONS_MAX;
        if is_full && !known { Err(Code::TooManySubscriptions.into()) } else { Ok(()) }
    }

    /// Follow a list. A second subscription to the same takes the place of the first.
    pub(crate) fn subscribe_list(&mut self, list: List, etag: Option<String>) {
        self.settle();
        let Session { tenant, viewer, .. } = &self.session;
        let watched = self.pace.subscription().and_then(|()| self.spend()).and_then(|()| {
            self.has_room_for(self.lists.contains(&list))?;
            self.host.api.engine.watch_list(tenant, viewer, &list, etag, &self.outlet)
        });
        match watched {
            Ok(()) => drop(self.lists.insert(list)),
            Err(failure) => self.list_error(&failure, Some(Action::Subscribe), &list),
        }
    }

    fn list_error(&self, failure: &Failure, action: Option<Action>, list: &List) {
        self.refuse(ListFrame::Error { failure: Said::from(failure), action, list }.text(), failure.code);
    }

    fn unsubscribe_list(&mut self, list: &List) {
        if self.lists.remove(list) {
            self.leave_list(list);
        }
    }

    fn leave_list(&self, list: &List) {
        let Session { tenant, viewer, .. } = &self.session;
        self.host.api.engine.unwatch_list(tenant, viewer, list, self.outbound.id());
    }

    fn follow(&self, address: Address, from: From) -> JoinHandle<()> {
        let (engine, viewer, outlet) = (self.host.api.engine.clone(), self.session.viewer.clone(), self.outlet.clone());
        let room = QueueRoom(self.outbound.clone());
        tokio::spawn(async move { engine.follow(address, viewer, from, outlet, room).await })
    }

    /// Learn what became of subscriptions.
    fn settle(&mut self) {
        for frame in self.outbound.outcomes() {
            let outcome = serde_json::from_slice(&frame).ok();
            let Some(Outcome { r#type, actor: Some(actor), r#as: Some(of), kind }) = outcome else { continue };
            let Ok(address) = self.address(actor) else { continue };
            // One that is not there any more was unsubscribed meanwhile, and the engine has been told.
            let Some(followed) = self.followed.get_mut(&(address.clone(), of)) else { continue };
            followed.asked = followed.asked.saturating_sub(1);
            // Nothing follows `gone`.
            if r#type == "resumed" && kind != Some(Resumed::Gone) {
                followed.stands = true;
            } else if followed.asked == 0 {
                let refused = self.followed.remove(&(address.clone(), of)).unwrap_or_default();
                self.leave(&address, of, refused);
            }
        }
    }

    fn unsubscribe(&mut self, actor: &str, of: As) {
        let Ok(address) = self.address(actor) else {
            return self.error(&Code::BadName.into(), Some(Action::Unsubscribe), Some(actor), Some(of));
        };
        if let Some(followed) = self.followed.remove(&(address.clone(), of)) {
            self.leave(&address, of, Followed { stands: true, ..followed });
        }
    }

    /// One that never stood needs no word to the engine, which would have to wake the actor for it.
    fn leave(&self, address: &Address, of: As, followed: Followed) {
        let is_watched = followed.stands || followed.follower.is_some();
        if let Some(follower) = followed.follower {
            follower.abort();
        }
        if is_watched {
            self.host.api.engine.unsubscribe(address, self.outbound.id(), of);
        }
    }

    fn send(&mut self, actor: &str, sent: Sent) {
        let admitted = self.admit(actor).and_then(|address| {
            self.host.api.engine.kind(&address.kind)?;
            if self.outbound.begin_command() { Ok(address) } else { Err(Code::InFlight.into()) }
        });
        match admitted {
            Ok(address) => {
                self.host.api.engine.send(&address, self.session.viewer.clone(), sent, &self.outlet);
            }
            Err(failure) => self.reject(&failure, actor, &sent.command_id),
        }
    }

    async fn ping(&mut self, positions: BTreeMap<String, Position>) {
        self.settle();
        let mut behind = BTreeMap::new();
        // Each position costs a look. Who asks too often hears that the line is alive, and of the rest with a later ping.
        let may_look = positions.is_empty() || self.pace.subscription().is_ok();
        for (actor, held) in positions.into_iter().filter(|_| may_look) {
            // Only what this connection follows: a ping must not tell whether an actor exists.
            let Ok(address) = self.address(&actor) else { continue };
            let follows = |of| self.followed.get(&(address.clone(), of)).is_some_and(|followed| followed.stands);
            if !follows(As::View) && !follows(As::Events) {
                continue;
            }
            if let Ok(Some(now)) = self.host.api.engine.behind(&address, held).await {
                behind.insert(actor, now);
            }
        }
        self.outbound.frame(ServerFrame::Pong { behind }.text());
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.outbound.close();
        for ((address, of), followed) in std::mem::take(&mut self.followed) {
            self.leave(&address, of, Followed { stands: true, ..followed });
        }
        self.lists.iter().for_each(|list| self.leave_list(list));
    }
}
