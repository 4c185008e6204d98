//! What all owners and loops of one engine share.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use dormouse_core::{
    Address, Failure, Kind, Name, Time, limits,
    record::{Damage, Opened},
};
use dormouse_journal::{Hints, Index, Journal, StoreError};
use tokio::sync::{Notify, watch};

use crate::{
    audience::Audience,
    lists::Lists,
    metrics::Meters,
    owner::{LoadError, Message},
    registry::Registry,
    task::Workers,
    world::World,
};

pub(crate) struct Shared {
    pub(crate) kinds: BTreeMap<Name, Arc<Kind>>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) index: Arc<dyn Index>,
    pub(crate) hints: Arc<dyn Hints>,
    pub(crate) world: Arc<dyn World>,
    /// When this engine began.
    pub(crate) began: Time,
    pub(crate) workers: Workers,
    /// Signs the tokens of tasks that are reported from elsewhere.
    pub(crate) report_key: [u8; 32],
    pub(crate) registry: Registry,
    pub(crate) lists: Lists,
    pub(crate) meters: Meters,
    /// Who watches, on a host that lives for an invocation at a time.
    pub(crate) audience: Option<Arc<dyn Audience>>,
    /// Actors that were sent something since the last invocation settled.
    touched: Mutex<BTreeSet<Address>>,
    /// Somebody opened a task: the dispatcher need not wait for its next round.
    pub(crate) tasks_opened: Notify,
    owners: Running,
    attempts: Running,
    draining: watch::Sender<bool>,
    dead: AtomicBool,
    /// When the store last could not do what it was asked, by the wall clock; 0 once it could again.
    unavailable: AtomicU64,
    died: Notify,
    last_wake_us: AtomicU64,
    quarantined: Mutex<Vec<Address>>,
    /// Those whose damage was found by reading what no load reads: until this host ends, they are not served again.
    withheld: Mutex<HashSet<Address>>,
}

/// How many of something run now.
#[derive(Default)]
struct Running {
    count: AtomicUsize,
    ended: Notify,
}

impl Running {
    fn begin(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.ended.notify_waiters();
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Resolves when none runs.
    async fn none(&self) {
        loop {
            let ended = self.ended.notified();
            if self.count() == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// Counts an attempt out, even one that was torn down.
pub(crate) struct Attempting(Arc<Shared>);

impl Drop for Attempting {
    fn drop(&mut self) {
        self.0.attempts.end();
    }
}

/// Quarantined actors that are named in the engine's report; the rest are in the log.
const QUARANTINED_NAMED_MAX: usize = 100;

impl Shared {
    pub(crate) fn new(
        kinds: BTreeMap<Name, Arc<Kind>>,
        store: crate::Store,
        world: Arc<dyn World>,
        workers: Workers,
        report_key: [u8; 32],
    ) -> Self {
        Self {
            kinds,
            journal: store.journal,
            index: store.index,
            hints: store.hints,
            began: world.now(),
            world,
            workers,
            report_key,
            registry: Registry::new(),
            lists: Lists::default(),
            meters: Meters::new(),
            audience: None,
            touched: Mutex::default(),
            tasks_opened: Notify::new(),
            owners: Running::default(),
            attempts: Running::default(),
            draining: watch::Sender::new(false),
            dead: AtomicBool::new(false),
            unavailable: AtomicU64::new(0),
            died: Notify::new(),
            last_wake_us: AtomicU64::new(0),
            quarantined: Mutex::default(),
            withheld: Mutex::default(),
        }
    }

    /// Something is on its way to this actor, which an invocation will wait for.
    pub(crate) fn touch(&self, address: &Address) {
        if self.audience.is_some() {
            self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone());
        }
    }

    /// One of those actors, which counts as settled from now on.
    pub(crate) fn take_touched(&self) -> Option<Address> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).pop_first()
    }

    pub(crate) fn owners(&self) -> usize {
        self.owners.count()
    }

    pub(crate) fn owner_started(&self) {
        self.owners.begin();
    }

    pub(crate) fn owner_left(&self) {
        self.owners.end();
    }

    /// Somebody is at a task, or at finding one, until what is returned is dropped.
    pub(crate) fn attempting(self: &Arc<Self>) -> Attempting {
        self.attempts.begin();
        Attempting(self.clone())
    }

    /// Wait until nobody is at a task or the limit passes; returns how many still are.
    pub(crate) async fn end_tasks(&self) -> usize {
        let _ = tokio::time::timeout(limits::DRAIN_TASKS, self.attempts.none()).await;
        self.attempts.count()
    }

    /// Ask every owner to finish, and wait until they have or the limit passes; returns whether they have.
    pub(crate) async fn drain(&self) -> bool {
        self.draining.send_replace(true);
        let finished = tokio::time::timeout(limits::DRAIN, self.owners.none()).await.is_ok();
        if !finished {
            tracing::warn!("some actors did not finish while draining; what they had not answered is not committed");
        }
        finished
    }

    /// These task instances wait to be performed.
    pub(crate) fn opened(&self, address: &Address, opened: &[Opened]) {
        for Opened { key, kind, .. } in opened.iter().filter(|open| self.workers.of(&open.kind).is_none()) {
            tracing::warn!(%address, %key, kind, "a task waits for a host that has a worker of its kind");
        }
        if !opened.is_empty() {
            self.tasks_opened.notify_one();
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Resolves when draining begins.
    pub(crate) async fn drained(&self) {
        let mut draining = self.draining.subscribe();
        // The sender lives as long as this does.
        let _ = draining.wait_for(|draining| *draining).await;
    }

    /// The store failed for good: nothing more is answered, and the host ends the process.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(crate) async fn died(&self) {
        let died = self.died.notified();
        if !self.is_dead() {
            died.await;
        }
    }

    /// The store took a run.
    pub(crate) fn note_stored(&self) {
        if self.unavailable.load(Ordering::Acquire) != 0 && self.unavailable.swap(0, Ordering::AcqRel) != 0 {
            tracing::info!("the store is available again");
        }
    }

    /// Whether the store could not do what it was asked last, a moment ago. Later nobody knows: somebody has to try.
    pub(crate) fn is_unavailable(&self) -> bool {
        let at = Time(self.unavailable.load(Ordering::Acquire));
        at.0 != 0 && self.world.now().since(at) < limits::UNREADY
    }

    pub(crate) fn note_store_error(&self, error: &StoreError) {
        let detail = error as &dyn std::error::Error;
        match error {
            // Said once, not for each of those who ask meanwhile: a full disk may hold the log too.
            StoreError::Unavailable(_) if self.unavailable.swap(self.world.now().0, Ordering::AcqRel) == 0 => {
                tracing::warn!(error = detail, "the store is not available");
            }
            StoreError::Unavailable(_) => {}
            StoreError::Fatal(_) => {
                if !self.dead.swap(true, Ordering::AcqRel) {
                    tracing::error!(error = detail, "the store failed; this process must end");
                }
                self.died.notify_waiters();
            }
        }
    }

    pub(crate) fn note_load_error(&self, address: &Address, error: &LoadError) {
        tracing::error!(%address, error = error as &dyn std::error::Error, "an actor cannot be loaded");
        match error {
            LoadError::Store(store) => self.note_store_error(store),
            LoadError::Damaged(..) => {
                let mut quarantined = self.quarantined.lock().unwrap_or_else(PoisonError::into_inner);
                if !quarantined.contains(address) && quarantined.len() < QUARANTINED_NAMED_MAX {
                    quarantined.push(address.clone());
                }
            }
            LoadError::NewerRules(..) | LoadError::NewerProgram(..) => {}
        }
    }

    /// A commit that was read does not verify.
    pub(crate) fn note_damage(&self, address: &Address, seq: u64, damage: Damage) -> Failure {
        let error = LoadError::Damaged(address.clone(), seq, damage.to_string());
        self.note_unreadable(address, &error);
        error.failure()
    }

    /// Somebody could not read an actor's history. Its state may be whole, from a snapshot: on a history that is not, nothing more is built.
    pub(crate) fn note_unreadable(&self, address: &Address, error: &LoadError) {
        self.note_load_error(address, error);
        if matches!(error, LoadError::Damaged(..)) {
            self.withheld.lock().unwrap_or_else(PoisonError::into_inner).insert(address.clone());
            self.registry.tell(address, Message::Damaged);
        }
    }

    /// Whether a load that serves would hide that the history is damaged.
    pub(crate) fn is_withheld(&self, address: &Address) -> bool {
        self.withheld.lock().unwrap_or_else(PoisonError::into_inner).contains(address)
    }

    pub(crate) fn quarantined(&self) -> Vec<Address> {
        self.quarantined.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An actor with a history came into memory.
    pub(crate) fn note_wake(&self, address: &Address, took: Duration, seq: u64) {
        if seq > 0 {
            tracing::debug!(%address, ?took, seq, "woke");
            self.last_wake_us.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub(crate) fn last_wake_us(&self) -> Option<u64> {
        Some(self.last_wake_us.load(Ordering::Relaxed)).filter(|took| *took > 0)
    }
}
