//! A clock that moves with tokio's paused time, and randomness from a seed.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use dormouse_core::Time;
use dormouse_engine::world::World;
use tokio::time::Instant;

/// When every test begins.
pub const DAWN: u64 = 1_790_000_000_000;

pub struct TestWorld {
    began: Instant,
    /// How wrong the clock is, in milliseconds.
    wrong_by: AtomicI64,
    random: Mutex<u64>,
}

impl TestWorld {
    pub fn new(seed: u64) -> Self {
        Self { began: Instant::now(), wrong_by: AtomicI64::new(0), random: Mutex::new(seed) }
    }

    /// From now on the clock shows this much more.
    pub fn jump(&self, milliseconds: i64) {
        self.wrong_by.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl World for TestWorld {
    fn now(&self) -> Time {
        let passed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        Time(DAWN.saturating_add_signed(passed + self.wrong_by.load(Ordering::Relaxed)))
    }

    fn random(&self, bytes: &mut [u8]) {
        let mut state = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&splitmix(&mut state).to_le_bytes()[..chunk.len()]));
    }
}

/// The next number of a splitmix64 stream.
pub fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
