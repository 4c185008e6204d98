//! Lists: one page of them for whoever asks, and those that somebody watches.
//!
//! A watched list is read when an owner says that a commit changed a summary which is or was on it, and every few seconds beside that, for what
//! other hosts wrote. Those who watch it are told the difference. Nothing is read for a kind whose lists nobody watches.
//! Absent: any history of a list. Who comes back with another etag than today's gets the whole of it.

mod rows;
mod table;

use std::sync::Arc;

use dormouse_core::{
    Code, Failure, Name, Viewer,
    frame::list::List,
    limits::{LIST_ROWS, PAGE_MAX},
};
use dormouse_journal::{Filter, Page, StoreError};
use tokio::time::Instant;

use crate::{
    engine::Engine,
    outlet::{ConnectionId, Outlet},
    shared::Shared,
};
#[cfg(feature = "http")]
pub(crate) use rows::rows;
pub(crate) use table::Lists;
use table::{Key, KindOf, OfKind, Turn, Watcher};

impl Engine {
    /// One page of a list, as this viewer may see it.
    ///
    /// # Errors
    /// [`Code::NotFound`] for an unknown kind, [`Code::Unavailable`].
    #[cfg_attr(not(feature = "http"), expect(dead_code, reason = "only HTTP reads a list once"))]
    pub(crate) async fn list(
        &self,
        tenant: &Name,
        viewer: &Viewer,
        list: &List,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Failure> {
        self.kind(&list.kind)?;
        let filter = Key::of(list, viewer).filter(&kind_of(tenant, list));
        let page = self.shared.index.list(&filter, after, limit.clamp(1, PAGE_MAX)).await;
        page.map_err(|error| unreadable(&self.shared, &error))
    }

    /// Tell this connection of the first rows of a list from now on. `etag` names the view of it that the viewer holds.
    ///
    /// # Errors
    /// [`Code::NotFound`] for an unknown kind, [`Code::Draining`], [`Code::Unavailable`].
    pub fn watch_list(
        &self,
        tenant: &Name,
        viewer: &Viewer,
        list: &List,
        etag: Option<String>,
        outlet: &Arc<dyn Outlet>,
    ) -> Result<(), Failure> {
        self.kind(&list.kind)?;
        if self.shared.is_dead() {
            return Err(Failure::from(Code::Unavailable).retry_after(1_000));
        }
        if self.is_draining() {
            return Err(Failure::from(Code::Draining).retry_after(1_000));
        }
        let of = kind_of(tenant, list);
        let watcher = Watcher::new(outlet.clone(), etag);
        if let Some(lists) = self.shared.lists.watch(&of, Key::of(list, viewer), list, watcher) {
            tokio::spawn(keep(self.shared.clone(), of, lists));
        }
        Ok(())
    }

    /// Tell this connection nothing more of the list.
    pub fn unwatch_list(&self, tenant: &Name, viewer: &Viewer, list: &List, connection: ConnectionId) {
        self.shared.lists.unwatch(&kind_of(tenant, list), &Key::of(list, viewer), connection);
    }
}

fn kind_of(tenant: &Name, list: &List) -> KindOf {
    (tenant.clone(), list.kind.clone())
}

impl Key {
    fn of(list: &List, viewer: &Viewer) -> Self {
        Self { status: list.status.clone(), member: list.mine.then(|| viewer.principal.id.clone()) }
    }

    fn filter(&self, (tenant, kind): &KindOf) -> Filter {
        Filter {
            tenant: Some(tenant.clone()),
            kind: Some(kind.clone()),
            status: self.status.clone(),
            member: self.member.clone(),
            private: false,
            unlisted: false,
            retired: false,
        }
    }
}

/// Read the watched lists of one kind, one after the other, until nobody watches them.
async fn keep(shared: Arc<Shared>, of: KindOf, lists: Arc<OfKind>) {
    while !shared.is_draining() && !shared.is_dead() {
        match lists.turn(Instant::now()) {
            Turn::Read(key) => read(&shared, &of, &lists, &key).await,
            Turn::Wait(until) => tokio::select! {
                biased;
                () = lists.stirred() => {}
                () = tokio::time::sleep_until(until) => {}
                () = shared.drained() => {}
                () = shared.died() => {}
            },
            Turn::Over if shared.lists.end(&of) => return,
            Turn::Over => {}
        }
    }
}

async fn read(shared: &Shared, of: &KindOf, lists: &OfKind, key: &Key) {
    let since = Instant::now();
    match shared.index.list(&key.filter(of), None, LIST_ROWS).await {
        Ok(page) => {
            let told = lists.show(key, &rows::view(shared, &page), rows::ids(&page), since);
            shared.meters.deliveries.increment(told);
        }
        Err(error) => lists.unread(key, &unreadable(shared, &error), since),
    }
}

fn unreadable(shared: &Shared, error: &StoreError) -> Failure {
    shared.note_store_error(error);
    Failure::from(Code::Unavailable).retry_after(1_000)
}
