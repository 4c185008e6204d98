//! Changes of the index: an actor's row, its members, its tasks; leases.

use dormouse_core::{Summary, TaskKey, Time, position::Position, record::Opened};
use dormouse_journal::{IndexChange, Lease};
use rusqlite::{Row, params};

use super::batch::Batch;
use crate::{
    convert::{address_at, int, nat_at, time_at, unusable},
    tails::Key,
};

impl Batch<'_> {
    /// Change an actor's row and what hangs on it.
    pub(super) fn change(&mut self, actor: &Key, change: IndexChange) -> rusqlite::Result<()> {
        let Some(state) = self.staged.get_mut(actor).and_then(Option::as_mut) else { return Ok(()) };
        let id = state.id;
        if let Some(summary) = &change.summary {
            state.sort = summary.as_ref().map_or(0, |summary| summary.sort);
            self.set_summary(id, summary.as_ref())?;
        }
        if change.retired {
            let sql = "UPDATE actors SET retired = 1, wake = NULL WHERE id = ?1 AND retired = 0";
            self.totals.retired += self.conn.prepare_cached(sql)?.execute([id])? as i64;
        }
        if let Some(wake) = change.wake {
            let sql = "UPDATE actors SET wake = ?2 WHERE id = ?1 AND retired = 0";
            self.conn.prepare_cached(sql)?.execute(params![id, wake.map(|time| int(time.0))])?;
        }
        self.change_tasks(id, &change.opened, &change.closed)
    }

    fn set_summary(&self, id: i64, summary: Option<&Summary>) -> rusqlite::Result<()> {
        let json = summary.map(|summary| serde_json::to_string(summary).expect("a summary is plain data"));
        let status = summary.map(|summary| &summary.status);
        let sort = summary.map_or(0, |summary| summary.sort);
        let sql = "UPDATE actors SET summary = ?2, status = ?3, sort = ?4 WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute(params![id, json, status, sort])?;
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

    pub(super) fn release(&mut self, actor: &Key, key: &TaskKey, opened: u64, retry_at: Time) -> rusqlite::Result<()> {
        let Some(id) = self.state(actor).map(|state| state.id) else { return Ok(()) };
        let sql = "UPDATE tasks SET free_at = ?4 WHERE actor = ?1 AND key = ?2 AND opened = ?3";
        self.conn.prepare_cached(sql)?.execute(params![id, key.0, int(opened), int(retry_at.0)])?;
        Ok(())
    }

    pub(super) fn lease(&self, now: Time, until: Time, limit: usize) -> rusqlite::Result<Vec<Lease>> {
        // Both halves walk `tasks_by_free` and stop at the limit: fresh instances, and those whose lease or pause has ended.
        let sql = "SELECT t.actor, t.attempts + 1, a.tenant, a.kind, a.name, t.key, t.kind, t.opened, t.nth, t.at
                   FROM (SELECT * FROM (SELECT *, at AS ready FROM tasks WHERE free_at IS NULL ORDER BY at LIMIT ?2)
                         UNION ALL
                         SELECT * FROM (SELECT *, free_at AS ready FROM tasks WHERE free_at <= ?1 ORDER BY free_at LIMIT ?2)
                        ) AS t JOIN actors AS a ON a.id = t.actor
                   ORDER BY t.ready, a.tenant, a.kind, a.name, t.opened, t.nth LIMIT ?2";
        let mut find = self.conn.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, lease_at(row, until)?));
        let limit = int(limit as u64);
        let found: Vec<(i64, Lease)> = find.query_map([int(now.0), limit], read)?.collect::<rusqlite::Result<_>>()?;
        let sql =
            "UPDATE tasks SET free_at = ?4, attempts = attempts + 1 WHERE actor = ?1 AND key = ?2 AND opened = ?3";
        for (actor, Lease { task, .. }) in &found {
            let (opened, until) = (int(task.seq), int(until.0));
            self.conn.prepare_cached(sql)?.execute(params![actor, task.key.0, opened, until])?;
        }
        Ok(found.into_iter().map(|(_, lease)| lease).collect())
    }
}

fn lease_at(row: &Row<'_>, until: Time) -> rusqlite::Result<Lease> {
    let nth = row.get::<_, i64>(8)?.try_into().map_err(|error| unusable(8, error))?;
    let (key, kind) = (TaskKey(row.get(5)?), row.get(6)?);
    let task = Opened { key, kind, seq: nat_at(row, 7)?, nth, at: time_at(row, 9)? };
    Ok(Lease { address: address_at(row, 2)?, task, attempt: row.get(1)?, until })
}
