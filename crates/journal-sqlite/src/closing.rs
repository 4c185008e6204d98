//! What a store that closes notes of its log, and the next start compares.
//!
//! A row of the log is under a hash, but whose it is, and that it is there, is not: a flipped bit there would take the newest commits from an
//! actor, and leave a history that is whole as far as it goes. So the number of rows that live is noted, with the log's newest row and the
//! settled commits, by which the next start knows whether anything was written since (by an older program, which does not note it).

use rusqlite::Connection;

use crate::absent::corrupt;

/// Note this. One is added to the rows, because 0 is what files of before have.
pub(crate) fn note(conn: &Connection, live: usize, end: i64) -> rusqlite::Result<()> {
    let sql = "UPDATE totals SET closed_live = ?1, closed_end = ?2, closed_commits = commits";
    conn.execute(sql, [live as i64 + 1, end]).map(drop)
}

/// Forget it: the log changes. In the first transaction that writes, and not at the start, because a store opens on a full disk too.
pub(crate) fn forget(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("UPDATE totals SET closed_live = 0 WHERE closed_live <> 0", []).map(drop)
}

/// Compare what is in the log now with what was noted.
pub(crate) fn check(conn: &Connection, live: usize, end: i64) -> rusqlite::Result<()> {
    let sql = "SELECT closed_live - 1, closed_end, commits = closed_commits FROM totals";
    let (noted, noted_end, is_settled_same): (i64, i64, bool) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let is_noted = noted >= 0 && noted_end == end && is_settled_same;
    // The newest row is never deleted.
    if end < noted_end || (is_noted && noted != live as i64) {
        return Err(corrupt("the log is not as long as when the store was closed"));
    }
    Ok(())
}
