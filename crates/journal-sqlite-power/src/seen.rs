//! What the index answers: to be compared with what it answered before a bit flipped.

use dormouse_core::{Address, Time};
use dormouse_journal::{Filter, Index, Row, StoreError};
use dormouse_journal_sqlite::SqliteStore;

use crate::notes::{TASK, WAKE};

/// Answers by their names, in words; of one that is an error there is none.
pub(crate) type Seen = Vec<(&'static str, Option<String>)>;

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
        rows.push(store.row(address).await.map(|row| row.map(without_wake)));
    }
    let due = store.due(LATE, ALL).await.map(|due| {
        let mut due: Vec<Address> = due.into_iter().map(|(_, address)| address).collect();
        due.sort();
        due
    });
    let leases = store.lease(&[TASK], LATE, Time(LATE.0 + 1), ALL).await;
    let attempts = leases.as_ref().ok().map(|leases| leases.iter().map(|lease| lease.attempt).collect::<Vec<_>>());
    let leased = leases.map(|leases| leases.into_iter().map(|lease| (lease.address, lease.task)).collect::<Vec<_>>());
    let mut seen = vec![
        ("rows", in_words(rows.into_iter().collect::<Result<Vec<_>, _>>())),
        ("due", in_words(due)),
        ("leases", in_words(leased)),
        ("attempts", attempts.map(|attempts| format!("{attempts:?}"))),
        ("present", in_words(store.present(None, ALL).await)),
        ("everybody", in_words(store.sweep(None, ALL).await)),
        ("counts", in_words(store.counts().await)),
        ("activity", in_words(store.activity(Time(0)).await)),
    ];
    for (name, filter) in lists() {
        let page = store.list(&filter, None, ALL).await;
        seen.push((name, in_words(page.map(|page| page.rows.into_iter().map(without_wake).collect::<Vec<_>>()))));
    }
    seen
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

fn in_words<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> Option<String> {
    answer.ok().map(|answer| format!("{answer:?}"))
}
