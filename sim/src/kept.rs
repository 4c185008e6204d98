//! Seeds that found a fault, kept with what they found; they are played with the planted bugs.
//!
//! A seed means another schedule when the workload changes: whoever changes it undoes the mend, looks for a seed that finds it again, and
//! keeps that one. Each fault has a script in `crates/engine/tests` as well, which stays.

use crate::Setup;

/// What must not come back, by the seed that found it.
const KEPT: [(&str, u64); 1] = [("who follows events is told that an older copy was restored", 33)];

/// All of them, by name.
pub fn kept() -> impl Iterator<Item = (&'static str, Setup)> {
    KEPT.iter().map(|(name, seed)| (*name, Setup::new(*seed)))
}
