//! The promise through kill -9 and SIGSTOP: whatever is acknowledged is found, once, where its answer said.
//!
//! Several clients add things to several shared todo lists while the host is killed and started again over the same data, or stopped and
//! continued. Somebody watches every list, and which lists there are. The clients find it again by themselves.

mod check;
mod hands;
mod watcher;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use dormouse_client::{Client, Handle, Position};
use dormouse_core::Dice;
use indicatif::ProgressBar;
use serde_json::json;

use crate::{Bound, Broken, Report, all_live, client, dice, host::Host, host::Place, report::hold};
use check::check;
use hands::Worker;
use watcher::Watcher;

const CLIENTS: usize = 4;
/// Lists that are written to at the same time.
const LISTS: usize = 3;
/// Things on one list before another one takes its place; a list holds 500.
const PER_LIST: u64 = 400;
/// One of the clients leaves for good, in the middle of whatever it does, after this many cycles.
const LEAVE_EVERY: u64 = 10;
/// How long a short stop lasts at most, in milliseconds: nobody takes the line for dead.
const SHORT_STOP_MS: u64 = 400;
/// Longer than a client waits for an answer and then for a pong, so that it gives its line up while the host still has it.
const LONG_STOP: Duration = Duration::from_secs(27);

/// How often, and with what chances.
pub struct Kill {
    /// The binary.
    pub arcade: PathBuf,
    /// Kills and stops together.
    pub cycles: u64,
    /// Chooses when, and which of them.
    pub seed: u64,
    /// Stops that last longer than the clients' patience.
    pub long_stops: u64,
}

/// What happened how often.
#[derive(Default)]
struct Counts {
    kills: u64,
    stops: u64,
    killed_while_stopped: u64,
}

/// A list as everybody knows it.
struct List {
    id: String,
    /// Commands that were begun.
    begun: AtomicU64,
}

/// What was promised, by title.
#[derive(Default)]
struct Promises {
    acknowledged: BTreeMap<String, (String, Position)>,
    /// The client left before it heard.
    unknown: u64,
    again: u64,
}

/// What all who take part share.
struct Stage {
    url: String,
    lists: Mutex<Vec<Arc<List>>>,
    open: Mutex<[Arc<List>; LISTS]>,
    promises: Mutex<Promises>,
    titles: AtomicU64,
    over: AtomicBool,
}

/// Nothing panics while it holds one of these.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Kill {
    /// Play it. `bar` counts cycles.
    #[must_use]
    pub fn run(&self, bar: &ProgressBar) -> Report {
        Report::of("kill", |report| crate::runtime()?.block_on(self.play(bar, report)))
    }

    async fn play(&self, bar: &ProgressBar, report: &mut Report) -> Result<(), Broken> {
        let folder = tempfile::tempdir()?;
        let place = Place::new(&self.arcade, folder.path().join("data"))?;
        let mut host = place.start()?;
        let stage = Stage::begin(&place.url()).await?;
        let mut random = dice(self.seed);
        let mut watcher = Watcher::new(&stage)?;
        watcher.watch(&stage)?;
        let mut crowd =
            (0..CLIENTS as u64).map(|at| Worker::start(&stage, self.seed + at)).collect::<Result<Vec<_>, _>>()?;
        let mut counts = Counts::default();
        for cycle in 1..=self.cycles {
            let load = Duration::from_millis(20 + random.below(131));
            all_live(crowd.iter().map(|worker| &worker.client)).await?;
            tokio::time::sleep(load).await;
            host = self.harm(cycle, &mut random, &place, host, &mut counts).await?;
            if cycle % LEAVE_EVERY == 0 {
                let leaver = random.below(CLIENTS as u64) as usize;
                let newcomer = Worker::start(&stage, self.seed + 1_000 + cycle)?;
                std::mem::replace(&mut crowd[leaver], newcomer).leave().await?;
            }
            stage.refill(watcher.client()).await?;
            watcher.watch(&stage)?;
            bar.inc(1);
        }
        stage.over.store(true, Ordering::Relaxed);
        let clients: Vec<Client> = crowd.iter().map(|worker| worker.client.clone()).collect();
        for worker in crowd {
            worker.finish().await?;
        }
        let found = check(&stage, &clients, watcher).await?;
        host.drain()?;
        let verified = place.verify()?;
        hold(verified == found, || format!("the journal holds {verified} commits and the clients found {found}"))?;
        self.tell(report, &stage, &counts, found);
        Ok(())
    }

    /// One kill or stop; the host that serves afterwards.
    async fn harm(
        &self,
        cycle: u64,
        random: &mut Dice,
        place: &Place,
        mut host: Host,
        counts: &mut Counts,
    ) -> Result<Host, Broken> {
        let (kind, short) = (random.below(10), Duration::from_millis(20 + random.below(SHORT_STOP_MS)));
        if self.is_long(cycle) || kind < 5 {
            counts.stops += 1;
            host.stop()?;
            tokio::time::sleep(if self.is_long(cycle) { LONG_STOP } else { short }).await;
            host.go_on()?;
            host.still_runs()?;
            return Ok(host);
        }
        if kind == 5 {
            counts.killed_while_stopped += 1;
            host.stop()?;
            tokio::time::sleep(short).await;
        }
        counts.kills += 1;
        host.kill()?;
        place.start()
    }

    /// The long stops are spread over the run.
    fn is_long(&self, cycle: u64) -> bool {
        let every = self.cycles.checked_div(self.long_stops).unwrap_or(0).max(1);
        self.long_stops > 0 && cycle.is_multiple_of(every) && cycle / every <= self.long_stops
    }

    fn tell(&self, report: &mut Report, stage: &Stage, counts: &Counts, found: u64) {
        let promises = lock(&stage.promises);
        report.figure("seed", self.seed);
        report.figure("kills", counts.kills);
        report.figure("killed_while_stopped", counts.killed_while_stopped);
        report.figure("stops", counts.stops);
        report.figure("stops_beyond_patience", self.long_stops.min(self.cycles));
        report.figure("lists", lock(&stage.lists).len());
        report.figure("acknowledged", promises.acknowledged.len());
        report.figure("without_an_answer", promises.unknown);
        report.figure("commits_verified", found);
        // Else there was no load worth the name, and no kill hit a command between its commit and its answer.
        report.bar(
            "acknowledged_in_a_cycle",
            promises.acknowledged.len() as f64 / self.cycles as f64,
            Bound::AtLeast(1.0),
        );
        report.bar("asked_twice", promises.again as f64, Bound::AtLeast(if self.cycles < 50 { 0.0 } else { 1.0 }));
    }
}

impl Stage {
    async fn begin(url: &str) -> Result<Arc<Self>, Broken> {
        let maker = client(url)?;
        let mut lists = Vec::new();
        for _ in 0..LISTS {
            lists.push(new_list(&maker).await?);
        }
        let open = lists.clone().try_into().unwrap_or_else(|_| unreachable!("as many"));
        Ok(Arc::new(Self {
            url: url.to_owned(),
            lists: Mutex::new(lists),
            open: Mutex::new(open),
            promises: Mutex::default(),
            titles: AtomicU64::new(1),
            over: AtomicBool::new(false),
        }))
    }

    /// Full lists make room for new ones.
    async fn refill(&self, maker: &Client) -> Result<(), Broken> {
        for place in 0..LISTS {
            let begun = lock(&self.open)[place].begun.load(Ordering::Relaxed);
            if begun >= PER_LIST {
                let list = new_list(maker).await?;
                lock(&self.lists).push(list.clone());
                lock(&self.open)[place] = list;
            }
        }
        Ok(())
    }
}

async fn new_list(maker: &Client) -> Result<Arc<List>, Broken> {
    let made = maker.actor("todo").create(&json!({}), None).await?;
    Ok(Arc::new(List { id: made.id().to_owned(), begun: AtomicU64::new(0) }))
}

fn handle(client: &Client, list: &List) -> Result<Handle, Broken> {
    Ok(client.actor("todo").get(&list.id)?)
}
