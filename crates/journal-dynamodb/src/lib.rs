//! The journal on DynamoDB, for many hosts and for functions that live as long as one request.
//!
//! A run is one conditional put of one item (`append.rs`); nothing else is written before it is answered. Two tables:
//!
//! | table | key | what | written |
//! |---|---|---|---|
//! | `journal` | address, number of the first commit | a run, or the mark of a fence (`items.rs`) | by each append |
//! | `snapshots` | address | the newest snapshot, or where it is (`snapshots.rs`) | every 128 commits |
//!
//! Only the key guards a put: that nobody was at this place before. So [`CONFIRMED_MAX`] and [`DELETE_AFTER`] are part of why it is right (`heads.rs`).
//!
//! Absent: the index, which is to follow the stream of `journal`; transactions (each costs twice as much), leases on actors, secondary indexes on the table of runs, deletion by age, credentials and regions
//! (a host hands over a client), a seal over the epoch (it guards files against flipped bits, and DynamoDB keeps its own checksums).

mod append;
mod calls;
mod change;
mod delete;
mod failure;
mod heads;
mod items;
mod packed;
mod read;
mod snapshots;
mod store;
mod tables;
mod usage;

pub use heads::{CONFIRMED_MAX, DELETE_AFTER};
pub use items::Item;
pub use store::{Clock, DynamoStore};
pub use tables::Tables;
pub use usage::Usage;
