//! One bit of the database file is another one: what a store that opens it then says of each actor.
//!
//! An actor is read as a host reads it, through `dormouse_engine::load`, once with its snapshot and once from its first commit. It is what it was,
//! or an error says that it is not; the store may also refuse to open. Never is something else served.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use dormouse_core::{Address, Hash, Kind, position::Head};
use dormouse_engine::{LoadError, LoadOptions, load};
use dormouse_journal::{Index, Row};
use dormouse_journal_sqlite::{Options, SqliteStore};
use serde::Serialize;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    disk::{Device, Disk},
    notes::{Notes, Scribe},
    rng::Rng,
    vfs::Registered,
};

const FILE: &str = "journal.sqlite";
const ACTORS: usize = 16;

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
    /// Those after which a row of the index said something else: it is derived, and under no hash.
    pub rows_changed: u64,
}

impl FlipTally {
    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.flips += other.flips;
        self.harmless += other.harmless;
        self.refused += other.refused;
        self.told_of_one += other.told_of_one;
        self.told_of_several += other.told_of_several;
        self.rows_changed += other.rows_changed;
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
    known: BTreeMap<Address, (Known, Option<Row>)>,
    kind: Arc<Kind>,
    dir: TempDir,
    runtime: Runtime,
}

/// What one flip came to.
enum Outcome {
    Refused,
    /// So many actors are damaged, and so many rows of the index are others.
    Opened {
        told: u64,
        rows: u64,
    },
}

impl Image {
    /// A file with settled and unsettled actors, with snapshots and without.
    ///
    /// # Panics
    /// If the undamaged file does not read.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, &[u64::MAX]);
        let dir = tempfile::tempdir().expect("a directory for the lock");
        std::fs::write(dir.path().join(FILE), []).expect("an empty file");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let kind = Arc::new(Kind::of::<Notes>());
        let disk = Disk::new(Device::HONEST, Rng::new(seed, &[]));
        let (vfs, store) = open(&disk, dir.path()).expect("an empty disk");
        runtime.block_on(fill(&store, &kind, &mut rng));
        runtime.block_on(store.close());
        drop(vfs);
        let bytes = disk.get(FILE).expect("the store made it");
        let mut image = Self { bytes, known: BTreeMap::new(), kind, dir, runtime };
        image.known = image.learn();
        image
    }

    /// Bits in the file.
    pub fn bits(&self) -> u64 {
        self.bytes.len() as u64 * 8
    }

    fn learn(&self) -> BTreeMap<Address, (Known, Option<Row>)> {
        let disk = Disk::new(Device::HONEST, Rng::new(0, &[]));
        disk.put(FILE, self.bytes.clone());
        let (_vfs, store) = open(&disk, self.dir.path()).expect("nothing is damaged yet");
        let learn = |address: Address| {
            let known = self.runtime.block_on(self.read(&store, &address, true)).expect("nothing is damaged yet");
            let row = self.runtime.block_on(store.row(&address)).expect("nothing is damaged yet");
            (address, (known, row))
        };
        addresses().map(learn).collect()
    }

    async fn read(&self, store: &SqliteStore, address: &Address, from_start: bool) -> Result<Known, LoadError> {
        let machine = load(store, &self.kind, address, LoadOptions { until: None, from_start }).await?;
        Ok(Known { head: machine.head(), state: machine.state_hash() })
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
            Outcome::Opened { told, rows } => {
                tally.rows_changed += u64::from(rows > 0);
                *match told {
                    0 => &mut tally.harmless,
                    1 => &mut tally.told_of_one,
                    _ => &mut tally.told_of_several,
                } += 1;
            }
        }
        Ok(())
    }

    fn look(&self, disk: &Arc<Disk>) -> Result<Outcome, String> {
        let Some((vfs, store)) = open(disk, self.dir.path()) else { return Ok(Outcome::Refused) };
        let (mut told, mut rows) = (0, 0);
        for (address, (known, row)) in &self.known {
            let read = |from_start| self.runtime.block_on(self.read(&store, address, from_start));
            let (with, without) = (read(false), read(true));
            if let Some(found) = [&with, &without].into_iter().flatten().find(|found| *found != known) {
                return Err(format!("{address} was {known:?} and is served as {found:?}"));
            }
            told += u64::from(with.is_err() || without.is_err());
            rows += u64::from(self.runtime.block_on(store.row(address)).is_ok_and(|found| found != *row));
        }
        disk.kill();
        drop((store, vfs));
        Ok(Outcome::Opened { told, rows })
    }
}

fn addresses() -> impl Iterator<Item = Address> {
    (0..ACTORS).map(|n| format!("main/notes/n{n}").parse().expect("an address"))
}

/// Every actor writes, all but two are settled, half of those write more.
async fn fill(store: &SqliteStore, kind: &Arc<Kind>, rng: &mut Rng) {
    let mut scribes: Vec<_> = addresses().map(|address| Scribe::new(kind, address)).collect();
    for _ in 0..12 {
        for scribe in &mut scribes {
            scribe.write(store, rng).await;
        }
    }
    for scribe in &mut scribes[2..] {
        scribe.save(store).await;
    }
    for _ in 0..4 {
        for scribe in &mut scribes[..ACTORS / 2] {
            scribe.write(store, rng).await;
        }
    }
}

fn open(disk: &Arc<Disk>, dir: &Path) -> Option<(Arc<Registered>, SqliteStore)> {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    let name = format!("flip-{}", NAMES.fetch_add(1, Ordering::Relaxed));
    let vfs = Arc::new(Registered::new(&name, disk.clone()));
    let store = SqliteStore::open(dir, Options { readers: 1, vfs: Some(vfs.clone()), ..Options::default() });
    store.ok().map(|store| (vfs, store))
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
