//! Positions: where a history stands, in a form that notices when the history was lost or restored.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hash::Hash;

/// Epoch, seq and 8 bytes of that commit's hash. Its text, `1:412:9f86d081884c7d65`, is the resume token.
///
/// The epoch is raised when an actor's history is replaced (import, restore), the tag changes with any byte of any commit
/// up to here; so two hosts that agree on a position agree on everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which life of the history.
    pub epoch: u32,
    /// The commit's number; 0 before the first.
    pub seq: u64,
    /// The first 8 bytes of the commit's hash; zeros before the first.
    pub tag: [u8; 8],
}

/// The text is not a [`Position`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a position is epoch:seq:tag, such as 1:412:9f86d081884c7d65")]
pub struct BadPosition;

impl FromStr for Position {
    type Err = BadPosition;

    fn from_str(text: &str) -> Result<Self, BadPosition> {
        let mut parts = text.split(':');
        let (Some(epoch), Some(seq), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(BadPosition);
        };
        Ok(Self { epoch: digits(epoch)?, seq: digits(seq)?, tag: tag_bytes(tag)? })
    }
}

/// A number as this module prints it: no sign, no leading zero, so that every position has one text.
fn digits<N: FromStr>(text: &str) -> Result<N, BadPosition> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    if canonical { text.parse().map_err(|_| BadPosition) } else { Err(BadPosition) }
}

fn tag_bytes(text: &str) -> Result<[u8; 8], BadPosition> {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 16 || !text.bytes().all(hex) {
        return Err(BadPosition);
    }
    u64::from_str_radix(text, 16).map(u64::to_be_bytes).map_err(|_| BadPosition)
}

/// A position's text without an allocation: every answer and every view carries one.
struct Text {
    bytes: [u8; Self::MAX],
    length: usize,
}

impl Text {
    /// 10 digits of an epoch, 20 of a seq, 16 of a tag, two colons.
    const MAX: usize = 48;

    fn of(position: &Position) -> Self {
        let mut text = Self { bytes: [0; Self::MAX], length: 0 };
        let mut digits = itoa::Buffer::new();
        text.push(digits.format(position.epoch).as_bytes());
        text.push(b":");
        text.push(digits.format(position.seq).as_bytes());
        text.push(b":");
        for byte in position.tag {
            text.push(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        text
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).expect("digits are ASCII")
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(self).as_str())
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::of(self).as_str())
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A position with its whole hash: what the next commit links to and the journal compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which life of the history.
    pub epoch: u32,
    /// The newest commit's number; 0 if there is none.
    pub seq: u64,
    /// The newest commit's hash; zeros if there is none.
    pub hash: Hash,
}

impl Head {
    /// Before the first commit of a life.
    pub fn start(epoch: u32) -> Self {
        Self { epoch, seq: 0, hash: Hash::default() }
    }

    /// The position that clients see.
    pub fn position(&self) -> Position {
        Position { epoch: self.epoch, seq: self.seq, tag: self.hash.tag() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_canonical() {
        for text in
            ["1:412:9f86d081884c7d65", "0:0:0000000000000000", "4294967295:18446744073709551615:ffffffffffffffff"]
        {
            let position: Position = text.parse().unwrap();
            assert_eq!(position.to_string(), text);
            assert_eq!(serde_json::to_string(&position).unwrap(), format!("\"{text}\""));
        }
        for bad in [
            "",
            "1:412",
            "1:412:9f86d081884c7d6",
            "01:412:9f86d081884c7d65",
            "1:+4:9f86d081884c7d65",
            "1:-1:9f86d081884c7d65",
            "1:412:9F86D081884C7D65",
            "1:412:9f86d081884c7d65:",
            "1:1e30:9f86d081884c7d65",
            "1:99999999999999999999999999:9f86d081884c7d65",
            "x:412:9f86d081884c7d65",
            "::",
        ] {
            assert_eq!(bad.parse::<Position>(), Err(BadPosition), "{bad}");
        }
    }
}
