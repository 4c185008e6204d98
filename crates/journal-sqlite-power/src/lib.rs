//! The embedded journal under power loss: the real SQLite, and the real store, over a disk that forgets.
//!
//! [`live`] lives the life of one disk, with cuts, deaths and faults, and compares what the store holds with what it acknowledged. [`Image`]
//! flips single bits of a file that is closed. All of it comes from a seed, down to which calls share a transaction.
//! Absent: the system's own file system, flips in a WAL (SQLite ends it at the first frame whose sum is wrong), two processes at once.

mod disk;
mod flips;
mod life;
mod look;
mod model;
mod notes;
pub mod planted;
#[cfg(test)]
mod regressions;
mod rng;
mod run;
mod seen;
mod tally;
mod vfs;

pub use disk::{Device, Flaw, Losses};
pub use flips::{FlipTally, Image};
pub use life::{CUT_SPAN, CUTS_PER_LIFE, Violation, live};
pub use planted::Bug;
pub use rng::Rng;
pub use run::{Work, flip_all, flip_every, live_all};
pub use tally::Tally;
