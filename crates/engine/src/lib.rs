//! The engine: drives actors over the storage seams, the same for every host.
//!
//! Inputs reach the one [owner](owner) of an actor; it decides them on the expected state, appends runs, and lets answers and views
//! out when the journal has them. Around it: the [wake loop and the task dispatcher](Engine::run), [followers](follow) of
//! events, [reads](read) of the past, [identity], and, behind the feature `http`, the HTTP API.
//! Absent: sockets, any backend's name, any second way to change state or to let something out.

pub mod audience;
mod engine;
pub mod follow;
#[cfg(feature = "http")]
pub mod http;
pub mod identity;
mod indexed;
mod invocations;
mod lists;
mod metrics;
mod others;
pub mod outlet;
mod owner;
mod presence;
pub mod read;
mod registry;
mod shared;
pub mod task;
mod wakes;
pub mod world;

pub use engine::{Engine, Report, Store};
pub use indexed::{index_differs, reindex};
pub use metrics::describe as describe_metrics;
pub use owner::{Accepted, LoadError, LoadOptions, Looked, load};
