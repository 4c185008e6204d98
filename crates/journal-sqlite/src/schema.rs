//! The file: its tables, its settings, its version.
//!
//! A plain commit adds one row to `log` and touches nothing else. A snapshot moves an actor's rows from `log` to `segments`, which is keyed by
//! actor through a small index, so that blobs are only ever added at the end of either table. `actors.epoch` is always current;
//! `actors.head_seq`, `head_hash` and `updated` are as of the newest segment, and rows of `log` above `head_seq` come after them.

use rusqlite::{Connection, OpenFlags};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{OpenError, Options, absent::corrupt, failure::Failure, seal};

/// Raised when older programs could no longer read the file.
pub(crate) const SCHEMA: i64 = 1;

/// Older versions may corrupt a WAL when two connections write or checkpoint at once.
const SQLITE_MIN: i32 = 3_051_003;

/// Pages that a connection keeps in memory, in KiB, negative as SQLite wants it. What it does not keep is in the system's cache.
const WRITER_CACHE_KIB: i32 = -2 * 1024;
const READER_CACHE_KIB: i32 = -1024;

/// How long the writer waits for readers when the WAL must start over.
const READERS_WAIT: std::time::Duration = std::time::Duration::from_millis(200);

/// Prepared statements that a connection keeps: more than this crate has.
const STATEMENTS_MAX: usize = 128;

const TABLES: &str = "
CREATE TABLE dormouse(schema INTEGER NOT NULL) STRICT;
CREATE TABLE actors(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    epoch INTEGER NOT NULL, head_seq INTEGER NOT NULL, head_hash BLOB NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL,
    wake INTEGER, summary TEXT, status TEXT, sort INTEGER NOT NULL DEFAULT 0, retired INTEGER NOT NULL DEFAULT 0,
    UNIQUE(tenant, kind, name)
) STRICT;
CREATE INDEX actors_by_wake ON actors(wake, tenant, kind, name) WHERE wake IS NOT NULL;
CREATE TABLE members(principal TEXT NOT NULL, actor INTEGER NOT NULL, PRIMARY KEY(principal, actor)) STRICT, WITHOUT ROWID;
CREATE INDEX members_of_actor ON members(actor);
CREATE TABLE tasks(
    actor INTEGER NOT NULL, key TEXT NOT NULL, opened INTEGER NOT NULL,
    nth INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
    free_at INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY(actor, key, opened)
) STRICT, WITHOUT ROWID;
CREATE TABLE log(
    id INTEGER PRIMARY KEY, actor INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, bytes BLOB NOT NULL
) STRICT;
CREATE TABLE segments(
    id INTEGER PRIMARY KEY, actor INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX segments_of_actor ON segments(actor, last);
CREATE TABLE snapshots(
    actor INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL, bytes BLOB NOT NULL
) STRICT;
CREATE TABLE totals(actors INTEGER NOT NULL, commits INTEGER NOT NULL, retired INTEGER NOT NULL) STRICT;
CREATE TABLE activity(bucket INTEGER PRIMARY KEY, commits INTEGER NOT NULL) STRICT;
INSERT INTO totals VALUES (0, 0, 0);
INSERT INTO dormouse VALUES (1);
";

/// What came after the first files. Each is as good as not there to older programs, so that the schema keeps its number.
///
/// Lists are ranges of the `lists_` indexes: what a list leaves out is in a range of its own, or in none, so that no list walks over it. They
/// replace the `actors_by_change` and `actors_of_` ones, without which older programs sort, and are here because they need a column from below.
/// The trigger is for older programs: whoever raises an epoch without its seal leaves none.
const ADDED: &str = "
DROP INDEX IF EXISTS tasks_by_free;
DROP INDEX IF EXISTS actors_by_change;
DROP INDEX IF EXISTS actors_of_kind;
DROP INDEX IF EXISTS actors_of_status;
CREATE INDEX IF NOT EXISTS actors_again ON actors(name, kind, tenant);
CREATE INDEX IF NOT EXISTS tasks_of_kind ON tasks(kind, free_at, at);
CREATE INDEX IF NOT EXISTS actors_present ON actors(tenant, kind, name) WHERE present = 1;
CREATE INDEX IF NOT EXISTS lists_of_all ON actors(retired, private, sort, updated, tenant, kind, name);
CREATE INDEX IF NOT EXISTS lists_of_kind ON actors(tenant, kind, retired, private, sort, updated, name);
CREATE INDEX IF NOT EXISTS lists_of_status ON actors(tenant, kind, status, retired, private, sort, updated, name)
    WHERE status IS NOT NULL;
CREATE TRIGGER IF NOT EXISTS epoch_unsealed AFTER UPDATE OF epoch ON actors WHEN NEW.seal = OLD.seal
    BEGIN UPDATE actors SET seal = 0 WHERE id = NEW.id; END;
";
/// Columns of the same kind, with their tables; the rows of before have 0. Those of `totals` are as of the last close, see `closing.rs`.
const ADDED_COLUMNS: [(&str, &str); 6] = [
    ("actors", "present"),
    ("actors", "private"),
    ("actors", "seal"),
    ("totals", "closed_live"),
    ("totals", "closed_end"),
    ("totals", "closed_commits"),
];

/// Rows of before, brought up to date once: what an actor without a summary has in `private`.
const CONVERT: &str = "UPDATE actors SET private = 2 WHERE summary IS NULL AND private = 0;";
/// Rows of the log whose actor is gone are empty.
const BLANK: &str = "UPDATE log SET bytes = x'' WHERE actor NOT IN (SELECT id FROM actors);";
/// The `user_version` of a file in which the first is done, and of one whose rows are sealed and blank too.
const CONVERTED: i64 = 1;
const SEALED: i64 = 2;

/// Refuse a SQLite that may corrupt the file.
pub(crate) fn check_sqlite() -> Result<(), OpenError> {
    refuse_older(rusqlite::version_number(), rusqlite::version())
}

fn refuse_older(number: i32, text: &str) -> Result<(), OpenError> {
    if number < SQLITE_MIN { Err(OpenError::OldSqlite(text.to_owned())) } else { Ok(()) }
}

/// The one connection that writes. Makes the tables if the file is new.
pub(crate) fn open_writer(file: &Path, options: &Options) -> Result<Connection, OpenError> {
    let mut conn = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, options)?;
    // WAL with FULL: every commit is synced. NORMAL lost acknowledged commits in the power-loss model.
    conn.execute_batch("PRAGMA page_size = 4096;")?;
    begin_wal(&conn)?;
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA wal_autocheckpoint = 0;",
    )?;
    conn.busy_timeout(READERS_WAIT)?;
    conn.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    if let Some(pages) = options.page_count_max {
        conn.pragma_update(None, "max_page_count", pages)?;
    }
    prepare_schema(&mut conn)?;
    Ok(conn)
}

/// SQLite answers with the mode that it means to be in and makes the change after that; so the answer is read to its end, where a failed write
/// or sync is told. Where it cannot have a WAL at all it says so by naming the mode that it kept.
fn begin_wal(conn: &Connection) -> Result<(), OpenError> {
    let mut change = conn.prepare("PRAGMA journal_mode = WAL")?;
    let modes: Vec<String> = change.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if modes == ["wal"] { Ok(()) } else { Err(OpenError::NoWal(modes.concat())) }
}

/// A connection that only reads.
pub(crate) fn open_reader(file: &Path, options: &Options) -> Result<Connection, OpenError> {
    // Read-write at the file, because a reader of a WAL must be able to touch its index; `query_only` keeps it from writing.
    let conn = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE, options)?;
    conn.execute_batch("PRAGMA query_only = ON;")?;
    conn.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
    Ok(conn)
}

fn connect(file: &Path, flags: OpenFlags, options: &Options) -> Result<Connection, OpenError> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = match &options.vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(file, flags, vfs.name())?,
        None => Connection::open_with_flags(file, flags)?,
    };
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Notices a damaged page before its cells are used.
    conn.execute_batch("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;")?;
    Ok(conn)
}

/// What the file is made of, by name, as SQLite keeps it: text, under nothing.
fn made_of(conn: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    // SQLite's own have no text, or are made by its own commands.
    let sql = "SELECT name, type || ' ' || tbl_name || ' ' || sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%'";
    conn.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// What is made otherwise than this program makes it, by name.
pub(crate) fn strange(conn: &Connection) -> Result<Vec<String>, Failure> {
    let mut fresh = Connection::open_in_memory()?;
    prepare_schema(&mut fresh).map_err(|_| corrupt("no tables can be made"))?;
    let (there, fresh) = (made_of(conn)?, made_of(&fresh)?);
    let differs = |name: &&String| there.get(*name) != fresh.get(*name);
    Ok(there.keys().chain(fresh.keys()).filter(differs).cloned().collect::<BTreeSet<_>>().into_iter().collect())
}

fn prepare_schema(conn: &mut Connection) -> Result<(), OpenError> {
    let transaction = conn.transaction()?;
    if transaction.table_exists(None, "dormouse")? {
        let schema: i64 = transaction.query_row("SELECT schema FROM dormouse", [], |row| row.get(0))?;
        if schema > SCHEMA {
            return Err(OpenError::NewerSchema(schema));
        }
    } else {
        transaction.execute_batch(TABLES)?;
    }
    for (table, column) in ADDED_COLUMNS {
        if !transaction.column_exists(None, table, column)? {
            let add = format!("ALTER TABLE {table} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0;");
            transaction.execute_batch(&add)?;
        }
    }
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < CONVERTED {
        transaction.execute_batch(CONVERT)?;
    }
    if version < SEALED {
        seal::all(&transaction)?;
        transaction.execute_batch(BLANK)?;
        transaction.pragma_update(None, "user_version", SEALED)?;
    }
    transaction.execute_batch(ADDED)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;
    use crate::tails::{PUBLIC, UNLISTED};

    #[test]
    fn an_old_sqlite_is_refused() {
        assert!(check_sqlite().is_ok());
        let refused = refuse_older(3_051_002, "3.51.2").unwrap_err();
        assert!(refused.to_string().contains("3.51.2"), "{refused}");
    }

    /// What files had before, and no longer have.
    const OLD_INDEXES: &str = "
        CREATE INDEX tasks_by_free ON tasks(free_at, at);
        CREATE INDEX actors_by_change ON actors(sort, updated, tenant, kind, name);
        CREATE INDEX actors_of_kind ON actors(tenant, kind, sort, updated, name);
        CREATE INDEX actors_of_status ON actors(tenant, kind, status, sort, updated, name);
    ";

    fn indexes(conn: &Connection) -> Vec<String> {
        let mut select = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY name").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn an_older_file_gets_what_came_after() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("journal.sqlite");
        {
            let conn = Connection::open(&file).unwrap();
            conn.execute_batch(TABLES).unwrap();
            conn.execute_batch(OLD_INDEXES).unwrap();
            let actor = "INSERT INTO actors(tenant, kind, name, epoch, head_seq, head_hash, created, updated, summary)
                         VALUES ('main', 'todo', ?1, 1, 1, zeroblob(32), 1, 1, ?2)";
            conn.execute(actor, params!["listed", "{}"]).unwrap();
            conn.execute(actor, params!["unlisted", None::<&str>]).unwrap();
        }
        for _ in 0..2 {
            let conn = open_writer(&file, &Options::default()).unwrap();
            assert_eq!(
                indexes(&conn),
                indexes(&open_writer(&dir.path().join("new.sqlite"), &Options::default()).unwrap())
            );
            for (table, column) in ADDED_COLUMNS {
                assert!(conn.column_exists(None, table, column).unwrap(), "{column}");
            }
            let mut private = conn.prepare("SELECT private FROM actors ORDER BY name").unwrap();
            let private: Vec<i64> = private.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            assert_eq!(private, [PUBLIC, UNLISTED]);
        }
    }

    #[test]
    fn every_commit_is_synced() {
        let dir = tempfile::tempdir().unwrap();
        let conn = open_writer(&dir.path().join("journal.sqlite"), &Options::default()).unwrap();
        let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let synchronous: i64 = conn.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2), "2 is FULL");
    }
}
