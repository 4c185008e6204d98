//! The seal of an actor's row: a check of its address and its epoch, which no hash of the journal covers.
//!
//! Commits and snapshots are bound to their address, and a head to its commits; the epoch is in this row alone. After a flipped bit there the right
//! history would be served at positions that nobody was ever told. The seal is the row's last column, and SQLite, which reads a row up to the column
//! that is asked for, then also finds that the row is as long as it says.
//!
//! A row without a seal (0) is believed: older programs write such rows, and a trigger takes the seal of those whose epoch they raise.

use dormouse_core::{Address, Hash};
use rusqlite::{Connection, Row, params};

use crate::convert::{self, texts, unusable};

/// The row says another address or another epoch than were written to it.
#[derive(Debug, thiserror::Error)]
#[error("an actor's row is not as it was written")]
struct Broken;

/// The seal of this address in this epoch.
pub(crate) fn of(address: &Address, epoch: u32) -> i64 {
    let (tenant, kind, name) = texts(address);
    let parts = [tenant.as_bytes(), kind.as_bytes(), name.as_bytes(), &epoch.to_le_bytes()];
    // Never 0.
    Hash::of("dormouse/row/1", &parts).short() as i64 | 1
}

/// The epoch in this column, if the seal in the one after it says the same.
pub(crate) fn epoch_at(row: &Row<'_>, column: usize, address: &Address) -> rusqlite::Result<u32> {
    let epoch = convert::epoch_at(row, column)?;
    let seal: i64 = row.get(column + 1)?;
    if seal == 0 || seal == of(address, epoch) { Ok(epoch) } else { Err(unusable(column, Broken)) }
}

/// Rows that are sealed at once.
const PAGE: i64 = 1000;

/// Seal every row as it is: those of a file from before. One that cannot be read stays without, and is its actor's matter.
pub(crate) fn all(conn: &Connection) -> rusqlite::Result<()> {
    let mut select =
        conn.prepare("SELECT id, tenant, kind, name, epoch FROM actors WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let mut update = conn.prepare("UPDATE actors SET seal = ?2 WHERE id = ?1")?;
    let mut after = i64::MIN;
    loop {
        let seal =
            |row: &Row<'_>| Ok::<_, rusqlite::Error>(of(&convert::address_at(row, 1)?, convert::epoch_at(row, 4)?));
        let read = |row: &Row<'_>| Ok((row.get(0)?, seal(row).unwrap_or(0)));
        let rows: Vec<(i64, i64)> = select.query_map([after, PAGE], read)?.collect::<rusqlite::Result<_>>()?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (id, seal) in rows {
            update.execute(params![id, seal])?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_other_address_or_epoch_has_another_seal() {
        let seal = |address: &str, epoch| of(&address.parse().unwrap(), epoch);
        let written = seal("main/todo/a", 1);
        for (address, epoch) in [("main/todo/a", 0), ("main/todo/a", 257), ("main/todo/c", 1), ("mai/ntodo/a", 1)] {
            assert_ne!(seal(address, epoch), written, "{address} {epoch}");
        }
        assert_ne!(written, 0);
    }
}
