//! Many lives, or many flips, on several threads. What they come to does not depend on how many.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{Bug, CUTS_PER_LIFE, FlipTally, Image, Rng, Tally, Violation, live};

/// How much of what, from which seed.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// The seed.
    pub seed: u64,
    /// Threads.
    pub jobs: usize,
}

/// Live until there were so many cuts; `step` is told of each life.
///
/// # Errors
/// The violation of the first life that has one.
pub fn live_all(work: Work, cycles: u64, bug: Bug, step: &(dyn Fn(u64) + Sync)) -> Result<Tally, Violation> {
    let lives = cycles.div_ceil(CUTS_PER_LIFE);
    let mut whole = Tally::default();
    let tallies = all(work.jobs, lives, |life, tally: &mut Tally| {
        let lived = live(work.seed, life, bug, tally);
        step(CUTS_PER_LIFE);
        lived
    })?;
    tallies.into_iter().for_each(|tally| whole.add(tally));
    Ok(whole)
}

/// Flip so many bits of the usual file, drawn by chance.
///
/// # Errors
/// The first bit after which something is served that nobody wrote, and what.
pub fn flip_all(work: Work, flips: u64, step: &(dyn Fn(u64) + Sync)) -> Result<FlipTally, (u64, String)> {
    let bits = Image::new(work.seed).bits();
    let bit = |nth| Rng::new(work.seed, &[nth]).below(bits);
    flip_each(work, flips, &|| Image::new(work.seed), &bit, step)
}

/// Flip every bit of the small file.
///
/// # Errors
/// As [`flip_all`].
pub fn flip_every(work: Work, step: &(dyn Fn(u64) + Sync)) -> Result<FlipTally, (u64, String)> {
    let bits = Image::small(work.seed).bits();
    flip_each(work, bits, &|| Image::small(work.seed), &|nth| nth, step)
}

fn flip_each(
    work: Work,
    flips: u64,
    image: &(dyn Fn() -> Image + Sync),
    bit: &(dyn Fn(u64) -> u64 + Sync),
    step: &(dyn Fn(u64) + Sync),
) -> Result<FlipTally, (u64, String)> {
    let mut whole = FlipTally::default();
    let tallies = all(work.jobs, flips, |nth, (of_thread, tally): &mut (Option<Image>, FlipTally)| {
        let bit = bit(nth);
        step(1);
        of_thread.get_or_insert_with(image).flip(bit, tally).map_err(|what| (bit, what))
    })?;
    tallies.into_iter().for_each(|(_, tally)| whole.add(&tally));
    Ok(whole)
}

/// Do each of so many on some thread; what each thread gathered, or the failure of the lowest number that has one.
pub(crate) fn all<T: Default + Send, E: Send>(
    jobs: usize,
    count: u64,
    one: impl Fn(u64, &mut T) -> Result<(), E> + Sync,
) -> Result<Vec<T>, E> {
    let (next, failed) = (AtomicU64::new(0), Mutex::new(None::<(u64, E)>));
    let some = || {
        let mut gathered = T::default();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth >= count {
                return gathered;
            }
            if let Err(error) = one(nth, &mut gathered) {
                next.store(count, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(before, _)| nth < *before) {
                    *failed = Some((nth, error));
                }
            }
        }
    };
    let gathered = thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(some)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a life does not panic")).collect()
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(gathered),
    }
}
