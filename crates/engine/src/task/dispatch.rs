//! Leases open tasks and has them performed, a bounded number at once.

use std::{sync::Arc, time::Duration};

use dormouse_core::limits;
use dormouse_journal::{Attempt, Lease};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Next, Try, lease_until};
use crate::{engine::Engine, shared::Attempting};

/// How often leases that ended are looked for when nobody says that a task was opened.
const ROUND: Duration = Duration::from_secs(1);

pub(crate) async fn run(engine: Engine) {
    let places = Arc::new(Semaphore::new(limits::TASKS_AT_ONCE));
    while !engine.shared.is_draining() && !engine.shared.is_dead() {
        let more = lease_some(&engine, &places).await;
        if more {
            continue;
        }
        tokio::select! {
            biased;
            () = engine.shared.tasks_opened.notified() => {}
            () = tokio::time::sleep(ROUND) => {}
            () = engine.shared.drained() => {}
            () = engine.shared.died() => {}
        }
    }
}

/// Whether there may be more to lease at once.
async fn lease_some(engine: &Engine, places: &Arc<Semaphore>) -> bool {
    // At least one place must be free, or there is nothing to lease for.
    let Some(first) = a_place(engine, places).await else { return false };
    let mut permits = vec![first];
    while let Ok(permit) = places.clone().try_acquire_owned() {
        permits.push(permit);
    }
    let leasing = engine.shared.attempting();
    let now = engine.shared.world.now();
    let until = lease_until(now, limits::TASK_DEADLINE);
    let kinds = engine.shared.workers.kinds();
    let leases = match engine.shared.index.lease(&kinds, now, until, permits.len()).await {
        Ok(leases) => leases,
        Err(error) => {
            engine.shared.note_store_error(&error);
            return false;
        }
    };
    let full = leases.len() == permits.len();
    for (lease, permit) in leases.into_iter().zip(permits) {
        tokio::spawn(attempt(engine.clone(), lease, (permit, engine.shared.attempting())));
    }
    drop(leasing);
    full
}

/// One of the places, unless the host leaves before one is free.
async fn a_place(engine: &Engine, places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        place = places.clone().acquire_owned() => place.ok(),
        () = engine.shared.drained() => None,
        () = engine.shared.died() => None,
    }
}

async fn attempt(engine: Engine, lease: Lease, _place: (OwnedSemaphorePermit, Attempting)) {
    let it = Try { address: lease.address.clone(), opened: lease.task.clone(), attempt: lease.attempt };
    let next = match it.ask(&engine).await {
        Ok(task) => {
            if task.deadline > limits::TASK_DEADLINE {
                // The lease was taken before anybody knew how long this task may take.
                release(&engine, &lease, task.deadline + limits::TASK_LEASE_GRACE, Attempt::Made).await;
            }
            it.make(&engine, task).await
        }
        Err(next) => next,
    };
    match next {
        Next::Over => {}
        Next::Again { after, .. } => release(&engine, &lease, after, Attempt::Made).await,
        Next::Unasked(failure) => {
            let pause = failure.retry_after.map_or(limits::TASK_UNASKED, Duration::from_millis);
            release(&engine, &lease, pause, Attempt::NotMade).await;
        }
    }
}

async fn release(engine: &Engine, lease: &Lease, pause: Duration, attempt: Attempt) {
    let retry_at = engine.shared.world.now().after(pause);
    if let Err(error) = engine.shared.index.release(lease, retry_at, attempt).await {
        engine.shared.note_store_error(&error);
    }
}
