//! Stateful realtime sessions that sleep when idle, wake in milliseconds and never lose a move.
//!
//! An app writes one [`Actor`](prelude::Actor) and hands it to [`App`]; the binary then serves it, and replays, verifies, exports and imports
//! what it wrote.
//!
//! ```no_run
#![doc = include_str!("../examples/counter.rs")]
//! ```

mod access;
mod app;
#[cfg(feature = "aws")]
mod cloud;
mod commands;
mod console;
mod hides;
#[doc(hidden)]
pub mod portable;
mod solo;
#[cfg(feature = "testing")]
pub mod testing;

/// A command allocates and frees some dozens of times, on one thread and another: an eighth of its time with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use app::App;
pub use dormouse_core as core;
pub use dormouse_engine as engine;
pub use hides::Hides;
pub use solo::{Commit, Solo};
#[doc(hidden)]
pub use {schemars, serde, serde_json};

/// Everything that rules need.
pub mod prelude {
    pub use std::process::ExitCode;

    pub use dormouse_core::{
        Actor, Agenda, Dice, Draft, Input, Outcome, Principal, Rejection, Seed, Sight, Summary, Task, TaskKey, Viewer,
        text::{self, NotALine},
        time::{Moment, Time},
    };
    pub use schemars::{self, JsonSchema};
    pub use serde::{self, Deserialize, Serialize};
    pub use serde_json::{Value, json};

    pub use crate::App;
}
