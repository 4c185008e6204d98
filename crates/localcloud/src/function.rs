//! A Lambda function: the environments that run its binary.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Semaphore, time::Instant};

use crate::{clock::Clock, environment::Environment, limits};

/// What Lambda is told of a function.
#[derive(Debug, Clone)]
pub struct Lambda {
    /// Its name.
    pub name: String,
    /// The binary, built for this machine.
    pub bootstrap: PathBuf,
    /// Its environment variables.
    pub variables: BTreeMap<String, String>,
    /// How long an invocation may take.
    pub timeout: Duration,
}

impl Lambda {
    /// A function of this binary, with the default timeout.
    pub fn new(name: &str, bootstrap: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            bootstrap: bootstrap.into(),
            variables: BTreeMap::new(),
            timeout: limits::INVOCATION_MAX,
        }
    }
}

/// Why an invocation gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The binary could not be started, or ended before it asked for work.
    #[error("the function cannot be started")]
    Start(#[source] std::io::Error),
    /// As many environments as there may be are at work.
    #[error("too many invocations at once")]
    Throttled,
    /// The process died or took too long.
    #[error("the function died or took too long")]
    Died,
    /// The function said so.
    #[error("the function failed: {}", String::from_utf8_lossy(.0))]
    Said(Bytes),
}

/// Runs a binary as Lambda does: one invocation at a time in each environment, a new environment where all are at work, frozen in between.
#[derive(Clone)]
pub struct Function(Arc<Pool>);

struct Pool {
    lambda: Lambda,
    clock: Clock,
    /// Environments that are frozen; the one that was used last is used first.
    warm: Mutex<Vec<Environment>>,
    /// The processes that are at work.
    busy: Mutex<Vec<u32>>,
    room: Semaphore,
    started: AtomicU64,
    invocations: AtomicU64,
    busy_micros: AtomicU64,
    init_micros: AtomicU64,
}

/// What a function took, as it is charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FunctionUsage {
    /// How often it was invoked.
    pub invocations: u64,
    /// How often an environment had to be started for it.
    pub cold_starts: u64,
    /// How long those took, together, until they asked for work.
    pub init: Duration,
    /// How long invocations took, together. Lambda charges this times the memory.
    pub busy: Duration,
}

impl Function {
    /// Nothing is started before the first invocation.
    pub fn new(lambda: Lambda, clock: Clock) -> Self {
        Self(Arc::new(Pool {
            lambda,
            clock,
            warm: Mutex::default(),
            busy: Mutex::default(),
            room: Semaphore::new(limits::ENVIRONMENTS_MAX),
            started: AtomicU64::new(0),
            invocations: AtomicU64::new(0),
            busy_micros: AtomicU64::new(0),
            init_micros: AtomicU64::new(0),
        }))
    }

    /// Invoke it and wait for its answer. Whoever gives up waiting does not end the invocation.
    ///
    /// # Errors
    /// [`Failed`]
    pub async fn invoke(&self, payload: Bytes) -> Result<Bytes, Failed> {
        let this = self.clone();
        tokio::spawn(async move { this.run(payload).await }).await.unwrap_or(Err(Failed::Died))
    }

    async fn run(&self, payload: Bytes) -> Result<Bytes, Failed> {
        let pool = &self.0;
        let _room = pool.room.try_acquire().map_err(|_| Failed::Throttled)?;
        let mut environment = match pool.take_warm() {
            Some(environment) => environment,
            None => pool.start().await?,
        };
        let pid = environment.pid();
        pool.busy().push(pid);
        let began = Instant::now();
        let answer = environment.invoke(&pool.lambda, &pool.clock, payload).await;
        pool.invocations.fetch_add(1, Ordering::Relaxed);
        add(&pool.busy_micros, began);
        pool.busy().retain(|busy| *busy != pid);
        let answer = answer.ok_or(Failed::Died)?;
        pool.warm().push(environment);
        answer.map_err(Failed::Said)
    }

    /// How many environments were started so far: each was a cold start.
    pub fn cold_starts(&self) -> u64 {
        self.0.started.load(Ordering::Relaxed)
    }

    /// What it took so far.
    pub fn usage(&self) -> FunctionUsage {
        FunctionUsage {
            invocations: self.0.invocations.load(Ordering::Relaxed),
            cold_starts: self.cold_starts(),
            init: Duration::from_micros(self.0.init_micros.load(Ordering::Relaxed)),
            busy: Duration::from_micros(self.0.busy_micros.load(Ordering::Relaxed)),
        }
    }

    /// End every frozen environment, as Lambda does when it likes to. The next invocation is a cold start.
    pub fn retire(&self) {
        self.0.warm().clear();
    }

    /// Kill what is at work now, in the middle of it. Returns how many there were.
    pub fn kill_busy(&self) -> usize {
        let busy = self.0.busy().clone();
        busy.iter().filter(|pid| kill(**pid)).count()
    }
}

fn kill(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_ok())
}

/// The time since then.
fn add(micros: &AtomicU64, began: Instant) {
    micros.fetch_add(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl Pool {
    fn take_warm(&self) -> Option<Environment> {
        self.warm().pop()
    }

    async fn start(&self) -> Result<Environment, Failed> {
        self.started.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let started = Environment::start(&self.lambda).await.map_err(Failed::Start);
        add(&self.init_micros, began);
        started
    }

    fn warm(&self) -> std::sync::MutexGuard<'_, Vec<Environment>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy(&self) -> std::sync::MutexGuard<'_, Vec<u32>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
