//! Leases open tasks and has them performed, a bounded number at once.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use dormouse_core::{
    Code, Failure, Outcome, Stimulus, Task, limits,
    planted::{Bug, planted},
};
use dormouse_journal::{Attempt, Lease};
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{Failed, Job, backoff, label, lease_until};
use crate::{engine::Engine, metrics, owner::Message, shared::Attempting};

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
    let task = match request(&engine, &lease).await {
        Ok(task) => task,
        Err(failure) if failure.code == Code::Stale => return,
        Err(failure) => {
            tracing::warn!(task = label(&lease.address, &lease.task.key, lease.task.seq), %failure, "a task cannot be asked for");
            let pause = failure.retry_after.map_or(limits::TASK_UNASKED, Duration::from_millis);
            return release(&engine, &lease, pause, Attempt::NotMade).await;
        }
    };
    let kind = task.kind.clone();
    let attempts = if planted(Bug::EndlessAttempts) { u32::MAX } else { task.attempts };
    let deadline = task.deadline;
    if lease.attempt > attempts {
        // The attempts before ended with their host, or were to be reported from elsewhere.
        metrics::task(&kind, "failed");
        let reason = "every attempt ended without a report".to_owned();
        return report(&engine, &lease, Outcome::Failed { reason }).await;
    }
    match perform(&engine, &lease, task, deadline).await {
        Ok(value) => {
            metrics::task(&kind, "done");
            report(&engine, &lease, Outcome::Done { value }).await;
        }
        Err(Failed { elsewhere: true, after, .. }) => {
            metrics::task(&kind, "elsewhere");
            release(&engine, &lease, after.unwrap_or_default(), Attempt::Made).await;
        }
        Err(failed) if failed.retry && lease.attempt < attempts => {
            metrics::task(&kind, "again");
            tracing::info!(
                task = label(&lease.address, &lease.task.key, lease.task.seq),
                attempt = lease.attempt,
                reason = failed.reason,
                "a task will be tried again"
            );
            let pause = backoff(lease.attempt + 1).max(failed.after.unwrap_or_default());
            release(&engine, &lease, pause, Attempt::Made).await;
        }
        Err(failed) => {
            metrics::task(&kind, "failed");
            report(&engine, &lease, Outcome::Failed { reason: failed.reason }).await;
        }
    }
}

async fn request(engine: &Engine, lease: &Lease) -> Result<Task, Failure> {
    let (reply, answer) = oneshot::channel();
    let (key, opened) = (lease.task.key.clone(), lease.task.seq);
    engine.post(&lease.address, Message::Request { key, opened, reply })?;
    let (task, _) = answer.await.map_err(|_| Failure::from(Code::Unavailable))??;
    Ok(task)
}

async fn perform(engine: &Engine, lease: &Lease, task: Task, deadline: Duration) -> Result<serde_json::Value, Failed> {
    let Some(worker) = engine.shared.workers.of(&task.kind).cloned() else {
        // The instance was leased by the kind that the agenda lists, for which there is one.
        return Err(Failed::for_good(format!("the agenda lists {} and the task is {}", lease.task.kind, task.kind)));
    };
    if deadline > limits::TASK_DEADLINE {
        // The lease was taken before anybody knew how long this task may take.
        release(engine, lease, deadline + limits::TASK_LEASE_GRACE, Attempt::Made).await;
    }
    let job = Job {
        address: lease.address.clone(),
        opened: lease.task.clone(),
        task,
        attempt: lease.attempt,
        engine: engine.clone(),
    };
    let attempt = AssertUnwindSafe(worker.perform(job)).catch_unwind();
    match tokio::time::timeout(deadline, attempt).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(Failed::again("the worker panicked")),
        Err(_) => Err(Failed::again("the deadline passed")),
    }
}

/// Report until the actor has taken it or it is stale: the answer of a model may have cost money.
async fn report(engine: &Engine, lease: &Lease, outcome: Outcome) {
    for next in 2.. {
        let stimulus =
            Stimulus::Report { key: lease.task.key.clone(), opened: lease.task.seq, outcome: outcome.clone() };
        match engine.call(&lease.address, stimulus, false).await {
            Ok(_) => return,
            Err(failure) if failure.code.is_retryable() && next <= limits::TASK_ATTEMPTS && !engine.is_draining() => {
                tokio::time::sleep(backoff(next)).await;
            }
            Err(failure) if failure.code == Code::Stale => {
                metrics::task(&lease.task.kind, "stale");
                return;
            }
            Err(failure) => {
                let task = label(&lease.address, &lease.task.key, lease.task.seq);
                tracing::warn!(task, %failure, "a report was not taken; the task will be performed again");
                return release(engine, lease, backoff(lease.attempt + 1), Attempt::Made).await;
            }
        }
    }
}

async fn release(engine: &Engine, lease: &Lease, pause: Duration, attempt: Attempt) {
    let retry_at = engine.shared.world.now().after(pause);
    if let Err(error) = engine.shared.index.release(lease, retry_at, attempt).await {
        engine.shared.note_store_error(&error);
    }
}
