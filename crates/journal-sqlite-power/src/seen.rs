//! What the index answers: to be compared with what it answered before a bit flipped.

use std::fmt::Debug;

use dormouse_core::{Address, Time};
use dormouse_journal::{Filter, Index, Row, StoreError};
use dormouse_journal_sqlite::SqliteStore;

use crate::notes::{TASK, WAKE};

/// Answers by their names; of one that is an error there is none.
pub(crate) type Seen = Vec<(&'static str, Option<Vec<Item>>)>;

/// One line of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    /// Whom it is about, if about one actor.
    pub(crate) actor: Option<Address>,
    words: String,
}

/// Answers that nothing can be held against: a lease and its attempts are in the index alone, and bars of commits of long ago too.
pub(crate) const ONLY_HERE: [&str; 3] = ["leases", "attempts", "activity"];

/// More than there is of anything.
const ALL: usize = 1_000;

/// When every wake is due and every lease has ended.
const LATE: Time = Time(WAKE.0 + ALL as u64);

/// All that the index answers. A wake may be earlier than it was: that wakes an actor once more, which finds nothing due.
pub(crate) async fn seen(store: &SqliteStore, addresses: impl Iterator<Item = &Address>) -> Seen {
    let mut rows = Vec::new();
    for address in addresses {
        // Of a row that is an error there is none.
        rows.push(Item::of(address, store.row(address).await.ok().map(|row| row.map(without_wake))));
    }
    let due = store.due(LATE, ALL).await.map(|due| {
        let mut due: Vec<Address> = due.into_iter().map(|(_, address)| address).collect();
        due.sort();
        due
    });
    let leases = store.lease(&[TASK], LATE, Time(LATE.0 + 1), ALL).await.unwrap_or_default();
    let counts = store.counts().await.map(|counts| vec![Item::of_all(counts)]);
    let activity = store.activity(Time(0)).await.map(|activity| vec![Item::of_all(activity)]);
    let mut seen = vec![
        ("rows", Some(rows)),
        ("due", names(due)),
        ("leases", Some(leases.iter().map(|lease| Item::of(&lease.address, &lease.task)).collect())),
        ("attempts", Some(leases.iter().map(|lease| Item::of(&lease.address, lease.attempt)).collect())),
        ("present", names(store.present(None, ALL).await)),
        ("everybody", names(store.sweep(None, ALL).await)),
        ("counts", counts.ok()),
        ("activity", activity.ok()),
    ];
    for (name, filter) in lists() {
        let page = store.list(&filter, None, ALL).await;
        let rows = page.map(|page| page.rows.into_iter().map(|row| Item::of(&row.address.clone(), without_wake(row))));
        seen.push((name, rows.ok().map(Iterator::collect)));
    }
    seen
}

impl Item {
    fn of(address: &Address, what: impl Debug) -> Self {
        Self { actor: Some(address.clone()), words: format!("{what:?}") }
    }

    fn of_all(what: impl Debug) -> Self {
        Self { actor: None, words: format!("{what:?}") }
    }
}

fn lists() -> [(&'static str, Filter); 4] {
    let name = |text: &str| text.parse().ok();
    let all = Filter { private: true, unlisted: true, retired: true, ..Filter::default() };
    let of_kind = Filter { tenant: name("main"), kind: name("notes"), ..Filter::default() };
    let of_status = Filter { status: Some("open".into()), private: true, ..of_kind.clone() };
    let mine = Filter { member: Some("g-2".into()), retired: true, ..Filter::default() };
    [("all", all), ("of a kind", of_kind), ("of a status", of_status), ("mine", mine)]
}

fn without_wake(row: Row) -> Row {
    Row { wake: None, ..row }
}

fn names(answer: Result<Vec<Address>, StoreError>) -> Option<Vec<Item>> {
    answer.ok().map(|names| names.iter().map(|address| Item::of(address, ())).collect())
}
