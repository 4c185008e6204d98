//! The loop of an environment: Lambda gives an event, and gets its answer when all that it caused has left.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

use crate::host::Host;

/// Take events from the Runtime API that `AWS_LAMBDA_RUNTIME_API` names, one after the other, until the environment ends.
///
/// # Errors
/// If the Runtime API cannot be spoken to.
pub async fn run(host: Host) -> Result<(), Error> {
    let host = Arc::new(host);
    let serve = |event: LambdaEvent<Value>| {
        let host = host.clone();
        async move { host.handle(event.payload).await.map_err(Error::from) }
    };
    lambda_runtime::run(service_fn(serve)).await
}
