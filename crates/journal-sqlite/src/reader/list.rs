//! Lists: rows of the file merged with those of actors that have moved since they were settled.
//!
//! The file's order is stale for an actor with rows in the log. So the list of those is taken first, sorted as their heads say, and merged
//! with the file's rows, from which they are left out. A dirty actor's row is read when its turn comes, so a page reads few of them.

use std::collections::HashSet;

use dormouse_core::{Name, position::Head};
use dormouse_journal::{Filter, Page, Row, index::Cursor};
use rusqlite::{Connection, OptionalExtension, Rows, params_from_iter, types::Value};

use super::rows::{COLUMNS, lay_over, row_at};
use crate::{
    convert::{int, texts},
    failure::Failure,
    tails::{Key, Tails},
};

/// An actor with rows in the log, where its head puts it.
pub(crate) struct Dirty {
    id: i64,
    place: Cursor,
    head: Head,
}

/// The dirty actors that a list may want, taken under the lock.
pub(crate) fn dirty(tails: &Tails, filter: &Filter, after: Option<&Cursor>) -> (HashSet<i64>, Vec<Dirty>) {
    let mut wanted = Vec::new();
    for (Key { address, .. }, tail) in &tails.actors {
        let is = |wanted: &Option<Name>, name| wanted.as_ref().is_none_or(|wanted| wanted == name);
        if is(&filter.tenant, &address.tenant) && is(&filter.kind, &address.kind) {
            let place = Cursor { sort: tail.sort, updated: tail.updated, address: address.clone() };
            wanted.push(Dirty { id: tail.id, place, head: tail.head });
        }
    }
    let ids = wanted.iter().map(|dirty| dirty.id).collect();
    wanted.retain(|dirty| after.is_none_or(|after| dirty.place < *after));
    (ids, wanted)
}

/// One page.
pub(crate) fn list(
    conn: &mut Connection,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: usize,
    (ids, mut dirty): (HashSet<i64>, Vec<Dirty>),
) -> Result<Page, Failure> {
    dirty.sort_unstable_by(|a, b| b.place.cmp(&a.place));
    let transaction = conn.transaction()?;
    let (sql, values) = query(filter, after);
    let mut select = transaction.prepare_cached(&sql)?;
    let settled = Settled { rows: select.query(params_from_iter(values))?, left_out: &ids };
    let moved = Moved { conn: &transaction, filter, dirty: dirty.into_iter() };
    let mut rows = merge(settled, moved, limit.saturating_add(1))?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(place, _)| place.to_string());
    Ok(Page { rows: rows.into_iter().map(|(_, row)| row).collect(), next })
}

fn query(filter: &Filter, after: Option<&Cursor>) -> (String, Vec<Value>) {
    let text = |text: &str| Value::Text(text.to_owned());
    let mut from = "actors AS a";
    let (mut tests, mut values) = (Vec::new(), Vec::new());
    if let Some(member) = &filter.member {
        from = "members AS m JOIN actors AS a ON a.id = m.actor";
        tests.push("m.principal = ?");
        values.push(text(member));
    } else if !filter.private {
        tests.push("a.private = 0");
    }
    let equal = [
        ("a.tenant = ?", filter.tenant.as_ref().map(|name| name.as_str())),
        ("a.kind = ?", filter.kind.as_ref().map(|name| name.as_str())),
        ("a.status = ?", filter.status.as_deref()),
    ];
    for (test, wanted) in equal {
        tests.extend(wanted.map(|_| test));
        values.extend(wanted.map(text));
    }
    if !filter.retired {
        tests.push("a.retired = 0");
    }
    if let Some(Cursor { sort, updated, address }) = after {
        let (tenant, kind, name) = texts(address);
        tests.push("(a.sort, a.updated, a.tenant, a.kind, a.name) < (?, ?, ?, ?, ?)");
        values.extend([Value::Integer(*sort), Value::Integer(int(updated.0)), text(tenant), text(kind), text(name)]);
    }
    let tests = if tests.is_empty() { "1".to_owned() } else { tests.join(" AND ") };
    let order = "a.sort DESC, a.updated DESC, a.tenant DESC, a.kind DESC, a.name DESC";
    (format!("SELECT {COLUMNS} FROM {from} WHERE {tests} ORDER BY {order}"), values)
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
    left_out: &'a HashSet<i64>,
}

impl Settled<'_> {
    fn next(&mut self) -> rusqlite::Result<Option<Placed>> {
        while let Some(row) = self.rows.next()? {
            if !self.left_out.contains(&row.get(0)?) {
                let (_, row) = row_at(row)?;
                return Ok(Some((Cursor::of(&row), row)));
            }
        }
        Ok(None)
    }
}

struct Moved<'a> {
    conn: &'a Connection,
    filter: &'a Filter,
    dirty: std::vec::IntoIter<Dirty>,
}

impl Moved<'_> {
    fn next(&mut self) -> rusqlite::Result<Option<Placed>> {
        let sql = format!("SELECT {COLUMNS} FROM actors AS a WHERE id = ?1");
        let mut select = self.conn.prepare_cached(&sql)?;
        for Dirty { id, place, head } in self.dirty.by_ref() {
            let Some((_, mut row)) = select.query_row([id], row_at).optional()? else { continue };
            lay_over(&mut row, head, place.updated);
            if self.filter.wants(&row) {
                return Ok(Some((place, row)));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite answers a list: from an index in the order of the list, or by sorting everything.
    fn plan(filter: &Filter, after: Option<&Cursor>) -> String {
        let dir = tempfile::tempdir().unwrap();
        let conn = crate::schema::open_writer(&dir.path().join("journal.sqlite"), None).unwrap();
        let (sql, values) = query(filter, after);
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
        steps.collect::<rusqlite::Result<Vec<_>>>().unwrap().join("; ")
    }

    #[test]
    fn lists_walk_an_index_and_sort_nothing() {
        let name = |text: &str| Some(text.parse().unwrap());
        let kind = Filter { tenant: name("main"), kind: name("todo"), ..Filter::default() };
        let open = Filter { status: Some("open".into()), ..kind.clone() };
        let after = "0:5:main/todo/a".parse().unwrap();
        for (filter, index) in
            [(Filter::default(), "actors_by_change"), (kind, "actors_of_kind"), (open, "actors_of_status")]
        {
            for after in [None, Some(&after)] {
                let plan = plan(&filter, after);
                assert!(plan.contains(&format!("USING INDEX {index}")) && !plan.contains("TEMP"), "{filter:?}: {plan}");
            }
        }
    }

    #[test]
    fn a_list_of_mine_starts_from_the_member() {
        let plan = plan(&Filter { member: Some("ana".into()), ..Filter::default() }, None);
        assert!(plan.starts_with("SEARCH m USING PRIMARY KEY (principal=?)"), "{plan}");
    }
}
