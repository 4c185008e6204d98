//! One environment: takes an event, and answers it when everything that it caused has left.

use std::sync::{Arc, atomic::AtomicUsize};

use axum::Router;
use dormouse_core::Kind;
use dormouse_engine::{
    Engine, Store,
    http::{Aliases, Api, router_with},
    identity::{Admission, Identity, Origins},
    task::Worker,
    world::World,
};
use dormouse_journal::StoreError;
use serde_json::Value;

use crate::{
    connections::{Connections, Watching},
    crowd::Crowd,
    event::{BadEvent, Event},
    queue::Queue,
    sender::Sender,
};

/// What a host is made of. What several environments must agree on (keys above all) comes from outside.
pub struct Parts {
    /// The actors that it runs.
    pub kinds: Vec<Arc<Kind>>,
    /// Where they live; every environment shares it.
    pub store: Store,
    /// Time and randomness.
    pub world: Arc<dyn World>,
    /// Signs the tokens of tasks that are reported from elsewhere; the same in every environment.
    pub report_key: [u8; 32],
    /// Who comes in. Its keys are the same in every environment.
    pub identity: Identity,
    /// Signs tickets; the same in every environment.
    pub ticket_key: [u8; 32],
    /// How much of it, as far as one environment sees.
    pub admission: Admission,
    /// From which pages.
    pub origins: Origins,
    /// What the app is called.
    pub app: String,
    /// Other paths for its routes.
    pub aliases: Aliases,
    /// What answers where none of the API's routes does, such as with the files of a page.
    pub pages: Router,
    /// Where the gateway takes sockets, `wss://`; clients learn it with their tickets.
    pub connect_url: Option<String>,
    /// Who is connected.
    pub connections: Arc<dyn Connections>,
    /// The way out to them.
    pub sender: Arc<dyn Sender>,
    /// What is to be done later; every environment takes from it.
    pub queue: Arc<dyn Queue>,
    /// Who performs tasks, beside the worker of `send` that each host has.
    pub workers: Vec<Arc<dyn Worker>>,
}

/// The host of one environment. It takes one event at a time.
pub struct Host {
    pub(crate) api: Arc<Api>,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) router: Router,
}

impl Host {
    /// A host that has seen nothing yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { kinds, store, world, workers, report_key, identity, ticket_key, admission, origins, .. } = parts;
        let crowd = Arc::new(Crowd::new(parts.connections, world.clone()));
        let engine = Engine::for_invocations(kinds, store, world, workers, report_key, crowd.clone());
        let identity = identity.sign_tickets(ticket_key);
        let (app, aliases, connect_url) = (parts.app, parts.aliases, parts.connect_url);
        let connections = AtomicUsize::new(0);
        let api = Arc::new(Api { engine, identity, admission, origins, app, aliases, connect_url, connections });
        let router = router_with(api.clone(), parts.pages);
        Self { api, crowd, sender: parts.sender, router }
    }

    /// Answer one event, when all that it caused has been sent.
    ///
    /// # Errors
    /// [`BadEvent`]
    pub async fn handle(&self, event: Value) -> Result<Value, BadEvent> {
        let answer = match Event::read(event)? {
            Event::Socket(event) => self.socket(&event).await,
            Event::Http(event) => self.http(*event).await,
        };
        self.finish().await;
        Ok(answer.value())
    }

    /// Until nothing is left to send: what is told of connections that are gone, and of subscriptions that ended, may cause more.
    async fn finish(&self) {
        loop {
            self.api.engine.settled().await;
            self.tell_events().await;
            let ended = self.end_subscriptions().await;
            let gone = self.crowd.lines.flush(&*self.sender).await;
            for connection in &gone {
                self.left(connection).await;
            }
            if !ended && gone.is_empty() {
                return;
            }
        }
    }

    /// Those who follow the events of what moved.
    async fn tell_events(&self) {
        for (address, after) in self.crowd.moved_from() {
            let rows = match self.crowd.rows(&address).await {
                Ok(rows) => rows,
                Err(error) => return self.unreachable(&error),
            };
            for row in rows.iter().filter(|row| row.of == dormouse_core::frame::As::Events) {
                let outlet = self.crowd.outlet(row);
                self.api.engine.tell_events(&address, &row.viewer, after, &outlet).await;
            }
        }
        self.api.engine.settled().await;
    }

    /// Delete the rows of those who were told that they hear no more; returns whether there were any.
    async fn end_subscriptions(&self) -> bool {
        let over = self.crowd.lines.outcomes().into_iter().filter(|(_, outcome)| !outcome.stands);
        let mut any = false;
        for (connection, outcome) in over {
            any = true;
            let rows = self.crowd.rows(&outcome.address).await.inspect_err(|error| self.unreachable(error));
            let is_it = |row: &Watching| row.connection == connection && row.of == outcome.of;
            if let Some(row) = rows.unwrap_or_default().into_iter().find(is_it) {
                self.take_away(&row).await;
            }
        }
        any
    }

    /// A connection is gone: whatever is known of it goes.
    pub(crate) async fn left(&self, connection: &str) {
        self.crowd.lines.end(connection);
        let now = self.api.engine.world().now();
        // First, so that a subscription that is on its way finds that it is too late.
        if let Err(error) = self.crowd.connections.close(connection).await {
            self.unreachable(&error);
        }
        match self.crowd.connections.of_connection(connection, now).await {
            Ok(rows) => {
                for row in &rows {
                    self.take_away(row).await;
                }
            }
            Err(error) => self.unreachable(&error),
        }
    }

    pub(crate) async fn take_away(&self, row: &Watching) {
        if let Err(error) = self.goes(row).await {
            self.unreachable(&error);
        }
    }

    /// Rows that could not be read or written are found by whoever next sends to them.
    pub(crate) fn unreachable(&self, error: &StoreError) {
        tracing::warn!(error = error as &dyn std::error::Error, "the rows of connections are not available");
    }
}
