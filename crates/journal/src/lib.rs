//! The storage seams: [`Journal`] (the only source of truth), [`Index`] (one row per actor, derived), [`Hints`] (may be lost).
//!
//! Each has a memory version here and one conformance suite ([`conformance`]) that every implementation passes without flags.
//! [`faulty`] wraps a journal and makes it fail on request.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod faulty;
pub mod hints;
pub mod index;
pub mod journal;
pub mod memory;

pub use hints::{Hint, Hints, LocalHints};
pub use index::{Attempt, Filter, Index, Lease, Page, Row};
pub use journal::{AppendError, Entry, IndexChange, Journal, ReadError, Run, StoreError, StoredSnapshot};
pub use memory::MemoryStore;
