//! A disk in memory that forgets what was not synced.
//!
//! Files are durable bytes and the changes since the last sync; names are the same. All that changes the disk is counted, and a [`Plan`] says
//! at which count the power is cut, the process dies or an operation fails. In lockstep the disk also holds up whoever begins to write, until
//! the driver lets go: so what is in one transaction is the driver's choice, and not the scheduler's.

mod content;
mod locks;
mod plan;

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use content::Content;
pub use content::Losses;
use locks::{Holder, Holders};
pub(crate) use plan::{Act, Fault, Place, Plan, Stop};
pub use plan::{Device, Flaw};

use crate::rng::Rng;

type Inode = u64;
type HandleId = u64;
type Names = BTreeMap<String, Inode>;

/// The first slot of shared memory is the writer's.
const WRITER_SLOT: u8 = 1;

/// A driver that waits longer than this for the writer has lost it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a rewrite writes at once, as the store does.
const REWRITE_BYTES: usize = 1024 * 1024;

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    Io,
    Full,
    NotFound,
}

/// The disk, its files, and what is to go wrong.
#[derive(Debug)]
pub(crate) struct Disk {
    state: Mutex<State>,
    turn: Condvar,
}

#[derive(Debug)]
struct State {
    device: Device,
    rng: Rng,
    files: BTreeMap<Inode, Content>,
    names: Names,
    durable_names: Names,
    /// Names since the last sync of the directory; `None` is a deletion.
    pending_names: Vec<(String, Option<Inode>)>,
    shared_memory: BTreeMap<Inode, Arc<SharedMemory>>,
    holders: Holders,
    /// The next inode or handle.
    next: u64,
    /// Which process is the one of now, and whether it lives.
    process: u64,
    lives: bool,
    has_power: bool,
    plan: Plan,
    counted: u64,
    fault: Option<Fault>,
    digest: u64,
    cuts: BTreeMap<(Place, Act), u64>,
    losses: Losses,
    is_lockstep: bool,
    stopped: Option<Stop>,
}

/// Shared memory of the processes that have a file open; gone with them.
#[derive(Debug, Default)]
pub(crate) struct SharedMemory(Mutex<Vec<Box<[AtomicU64]>>>);

impl SharedMemory {
    /// Where this part of it is, which has so many bytes; made if it is not there and `extend` says so.
    pub(crate) fn region(&self, nth: usize, bytes: usize, extend: bool) -> Option<*mut u64> {
        let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while extend && regions.len() <= nth {
            regions.push((0..bytes / 8).map(|_| AtomicU64::new(0)).collect());
        }
        regions.get(nth).map(|region| region[0].as_ptr())
    }
}

/// A file that a process has open.
#[derive(Debug)]
pub(crate) struct OpenFile {
    disk: Arc<Disk>,
    id: HandleId,
    inode: Inode,
    process: u64,
    place: Place,
    /// The name, if it goes away when the file is closed.
    deletes: Option<String>,
    /// Its first sync also syncs the directory, as the system's VFS does for a log or journal that it made.
    syncs_directory: Mutex<bool>,
    /// Kept until the file is closed, because SQLite keeps pointers into it.
    shared_memory: Mutex<Option<Arc<SharedMemory>>>,
}

impl Disk {
    /// An empty disk.
    pub(crate) fn new(device: Device, rng: Rng) -> Arc<Self> {
        let state = State {
            device,
            rng,
            files: BTreeMap::new(),
            names: Names::new(),
            durable_names: Names::new(),
            pending_names: Vec::new(),
            shared_memory: BTreeMap::new(),
            holders: Holders::new(),
            next: 0,
            process: 0,
            lives: true,
            has_power: true,
            plan: Plan::default(),
            counted: 0,
            fault: None,
            digest: 0xcbf2_9ce4_8422_2325,
            cuts: BTreeMap::new(),
            losses: Losses::default(),
            is_lockstep: false,
            stopped: None,
        };
        Arc::new(Self { state: Mutex::new(state), turn: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn device(&self) -> Device {
        self.state().device
    }

    /// Power, and a new plan; counting begins again.
    pub(crate) fn boot(&self, plan: Plan) {
        let mut state = self.state();
        (state.has_power, state.plan, state.counted, state.fault) = (true, plan, 0, None);
    }

    /// A new process begins; there must be power.
    pub(crate) fn start(&self) {
        let mut state = self.state();
        state.kill();
        state.lives = state.has_power;
    }

    /// Cut the power now.
    pub(crate) fn cut(&self) {
        self.state().cut();
    }

    /// The process dies: its files no longer work, its locks and shared memory are gone. What it wrote is in the cache.
    pub(crate) fn kill(&self) {
        self.state().kill();
    }

    /// Whether there is power.
    pub(crate) fn has_power(&self) -> bool {
        self.state().has_power
    }

    /// The life and death of processes: it differs after each kill and each cut.
    pub(crate) fn process(&self) -> u64 {
        self.state().process
    }

    /// The fault that happened since the last look.
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        self.state().fault.take()
    }

    /// Operations since the boot.
    pub(crate) fn counted(&self) -> u64 {
        self.state().counted
    }

    /// A number of all that was done to the disk: where, what, how much.
    pub(crate) fn digest(&self) -> u64 {
        self.state().digest
    }

    /// What was going on when the power was cut, and how often.
    pub(crate) fn cuts(&self) -> BTreeMap<(Place, Act), u64> {
        self.state().cuts.clone()
    }

    /// What cuts of the power did to writes.
    pub(crate) fn losses(&self) -> Losses {
        self.state().losses
    }

    /// Put a file on the disk.
    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state();
        let inode = state.fresh();
        state.files.insert(inode, Content::of(bytes));
        state.names.insert(name.to_owned(), inode);
        state.durable_names.insert(name.to_owned(), inode);
    }

    /// A file's bytes, as readers see them.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        Some(state.files[state.names.get(name)?].cached().to_vec())
    }

    /// Hold up whoever begins to write, and whoever meets the plan.
    pub(crate) fn lockstep(&self) {
        self.state().is_lockstep = true;
    }

    /// Let everybody go, for good.
    pub(crate) fn run_free(&self) {
        self.state().is_lockstep = false;
        self.release();
    }

    /// Let go whoever was stopped.
    pub(crate) fn release(&self) {
        self.state().stopped = None;
        self.turn.notify_all();
    }

    /// Wait until somebody is stopped; they stay so until [`release`](Self::release).
    ///
    /// # Panics
    /// If nobody is.
    pub(crate) fn wait(&self) -> Stop {
        let state = self.state();
        let waited = self.turn.wait_timeout_while(state, PATIENCE, |state| state.stopped.is_none());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stopped.expect("the writer has something to write, and comes by")
    }

    /// Stop here, if in lockstep.
    fn stop(&self, mut state: MutexGuard<'_, State>, why: Stop) {
        if state.is_lockstep {
            state.stopped = Some(why);
            self.turn.notify_all();
            drop(self.turn.wait_while(state, |state| state.stopped.is_some()));
        }
    }

    /// Change the disk, as `apply` says, or fail as the plan says; a fault leaves what `spoil` makes of it.
    fn change(
        &self,
        process: u64,
        (place, act, size): (Place, Act, u64),
        apply: impl FnOnce(&mut State),
        spoil: impl FnOnce(&mut State),
    ) -> Result<(), Failed> {
        let mut state = self.state();
        state.check(process)?;
        let Some(stop) = state.count(place, act, size) else {
            apply(&mut state);
            return Ok(());
        };
        match stop {
            Stop::Fault(_) => spoil(&mut state),
            Stop::Kill => {
                if state.rng.percent(50) {
                    apply(&mut state);
                }
                state.kill();
            }
            Stop::Cut | Stop::Writer => {
                if act != Act::Sync {
                    apply(&mut state);
                }
                *state.cuts.entry((place, act)).or_default() += 1;
                state.cut();
            }
        }
        let is_quiet = stop == Stop::Fault(Fault::Sync) && state.device.flaw == Flaw::QuietSync;
        self.stop(state, stop);
        match stop {
            Stop::Fault(_) if is_quiet => Ok(()),
            Stop::Fault(Fault::Full(_)) => Err(Failed::Full),
            _ => Err(Failed::Io),
        }
    }

    pub(crate) fn exists(&self, name: &str) -> Result<bool, Failed> {
        let state = self.state();
        state.check(state.process)?;
        Ok(state.names.contains_key(name))
    }

    pub(crate) fn delete(&self, name: &str, sync: bool) -> Result<(), Failed> {
        let process = self.process();
        if !self.exists(name)? {
            return Err(Failed::NotFound);
        }
        let remove = |state: &mut State| {
            state.names.remove(name);
            state.pending_names.push((name.to_owned(), None));
        };
        self.change(process, (Place::of(name), Act::Delete, 0), remove, |_| ())?;
        if sync { self.sync_names(process) } else { Ok(()) }
    }

    /// Sync the directory.
    pub(crate) fn sync_directory(&self) -> Result<(), Failed> {
        self.sync_names(self.process())
    }

    /// Write a file's bytes over themselves, and sync it.
    pub(crate) fn rewrite(self: &Arc<Self>, name: &str) -> Result<(), Failed> {
        let file = self.open(Some(name), false, false)?;
        let size = file.size()?;
        for at in (0..size).step_by(REWRITE_BYTES) {
            let length = REWRITE_BYTES.min(size - at);
            let rewrite = |state: &mut State| state.file(file.inode).rewrite(at, length);
            self.change(file.process, (file.place, Act::Write, packed(at, length)), rewrite, |_| ())?;
        }
        file.sync()
    }

    fn sync_names(&self, process: u64) -> Result<(), Failed> {
        let sync = |state: &mut State| {
            state.pending_names.clear();
            state.durable_names.clone_from(&state.names);
        };
        self.change(process, (Place::Directory, Act::Sync, 0), sync, |_| ())
    }

    /// Open a file, and make it if `create` says so; without a name it is nobody else's.
    pub(crate) fn open(self: &Arc<Self>, name: Option<&str>, create: bool, deletes: bool) -> Result<OpenFile, Failed> {
        let process = self.process();
        let place = name.map_or(Place::Nowhere, Place::of);
        let is_new = match name {
            Some(name) => !self.exists(name)?,
            None => true,
        };
        if is_new && !create {
            return Err(Failed::NotFound);
        }
        let inode = self.inode(name, is_new, (process, place))?;
        let mut state = self.state();
        let id = state.fresh();
        state.holders.insert(id, Holder { inode, process, level: 0, shared: 0, exclusive: 0 });
        Ok(OpenFile {
            disk: self.clone(),
            id,
            inode,
            process,
            place,
            deletes: name.filter(|_| deletes).map(str::to_owned),
            syncs_directory: Mutex::new(is_new && matches!(place, Place::Wal | Place::Journal)),
            shared_memory: Mutex::new(None),
        })
    }

    fn inode(&self, name: Option<&str>, is_new: bool, (process, place): (u64, Place)) -> Result<Inode, Failed> {
        match name {
            Some(name) if !is_new => self.state().names.get(name).copied().ok_or(Failed::NotFound),
            Some(name) => {
                let inode = self.state().fresh();
                let make = |state: &mut State| {
                    state.files.insert(inode, Content::default());
                    state.names.insert(name.to_owned(), inode);
                    state.pending_names.push((name.to_owned(), Some(inode)));
                };
                self.change(process, (place, Act::Create, 0), make, |_| ())?;
                Ok(inode)
            }
            None => {
                let mut state = self.state();
                let inode = state.fresh();
                state.files.insert(inode, Content::default());
                Ok(inode)
            }
        }
    }
}

/// Where and how much, for the digest.
fn packed(at: usize, length: usize) -> u64 {
    (at as u64) << 20 | length as u64
}

impl State {
    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Only those who live in the process of now may do anything.
    fn check(&self, process: u64) -> Result<(), Failed> {
        if self.lives && self.process == process { Ok(()) } else { Err(Failed::Io) }
    }

    /// Count a change; what the plan has for it.
    fn count(&mut self, place: Place, act: Act, size: u64) -> Option<Stop> {
        if place == Place::Nowhere {
            return None;
        }
        for part in [place as u64, act as u64, size] {
            self.digest = (self.digest ^ part).wrapping_mul(0x0100_0000_01b3);
        }
        let nth = self.counted;
        self.counted += 1;
        if self.plan.cut_at == Some(nth) {
            return Some(Stop::Cut);
        }
        if self.plan.kill_at == Some(nth) {
            return Some(Stop::Kill);
        }
        let fault = self.due_fault(nth, place, act)?;
        self.fault = Some(fault);
        Some(Stop::Fault(fault))
    }

    fn due_fault(&mut self, nth: u64, place: Place, act: Act) -> Option<Fault> {
        let (from, fault) = self.plan.fault.filter(|(from, _)| nth >= *from)?;
        let fits = match fault {
            // SQLite ignores whether the directory could be synced.
            Fault::Sync => act == Act::Sync && place != Place::Directory,
            Fault::Write | Fault::Full(_) => act == Act::Write,
        };
        if fits {
            self.plan.fault = match fault {
                Fault::Full(writes) if writes > 1 => Some((from, Fault::Full(writes - 1))),
                _ => None,
            };
        }
        fits.then_some(fault)
    }

    fn kill(&mut self) {
        self.process += 1;
        self.lives = false;
        self.shared_memory.clear();
        let rng = &mut self.rng;
        self.files.values_mut().for_each(|file| file.evict(rng));
    }

    fn cut(&mut self) {
        for (name, inode) in std::mem::take(&mut self.pending_names) {
            if self.rng.percent(50) {
                match inode {
                    Some(inode) => self.durable_names.insert(name, inode),
                    None => self.durable_names.remove(&name),
                };
            }
        }
        self.names.clone_from(&self.durable_names);
        let kept: Vec<Inode> = self.names.values().copied().collect();
        self.files.retain(|inode, _| kept.contains(inode));
        let Self { rng, losses, .. } = self;
        self.files.values_mut().for_each(|file| file.cut(rng, losses));
        self.kill();
        self.has_power = false;
    }

    fn file(&mut self, inode: Inode) -> &mut Content {
        // One that was deleted and is still open is kept as long as the process.
        self.files.entry(inode).or_default()
    }
}

impl OpenFile {
    /// Fill `into` from this offset; `false` if the file ends before, and the rest is zeros.
    pub(crate) fn read(&self, at: usize, into: &mut [u8]) -> Result<bool, Failed> {
        let mut state = self.disk.state();
        state.check(self.process)?;
        let bytes = state.file(self.inode).cached();
        let found = bytes.get(at..).unwrap_or_default();
        let length = found.len().min(into.len());
        into[..length].copy_from_slice(&found[..length]);
        into[length..].fill(0);
        Ok(length == into.len())
    }

    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Failed> {
        let write = |state: &mut State| state.file(self.inode).write(at, bytes);
        let partly = |state: &mut State| {
            let length = state.rng.index(bytes.len());
            state.file(self.inode).write(at, &bytes[..length]);
        };
        self.disk.change(self.process, (self.place, Act::Write, packed(at, bytes.len())), write, partly)
    }

    pub(crate) fn truncate(&self, length: usize) -> Result<(), Failed> {
        let truncate = |state: &mut State| state.file(self.inode).truncate(length);
        self.disk.change(self.process, (self.place, Act::Truncate, length as u64), truncate, |_| ())
    }

    pub(crate) fn sync(&self) -> Result<(), Failed> {
        let lies = match self.disk.device().flaw {
            Flaw::UnsyncedWal => self.place == Place::Wal,
            Flaw::UnsyncedAll => true,
            Flaw::None | Flaw::Claims | Flaw::QuietSync => false,
        };
        let sync = |state: &mut State| {
            if !lies {
                state.file(self.inode).sync();
            }
        };
        let fail = |state: &mut State| {
            let State { files, rng, .. } = state;
            files.entry(self.inode).or_default().fail_sync(rng);
        };
        self.disk.change(self.process, (self.place, Act::Sync, 0), sync, fail)?;
        let first = std::mem::take(&mut *self.syncs_directory.lock().unwrap_or_else(PoisonError::into_inner));
        if first {
            // As the system's VFS: whether this worked is not asked.
            let _ = self.disk.sync_names(self.process);
        }
        Ok(())
    }

    pub(crate) fn size(&self) -> Result<usize, Failed> {
        let mut state = self.disk.state();
        state.check(self.process)?;
        Ok(state.file(self.inode).cached().len())
    }

    /// `false` if somebody else's lock is in the way.
    pub(crate) fn lock(&self, level: i32) -> Result<bool, Failed> {
        let mut state = self.disk.state();
        state.check(self.process)?;
        Ok(locks::lock(&mut state.holders, self.id, level))
    }

    pub(crate) fn unlock(&self, level: i32) {
        locks::unlock(&mut self.disk.state().holders, self.id, level);
    }

    pub(crate) fn is_reserved(&self) -> Result<bool, Failed> {
        let state = self.disk.state();
        state.check(self.process)?;
        Ok(locks::is_reserved(&state.holders, self.id))
    }

    pub(crate) fn map(&self, nth: usize, bytes: usize, extend: bool) -> Result<Option<*mut u64>, Failed> {
        let mut state = self.disk.state();
        state.check(self.process)?;
        let mut mine = self.shared_memory.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = mine.get_or_insert_with(|| state.shared_memory.entry(self.inode).or_default().clone());
        Ok(memory.region(nth, bytes, extend))
    }

    pub(crate) fn unmap(&self, delete: bool) {
        let mut state = self.disk.state();
        let mine = self.shared_memory.lock().unwrap_or_else(PoisonError::into_inner).take();
        if delete && mine.is_some() && state.process == self.process {
            state.shared_memory.remove(&self.inode);
        }
    }

    /// Take slots of the shared memory; `false` if somebody else's are in the way.
    pub(crate) fn lock_slots(&self, slots: u8, exclusive: bool) -> Result<bool, Failed> {
        let state = self.disk.state();
        state.check(self.process)?;
        if exclusive && slots == WRITER_SLOT {
            self.disk.stop(state, Stop::Writer);
        } else {
            drop(state);
        }
        let mut state = self.disk.state();
        state.check(self.process)?;
        Ok(locks::lock_slots(&mut state.holders, self.id, slots, exclusive))
    }

    pub(crate) fn unlock_slots(&self, slots: u8, exclusive: bool) {
        locks::unlock_slots(&mut self.disk.state().holders, self.id, slots, exclusive);
    }

    pub(crate) fn device(&self) -> Device {
        self.disk.device()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Some(name) = &self.deletes {
            let _ = self.disk.delete(name, false);
        }
        let mut state = self.disk.state();
        state.holders.remove(&self.id);
        if self.place == Place::Nowhere {
            state.files.remove(&self.inode);
        }
    }
}
