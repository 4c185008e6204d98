//! Changes of the index: an actor's row, its members, its tasks; leases.

use dormouse_core::{Address, Summary, TaskKey, Time, position::Position, record::Opened};
use dormouse_journal::{Attempt, IndexChange, Lease};
use rusqlite::{Params, Row, params};

use super::batch::Batch;
use crate::{
    convert::{address_at, int, nat_at, time_at, unusable},
    failure::whole,
    seal,
    tails::{Key, privacy},
};

impl Batch<'_> {
    /// Change an actor's row and what hangs on it.
    pub(super) fn change(&mut self, actor: &Key, change: IndexChange) -> rusqlite::Result<()> {
        let Some(state) = self.staged.get_mut(actor).and_then(Option::as_mut) else { return Ok(()) };
        let id = state.id;
        state.listed.change(&change);
        if let Some(summary) = &change.summary {
            self.set_summary(id, summary.as_ref())?;
        }
        if change.retired {
            let sql = "UPDATE actors SET retired = 1, wake = NULL, present = 0 WHERE id = ?1 AND retired = 0";
            self.totals.retired += self.conn.prepare_cached(sql)?.execute([id])? as i64;
        }
        if let Some(wake) = change.wake {
            let sql = "UPDATE actors SET wake = ?2 WHERE id = ?1 AND retired = 0";
            self.conn.prepare_cached(sql)?.execute(params![id, wake.map(|time| int(time.0))])?;
        }
        if let Some(present) = change.present {
            let sql = "UPDATE actors SET present = ?2 WHERE id = ?1 AND retired = 0";
            self.conn.prepare_cached(sql)?.execute(params![id, present])?;
        }
        self.change_tasks(id, &change.opened, &change.closed)
    }

    fn set_summary(&self, id: i64, summary: Option<&Summary>) -> rusqlite::Result<()> {
        let json = summary.map(|summary| serde_json::to_string(summary).expect("a summary is plain data"));
        let status = summary.map(|summary| &summary.status);
        let sort = summary.map_or(0, |summary| summary.sort);
        let sql = "UPDATE actors SET summary = ?2, status = ?3, sort = ?4, private = ?5 WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![id, json, status, sort, privacy(summary)])?;
        self.conn.prepare_cached("DELETE FROM members WHERE actor = ?1")?.execute([id])?;
        for member in summary.iter().flat_map(|summary| &summary.members) {
            self.conn.prepare_cached("INSERT OR IGNORE INTO members VALUES (?1, ?2)")?.execute(params![member, id])?;
        }
        Ok(())
    }

    fn change_tasks(&self, id: i64, opened: &[Opened], closed: &[(TaskKey, u64)]) -> rusqlite::Result<()> {
        let sql = "INSERT OR IGNORE INTO tasks(actor, key, opened, nth, kind, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        for Opened { key, kind, seq, nth, at } in opened {
            self.conn.prepare_cached(sql)?.execute(params![id, key.0, int(*seq), nth, kind, int(at.0)])?;
        }
        let sql = "DELETE FROM tasks WHERE actor = ?1 AND key = ?2 AND opened = ?3";
        for (key, seq) in closed {
            self.conn.prepare_cached(sql)?.execute(params![id, key.0, int(*seq)])?;
        }
        Ok(())
    }

    pub(super) fn reindex(&mut self, actor: &Key, at: Position, change: IndexChange) -> rusqlite::Result<()> {
        let here = self.state(actor).is_some_and(|state| state.head.position() == at);
        if here { self.change(actor, change) } else { Ok(()) }
    }

    pub(super) fn release(
        &mut self,
        actor: &Key,
        lease: &Lease,
        retry_at: Time,
        attempt: Attempt,
    ) -> rusqlite::Result<()> {
        let Some(id) = self.state(actor).map(|state| state.id) else { return Ok(()) };
        let Lease { task, attempt: nth, .. } = lease;
        let attempts = nth - u32::from(attempt == Attempt::NotMade);
        let sql = "UPDATE tasks SET free_at = ?5, attempts = ?6 WHERE actor = ?1 AND key = ?2 AND opened = ?3 AND attempts = ?4";
        let values = params![id, task.key.0, int(task.seq), nth, int(retry_at.0), attempts];
        self.conn.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }

    pub(super) fn lease(&self, kinds: &[String], now: Time, until: Time, limit: usize) -> rusqlite::Result<Vec<Lease>> {
        let mut ready = Vec::new();
        for kind in kinds {
            ready.extend(self.fresh(kind, until, limit)?);
            ready.extend(self.free_again(kind, now, until, limit)?);
        }
        ready.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        ready.truncate(limit);
        let sql =
            "UPDATE tasks SET free_at = ?4, attempts = attempts + 1 WHERE actor = ?1 AND key = ?2 AND opened = ?3";
        for Ready { actor, lease: Lease { task, .. }, .. } in &ready {
            let (opened, until) = (int(task.seq), int(until.0));
            self.conn.prepare_cached(sql)?.execute(params![actor, task.key.0, opened, until])?;
        }
        Ok(ready.into_iter().map(|ready| ready.lease).collect())
    }

    /// Instances of one kind that nobody was given yet.
    fn fresh(&self, kind: &str, until: Time, limit: usize) -> rusqlite::Result<Vec<Ready>> {
        self.ready(&ready_sql(FRESH), params![kind], until, limit)
    }

    /// Those whose lease or pause has ended.
    fn free_again(&self, kind: &str, now: Time, until: Time, limit: usize) -> rusqlite::Result<Vec<Ready>> {
        self.ready(&ready_sql(FREE_AGAIN), params![kind, int(now.0)], until, limit)
    }

    /// The first of these instances, as they would be leased. Damaged rows do not count, so that they hide nobody.
    fn ready(&self, sql: &str, values: impl Params, until: Time, limit: usize) -> rusqlite::Result<Vec<Ready>> {
        let read = |row: &Row<'_>| Ok(Ready { actor: row.get(0)?, since: row.get(1)?, lease: lease_at(row, until)? });
        let mut find = self.conn.prepare_cached(sql)?;
        find.query_map(values, read)?.filter_map(whole).take(limit).collect()
    }
}

/// Since when an instance is ready, and what tells that it is.
type IsReady = (&'static str, &'static str);
const FRESH: IsReady = ("t.at", "t.free_at IS NULL");
const FREE_AGAIN: IsReady = ("t.free_at", "t.free_at <= ?2");

/// Instances that are ready, the longest first: a walk over `tasks_of_kind`, which whoever reads ends.
fn ready_sql((since, test): IsReady) -> String {
    // CROSS, or else SQLite may begin with the actors.
    format!(
        "SELECT t.actor, {since}, t.attempts + 1, a.tenant, a.kind, a.name, t.key, t.kind, t.opened, t.nth, t.at, a.epoch, a.seal
         FROM tasks AS t CROSS JOIN actors AS a ON a.id = t.actor WHERE t.kind = ?1 AND {test} ORDER BY {since}"
    )
}

/// An instance that nobody holds, and since when.
struct Ready {
    actor: i64,
    since: i64,
    lease: Lease,
}

impl Ready {
    /// Longest ready first; of one moment, in the order of addresses and of opening.
    fn place(&self) -> (i64, &Address, u64, u16) {
        let Lease { address, task, .. } = &self.lease;
        (self.since, address, task.seq, task.nth)
    }
}

fn lease_at(row: &Row<'_>, until: Time) -> rusqlite::Result<Lease> {
    let address = address_at(row, 3)?;
    seal::epoch_at(row, 11, &address)?;
    let nth = row.get::<_, i64>(9)?.try_into().map_err(|error| unusable(9, error))?;
    let (key, kind) = (TaskKey(row.get(6)?), row.get(7)?);
    let task = Opened { key, kind, seq: nat_at(row, 8)?, nth, at: time_at(row, 10)? };
    Ok(Lease { address, task, attempt: row.get(2)?, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ready_is_found_in_an_index_and_sorted_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("journal.sqlite");
        let conn = crate::schema::open_writer(&file, &crate::Options::default()).unwrap();
        for ready in [FRESH, FREE_AGAIN] {
            let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", ready_sql(ready))).unwrap();
            // A plan needs no values.
            let mut rows = explain.raw_query();
            let mut steps: Vec<String> = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                steps.push(row.get(3).unwrap());
            }
            assert_eq!(steps.len(), 2, "{steps:?}");
            assert!(steps[0].starts_with("SEARCH t USING INDEX tasks_of_kind (kind=? AND free_at"), "{steps:?}");
        }
    }
}
