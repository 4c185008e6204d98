//! What commits ask for and nobody here would do between two events: it goes into the queue.

use std::collections::BTreeMap;

use dormouse_core::{
    Address, Time,
    limits::{KEEPER_NEAR, PUSHED_MARK, PUSHES_AT_ONCE},
    record::Opened,
};
use dormouse_engine::audience::NextWake;
use dormouse_journal::StoreError;
use futures_util::{StreamExt, stream};

use crate::{connections::Pushed, crowd::Movement, host::Host, queue::Deferred};

impl Host {
    /// Put what these commits ask for, and mark what was pushed. Whatever fails here the stream finds, above the mark.
    pub(crate) async fn defer(&self, moved: &BTreeMap<Address, Movement>) {
        let deferring: Vec<_> = moved.iter().map(|(address, movement)| self.defer_for(address, movement)).collect();
        stream::iter(deferring).buffer_unordered(PUSHES_AT_ONCE).collect::<()>().await;
    }

    async fn defer_for(&self, address: &Address, movement: &Movement) {
        if let Err(error) = self.try_to_defer(address, movement).await {
            tracing::warn!(%address, error = &error as &dyn std::error::Error, "what a commit asks for is put by the stream");
        }
    }

    async fn try_to_defer(&self, address: &Address, movement: &Movement) -> Result<(), StoreError> {
        let Movement { after, now, wake, opened, rows } = movement;
        let wake = wake.flatten();
        if let Some(wake) = wake {
            self.put_wake(address, wake).await?;
        }
        let tasks = self.put_tasks(address, opened).await?;
        // Those who watch could not be asked for: nobody knows whom the commit has not reached.
        let Some(rows) = rows else { return Ok(()) };
        if wake.is_none() && tasks == 0 && rows.is_empty() {
            return Ok(());
        }
        let time = self.now();
        let pushed = Pushed { epoch: now.epoch, after: after.seq, upto: now.seq, expires: time.after(PUSHED_MARK) };
        self.crowd.connections.mark_pushed(address, pushed, time).await
    }

    /// One that is near goes at once: whoever gets it waits for it.
    pub(crate) async fn put_wake(&self, address: &Address, wake: NextWake) -> Result<(), StoreError> {
        let now = self.now();
        let at = if wake.at.since(now) < KEEPER_NEAR { now } else { wake.at };
        self.queue.put(&Deferred::Wake { actor: address.clone(), due: wake.due }, at).await
    }

    /// The first attempt of those that this host performs; how many those are.
    pub(crate) async fn put_tasks(&self, address: &Address, opened: &[Opened]) -> Result<usize, StoreError> {
        let (performs, now) = (self.api.engine.performs(), self.now());
        let mut put = 0;
        for opened in opened.iter().filter(|opened| performs.contains(&&*opened.kind)) {
            let task = Deferred::Task { actor: address.clone(), opened: opened.clone(), attempt: 1 };
            self.queue.put(&task, now).await?;
            put += 1;
        }
        Ok(put)
    }

    pub(crate) fn now(&self) -> Time {
        self.api.engine.world().now()
    }
}
