//! What the frames of a connection ask for: those of any host, without anything that outlives the event.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_core::{
    Address, Code, Failure, Position,
    frame::{
        Action, As,
        client::{ClientFrame, Sent, Subscribe},
        glimpse::{Glimpse, glimpse},
        list::{List, ListFrame},
        server::{Said, ServerFrame},
    },
    limits,
    outbox::OutboxId,
};
use dormouse_engine::{
    http::{Carries, welcome},
    outlet::Outlet,
};

use crate::{
    connections::{Connected, Watching},
    event::SocketEvent,
    host::Host,
    lines::{Line, Out},
    socket::unavailable,
};

/// What `welcome` says of this line: frames of one connection may overtake each other, so one command at a time keeps their order.
const CARRIES: Carries = Carries { in_flight: 1, frame_bytes: limits::GATEWAY_FRAME_BYTES_MAX };

/// One connection, for as long as one of its frames is looked at.
struct Talk<'a> {
    host: &'a Host,
    connected: Connected,
    line: Arc<Line>,
    outlet: Arc<dyn Outlet>,
}

impl Host {
    pub(crate) async fn message(&self, event: &SocketEvent) {
        let connection = &event.request_context.connection_id;
        let now = self.api.engine.world().now();
        let connected = match self.crowd.connections.connected(connection, now).await {
            Ok(Some(connected)) => connected,
            // Of a frame that came after the end nobody hears; a client that is still there connects again.
            Ok(None) => return self.disconnect(connection).await,
            Err(error) => return self.unreachable(&error),
        };
        let line = self.crowd.lines.to(&connected.connection, &connected.session.tenant);
        let talk = Talk { host: self, connected, outlet: Arc::new(Out(line.clone())), line };
        if let Err(failure) = talk.take(event).await {
            talk.line.say(&ServerFrame::Goodbye { failure: Said::from(&failure) });
            // What waits was promised before the end came.
            self.api.engine.settled().await;
            self.crowd.lines.flush(&*self.sender).await;
            self.disconnect(connection).await;
            self.left(connection).await;
        }
    }

    async fn disconnect(&self, connection: &str) {
        if let Err(error) = self.sender.disconnect(connection).await {
            tracing::warn!(%error, connection, "a connection could not be closed");
        }
    }
}

impl Talk<'_> {
    /// Take one frame. An error ends the connection.
    async fn take(&self, event: &SocketEvent) -> Result<(), Failure> {
        self.host.api.identity.check(&self.connected.session)?;
        if event.is_base64_encoded {
            return Err(Code::BinaryFrame.into());
        }
        let text = event.body.as_deref().unwrap_or_default();
        match dormouse_core::frame::client::parse(text) {
            Ok(ClientFrame::Hello { token, outbox }) => self.hello(&token, outbox).await,
            Ok(frame) => {
                self.act(frame).await;
                Ok(())
            }
            Err(failure) => {
                self.misread(text, &failure);
                Ok(())
            }
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

    async fn act(&self, frame: ClientFrame) {
        match frame {
            ClientFrame::Hello { .. } => {}
            ClientFrame::Subscribe(wanted) => {
                if let Err(failure) = self.subscribe(&wanted).await {
                    self.error(&failure, Some(Action::Subscribe), Some(&wanted.actor), Some(wanted.of));
                }
            }
            ClientFrame::Unsubscribe { actor, of } => {
                if let Err(failure) = self.unsubscribe(&actor, of).await {
                    self.error(&failure, Some(Action::Unsubscribe), Some(&actor), Some(of));
                }
            }
            ClientFrame::SubscribeList { list, .. } => {
                // Nothing here lives long enough to read it again.
                let message = "this host does not follow lists; read them with `GET /v1/{kind}`";
                self.list_error(&Failure::new(Code::UnknownType, message), Some(Action::Subscribe), &list);
            }
            ClientFrame::UnsubscribeList { .. } => {}
            ClientFrame::Send { actor, sent } => self.send(&actor, sent),
            ClientFrame::Signal { actor, signal } => {
                let told = self.admit(&actor).and_then(|address| {
                    let (viewer, id) = (self.connected.session.viewer.clone(), self.outlet.id());
                    self.host.api.engine.signal(&address, viewer, Some(id), signal)
                });
                if let Err(failure) = told {
                    self.error(&failure, Some(Action::Signal), Some(&actor), None);
                }
            }
            ClientFrame::Ping { positions } => self.ping(positions).await,
        }
    }

    /// Who somebody is was said by the ticket; the token says it again, for as long as it stands. Asked twice it is answered twice, alike.
    async fn hello(&self, token: &str, outbox: Option<OutboxId>) -> Result<(), Failure> {
        let session = self.host.api.identity.verify(token)?;
        let known = &self.connected.session;
        let is_same = (&session.tenant, &session.viewer.principal.id) == (&known.tenant, &known.viewer.principal.id);
        if !is_same {
            return Err(Failure::new(Code::Unauthenticated, "this connection was opened by somebody else"));
        }
        let outbox = outbox.unwrap_or_else(|| self.connected.outbox.clone());
        self.line.say_text(welcome(&self.host.api, &session, Some(outbox), CARRIES));
        let connected = Connected { session, ..self.connected.clone() };
        self.host.crowd.connections.open(connected).await.map_err(|error| unavailable(&error))
    }

    /// The actor's address, if this connection may ask anything of it now.
    fn admit(&self, actor: &str) -> Result<Address, Failure> {
        let address = Address::in_tenant(&self.connected.session.tenant, actor).map_err(|_| Code::BadName)?;
        self.host.api.admission.spend(&self.connected.session)?;
        Ok(address)
    }

    /// The row first, then the head, then the view: a commit is in the view, or its invocation finds the row.
    async fn subscribe(&self, wanted: &Subscribe) -> Result<(), Failure> {
        let address = self.admit(&wanted.actor)?;
        let row = self.row(address, wanted.of);
        let is_new = self.has_room_for(&row).await?;
        let (engine, connections) = (&self.host.api.engine, &self.host.crowd.connections);
        connections.watch(row.clone()).await.map_err(|error| unavailable(&error))?;
        if self.is_gone().await? {
            let undone = connections.unwatch(&row.address, &row.connection, row.of).await;
            return undone.map_err(|error| unavailable(&error));
        }
        engine.subscribe(&row.address, &row.viewer, wanted, &self.outlet).await;
        engine.settled().await;
        if wanted.of == As::Events && !self.was_refused(&row).await? {
            engine.follow_to_head(&row.address, &row.viewer, wanted.from, &self.outlet).await;
        }
        if !self.was_refused(&row).await? {
            self.host.came(&row, is_new).await.map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }

    fn row(&self, address: Address, of: As) -> Watching {
        let Connected { connection, session, expires, .. } = &self.connected;
        let since = self.host.api.engine.world().now();
        Watching {
            address,
            connection: connection.clone(),
            of,
            viewer: session.viewer.clone(),
            since,
            expires: *expires,
        }
    }

    /// Whether this is one more subscription, for which there is room.
    async fn has_room_for(&self, row: &Watching) -> Result<bool, Failure> {
        let now = self.host.api.engine.world().now();
        let rows = self.host.crowd.connections.of_connection(&row.connection, now).await;
        let rows = rows.map_err(|error| unavailable(&error))?;
        let others = rows.iter().filter(|other| (&other.address, other.of) != (&row.address, row.of)).count();
        if others < limits::SUBSCRIPTIONS_MAX {
            Ok(others == rows.len())
        } else {
            Err(Code::TooManySubscriptions.into())
        }
    }

    /// Whether the connection was closed while this frame was on its way: its rows have been deleted, and this one would stay.
    async fn is_gone(&self) -> Result<bool, Failure> {
        let now = self.host.api.engine.world().now();
        let connected = self.host.crowd.connections.connected(&self.connected.connection, now).await;
        Ok(connected.map_err(|error| unavailable(&error))?.is_none())
    }

    /// Whether the engine has answered that there is nothing to watch. Then there is no row, and nobody has come.
    async fn was_refused(&self, row: &Watching) -> Result<bool, Failure> {
        if !self.line.has_ended(&row.address, row.of) {
            return Ok(false);
        }
        let undone = self.host.crowd.connections.unwatch(&row.address, &row.connection, row.of).await;
        undone.map(|()| true).map_err(|error| unavailable(&error))
    }

    async fn unsubscribe(&self, actor: &str, of: As) -> Result<(), Failure> {
        let address = Address::in_tenant(&self.connected.session.tenant, actor).map_err(|_| Code::BadName)?;
        let rows = self.host.crowd.rows(&address).await.map_err(|error| unavailable(&error))?;
        let is_it = |row: &Watching| row.connection == self.connected.connection && row.of == of;
        let Some(row) = rows.into_iter().find(is_it) else { return Ok(()) };
        if self.host.goes(&row).await.map_err(|error| unavailable(&error))? {
            self.host.announce(&row.address);
        }
        Ok(())
    }

    fn send(&self, actor: &str, sent: Sent) {
        let engine = &self.host.api.engine;
        let admitted = self.admit(actor).and_then(|address| engine.kind(&address.kind).map(|_| address));
        match admitted {
            Ok(address) => engine.send(&address, self.connected.session.viewer.clone(), sent, &self.outlet),
            Err(failure) => self.reject(&failure, actor, &sent.command_id),
        }
    }

    async fn ping(&self, positions: BTreeMap<String, Position>) {
        let now = self.host.api.engine.world().now();
        let rows = self.host.crowd.connections.of_connection(&self.connected.connection, now).await;
        let rows = rows.inspect_err(|error| self.host.unreachable(error)).unwrap_or_default();
        let mut behind = BTreeMap::new();
        for (actor, held) in positions {
            // Only what this connection follows: a ping must not tell whether an actor exists.
            let Some(row) = rows.iter().find(|row| row.address.actor() == actor) else { continue };
            if let Ok(Some(now)) = self.host.api.engine.behind(&row.address, held).await {
                behind.insert(actor, now);
            }
        }
        self.line.say(&ServerFrame::Pong { behind });
    }

    fn error(&self, failure: &Failure, action: Option<Action>, actor: Option<&str>, of: Option<As>) {
        self.line.say(&ServerFrame::Error { failure: Said::from(failure), action, actor, r#as: of });
    }

    fn reject(&self, failure: &Failure, actor: &str, command_id: &str) {
        self.line.say(&ServerFrame::Rejected { actor, command_id, failure: Said::from(failure) });
    }

    fn list_error(&self, failure: &Failure, action: Option<Action>, list: &List) {
        self.line.say_text(ListFrame::Error { failure: Said::from(failure), action, list }.text());
    }
}
