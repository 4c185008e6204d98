//! The items of the table `journal`: a run, or the mark of a fence.
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `a` | S, partition key | the address |
//! | `n` | N, sort key | the number of the first commit; of a mark, of the commit that comes next |
//! | `e` | N | the epoch |
//! | `c` | N | how many commits: 0 in a mark, which stands where the next run will |
//! | `h` | B | the hash of the last commit; in a mark, of the one before |
//! | `r` | B | the records, as in `packed.rs` |
//! | `x` | B, if there is any | what changes in the index row, as in `change.rs` |
//!
//! So the item with the highest `n` says where the actor stands: in epoch `e`, at commit `n + c - 1`, whose hash is `h`.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use dormouse_core::{Address, Hash, Time, position::Head, record};
use dormouse_journal::{Entry, IndexChange, Run};

use crate::{change, failure::BadItem, packed};

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// What a head is made of.
pub(crate) const HEAD: &str = "n, e, c, h";

pub(crate) fn number(number: impl Into<u128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

pub(crate) fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

pub(crate) fn number_in<N: FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(crate) fn text_in<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn bytes_in<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}

pub(crate) fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The item of a run.
pub(crate) fn of_run(run: &Run) -> Item {
    let first = run.expected.seq + 1;
    let mut item = item([
        ("a", text(&run.address)),
        ("n", number(first)),
        ("e", number(run.head.epoch)),
        ("c", number(run.records.len() as u64)),
        ("h", bytes(run.head.hash.0)),
        ("r", bytes(packed::pack(&run.records))),
    ]);
    item.extend(change::encode(&run.index, first).map(|change| ("x".to_owned(), bytes(change))));
    item
}

/// The mark of a fence: whoever comes next at this head is of this epoch.
pub(crate) fn of_mark(address: &Address, head: &Head, epoch: u32) -> Item {
    item([
        ("a", text(address)),
        ("n", number(head.seq + 1)),
        ("e", number(epoch)),
        ("c", number(0_u64)),
        ("h", bytes(head.hash.0)),
    ])
}

/// An item of a history, read: all but the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The number of its first commit.
    pub(crate) first: u64,
    /// How many commits it holds.
    pub(crate) commits: u64,
    /// The head after it.
    pub(crate) head: Head,
}

impl Place {
    pub(crate) fn read(address: &Address, item: &Item) -> Result<Self, BadItem> {
        Self::parse(item).ok_or_else(|| BadItem::of(address, "the place of a run"))
    }

    fn parse(item: &Item) -> Option<Self> {
        let (first, commits): (u64, u64) = (number_in(item, "n")?, number_in(item, "c")?);
        let seq = first.checked_add(commits)?.checked_sub(1)?;
        let hash = Hash(bytes_in(item, "h")?.try_into().ok()?);
        Some(Self { first, commits, head: Head { epoch: number_in(item, "e")?, seq, hash } })
    }

    /// Whether this is that run.
    pub(crate) fn holds(&self, run: &Run) -> bool {
        self.commits > 0 && self.head == run.head
    }

    /// Whether this commit is in it.
    pub(crate) fn covers(&self, seq: u64) -> bool {
        (self.first..self.first + self.commits).contains(&seq)
    }
}

/// The commits of an item; none of a mark.
pub(crate) fn entries(address: &Address, item: &Item) -> Result<Vec<Entry>, BadItem> {
    let place = Place::read(address, item)?;
    if place.commits == 0 {
        return Ok(Vec::new());
    }
    let records = bytes_in(item, "r").and_then(packed::unpack);
    let records = records.filter(|records| records.len() as u64 == place.commits);
    let records = records.ok_or_else(|| BadItem::of(address, "the records of a run"))?;
    if records.last().map(|last| record::trailing_hash(last)) != Some(Ok(place.head.hash)) {
        return Err(BadItem::of(address, "the hash of a run"));
    }
    let entry = |(seq, record): (u64, &[u8])| Entry { seq, record: Arc::from(record) };
    Ok((place.first..).zip(records).map(entry).collect())
}

/// What the index learns from an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lesson {
    pub(crate) address: Address,
    pub(crate) place: Place,
    /// The times of the first and of the last commit; none in a mark.
    pub(crate) times: Option<(Time, Time)>,
    pub(crate) change: IndexChange,
}

impl Lesson {
    pub(crate) fn read(item: &Item) -> Result<Self, BadItem> {
        let bad = |what| BadItem { address: text_in(item, "a").unwrap_or_default().to_owned(), what };
        let address: Address =
            text_in(item, "a").and_then(|text| text.parse().ok()).ok_or_else(|| bad("the address"))?;
        let (place, entries) = (Place::read(&address, item)?, entries(&address, item)?);
        let time = |entry: Option<&Entry>| Some(record::header(&entry?.record).ok()?.time);
        let times = time(entries.first()).zip(time(entries.last()));
        if times.is_none() && place.commits > 0 {
            return Err(bad("the header of a record"));
        }
        let change = match bytes_in(item, "x") {
            Some(bytes) => change::decode(bytes).ok_or_else(|| bad("the changes of a run"))?,
            None => IndexChange::default(),
        };
        Ok(Self { address, place, times, change })
    }
}

#[cfg(test)]
mod tests {
    use dormouse_journal::conformance::sample::Writer;

    use super::*;

    fn run(commits: usize) -> Run {
        let mut writer = Writer::new("main/todo/a");
        writer.run(4);
        let run = writer.run(commits);
        Run { index: IndexChange { present: Some(true), ..IndexChange::default() }, ..run }
    }

    #[test]
    fn a_run_reads_back() {
        let run = run(3);
        let item = of_run(&run);
        let place = Place::read(&run.address, &item).unwrap();
        assert_eq!(place, Place { first: 5, commits: 3, head: run.head });
        assert!(place.holds(&run) && !place.holds(&self::run(3)));
        assert_eq!((4..9).map(|seq| place.covers(seq)).collect::<Vec<_>>(), [false, true, true, true, false]);
        let read = entries(&run.address, &item).unwrap();
        assert_eq!(read.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(read.into_iter().map(|entry| entry.record).collect::<Vec<_>>(), run.records);
        let lesson = Lesson::read(&item).unwrap();
        assert_eq!((lesson.address, lesson.change, lesson.times), (run.address, run.index, Some((run.time, run.time))));
    }

    #[test]
    fn a_mark_stands_where_the_next_run_will() {
        let run = run(2);
        let item = of_mark(&run.address, &run.head, 9);
        let place = Place::read(&run.address, &item).unwrap();
        assert_eq!(place, Place { first: 7, commits: 0, head: Head { epoch: 9, ..run.head } });
        assert!(!place.holds(&Run { head: place.head, ..run.clone() }), "a mark is no run");
        assert_eq!(entries(&run.address, &item).unwrap(), []);
        assert_eq!(Lesson::read(&item).unwrap().times, None);
    }

    #[test]
    fn what_is_not_as_it_was_written_is_damage() {
        let run = run(2);
        let whole = of_run(&run);
        for (name, value) in [
            ("c", number(1_u64)),
            ("c", number(3_u64)),
            ("h", bytes([7; 32])),
            ("h", bytes([7; 31])),
            ("e", text("x")),
            ("r", bytes([1])),
            ("r", bytes([])),
        ] {
            let mut item = whole.clone();
            item.insert(name.into(), value.clone());
            assert!(entries(&run.address, &item).is_err(), "{name} {value:?}");
        }
        for name in ["n", "e", "c", "h", "r"] {
            let mut item = whole.clone();
            item.remove(name);
            assert!(entries(&run.address, &item).is_err(), "without {name}");
        }
        let mut item = whole;
        item.insert("x".into(), bytes([9]));
        assert!(Lesson::read(&item).is_err());
    }
}
