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

/// Every kind, written by these rules. From number 2 on the chores want their wakes ten seconds later, from number 5 on an audit too.
pub fn kinds(rules: u32) -> Vec<Arc<Kind>> {
    let kinds = [
        Kind::of::<Counter>(),
        Kind::of::<Secret>(),
        match rules {
            1 => Kind::of::<chores::Chores<0, false>>(),
            2..5 => Kind::of::<chores::Chores<10_000, false>>(),
            _ => Kind::of::<chores::Chores<10_000, true>>(),
        },
        Kind::of::<lobby::Lobby>(),
        Kind::of::<trouble::Trouble>(),
    ];
    let written_by = |mut kind: Kind| {
        kind.rules = rules;
        Arc::new(kind)
    };
    kinds.into_iter().map(written_by).collect()
}
