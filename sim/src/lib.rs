//! The whole of Dormouse in one deterministic process.
//!
//! Several real hosts share one journal; real sessions of the Rust client play on them over lines that drop, hold back and lie; all that
//! goes wrong comes from a seed, and so does all else that is left to chance. In the end the journal is held against what every client was
//! promised and heard. The same seed gives the same trace.
//!
//! Absent: SQLite (its power losses have a simulation of their own), HTTP, event streams.

pub mod apart;
pub mod audit;
pub mod chance;
pub mod check;
pub mod client;
pub mod disk;
pub mod entropy;
pub mod faults;
pub mod hosts;
pub mod kept;
pub mod net;
pub mod node;
mod play;
pub mod rules;
pub mod shrink;
pub mod world;

pub use play::{Report, Setup, simulate};
