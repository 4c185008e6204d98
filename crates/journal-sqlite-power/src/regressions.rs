//! What the cuts found in the store, each as the shortest story that shows it.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::{path::Path, sync::Arc};

use dormouse_journal::{Journal, conformance::sample::Writer};
use dormouse_journal_sqlite::{OpenError, Options, SqliteStore, Vfs};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::{
    disk::{Device, Disk, Fault, Flaw, Plan},
    rng::Rng,
    vfs::Registered,
};

const FILE: &str = "journal.sqlite";

struct Host {
    disk: Arc<Disk>,
    vfs: Arc<Registered>,
    dir: TempDir,
    runtime: Runtime,
}

impl Host {
    fn new(name: &str, seed: u64) -> Self {
        let device = Device { sector: 4096, powersafe: true, flaw: Flaw::None };
        let disk = Disk::new(device, Rng::new(seed, &[]));
        let vfs = Arc::new(Registered::new(&format!("{name}-{seed}"), disk.clone()));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), []).unwrap();
        Self { disk, vfs, dir, runtime: Builder::new_current_thread().build().unwrap() }
    }

    fn file(&self) -> std::path::PathBuf {
        Path::new(self.dir.path()).join(FILE)
    }

    /// A new process, with this plan.
    fn open(&self, plan: Plan) -> Result<SqliteStore, OpenError> {
        self.disk.boot(plan);
        self.disk.start();
        SqliteStore::open(self.dir.path(), Options { vfs: Some(self.vfs.clone()), readers: 1, ..Options::default() })
    }

    fn head(&self, store: &SqliteStore, writer: &Writer) -> u64 {
        self.runtime.block_on(store.head(&writer.address)).unwrap().map_or(0, |head| head.seq)
    }

    /// Whether a run of two commits is acknowledged.
    fn append(&self, store: &SqliteStore, writer: &mut Writer) -> bool {
        let run = writer.run(2);
        self.runtime.block_on(store.append(run)).is_ok()
    }
}

/// SQLite names the new journal before it has made it. If that then fails, it keeps a rollback journal, and whether the deletion that ends a
/// commit is durable it does not ask.
#[test]
fn a_store_without_a_wal_does_not_open() {
    let mut refused = 0;
    for at in 0..70 {
        for fault in [Fault::Sync, Fault::Write, Fault::Full(1)] {
            let host = Host::new(&format!("no-wal-{at}-{fault:?}"), 1);
            let plan = Plan { fault: Some((at, fault)), ..Plan::default() };
            let Ok(store) = host.open(plan) else {
                refused += 1;
                continue;
            };
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let conn = Connection::open_with_flags_and_vfs(host.file(), flags, host.vfs.name()).unwrap();
            let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!(mode, "wal", "{fault:?} from operation {at} on");
            drop((conn, store));
        }
    }
    assert!(refused > 20, "the faults hit: {refused}");
}

/// Whatever happens in a commit: what the next process finds, it may tell; so a cut must not undo it.
fn what_is_found_stays(name: &str, what_happens: impl Fn(u64) -> Plan) {
    let (mut found_more, mut seed) = (0, 0);
    for at in 0..30 {
        for _ in 0..4 {
            seed += 1;
            let host = Host::new(name, seed);
            let mut writer = Writer::new("main/todo/a");
            // A first process makes the file, so that operations are those of the commits.
            drop(host.open(Plan::default()).unwrap());
            let Ok(store) = host.open(what_happens(at)) else { continue };
            let acknowledged = (0..2).take_while(|_| host.append(&store, &mut writer)).count() as u64 * 2;
            host.disk.kill();
            drop(store);
            let store = host.open(Plan::default()).unwrap();
            let found = host.head(&store, &writer);
            assert!(found >= acknowledged);
            found_more += u64::from(found > acknowledged);
            host.disk.cut();
            drop(store);
            let store = host.open(Plan::default()).unwrap();
            assert!(
                host.head(&store, &writer) >= found,
                "{found} commits were there before the cut; seed {seed}, at {at}"
            );
        }
    }
    assert!(found_more > 0, "some commit was whole, and not acknowledged");
}

#[test]
fn what_a_killed_process_left_is_durable_before_it_is_read() {
    what_is_found_stays("killed", |at| Plan { kill_at: Some(at), ..Plan::default() });
}

#[test]
fn what_a_failed_sync_lost_is_written_again_before_it_is_read() {
    what_is_found_stays("unsynced", |at| Plan { fault: Some((at, Fault::Sync)), ..Plan::default() });
}

/// A WAL that one process made and another one writes to: no sync of the file is one of its name.
#[test]
fn a_name_is_durable_before_what_is_under_it_is_acknowledged() {
    for seed in 0..10 {
        for kill_at in 0..24 {
            let host = Host::new(&format!("name-{kill_at}"), seed);
            let mut writer = Writer::new("main/todo/a");
            drop(host.open(Plan { kill_at: Some(kill_at), ..Plan::default() }));
            host.disk.kill();
            let store = host.open(Plan::default()).unwrap();
            assert!(host.append(&store, &mut writer));
            host.disk.cut();
            drop(store);
            let store = host.open(Plan::default()).unwrap();
            assert_eq!(host.head(&store, &writer), 2, "seed {seed}, killed at {kill_at}");
        }
    }
}
