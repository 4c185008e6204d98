//! One signed-in connection: what it follows, and what its frames ask for. The same for sockets and, in part, for event streams.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_core::{
    Address, Code, Failure, Position,
    frame::{
        As,
        client::{ClientFrame, Subscribe},
        server::{Said, ServerFrame},
    },
    limits,
};
use dormouse_engine::{
    follow::Room,
    identity::{Held, Pace, Session},
    outlet::Outlet,
};
use tokio::task::JoinHandle;

use crate::{Host, outbound::Outbound};

pub(crate) struct Connection {
    host: Arc<Host>,
    session: Session,
    outbound: Arc<Outbound>,
    outlet: Arc<dyn Outlet>,
    pace: Pace,
    followed: BTreeMap<(Address, As), Option<JoinHandle<()>>>,
    _held: Held<String>,
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
        Ok(Self { host, session, outbound, outlet, pace, followed: BTreeMap::new(), _held: held })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Whether the session still stands.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.host.api.identity.check(&self.session)
    }

    /// Take one frame.
    pub(crate) async fn take(&mut self, text: &str) {
        // A flood closes the connection: an answer to each frame would double it.
        if let Err(failure) = self.pace.frame() {
            return self.outbound.end(failure.code);
        }
        match dormouse_core::frame::client::parse(text) {
            Ok(frame) => self.act(frame).await,
            Err(failure) => self.error(&failure, None, None),
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
                self.error(&failure, None, None);
            }
            ClientFrame::Subscribe(wanted) => self.subscribe(wanted).await,
            ClientFrame::Unsubscribe { actor, of } => self.unsubscribe(&actor, of),
            ClientFrame::Send { actor, id, command } => self.send(&actor, id, command),
            ClientFrame::Signal { actor, signal } => {
                let told = self.address(&actor).and_then(|address| {
                    self.host.api.admission.spend(&self.session)?;
                    let connection = Some(self.outbound.id());
                    self.host.api.engine.signal(&address, self.session.viewer.clone(), connection, signal)
                });
                if let Err(failure) = told {
                    self.error(&failure, Some(&actor), None);
                }
            }
            ClientFrame::Ping { positions } => self.ping(positions).await,
        }
    }

    fn address(&self, actor: &str) -> Result<Address, Failure> {
        Address::in_tenant(&self.session.tenant, actor).map_err(|_| Code::BadName.into())
    }

    fn error(&self, failure: &Failure, actor: Option<&str>, of: Option<As>) {
        self.outbound.frame(ServerFrame::Error { failure: Said::from(failure), actor, r#as: of }.text());
    }

    /// Follow an actor. A second subscription to the same takes the place of the first.
    pub(crate) async fn subscribe(&mut self, wanted: Subscribe) {
        let admitted = self.address(&wanted.actor).and_then(|address| {
            self.host.api.admission.spend(&self.session)?;
            let known = self.followed.contains_key(&(address.clone(), wanted.of));
            if !known && self.followed.len() >= limits::SUBSCRIPTIONS_MAX {
                return Err(Code::TooManySubscriptions.into());
            }
            Ok(address)
        });
        let address = match admitted {
            Ok(address) => address,
            Err(failure) => return self.error(&failure, Some(&wanted.actor), Some(wanted.of)),
        };
        let engine = self.host.api.engine.clone();
        engine.subscribe(&address, &self.session.viewer, &wanted, &self.outlet).await;
        let follower = (wanted.of == As::Events).then(|| {
            let (viewer, outlet) = (self.session.viewer.clone(), self.outlet.clone());
            let (address, room) = (address.clone(), QueueRoom(self.outbound.clone()));
            tokio::spawn(async move { engine.follow(address, viewer, wanted.from, outlet, room).await })
        });
        if let Some(Some(before)) = self.followed.insert((address, wanted.of), follower) {
            before.abort();
        }
    }

    fn unsubscribe(&mut self, actor: &str, of: As) {
        let Ok(address) = self.address(actor) else { return self.error(&Code::BadName.into(), Some(actor), Some(of)) };
        if let Some(follower) = self.followed.remove(&(address.clone(), of)) {
            self.leave(&address, of, follower);
        }
    }

    fn leave(&self, address: &Address, of: As, follower: Option<JoinHandle<()>>) {
        if let Some(follower) = follower {
            follower.abort();
        }
        self.host.api.engine.unsubscribe(address, self.outbound.id(), of);
    }

    fn send(&self, actor: &str, id: dormouse_core::outbox::CommandId, command: Arc<[u8]>) {
        let admitted = self.address(actor).and_then(|address| {
            self.host.api.admission.spend(&self.session)?;
            self.host.api.engine.kind(&address.kind)?;
            Ok(address)
        });
        match admitted {
            Ok(address) => {
                self.host.api.engine.send(&address, self.session.viewer.clone(), id, command, &self.outlet);
            }
            Err(failure) => {
                let command_id = id.to_string();
                let frame = ServerFrame::Rejected { actor, command_id: &command_id, failure: Said::from(&failure) };
                self.outbound.frame(frame.text());
            }
        }
    }

    async fn ping(&self, positions: BTreeMap<String, Position>) {
        let mut behind = BTreeMap::new();
        for (actor, held) in positions {
            // Only what this connection follows: a ping must not tell whether an actor exists.
            let Ok(address) = self.address(&actor) else { continue };
            let follows = |of| self.followed.contains_key(&(address.clone(), of));
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
        for ((address, of), follower) in std::mem::take(&mut self.followed) {
            self.leave(&address, of, follower);
        }
    }
}
