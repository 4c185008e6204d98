//! The built-in worker: delivers a command to another actor of the same tenant, at least once.
//!
//! The receiver deduplicates it like any other: what one commit opened shares an outbox, stamped with that commit's time.

use async_trait::async_trait;
use dormouse_core::{
    Address, Code, Hash, Principal, Stimulus, Viewer,
    agenda::SEND,
    outbox::{ACTOR_PREFIX, CommandId, OutboxId},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{Failed, Job, Worker};

pub(crate) struct Send;

#[derive(Deserialize)]
struct Request {
    actor: String,
    command: Box<RawValue>,
}

#[async_trait]
impl Worker for Send {
    fn kind(&self) -> &'static str {
        SEND
    }

    async fn perform(&self, job: Job) -> Result<Value, Failed> {
        let request: Request = serde_json::from_value(job.task.request.clone())
            .map_err(|error| Failed::for_good(format!("the request of a send does not decode: {error}")))?;
        let receiver = Address::in_tenant(&job.address.tenant, &request.actor)
            .map_err(|error| Failed::for_good(error.to_string()))?;
        let command = request.command.get().as_bytes().into();
        // Of the first attempt, too, nobody knows whether it is the only one: its lease may have ended.
        let stimulus =
            Stimulus::Command { by: sender(&job.address), id: Some(command_id(&job)), command, resent: true };
        match job.engine.call(&receiver, stimulus, false).await {
            Ok(accepted) => Ok(json!({ "position": accepted.position })),
            Err(failure) if failure.code.is_retryable() && failure.code != Code::Internal => {
                Err(Failed::again(failure.to_string()))
            }
            Err(failure) => Err(Failed::for_good(failure.to_string())),
        }
    }
}

/// The sender as the receiver's rules see it.
fn sender(address: &Address) -> Viewer {
    let principal = Principal { id: format!("{ACTOR_PREFIX}{}", address.actor()), name: address.id.to_string() };
    Viewer::new(principal, vec!["actor".to_owned()])
}

fn command_id(job: &Job) -> CommandId {
    let opened = &job.opened;
    let digest = Hash::of("dormouse/send/1", &[job.address.to_string().as_bytes(), &opened.seq.to_le_bytes()]);
    let unique = format!("{:016x}", digest.short());
    CommandId { outbox: OutboxId { stamp: opened.at.0, unique }, n: u64::from(opened.nth) + 1 }
}
