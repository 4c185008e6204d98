//! The triggers of a schedule and of an operator: what was lost is found in the index, and dead letters are tried again.

use dormouse_core::{
    Address, Failure, Time,
    limits::{DUE_BATCH, PUSHES_AT_ONCE, SWEEP_TASK, SWEEP_TASK_MAX},
};
use dormouse_journal::{Attempt, Lease, StoreError};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    host::Host,
    messages::{may_pass, queue_unavailable},
    queue::Deferred,
    socket::unavailable,
};

impl Host {
    /// Wake whoever is overdue, and put tasks again that nobody has done for long. The answer says how many.
    pub(crate) async fn sweep(&self) -> Result<Value, Failure> {
        let woken = self.sweep_wakes().await.map_err(|error| unavailable(&error))?;
        let put = self.sweep_tasks().await?;
        Ok(json!({ "wakes": woken, "tasks": put }))
    }

    /// Put dead letters back; the answer says how many, and whether to ask again.
    pub(crate) async fn redrive(&self) -> Result<Value, Failure> {
        let redriven = self.queue.redrive(DUE_BATCH).await.map_err(queue_unavailable)?;
        Ok(json!({ "redriven": redriven, "more": redriven == DUE_BATCH }))
    }

    async fn sweep_wakes(&self) -> Result<usize, StoreError> {
        let index = self.api.engine.store().index;
        // Those that cannot be woken stay due for ever, and must not stand before the others.
        let stuck = self.stuck().clone();
        let due = index.due(self.now(), DUE_BATCH + stuck.len()).await?;
        let due: Vec<Address> = due.into_iter().map(|(_, address)| address).filter(|it| !stuck.contains(it)).collect();
        let waking: Vec<_> = due.iter().take(DUE_BATCH).map(|address| self.wake_or_skip(address)).collect();
        Ok(stream::iter(waking)
            .buffer_unordered(PUSHES_AT_ONCE)
            .filter(|woken| std::future::ready(*woken))
            .count()
            .await)
    }

    async fn wake_or_skip(&self, address: &Address) -> bool {
        match self.api.engine.waits(address).await {
            Ok(_) => true,
            Err(failure) => {
                tracing::warn!(%address, %failure, "an actor that is due cannot be woken");
                if !may_pass(&failure) {
                    self.stuck().insert(address.clone());
                }
                false
            }
        }
    }

    /// The lease of a task is held by nobody here but the sweep: it says when a task is looked at again.
    async fn sweep_tasks(&self) -> Result<usize, Failure> {
        let (index, now) = (self.api.engine.store().index, self.now());
        let kinds = self.api.engine.performs();
        let leases = index.lease(&kinds, now, now.after(SWEEP_TASK), DUE_BATCH).await;
        let leases = leases.map_err(|error| unavailable(&error))?;
        let mut put = 0;
        // The first look finds tasks whose messages are on their way.
        for lease in leases.iter().filter(|lease| lease.attempt > 1) {
            let (actor, opened) = (lease.address.clone(), lease.task.clone());
            self.queue.put(&Deferred::Task { actor, opened, attempt: 1 }, now).await.map_err(queue_unavailable)?;
            index.release(lease, look_again(now, lease), Attempt::Made).await.map_err(|error| unavailable(&error))?;
            put += 1;
        }
        Ok(put)
    }
}

fn look_again(now: Time, lease: &Lease) -> Time {
    let doublings = lease.attempt.saturating_sub(1).min(16);
    now.after((SWEEP_TASK * (1 << doublings)).min(SWEEP_TASK_MAX))
}
