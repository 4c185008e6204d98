//! Who watches, as hosts of invocations find it: rows that they share, and that a test can hold back.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use dormouse_core::{Address, Position, Viewer, frame::As};
use dormouse_engine::{
    audience::{Audience, Moved, Onlooker},
    outlet::{ConnectionId, Outlet},
};
use dormouse_journal::StoreError;

type Key = (Address, ConnectionId, As);

/// Clones are the same rows.
#[derive(Clone, Default)]
pub struct Rows(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    rows: BTreeMap<Key, (Viewer, Arc<dyn Outlet>)>,
    is_unavailable: bool,
    /// From where.
    moved: BTreeMap<Address, Position>,
}

impl Rows {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn put(&self, address: &Address, of: As, viewer: &Viewer, outlet: &Arc<dyn Outlet>) {
        let key = (address.clone(), outlet.id(), of);
        self.table().rows.insert(key, (viewer.clone(), outlet.clone()));
    }

    pub fn delete(&self, address: &Address, of: As, outlet: &Arc<dyn Outlet>) {
        self.table().rows.remove(&(address.clone(), outlet.id(), of));
    }

    pub fn set_unavailable(&self, unavailable: bool) {
        self.table().is_unavailable = unavailable;
    }

    /// What moved since the last call, and from where.
    pub fn moved(&self) -> BTreeMap<Address, Position> {
        std::mem::take(&mut self.table().moved)
    }

    /// Those who follow the events of this actor.
    pub fn followers(&self, address: &Address) -> Vec<(Viewer, Arc<dyn Outlet>)> {
        let table = self.table();
        let follow = |((of_whom, _, of), row): (&Key, &(Viewer, Arc<dyn Outlet>))| {
            (of_whom == address && *of == As::Events).then(|| row.clone())
        };
        table.rows.iter().filter_map(follow).collect()
    }
}

#[async_trait]
impl Audience for Rows {
    async fn of(&self, address: &Address) -> Result<Vec<Onlooker>, StoreError> {
        let table = self.table();
        if table.is_unavailable {
            return Err(StoreError::Unavailable("the rows cannot be read".into()));
        }
        let of_this = table.rows.iter().filter(|((of_whom, ..), _)| of_whom == address);
        let onlooker = |((_, _, of), (viewer, outlet)): (&Key, &(Viewer, Arc<dyn Outlet>))| Onlooker {
            viewer: viewer.clone(),
            of: *of,
            outlet: outlet.clone(),
        };
        Ok(of_this.map(onlooker).collect())
    }

    fn moved(&self, moved: Moved) {
        self.table().moved.entry(moved.address).or_insert(moved.after);
    }
}
