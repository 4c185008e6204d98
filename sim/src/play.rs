//! One simulation, from its seed to its verdict.

use std::time::Duration;

use dormouse_client::Status;
use dormouse_core::{
    Address, Principal, Time, Viewer,
    planted::{Bug, plant},
};
use dormouse_engine::Engine;
use dormouse_journal::{Index, Journal, MemoryStore};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{sync::mpsc, time::Instant};

use crate::{
    audit::Audit,
    chance::Chance,
    check::{self, Sum},
    client::{Came, Player},
    entropy,
    faults::{self, Counts, Heal, Plan},
    hosts::Hosts,
    node::SECRET,
    world::DAWN,
};

const PLAYERS: usize = 5;
/// The last player sits in another tenant, alone.
pub const SEATS: usize = PLAYERS - 1;
const TENANTS: [&str; 2] = ["main", "school"];
const ACTORS: usize = 3;
/// After the last fault every command is answered by then.
const HEALED: Duration = Duration::from_secs(30);
/// Alarms and tasks may take longer: a task whose host died is leased again when its lease has ended.
const DONE: Duration = Duration::from_secs(900);
/// What a ping would find is there by then.
const PINGED: Duration = Duration::from_secs(60);
/// When nobody is there, the last presence ends after a minute and a half, and actors fall asleep after that.
const ASLEEP: Duration = Duration::from_secs(300);

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
    /// Until then everybody sends to one actor all the time.
    pub storm: Instant,
    began: Instant,
    /// By how much clocks were wrong in all.
    pub wrong: Duration,
    hosts: Hosts,
    players: Vec<Player>,
    audit: Audit,
    /// What would be restored.
    backup: Option<MemoryStore>,
    counts: Counts,
    without: Vec<String>,
    trace: Sha256,
}

/// Play this, here. The trace is that of the seed if this is the first thing that this process does: libraries set some things up once for a
/// process, and tokio counts the runtimes that there were. See [`crate::apart`].
pub fn simulate(setup: Setup) -> Report {
    let seed = setup.seed;
    // A thread of its own: what the standard library draws once for each thread must come from the seed, too.
    let run = move || {
        if setup.bug != Some(Bug::RealRandomness) {
            entropy::seed(seed);
        }
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
        stage.players.iter_mut().for_each(|player| player.begin(&mut stage.hosts));
        stage.set_rough(true);
        let rough_until = stage.began + rough;
        stage.go_on(&mut coming, |_| Instant::now() >= rough_until, rough_until, true).await;
        stage.set_rough(false);
        stage.plan.end().into_iter().for_each(|heal| stage.heal(heal));
        stage.go_on(&mut coming, Self::is_answered, Instant::now() + HEALED, false).await;
        stage.must_be_answered();
        stage.wait_for_chores(&mut coming).await;
        stage.go_on(&mut coming, |_| false, Instant::now() + PINGED, false).await;
        let hosts: Vec<&Engine> = stage.hosts.engines().collect();
        let sum = check::check(&mut stage.audit, &stage.hosts.store, &hosts, &mut stage.players).await;
        stage.must_fall_asleep(&mut coming).await;
        stage.report(seed, sum)
    }

    async fn new(seed: u64, without: Vec<String>, came: &mpsc::UnboundedSender<Came>) -> Self {
        let began = Instant::now();
        let mut stage = Self {
            chance: Chance::new(seed, 0),
            plan: Plan::default(),
            storm: began,
            began,
            wrong: Duration::ZERO,
            hosts: Hosts::new(Chance::new(seed, 1), began),
            players: Vec::new(),
            audit: Audit::default(),
            backup: None,
            counts: Counts::new(),
            without,
            trace: Sha256::new(),
        };
        for address in addresses() {
            stage.create(&address).await;
            stage.audit.follow(address);
        }
        for index in 0..PLAYERS {
            let is_apart = index == PLAYERS - 1;
            // Somebody else of the same name: tenants have nothing in common.
            let (tenant, seat) = (TENANTS[usize::from(is_apart)], if is_apart { 0 } else { index });
            let actors = (0..ACTORS).map(|actor| format!("ledger/a{actor}")).collect();
            let chance = Chance::new(seed, 10 + index as u64);
            stage.players.push(Player::new(
                (index, seat),
                tenant,
                actors,
                token(seat, tenant),
                began,
                chance,
                came.clone(),
            ));
        }
        stage
    }

    async fn create(&self, address: &Address) {
        let maker = Viewer::new(Principal { id: "maker".into(), name: String::new() }, vec![]);
        let engine = self.hosts.engines().next().expect("it runs");
        engine.create(address, maker, b"{}").await.expect("nothing goes wrong yet");
    }

    fn set_rough(&mut self, rough: bool) {
        self.hosts.set_rough(rough);
        self.players.iter_mut().for_each(|player| player.rough = rough);
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
                        faults::happen(self).await;
                    }
                    if rough && act_at <= Instant::now() {
                        act_at = self.act();
                    }
                }
            }
            self.look().await;
        }
    }

    /// After every step: the journal has grown soundly, and nobody was told what is not in it.
    async fn look(&mut self) {
        self.audit.step(&self.hosts.store, self.latest()).await;
        for player in &mut self.players {
            let tenant = player.tenant.parse().expect("a name");
            for (actor, claim) in player.claims.drain(..) {
                let address = Address::in_tenant(&tenant, &actor).expect("a name");
                self.audit.hear((player.index, player.seat), &address, claim);
            }
        }
        for violation in self.hosts.ledgers.violations() {
            self.audit.found.must(false, || violation);
        }
    }

    /// What no clock has passed yet. An actor keeps the time of the clock that was furthest ahead, and a host takes from the index by how much, on
    /// a clock that may be wrong itself: so errors add up.
    fn latest(&self) -> Time {
        Time(DAWN).after(self.began.elapsed() + self.wrong)
    }

    fn take(&mut self, came: Came) {
        self.note(|stage| format!("{} hears", stage.players[came.player].index));
        self.players[came.player].take(came, &mut self.hosts);
    }

    fn tick(&mut self) {
        let now = Instant::now();
        for player in &mut self.players {
            if player.deadline().is_some_and(|at| at <= now) {
                player.tick(&mut self.hosts);
            }
        }
    }

    /// Somebody does something; when the next one does.
    fn act(&mut self) -> Instant {
        let who = self.chance.below(PLAYERS as u64) as usize;
        self.note(|_| format!("{who} acts"));
        let is_storm = Instant::now() < self.storm;
        self.players[who].act(is_storm, &mut self.hosts);
        Instant::now() + self.chance.millis(0, if is_storm { 3 } else { 120 })
    }

    /// One more line of the trace.
    fn note(&mut self, what: impl FnOnce(&Self) -> String) {
        let line = format!("{:?} {}\n", self.began.elapsed(), what(self));
        self.trace.update(line.as_bytes());
    }

    fn is_answered(&self) -> bool {
        self.players.iter().all(|player| player.waiting() == 0 && player.status() == Status::Live)
    }

    fn must_be_answered(&mut self) {
        for player in &self.players {
            let (status, waiting) = (player.status(), player.waiting());
            self.audit.found.must(waiting == 0 && status == Status::Live, || {
                format!("LIVE-AFTER-HEAL: player {} is {status:?} and waits for {waiting}", player.index)
            });
        }
    }

    async fn wait_for_chores(&mut self, coming: &mut mpsc::UnboundedReceiver<Came>) {
        let until = Instant::now() + DONE;
        while Instant::now() < until {
            let due = self.hosts.store.due(Time(u64::MAX >> 1), 1).await.unwrap_or_default();
            if due.is_empty() && self.no_tasks().await {
                return;
            }
            self.go_on(coming, |_| false, Instant::now() + Duration::from_secs(5), false).await;
        }
    }

    /// Whether no actor waits for a task, by the newest state that any host has.
    async fn no_tasks(&self) -> bool {
        let engine = self.hosts.engines().next().expect("all run");
        for address in addresses() {
            let looked = engine.look(&address, &viewer(0)).await;
            let view: Value = looked.ok().and_then(|it| serde_json::from_slice(&it.view).ok()).unwrap_or_default();
            if view["open"] != 0 {
                return false;
            }
        }
        true
    }

    /// HIBERNATE-CLEAN: when everybody has gone, nobody counts as present and no actor is in memory.
    async fn must_fall_asleep(&mut self, coming: &mut mpsc::UnboundedReceiver<Came>) {
        self.players.iter_mut().for_each(Player::leave);
        self.go_on(coming, |_| false, Instant::now() + ASLEEP, false).await;
        for engine in self.hosts.engines() {
            let awake = engine.report().await.map_or(0, |report| report.awake);
            self.audit.found.must(awake == 0, || format!("HIBERNATE-CLEAN: {awake} actors are awake on a host"));
        }
        for address in addresses() {
            let row = self.hosts.store.row(&address).await.ok().flatten();
            let is_left = row.is_some_and(|row| !row.present);
            self.audit.found.must(is_left, || format!("HIBERNATE-CLEAN: somebody counts as present in {address}"));
        }
    }

    fn report(self, seed: u64, sum: Sum) -> Report {
        let mut faults = self.counts;
        faults.extend(self.hosts.ledgers.counts());
        faults.insert("outcomes_unknown".into(), sum.unknown);
        faults.insert("frames_doubled".into(), self.players.iter().map(|player| player.doubled).sum());
        faults.insert("frames_swapped".into(), self.players.iter().map(|player| player.swapped).sum());
        let commits = self.audit.stories.values().map(|story| story.commits).sum();
        let digest = self.trace.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let (acknowledged, found) = (sum.acknowledged, self.audit.found);
        let (checks, violations) = (found.checks, found.violations);
        Report { seed, simulated: self.began.elapsed(), acknowledged, commits, checks, faults, violations, digest }
    }

    // What faults do

    pub fn leaves_out(&self, kind: &str) -> bool {
        self.without.iter().any(|without| without == kind)
    }

    pub fn count(&mut self, what: &'static str) {
        self.note(|_| what.to_owned());
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    pub fn hosts(&mut self) -> &mut Hosts {
        &mut self.hosts
    }

    pub fn crash_a_player(&mut self) {
        let who = self.chance.below(PLAYERS as u64) as usize;
        self.players[who].crash(&mut self.hosts);
    }

    /// The epoch of some actor is raised, as after a move to another store.
    pub async fn fence(&mut self) -> bool {
        let address = self.chance.one_of(&addresses()).clone();
        self.audit.step(&self.hosts.store, self.latest()).await;
        self.raise_epoch(&address).await;
        self.audit.fenced(&address);
        true
    }

    async fn raise_epoch(&self, address: &Address) {
        let head = self.audit.stories.get(address).and_then(|story| story.head);
        let epoch = head.map_or(1, |head| head.epoch) + 1;
        let _ = self.hosts.store.fence(address, epoch).await;
    }

    /// The first time a copy is made. The next time it is restored, with new epochs, while no host runs but those that nobody can reach.
    pub async fn restore_an_older_copy(&mut self) -> Option<Vec<usize>> {
        let Some(backup) = self.backup.take() else {
            self.backup = Some(self.hosts.store.copy());
            return None;
        };
        let crashed = self.hosts.crash_all();
        self.audit.step(&self.hosts.store, self.latest()).await;
        self.hosts.store.restore(&backup);
        for address in addresses() {
            self.raise_epoch(&address).await;
        }
        self.hosts.ledgers.forget();
        self.audit.restored(&self.hosts.store, self.latest()).await;
        Some(crashed)
    }

    pub fn heal(&mut self, heal: Heal) {
        self.note(|_| heal.name().to_owned());
        match heal {
            Heal::Start(host) => self.hosts.start(host),
            Heal::Restart(host) => {
                self.hosts.crash(host);
                self.hosts.start(host);
            }
            Heal::Resume(host) => drop(self.hosts.pause(host, false)),
            Heal::Reach { host, to_host } => self.hosts.part(host, to_host, false),
            Heal::Clock(host) => self.hosts.set_wrong(host, 0),
            Heal::Disk(trouble) => trouble.end(),
            Heal::Read(wire) => wire.hold(false, false),
        }
    }
}

fn addresses() -> Vec<Address> {
    let in_tenant = |tenant: &str| {
        let tenant = tenant.parse().expect("a name");
        (0..ACTORS).map(move |actor| Address::in_tenant(&tenant, &format!("ledger/a{actor}")).expect("a name"))
    };
    TENANTS.into_iter().flat_map(in_tenant).collect()
}

pub fn viewer(seat: usize) -> Viewer {
    Viewer::new(Principal { id: format!("player-{seat}"), name: String::new() }, vec![])
}

fn token(seat: usize, tenant: &str) -> String {
    let expires = DAWN / 1000 + 1_000_000;
    let claims = json!({ "sub": format!("player-{seat}"), "tenant": tenant, "roles": [], "iat": 1, "exp": expires });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET);
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("claims are JSON")
}
