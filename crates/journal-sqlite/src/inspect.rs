//! What is in the file twice, held against itself: for `verify`, which reads everything anyway. Nobody else is told of such a difference.
//!
//! Absent: what follows from commits (wakes, tasks, summaries), which only their rules know.

use dormouse_core::{Address, TaskKey, record::Opened};
use rusqlite::{Connection, Row};

use crate::{
    absent::corrupt,
    convert::{address_at, nat_at, texts, time_at, unusable},
    failure::{Failure, is_damage},
    schema, seal,
};

/// Each finds nothing in a file that is whole; its first column says what it is about. A summary that is no JSON counts as none.
const CONTRADICTIONS: [(&str, &str); 6] = [
    ("SQLite's own check", "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    (
        "lists place it, or show it, otherwise than its summary says",
        "WITH rows AS MATERIALIZED (SELECT *, CASE WHEN json_valid(summary) THEN summary END AS json FROM actors)
         SELECT tenant || '/' || kind || '/' || name FROM rows
         WHERE status IS NOT json ->> 'status' OR sort IS NOT coalesce(json ->> 'sort', 0)
            OR private IS NOT CASE WHEN json IS NULL THEN 2 ELSE coalesce(json ->> 'private', 0) END",
    ),
    (
        "the lists of its members are not those that its summary says",
        "WITH rows AS MATERIALIZED (SELECT *, CASE WHEN json_valid(summary) THEN summary END AS json FROM actors)
         SELECT tenant || '/' || kind || '/' || name FROM rows AS a
         WHERE (SELECT json_group_array(principal) FROM (SELECT principal FROM members WHERE actor = a.id ORDER BY principal))
               IS NOT (SELECT json_group_array(value) FROM (SELECT DISTINCT value FROM json_each(a.json, '$.members') ORDER BY value))",
    ),
    ("members of an actor that is not there", "SELECT 'number ' || actor FROM members WHERE actor NOT IN (SELECT id FROM actors)"),
    ("tasks of an actor that is not there", "SELECT 'number ' || actor FROM tasks WHERE actor NOT IN (SELECT id FROM actors)"),
    (
        "the totals are not those of the rows",
        "SELECT actors || ' actors' FROM totals WHERE actors <> (SELECT count(*) FROM actors)
            OR retired <> (SELECT count(*) FROM actors WHERE retired = 1)
            OR commits <> (SELECT coalesce(sum(head_seq), 0) FROM actors)",
    ),
];

/// Findings of one kind after which the rest is left out.
const FINDINGS_MAX: usize = 100;

/// Write again what other rows say; what commits say is for `reindex`.
const REBUILD: &str = "
REINDEX;
DELETE FROM members WHERE actor NOT IN (SELECT id FROM actors);
DELETE FROM tasks WHERE actor NOT IN (SELECT id FROM actors);
UPDATE totals SET actors = (SELECT count(*) FROM actors), retired = (SELECT count(*) FROM actors WHERE retired = 1),
    commits = (SELECT coalesce(sum(head_seq), 0) FROM actors);
";

/// How many actors there are by their rows, and by each of the two indexes that have all of them.
const SIZES: &str = "SELECT (SELECT count(*) FROM actors NOT INDEXED),
    (SELECT count(*) FROM actors INDEXED BY sqlite_autoindex_actors_1 WHERE tenant >= ''),
    (SELECT count(*) FROM actors INDEXED BY actors_again WHERE name >= '')";

/// What contradicts what, in words.
pub(crate) fn inspect(conn: &mut Connection) -> Result<Vec<String>, Failure> {
    let transaction = conn.transaction()?;
    let strange = schema::strange(&transaction)?.into_iter();
    let mut found: Vec<_> = strange.map(|name| format!("{name}: it is made otherwise than by this program")).collect();
    for (what, sql) in CONTRADICTIONS {
        match subjects(&transaction, sql) {
            Ok(subjects) => found.extend(subjects.into_iter().map(|subject| format!("{subject}: {what}"))),
            Err(error) if is_damage(&error) => found.push(format!("{error}: {what}")),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

fn subjects(conn: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare(sql)?;
    // What is damaged may be no text of UTF-8 any more.
    let subject = |row: &Row<'_>| Ok(String::from_utf8_lossy(row.get_ref(0)?.as_bytes().unwrap_or(b"?")).into_owned());
    select.query_map([], subject)?.take(FINDINGS_MAX).collect()
}

/// The open task instances of an actor, as the index has them.
pub(crate) fn tasks(conn: &Connection, address: &Address) -> Result<Vec<Opened>, Failure> {
    let sql = "SELECT t.key, t.kind, t.opened, t.nth, t.at FROM actors AS a JOIN tasks AS t ON t.actor = a.id
               WHERE a.tenant = ?1 AND a.kind = ?2 AND a.name = ?3 ORDER BY t.key, t.opened";
    let read = |row: &Row<'_>| {
        let nth = row.get::<_, i64>(3)?.try_into().map_err(|error| unusable(3, error))?;
        Ok(Opened { key: TaskKey(row.get(0)?), kind: row.get(1)?, seq: nat_at(row, 2)?, nth, at: time_at(row, 4)? })
    };
    let mut select = conn.prepare_cached(sql)?;
    Ok(select.query_map(texts(address), read)?.collect::<rusqlite::Result<_>>()?)
}

/// Which rows of actors are not what was written, in words.
pub(crate) fn damaged(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    match damaged_rows(conn) {
        Err(error) if is_damage(&error) => Ok(vec![format!("rows of actors: {error}")]),
        found => found,
    }
}

fn damaged_rows(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare("SELECT id, tenant, kind, name, epoch, seal FROM actors NOT INDEXED")?;
    let read = |row: &Row<'_>| {
        let epoch = address_at(row, 1).and_then(|address| seal::epoch_at(row, 4, &address));
        let id: i64 = row.get(0)?;
        Ok(epoch.err().map(|error| format!("actor number {id}: {error}")))
    };
    let rows = select.query_map([], read)?;
    let mut found: Vec<String> =
        rows.filter_map(Result::transpose).take(FINDINGS_MAX).collect::<rusqlite::Result<_>>()?;
    let [rows, by_name, again] = sizes(conn)?;
    // If one of the two has more, it is itself the one that is wrong.
    let missing = by_name.min(again) - rows;
    found.extend((missing > 0).then(|| format!("{missing} actors are in the indexes, and their rows are gone")));
    Ok(found)
}

fn sizes(conn: &Connection) -> rusqlite::Result<[i64; 3]> {
    conn.query_row(SIZES, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
}

/// Make again what other rows say, unless there are damaged ones: an index would then have them by what they say now, and nobody would find whom
/// they were of.
pub(crate) fn rebuild(conn: &mut Connection) -> rusqlite::Result<()> {
    let transaction = conn.transaction()?;
    if !damaged(&transaction)?.is_empty() {
        return Ok(());
    }
    let [rows, ..] = sizes(&transaction)?;
    transaction.execute_batch(REBUILD)?;
    if sizes(&transaction)? != [rows; 3] {
        return Err(corrupt("indexes that were made again do not have every actor"));
    }
    transaction.commit()
}
