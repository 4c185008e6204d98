//! What DynamoDB says that each call consumed, added up.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Capacity units and calls since the store was made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Read units.
    pub reads: f64,
    /// Write units. DynamoDB charges a refused conditional write and does not say so: those are counted as calls alone.
    pub writes: f64,
    /// Calls by operation, refused and failed ones included; a call that the SDK sent several times is one.
    pub calls: BTreeMap<&'static str, u64>,
}

/// Which units an operation consumes: DynamoDB names a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Units {
    Read,
    Write,
}

/// Adds up.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Usage>);

impl Meter {
    pub(crate) fn usage(&self) -> Usage {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn called(&self, operation: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).calls.entry(operation).or_default() += 1;
    }

    pub(crate) fn consumed(&self, units: Units, capacity: &ConsumedCapacity) {
        let consumed = capacity.capacity_units().unwrap_or(0.0);
        let mut usage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match units {
            Units::Read => usage.reads += consumed,
            Units::Write => usage.writes += consumed,
        }
    }
}
