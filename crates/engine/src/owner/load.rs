//! Bringing an actor into memory: its newest snapshot, and the commits after it.

use std::sync::Arc;

use dormouse_core::{
    Address, Code, Failure, Kind, Machine,
    position::Head,
    record::{self, Damage},
};
use dormouse_journal::{Journal, ReadError, StoreError};

/// Commits read at once while loading.
const PAGE: usize = 1024;

/// Why an actor cannot be brought into memory.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its history does not verify; it is quarantined, others are not touched.
    #[error("the history of {0} does not verify at commit {1}: {2}")]
    Damaged(Address, u64, String),
    /// Newer rules wrote it.
    #[error("{0} was written by rules {1}, newer than this host's")]
    NewerRules(Address, u32),
    /// A newer program wrote it.
    #[error("{0} was written by a newer program, in version {1} of the records")]
    NewerProgram(Address, u8),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LoadError {
    /// What those who ask are told.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Damaged(..) => Code::Quarantined.into(),
            Self::NewerRules(..) | Self::NewerProgram(..) => Failure::from(Code::NewerRules).retry_after(5_000),
            Self::Store(_) => Failure::from(Code::Unavailable).retry_after(1_000),
        }
    }
}

/// How to load.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions {
    /// Stop after this commit.
    pub until: Option<u64>,
    /// Ignore snapshots and fold every commit.
    pub from_start: bool,
}

/// The actor as the journal has it; blank if there is none.
///
/// # Errors
/// [`LoadError`]
pub async fn load(
    journal: &dyn Journal,
    kind: &Arc<Kind>,
    address: &Address,
    options: LoadOptions,
) -> Result<Machine, LoadError> {
    Ok(bring(journal, kind, address, options).await?.machine)
}

/// An actor, and how far its snapshot reached.
pub(crate) struct Loaded {
    pub(crate) machine: Machine,
    /// The commit at which the snapshot stood that served; 0 if none did.
    pub(crate) snapshot_seq: u64,
}

pub(crate) async fn bring(
    journal: &dyn Journal,
    kind: &Arc<Kind>,
    address: &Address,
    options: LoadOptions,
) -> Result<Loaded, LoadError> {
    loop {
        let head = journal.head(address).await.map_err(|e| read_error(address, 0, e))?;
        let brought = bring_to(journal, kind, address, options, head).await;
        // An older copy may have been restored between two reads: then the pieces do not fit, and nothing is damaged.
        if matches!(brought, Err(LoadError::Damaged(..)))
            && journal.is_shared()
            && journal.head(address).await.map_err(|e| read_error(address, 0, e))?.map(|head| head.epoch)
                != head.map(|head| head.epoch)
        {
            continue;
        }
        return brought;
    }
}

async fn bring_to(
    journal: &dyn Journal,
    kind: &Arc<Kind>,
    address: &Address,
    options: LoadOptions,
    head: Option<Head>,
) -> Result<Loaded, LoadError> {
    let blank = |epoch| Machine::blank(kind.clone(), address.clone(), epoch);
    let Some(head) = head else { return Ok(Loaded { machine: blank(1), snapshot_seq: 0 }) };
    let until = options.until.unwrap_or(head.seq).min(head.seq);
    let restored = if options.from_start { None } else { restore(journal, kind, address, until).await? };
    if let Some(machine) = restored {
        let snapshot_seq = machine.head().seq;
        match catch_up(journal, kind.rules, machine, head, until).await {
            // A snapshot is only a cache: if history does not link to it, history stands.
            Err(error @ LoadError::Damaged(..)) => {
                tracing::warn!(%error, "a snapshot does not lead to the head; replaying")
            }
            Err(error) => return Err(error),
            Ok(machine) => return Ok(Loaded { machine, snapshot_seq }),
        }
    }
    Ok(Loaded { machine: catch_up(journal, kind.rules, blank(head.epoch), head, until).await?, snapshot_seq: 0 })
}

/// Fold the commits up to `until`.
async fn catch_up(
    journal: &dyn Journal,
    rules: u32,
    mut machine: Machine,
    head: Head,
    until: u64,
) -> Result<Machine, LoadError> {
    let address = machine.address().clone();
    machine.set_epoch(head.epoch);
    while machine.head().seq < until {
        let after = machine.head().seq;
        let wanted = usize::try_from(until - after).unwrap_or(PAGE).min(PAGE);
        let entries = journal.read(&address, after, wanted).await.map_err(|e| read_error(&address, after, e))?;
        if entries.is_empty() {
            return Err(LoadError::Damaged(address, after + 1, "the commit is missing".to_owned()));
        }
        for entry in entries {
            check_rules(rules, &address, &entry.record)?;
            machine.apply(&entry.record).map_err(|damage| damaged(&address, entry.seq, damage))?;
        }
    }
    if until == head.seq && machine.head() != head {
        return Err(damaged(&address, until, Damage::Broken));
    }
    Ok(machine)
}

/// The newest snapshot that serves; a damaged one is as good as none, since it is only a cache.
async fn restore(
    journal: &dyn Journal,
    kind: &Arc<Kind>,
    address: &Address,
    until: u64,
) -> Result<Option<Machine>, LoadError> {
    let Some(snapshot) = journal.snapshot(address).await.map_err(|e| read_error(address, 0, e))? else {
        return Ok(None);
    };
    if snapshot.head.seq > until {
        return Ok(None);
    }
    match Machine::restore(kind.clone(), address.clone(), &snapshot.bytes) {
        // The store may be wrong about where it stands; the snapshot itself is not.
        Ok(machine) => Ok(machine.filter(|machine| machine.head().seq <= until)),
        Err(damage) => {
            tracing::warn!(%address, %damage, "a snapshot is damaged; replaying from the first commit");
            Ok(None)
        }
    }
}

fn check_rules(rules: u32, address: &Address, bytes: &[u8]) -> Result<(), LoadError> {
    if let Some(version) = record::newer_version(address, bytes) {
        return Err(LoadError::NewerProgram(address.clone(), version));
    }
    let header = record::header(bytes).map_err(|damage| damaged(address, 0, damage))?;
    if header.rules > rules { Err(LoadError::NewerRules(address.clone(), header.rules)) } else { Ok(()) }
}

fn damaged(address: &Address, seq: u64, damage: Damage) -> LoadError {
    LoadError::Damaged(address.clone(), seq, damage.to_string())
}

fn read_error(address: &Address, seq: u64, error: ReadError) -> LoadError {
    match error {
        ReadError::Damaged(address, what) => LoadError::Damaged(address, seq, what),
        ReadError::Store(store) => {
            tracing::error!(%address, error = &store as &dyn std::error::Error, "the journal cannot be read");
            LoadError::Store(store)
        }
    }
}
