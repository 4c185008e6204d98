//! Lists: filters, order, whole pages.

use std::{collections::BTreeSet, sync::Arc};

use dormouse_core::{Summary, Time};
use tokio::task::JoinSet;

use super::{
    rows::{retire, says, summary},
    sample::Writer,
};
use crate::{
    index::{Cursor, Filter, Index, Row},
    journal::{IndexChange, Journal},
};

fn ids(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| row.address.id.to_string()).collect()
}

async fn listed(store: &impl Index, filter: &Filter) -> Vec<String> {
    let page = store.list(filter, None, 100).await.unwrap();
    assert_eq!(page.next, None);
    ids(&page.rows)
}

/// Read every page; `between` runs after each.
async fn pages(store: &impl Index, filter: &Filter, limit: usize, mut between: impl AsyncFnMut(usize)) -> Vec<String> {
    let (mut seen, mut after, mut count) = (Vec::new(), None::<String>, 0);
    loop {
        let page = store.list(filter, after.as_deref(), limit).await.unwrap();
        assert!(page.rows.len() <= limit);
        seen.extend(ids(&page.rows));
        between(count).await;
        count += 1;
        assert!(count <= 10_000, "the pages have no end");
        after = page.next;
        if after.is_none() {
            return seen;
        }
    }
}

/// Of actors that have no summary, too.
fn everything() -> Filter {
    Filter { unlisted: true, ..Filter::default() }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

pub(super) async fn filters_select<S: Journal + Index>(store: Arc<S>) {
    let actors = [
        ("main/todo/a", "open", &["ana", "ben"][..]),
        ("main/todo/b", "over", &["ana"]),
        ("main/duel/c", "open", &["ben"]),
        ("school/todo/d", "open", &["ana"]),
    ];
    for settle in [false, true] {
        for (address, status, members) in actors {
            let mut writer = Writer::new(address);
            if settle {
                store.delete(&writer.address).await.unwrap();
            }
            writer.change(&*store, says(summary(status, members))).await;
            if settle {
                store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
            }
        }
        if !settle {
            Writer::new("main/todo/e").append(&*store, 1).await;
            Writer::new("main/todo/f").change(&*store, retire()).await;
        }
        let tenant = |name: &str| Filter { tenant: Some(name.parse().unwrap()), ..Filter::default() };
        let kind = |name: &str| Filter { kind: Some(name.parse().unwrap()), ..tenant("main") };
        let status = |status: &str| Filter { status: Some(status.into()), ..Filter::default() };
        let member = |name: &str| Filter { member: Some(name.into()), ..Filter::default() };
        let expect: [(Filter, &[&str]); 13] = [
            (Filter::default(), &["a", "b", "c", "d"]),
            (Filter { unlisted: true, ..Filter::default() }, &["a", "b", "c", "d", "e"]),
            (Filter { unlisted: true, retired: true, ..Filter::default() }, &["a", "b", "c", "d", "e", "f"]),
            (tenant("main"), &["a", "b", "c"]),
            (tenant("school"), &["d"]),
            (tenant("nobody"), &[]),
            (kind("todo"), &["a", "b"]),
            (Filter { kind: Some("duel".parse().unwrap()), ..Filter::default() }, &["c"]),
            (status("open"), &["a", "c", "d"]),
            (Filter { status: Some("over".into()), ..kind("todo") }, &["b"]),
            (member("ana"), &["a", "b", "d"]),
            (Filter { member: Some("ana".into()), ..tenant("main") }, &["a", "b"]),
            (Filter { member: Some("ben".into()), status: Some("open".into()), ..kind("todo") }, &["a"]),
        ];
        for (filter, names) in expect {
            assert_eq!(sorted(listed(&*store, &filter).await), names, "{filter:?}");
        }
    }
    every_filter_pages_what_it_wants(&*store).await;
}

/// Every filter there is, over actors of every sort: its pages are the rows that it wants, in order.
async fn every_filter_pages_what_it_wants(store: &(impl Journal + Index)) {
    for n in 0..96 {
        let of = ["main/todo", "main/duel", "school/todo"][n % 3];
        let mut writer = Writer::new(&format!("{of}/w{n}"));
        writer.time = Time(writer.time.0 + (n as u64 * 7) % 10);
        let members = [&["ana"][..], &["ana", "ben"], &[]][n / 3 % 3];
        let (sort, private) = (n as i64 % 2, n % 4 < 2);
        let summary = Summary { sort, private, ..summary(["open", "over"][n / 2 % 2], members) };
        let summary = Some(Some(summary).filter(|_| n % 5 != 0));
        let retired = n % 7 < 2;
        writer.change(store, IndexChange { summary, retired, ..IndexChange::default() }).await;
        if n / 4 % 3 != 0 {
            store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
        }
        if n / 4 % 3 == 1 && !retired {
            writer.append(store, 1).await;
        }
    }
    let mut rows = Vec::new();
    for address in store.sweep(None, 1000).await.unwrap() {
        rows.extend(store.row(&address).await.unwrap());
    }
    rows.sort_by_key(|row| std::cmp::Reverse(Cursor::of(row)));
    for bits in 0..128 {
        let has = |bit: u8| bits & (1 << bit) != 0;
        let filter = Filter {
            tenant: has(0).then(|| "main".parse().unwrap()),
            kind: has(1).then(|| "todo".parse().unwrap()),
            status: has(2).then(|| "open".into()),
            member: has(3).then(|| "ana".into()),
            private: has(4),
            unlisted: has(6),
            retired: has(5),
        };
        let wanted: Vec<Row> = rows.iter().filter(|row| filter.wants(row)).cloned().collect();
        assert_eq!(pages(store, &filter, 7, async |_| {}).await, ids(&wanted), "{filter:?}");
    }
}

pub(super) async fn members_follow_the_summary<S: Journal + Index>(store: Arc<S>) {
    let mine = async |name: &str| listed(&*store, &Filter { member: Some(name.into()), ..Filter::default() }).await;
    let none = Vec::<String>::new();
    for settle in [false, true] {
        let mut writer = Writer::new(&format!("main/todo/{settle}"));
        let id = writer.address.id.to_string();
        let mut change = async |change: IndexChange| {
            writer.change(&*store, change).await;
            if settle {
                store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
            }
        };
        change(says(summary("open", &["ana", "ben", "ana"]))).await;
        assert_eq!(mine("ben").await, [id.as_str()]);
        change(says(summary("open", &["ana"]))).await;
        assert_eq!((mine("ben").await, mine("ana").await), (none.clone(), vec![id]));
        change(IndexChange { summary: Some(None), ..IndexChange::default() }).await;
        assert_eq!(mine("ana").await, none);
    }
}

pub(super) async fn private_rows_are_in_the_lists_of_their_members_alone<S: Journal + Index>(store: Arc<S>) {
    let private = |private, members: &[&str]| says(Summary { private, ..summary("open", members) });
    let mine = |name: &str| Filter { member: Some(name.into()), ..Filter::default() };
    let open = Filter { status: Some("open".into()), ..Filter::default() };
    let none = Vec::<String>::new();
    for settle in [false, true] {
        let mut writer = Writer::new(&format!("main/todo/{settle}"));
        let id = writer.address.id.to_string();
        let mut change = async |change: IndexChange| {
            writer.change(&*store, change).await;
            if settle {
                store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
            }
        };
        change(private(true, &["ana"])).await;
        assert_eq!(
            (listed(&*store, &mine("ana")).await, listed(&*store, &mine("ben")).await),
            (vec![id.clone()], none.clone())
        );
        for filter in [&Filter::default(), &open, &Filter { retired: true, ..Filter::default() }] {
            assert_eq!(listed(&*store, filter).await, none, "{filter:?}");
            let all = Filter { private: true, ..filter.clone() };
            assert!(listed(&*store, &all).await.contains(&id), "{all:?}");
        }
        change(private(false, &["ana"])).await;
        assert_eq!((listed(&*store, &mine("ana")).await, listed(&*store, &open).await), (vec![id.clone()], vec![id]));
        change(private(true, &[])).await;
        assert_eq!((listed(&*store, &mine("ana")).await, listed(&*store, &open).await), (none.clone(), none.clone()));
        let row = store.row(&writer.address).await.unwrap().unwrap();
        assert!(row.summary.unwrap().private, "who asks for the row itself sees it");
    }
}

pub(super) async fn the_newest_comes_first<S: Journal + Index>(store: Arc<S>) {
    let mut writers: Vec<Writer> = ["a", "b", "c"].map(|id| Writer::new(&format!("main/todo/{id}"))).into();
    for writer in &mut writers {
        writer.append(&*store, 1).await;
    }
    assert_eq!(listed(&*store, &everything()).await, ["c", "b", "a"], "equal times: descending addresses");
    for (n, settle) in [(0, false), (1, true), (0, true), (2, false), (1, false)] {
        let time = writers.iter().map(|writer| writer.time.0).max().unwrap() + 10;
        writers[n].time = Time(time);
        writers[n].append(&*store, 1).await;
        if settle {
            store.put_snapshot(&writers[n].address, writers[n].snapshot()).await.unwrap();
        }
        let mut order = writers.clone();
        order.sort_by_key(|writer| (std::cmp::Reverse(writer.time), std::cmp::Reverse(writer.address.clone())));
        let order: Vec<String> = order.iter().map(|writer| writer.address.id.to_string()).collect();
        assert_eq!(listed(&*store, &everything()).await, order);
        assert_eq!(pages(&*store, &everything(), 1, async |_| {}).await, order);
    }
}

pub(super) async fn the_highest_sort_comes_before_the_newest<S: Journal + Index>(store: Arc<S>) {
    let mut writers = Vec::new();
    for (n, (id, sort)) in [("a", -1), ("b", 7), ("c", 0), ("d", 7)].into_iter().enumerate() {
        let mut writer = Writer::new(&format!("main/todo/{id}"));
        writer.time = Time(writer.time.0 + n as u64);
        writer.change(&*store, says(Summary { sort, ..summary("open", &[]) })).await;
        writers.push(writer);
    }
    assert_eq!(listed(&*store, &everything()).await, ["d", "b", "c", "a"]);
    store.put_snapshot(&writers[1].address, writers[1].snapshot()).await.unwrap();
    writers[0].change(&*store, says(Summary { sort: 9, ..summary("open", &[]) })).await;
    let order = ["a", "d", "b", "c"];
    assert_eq!(listed(&*store, &everything()).await, order);
    assert_eq!(pages(&*store, &everything(), 1, async |_| {}).await, order);
    let high = writers[0].head.position();
    let back = says(Summary { sort: 1, ..summary("open", &[]) });
    store.reindex(&writers[0].address, high, back).await.unwrap();
    assert_eq!(pages(&*store, &everything(), 2, async |_| {}).await, ["d", "b", "a", "c"]);
}

pub(super) async fn pages_are_whole_while_rows_change<S: Journal + Index>(store: Arc<S>) {
    let mut writers: Vec<Writer> = (0..60).map(|n| Writer::new(&format!("main/todo/a{n:02}"))).collect();
    for (n, writer) in writers.iter_mut().enumerate() {
        writer.time = Time(writer.time.0 + 7 * (n as u64 % 20));
        writer.append(&*store, 1).await;
        if n % 2 == 0 {
            store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
        }
    }
    let mut time = writers[0].time.0 + 1000;
    let mut changed = BTreeSet::new();
    let seen = pages(&*store, &everything(), 4, async |page| {
        time += 1;
        for n in [(page * 7) % 60, (page * 13 + 5) % 60] {
            let writer: &mut Writer = &mut writers[n];
            writer.time = Time(time);
            writer.append(&*store, 1).await;
            if page % 3 == 0 {
                store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
            }
            changed.insert(writer.address.id.to_string());
        }
    })
    .await;
    let once: BTreeSet<String> = seen.iter().cloned().collect();
    assert_eq!(once.len(), seen.len(), "a row is on two pages");
    for n in 0..60 {
        let id = format!("a{n:02}");
        assert!(once.contains(&id) || changed.contains(&id), "{id} did not change and is on no page");
    }
}

pub(super) async fn pages_are_whole_over_five_thousand<S: Journal + Index>(store: Arc<S>) {
    let mut tasks = JoinSet::new();
    for part in 0..50_u64 {
        let store = store.clone();
        tasks.spawn(async move {
            for n in 0..100 {
                let mut writer = Writer::new(&format!("main/todo/a{:04}", part * 100 + n));
                writer.time = Time(writer.time.0 + (part * 31 + n * 17) % 50);
                writer.append(&*store, 1).await;
                if n % 3 == 0 {
                    store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
                }
            }
        });
    }
    tasks.join_all().await;
    let seen = pages(&*store, &everything(), 199, async |_| {}).await;
    assert_eq!(seen.len(), 5000);
    assert_eq!(sorted(seen), (0..5000).map(|n| format!("a{n:04}")).collect::<Vec<_>>());
}

pub(super) async fn a_bad_cursor_is_an_empty_last_page<S: Journal + Index>(store: Arc<S>) {
    Writer::new("main/todo/a").append(&*store, 1).await;
    for bad in ["", "x", "1:2", "1:x:main/todo/a", "1:2:main/todo", "1e3:2:main/todo/a", "' OR 1=1 --"] {
        let page = store.list(&everything(), Some(bad), 10).await.unwrap();
        assert_eq!((page.rows, page.next), (vec![], None), "{bad:?}");
    }
}
