//! The life of one disk: boots that each end with a cut of the power, and processes within each boot.
//!
//! A process opens the store, compares all that it holds with the model, and lets several actors call it at once. It is in lockstep with the
//! store's writer: while one batch stands before its first write, the next one is queued. So a life is the same each time, from its seed.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use dormouse_core::{Address, Time};
use dormouse_journal::{AppendError, Index, Journal, ReadError, StoreError};
use dormouse_journal_sqlite::{OpenError, Options, SqliteStore, Vfs};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    disk::{Device, Disk, Fault, Flaw, Plan, Stop},
    look::{self, Trouble},
    model::{Actor, Call},
    planted::Bug,
    rng::Rng,
    tally::Tally,
    vfs::{Registered, seed_sqlite},
};

/// Cuts in the life of one disk.
pub const CUTS_PER_LIFE: u64 = 8;

/// A cut comes at one of so many operations after the boot: a prime, so that each of them meets each age of a disk.
pub const CUT_SPAN: u64 = 509;

/// From one cut to the next, so that each life has early and late ones.
const CUT_STRIDE: u64 = 157;

/// The store looks for its file, which is on no real disk, after each commit; an empty one of that name satisfies it.
const FILE: &str = "journal.sqlite";

/// What the store does wrong, and where.
#[derive(Debug)]
pub struct Violation {
    /// In which life.
    pub life: u64,
    /// After which of its cuts.
    pub cut: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "life {} after cut {}: {}", self.life, self.cut, self.what)
    }
}

/// What one call came to.
enum Reply {
    Done,
    Conflict,
    Unavailable,
    Failed,
}

struct Waiting {
    actor: usize,
    call: Call,
    reply: Pin<Box<dyn Future<Output = Reply> + Send>>,
}

/// How a process ends that nothing happens to.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Close,
    Kill,
    Cut,
}

impl End {
    /// A cut while nobody writes takes the place of the planned one, so it comes in the last boot alone.
    fn draw(may_cut: bool, rng: &mut Rng) -> Self {
        match rng.below(10) {
            0..4 => Self::Close,
            9 if may_cut => Self::Cut,
            _ => Self::Kill,
        }
    }

    fn begin(self, disk: &Disk) {
        match self {
            Self::Close => {}
            Self::Kill => disk.kill(),
            Self::Cut => disk.cut(),
        }
    }
}

struct Life<'a> {
    number: u64,
    cut: u64,
    disk: Arc<Disk>,
    vfs: Arc<Registered>,
    dir: TempDir,
    runtime: Runtime,
    rng: Rng,
    bug: Bug,
    options: Options,
    actors: Vec<Actor>,
    waiting: Vec<Waiting>,
    /// For leases: later at each look.
    now: Time,
    /// Commits that were ever acknowledged or found.
    commits: u64,
    tally: &'a mut Tally,
}

/// Live one life.
///
/// # Errors
/// The first thing that the store does wrong.
pub fn live(seed: u64, number: u64, bug: Bug, tally: &mut Tally) -> Result<(), Violation> {
    let mut life = Life::new(seed, number, bug, tally);
    let lived = life.all();
    life.waiting.clear();
    life.tally.cuts_by_place(&life.disk);
    life.tally.digest(number, life.disk.digest());
    lived.map_err(|what| Violation { life: number, cut: life.cut, what })
}

impl<'a> Life<'a> {
    fn new(seed: u64, number: u64, bug: Bug, tally: &'a mut Tally) -> Self {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let mut rng = Rng::new(seed, &[number]);
        let flaw = if let Bug::Disk(flaw) = bug { flaw } else { Flaw::None };
        let device = Device { sector: [512, 4096][rng.index(2)], powersafe: rng.percent(50), flaw };
        seed_sqlite(rng.next());
        let disk = Disk::new(device, Rng::new(seed, &[number, 1]));
        let name = format!("power-{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let vfs = Arc::new(Registered::new(&name, disk.clone()));
        let dir = tempfile::tempdir().expect("a directory for the lock");
        std::fs::write(dir.path().join(FILE), []).expect("an empty file");
        let actors = (0..3 + rng.index(4)).map(|n| Actor::new(&format!("main/todo/a{n}"))).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let options = options(&vfs, &mut rng);
        let now = Time(2_000_000_000_000);
        let (waiting, commits, cut) = (Vec::new(), 0, 0);
        Self { number, cut, disk, vfs, dir, runtime, rng, bug, options, actors, waiting, now, commits, tally }
    }

    fn all(&mut self) -> Result<(), String> {
        for cut in 0..CUTS_PER_LIFE {
            self.cut = cut;
            let plan = self.plan();
            self.disk.boot(plan);
            while self.disk.has_power() {
                self.process()?;
            }
            self.tally.cut(plan.cut_at.filter(|at| self.disk.counted() > *at));
        }
        self.cut = CUTS_PER_LIFE;
        self.disk.boot(Plan::default());
        self.disk.start();
        let store = self.open()?.ok_or("the store does not open, and nothing is wrong with the disk")?;
        self.integrity()?;
        self.close(store);
        Ok(())
    }

    fn plan(&mut self) -> Plan {
        let cut_at = (self.number * CUTS_PER_LIFE + self.cut) * CUT_STRIDE % CUT_SPAN;
        let mut before = |often| self.rng.percent(often).then(|| self.rng.below(cut_at + 1));
        let (kill_at, fault_at) = (before(30), before(30));
        let fault = [Fault::Sync, Fault::Write, Fault::Full(1 + self.rng.below(40) as u32)];
        // Elsewhere SQLite writes a commit's last page again, to fill the sector; if there is no room for that copy, it reports a commit as not
        // written that the next process finds whole.
        let fault = fault[self.rng.index(if self.disk.device().powersafe { 3 } else { 2 })];
        Plan { cut_at: Some(cut_at), kill_at, fault: fault_at.map(|from| (from, fault)) }
    }

    /// One process: until it dies, ends, or loses the power.
    fn process(&mut self) -> Result<(), String> {
        self.disk.start();
        self.disk.take_fault();
        self.tally.processes += 1;
        let Some(store) = self.open()? else {
            self.disk.kill();
            return Ok(());
        };
        let (turns, end) = (2 + self.rng.below(50), End::draw(self.cut + 1 == CUTS_PER_LIFE, &mut self.rng));
        self.disk.lockstep();
        let ended = self.work(&store, turns);
        if matches!(ended, Ok(None)) {
            // While the writer is held up, so that it is not in the middle of something else that nobody waits for.
            end.begin(&self.disk);
        }
        self.disk.run_free();
        self.finish(&store, ended?)?;
        end.begin(&self.disk);
        if end == End::Close {
            self.close(store)
        } else {
            drop(store)
        }
        Ok(())
    }

    /// Open and compare. `None` if the disk gave a reason to fail.
    fn open(&mut self) -> Result<Option<SqliteStore>, String> {
        let process = self.disk.process();
        if let Bug::Sql(sql) = self.bug {
            self.meddle(sql);
        }
        let store = match SqliteStore::open(self.dir.path(), self.options.clone()) {
            Ok(store) => store,
            Err(error) => {
                return self.excused(
                    process,
                    matches!(error, OpenError::Sqlite(_) | OpenError::NoWal(_) | OpenError::Directory { .. }),
                    format!("{error:?}"),
                );
            }
        };
        self.now = Time(self.now.0 + 10);
        if self.bug == Bug::Stranger {
            self.meet_stranger(&store);
        }
        let page = 1 + self.rng.index(40);
        let compared = self.runtime.block_on(look::compare(&store, &mut self.actors, self.now, page));
        match compared {
            Ok(appeared) => {
                self.commits += appeared;
                self.tally.appeared += appeared;
                self.activity(&store)?;
                Ok(Some(store))
            }
            Err(Trouble::Wrong(what)) => Err(what),
            Err(Trouble::Failed(what)) => {
                self.disk.kill();
                drop(store);
                self.excused(process, true, what)
            }
        }
    }

    /// Whether there was a reason for this failure.
    fn excused<T>(&mut self, process: u64, may_be: bool, what: String) -> Result<Option<T>, String> {
        let is_dead = self.disk.process() != process || !self.disk.has_power();
        let reason = self.disk.take_fault().is_some() || is_dead;
        self.tally.failed_opens += 1;
        if reason && may_be { Ok(None) } else { Err(format!("the store does not open: {what}")) }
    }

    /// Every commit is counted once, and those of actors that are gone too.
    fn activity(&self, store: &SqliteStore) -> Result<(), String> {
        let Ok(bars) = self.runtime.block_on(store.activity(Time(0))) else { return Ok(()) };
        let counted: u64 = bars.iter().map(|(_, commits)| commits).sum();
        let same = counted == self.commits;
        same.then_some(()).ok_or_else(|| format!("activity counts {counted} commits, and there were {}", self.commits))
    }

    /// Let actors call the store, in lockstep with its writer, for so many turns. Why it ended, if not because they are over.
    fn work(&mut self, store: &SqliteStore, turns: u64) -> Result<Option<Stop>, String> {
        self.send(store, 1);
        for turn in 0.. {
            let stop = self.disk.wait();
            let acknowledged = self.collect()?;
            match stop {
                // When everybody waits, nobody would come by after this batch.
                Stop::Writer if turn >= turns || !self.actors.iter().any(Actor::is_idle) => break,
                Stop::Writer => {
                    self.glance(store)?;
                    let calls = 1 + self.rng.below(3);
                    self.send(store, calls);
                }
                Stop::Fault(Fault::Full(_)) => self.tally.full += 1,
                Stop::Fault(_) | Stop::Kill | Stop::Cut => return Ok(Some(stop)),
            }
            self.tally.acknowledged += acknowledged;
            self.disk.release();
        }
        Ok(None)
    }

    /// Queue calls of actors that wait for nothing; at least one of them writes.
    fn send(&mut self, store: &SqliteStore, calls: u64) {
        for nth in 0..calls {
            let idle: Vec<usize> = (0..self.actors.len()).filter(|n| self.actors[*n].is_idle()).collect();
            if idle.is_empty() {
                break;
            }
            let actor = idle[self.rng.index(idle.len())];
            let mut call = self.actors[actor].call(nth == 0, &mut self.rng);
            match (self.bug, &call) {
                (Bug::FalseRival, Call::Append(run)) => call = Call::Conflicting(run.clone()),
                (Bug::EarlyAcknowledgement, _) => self.commits += self.actors[actor].take_for_done(),
                _ => {}
            }
            let address = self.actors[actor].address.clone();
            let mut reply: Waiting =
                Waiting { actor, call: call.clone(), reply: Box::pin(ask(store.clone(), address, call)) };
            self.tally.calls += 1;
            // Hands the call over: there is room for it.
            assert!(poll(&mut reply).is_none(), "the writer is held up, or has not seen it yet");
            self.waiting.push(reply);
        }
    }

    /// Take the answers that are there; how many were acknowledgements.
    fn collect(&mut self) -> Result<u64, String> {
        let mut acknowledged = 0;
        for mut one in std::mem::take(&mut self.waiting) {
            match poll(&mut one) {
                None => self.waiting.push(one),
                Some(reply) => acknowledged += u64::from(self.answered(one.actor, &one.call, reply)?),
            }
        }
        Ok(acknowledged)
    }

    /// Let the model know; whether it was an acknowledgement.
    fn answered(&mut self, actor: usize, call: &Call, reply: Reply) -> Result<bool, String> {
        let actor = &mut self.actors[actor];
        let conflicts = matches!(call, Call::Conflicting(_));
        match reply {
            Reply::Done if !conflicts => {
                let then = actor.then.take().expect("it was asked");
                self.commits += then.records.len().saturating_sub(actor.now.records.len()) as u64;
                actor.now = then;
                Ok(true)
            }
            Reply::Conflict if conflicts => {
                actor.then = None;
                Ok(false)
            }
            // Nothing was written, and nothing of it may appear.
            Reply::Unavailable => {
                actor.then = None;
                Ok(false)
            }
            Reply::Failed => Ok(false),
            Reply::Done => Err(format!("{}: a run at a place that is taken was acknowledged", actor.address)),
            Reply::Conflict => Err(format!("{}: nobody else writes here, and there is a conflict", actor.address)),
        }
    }

    /// Now and then, while the writer is held up: a reader sees what was acknowledged, and nothing else.
    fn glance(&mut self, store: &SqliteStore) -> Result<(), String> {
        if !self.rng.percent(10) {
            return Ok(());
        }
        let actor = &self.actors[self.rng.index(self.actors.len())];
        let found = self.runtime.block_on(look::actor(store, &actor.address, 20));
        let found = found.map_err(|trouble| format!("a read fails: {trouble:?}"))?;
        let seen = crate::model::State { tasks: actor.now.tasks.clone(), ..found };
        let same = seen == actor.now;
        same.then_some(()).ok_or_else(|| format!("{}: a reader sees {seen:?} and not {:?}", actor.address, actor.now))
    }

    /// The answers after the work ended. After a failed sync or write there is no acknowledgement.
    fn finish(&mut self, store: &SqliteStore, ended: Option<Stop>) -> Result<(), String> {
        if matches!(ended, Some(Stop::Fault(_))) && self.rng.percent(50) {
            // Those who come after the failure, too.
            self.send_late(store);
        }
        for one in std::mem::take(&mut self.waiting) {
            let reply = self.runtime.block_on(one.reply);
            let acknowledged = self.answered(one.actor, &one.call, reply)?;
            if let Some(stop) = ended.filter(|_| acknowledged) {
                return Err(format!("{}: acknowledged after {stop:?}", self.actors[one.actor].address));
            }
            self.tally.acknowledged += u64::from(acknowledged);
        }
        self.tally.ended(ended);
        Ok(())
    }

    fn send_late(&mut self, store: &SqliteStore) {
        if let Some(actor) = self.actors.iter().position(Actor::is_idle) {
            let call = self.actors[actor].call(true, &mut self.rng);
            let reply = Box::pin(ask(store.clone(), self.actors[actor].address.clone(), call.clone()));
            self.waiting.push(Waiting { actor, call, reply });
        }
    }

    fn close(&self, store: SqliteStore) {
        self.runtime.block_on(store.close());
    }

    /// SQLite's own check of the file.
    fn integrity(&self) -> Result<(), String> {
        if let Bug::SqlAtTheEnd(sql) = self.bug {
            self.meddle(sql);
        }
        let said = self.connect();
        let said = said.and_then(|conn| conn.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)));
        match said.as_deref() {
            Ok("ok") => Ok(()),
            _ => Err(format!("the file is damaged: {said:?}")),
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags_and_vfs(self.dir.path().join(FILE), flags, self.vfs.name())
    }

    /// Change the file behind the store's back. Without tables there is nothing to change.
    fn meddle(&self, sql: &str) {
        let _ = self.connect().and_then(|conn| conn.execute_batch(sql));
    }

    /// Somebody of whom the model does not know appends to an actor.
    fn meet_stranger(&mut self, store: &SqliteStore) {
        if let Some(run) = self.actors.iter().find_map(|actor| actor.clone().next(&mut self.rng)) {
            let _ = self.runtime.block_on(store.append(run));
        }
    }
}

/// Small bounds, so that a life meets what a server meets in a week. One reader, because two would take questions as they come.
fn options(vfs: &Arc<Registered>, rng: &mut Rng) -> Options {
    Options {
        readers: 1,
        log_rows_max: [6, 40, 10_000][rng.index(3)],
        settle_rows_min: [1, 20][rng.index(2)],
        wal_pages_max: [4, 30, 16_000][rng.index(3)],
        vfs: Some(vfs.clone()),
        ..Options::default()
    }
}

fn poll(waiting: &mut Waiting) -> Option<Reply> {
    match waiting.reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(reply) => Some(reply),
        Poll::Pending => None,
    }
}

async fn ask(store: SqliteStore, address: Address, call: Call) -> Reply {
    match call {
        Call::Append(run) | Call::Conflicting(run) => match store.append(run).await {
            Ok(()) => Reply::Done,
            Err(AppendError::Conflict(_)) => Reply::Conflict,
            Err(AppendError::Store(error)) => of_store(Err(error)),
            Err(AppendError::Unknown(_)) => Reply::Failed,
        },
        Call::Put(snapshot) => of_store(store.put_snapshot(&address, snapshot).await),
        Call::Delete => of_store(store.delete(&address).await),
        Call::Reindex(at, change) => of_store(store.reindex(&address, at, change).await),
        Call::Fence(epoch) => match store.fence(&address, epoch).await {
            Ok(()) => Reply::Done,
            Err(ReadError::Store(error)) => of_store(Err(error)),
            Err(ReadError::Damaged(..)) => Reply::Failed,
        },
    }
}

fn of_store(done: Result<(), StoreError>) -> Reply {
    match done {
        Ok(()) => Reply::Done,
        Err(StoreError::Unavailable(_)) => Reply::Unavailable,
        Err(StoreError::Fatal(_)) => Reply::Failed,
    }
}
