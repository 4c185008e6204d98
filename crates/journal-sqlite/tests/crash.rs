//! `kill -9` in the middle of appends: every run that was acknowledged is there, and so is no part of any other.
//!
//! The test starts itself as a child, which prints each acknowledged position and is killed after some of them.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use dormouse_core::{Address, Hash, record};
use dormouse_journal::{
    Journal,
    conformance::sample::{Writer, read_all},
};
use dormouse_journal_sqlite::{OpenError, Options, SqliteStore};
use support::open;

const DIR: &str = "DORMOUSE_CRASH_DIR";
const ACTORS: usize = 16;

/// Not a test: what the child does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_appends_until_it_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    // A small log, so that the child is killed while it settles and trims too.
    let options = Options { log_rows_max: 50, wal_pages_max: 40, ..Options::default() };
    let store = SqliteStore::open(&dir, options).unwrap();
    let tasks: Vec<_> = (0..ACTORS).map(|n| tokio::spawn(append_forever(store.clone(), n))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn append_forever(store: SqliteStore, n: usize) {
    let mut writer = Writer::new(&format!("main/todo/a{n}"));
    if let Some(head) = store.head(&writer.address).await.unwrap() {
        writer.head = head;
    }
    for round in 0.. {
        writer.append(&store, 1 + round % 3).await;
        // One write, so that a killed child leaves no half line but the last.
        let line = format!("acked {} {} {}\n", writer.address, writer.head.seq, writer.head.hash);
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        if round % 11 == n % 11 {
            store.put_snapshot(&writer.address, writer.snapshot()).await.unwrap();
        }
    }
}

/// Run the child until it has acknowledged so many runs, and kill it; what it acknowledged last for each actor.
fn run_and_kill(dir: &Path, runs: usize) -> HashMap<Address, (u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_appends_until_it_is_killed", "--exact", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acked = HashMap::new();
    let mut note = |line: String| {
        let parts: Vec<&str> = line.split(' ').collect();
        // The harness puts its own words before the first line; the last one may be cut short.
        if let Some(at) = parts.iter().position(|part| part.ends_with("acked"))
            && let [address, seq, hash] = parts[at + 1..]
            && hash.len() == 64
        {
            acked.insert(address.parse().unwrap(), (seq.parse().unwrap(), hash.to_owned()));
        }
    };
    lines.by_ref().take(runs).for_each(|line| note(line.unwrap()));
    let refused = SqliteStore::open(dir, Options::default());
    assert!(matches!(refused, Err(OpenError::Locked(_))), "the child holds the lock");
    child.kill().unwrap();
    child.wait().unwrap();
    lines.map_while(Result::ok).for_each(&mut note);
    acked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_run_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..8 {
        let acked = run_and_kill(dir.path(), 40 + round * 37);
        assert!(!acked.is_empty());
        let store = open(dir.path());
        for (address, (seq, hash)) in acked {
            let records = read_all(&store, &address, 1000).await;
            let head = store.head(&address).await.unwrap().unwrap();
            assert!(head.seq >= seq, "{address} acknowledged {seq} and is at {}", head.seq);
            assert_eq!(records.len() as u64, head.seq);
            let found: Hash = record::trailing_hash(&records[seq as usize - 1]).unwrap();
            assert_eq!(found.to_string(), hash);
            assert_eq!(record::trailing_hash(records.last().unwrap()), Ok(head.hash));
        }
        store.close().await;
    }
}
