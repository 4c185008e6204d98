//! What the tests of an app use, behind the feature `testing`.
//!
//! [`secrecy`] finds what an actor tells those who may not know it. [`Script`] says who does what, and [`check`](secrecy::check) has it
//! happen on a whole host. An actor without any host is [`Solo`](crate::Solo).

mod client;
mod host;
mod permuted;
mod script;
pub mod secrecy;
mod session;

pub use script::Script;
