//! One environment: takes an event, and answers it when everything that it caused has left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
};

use axum::Router;
use dormouse_core::{Address, Kind, frame::As, limits::PUSHES_AT_ONCE};
use dormouse_engine::{
    Engine, Store,
    http::{Aliases, Api, router_with},
    identity::{Admission, Identity, Origins},
    task::Worker,
    world::World,
};
use dormouse_journal::StoreError;
use futures_util::{StreamExt, stream};
use serde_json::Value;

use crate::{
    connections::{Connections, Watching},
    crowd::{Crowd, Movement},
    event::{Event, EventError, Own},
    follower::Follower,
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
    /// What makes the journal's stream part of the index.
    pub follower: Arc<dyn Follower>,
    /// Who performs tasks, beside the worker of `send` that each host has.
    pub workers: Vec<Arc<dyn Worker>>,
}

/// The host of one environment. It takes one event at a time.
pub struct Host {
    pub(crate) api: Arc<Api>,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) router: Router,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) follower: Arc<dyn Follower>,
    /// Actors that a sweep found due and that cannot be woken while this environment lives.
    stuck: Mutex<BTreeSet<Address>>,
    /// What is done at the same time ends one after the other.
    ending: tokio::sync::Mutex<()>,
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
        let (sender, queue, follower) = (parts.sender, parts.queue, parts.follower);
        Self {
            api,
            crowd,
            sender,
            router,
            queue,
            follower,
            stuck: Mutex::default(),
            ending: tokio::sync::Mutex::default(),
        }
    }

    /// Answer one event, when all that it caused has been sent.
    ///
    /// # Errors
    /// [`EventError`]
    pub async fn handle(&self, event: Value) -> Result<Value, EventError> {
        let answer = match Event::read(event)? {
            Event::Socket(event) => Ok(self.socket(&event).await.value()),
            Event::Http(event) => Ok(self.http(*event).await.value()),
            Event::Messages(messages) => Ok(self.take_messages(&messages).await),
            Event::Stream(records) => Ok(self.follow(&records).await),
            Event::Own(Own::Sweep) => self.sweep().await,
            Event::Own(Own::Redrive) => self.redrive().await,
            Event::Own(Own::Turn { actor, cursor }) => self.turn(&actor, cursor).await,
        };
        self.finish().await;
        self.crowd.forget_asked();
        Ok(answer?)
    }

    /// Until nothing is left to send: what is told of connections that are gone, and of subscriptions that ended, may cause more.
    pub(crate) async fn finish(&self) {
        let _one_at_a_time = self.ending.lock().await;
        loop {
            self.api.engine.settled().await;
            let moved = self.crowd.moved();
            self.tell_events(&moved).await;
            let ended = self.end_subscriptions().await;
            let gone = self.crowd.lines.flush(&*self.sender).await;
            self.defer(&moved).await;
            self.all_left(&gone).await;
            if !ended && gone.is_empty() {
                return;
            }
        }
    }

    /// Those who follow the events of what moved.
    async fn tell_events(&self, moved: &BTreeMap<Address, Movement>) {
        let follows = |row: &&Watching| row.of == As::Events;
        for (address, Movement { after, rows, .. }) in moved {
            if !rows.iter().flatten().any(|row| follows(&row)) {
                continue;
            }
            // Since the commit some may have been told that they hear no more.
            let rows = self.crowd.rows(address).await.inspect_err(|error| self.unreachable(error)).unwrap_or_default();
            for row in rows.iter().filter(follows) {
                let outlet = self.crowd.outlet(row);
                self.api.engine.tell_events(address, &row.viewer, *after, &outlet).await;
            }
        }
        self.api.engine.settled().await;
    }

    pub(crate) fn stuck(&self) -> MutexGuard<'_, BTreeSet<Address>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.all_left(&[connection.into()]).await;
    }

    /// Of a crowd that is gone those who stay hear once.
    async fn all_left(&self, gone: &[Arc<str>]) {
        gone.iter().for_each(|connection| self.crowd.lines.end(connection));
        let leaving: Vec<_> = gone.iter().map(|connection| self.leaves(connection)).collect();
        let left: Vec<_> = stream::iter(leaving).buffer_unordered(PUSHES_AT_ONCE).collect().await;
        for address in left.into_iter().flatten().collect::<BTreeSet<_>>() {
            self.announce(&address);
        }
    }

    /// Whose viewers are to hear of it.
    async fn leaves(&self, connection: &str) -> Vec<Address> {
        let now = self.now();
        // First, so that a subscription that is on its way finds that it is too late.
        if let Err(error) = self.crowd.connections.close(connection).await {
            self.unreachable(&error);
        }
        let rows = self.crowd.connections.of_connection(connection, now).await;
        let mut left = vec![];
        for row in rows.inspect_err(|error| self.unreachable(error)).unwrap_or_default() {
            match self.goes(&row).await {
                Ok(true) => left.push(row.address),
                Ok(false) => {}
                Err(error) => self.unreachable(&error),
            }
        }
        left
    }

    pub(crate) async fn take_away(&self, row: &Watching) {
        match self.goes(row).await {
            Ok(true) => self.announce(&row.address),
            Ok(false) => {}
            Err(error) => self.unreachable(&error),
        }
    }

    /// Rows that could not be read or written are found by whoever next sends to them.
    pub(crate) fn unreachable(&self, error: &StoreError) {
        tracing::warn!(error = error as &dyn std::error::Error, "the rows of connections are not available");
    }
}
