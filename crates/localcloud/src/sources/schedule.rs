//! An event at a rate, as EventBridge Scheduler sends it.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::Asking;
use crate::{clock::Clock, function::Function};

/// Invokes a function again and again. Dropping it ends that.
pub struct Schedule {
    _asking: Asking,
}

impl Schedule {
    /// Invoke the function with this input each time that so much has passed on this clock, for the first time after it.
    pub fn every(rate: Duration, input: Value, function: Function, clock: Clock) -> Self {
        let event = Bytes::from(input.to_string());
        let run = async move {
            loop {
                clock.sleep(rate).await;
                if let Err(error) = function.invoke(event.clone()).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "what was scheduled failed");
                }
            }
        };
        Self { _asking: Asking(tokio::spawn(run)) }
    }
}
