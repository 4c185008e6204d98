//! The Lambda host: what API Gateway, a queue, a stream, a schedule and a state machine send, into the engine that every host shares.
//!
//! One [`Host`] for each environment, which takes one event at a time and ends each when everything that it caused has left. What the host keeps
//! between two of them is a cache. Connections are rows ([`Connections`]) and a way out ([`Sender`]): the gateway holds the sockets. What is to be done
//! later goes into a [`Queue`], and a [`Follower`] makes the journal's stream part of the index. All four are behind traits. Absent: rules, any backend's
//! name, the AWS SDK, event streams and lists that are followed.

pub mod bootstrap;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod connections;
mod crowd;
mod deferred;
mod event;
pub mod follower;
mod host;
mod http;
mod lines;
pub mod memory;
mod messages;
mod presence;
pub mod queue;
mod repair;
pub mod sender;
mod socket;
mod stream;
mod sweep;
mod talk;
mod turn;

pub use connections::{Connected, Connections, Pushed, Watched, Watching};
pub use event::EventError;
pub use follower::{Follower, Told, Unread};
pub use host::{Host, Parts};
pub use memory::{MemoryConnections, MemoryFollower, MemoryQueue, MemorySender};
pub use queue::{Deferred, Queue};
pub use sender::{Info, SendError, Sender};
