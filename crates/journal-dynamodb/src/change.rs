//! The bytes of the attribute `x`: what a run changes in its actor's index row, for whoever reads the table's stream.
//!
//! A version byte, then the postcard of [`Stored`]. Absent if the run changes nothing but the position. What opened and closed in one run is left
//! out: the index has never heard of it, and so the bytes stay within what an item has left beside the largest run.

use std::borrow::Cow;

use dormouse_core::{Summary, TaskKey, Time, record::Opened};
use dormouse_journal::IndexChange;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    wake: Option<Option<Time>>,
    opened: Cow<'a, [Opened]>,
    closed: Vec<(TaskKey, u64)>,
    summary: Option<Option<Line>>,
    present: Option<bool>,
    retired: bool,
}

/// A summary in a form of its own: what JSON leaves out has a place here.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    title: String,
    status: String,
    members: Vec<String>,
    sort: i64,
    private: bool,
}

impl From<&Summary> for Line {
    fn from(summary: &Summary) -> Self {
        let Summary { title, status, members, sort, private } = summary.clone();
        Self { title, status, members, sort, private }
    }
}

impl From<Line> for Summary {
    fn from(line: Line) -> Self {
        let Line { title, status, members, sort, private } = line;
        Self { title, status, members, sort, private }
    }
}

/// The bytes, if there is anything to say of a run whose first commit is `first`.
pub(crate) fn encode(change: &IndexChange, first: u64) -> Option<Vec<u8>> {
    if change.is_empty() {
        return None;
    }
    let stored = Stored {
        wake: change.wake,
        opened: Cow::Borrowed(&change.opened),
        closed: change.closed.iter().filter(|(_, seq)| *seq < first).cloned().collect(),
        summary: change.summary.as_ref().map(|summary| summary.as_ref().map(Line::from)),
        present: change.present,
        retired: change.retired,
    };
    Some(postcard::to_extend(&stored, vec![VERSION]).expect("a Vec takes every byte"))
}

/// The change; `None` if these bytes are not one.
pub(crate) fn decode(bytes: &[u8]) -> Option<IndexChange> {
    let (&VERSION, bytes) = bytes.split_first()? else { return None };
    let (stored, []) = postcard::take_from_bytes::<Stored<'_>>(bytes).ok()? else { return None };
    Some(IndexChange {
        wake: stored.wake,
        opened: stored.opened.into_owned(),
        closed: stored.closed,
        summary: stored.summary.map(|summary| summary.map(Summary::from)),
        present: stored.present,
        retired: stored.retired,
    })
}

/// A summary by itself, as a row keeps it.
pub(crate) fn encode_summary(summary: &Summary) -> Vec<u8> {
    postcard::to_extend(&Line::from(summary), vec![VERSION]).expect("a Vec takes every byte")
}

pub(crate) fn decode_summary(bytes: &[u8]) -> Option<Summary> {
    let (&VERSION, bytes) = bytes.split_first()? else { return None };
    let (line, []) = postcard::take_from_bytes::<Line>(bytes).ok()? else { return None };
    Some(line.into())
}

#[cfg(test)]
mod tests {
    use dormouse_core::limits;

    use super::*;

    fn sample() -> IndexChange {
        let opened = |key: &str, seq| Opened { key: key.into(), kind: "model".into(), seq, nth: 1, at: Time(9) };
        IndexChange {
            wake: Some(Some(Time(1_790_000_001_000))),
            opened: vec![opened("ply-4/0", 7)],
            closed: vec![("ply-3/0".into(), 4)],
            summary: Some(Some(Summary {
                title: "Room".into(),
                status: "open".into(),
                members: vec!["ana".into(), "ben".into()],
                sort: -3,
                private: true,
            })),
            present: Some(true),
            retired: true,
        }
    }

    #[test]
    fn a_change_reads_back() {
        let clears = IndexChange { wake: Some(None), summary: Some(None), ..IndexChange::default() };
        for change in [sample(), clears] {
            assert_eq!(decode(&encode(&change, 6).unwrap()).unwrap(), change);
        }
        assert_eq!(encode(&IndexChange::default(), 6), None);
    }

    #[test]
    fn what_lived_in_one_run_only_is_left_out() {
        let mut change = sample();
        change.closed.push(("brief".into(), 6));
        assert_eq!(decode(&encode(&change, 6).unwrap()).unwrap(), sample());
    }

    #[test]
    fn other_bytes_are_no_change() {
        let bytes = encode(&sample(), 6).unwrap();
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "{length} bytes");
        }
        assert_eq!(decode(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(decode(&[&[2], &bytes[1..]].concat()), None, "a newer program wrote it");
    }

    /// Bytes that version 1 wrote, kept: every later program must read them.
    #[test]
    fn version_1_is_still_read() {
        let golden = include_str!("../golden/change-v1.hex").trim();
        let bytes: Vec<u8> =
            (0..golden.len()).step_by(2).map(|i| u8::from_str_radix(&golden[i..i + 2], 16).unwrap()).collect();
        assert_eq!(decode(&bytes).unwrap(), sample());
        assert_eq!(bytes, encode(&sample(), 6).unwrap());
    }

    #[test]
    fn the_largest_change_fits_beside_the_largest_run() {
        let key = |n: usize| TaskKey(format!("{n:0width$}", width = limits::KEY_BYTES_MAX));
        let member = |n: usize| format!("{n:0width$}", width = limits::PRINCIPAL_BYTES_MAX);
        let kind = "k".repeat(limits::NAME_BYTES_MAX);
        let opened = |n| Opened { key: key(n), kind: kind.clone(), seq: u64::MAX, nth: u16::MAX, at: Time(u64::MAX) };
        let change = IndexChange {
            opened: (0..limits::AGENDA_TASKS_MAX).map(opened).collect(),
            closed: (0..limits::AGENDA_TASKS_MAX).map(|n| (key(n), u64::MAX - 1)).collect(),
            summary: Some(Some(Summary {
                title: "t".repeat(limits::SUMMARY_TEXT_BYTES_MAX),
                members: (0..limits::SUMMARY_MEMBERS_MAX).map(member).collect(),
                sort: i64::MIN,
                ..Summary::default()
            })),
            ..sample()
        };
        let records = limits::RUN_BYTES_MAX + limits::RUN_COMMITS_MAX * crate::packed::LENGTH;
        // The key, the hash, three numbers and the names of six attributes.
        let rest = 3 * limits::NAME_BYTES_MAX + 2 + 32 + 3 * 21 + 6;
        let item = records + rest + encode(&change, u64::MAX).unwrap().len();
        assert!(item <= 400 * 1024, "{item} bytes");
    }
}
