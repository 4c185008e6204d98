//! Seeds that found a fault, kept with what they found; every run begins with them.
//!
//! A seed means another schedule when the workload changes, so each fault has a script in `crates/engine/tests` as well, which does not.

use std::time::Duration;

use crate::Setup;

/// Name, seed, how long things go wrong, and what does not.
const KEPT: [(&str, u64, u64, &[&str]); 0] = [];

/// All of them, by name.
pub fn kept() -> impl Iterator<Item = (&'static str, Setup)> {
    KEPT.iter().map(|(name, seed, rough_ms, without)| {
        let without = without.iter().map(|kind| (*kind).to_owned()).collect();
        (*name, Setup { rough: Duration::from_millis(*rough_ms), without, ..Setup::new(*seed) })
    })
}
