//! One simulation, from its seed to its verdict.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use dormouse_client::Status;
use dormouse_core::{
    Address, Principal, Time, Viewer,
    planted::{Bug, plant},
};
use dormouse_journal::{Index, LocalHints, MemoryStore};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{io::DuplexStream, sync::mpsc, time::Instant};

use crate::{
    chance::Chance,
    check::{self, Found},
    client::{Came, Dial, Player},
    disk::{Line, Tally},
    entropy,
    faults::{self, Counts, Heal, Plan},
    net::Wire,
    node::{Node, SECRET},
};

const HOSTS: usize = 3;
const PLAYERS: usize = 5;
const TENANTS: [&str; 2] = ["main", "school"];
const ACTORS: usize = 3;
/// After the last fault every command is answered by then.
const HEALED: Duration = Duration::from_secs(30);
/// Alarms and tasks may take longer: a task whose host died is leased again when its lease has ended.
const DONE: Duration = Duration::from_secs(900);

/// What to play.
#[derive(Debug, Clone)]
pub struct Setup {
    pub seed: u64,
    /// How long things go wrong.
    pub rough: Duration,
    /// What does not go wrong: names of `faults::kinds`.
    pub without: Vec<String>,
    /// A bug that is there.
    pub bug: Option<Bug>,
}

impl Setup {
    /// All of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, rough: Duration::from_secs(60), without: Vec::new(), bug: None }
    }
}

/// What came of one seed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Report {
    pub seed: u64,
    pub simulated: Duration,
    pub acknowledged: u64,
    pub commits: u64,
    pub checks: u64,
    pub faults: Counts,
    pub violations: Vec<String>,
    pub digest: String,
}

/// Everything that takes part.
pub struct Stage {
    pub chance: Chance,
    pub plan: Plan,
    /// Until then everybody acts all the time.
    pub burst: Instant,
    began: Instant,
    store: MemoryStore,
    net: Net,
    players: Vec<Player>,
    counts: Counts,
    without: Vec<String>,
    tally: Arc<Tally>,
    trace: Sha256,
}

/// Hosts, and the lines to them.
struct Net {
    chance: Chance,
    nodes: Vec<Option<Node>>,
    /// Whether bytes reach each host, and come from it.
    reaches: [[bool; 2]; HOSTS],
    paused: [bool; HOSTS],
    wires: Vec<Arc<Wire>>,
    hints: LocalHints,
    rough: Arc<AtomicBool>,
}

impl Net {
    fn start(&mut self, host: usize, store: &MemoryStore, began: Instant, tally: &Arc<Tally>) {
        let line = Line::new(store, &self.hints, self.chance.clone(), &self.rough, tally);
        self.nodes[host] = Some(Node::start(line, began, &self.chance));
    }

    fn hold(&self, wire: &Wire) {
        for (at, to_host) in [true, false].into_iter().enumerate() {
            wire.hold(to_host, self.paused[wire.host] || !self.reaches[wire.host][at]);
        }
    }
}

impl Dial for Net {
    fn dial(&mut self, _: usize) -> Option<(Arc<Wire>, DuplexStream)> {
        let host = self.chance.below(HOSTS as u64) as usize;
        let node = self.nodes[host].as_mut()?;
        let most_ms = if self.rough.load(Ordering::Relaxed) && self.chance.once_in(10) { 400 } else { 20 };
        let (wire, client, server) = Wire::open(host, &self.chance, most_ms);
        node.serve(server);
        self.hold(&wire);
        self.wires.retain(|wire| !wire.is_cut());
        self.wires.push(wire.clone());
        Some((wire, client))
    }
}

/// Play this, here. The trace is that of the seed if this is the first thing that this process does: libraries set some things up once for a
/// process, and tokio counts the runtimes that there were. See [`crate::apart`].
pub fn simulate(setup: Setup) -> Report {
    let seed = setup.seed;
    // A thread of its own: what the standard library draws once for each thread must come from the seed, too.
    let run = move || {
        entropy::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(Stage::play(setup))
    };
    let played = std::thread::Builder::new().stack_size(8 << 20).spawn(run).expect("a thread").join();
    played.unwrap_or_else(|_| Report::broken(seed, "PANIC: the simulation panicked"))
}

impl Report {
    /// Of a simulation that has none.
    pub fn broken(seed: u64, why: &str) -> Self {
        Self { seed, violations: vec![why.to_owned()], ..Self::default() }
    }
}

impl Stage {
    async fn play(Setup { seed, rough, without, bug }: Setup) -> Report {
        plant(bug);
        let (came, mut coming) = mpsc::unbounded_channel();
        let mut stage = Self::new(seed, without, &came).await;
        stage.begin();
        let rough_until = stage.began + rough;
        stage.go_on(&mut coming, |_| Instant::now() >= rough_until, rough_until, true).await;
        stage.heal_all();
        let healed_by = Instant::now() + HEALED;
        stage.go_on(&mut coming, Self::is_answered, healed_by, false).await;
        let mut violations = stage.unanswered();
        stage.wait_for_chores(&mut coming).await;
        // What a ping would find is there by then.
        let quiet = Instant::now() + Duration::from_secs(60);
        stage.go_on(&mut coming, |_| false, quiet, false).await;
        violations.extend(stage.looks().await);
        let Found { violations: found, acknowledged, commits, checks, overtaken } =
            check::check(&stage.store, &stage.players).await;
        violations.extend(found);
        stage.counts.insert("refusals_overtaken".into(), overtaken);
        stage.report(seed, violations, (acknowledged, commits, checks))
    }

    async fn new(seed: u64, without: Vec<String>, came: &mpsc::UnboundedSender<Came>) -> Self {
        let (chance, began) = (Chance::new(seed, 0), Instant::now());
        let net = Net {
            chance: Chance::new(seed, 1),
            nodes: (0..HOSTS).map(|_| None).collect(),
            reaches: [[true; 2]; HOSTS],
            paused: [false; HOSTS],
            wires: Vec::new(),
            hints: LocalHints::default(),
            rough: Arc::new(AtomicBool::new(false)),
        };
        let mut stage = Self {
            plan: Plan::default(),
            burst: began,
            began,
            store: MemoryStore::new(),
            net,
            players: Vec::new(),
            counts: Counts::new(),
            without,
            tally: Arc::default(),
            trace: Sha256::new(),
            chance,
        };
        for host in 0..HOSTS {
            stage.net.start(host, &stage.store, began, &stage.tally);
        }
        for tenant in TENANTS {
            for actor in 0..ACTORS {
                stage.create(tenant, &format!("ledger/a{actor}")).await;
            }
        }
        for index in 0..PLAYERS {
            let tenant = TENANTS[usize::from(index == PLAYERS - 1)];
            let actors = (0..ACTORS).map(|actor| format!("ledger/a{actor}")).collect();
            let chance = Chance::new(seed, 10 + index as u64);
            stage.players.push(Player::new(index, tenant, actors, token(index, tenant), began, chance, came.clone()));
        }
        stage.net.rough.store(true, Ordering::Relaxed);
        stage
    }

    async fn create(&self, tenant: &str, actor: &str) {
        let address = Address::in_tenant(&tenant.parse().expect("a name"), actor).expect("a name");
        let maker = Viewer::new(Principal { id: "maker".into(), name: String::new() }, vec![]);
        let node = self.net.nodes[0].as_ref().expect("it runs");
        node.engine.create(&address, maker, b"{}").await.expect("nothing goes wrong yet");
    }

    fn begin(&mut self) {
        self.players.iter_mut().for_each(|player| player.begin(&mut self.net));
    }

    /// Until `is_over` says so, at the latest until then.
    async fn go_on(
        &mut self,
        coming: &mut mpsc::UnboundedReceiver<Came>,
        is_over: impl Fn(&Self) -> bool,
        until: Instant,
        rough: bool,
    ) {
        let mut act_at = Instant::now();
        while !is_over(self) && Instant::now() < until {
            let sessions = self.players.iter().filter_map(Player::deadline).min();
            let fault = if rough { self.plan.deadline().or(Some(Instant::now())) } else { None };
            let next = [sessions, fault, rough.then_some(act_at)].into_iter().flatten().fold(until, Instant::min);
            tokio::select! {
                biased;
                Some(came) = coming.recv() => self.take(came),
                () = tokio::time::sleep_until(next) => {
                    self.tick();
                    if rough {
                        faults::happen(self);
                    }
                    if rough && act_at <= Instant::now() {
                        act_at = self.act();
                    }
                }
            }
        }
    }

    fn take(&mut self, came: Came) {
        self.note(|stage| format!("{} hears", stage.players[came.player].index));
        let player = &mut self.players[came.player];
        player.take(came, &mut self.net);
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for player in &mut self.players {
            if player.deadline().is_some_and(|at| at <= now) {
                player.tick(&mut self.net);
            }
        }
    }

    /// Somebody does something; when the next one does.
    fn act(&mut self) -> Instant {
        let who = self.chance.below(PLAYERS as u64) as usize;
        self.note(|_| format!("{who} acts"));
        self.players[who].act(&mut self.net);
        let most = if Instant::now() < self.burst { 3 } else { 120 };
        Instant::now() + self.chance.millis(0, most)
    }

    /// One more line of the trace.
    fn note(&mut self, what: impl FnOnce(&Self) -> String) {
        let line = format!("{:?} {}\n", self.began.elapsed(), what(self));
        self.trace.update(line.as_bytes());
    }

    fn is_answered(&self) -> bool {
        self.players.iter().all(|player| player.waiting() == 0 && player.status() == Status::Live)
    }

    fn unanswered(&self) -> Vec<String> {
        let stuck = self.players.iter().filter(|player| player.waiting() > 0 || player.status() != Status::Live);
        stuck
            .map(|player| {
                let (status, waiting) = (player.status(), player.waiting());
                format!("LIVE-AFTER-HEAL: player {} is {status:?} and waits for {waiting}", player.index)
            })
            .collect()
    }

    async fn wait_for_chores(&mut self, coming: &mut mpsc::UnboundedReceiver<Came>) {
        let until = Instant::now() + DONE;
        while Instant::now() < until {
            let due = self.store.due(Time(u64::MAX >> 1), 1).await.unwrap_or_default();
            if due.is_empty() && self.no_tasks().await {
                return;
            }
            let soon = Instant::now() + Duration::from_secs(5);
            self.go_on(coming, |_| false, soon, false).await;
        }
    }

    /// Whether no actor waits for a task, by the newest state that any host has.
    async fn no_tasks(&self) -> bool {
        let node = self.net.nodes.iter().flatten().next().expect("all run");
        for tenant in TENANTS {
            for actor in 0..ACTORS {
                let address = Address::in_tenant(&tenant.parse().expect("a name"), &format!("ledger/a{actor}"));
                let looked = node.engine.look(&address.expect("a name"), &viewer(0)).await;
                let view: Value = looked.ok().and_then(|it| serde_json::from_slice(&it.view).ok()).unwrap_or_default();
                if view["open"] != 0 {
                    return false;
                }
            }
        }
        true
    }

    /// RESUME-EXACT: what each player holds after all its drops is what a fresh look shows.
    async fn looks(&mut self) -> Vec<String> {
        let mut violations = Vec::new();
        let node = self.net.nodes.iter().flatten().next().expect("all run");
        for player in &self.players {
            for actor in &player.actors {
                let address = Address::in_tenant(&player.tenant.parse().expect("a name"), actor).expect("a name");
                let looked = node.engine.look(&address, &viewer(player.index)).await;
                let view: Option<Value> = looked.ok().and_then(|it| serde_json::from_slice(&it.view).ok());
                let held = player.heard.get(actor).and_then(|heard| heard.view.as_ref()).map(|(_, view)| view);
                if held != view.as_ref() {
                    let who = player.index;
                    violations
                        .push(format!("RESUME-EXACT: player {who} holds {held:?} of {address}, which is {view:?}"));
                }
            }
        }
        violations
    }

    fn report(self, seed: u64, violations: Vec<String>, (acknowledged, commits, checks): (u64, u64, u64)) -> Report {
        let mut faults = self.counts;
        for (name, count) in [
            ("appends_written_but_unknown", &self.tally.unknown_written),
            ("appends_lost", &self.tally.unknown_lost),
            ("appends_late", &self.tally.unknown_late),
            ("store_unavailable", &self.tally.unavailable),
            ("append_conflicts", &self.tally.conflicts),
        ] {
            faults.insert(name.into(), count.load(Ordering::Relaxed));
        }
        let digest = self.trace.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let simulated = self.began.elapsed();
        Report { seed, simulated, acknowledged, commits, checks, faults, violations, digest }
    }

    // What faults do

    pub fn leaves_out(&self, kind: &str) -> bool {
        self.without.iter().any(|without| without == kind)
    }

    pub fn hosts(&self) -> u64 {
        HOSTS as u64
    }

    pub fn count(&mut self, what: &'static str) {
        self.note(|_| what.to_owned());
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// False if it does not run.
    pub fn crash(&mut self, host: usize) -> bool {
        let Some(node) = self.net.nodes[host].take() else { return false };
        node.crash();
        self.net.paused[host] = false;
        self.net.wires.iter().filter(|wire| wire.host == host).for_each(|wire| wire.cut());
        true
    }

    pub fn pause(&mut self, host: usize, paused: bool) -> bool {
        let Some(node) = &self.net.nodes[host] else { return false };
        node.line.set_open(!paused);
        self.net.paused[host] = paused;
        self.hold_lines_of(host);
        true
    }

    pub fn part(&mut self, host: usize, to_host: bool, parted: bool) {
        self.net.reaches[host][usize::from(!to_host)] = !parted;
        self.hold_lines_of(host);
    }

    fn hold_lines_of(&self, host: usize) {
        self.net.wires.iter().filter(|wire| wire.host == host).for_each(|wire| self.net.hold(wire));
    }

    pub fn set_wrong(&self, host: usize, milliseconds: i64) {
        if let Some(node) = &self.net.nodes[host] {
            node.world.set_wrong(milliseconds);
        }
    }

    fn some_line(&self) -> Option<Arc<Wire>> {
        let whole: Vec<&Arc<Wire>> = self.net.wires.iter().filter(|wire| !wire.is_cut()).collect();
        (!whole.is_empty()).then(|| (*self.chance.one_of(&whole)).clone())
    }

    pub fn cut_a_line(&mut self) -> bool {
        self.some_line().map(|wire| wire.cut()).is_some()
    }

    /// Neither end hears anything more, and neither is told.
    pub fn forget_a_line(&mut self) -> bool {
        let Some(wire) = self.some_line() else { return false };
        [true, false].into_iter().for_each(|to_host| wire.hold(to_host, true));
        self.net.wires.retain(|other| !Arc::ptr_eq(other, &wire));
        true
    }

    pub fn crash_a_player(&mut self) {
        let who = self.chance.below(PLAYERS as u64) as usize;
        self.players[who].crash(&mut self.net);
    }

    pub fn heal(&mut self, heal: Heal) {
        self.note(|_| format!("{heal:?}"));
        match heal {
            Heal::Start(host) => self.net.start(host, &self.store, self.began, &self.tally),
            Heal::Resume(host) => drop(self.pause(host, false)),
            Heal::Reach { host, to_host } => self.part(host, to_host, false),
            Heal::Clock(host) => self.set_wrong(host, 0),
        }
    }

    fn heal_all(&mut self) {
        self.net.rough.store(false, Ordering::Relaxed);
        for heal in self.plan.end() {
            self.heal(heal);
        }
    }
}

fn viewer(index: usize) -> Viewer {
    Viewer::new(Principal { id: format!("player-{index}"), name: String::new() }, vec![])
}

fn token(index: usize, tenant: &str) -> String {
    let expires = crate::world::DAWN / 1000 + 1_000_000;
    let claims = json!({ "sub": format!("player-{index}"), "tenant": tenant, "roles": [], "iat": 1, "exp": expires });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("claims are JSON")
}
