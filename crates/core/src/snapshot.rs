//! The bytes of a snapshot: an actor's whole state at a position, so that a load need not start at the first commit.
//!
//! ```text
//! offset  size  field
//!      0     1  version, 3; the engine's part ends in version 1 before who is present, in version 2 before the refusals that are kept
//!      1     4  rules that wrote it; it serves only those
//!      5     4  epoch
//!      9     8  seq
//!     17    32  hash of that commit
//!     49     8  time of that commit, ms
//!     57    32  hash of the state
//!     89     4  length of the engine's part
//!     93     …  engine's part: postcard
//!      …     …  state: JSON
//!      …    32  SHA-256 over domain, address and everything above
//! ```

use std::sync::Arc;

use crate::{
    address::Address,
    hash::Hash,
    machine::{Machine, Upkeep},
    planted::{Bug, planted},
    position::Head,
    record::Damage,
    rules::Kind,
    time::Time,
};

const VERSION: u8 = 3;
const FIXED: usize = 93;
const TRAILER: usize = 32;

/// The clear part of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotHeader {
    /// The rules that wrote it.
    pub rules: u32,
    /// Where it stands.
    pub head: Head,
    /// The time of that commit.
    pub time: Time,
    /// The hash of the state, against which replays are compared.
    pub state_hash: Hash,
}

/// Read the clear part.
///
/// # Errors
/// [`Damage`] if it is too short or of a newer version.
pub fn header(bytes: &[u8]) -> Result<SnapshotHeader, Damage> {
    if bytes.len() < FIXED + TRAILER {
        return Err(Damage::Torn);
    }
    if !(1..=VERSION).contains(&bytes[0]) {
        return Err(Damage::NewerVersion(bytes[0]));
    }
    let hash = |at: usize| Hash(bytes[at..at + 32].try_into().expect("32 bytes"));
    let head = Head { epoch: u32_at(bytes, 5), seq: u64_at(bytes, 9), hash: hash(17) };
    Ok(SnapshotHeader { rules: u32_at(bytes, 1), head, time: Time(u64_at(bytes, 49)), state_hash: hash(57) })
}

impl Machine {
    /// The whole state, as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        let state = self.rules.save();
        let upkeep = postcard::to_stdvec(&self.upkeep).expect("a Vec takes every byte");
        let mut bytes = Vec::with_capacity(FIXED + upkeep.len() + state.len() + TRAILER);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.kind.rules.to_le_bytes());
        bytes.extend_from_slice(&self.head.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.head.seq.to_le_bytes());
        bytes.extend_from_slice(&self.head.hash.0);
        bytes.extend_from_slice(&self.time.0.to_le_bytes());
        bytes.extend_from_slice(&Hash::of("dormouse/state/1", &[&state]).0);
        bytes.extend_from_slice(&(upkeep.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&upkeep);
        bytes.extend_from_slice(&state);
        let hash = hash_of(&self.address, &bytes);
        bytes.extend_from_slice(&hash.0);
        bytes
    }

    /// The state that [`snapshot`](Self::snapshot) wrote. `None` if other rules wrote it: then replay.
    ///
    /// # Errors
    /// [`Damage`], before anything of it is used.
    pub fn restore(kind: Arc<Kind>, address: Address, bytes: &[u8]) -> Result<Option<Self>, Damage> {
        let header = header(bytes)?;
        let (sealed, hash) = bytes.split_at(bytes.len() - TRAILER);
        if hash_of(&address, sealed).0 != hash {
            return Err(Damage::BadHash);
        }
        if header.rules != kind.rules {
            return Ok(None);
        }
        let upkeep_len = u32_at(bytes, 89) as usize;
        let (upkeep, state) = sealed[FIXED..].split_at_checked(upkeep_len).ok_or(Damage::Torn)?;
        let upkeep = decode_upkeep(bytes[0], upkeep).map_err(|_| Damage::Undecodable)?;
        let rules = kind.load(state).map_err(|_| Damage::Undecodable)?;
        let mut machine = Self::blank(kind, address, header.head.epoch);
        machine.rules = rules;
        machine.upkeep = upkeep;
        if planted(Bug::SnapshotForgets) {
            machine.upkeep.forget_commands();
        }
        machine.head = header.head;
        machine.time = header.time;
        machine.weigh(bytes);
        Ok(Some(machine))
    }
}

fn decode_upkeep(version: u8, bytes: &[u8]) -> postcard::Result<Upkeep> {
    /// An empty set or map.
    const NONE: &[u8] = &[0];
    match version {
        1 => postcard::from_bytes(&[bytes, NONE, NONE].concat()),
        2 => postcard::from_bytes(&[bytes, NONE].concat()),
        _ => postcard::from_bytes(bytes),
    }
}

fn hash_of(address: &Address, bytes: &[u8]) -> Hash {
    Hash::of("dormouse/snapshot/1", &[address.to_string().as_bytes(), bytes])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}
