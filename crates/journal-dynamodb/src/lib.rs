//! The journal on DynamoDB, for many hosts and for functions that live as long as one request.
//!
//! A run is one conditional put of one item (`append.rs`); nothing else is written before it is answered. Three tables:
//!
//! | table | key | what | written |
//! |---|---|---|---|
//! | `journal` | address, number of the first commit | a run, or the mark of a fence (`items.rs`) | by each append |
//! | `snapshots` | address | the newest snapshot, or where it is (`snapshots.rs`) | every 128 commits |
//! | `index` | what is looked for | rows, open tasks, places in lists (`index/row.rs`, `tasks.rs`, `lists.rs`) | by [`DynamoStore::absorb`] |
//!
//! Only the key guards a put: that nobody was at this place before. So [`CONFIRMED_MAX`] and [`DELETE_AFTER`] are part of why it is right (`heads.rs`).
//! Whoever reads the stream of `journal` hands its new images to `absorb`, as often and in whatever order they come: newer wins.
//!
//! Absent: reading the stream (a host does, in its way), transactions for runs (each costs twice as much), leases on actors, secondary indexes on the table
//! of runs, deletion by age, credentials and regions (a host hands over a client), an index that went ahead of a table that was restored (make a new one), a
//! seal over the epoch (it guards files against flipped bits, and DynamoDB keeps its own checksums).

mod append;
mod calls;
mod change;
mod delete;
mod failure;
mod heads;
mod index;
mod items;
mod packed;
mod read;
mod snapshots;
mod store;
mod tables;
mod told;
mod usage;

pub use heads::{CONFIRMED_MAX, DELETE_AFTER};
pub use items::Item;
pub use store::{Clock, DynamoStore};
pub use tables::Tables;
pub use told::{Told, Untold, item_from_json};
pub use usage::Usage;
