//! The numbered threat cases of this surface (1 to 63), each against a real host over real sockets, and the server's limits.
//!
//! A case is a number, a name, the answer that is expected, and a run that sees to it. After every case a bystander in another room has
//! noticed nothing, its room stands where it stood, and somebody new is let in. `table.rs` says which numbers this surface does not have, and why.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;
mod drain;
mod full;
mod house;
mod identity;
mod journal;
mod limits;
mod payload;
mod protocol;
mod raw;
mod sessions;
mod slow;
mod table;
mod transport;
