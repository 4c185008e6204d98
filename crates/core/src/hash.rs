//! SHA-256, always with a domain, so that a hash of one thing is never a hash of another.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 32 bytes of SHA-256.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of `parts` under `domain`. Every part is preceded by its length, so `("ab", "c")` and `("a", "bc")` differ.
    pub fn of(domain: &str, parts: &[&[u8]]) -> Self {
        let mut sha = Sha256::new();
        for part in std::iter::once(&domain.as_bytes()).chain(parts) {
            sha.update((part.len() as u64).to_le_bytes());
            sha.update(part);
        }
        Self(sha.finalize().into())
    }

    /// The first 8 bytes: what a [`Position`](crate::Position) carries of its commit's hash.
    pub fn tag(&self) -> [u8; 8] {
        self.0.first_chunk().copied().expect("32 bytes have a first 8")
    }

    /// The first 8 bytes as a number, for tables that compare and never publish.
    pub fn short(&self) -> u64 {
        u64::from_le_bytes(self.tag())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_and_lengths_separate() {
        assert_ne!(Hash::of("a", &[b"x"]), Hash::of("b", &[b"x"]));
        assert_ne!(Hash::of("a", &[b"ab", b"c"]), Hash::of("a", &[b"a", b"bc"]));
        assert_ne!(Hash::of("a", &[b"x"]), Hash::of("a", &[b"x", b""]));
    }
}
