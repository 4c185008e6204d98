//! JSON from outside, checked more strictly than a parser does: depth, duplicate keys, numbers that would be rounded, NULs.
//!
//! Runs once over each frame before anything is built from it, so nothing further in need ask again.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{
    codes::Code,
    limits::{JSON_DEPTH_MAX, JSON_KEYS_MAX},
};

/// Integers beyond this are rounded by JavaScript and by any reader that goes through a float.
const EXACT_MAX: u64 = (1 << 53) - 1;

/// Check one whole JSON text.
///
/// # Errors
/// The [`Code`] that says what is wrong with it.
pub fn check(text: &[u8]) -> Result<(), Code> {
    check_within(0, text)
}

/// The same of a part of a text that lies this deep in it.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_within(depth: usize, text: &[u8]) -> Result<(), Code> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let checked = Strict { depth }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    checked.map_err(|error| code_of(&error.to_string()))
}

fn code_of(error: &str) -> Code {
    const MARKS: [(&str, Code); 8] = [
        ("too deep", Code::TooDeep),
        ("recursion limit", Code::TooDeep),
        ("duplicate key", Code::DuplicateKey),
        ("too many keys", Code::TooLarge),
        ("bad number", Code::BadNumber),
        ("number out of range", Code::BadNumber),
        ("bad string", Code::BadString),
        ("hex escape", Code::BadString),
    ];
    MARKS
        .iter()
        .find(|(mark, _)| error.starts_with(mark) || error.contains(mark))
        .map_or(Code::BadJson, |(_, code)| *code)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == JSON_DEPTH_MAX { Err(E::custom("too deep")) } else { Ok(Self { depth: self.depth + 1 }) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<(), E> {
        if n <= EXACT_MAX { Ok(()) } else { Err(E::custom("bad number")) }
    }

    fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<(), E> {
        self.visit_u64(n.unsigned_abs())
    }

    fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<(), E> {
        // A whole number this large was an integer that did not fit, and has been rounded already.
        let rounded = n.fract() == 0.0 && n.abs() > EXACT_MAX as f64;
        if n.is_finite() && !rounded { Ok(()) } else { Err(E::custom("bad number")) }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.contains('\0') { Err(E::custom("bad string")) } else { Ok(()) }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys: Vec<Cow<'de, str>> = Vec::new();
        while let Some(key) = entries.next_key_seed(Key)? {
            self.visit_str(&key)?;
            if keys.len() == JSON_KEYS_MAX {
                return Err(serde::de::Error::custom("too many keys"));
            }
            entries.next_value_seed(inner)?;
            keys.push(key);
        }
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(serde::de::Error::custom("duplicate key"));
        }
        Ok(())
    }
}

/// A key as it stands in the text where it can be borrowed: most objects are checked without copying any.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    /// Cases 21 to 27 of the threat table.
    #[test]
    fn every_case_has_its_code() {
        let cases: [(&str, &str, Result<(), Code>); 24] = [
            ("21 truncated", r#"{"a":"#, Err(Code::BadJson)),
            ("21 trailing", r#"{} {}"#, Err(Code::BadJson)),
            ("21 empty", "", Err(Code::BadJson)),
            ("22 at the limit", &nested(64), Ok(())),
            ("22 above the limit", &nested(65), Err(Code::TooDeep)),
            ("22 far above", &nested(100_000), Err(Code::TooDeep)),
            ("23 top", r#"{"a":1,"a":2}"#, Err(Code::DuplicateKey)),
            ("23 inside", r#"{"x":[{"a":1,"b":0,"a":2}]}"#, Err(Code::DuplicateKey)),
            ("23 escaped", r#"{"a":1,"\u0061":2}"#, Err(Code::DuplicateKey)),
            ("24 NaN", "NaN", Err(Code::BadJson)),
            ("24 Infinity", "[Infinity]", Err(Code::BadJson)),
            ("24 1e999", "1e999", Err(Code::BadNumber)),
            ("25 2^53-1", "9007199254740991", Ok(())),
            ("25 2^53+1", "9007199254740993", Err(Code::BadNumber)),
            ("25 -2^53", "-9007199254740992", Err(Code::BadNumber)),
            ("25 2^63", "9223372036854775808", Err(Code::BadNumber)),
            ("25 2^64", "18446744073709551616", Err(Code::BadNumber)),
            ("25 1e300", "1e300", Err(Code::BadNumber)),
            ("25 1.0", "1.0", Ok(())),
            ("25 0.1", "0.1", Ok(())),
            ("27 lone surrogate", r#""\ud800""#, Err(Code::BadString)),
            ("27 NUL", r#""a\u0000b""#, Err(Code::BadString)),
            ("27 NUL in a key", r#"{"\u0000":1}"#, Err(Code::BadString)),
            ("27 pair", r#""\ud83d\ude00""#, Ok(())),
        ];
        for (name, text, expected) in cases {
            assert_eq!(check(text.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn keys_are_counted() {
        let object = |n: usize| {
            let entries: Vec<String> = (0..n).map(|i| format!("\"k{i}\":0")).collect();
            format!("{{{}}}", entries.join(","))
        };
        assert_eq!(check(object(JSON_KEYS_MAX).as_bytes()), Ok(()));
        assert_eq!(check(object(JSON_KEYS_MAX + 1).as_bytes()), Err(Code::TooLarge));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert_eq!(check(b"\"\xff\""), Err(Code::BadJson));
    }
}
