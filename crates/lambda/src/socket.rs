//! The triggers of a WebSocket API.
//!
//! Any of them may come twice, late, or not at all. `$connect` says who somebody is, by a ticket that works for one connection.

use std::{net::IpAddr, sync::Arc};

use dormouse_core::{
    Code, Failure, Hash,
    limits::{CONNECTION_ROW, CONNECTIONS_PER_PRINCIPAL_MAX, TICKET},
    outbox::OutboxId,
};
use dormouse_engine::identity::Session;
use dormouse_journal::StoreError;

use crate::{
    connections::Connected,
    event::{Answer, SocketEvent, Trigger},
    host::Host,
};

const PROTOCOL: &str = "dormouse.v1";

impl Host {
    pub(crate) async fn socket(&self, event: &SocketEvent) -> Answer {
        match event.request_context.event_type {
            Trigger::Connect => match self.connect(event).await {
                Ok(()) => {
                    let headers = [("Sec-WebSocket-Protocol".to_owned(), PROTOCOL.to_owned())].into();
                    Answer { headers, ..Answer::of(200) }
                }
                Err(failure) => Answer::refused(&failure),
            },
            Trigger::Message => {
                self.message(event).await;
                Answer::of(200)
            }
            Trigger::Disconnect => {
                self.left(&event.request_context.connection_id).await;
                Answer::of(200)
            }
        }
    }

    async fn connect(&self, event: &SocketEvent) -> Result<(), Failure> {
        self.api.origins.check(event.header("origin"), event.request_context.domain_name.as_deref())?;
        if !speaks(event) {
            return Err(Code::UnsupportedVersion.into());
        }
        let session = self.session(event).map_err(|failure| self.guessed(event, failure))?;
        let connection: Arc<str> = event.request_context.connection_id.as_str().into();
        self.has_room(&session, &connection).await?;
        if let Some(ticket) = event.query("token") {
            self.take_ticket(ticket, &connection).await?;
        }
        let now = self.api.engine.world().now();
        let outbox = OutboxId { stamp: now.0, unique: self.api.engine.world().letters(12) };
        let connected = Connected { connection, session, outbox, expires: now.after(CONNECTION_ROW) };
        self.crowd.connections.open(connected).await.map_err(|error| unavailable(&error))
    }

    /// A ticket of the query, or a header's token: tokens never stand in an address.
    fn session(&self, event: &SocketEvent) -> Result<Session, Failure> {
        if let Some(ticket) = event.query("token") {
            return self.api.identity.redeem_ticket(ticket);
        }
        let bearer = event.header("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        self.api.identity.verify(bearer.ok_or(Code::Unauthenticated)?)
    }

    /// Guessing costs what any unsigned request costs.
    fn guessed(&self, event: &SocketEvent, failure: Failure) -> Failure {
        let peer: Option<IpAddr> = event.request_context.identity.source_ip.parse().ok();
        peer.and_then(|peer| self.api.admission.request(peer).err()).unwrap_or(failure)
    }

    async fn has_room(&self, session: &Session, connection: &str) -> Result<(), Failure> {
        let now = self.api.engine.world().now();
        let theirs = self.crowd.connections.of_principal(&session.tenant, &session.viewer.principal.id, now).await;
        let theirs = theirs.map_err(|error| unavailable(&error))?;
        let others = theirs.iter().filter(|theirs| ***theirs != *connection).count();
        if others < CONNECTIONS_PER_PRINCIPAL_MAX { Ok(()) } else { Err(Code::TooManyConnections.into()) }
    }

    async fn take_ticket(&self, ticket: &str, connection: &str) -> Result<(), Failure> {
        // What is stored opens nothing.
        let digest = Hash::of("dormouse/used-ticket/1", &[ticket.as_bytes()]);
        let name: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        // Its signature refuses it before the row may go.
        let expires = self.api.engine.world().now().after(2 * TICKET);
        let taken = self.crowd.connections.take_ticket(&name, connection, expires).await;
        let taken = taken.map_err(|error| unavailable(&error))?;
        if taken { Ok(()) } else { Err(Code::BadTicket.into()) }
    }
}

/// Whether the client offers our subprotocol, among others or alone.
fn speaks(event: &SocketEvent) -> bool {
    let offers = event.header("sec-websocket-protocol").unwrap_or_default();
    offers.split(',').any(|offer| offer.trim() == PROTOCOL)
}

pub(crate) fn unavailable(error: &StoreError) -> Failure {
    tracing::warn!(error = error as &dyn std::error::Error, "the rows of connections are not available");
    Failure::from(Code::Unavailable).retry_after(1_000)
}
