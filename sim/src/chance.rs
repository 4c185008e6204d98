//! Everything that happens by chance, from one seed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dormouse_core::{Dice, Seed};

/// The dice of one simulation. Clones throw the same dice.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<Dice>>);

impl Chance {
    /// The dice of this seed; `of` tells those of different parts of a simulation apart.
    pub fn new(seed: u64, of: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&of.to_le_bytes());
        Self(Arc::new(Mutex::new(Seed(bytes).dice())))
    }

    fn with<T>(&self, throw: impl FnOnce(&mut Dice) -> T) -> T {
        throw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Below `n`, which is not 0.
    pub fn below(&self, n: u64) -> u64 {
        self.with(|dice| dice.below(n))
    }

    /// Once in `n` times.
    pub fn once_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// 64 bits.
    pub fn bits(&self) -> u64 {
        self.with(Dice::bits)
    }

    /// At least 0, below 1.
    pub fn fraction(&self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From `least` milliseconds up to `most`.
    pub fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }

    /// One of these.
    pub fn one_of<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// Fill these bytes.
    pub fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.bits().to_le_bytes()[..chunk.len()]);
        }
    }
}
