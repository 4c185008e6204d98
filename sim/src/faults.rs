//! What goes wrong, when, and what sets it right again.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::{chance::Chance, play::Stage};

/// How often each kind of thing has gone wrong.
pub type Counts = BTreeMap<String, u64>;

/// What sets something right again.
#[derive(Debug, Clone, Copy)]
pub enum Heal {
    Start(usize),
    Resume(usize),
    Reach { host: usize, to_host: bool },
    Clock(usize),
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
pub fn happen(stage: &mut Stage) {
    let now = Instant::now();
    let (due, later) = std::mem::take(&mut stage.plan.heals).into_iter().partition(|(at, _)| *at <= now);
    stage.plan.heals = later;
    let due: Vec<(Instant, Heal)> = due;
    due.into_iter().for_each(|(_, heal)| stage.heal(heal));
    if stage.plan.next.is_none_or(|next| next <= now) {
        if stage.plan.next.is_some() {
            go_wrong(stage);
        }
        stage.plan.next = Some(now + stage.chance.millis(200, 4_000));
    }
}

/// What can go wrong, and how often beside the others.
const KINDS: [(&str, u64); 8] = [
    ("crashes", 3),
    ("pauses", 1),
    ("partitions", 2),
    ("clock_jumps", 1),
    ("cut_lines", 2),
    ("half_open_lines", 1),
    ("client_crashes", 1),
    ("bursts", 1),
];

/// The names of what can go wrong.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(kind, _)| *kind)
}

fn go_wrong(stage: &mut Stage) {
    let mut place = stage.chance.below(KINDS.iter().map(|(_, weight)| weight).sum());
    let drawn = KINDS.iter().find(|(_, weight)| {
        let is_here = place < *weight;
        place = place.saturating_sub(*weight);
        is_here
    });
    let (kind, _) = drawn.expect("a place below the sum");
    let host = stage.chance.below(stage.hosts()) as usize;
    if !stage.leaves_out(kind) && befall(stage, kind, host) {
        stage.count(kind);
    }
}

/// False if there is nothing that it could befall.
fn befall(stage: &mut Stage, kind: &str, host: usize) -> bool {
    let chance = stage.chance.clone();
    let heal = match kind {
        "crashes" => stage.crash(host).then_some((100, 6_000, Heal::Start(host))),
        "pauses" => stage.pause(host, true).then_some((100, 30_000, Heal::Resume(host))),
        "clock_jumps" => {
            stage.set_wrong(host, chance.below(20_000) as i64 - 10_000);
            Some((1_000, 30_000, Heal::Clock(host)))
        }
        "partitions" => {
            for to_host in [true, false].into_iter().filter(|_| !chance.once_in(3)) {
                stage.part(host, to_host, true);
                stage.plan.later(&chance, 100, 20_000, Heal::Reach { host, to_host });
            }
            return true;
        }
        "cut_lines" => return stage.cut_a_line(),
        "half_open_lines" => return stage.forget_a_line(),
        "client_crashes" => {
            stage.crash_a_player();
            return true;
        }
        _ => {
            stage.burst = Instant::now() + Duration::from_millis(300);
            return true;
        }
    };
    heal.map(|(least, most, heal)| stage.plan.later(&chance, least, most, heal)).is_some()
}
