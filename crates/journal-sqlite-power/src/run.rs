//! Many lives, or many flips, on several threads. What they come to does not depend on how many.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{CUTS_PER_LIFE, Flaw, FlipTally, Image, Rng, Tally, Violation, live};

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
pub fn live_all(work: Work, cycles: u64, flaw: Flaw, step: &(dyn Fn(u64) + Sync)) -> Result<Tally, Violation> {
    let lives = cycles.div_ceil(CUTS_PER_LIFE);
    let mut whole = Tally::default();
    let tallies = all(work.jobs, lives, |life, tally: &mut Tally| {
        let lived = live(work.seed, life, flaw, tally);
        step(CUTS_PER_LIFE);
        lived
    })?;
    tallies.into_iter().for_each(|tally| whole.add(tally));
    Ok(whole)
}

/// Flip so many bits drawn by chance, or each bit once if there are no more than that.
///
/// # Errors
/// The first bit after which something is served that nobody wrote, and what.
pub fn flip_all(work: Work, flips: u64, step: &(dyn Fn(u64) + Sync)) -> Result<FlipTally, (u64, String)> {
    let bits = Image::new(work.seed).bits();
    let mut whole = FlipTally::default();
    let tallies = all(work.jobs, flips.min(bits), |nth, (image, tally): &mut (Option<Image>, FlipTally)| {
        let bit = if flips < bits { Rng::new(work.seed, &[nth]).below(bits) } else { nth };
        step(1);
        image.get_or_insert_with(|| Image::new(work.seed)).flip(bit, tally).map_err(|what| (bit, what))
    })?;
    tallies.into_iter().for_each(|(_, tally)| whole.add(&tally));
    Ok(whole)
}

/// Do each of so many on some thread; what each thread gathered, or the failure of the lowest number that has one.
fn all<T: Default + Send, E: Send>(
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
