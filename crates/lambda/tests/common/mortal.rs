//! Environments that die at a step.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{Address, Name, Time, frame::As, position::Head};
use dormouse_journal::{AppendError, Entry, Journal, MemoryStore, ReadError, Run, StoreError, StoredSnapshot};
use dormouse_lambda::{
    Connected, Connections, Deferred, Info, MemoryConnections, MemoryQueue, MemorySender, Pushed, Queue, SendError,
    Sender, Watched, Watching,
};
use serde_json::Value;

use super::Cloud;

/// Counts what a mortal environment asks of the outside, and lets it die at one of those steps.
#[derive(Clone)]
pub struct Fuse(Arc<(AtomicUsize, tokio::sync::Notify)>);

impl Fuse {
    pub fn after(steps: usize) -> Self {
        Self(Arc::new((AtomicUsize::new(steps), tokio::sync::Notify::new())))
    }

    /// Resolves unless this is the step.
    pub async fn burn(&self) {
        let left = self.0.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_err() {
            self.0.1.notify_one();
            std::future::pending().await
        }
    }

    pub async fn burnt(&self) {
        self.0.1.notified().await;
    }
}

/// A seam that an environment reaches for as long as it lives.
pub struct Mortal<T>(pub T, pub Fuse);

macro_rules! mortal {
    ($seam:ident for $inner:ty { $($own:tt)* } $($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)+) => {
        #[async_trait]
        impl $seam for Mortal<$inner> {
            $($own)*
            $(async fn $name(&self, $($arg: $type),*) -> $out {
                self.1.burn().await;
                let answer = self.0.$name($($arg),*).await;
                self.1.burn().await;
                answer
            })+
        }
    };
}

mortal! {
    Connections for MemoryConnections {}
    take_ticket(ticket: &str, connection: &str, expires: Time) -> Result<bool, StoreError>;
    open(connected: Connected) -> Result<(), StoreError>;
    connected(connection: &str, now: Time) -> Result<Option<Connected>, StoreError>;
    of_principal(tenant: &Name, principal: &str, now: Time) -> Result<Vec<Arc<str>>, StoreError>;
    close(connection: &str) -> Result<(), StoreError>;
    watch(watching: Watching) -> Result<(), StoreError>;
    unwatch(address: &Address, connection: &str, of: As) -> Result<(), StoreError>;
    of_actor(address: &Address, now: Time) -> Result<Watched, StoreError>;
    mark_pushed(address: &Address, pushed: Pushed, now: Time) -> Result<(), StoreError>;
    of_connection(connection: &str, now: Time) -> Result<Vec<Watching>, StoreError>;
}

mortal! {
    Sender for MemorySender {}
    send(connection: &str, message: Bytes) -> Result<(), SendError>;
    info(connection: &str) -> Result<Option<Info>, SendError>;
    disconnect(connection: &str) -> Result<(), SendError>;
}

mortal! {
    Journal for MemoryStore {
        fn is_shared(&self) -> bool {
            true
        }
    }
    append(run: Run) -> Result<(), AppendError>;
    head(address: &Address) -> Result<Option<Head>, ReadError>;
    read(address: &Address, after: u64, limit: usize) -> Result<Vec<Entry>, ReadError>;
    snapshot(address: &Address) -> Result<Option<StoredSnapshot>, ReadError>;
    put_snapshot(address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError>;
    fence(address: &Address, epoch: u32) -> Result<(), ReadError>;
    delete(address: &Address) -> Result<(), StoreError>;
}

mortal! {
    Queue for MemoryQueue {}
    put(what: &Deferred, at: Time) -> Result<(), StoreError>;
    bury(what: &Deferred, why: &str) -> Result<(), StoreError>;
    redrive(limit: usize) -> Result<usize, StoreError>;
}

/// Give one event to a cold environment that dies after so many steps, with all its tasks; the answer if it lived to give one.
pub fn give(cloud: &Cloud, event: &Value, steps: usize) -> Option<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(live(cloud, event, steps))
}

/// The same, on the runtime of the caller.
pub async fn live(cloud: &Cloud, event: &Value, steps: usize) -> Option<Value> {
    let fuse = Fuse::after(steps);
    let host = cloud.made_of(
        Arc::new(Mortal(cloud.store.clone(), fuse.clone())),
        Arc::new(Mortal(cloud.rows.clone(), fuse.clone())),
        Arc::new(Mortal(cloud.gateway.clone(), fuse.clone())),
        Arc::new(Mortal(cloud.queue.clone(), fuse.clone())),
    );
    tokio::select! {
        answer = host.handle(event.clone()) => Some(answer.unwrap()),
        () = fuse.burnt() => None,
    }
}
