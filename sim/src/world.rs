//! The clock of one host, which moves with the simulation and may be wrong, and its randomness.

use std::sync::atomic::{AtomicI64, Ordering};

use dormouse_core::Time;
use dormouse_engine::world::World;
use tokio::time::Instant;

use crate::chance::Chance;

/// When every simulation begins.
pub const DAWN: u64 = 1_790_000_000_000;

pub struct HostWorld {
    began: Instant,
    /// In milliseconds.
    wrong_by: AtomicI64,
    chance: Chance,
}

impl HostWorld {
    pub fn new(began: Instant, chance: Chance) -> Self {
        Self { began, wrong_by: AtomicI64::new(0), chance }
    }

    /// From now on the clock is wrong by so many milliseconds.
    pub fn set_wrong(&self, milliseconds: i64) {
        self.wrong_by.store(milliseconds, Ordering::Relaxed);
    }
}

impl World for HostWorld {
    fn now(&self) -> Time {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Time(DAWN.saturating_add_signed(passed + self.wrong_by.load(Ordering::Relaxed)))
    }

    fn random(&self, bytes: &mut [u8]) {
        self.chance.fill(bytes);
    }
}
