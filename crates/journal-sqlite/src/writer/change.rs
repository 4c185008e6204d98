//! Changes of the index: an actor's row, its members, its tasks; leases.

use dormouse_core::{Address, Summary, TaskKey, Time, position::Position, record::Opened};
use dormouse_journal::{Attempt, IndexChange, Lease};
use rusqlite::{Row, params};

use super::batch::Batch;
use crate::{
    convert::{address_at, int, nat_at, time_at, unusable},
    failure::whole,
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
            ready.extend(self.ready(kind, now, until, limit)?);
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

    /// The instances of one kind that nobody holds, as they would be leased.
    fn ready(&self, kind: &str, now: Time, until: Time, limit: usize) -> rusqlite::Result<Vec<Ready>> {
        // Both halves walk `tasks_of_kind` and stop at the limit: fresh instances, and those whose lease or pause has ended.
        let sql =
            "SELECT t.actor, t.attempts + 1, a.tenant, a.kind, a.name, t.key, t.kind, t.opened, t.nth, t.at, t.ready
                   FROM (SELECT * FROM (SELECT *, at AS ready FROM tasks
                                        WHERE kind = ?1 AND free_at IS NULL ORDER BY at LIMIT ?3)
                         UNION ALL
                         SELECT * FROM (SELECT *, free_at AS ready FROM tasks
                                        WHERE kind = ?1 AND free_at <= ?2 ORDER BY free_at LIMIT ?3)
                        ) AS t JOIN actors AS a ON a.id = t.actor";
        let read = |row: &Row<'_>| Ok(Ready { actor: row.get(0)?, since: row.get(10)?, lease: lease_at(row, until)? });
        let mut find = self.conn.prepare_cached(sql)?;
        find.query_map(params![kind, int(now.0), int(limit as u64)], read)?.filter_map(whole).collect()
    }
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
    let nth = row.get::<_, i64>(8)?.try_into().map_err(|error| unusable(8, error))?;
    let (key, kind) = (TaskKey(row.get(5)?), row.get(6)?);
    let task = Opened { key, kind, seq: nat_at(row, 7)?, nth, at: time_at(row, 9)? };
    Ok(Lease { address: address_at(row, 2)?, task, attempt: row.get(1)?, until })
}
