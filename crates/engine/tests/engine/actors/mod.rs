//! The actors of the tests: small, and each with the edge that some rule of the engine is about.

mod chores;
mod counter;
mod lobby;
mod secret;
mod trouble;

use std::sync::Arc;

use dormouse_core::Kind;

pub use counter::Counter;
pub use secret::Secret;

/// Every kind, written by these rules.
pub fn kinds(rules: u32) -> Vec<Arc<Kind>> {
    let kinds = [
        Kind::of::<Counter>(),
        Kind::of::<Secret>(),
        Kind::of::<chores::Chores>(),
        Kind::of::<lobby::Lobby>(),
        Kind::of::<trouble::Trouble>(),
    ];
    let written_by = |mut kind: Kind| {
        kind.rules = rules;
        Arc::new(kind)
    };
    kinds.into_iter().map(written_by).collect()
}
