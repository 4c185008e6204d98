//! One bit of the database file is another one: what a store that opens it then says of each actor.
//!
//! An actor is read as a host reads it, through `dormouse_engine::load`, once with its snapshot and once from its first commit. It is what it was,
//! or an error says that it is not; the store may also refuse to open. Never is something else served. The index may answer something else, if
//! `verify` then tells of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use dormouse_core::{Address, Hash, Kind, Machine, Time, position::Head, record};
use dormouse_engine::{LoadError, LoadOptions, index_differs, load, reindex};
use dormouse_journal::{Attempt, Index, Journal};
use dormouse_journal_sqlite::{Options, SqliteStore, Vfs};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    disk::{Device, Disk},
    notes::{Notes, Scribe, TASK},
    planted::Bug,
    rng::Rng,
    seen::{Item, ONLY_HERE, Seen, seen},
    vfs::Registered,
};

const FILE: &str = "journal.sqlite";

/// What is in a file.
#[derive(Debug, Clone, Copy)]
struct Shape {
    actors: usize,
    /// Commits of each, and how many more of the first half after the settling.
    commits: (usize, usize),
    words_max: usize,
    page_bytes: u32,
}

/// A file as hosts have them.
const USUAL: Shape = Shape { actors: 16, commits: (12, 4), words_max: 1_500, page_bytes: 4_096 };

/// One that is small enough to flip each of its bits: it has all tables and indexes, and pages as small as SQLite has them, or most of it would be empty.
const SMALL: Shape = Shape { actors: 5, commits: (3, 1), words_max: 150, page_bytes: 512 };

/// Numbers of a run of flips.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FlipTally {
    /// Bits that were flipped, one at a time.
    pub flips: u64,
    /// Those that changed nothing of any actor.
    pub harmless: u64,
    /// Those with which the store did not open.
    pub refused: u64,
    /// Those that an error told of, of one actor alone.
    pub told_of_one: u64,
    /// Those that errors told of, of several: their rows share a page.
    pub told_of_several: u64,
    /// Those after which the index answered something else, which `verify` tells, and of these the ones that `verify --reindex` mends.
    pub index_told: u64,
    /// See above.
    pub index_mended: u64,
    /// Those after which nothing but a lease, a count of attempts or a bar of the activity was another: they are nowhere else.
    pub only_there: u64,
}

impl FlipTally {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.flips += other.flips;
        self.harmless += other.harmless;
        self.refused += other.refused;
        self.told_of_one += other.told_of_one;
        self.told_of_several += other.told_of_several;
        self.index_told += other.index_told;
        self.index_mended += other.index_mended;
        self.only_there += other.only_there;
    }
}

/// An actor as it was.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    head: Head,
    state: Hash,
}

/// A file to damage, and what is in it.
pub struct Image {
    bytes: Vec<u8>,
    known: BTreeMap<Address, Known>,
    seen: Seen,
    bug: Bug,
    kind: Arc<Kind>,
    dir: TempDir,
    runtime: Runtime,
}

/// What one flip came to.
enum Outcome {
    Refused,
    Opened {
        /// So many actors are damaged.
        told: u64,
        index: InIndex,
    },
}

/// What the index answers after a flip.
#[derive(PartialEq)]
enum InIndex {
    Same,
    Told,
    Mended,
    OnlyThere,
}

impl Image {
    /// A file with settled and unsettled actors, with snapshots and without.
    ///
    /// # Panics
    /// If the undamaged file does not read.
    pub fn new(seed: u64) -> Self {
        Self::of(USUAL, seed)
    }

    /// A small one of the same.
    ///
    /// # Panics
    /// Likewise.
    pub fn small(seed: u64) -> Self {
        Self::of(SMALL, seed)
    }

    fn of(shape: Shape, seed: u64) -> Self {
        let mut rng = Rng::new(seed, &[u64::MAX]);
        let dir = tempfile::tempdir().expect("a directory for the lock");
        std::fs::write(dir.path().join(FILE), []).expect("an empty file");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let kind = Arc::new(Kind::of::<Notes>());
        let disk = Disk::new(Device::HONEST, Rng::new(seed, &[]));
        begin(&disk, dir.path(), shape.page_bytes).expect("an empty disk");
        let (vfs, store) = open(&disk, dir.path()).expect("an empty disk");
        runtime.block_on(fill(&store, &kind, shape, &mut rng));
        runtime.block_on(store.close());
        drop(vfs);
        let bytes = disk.get(FILE).expect("the store made it");
        let (known, seen, bug) = (BTreeMap::new(), Seen::new(), Bug::None);
        let mut image = Self { bytes, known, seen, bug, kind, dir, runtime };
        image.learn(shape);
        image
    }

    /// The same, looked at with this bug.
    pub(crate) fn with(self, bug: Bug) -> Self {
        Self { bug, ..self }
    }

    /// Bits in the file.
    pub fn bits(&self) -> u64 {
        self.bytes.len() as u64 * 8
    }

    fn learn(&mut self, shape: Shape) {
        let disk = Disk::new(Device::HONEST, Rng::new(0, &[]));
        disk.put(FILE, self.bytes.clone());
        let (_vfs, store) = open(&disk, self.dir.path()).expect("nothing is damaged yet");
        let learn = |address: Address| {
            let machine = self.runtime.block_on(self.read(&store, &address, true)).expect("nothing is damaged yet");
            (address, known(&machine))
        };
        self.known = addresses(shape.actors).map(learn).collect();
        assert!(!self.is_told(&store, &BTreeSet::new()), "nothing is damaged yet, and verify finds something");
        self.seen = self.runtime.block_on(seen(&store, self.known.keys()));
        assert!(self.seen.iter().all(|(_, answer)| answer.is_some()), "nothing is damaged yet");
    }

    async fn read(&self, store: &SqliteStore, address: &Address, from_start: bool) -> Result<Machine, LoadError> {
        if self.bug == Bug::Gullible && from_start {
            return self.believe(store, address).await;
        }
        load(store, &self.kind, address, LoadOptions { until: None, from_start }).await
    }

    /// Load without looking at a hash: a bug.
    async fn believe(&self, store: &SqliteStore, address: &Address) -> Result<Machine, LoadError> {
        let damaged = |what: String| LoadError::Damaged(address.clone(), 0, what);
        let head = store.head(address).await.map_err(|error| damaged(error.to_string()))?;
        let mut machine = Machine::blank(self.kind.clone(), address.clone(), head.map_or(1, |head| head.epoch));
        let entries = store.read(address, 0, 1_000).await.map_err(|error| damaged(error.to_string()))?;
        for entry in entries {
            let opening = record::decode(&entry.record).map_err(|damage| damaged(damage.to_string()))?;
            machine.fold(&opening).map_err(|damage| damaged(damage.to_string()))?;
        }
        Ok(machine)
    }

    /// Flip one bit and look.
    ///
    /// # Errors
    /// What was served though it is not what was written.
    pub fn flip(&self, bit: u64, tally: &mut FlipTally) -> Result<(), String> {
        let mut bytes = self.bytes.clone();
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        let disk = Disk::new(Device::HONEST, Rng::new(bit, &[]));
        disk.put(FILE, bytes);
        let outcome = self.look(&disk).map_err(|what| format!("bit {bit}: {what}"))?;
        tally.flips += 1;
        match outcome {
            Outcome::Refused => tally.refused += 1,
            Outcome::Opened { told, index } => {
                tally.index_mended += u64::from(told == 0 && index == InIndex::Mended);
                *match (told, index) {
                    (0, InIndex::Same) => &mut tally.harmless,
                    (0, InIndex::Told | InIndex::Mended) => &mut tally.index_told,
                    (0, InIndex::OnlyThere) => &mut tally.only_there,
                    (1, _) => &mut tally.told_of_one,
                    _ => &mut tally.told_of_several,
                } += 1;
            }
        }
        Ok(())
    }

    fn look(&self, disk: &Arc<Disk>) -> Result<Outcome, String> {
        let Some((vfs, store)) = open(disk, self.dir.path()) else { return Ok(Outcome::Refused) };
        let damaged = self.damaged(&store)?;
        let index = self.index(&store, &damaged)?;
        disk.kill();
        drop((store, vfs));
        let is_mended = (index == InIndex::Told || !damaged.is_empty()) && self.is_mended(disk)?;
        let told = damaged.len() as u64;
        Ok(Outcome::Opened { told, index: if is_mended && index == InIndex::Told { InIndex::Mended } else { index } })
    }

    /// Whom an error tells of. All others are as they were.
    fn damaged(&self, store: &SqliteStore) -> Result<BTreeSet<&Address>, String> {
        let mut damaged = BTreeSet::new();
        for (address, known) in &self.known {
            let read = |from_start| self.runtime.block_on(self.read(store, address, from_start));
            let (with, without) = (read(false), read(true));
            let found = [&with, &without].into_iter().flatten().map(self::known).find(|found| found != known);
            if let Some(found) = found {
                return Err(format!("{address} was {known:?} and is served as {found:?}"));
            }
            damaged.extend((with.is_err() || without.is_err()).then_some(address));
        }
        Ok(damaged)
    }

    /// Whether all is as before once `verify --reindex` has been over it. If that says so, it must be.
    fn is_mended(&self, disk: &Arc<Disk>) -> Result<bool, String> {
        disk.start();
        let vfs = registered(disk);
        if SqliteStore::rebuild(self.dir.path(), &options(&vfs)).is_err() {
            return Ok(false);
        }
        if let Bug::SqlAfterTheMend(sql) = self.bug {
            spoil(&vfs, self.dir.path(), sql);
        }
        let Ok(store) = SqliteStore::open(self.dir.path(), options(&vfs)) else { return Ok(false) };
        if !self.runtime.block_on(self.is_verified(&store)) {
            return Ok(false);
        }
        let damaged = self.damaged(&store)?;
        let seen = self.runtime.block_on(seen(&store, self.known.keys()));
        let change = seen.iter().zip(&self.seen).find(|(now, before)| now != before && !ONLY_HERE.contains(&now.0));
        if damaged.is_empty() && change.is_none() {
            return Ok(true);
        }
        Err(format!(
            "verify --reindex says that all is well, and {damaged:?} are damaged, and this is another answer: {change:?}"
        ))
    }

    /// What `verify --reindex` says: it asks those whom the store names.
    async fn is_verified(&self, store: &SqliteStore) -> bool {
        let Ok(named) = store.sweep(None, self.known.len() + 1).await else { return false };
        for address in &named {
            if address.kind == self.kind.name && self.is_mended_alone(store, address).await.is_none() {
                return false;
            }
        }
        let is_empty = |found: Result<Vec<String>, _>| found.is_ok_and(|found: Vec<String>| found.is_empty());
        store.counts().await.is_ok_and(|counts| counts.actors == named.len() as u64)
            && is_empty(store.damaged().await)
            && is_empty(store.inspect().await)
    }

    async fn is_mended_alone(&self, store: &SqliteStore, address: &Address) -> Option<()> {
        let mut machine = self.read(store, address, true).await.ok()?;
        store.snapshot(address).await.ok()?;
        reindex(store, &mut machine, &store.tasks(address).await.ok()?).await.ok()?;
        let tasks = store.tasks(address).await.ok()?;
        let found = index_differs((store, store), &self.kind, &mut machine, &tasks).await.ok()?;
        found.is_empty().then_some(())
    }

    /// What the index answers about those who are not damaged; of the others it may answer anything, because nobody gets there.
    fn index(&self, store: &SqliteStore, damaged: &BTreeSet<&Address>) -> Result<InIndex, String> {
        // What is of nobody, such as how many commits there are, counts those of the damaged ones too.
        let is_about_others = |item: &Item| {
            item.actor.as_ref().is_some_and(|actor| self.known.contains_key(actor) && !damaged.contains(actor))
        };
        let others = |seen: Seen| -> Seen {
            if damaged.is_empty() {
                return seen;
            }
            let of = |items: Vec<Item>| items.into_iter().filter(is_about_others).collect();
            seen.into_iter().map(|(name, items)| (name, items.map(of))).collect()
        };
        let mut seen = others(self.runtime.block_on(seen(store, self.known.keys())));
        if self.bug == Bug::Hiding && !damaged.is_empty() {
            seen.iter_mut().flat_map(|(_, items)| items).for_each(|items| items.truncate(1));
        }
        let before = others(self.seen.clone());
        let changes = || seen.iter().zip(&before).filter(|(found, known)| found != known);
        if changes().next().is_none() {
            return Ok(InIndex::Same);
        }
        if self.bug != Bug::Deaf && self.is_told(store, damaged) {
            return Ok(InIndex::Told);
        }
        match changes().find(|((what, _), _)| !ONLY_HERE.contains(what)) {
            None => Ok(InIndex::OnlyThere),
            Some((found, known)) => Err(format!("the index said {known:?}, and nothing tells that it says {found:?}")),
        }
    }

    /// Whether `verify` would say that something is wrong with the index, besides who is damaged.
    fn is_told(&self, store: &SqliteStore, damaged: &BTreeSet<&Address>) -> bool {
        let differs = |address: &Address| {
            self.runtime.block_on(async {
                let mut machine = self.read(store, address, true).await.ok()?;
                let tasks = store.tasks(address).await.ok()?;
                index_differs((store, store), &self.kind, &mut machine, &tasks).await.ok()
            })
        };
        let mut others = self.known.keys().filter(|address| !damaged.contains(address));
        self.runtime.block_on(store.inspect()).map_or(true, |found| !found.is_empty())
            || others.any(|address| differs(address).is_none_or(|found| !found.is_empty()))
    }
}

fn known(machine: &Machine) -> Known {
    Known { head: machine.head(), state: machine.state_hash() }
}

fn addresses(count: usize) -> impl Iterator<Item = Address> {
    (0..count).map(|n| format!("main/notes/n{n}").parse().expect("an address"))
}

/// Every actor writes, all but two are settled, half of those write more; one is fenced, one retires, and some tasks were leased before.
async fn fill(store: &SqliteStore, kind: &Arc<Kind>, shape: Shape, rng: &mut Rng) {
    let (settles, more) = shape.commits;
    let mut scribes: Vec<_> = addresses(shape.actors).map(|address| Scribe::new(kind, address)).collect();
    for _ in 0..settles {
        for scribe in &mut scribes {
            scribe.write(store, shape.words_max, rng).await;
        }
    }
    scribes[1].fence(store, 2).await;
    scribes[shape.actors - 1].fence(store, 300).await;
    scribes[shape.actors - 2].retire(store, rng).await;
    for scribe in &mut scribes[2..] {
        scribe.save(store).await;
    }
    for _ in 0..more {
        for scribe in &mut scribes[..shape.actors / 2 + 1] {
            scribe.write(store, shape.words_max, rng).await;
        }
    }
    let now = Time(1_790_000_000_000);
    let leases = store.lease(&[TASK], now, Time(now.0 + 60_000), 2).await.expect("the disk has room");
    store.release(&leases[0], Time(now.0 + 90_000), Attempt::Made).await.expect("the disk has room");
}

/// An empty file with pages of this size, which it then keeps.
fn begin(disk: &Arc<Disk>, dir: &Path, page_bytes: u32) -> rusqlite::Result<()> {
    let vfs = registered(disk);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags_and_vfs(dir.join(FILE), flags, vfs.name())?;
    conn.execute_batch(&format!("PRAGMA page_size = {page_bytes}; CREATE TABLE none(a); DROP TABLE none;"))
}

/// Do this to the file behind the store's back: a bug.
fn spoil(vfs: &Registered, dir: &Path, sql: &str) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags_and_vfs(dir.join(FILE), flags, vfs.name()).expect("it was rebuilt");
    // It may be damaged where this looks.
    let _ = conn.execute_batch(sql);
}

fn registered(disk: &Arc<Disk>) -> Arc<Registered> {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let name = format!("flip-{}", NAMES.fetch_add(1, Ordering::Relaxed));
    Arc::new(Registered::new(&name, disk.clone()))
}

fn open(disk: &Arc<Disk>, dir: &Path) -> Option<(Arc<Registered>, SqliteStore)> {
    let vfs = registered(disk);
    let store = SqliteStore::open(dir, options(&vfs));
    store.ok().map(|store| (vfs, store))
}

fn options(vfs: &Arc<Registered>) -> Options {
    Options { readers: 1, vfs: Some(vfs.clone()), ..Options::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An actor's name is in its row and in several indexes. A flip there once made it absent, or hid its newest commits.
    #[test]
    fn a_flipped_bit_of_a_name_hides_nobody() {
        let image = Image::new(1);
        let mut tally = FlipTally::default();
        // One with rows in the log, and one without.
        for name in ["n3", "n9"] {
            let name = format!("mainnotes{name}");
            let found = image.bytes.windows(name.len()).enumerate().filter(|(_, bytes)| *bytes == name.as_bytes());
            let places: Vec<usize> = found.map(|(place, _)| place).collect();
            assert!(places.len() >= 2, "the row and an index: {places:?}");
            for bit in places.iter().flat_map(|place| place * 8..(place + name.len()) * 8) {
                image.flip(bit as u64, &mut tally).unwrap_or_else(|what| panic!("{what}"));
            }
        }
        assert!(tally.refused > 0 && tally.told_of_one > 0, "{tally:?}");
    }
}
