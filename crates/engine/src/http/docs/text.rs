//! The texts and numbers of the wire that have a form of their own, as schemas.
//!
//! Each mirrors a parser of the core. `tests/frames.rs` asks both about the same texts, so that they cannot differ unnoticed.

use std::borrow::Cow;

use dormouse_core::{Code, limits};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident = $pattern:expr, such as $example:literal;)+) => {$(
        $(#[doc = $doc])+
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": concat!($($doc),+).trim(),
                    "pattern": $pattern,
                    "examples": [$example],
                })
            }
        }
    )+};
}

texts! {
    /// A tenant, a kind or an id.
    Name = format!("^{}$", name()), such as "4F2A9C";
    /// An actor's address on the wire: `kind/id`. The tenant comes from the token.
    Actor = format!("^{0}/{0}$", name()), such as "todo/4F2A9C";
    /// Where a history stands: `epoch:seq:tag`. Send it back as it came to resume from there.
    Position = format!("^{POSITION}$"), such as "1:412:9f86d081884c7d65";
    /// A position, or `start` for the place before the first commit.
    From = format!("^(start|{POSITION})$"), such as "1:412:9f86d081884c7d65";
    /// Names the bytes of a view: 16 hex digits.
    Etag = "^[0-9a-f]{16}$", such as "a3f1c2d4e5b60719";
    /// A client's queue of commands, as `welcome` gave it.
    Outbox = format!("^{OUTBOX}$"), such as "m3vq2k8g-7f3a9c";
    /// `outbox:n`, with n counting up from 1 over all actors and connections of that outbox. The same for every repetition of a command.
    CommandId = format!("^{OUTBOX}:[1-9][0-9]{{0,19}}$"), such as "m3vq2k8g-7f3a9c:1";
}

const POSITION: &str = "(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,19}):[0-9a-f]{16}";
const OUTBOX: &str = "(0|[1-9a-z][0-9a-z]{0,11})-[0-9a-z]{1,32}";

/// The pattern of a [`Name`], without its ends.
pub(super) fn name() -> String {
    format!("[A-Za-z0-9_-]{{1,{}}}", limits::NAME_BYTES_MAX)
}

/// A number of docs/codes.md.
pub(super) struct CodeNumber;

impl JsonSchema for CodeNumber {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let each = |f: fn(Code) -> &'static str| Code::ALL.iter().map(|&code| f(code)).collect::<Vec<_>>();
        let numbers: Vec<u16> = Code::ALL.iter().map(|&code| code as u16).collect();
        json_schema!({
            "type": "integer",
            "description": "What could not be done. The range says what to do: 1xxx wait and try again with the same id, \
                2xxx subscribe again, 3xxx sign in again, 4xxx stop.",
            "enum": numbers,
            "x-enum-varnames": each(Code::name),
            "x-enum-descriptions": each(Code::meaning),
        })
    }
}

/// The name beside a number of docs/codes.md.
pub(super) struct CodeName;

impl JsonSchema for CodeName {
    fn schema_name() -> Cow<'static, str> {
        "CodeName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        json_schema!({ "type": "string", "description": "The code's name.", "enum": names })
    }
}
