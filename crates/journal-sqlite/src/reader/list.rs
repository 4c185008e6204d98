//! Lists: rows of the file merged with those of actors that have moved since they were settled.
//!
//! The file's order is stale for an actor with rows in the log. So the list of those is taken first, sorted as their heads say, and merged
//! with the file's rows, from which they are left out. A dirty actor's row is read when its turn comes, so a page reads few of them.
//!
//! A page costs what is on it: in the file each list is a few ranges of an index, and in memory is what else a list chooses by. Two lists
//! cost more. That of a member reads and sorts all rows of this member; one that names no kind, or no tenant, walks over those of others.

use std::collections::{HashMap, HashSet};

use dormouse_core::{Name, Time, position::Head};
use dormouse_journal::{Filter, Page, Row, index::Cursor};
use rusqlite::{Connection, OptionalExtension, Rows, params_from_iter, types::Value};

use super::rows::{COLUMNS, SORT, UPDATED, lay_over, row_at};
use crate::{
    convert::{int, texts, time_at},
    failure::{Failure, whole},
    tails::{Key, PRIVATE, PUBLIC, Tails, UNLISTED},
};

/// An actor with rows in the log, where its head puts it.
pub(crate) struct Dirty {
    id: i64,
    place: Cursor,
    head: Head,
}

/// The dirty actors whose rows in the file are left out; with the sort and the time at which the page may have them instead.
type LeftOut = HashMap<i64, Option<(i64, Time)>>;

/// The dirty actors that a list may want, taken under the lock.
pub(crate) fn dirty(tails: &Tails, filter: &Filter, after: Option<&Cursor>) -> (LeftOut, Vec<Dirty>) {
    let (mut left_out, mut wanted) = (LeftOut::new(), Vec::new());
    for (Key { address, .. }, tail) in &tails.actors {
        let is = |wanted: &Option<Name>, name| wanted.as_ref().is_none_or(|wanted| wanted == name);
        // The file's ranges leave out who has retired, and nobody comes back from that. All else may be different when they are read.
        let in_file = filter.retired || !tail.listed.retired;
        if in_file && is(&filter.tenant, &address.tenant) && is(&filter.kind, &address.kind) {
            let place = || Cursor { sort: tail.listed.sort, updated: tail.updated, address: address.clone() };
            let place = tail.listed.may_be_in(filter).then(place);
            let place = place.filter(|place| after.is_none_or(|after| place < after));
            left_out.insert(tail.id, place.as_ref().map(|place| (place.sort, place.updated)));
            wanted.extend(place.map(|place| Dirty { id: tail.id, place, head: tail.head }));
        }
    }
    (left_out, wanted)
}

/// One page.
pub(crate) fn list(
    conn: &mut Connection,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: usize,
    (left_out, mut dirty): (LeftOut, Vec<Dirty>),
) -> Result<Page, Failure> {
    let transaction = conn.transaction()?;
    if let Some(member) = &filter.member {
        let theirs = actors_of(&transaction, member)?;
        dirty.retain(|dirty| theirs.contains(&dirty.id));
    }
    dirty.sort_unstable_by(|a, b| b.place.cmp(&a.place));
    let (sql, values) = query(filter, after);
    let mut select = transaction.prepare_cached(&sql)?;
    let room = limit.saturating_add(1);
    let settled = Settled { rows: select.query(params_from_iter(values))?, left_out: &left_out, room };
    let moved = Moved { conn: &transaction, filter, dirty: dirty.into_iter() };
    let mut rows = merge(settled, moved, room)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(place, _)| place.to_string());
    Ok(Page { rows: rows.into_iter().map(|(_, row)| row).collect(), next })
}

fn actors_of(conn: &Connection, member: &str) -> rusqlite::Result<HashSet<i64>> {
    let mut select = conn.prepare_cached("SELECT actor FROM members WHERE principal = ?1")?;
    select.query_map([member], |row| row.get(0))?.collect()
}

/// The rows of the file in the order of the list.
fn query(filter: &Filter, after: Option<&Cursor>) -> (String, Vec<Value>) {
    let (tests, values) = conditions(filter, after);
    let select = |from: &str, more: &str| format!("SELECT {COLUMNS} FROM {from} WHERE {tests}{more}");
    let rows = if filter.member.is_some() {
        let retired = if filter.retired { "" } else { " AND a.retired = 0" };
        // CROSS, or else SQLite may walk over the whole kind and ask of each actor whether it is the member's.
        select("members AS m CROSS JOIN actors AS a ON a.id = m.actor", retired)
    } else {
        let range = |(retired, private)| {
            select("actors AS a", &format!(" AND a.retired = {retired} AND a.private = {private}"))
        };
        ranges(filter).map(range).collect::<Vec<_>>().join(" UNION ALL ")
    };
    (format!("{rows} ORDER BY sort DESC, updated DESC, tenant DESC, kind DESC, name DESC"), values)
}

/// The values of `retired` and `private` that the list wants. An index has each pair in a range of its own, and SQLite merges them.
fn ranges(filter: &Filter) -> impl Iterator<Item = (i64, i64)> {
    let wanted = [(PUBLIC, true), (PRIVATE, filter.private), (UNLISTED, filter.unlisted)];
    let wanted = wanted.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(private, _)| private);
    (0..=i64::from(filter.retired)).flat_map(move |retired| wanted.clone().map(move |private| (retired, private)))
}

/// What every range is tested for, and the values in the order in which it first names them: each range names them again.
fn conditions(filter: &Filter, after: Option<&Cursor>) -> (String, Vec<Value>) {
    let text = |text: &str| Value::Text(text.to_owned());
    let name = |name: &Option<Name>| name.as_ref().map(|name| text(name.as_str()));
    // Where all rows have one tenant, or one kind, SQLite wants no order by it, and then takes no index that has it in its order. The plus
    // hides that.
    let of_kind = filter.tenant.is_some() && filter.kind.is_some();
    let (tenant, kind) =
        if of_kind { ("a.tenant = :tenant", "a.kind = :kind") } else { ("+a.tenant = :tenant", "+a.kind = :kind") };
    let equal = [
        ("m.principal = :member", filter.member.as_deref().map(text)),
        (tenant, name(&filter.tenant)),
        (kind, name(&filter.kind)),
        ("a.status = :status", filter.status.as_deref().map(text)),
    ];
    let (mut tests, mut values) = (vec!["1"], Vec::new());
    for (test, value) in equal {
        tests.extend(value.as_ref().map(|_| test));
        values.extend(value);
    }
    if let Some(Cursor { sort, updated, address }) = after {
        tests.push("(a.sort, a.updated, a.tenant, a.kind, a.name) < (:sort, :updated, :after_tenant, :after_kind, :after_name)");
        let (tenant, kind, name) = texts(address);
        values.extend([Value::Integer(*sort), Value::Integer(int(updated.0)), text(tenant), text(kind), text(name)]);
    }
    (tests.join(" AND "), values)
}

/// A row and where its list puts it.
type Placed = (Cursor, Row);

/// Both are in descending order of their places; so is the result.
fn merge(mut settled: Settled<'_>, mut moved: Moved<'_>, limit: usize) -> rusqlite::Result<Vec<Placed>> {
    let (mut rows, mut a, mut b) = (Vec::new(), settled.next()?, moved.next()?);
    while rows.len() < limit {
        let a_is_first = match (&a, &b) {
            (Some((a, _)), Some((b, _))) => a > b,
            (a, _) => a.is_some(),
        };
        let next = if a_is_first {
            std::mem::replace(&mut a, settled.next()?)
        } else {
            std::mem::replace(&mut b, moved.next()?)
        };
        let Some(next) = next else { break };
        rows.push(next);
    }
    Ok(rows)
}

struct Settled<'a> {
    rows: Rows<'a>,
    left_out: &'a LeftOut,
    /// How many rows the page may have from here on: the next one of the file is behind all those before it, moved or not.
    room: usize,
}

impl Settled<'_> {
    fn next(&mut self) -> rusqlite::Result<Option<Placed>> {
        while self.room > 0
            && let Some(row) = self.rows.next()?
        {
            let Some(moved) = self.left_out.get(&row.get(0)?) else {
                let Some(row) = whole(row_at(row)).transpose()? else { continue };
                self.room -= 1;
                return Ok(Some((Cursor::of(&row.1), row.1)));
            };
            // Actors move up. One that does not, because a clock went back or because it was settled meanwhile, takes no room yet.
            let place = whole(place_at(row)).transpose()?;
            if place.is_some_and(|place| *moved >= Some(place)) {
                self.room -= 1;
            }
        }
        Ok(None)
    }
}

/// The row's sort and time, as the file has them.
fn place_at(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Time)> {
    Ok((row.get(SORT)?, time_at(row, UPDATED)?))
}

struct Moved<'a> {
    conn: &'a Connection,
    filter: &'a Filter,
    dirty: std::vec::IntoIter<Dirty>,
}

impl Moved<'_> {
    fn next(&mut self) -> rusqlite::Result<Option<Placed>> {
        let mut select = self.conn.prepare_cached(&one())?;
        for Dirty { id, place, head } in self.dirty.by_ref() {
            let found = select.query_row([id], row_at).optional().transpose();
            let Some((_, mut row)) = found.and_then(whole).transpose()? else { continue };
            lay_over(&mut row, head, place.updated);
            if self.filter.wants(&row) {
                return Ok(Some((place, row)));
            }
        }
        Ok(None)
    }
}

fn one() -> String {
    format!("SELECT {COLUMNS} FROM actors AS a WHERE id = ?1")
}

#[cfg(test)]
mod tests {
    use dormouse_core::Summary;
    use dormouse_journal::IndexChange;
    use rusqlite::{StatementStatus, params};

    use super::*;
    use crate::tails::{Listed, Shared, Tail, privacy};

    fn file() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let conn = crate::schema::open_writer(&dir.path().join("journal.sqlite"), &crate::Options::default()).unwrap();
        (dir, conn)
    }

    /// How SQLite answers a list.
    fn plan(conn: &Connection, filter: &Filter, after: Option<&Cursor>) -> Vec<String> {
        let (sql, values) = query(filter, after);
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.query_map(params_from_iter(values), |row| row.get(3)).unwrap();
        steps.collect::<rusqlite::Result<_>>().unwrap()
    }

    /// Every filter there is.
    fn filters() -> impl Iterator<Item = Filter> {
        let name = |text: &str| text.parse().unwrap();
        (0..128).map(move |bits: u8| {
            let has = |bit: u8| bits & (1 << bit) != 0;
            Filter {
                tenant: has(0).then(|| name("main")),
                kind: has(1).then(|| name("todo")),
                status: has(2).then(|| "open".into()),
                member: has(3).then(|| "ana".into()),
                private: has(4),
                unlisted: has(6),
                retired: has(5),
            }
        })
    }

    fn after() -> [Option<Cursor>; 2] {
        [None, Some("0:5:main/todo/a".parse().unwrap())]
    }

    /// The ranges of each index that a list of no member may walk: so much of it is alike for all rows.
    fn range_of(filter: &Filter) -> &'static str {
        match (&filter.tenant, &filter.kind, &filter.status) {
            (Some(_), Some(_), Some(_)) => {
                "lists_of_status (tenant=? AND kind=? AND status=? AND retired=? AND private=?"
            }
            (Some(_), Some(_), None) => "lists_of_kind (tenant=? AND kind=? AND retired=? AND private=?",
            _ => "lists_of_all (retired=? AND private=?",
        }
    }

    #[test]
    fn every_list_walks_ranges_of_an_index_and_sorts_nothing() {
        let (_dir, conn) = file();
        for filter in filters().filter(|filter| filter.member.is_none()) {
            for after in &after() {
                let plan = plan(&conn, &filter, after.as_ref());
                let (searches, merges): (Vec<_>, Vec<_>) = plan.iter().partition(|step| step.starts_with("SEARCH"));
                let index = format!("SEARCH a USING INDEX {}", range_of(&filter));
                assert!(searches.iter().all(|search| search.starts_with(&index)), "{filter:?}: {plan:?}");
                assert!(searches.iter().all(|search| search.contains("(sort,updated") == after.is_some()), "{plan:?}");
                let shown = 1 + usize::from(filter.private) + usize::from(filter.unlisted);
                assert_eq!(searches.len(), shown << u8::from(filter.retired), "{plan:?}");
                let merge = ["MERGE (UNION ALL)", "LEFT", "RIGHT"];
                assert!(merges.iter().all(|step| merge.contains(&step.as_str())), "{filter:?}: {plan:?}");
            }
        }
    }

    #[test]
    fn every_list_of_mine_starts_from_the_member() {
        let (_dir, conn) = file();
        let expected = [
            "SEARCH m USING PRIMARY KEY (principal=?)",
            "SEARCH a USING INTEGER PRIMARY KEY (rowid=?)",
            // Of the member's rows alone.
            "USE TEMP B-TREE FOR ORDER BY",
        ];
        for filter in filters().filter(|filter| filter.member.is_some()) {
            for after in &after() {
                assert_eq!(plan(&conn, &filter, after.as_ref()), expected, "{filter:?}");
            }
        }
    }

    /// Add so many actors, each newer than the one before.
    fn add(conn: &mut Connection, count: usize, (private, retired): (bool, bool), status: Option<&str>, member: &str) {
        let members = vec![member.to_owned()];
        let summary = status.map(|status| Summary { status: status.into(), private, members, ..Summary::default() });
        let private = privacy(summary.as_ref());
        let json = summary.map(|summary| serde_json::to_string(&summary).unwrap());
        let actor = "INSERT INTO actors(tenant, kind, name, epoch, head_seq, head_hash, created, updated, summary, status, private, retired)
                     SELECT 'main', 'todo', 'a' || count(*), 1, 1, zeroblob(32), 1, count(*), ?1, ?2, ?3, ?4 FROM actors";
        let transaction = conn.transaction().unwrap();
        for _ in 0..count {
            transaction.execute(actor, params![json, status, private, retired]).unwrap();
            let id = transaction.last_insert_rowid();
            transaction
                .execute("INSERT INTO members SELECT ?1, ?2 WHERE ?3", params![member, id, status.is_some()])
                .unwrap();
        }
        transaction.commit().unwrap();
    }

    /// What SQLite does for the first ten rows of this list.
    fn steps(conn: &mut Connection, filter: &Filter, tails: &Tails) -> i32 {
        let page = list(conn, filter, None, 10, dirty(tails, filter, None)).unwrap();
        assert!(!page.rows.is_empty(), "{filter:?}");
        let used = |sql: &str| conn.prepare_cached(sql).unwrap().reset_status(StatementStatus::VmStep);
        used(&query(filter, None).0) + used(&one())
    }

    #[test]
    fn a_list_costs_nothing_for_what_it_leaves_out() {
        let (_dir, mut conn) = file();
        let of_kind = |filter: &Filter| filter.tenant.is_some() && filter.kind.is_some() && !filter.retired;
        let filters: Vec<Filter> = filters().filter(of_kind).collect();
        add(&mut conn, 20, (false, false), Some("open"), "ana");
        let settled = Tails::default();
        let before: Vec<i32> = filters.iter().map(|filter| steps(&mut conn, filter, &settled)).collect();
        add(&mut conn, 2000, (false, true), Some("open"), "ben");
        add(&mut conn, 2000, (true, false), Some("over"), "ben");
        add(&mut conn, 2000, (false, false), None, "ben");
        // Settled, and with the newer ones moved since.
        for tails in [settled, tails(&conn, 21), tails(&conn, 1)] {
            for (filter, before) in filters.iter().zip(&before) {
                let now = steps(&mut conn, filter, &tails);
                assert!(now <= 3 * before, "{filter:?}: {before}, and now {now}");
            }
        }
    }

    /// What is in memory if all actors from this one on have moved since they were settled.
    fn tails(conn: &Connection, first: i64) -> Tails {
        let (shared, mut tails) = (Shared::default(), Tails::default());
        let sql = format!("SELECT {COLUMNS}, {} FROM actors AS a WHERE id >= ?1", Listed::COLUMNS);
        let mut select = conn.prepare(&sql).unwrap();
        let mut rows = select.query([first]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let ((id, found), listed) = (row_at(row).unwrap(), Listed::at(row, 15).unwrap());
            let (head, updated) = (Head::start(1), Time(found.updated.0 + 10_000));
            tails.actors.insert(
                shared.key(&found.address),
                Tail { id, head, updated, listed, rows: Vec::new(), is_damaged: false },
            );
        }
        tails
    }

    #[test]
    fn an_actor_that_moved_down_hides_nobody() {
        let (_dir, mut conn) = file();
        add(&mut conn, 20, (false, false), Some("open"), "ana");
        let mut tails = tails(&conn, 16);
        tails.actors.values_mut().for_each(|tail| tail.updated = Time(0));
        let all = Filter::default();
        let page = list(&mut conn, &all, None, 2, dirty(&tails, &all, None)).unwrap();
        let names: Vec<&str> = page.rows.iter().map(|row| row.address.id.as_str()).collect();
        assert_eq!(names, ["a14", "a13"]);
    }

    #[test]
    fn of_those_that_have_moved_only_what_a_list_may_want_is_read() {
        let (shared, mut tails) = (Shared::default(), Tails::default());
        let summary = |status: &str, private| Summary { status: status.into(), private, ..Default::default() };
        let mut add = |id: i64, summary, retired| {
            let mut listed = Listed::default();
            listed.change(&IndexChange { summary: Some(summary), retired, ..IndexChange::default() });
            let key = shared.key(&format!("main/todo/a{id}").parse().unwrap());
            let head = Head::start(1);
            tails.actors.insert(key, Tail { id, head, updated: Time(5), listed, rows: Vec::new(), is_damaged: false });
        };
        add(1, Some(summary("open", false)), false);
        add(2, Some(summary("over", false)), false);
        add(3, Some(summary("open", true)), false);
        add(4, Some(summary("open", false)), true);
        add(5, None, false);
        let (all, open) = (Filter::default(), Filter { status: Some("open".into()), ..Filter::default() });
        let expect: [(Filter, &[i64]); 6] = [
            (all.clone(), &[1, 2]),
            (Filter { unlisted: true, ..all.clone() }, &[1, 2, 5]),
            (open.clone(), &[1]),
            (Filter { private: true, ..open }, &[1, 3]),
            (Filter { member: Some("ana".into()), ..all.clone() }, &[1, 2, 3]),
            (Filter { retired: true, ..all }, &[1, 2, 4]),
        ];
        for (filter, wanted) in expect {
            let (left_out, dirty) = dirty(&tails, &filter, None);
            let mut ids: Vec<i64> = dirty.iter().map(|dirty| dirty.id).collect();
            ids.sort_unstable();
            assert_eq!(ids, wanted, "{filter:?}");
            assert_eq!(left_out.len(), if filter.retired { 5 } else { 4 }, "{filter:?}");
        }
    }
}
