//! The seams in memory: for tests, and for a gateway within one process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Address, Name, Time,
    frame::As,
    limits::{GATEWAY_MESSAGE_BYTES_MAX, QUEUE_HIDES, QUEUE_RECEIVES_MAX},
};
use dormouse_journal::{ReadError, StoreError};
use serde_json::Value;

use crate::{
    connections::{Connected, Connections, Pushed, Watched, Watching},
    follower::{Follower, Told, Unread},
    queue::{Deferred, Queue},
    sender::{Info, SendError, Sender},
};

/// Rows in memory. Clones are the same rows.
#[derive(Debug, Clone, Default)]
pub struct MemoryConnections(Arc<Mutex<Rows>>);

#[derive(Debug, Default)]
struct Rows {
    tickets: BTreeMap<String, (String, Time)>,
    connected: BTreeMap<Arc<str>, Connected>,
    watching: BTreeMap<(Address, Arc<str>, As), Watching>,
    pushed: BTreeMap<Address, Pushed>,
}

impl MemoryConnections {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many rows there are: of tickets, of connections, and of those who watch.
    pub fn sizes(&self) -> [usize; 3] {
        let rows = self.rows();
        [rows.tickets.len(), rows.connected.len(), rows.watching.len()]
    }
}

#[async_trait]
impl Connections for MemoryConnections {
    async fn take_ticket(&self, ticket: &str, connection: &str, expires: Time) -> Result<bool, StoreError> {
        let mut rows = self.rows();
        let (holder, _) = rows.tickets.entry(ticket.to_owned()).or_insert_with(|| (connection.to_owned(), expires));
        Ok(holder == connection)
    }

    async fn open(&self, connected: Connected) -> Result<(), StoreError> {
        self.rows().connected.insert(connected.connection.clone(), connected);
        Ok(())
    }

    async fn connected(&self, connection: &str, now: Time) -> Result<Option<Connected>, StoreError> {
        Ok(self.rows().connected.get(connection).filter(|row| now < row.expires).cloned())
    }

    async fn of_principal(&self, tenant: &Name, principal: &str, now: Time) -> Result<Vec<Arc<str>>, StoreError> {
        let is_theirs = |row: &&Connected| {
            row.session.tenant == *tenant && row.session.viewer.principal.id == principal && now < row.expires
        };
        Ok(self.rows().connected.values().filter(is_theirs).map(|row| row.connection.clone()).collect())
    }

    async fn close(&self, connection: &str) -> Result<(), StoreError> {
        self.rows().connected.remove(connection);
        Ok(())
    }

    async fn watch(&self, watching: Watching) -> Result<(), StoreError> {
        let key = (watching.address.clone(), watching.connection.clone(), watching.of);
        let mut rows = self.rows();
        let since = rows.watching.get(&key).map_or(watching.since, |before| before.since);
        rows.watching.insert(key, Watching { since, ..watching });
        Ok(())
    }

    async fn unwatch(&self, address: &Address, connection: &str, of: As) -> Result<(), StoreError> {
        self.rows().watching.remove(&(address.clone(), connection.into(), of));
        Ok(())
    }

    async fn of_actor(&self, address: &Address, now: Time) -> Result<Watched, StoreError> {
        let is_one = |row: &&Watching| row.address == *address && now < row.expires;
        let rows = self.rows();
        let pushed = rows.pushed.get(address).filter(|pushed| now < pushed.expires).copied();
        Ok(Watched { rows: rows.watching.values().filter(is_one).cloned().collect(), pushed })
    }

    async fn mark_pushed(&self, address: &Address, pushed: Pushed, now: Time) -> Result<(), StoreError> {
        let mut rows = self.rows();
        let known = rows.pushed.get(address).copied();
        rows.pushed.insert(address.clone(), pushed.beside(known, now));
        Ok(())
    }

    async fn of_connection(&self, connection: &str, now: Time) -> Result<Vec<Watching>, StoreError> {
        let is_one = |row: &&Watching| *row.connection == *connection && now < row.expires;
        Ok(self.rows().watching.values().filter(is_one).cloned().collect())
    }
}

/// A gateway in memory. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct MemorySender(Arc<Mutex<Gateway>>);

#[derive(Debug, Default)]
struct Gateway {
    live: BTreeMap<String, Live>,
    unreachable: BTreeSet<String>,
    /// Messages that were to be sent, wherever they went.
    asked: usize,
}

#[derive(Debug, Default)]
struct Live {
    received: Vec<Bytes>,
}

impl MemorySender {
    fn gateway(&self) -> MutexGuard<'_, Gateway> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client connects.
    pub fn connect(&self, connection: &str) {
        self.gateway().live.insert(connection.to_owned(), Live::default());
    }

    /// The client is gone, and nobody has been told.
    pub fn vanish(&self, connection: &str) {
        self.gateway().live.remove(connection);
    }

    /// Whether nothing reaches this connection from now on, though it lives.
    pub fn set_unreachable(&self, connection: &str, unreachable: bool) {
        let mut gateway = self.gateway();
        if unreachable {
            gateway.unreachable.insert(connection.to_owned());
        } else {
            gateway.unreachable.remove(connection);
        }
    }

    /// What the client got since the last call.
    pub fn received(&self, connection: &str) -> Vec<Bytes> {
        self.gateway().live.get_mut(connection).map(|live| std::mem::take(&mut live.received)).unwrap_or_default()
    }

    /// Messages that were to be sent so far.
    pub fn asked(&self) -> usize {
        self.gateway().asked
    }
}

#[async_trait]
impl Sender for MemorySender {
    async fn send(&self, connection: &str, message: Bytes) -> Result<(), SendError> {
        let mut gateway = self.gateway();
        gateway.asked += 1;
        if gateway.unreachable.contains(connection) {
            return Err(SendError::Unavailable("it does not answer".into()));
        }
        let live = gateway.live.get_mut(connection).ok_or(SendError::Gone)?;
        if message.len() > GATEWAY_MESSAGE_BYTES_MAX {
            return Err(SendError::TooLarge);
        }
        live.received.push(message);
        Ok(())
    }

    async fn info(&self, connection: &str) -> Result<Option<Info>, SendError> {
        let info = || Info { connected: Time(0), last_active: Time(0), source: "127.0.0.1".to_owned() };
        Ok(self.gateway().live.contains_key(connection).then(info))
    }

    async fn disconnect(&self, connection: &str) -> Result<(), SendError> {
        self.gateway().live.remove(connection);
        Ok(())
    }
}

/// A queue in memory. Clones are the same one. Time is what its callers say.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue(Arc<Mutex<Messages>>);

#[derive(Debug, Default)]
struct Messages {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    buried: Vec<(Deferred, String)>,
}

#[derive(Debug)]
struct Waiting {
    what: Deferred,
    at: Time,
    received: u32,
}

/// What a queue hands out: hidden from others until it is done, or for [`QUEUE_HIDES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Names it to [`MemoryQueue::done`].
    pub id: u64,
    /// What is to be done.
    pub what: Deferred,
    /// How often it has been handed out, this time included.
    pub count: u32,
}

impl MemoryQueue {
    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to `limit` of those that are due, longest due first. One that was handed out too often is buried instead.
    pub fn receive(&self, now: Time, limit: usize) -> Vec<Received> {
        let mut messages = self.messages();
        let mut due: Vec<(Time, u64)> =
            messages.waiting.iter().filter(|(_, it)| it.at <= now).map(|(id, it)| (it.at, *id)).collect();
        due.sort_unstable();
        let received = due.into_iter().filter_map(|(_, id)| messages.hand_out(id, now));
        received.take(limit).collect()
    }

    /// It is done: nobody gets it again.
    pub fn done(&self, id: u64) {
        self.messages().waiting.remove(&id);
    }

    /// Everything that waits or is in somebody's hands, and when it may be handed out.
    pub fn waiting(&self) -> Vec<(Time, Deferred)> {
        self.messages().waiting.values().map(|it| (it.at, it.what.clone())).collect()
    }

    /// The dead letters, and why they are dead.
    pub fn buried(&self) -> Vec<(Deferred, String)> {
        self.messages().buried.clone()
    }
}

impl Messages {
    fn put(&mut self, what: Deferred, at: Time) {
        self.waiting.insert(self.next, Waiting { what, at, received: 0 });
        self.next += 1;
    }

    fn hand_out(&mut self, id: u64, now: Time) -> Option<Received> {
        let waiting = self.waiting.get_mut(&id)?;
        if waiting.received == QUEUE_RECEIVES_MAX {
            let Waiting { what, .. } = self.waiting.remove(&id)?;
            self.buried.push((what, format!("it was handed out {QUEUE_RECEIVES_MAX} times and not done")));
            return None;
        }
        waiting.received += 1;
        waiting.at = now.after(QUEUE_HIDES);
        Some(Received { id, what: waiting.what.clone(), count: waiting.received })
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn put(&self, what: &Deferred, at: Time) -> Result<(), StoreError> {
        self.messages().put(what.clone(), at);
        Ok(())
    }

    async fn bury(&self, what: &Deferred, why: &str) -> Result<(), StoreError> {
        self.messages().buried.push((what.clone(), why.to_owned()));
        Ok(())
    }

    async fn redrive(&self, limit: usize) -> Result<usize, StoreError> {
        let mut messages = self.messages();
        let count = limit.min(messages.buried.len());
        for (what, _) in messages.buried.drain(..count).collect::<Vec<_>>() {
            messages.put(what, Time(0));
        }
        Ok(count)
    }
}

/// The follower of a store in memory, whose index changes with each run: there is nothing to absorb. An image is a [`Told`] as JSON.
#[derive(Debug, Clone, Default)]
pub struct MemoryFollower(Arc<Mutex<Followed>>);

#[derive(Debug, Default)]
struct Followed {
    absorbed: Vec<Told>,
    damaged: BTreeSet<Address>,
    is_unavailable: bool,
}

impl MemoryFollower {
    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was absorbed since the last call.
    pub fn absorbed(&self) -> Vec<Told> {
        std::mem::take(&mut self.followed().absorbed)
    }

    /// Whether the images and the history of this actor do not read.
    pub fn set_damaged(&self, actor: &Address, damaged: bool) {
        let mut followed = self.followed();
        if damaged {
            followed.damaged.insert(actor.clone());
        } else {
            followed.damaged.remove(actor);
        }
    }

    /// Whether the index cannot be written.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.followed().is_unavailable = unavailable;
    }
}

impl Followed {
    fn check_available(&self) -> Result<(), StoreError> {
        if self.is_unavailable { Err(StoreError::Unavailable("it was said to be away".into())) } else { Ok(()) }
    }

    fn check_whole(&self, actor: &Address) -> Result<(), ReadError> {
        let damaged = || ReadError::Damaged(actor.clone(), "it was said to be damaged".to_owned());
        if self.damaged.contains(actor) { Err(damaged()) } else { Ok(()) }
    }
}

#[async_trait]
impl Follower for MemoryFollower {
    fn read(&self, image: &Value) -> Result<Told, Unread> {
        let actor = serde_json::from_value(image["actor"].clone()).ok();
        let of = actor.zip(image["after"].as_u64());
        serde_json::from_value(image.clone()).map_err(|error| Unread { of, why: error.to_string() })
    }

    async fn absorb(&self, images: &[&Value]) -> Result<BTreeMap<Address, ReadError>, StoreError> {
        let mut followed = self.followed();
        followed.check_available()?;
        let mut failed = BTreeMap::new();
        for told in images.iter().filter_map(|image| self.read(image).ok()) {
            match followed.check_whole(&told.actor) {
                Ok(()) => followed.absorbed.push(told),
                Err(error) => drop(failed.insert(told.actor, error)),
            }
        }
        Ok(failed)
    }

    async fn catch_up(&self, actor: &Address) -> Result<(), ReadError> {
        let followed = self.followed();
        followed.check_available()?;
        followed.check_whole(actor)
    }
}
