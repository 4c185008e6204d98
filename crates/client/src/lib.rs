//! The Rust client of Dormouse: after a drop it brings exactly what was missed, and no command is carried out twice.
//!
//! ```no_run
//! use dormouse_client::{Client, ClientOptions, SubscribeOptions};
//! use futures_util::StreamExt;
//! use serde_json::json;
//!
//! # async fn example() -> Result<(), dormouse_client::Fault> {
//! let client = Client::new(ClientOptions::new("http://localhost:7878").name("Ada"))?;
//! let list = client.actor("todo").create(&json!({ "title": "Groceries" }), None).await?;
//! let mut updates = list.subscribe(SubscribeOptions::view());
//! list.send(&json!({ "type": "add_todo", "title": "Milk" })).await?;
//! while let Some(update) = updates.next().await {
//!     println!("{:?}", update?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! An `https://` endpoint is reached over TLS, its requests and its socket alike, and trusted if the platform trusts its
//! certificate; where OpenSSL's `SSL_CERT_FILE` counts for the platform, it counts here.
#![cfg_attr(feature = "tls", doc = "[`ClientOptions::root_certificate`] adds an authority of one's own.")]
//! The cryptography is aws-lc-rs, through rustls. All of this is the cargo feature `tls`, on by default; without it the
//! client is smaller and refuses such an endpoint.
//!
//! [`session`] is the whole behaviour as a pure value; the rest of this crate is the tokio around it. The TypeScript
//! client (`web/client`) behaves the same and has the same verbs. Absent here are views that show a command before it is confirmed, and event streams where a proxy lets no socket through.

mod client;
mod driver;
mod fault;
mod feed;
pub mod frame;
mod handle;
mod http;
pub mod limits;
mod lists;
mod mailbox;
pub mod session;
mod socket;
mod storage;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

pub use client::{Client, ClientOptions, HostInfo, KindInfo};
pub use dormouse_core::{Position, Principal, Time};
pub use fault::{Action, Fault};
pub use frame::{Identity, Signal, Token};
pub use handle::{
    ActorKind, CommitAt, EventOf, EventsPage, EventsUpdate, Handle, History, Json, Restored, Retired, SubscribeOptions,
    Subscription, Types, Update, ViewAt, ViewUpdate,
};
pub use http::TokenError;
pub use lists::{ListOptions, ListSubscription, Page, Row, WatchOptions};
pub use session::{Accepted, Resumed, Status};
#[doc(hidden)]
pub use socket::{Socket as Bare, bare};
pub use storage::{FileStorage, Guest, MemoryStorage, Record, Storage};
