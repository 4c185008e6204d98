//! What the engine needs of the machine it runs on: the time, and random bytes. Tests and the simulation bring their own.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use dormouse_core::Time;

/// Time and randomness.
pub trait World: Send + Sync + 'static {
    /// The wall clock. May jump; actors keep their own time from going back.
    fn now(&self) -> Time;
    /// Fill `bytes` with random bytes that nobody can guess.
    fn random(&self, bytes: &mut [u8]);
}

impl dyn World {
    /// `N` random bytes.
    pub fn draw<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random(&mut bytes);
        bytes
    }

    /// `length` random letters of `a-z 2-7` (base 32): an id that nobody can guess, 5 bits a letter.
    pub fn letters(&self, length: usize) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut bytes = vec![0; length];
        self.random(&mut bytes);
        bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
    }
}

/// Random bytes asked for at once: a system call for each commit would be a tenth of its cost.
const POOL_BYTES: usize = 4096;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL_BYTES], left: 0 }) };
}

struct Pool {
    bytes: [u8; POOL_BYTES],
    /// The last so many have not been used.
    left: usize,
}

impl Pool {
    fn take(&mut self, wanted: &mut [u8]) {
        for byte in wanted {
            if self.left == 0 {
                getrandom::fill(&mut self.bytes).expect("the operating system has random bytes");
                self.left = POOL_BYTES;
            }
            self.left -= 1;
            // Taken once, and gone from memory.
            *byte = std::mem::take(&mut self.bytes[self.left]);
        }
    }
}

/// The machine itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl World for System {
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn random(&self, bytes: &mut [u8]) {
        POOL.with_borrow_mut(|pool| pool.take(bytes));
    }
}
