//! What goes wrong, when, and what sets it right again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{chance::Chance, disk::Trouble, hosts::HOSTS, net::Wire, play::Stage};

/// How often each kind of thing has gone wrong.
pub type Counts = BTreeMap<String, u64>;

/// No host's clock is wrong by more.
pub const CLOCK_WRONG_MAX: Duration = Duration::from_secs(10);

/// What sets something right again.
#[derive(Clone)]
pub enum Heal {
    Start(usize),
    /// It ends and is started again.
    Restart(usize),
    Resume(usize),
    Reach {
        host: usize,
        to_host: bool,
    },
    Clock(usize),
    Disk(Arc<Trouble>),
    Read(Arc<Wire>),
}

impl Heal {
    /// For the trace.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "starts",
            Self::Restart(_) => "restarts",
            Self::Resume(_) => "goes on",
            Self::Reach { .. } => "is reached",
            Self::Clock(_) => "is in time",
            Self::Disk(_) => "has a disk",
            Self::Read(_) => "is read",
        }
    }
}

/// When each will be set right.
#[derive(Default)]
pub struct Plan {
    heals: Vec<(Instant, Heal)>,
    next: Option<Instant>,
}

impl Plan {
    /// When something happens next, while things go wrong.
    pub fn deadline(&self) -> Option<Instant> {
        self.heals.iter().map(|(at, _)| *at).chain(self.next).min()
    }

    fn later(&mut self, chance: &Chance, least: u64, most: u64, heal: Heal) {
        self.heals.push((Instant::now() + chance.millis(least, most), heal));
    }

    /// No more goes wrong; what did is set right at once.
    pub fn end(&mut self) -> Vec<Heal> {
        self.next = None;
        std::mem::take(&mut self.heals).into_iter().map(|(_, heal)| heal).collect()
    }
}

/// Set right what is due, and let something go wrong if that is due.
pub async fn happen(stage: &mut Stage) {
    let now = Instant::now();
    let (due, later) = std::mem::take(&mut stage.plan.heals).into_iter().partition(|(at, _)| *at <= now);
    stage.plan.heals = later;
    let due: Vec<(Instant, Heal)> = due;
    due.into_iter().for_each(|(_, heal)| stage.heal(heal));
    if stage.plan.next.is_none_or(|next| next <= now) {
        if stage.plan.next.is_some() {
            go_wrong(stage).await;
        }
        stage.plan.next = Some(now + stage.chance.millis(200, 4_000));
    }
}

/// What can go wrong, and how often beside the others.
const KINDS: [(&str, u64); 16] = [
    ("crashes", 6),
    ("bounces", 2),
    ("pauses", 2),
    ("partitions", 4),
    ("clock_jumps", 2),
    ("cut_lines", 4),
    ("half_open_lines", 2),
    ("slow_viewers", 2),
    ("client_crashes", 2),
    ("conflict_storms", 2),
    ("full_disks", 1),
    ("unreadable_disks", 1),
    ("io_errors", 1),
    ("old_indexes", 2),
    ("fences", 1),
    ("older_copies", 1),
];

/// The names of what can go wrong.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(kind, _)| *kind)
}

async fn go_wrong(stage: &mut Stage) {
    let mut place = stage.chance.below(KINDS.iter().map(|(_, weight)| weight).sum());
    let drawn = KINDS.iter().find(|(_, weight)| {
        let is_here = place < *weight;
        place = place.saturating_sub(*weight);
        is_here
    });
    let (kind, _) = drawn.expect("a place below the sum");
    let host = stage.chance.below(HOSTS as u64) as usize;
    if !stage.leaves_out(kind) && befall(stage, kind, host).await {
        stage.count(kind);
    }
}

/// False if there is nothing that it could befall.
async fn befall(stage: &mut Stage, kind: &str, host: usize) -> bool {
    let chance = stage.chance.clone();
    let hosts = stage.hosts();
    let heal = match kind {
        "crashes" => hosts.crash(host).then_some((100, 6_000, Heal::Start(host))),
        "bounces" => hosts.drain(host).then_some((100, 6_000, Heal::Restart(host))),
        "pauses" => hosts.pause(host, true).then_some((100, 30_000, Heal::Resume(host))),
        "clock_jumps" => {
            let most = CLOCK_WRONG_MAX.as_millis() as i64;
            hosts.set_wrong(host, chance.below(2 * most as u64) as i64 - most);
            // It jumps there and back.
            stage.wrong += 2 * CLOCK_WRONG_MAX;
            Some((1_000, 30_000, Heal::Clock(host)))
        }
        "slow_viewers" => hosts.hold_a_viewer().map(|wire| (1_000, 25_000, Heal::Read(wire))),
        "full_disks" | "unreadable_disks" | "old_indexes" => {
            hosts.trouble(host).inspect(|it| it.begin(kind)).map(|it| (500, 10_000, Heal::Disk(it)))
        }
        // The process ends when it finds out; if it writes nothing, a little later.
        "io_errors" => hosts.trouble(host).inspect(|it| it.begin(kind)).map(|_| (1_000, 4_000, Heal::Restart(host))),
        _ => return befall_at_once(stage, kind, host).await,
    };
    heal.map(|(least, most, heal)| stage.plan.later(&chance, least, most, heal)).is_some()
}

/// What nothing sets right again, or several things do.
async fn befall_at_once(stage: &mut Stage, kind: &str, host: usize) -> bool {
    let chance = stage.chance.clone();
    match kind {
        "partitions" => {
            for to_host in [true, false].into_iter().filter(|_| !chance.once_in(3)) {
                stage.hosts().part(host, to_host, true);
                stage.plan.later(&chance, 100, 20_000, Heal::Reach { host, to_host });
            }
            true
        }
        "cut_lines" => stage.hosts().cut_a_line(),
        "half_open_lines" => stage.hosts().forget_a_line(),
        "fences" => stage.fence().await,
        "older_copies" => {
            if chance.once_in(2) && stage.hosts().pause(host, true) {
                stage.plan.later(&chance, 100, 10_000, Heal::Resume(host));
            }
            let crashed = stage.restore_an_older_copy().await;
            crashed.iter().flatten().for_each(|host| stage.plan.later(&chance, 100, 3_000, Heal::Start(*host)));
            crashed.is_some()
        }
        "client_crashes" => {
            stage.crash_a_player();
            true
        }
        _ => {
            stage.storm = Instant::now() + Duration::from_millis(300);
            true
        }
    }
}
