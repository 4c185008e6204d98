//! Who watches, as the engine asks it: rows, and the lines to their connections.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use dormouse_core::{Address, Position};
use dormouse_engine::{
    audience::{Audience, Onlooker},
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
    /// From where each actor moved since somebody last asked.
    moved: Mutex<BTreeMap<Address, Position>>,
}

impl Crowd {
    pub(crate) fn new(connections: Arc<dyn Connections>, world: Arc<dyn World>) -> Self {
        Self { connections, lines: Lines::default(), world, moved: Mutex::default() }
    }

    /// The rows of this actor.
    pub(crate) async fn rows(&self, address: &Address) -> Result<Vec<Watching>, StoreError> {
        Ok(self.connections.of_actor(address, self.world.now()).await?.rows)
    }

    /// The way out to whoever has this row.
    pub(crate) fn outlet(&self, row: &Watching) -> Arc<dyn Outlet> {
        Arc::new(Out(self.lines.to(&row.connection, &row.address.tenant)))
    }

    /// What moved since the last call, and from where.
    pub(crate) fn moved_from(&self) -> BTreeMap<Address, Position> {
        std::mem::take(&mut self.moved())
    }

    fn moved(&self) -> MutexGuard<'_, BTreeMap<Address, Position>> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Audience for Crowd {
    async fn of(&self, address: &Address) -> Result<Vec<Onlooker>, StoreError> {
        let onlooker = |row: Watching| Onlooker { outlet: self.outlet(&row), viewer: row.viewer, of: row.of };
        Ok(self.rows(address).await?.into_iter().map(onlooker).collect())
    }

    fn moved(&self, address: &Address, after: Position, _: Position) {
        self.moved().entry(address.clone()).or_insert(after);
    }
}
