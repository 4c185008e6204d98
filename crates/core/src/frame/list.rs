//! The frames about lists that are followed: those of actors, with `list` in the place of `actor`.
//!
//! A list has no history and so no position: what a client holds of it is named by its etag alone.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Action,
    server::{Resumed, Said},
};
use crate::{address::Name, codes::Code, limits::SUMMARY_TEXT_BYTES_MAX};

/// Which rows: what `GET /v1/{kind}` takes as its path and query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct List {
    /// Of this kind.
    pub kind: Name,
    /// Only those whose `members` name the one who asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mine: bool,
    /// Only those of this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

impl List {
    /// The list that somebody asks for.
    ///
    /// # Errors
    /// `bad_name` of its kind; `too_large` for a status that no row can have, which nobody should make a host keep.
    pub fn new(kind: &str, mine: bool, status: Option<String>) -> Result<Self, Code> {
        if status.as_ref().is_some_and(|status| status.len() > SUMMARY_TEXT_BYTES_MAX) {
            return Err(Code::TooLarge);
        }
        Ok(Self { kind: kind.parse().map_err(|_| Code::BadName)?, mine, status })
    }

    /// Every row of this kind that everybody may see.
    pub fn of(kind: Name) -> Self {
        Self { kind, mine: false, status: None }
    }
}

/// A frame about a list to a client.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(missing_docs)] // The fields are those of docs/protocol.md, "Lists".
pub enum ListFrame<'a> {
    Resumed {
        list: &'a List,
        kind: Resumed,
    },
    Snapshot {
        list: &'a List,
        etag: &'a str,
        view: &'a RawValue,
    },
    Patch {
        list: &'a List,
        base: &'a str,
        etag: &'a str,
        ops: &'a RawValue,
    },
    Error {
        #[serde(flatten)]
        failure: Said<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        action: Option<Action>,
        list: &'a List,
    },
}

impl ListFrame<'_> {
    /// The frame as JSON text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("frames serialise to JSON")
    }
}
