//! The pure part of Dormouse.
//!
//! Everything here is a function of its arguments: an actor's rules ([`Actor`]), the machine that folds its
//! commits ([`Machine`]), the bytes of a commit ([`record`]), the frames of the wire ([`frame`]), and the tables that both
//! sides share ([`codes`], [`limits`]).
//!
//! Absent on purpose: tokio, clocks, sockets, files, ambient randomness. Hosts bring those (clippy's disallowed lists say so).

pub mod actor;
pub mod address;
pub mod agenda;
pub mod codes;
pub mod dice;
pub mod frame;
pub mod hash;
pub mod iam;
pub mod limits;
pub mod machine;
pub mod outbox;
pub mod patch;
pub mod planted;
pub mod position;
pub mod record;
pub mod refusals;
pub mod rules;
pub mod sight;
pub mod snapshot;
pub mod strict;
pub mod text;
pub mod time;

pub use actor::{Actor, Draft, Input, Rejection};
pub use address::{Address, Name};
pub use agenda::{Agenda, Outcome, Summary, Task, TaskKey};
pub use codes::{Code, Failure};
pub use dice::{Dice, Seed};
pub use hash::Hash;
pub use machine::{Machine, Stimulus};
pub use position::Position;
pub use rules::Kind;
pub use sight::{Principal, Sight, Viewer};
pub use time::{Moment, Time};
