//! Who watches, as the engine asks it: rows, and the lines to their connections.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use dormouse_core::{Address, Position, Time, record::Opened};
use dormouse_engine::{
    audience::{Audience, Moved, NextWake, Onlooker},
    outlet::Outlet,
    world::World,
};
use dormouse_journal::StoreError;

use crate::{
    connections::{Connections, Watching},
    lines::{Lines, Out},
};

pub(crate) struct Crowd {
    pub(crate) connections: Arc<dyn Connections>,
    pub(crate) lines: Lines,
    world: Arc<dyn World>,
    news: Mutex<News>,
}

#[derive(Default)]
struct News {
    /// What moved since somebody last asked.
    moved: BTreeMap<Address, Movement>,
    /// Those whose rows were read since then, and have not moved.
    asked: BTreeMap<Address, Option<Vec<Watching>>>,
    /// The actors that are kept here.
    kept: BTreeMap<Address, Kept>,
}

/// Where an actor moved, and what it asks for.
pub(crate) struct Movement {
    pub(crate) after: Position,
    pub(crate) now: Position,
    /// Its next wake, if that changed and nobody keeps the actor here.
    pub(crate) wake: Option<Option<NextWake>>,
    pub(crate) opened: Vec<Opened>,
    /// Who watched after the newest of its commits, if that could be read.
    pub(crate) rows: Option<Vec<Watching>>,
}

/// An actor that is kept here.
struct Kept {
    /// The wakes that nobody else has a message of.
    dues: BTreeSet<Time>,
    /// What the newest commit here that changed it made it, and that commit.
    newest: Option<(u64, NextWake)>,
}

impl Crowd {
    pub(crate) fn new(connections: Arc<dyn Connections>, world: Arc<dyn World>) -> Self {
        Self { connections, lines: Lines::default(), world, news: Mutex::default() }
    }

    /// The rows of this actor.
    pub(crate) async fn rows(&self, address: &Address) -> Result<Vec<Watching>, StoreError> {
        Ok(self.connections.of_actor(address, self.world.now()).await?.rows)
    }

    /// The way out to whoever has this row.
    pub(crate) fn outlet(&self, row: &Watching) -> Arc<dyn Outlet> {
        Arc::new(Out(self.lines.to(&row.connection, &row.address.tenant)))
    }

    /// What moved since the last call.
    pub(crate) fn moved(&self) -> BTreeMap<Address, Movement> {
        std::mem::take(&mut self.news().moved)
    }

    /// Everything has settled: rows that were read for a commit belong to none.
    pub(crate) fn forget_asked(&self) {
        self.news().asked.clear();
    }

    /// Keep this actor for this wake; whether nobody here did.
    pub(crate) fn keep(&self, address: &Address, due: Time) -> bool {
        let mut news = self.news();
        let is_new = !news.kept.contains_key(address);
        let kept = news.kept.entry(address.clone()).or_insert(Kept { dues: BTreeSet::new(), newest: None });
        kept.dues.insert(due);
        is_new
    }

    /// Whether the message of this wake is in the hands of the keeper here.
    pub(crate) fn keeps(&self, address: &Address, due: Time) -> bool {
        self.news().kept.get(address).is_some_and(|kept| kept.dues.contains(&due))
    }

    /// Keep it no longer. A wake that was set here after the commit which the keeper saw last has no message, and is returned.
    pub(crate) fn cease_to_keep(&self, address: &Address, seen: u64) -> Option<NextWake> {
        let (seq, wake) = self.news().kept.remove(address)?.newest?;
        (seq > seen).then_some(wake)
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl News {
    /// A wake that the keeper here hears of needs no message.
    fn keep_to_oneself(&mut self, moved: &mut Moved) {
        if let Some(wake) = moved.wake
            && let Some(kept) = self.kept.get_mut(&moved.address)
        {
            kept.newest = wake.map(|wake| (moved.now.seq, wake));
            kept.dues.extend(wake.map(|wake| wake.due));
            moved.wake = None;
        }
    }
}

#[async_trait]
impl Audience for Crowd {
    async fn of(&self, address: &Address) -> Result<Vec<Onlooker>, StoreError> {
        let rows = self.rows(address).await;
        self.news().asked.insert(address.clone(), rows.as_ref().ok().cloned());
        let onlooker = |row: Watching| Onlooker { outlet: self.outlet(&row), viewer: row.viewer, of: row.of };
        Ok(rows?.into_iter().map(onlooker).collect())
    }

    fn moved(&self, mut moved: Moved) {
        let mut news = self.news();
        news.keep_to_oneself(&mut moved);
        let Moved { address, after, now, wake, opened } = moved;
        // An owner asks who watches when its commit is durable, and says then that it moved.
        let rows = news.asked.remove(&address).flatten();
        match news.moved.entry(address) {
            Entry::Vacant(entry) => drop(entry.insert(Movement { after, now, wake, opened, rows })),
            Entry::Occupied(entry) => {
                let movement = entry.into_mut();
                movement.opened.extend(opened);
                (movement.now, movement.rows) = (now, rows);
                movement.wake = wake.or(movement.wake);
            }
        }
    }
}
