//! What a run would have been charged for.

use std::collections::BTreeMap;

use dormouse_localcloud::{Call, Calls, FunctionUsage};
use serde::Serialize;

/// Of the memory that `dev` gives a function, in GB. Lambda charges it for as long as an invocation takes.
const MEMORY_GB: f64 = 0.5;

#[derive(Debug, Serialize)]
pub(super) struct Usage {
    invocations: u64,
    cold_starts: u64,
    /// Of one cold start, from the start of its process until it asked for work.
    init_ms: f64,
    gb_seconds: f64,
    /// On WebSockets, either way, in pieces of 32 KB.
    messages: u64,
    /// To the HTTP API.
    requests: u64,
    read_units: f64,
    write_units: f64,
    calls: BTreeMap<String, u64>,
}

impl Usage {
    pub(super) fn of(function: FunctionUsage, (messages, requests): (u64, u64), calls: Calls) -> Self {
        let sum = |units: fn(&Call) -> f64| calls.values().map(units).sum();
        Self {
            invocations: function.invocations,
            cold_starts: function.cold_starts,
            init_ms: function.init.as_secs_f64() * 1_000.0 / (function.cold_starts.max(1) as f64),
            gb_seconds: function.busy.as_secs_f64() * MEMORY_GB,
            messages,
            requests,
            read_units: sum(|call| call.read_units),
            write_units: sum(|call| call.write_units),
            calls: calls.into_iter().map(|(name, call)| (name, call.count)).collect(),
        }
    }
}
