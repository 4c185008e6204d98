//! The bytes of one commit.
//!
//! ```text
//! offset  size  field
//!      0     1  version: 2 if the cause is a refusal, which programs before it do not know, else 1
//!      1     1  flags: 1 = the commit retires the actor
//!      2     4  rules            all numbers little-endian
//!      6     4  key id, 0 = the body is not encrypted
//!     10     8  seq
//!     18     8  time, ms
//!     26     8  number of the first event, counted over the actor's life
//!     34    32  hash of the record before
//!     66    16  writer's nonce: also keeps guesses at hidden contents from being checked against the hash
//!     82     4  length of the changes
//!     86     4  length of the body
//!     90     …  changes: postcard of [`Changes`], empty if there are none
//!      …     …  body: postcard of [`Body`]
//!      …    32  SHA-256 over domain, address and everything above
//! ```
//!
//! The header and the changes are clear; the body may be sealed. Anyone can verify the chain without a key.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    address::Address, agenda::TaskKey, dice::Secret, hash::Hash, outbox::CommandId, refusals::Words, sight::Principal,
    time::Time,
};

/// The newest that this program reads.
const VERSION: u8 = 2;
const FIXED: usize = 90;
const TRAILER: usize = 32;
const FLAG_RETIRES: u8 = 1;
const DOMAIN: &str = "dormouse/commit/1";

/// The clear part of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the actor's last commit.
    pub retires: bool,
    /// The rules that made it.
    pub rules: u32,
    /// The key that seals the body; 0 = none.
    pub key_id: u32,
    /// The commit's number.
    pub seq: u64,
    /// The commit's time.
    pub time: Time,
    /// The running number of its first event.
    pub first_event: u64,
    /// The hash of the record before; zeros for the first.
    pub prev: Hash,
    /// Drawn by the writer: a refused put that finds its own nonce has succeeded.
    pub nonce: [u8; 16],
}

/// What the index must learn from a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// The next wake, if it changed.
    pub wake: Option<Option<Time>>,
    /// Task instances that opened.
    pub opened: Vec<Opened>,
    /// Task instances that closed: key and the commit that had opened it.
    pub closed: Vec<(TaskKey, u64)>,
    /// What was parked and is no longer listed, or was redriven.
    pub released: Vec<Parked>,
}

impl Changes {
    /// Whether there is nothing to learn.
    pub fn is_empty(&self) -> bool {
        self.wake.is_none() && self.opened.is_empty() && self.closed.is_empty() && self.released.is_empty()
    }
}

/// A task instance: the key and the commit that first listed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The rules' name for it.
    pub key: TaskKey,
    /// Which worker it needs.
    pub kind: String,
    /// The commit that first listed it.
    pub seq: u64,
    /// Its place among those that this commit opened.
    pub nth: u16,
    /// The time of that commit.
    pub at: Time,
}

/// Why there is a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The first one.
    Created {
        /// From which the actor's seeds derive.
        secret: Secret,
        /// The hash of the config, so that the same key with another config is noticed.
        config: u64,
    },
    /// A command.
    Command {
        /// Absent for callers that do not retry.
        id: Option<CommandId>,
        /// The first 8 bytes of the hash of the command.
        body: u64,
    },
    /// A wake.
    Wake {
        /// The agenda's key.
        key: String,
    },
    /// A report on a task.
    Report {
        /// The agenda's key.
        key: TaskKey,
        /// The commit that had opened it.
        opened: u64,
    },
    /// A principal began to watch.
    Joined,
    /// A principal ceased to watch.
    Left,
    /// Somebody asked to retire the actor.
    Retire,
    /// The engine: a due wake decided nothing, or a reported task stayed listed. It waits until an operator redrives it.
    Parked {
        /// What waits.
        what: Parked,
    },
    /// An operator: let it run again.
    Redriven {
        /// What ran again.
        what: Parked,
    },
    /// The engine: the rules, newer ones, wait for other tasks than when the actor last wrote.
    Reviewed,
    /// A command that may be on several lines was refused, and so is every copy of it.
    Refused {
        /// Which.
        id: CommandId,
        /// The first 8 bytes of the hash of the command.
        body: u64,
        /// What its sender is told.
        words: Words,
    },
}

/// What is parked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Parked {
    /// The wake with this key at this time.
    Wake(String, Time),
    /// The task with this key.
    Task(TaskKey),
}

/// The part of a record that may be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body<'a> {
    /// Why.
    pub cause: Cause,
    /// Who, where there is somebody.
    pub by: Option<Cow<'a, Principal>>,
    /// What the rules decided, each event as JSON.
    #[serde(borrow)]
    pub events: Vec<&'a [u8]>,
}

/// A record, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Its clear part.
    pub header: Header,
    /// What the index learnt.
    pub changes: Changes,
    /// The rest.
    pub body: Body<'a>,
    /// Its hash.
    pub hash: Hash,
}

/// Why a record cannot be opened. Every case quarantines that one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Its lengths do not add up.
    #[error("the record is cut short or its lengths do not add up")]
    Torn,
    /// Its hash is not the hash of its bytes at this address.
    #[error("the record's hash is not that of its bytes")]
    BadHash,
    /// It does not follow the record before.
    #[error("the record does not follow the one before it")]
    Broken,
    /// A newer program wrote it.
    #[error("the record has version {0}, and this program reads up to {VERSION}")]
    NewerVersion(u8),
    /// Its hash is right and its contents are not: a writer's fault.
    #[error("the record's contents do not decode")]
    Undecodable,
}

/// The oldest version of which this is a record.
fn version(cause: &Cause) -> u8 {
    if matches!(cause, Cause::Refused { .. }) { 2 } else { 1 }
}

/// Write a record; returns its bytes and its hash.
pub fn seal(address: &Address, header: &Header, changes: &Changes, body: &Body<'_>) -> (Vec<u8>, Hash) {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(version(&body.cause));
    bytes.push(if header.retires { FLAG_RETIRES } else { 0 });
    bytes.extend_from_slice(&header.rules.to_le_bytes());
    bytes.extend_from_slice(&header.key_id.to_le_bytes());
    bytes.extend_from_slice(&header.seq.to_le_bytes());
    bytes.extend_from_slice(&header.time.0.to_le_bytes());
    bytes.extend_from_slice(&header.first_event.to_le_bytes());
    bytes.extend_from_slice(&header.prev.0);
    bytes.extend_from_slice(&header.nonce);
    bytes.extend_from_slice(&[0; 8]);
    debug_assert_eq!(bytes.len(), FIXED);
    if !changes.is_empty() {
        bytes = postcard::to_extend(changes, bytes).expect("a Vec takes every byte");
    }
    let changes_end = bytes.len();
    bytes = postcard::to_extend(body, bytes).expect("a Vec takes every byte");
    let length = |from: usize, to: usize| u32::try_from(to - from).expect("records are bounded").to_le_bytes();
    let (changes_len, body_len) = (length(FIXED, changes_end), length(changes_end, bytes.len()));
    bytes[82..86].copy_from_slice(&changes_len);
    bytes[86..90].copy_from_slice(&body_len);
    let hash = hash_of(address, &bytes);
    bytes.extend_from_slice(&hash.0);
    (bytes, hash)
}

fn hash_of(address: &Address, bytes: &[u8]) -> Hash {
    let Address { tenant, kind, id } = address;
    let parts = [tenant.as_str().as_bytes(), kind.as_str().as_bytes(), id.as_str().as_bytes(), bytes];
    Hash::of(DOMAIN, &parts)
}

/// Read a record and check its hash.
///
/// # Errors
/// [`Damage`], before anything of it is used.
pub fn open<'a>(address: &Address, bytes: &'a [u8]) -> Result<Opening<'a>, Damage> {
    let opening = decode(bytes)?;
    let sealed = &bytes[..bytes.len() - TRAILER];
    if hash_of(address, sealed) == opening.hash { Ok(opening) } else { Err(Damage::BadHash) }
}

/// The version of a record that a newer program wrote, if that is what these bytes are: their hash is right, so the version is not a bit that flipped.
pub fn newer_version(address: &Address, bytes: &[u8]) -> Option<u8> {
    let (sealed, hash) = bytes.split_last_chunk::<TRAILER>()?;
    let version = *sealed.first()?;
    (version > VERSION && hash_of(address, sealed).0 == *hash).then_some(version)
}

/// Read a record without checking its hash: for tools that measure, never for what is served.
///
/// # Errors
/// [`Damage`] if it does not decode.
pub fn decode(bytes: &[u8]) -> Result<Opening<'_>, Damage> {
    let header = header(bytes)?;
    let (changes_len, body_len) = (u32_at(bytes, 82) as usize, u32_at(bytes, 86) as usize);
    let expected = FIXED.checked_add(changes_len).and_then(|n| n.checked_add(body_len)?.checked_add(TRAILER));
    if expected != Some(bytes.len()) {
        return Err(Damage::Torn);
    }
    let (changes, rest) = bytes[FIXED..].split_at(changes_len);
    let (body, hash) = rest.split_at(body_len);
    let changes = if changes.is_empty() { Changes::default() } else { whole(changes)? };
    let hash = Hash(hash.try_into().expect("the trailer is 32 bytes"));
    Ok(Opening { header, changes, body: whole(body)?, hash })
}

/// Decode all of `bytes`; left-over bytes are damage.
fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Damage> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Damage::Undecodable),
    }
}

/// Read the clear part alone.
///
/// # Errors
/// [`Damage`] if it is too short or of a newer version.
pub fn header(bytes: &[u8]) -> Result<Header, Damage> {
    if bytes.len() < FIXED + TRAILER {
        return Err(Damage::Torn);
    }
    if !(1..=VERSION).contains(&bytes[0]) {
        return Err(Damage::NewerVersion(bytes[0]));
    }
    let array = |at: usize| -> [u8; 32] { bytes[at..at + 32].try_into().expect("32 bytes") };
    Ok(Header {
        retires: bytes[1] & FLAG_RETIRES != 0,
        rules: u32_at(bytes, 2),
        key_id: u32_at(bytes, 6),
        seq: u64_at(bytes, 10),
        time: Time(u64_at(bytes, 18)),
        first_event: u64_at(bytes, 26),
        prev: Hash(array(34)),
        nonce: bytes[66..82].try_into().expect("16 bytes"),
    })
}

/// The hash that a record ends with, unchecked.
///
/// # Errors
/// [`Damage::Torn`] if it is too short to hold one.
pub fn trailing_hash(bytes: &[u8]) -> Result<Hash, Damage> {
    bytes.last_chunk().map(|hash| Hash(*hash)).ok_or(Damage::Torn)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> Address {
        "main/todo/4F2A9C".parse().unwrap()
    }

    fn sample() -> (Vec<u8>, Hash) {
        sealed(Cause::Command { id: Some("lx3k9-ab12:7".parse().unwrap()), body: 77 })
    }

    fn refused() -> (Vec<u8>, Hash) {
        let words = Words { code: 4440, reason: Some("list_full".into()), message: "The list is full.".into() };
        sealed(Cause::Refused { id: "lx3k9-ab12:7".parse().unwrap(), body: 77, words })
    }

    fn sealed(cause: Cause) -> (Vec<u8>, Hash) {
        let header = Header {
            retires: false,
            rules: 3,
            key_id: 0,
            seq: 412,
            time: Time(1_790_000_000_000),
            first_event: 700,
            prev: Hash([5; 32]),
            nonce: [9; 16],
        };
        let changes = Changes {
            wake: Some(Some(Time(1_790_000_001_000))),
            opened: vec![Opened {
                key: "ply-4/0".into(),
                kind: "model".into(),
                seq: 412,
                nth: 0,
                at: Time(1_790_000_000_000),
            }],
            closed: vec![("ply-3/0".into(), 409)],
            released: vec![],
        };
        let body = Body {
            cause,
            by: Some(Cow::Owned(Principal { id: "g-1".into(), name: "Ana".into() })),
            events: vec![br#"{"Added":{"id":1}}"#, br#""Cleared""#],
        };
        seal(&address(), &header, &changes, &body)
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        for (bytes, hash) in [sample(), refused()] {
            let opened = open(&address(), &bytes).unwrap();
            assert_eq!((opened.hash, opened.header.seq, opened.body.events.len()), (hash, 412, 2));
            assert_eq!(opened.changes.opened[0].kind, "model");
            let again = seal(&address(), &opened.header, &opened.changes, &opened.body);
            assert_eq!(again, (bytes, hash));
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_is_detected() {
        for (bytes, _) in [sample(), refused()] {
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(open(&address(), &bad).is_err(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_cut_record_is_detected() {
        for (bytes, _) in [sample(), refused()] {
            for length in 0..bytes.len() {
                assert!(open(&address(), &bytes[..length]).is_err(), "length {length}");
            }
        }
    }

    #[test]
    fn a_record_belongs_to_its_address() {
        let (bytes, _) = sample();
        let elsewhere = "main/todo/4F2A9D".parse().unwrap();
        assert_eq!(open(&elsewhere, &bytes), Err(Damage::BadHash));
    }

    #[test]
    fn a_newer_version_is_refused_by_name() {
        let (mut bytes, _) = sample();
        for version in [0, VERSION + 1] {
            bytes[0] = version;
            assert_eq!(open(&address(), &bytes), Err(Damage::NewerVersion(version)));
        }
    }

    #[test]
    fn a_version_that_a_newer_program_wrote_is_none_that_flipped() {
        let (mut bytes, _) = sample();
        assert_eq!(newer_version(&address(), &bytes), None);
        bytes[0] = VERSION + 1;
        assert_eq!(newer_version(&address(), &bytes), None);
        let hash = hash_of(&address(), &bytes[..bytes.len() - TRAILER]);
        let at = bytes.len() - TRAILER;
        bytes[at..].copy_from_slice(&hash.0);
        assert_eq!(newer_version(&address(), &bytes), Some(VERSION + 1));
        assert!((0..=TRAILER).all(|length| newer_version(&address(), &bytes[..length]).is_none()));
    }

    /// Bytes that version 1 wrote, kept: every later program must read them.
    #[test]
    fn version_1_is_still_read() {
        let bytes = golden(include_str!("../golden/record-v1.hex"));
        assert_eq!(bytes, sample().0);
        assert_eq!(open(&address(), &bytes).unwrap().header.rules, 3);
    }

    /// Only what version 1 cannot say is written as version 2, so that programs before it read all else.
    #[test]
    fn version_2_is_still_read() {
        let bytes = golden(include_str!("../golden/record-v2.hex"));
        assert_eq!((bytes[0], sample().0[0]), (2, 1));
        assert_eq!(bytes, refused().0);
        let Cause::Refused { words, .. } = open(&address(), &bytes).unwrap().body.cause else { panic!("a refusal") };
        assert_eq!((words.code, &*words.message), (4440, "The list is full."));
    }

    fn golden(hex: &str) -> Vec<u8> {
        let hex = hex.trim();
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_header_is_small() {
        const { assert!(FIXED + TRAILER <= 350) };
    }
}
