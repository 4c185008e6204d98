//! Rows: items of the table `index`.
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `p` | S, partition key | `row` and the part that the address falls into |
//! | `s` | S, sort key | the address, so that addresses sort as they do elsewhere |
//! | `v` | N | how often the row was written: a change of what was read is written if nobody else wrote |
//! | `e`, `n`, `t` | N, N, B | the position: epoch, seq, tag |
//! | `b`, `u` | N | the times of the first and of the newest commit |
//! | `y` | B, if there is one | the summary |
//! | `x` | BOOL, if so | the actor is retired |
//! | `wp`, `ws` | S, if there is a wake | keys of the index `due`: the part; the time and the address |
//! | `op` | S, if somebody is present | key of the index `present`: the part |
//! | `lp`, `ls` | S | keys of the index `lists`: tenant, kind, class and part; the [`Cursor`] in a form that sorts |

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use dormouse_core::{Address, Hash, Name, Time, position::Position};
use dormouse_journal::{Filter, IndexChange, Row, index::Cursor};

use crate::{
    change,
    items::{Item, bytes, bytes_in, item, number, number_in, text, text_in},
};

/// Above every address and every key in this table.
pub(crate) const ABOVE: char = '~';

/// Into how many parts rows, wakes and tasks fall by their addresses. Each is a partition key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts(pub(crate) u8);

impl Parts {
    pub(crate) fn all(self) -> impl Iterator<Item = u8> + Clone {
        0..self.0
    }

    pub(crate) fn of(self, address: &Address) -> u8 {
        Hash::of("dormouse/part/1", &[address.to_string().as_bytes()]).0[0] % self.0
    }
}

/// The address as text that sorts as addresses do: a space is below all that a name holds.
pub(crate) fn sorted(address: &Address) -> String {
    format!("{} {} {}", address.tenant, address.kind, address.id)
}

/// The address that such text begins with.
pub(crate) fn address_of(sorted: &str) -> Option<Address> {
    let mut names = sorted.splitn(4, ' ');
    let mut name = || -> Option<Name> { names.next()?.parse().ok() };
    Some(Address { tenant: name()?, kind: name()?, id: name()? })
}

/// A time, or another number, as text that sorts.
pub(crate) fn digits(number: u64) -> String {
    format!("{number:020}")
}

pub(crate) fn key(parts: Parts, address: &Address) -> Item {
    item([("p", text(partition("row", parts.of(address)))), ("s", text(sorted(address)))])
}

pub(crate) fn partition(what: &str, part: u8) -> String {
    format!("{what} {part}")
}

/// Which of the lists a row is on: each class is a partition key of its own, so that whoever wants none of a class reads none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    retired: bool,
    shown: Shown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    ToAll,
    Privately,
    Not,
}

impl Class {
    fn of(row: &Row) -> Self {
        let shown = match &row.summary {
            Some(summary) if summary.private => Shown::Privately,
            Some(_) => Shown::ToAll,
            None => Shown::Not,
        };
        Self { retired: row.retired, shown }
    }

    /// Those that a filter without a member may want.
    pub(crate) fn wanted(filter: &Filter) -> Vec<Self> {
        let retired = [Some(false), filter.retired.then_some(true)];
        let shown = [
            Some(Shown::ToAll),
            filter.private.then_some(Shown::Privately),
            // Nothing without a summary has a status.
            (filter.unlisted && filter.status.is_none()).then_some(Shown::Not),
        ];
        let of = |retired| shown.into_iter().flatten().map(move |shown| Self { retired, shown });
        retired.into_iter().flatten().flat_map(of).collect()
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = match self.shown {
            Shown::ToAll => "all",
            Shown::Privately => "private",
            Shown::Not => "unlisted",
        };
        write!(f, "{shown}{}", if self.retired { "-retired" } else { "" })
    }
}

/// The partition of the index `lists` that holds such rows.
pub(crate) fn list_partition(tenant: &str, kind: &str, class: Class, part: u8) -> String {
    format!("{tenant} {kind} {class} {part}")
}

/// A cursor as text that sorts as cursors do.
pub(crate) fn list_place(cursor: &Cursor) -> String {
    // i64::MIN is 0, and so on up.
    let sort = cursor.sort.wrapping_sub(i64::MIN).cast_unsigned();
    format!("{}{} {}", digits(sort), digits(cursor.updated.0), sorted(&cursor.address))
}

/// A row and how often it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) row: Row,
    pub(crate) version: u64,
}

impl Stored {
    pub(crate) fn read(item: &Item) -> Option<Self> {
        let time = |name| number_in(item, name).map(Time);
        let position = Position {
            epoch: number_in(item, "e")?,
            seq: number_in(item, "n")?,
            tag: bytes_in(item, "t")?.try_into().ok()?,
        };
        let row = Row {
            address: address_of(text_in(item, "s")?)?,
            position,
            created: time("b")?,
            updated: time("u")?,
            wake: text_in(item, "ws").and_then(wake_of),
            summary: bytes_in(item, "y").and_then(change::decode_summary),
            present: item.contains_key("op"),
            retired: item.contains_key("x"),
        };
        Some(Self { row, version: number_in(item, "v")? })
    }

    pub(crate) fn item(&self, parts: Parts) -> Item {
        let Row { address, position, created, updated, wake, summary, present, retired } = &self.row;
        let part = parts.of(address);
        let mut row = key(parts, address);
        row.extend(item([
            ("v", number(self.version)),
            ("e", number(position.epoch)),
            ("n", number(position.seq)),
            ("t", bytes(position.tag)),
            ("b", number(created.0)),
            ("u", number(updated.0)),
            ("lp", text(list_partition(address.tenant.as_str(), address.kind.as_str(), Class::of(&self.row), part))),
            ("ls", text(list_place(&Cursor::of(&self.row)))),
        ]));
        if let Some(summary) = summary {
            row.insert("y".into(), bytes(change::encode_summary(summary)));
        }
        if let Some(wake) = wake {
            row.extend(item([("wp", text(partition("due", part))), ("ws", text(due_place(*wake, address)))]));
        }
        if *present {
            row.insert("op".into(), text(partition("present", part)));
        }
        if *retired {
            row.insert("x".into(), AttributeValue::Bool(true));
        }
        row
    }

    /// The row with these changes; tasks are items of their own.
    pub(crate) fn change(&mut self, change: &IndexChange) {
        let row = &mut self.row;
        self.version += 1;
        row.retired |= change.retired;
        if let Some(summary) = &change.summary {
            row.summary.clone_from(summary);
        }
        row.wake = if row.retired { None } else { change.wake.unwrap_or(row.wake) };
        row.present = !row.retired && change.present.unwrap_or(row.present);
    }
}

fn due_place(wake: Time, address: &Address) -> String {
    format!("{} {}", digits(wake.0), sorted(address))
}

/// The time in a key of the index `due`.
pub(crate) fn wake_of(place: &str) -> Option<Time> {
    place.split(' ').next()?.parse().ok().map(Time)
}

#[cfg(test)]
mod tests {
    use dormouse_core::Summary;

    use super::*;

    fn sample() -> Stored {
        let address: Address = "main/todo/a-1".parse().unwrap();
        let summary = Summary { title: "A".into(), status: "open".into(), sort: -4, ..Summary::default() };
        let position = Position { epoch: 2, seq: 77, tag: [5; 8] };
        let (created, updated, wake) = (Time(10), Time(20), Some(Time(30)));
        let row =
            Row { address, position, created, updated, wake, summary: Some(summary), present: true, retired: false };
        Stored { row, version: 9 }
    }

    #[test]
    fn a_row_reads_back() {
        let full = sample();
        let mut bare = sample();
        bare.row = Row { wake: None, summary: None, present: false, retired: true, ..bare.row };
        for stored in [full, bare] {
            assert_eq!(Stored::read(&stored.item(Parts(4))), Some(stored));
        }
    }

    #[test]
    fn only_who_waits_is_in_an_index_of_those() {
        let mut stored = sample();
        assert!(["wp", "ws", "op"].iter().all(|name| stored.item(Parts(4)).contains_key(*name)));
        stored.change(&IndexChange { retired: true, ..IndexChange::default() });
        assert!(["wp", "ws", "op"].iter().all(|name| !stored.item(Parts(4)).contains_key(*name)));
    }

    #[test]
    fn texts_sort_as_what_they_say() {
        let addresses = ["Z/k/x", "a/k/10", "a/k/9", "a/k/X", "a/k/x", "a/k/y", "a/k-1/x", "a/kk/x", "a-b/k/x"];
        let addresses: Vec<Address> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        assert!(addresses.is_sorted());
        assert!(addresses.iter().map(sorted).is_sorted());
        assert!(addresses.iter().all(|address| address_of(&sorted(address)).as_ref() == Some(address)));
        let mut cursors = Vec::new();
        for sort in [i64::MIN, -1, 0, 7, i64::MAX] {
            for updated in [0, 99, u64::MAX] {
                let of = |address: &Address| Cursor { sort, updated: Time(updated), address: address.clone() };
                cursors.extend(addresses.iter().map(of));
            }
        }
        assert!(cursors.is_sorted());
        assert!(cursors.iter().map(list_place).is_sorted());
        assert!(list_place(&cursors[0]).as_str() < "~");
    }

    #[test]
    fn a_filter_reads_the_classes_that_it_may_want() {
        let count = |filter: &Filter| Class::wanted(filter).len();
        let all = Filter { private: true, unlisted: true, retired: true, ..Filter::default() };
        assert_eq!((count(&Filter::default()), count(&all)), (1, 6));
        assert_eq!(count(&Filter { status: Some("open".into()), ..all }), 4);
    }
}
