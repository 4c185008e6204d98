//! The baselines: what one writes with tokio and tungstenite when nothing but speed is asked for.
//!
//! A room is a counter. A client joins it with the path of its handshake, `/rooms/ID`, sends `{"n":17}` and is answered
//! `{"n":17,"seq":5,"count":5}`; everybody else in the room gets `{"seq":5,"count":5}` for every commit. `/echo` sends
//! back what it gets.
//!
//! The durable rooms share one file and one writer thread: while it syncs, the next batch gathers, so one fdatasync
//! serves all rooms. Nothing leaves before the sync.

mod conn;
mod echo;
mod journal;
mod outbox;
mod room;
mod server;

pub use server::{Mode, serve};
