//! The engine, tested as its hosts use it: over stores that fail on request, in time that moves only when a test says so.

#![allow(clippy::unwrap_used)]
#![expect(unreachable_pub, reason = "a test is nobody's library")]

mod actors;
mod bounds;
mod connection;
mod lists;
mod loads;
mod log;
mod properties;
#[cfg(feature = "http")]
mod reports;
mod rows;
mod script;
mod scripts;
mod secrecy;
mod stage;
mod store;
mod verbs;
mod worker;
mod world;
