//! Revoked principals: their tokens from before the revocation are refused.
//!
//! In memory, at most [`REVOCATIONS_MAX`]. When they are that many, those older than a guest's token go first: what they refused has
//! expired. A full list refuses the next revocation rather than to forget one that still counts.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use dormouse_core::{
    Code, Failure, Time,
    limits::{GUEST_TOKEN, REVOCATIONS_MAX},
};

use super::Session;

/// What a full list tells to wait: nothing but time or a restart makes room.
const FULL_RETRY_MS: u64 = 60_000;

/// When each principal was revoked last.
#[derive(Default)]
pub(super) struct Revocations(RwLock<HashMap<String, Time>>);

impl Revocations {
    /// Remember that this principal was revoked now.
    pub(super) fn add(&self, now: Time, principal: String) -> Result<(), Failure> {
        let mut revoked = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if revoked.len() >= REVOCATIONS_MAX && !revoked.contains_key(&principal) {
            revoked.retain(|_, time| now.since(*time) <= GUEST_TOKEN);
            if revoked.len() >= REVOCATIONS_MAX {
                let message = "As many principals are revoked as are remembered. Change the key that signs the tokens.";
                return Err(Failure::new(Code::RateLimited, message).retry_after(FULL_RETRY_MS));
            }
        }
        // A clock that jumped back must not take a revocation back.
        let time = revoked.entry(principal).or_insert(now);
        *time = now.max(*time);
        Ok(())
    }

    /// Whether this session's token is from before its principal's revocation, or from the same moment.
    pub(super) fn cover(&self, session: &Session) -> bool {
        let revoked = self.0.read().unwrap_or_else(PoisonError::into_inner);
        !revoked.is_empty() && revoked.get(&session.key()).is_some_and(|&time| session.issued <= time)
    }
}
