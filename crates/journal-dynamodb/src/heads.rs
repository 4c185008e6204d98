//! Heads that this host has confirmed not long ago, so that an append need not read first.
//!
//! A put is guarded by its key alone: that nobody was at this place. Whether the place is the next one, the host must know. While nothing is deleted, a
//! head that once was the head is followed by the place after it or by somebody else's run there, which refuses the put; so any age would do. What is
//! deleted leaves places free again, and that is seven days old at least.
//!
//! Bounded by two generations: when the young one is full it becomes the old one, and what was old is forgotten.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use dormouse_core::{Address, Time, position::Head};

/// How long ago a head may have been confirmed by the host that appends after it. Together with how long a signed request may travel
/// (15 minutes) this is far below [`DELETE_AFTER`], even if a clock was set back meanwhile.
pub const CONFIRMED_MAX: Duration = Duration::from_secs(5 * 60);

/// How long after it was retired an actor must stay before [`delete`](dormouse_journal::Journal::delete): no host that saw it alive
/// can then still append, and no record of its stream (24 hours) arrives late.
pub const DELETE_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Heads in one generation: about 5 MB in both, and more actors than one host keeps in memory for five minutes.
const GENERATION: usize = 16_384;

const _: () = assert!(CONFIRMED_MAX.as_secs() * 1000 < DELETE_AFTER.as_secs());

/// The head, or that there is no such actor; and when that was so.
#[derive(Debug, Clone, Copy)]
struct Confirmed {
    head: Option<Head>,
    at: Time,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Address, Confirmed>,
    old: HashMap<Address, Confirmed>,
}

#[derive(Debug, Default)]
pub(crate) struct Heads(Mutex<Generations>);

impl Heads {
    /// The head as it was confirmed, if that is not too long before `now`; whoever wrote since, a put after it is refused.
    pub(crate) fn fresh(&self, address: &Address, now: Time) -> Option<Option<Head>> {
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let confirmed = generations.young.get(address).or_else(|| generations.old.get(address))?;
        let is_fresh = confirmed.at <= now && now.since(confirmed.at) < CONFIRMED_MAX;
        is_fresh.then_some(confirmed.head)
    }

    /// The journal said so to a question that was asked at `at`.
    pub(crate) fn confirm(&self, address: &Address, head: Option<Head>, at: Time) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.insert(address.clone(), Confirmed { head, at });
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
    }

    /// It is not so any more.
    pub(crate) fn forget(&self, address: &Address) {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.remove(address);
        generations.old.remove(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_790_000_000_000);

    fn address(n: usize) -> Address {
        format!("main/todo/a{n}").parse().unwrap()
    }

    #[test]
    fn a_head_is_fresh_for_five_minutes() {
        let heads = Heads::default();
        assert_eq!(heads.fresh(&address(0), NOW), None);
        heads.confirm(&address(0), Some(Head::start(1)), NOW);
        heads.confirm(&address(1), None, NOW);
        for (later, fresh) in [(0, true), (299_999, true), (300_000, false), (u64::MAX - NOW.0, false)] {
            let at = Time(NOW.0 + later);
            assert_eq!(heads.fresh(&address(0), at), fresh.then_some(Some(Head::start(1))), "after {later} ms");
            assert_eq!(heads.fresh(&address(1), at), fresh.then_some(None), "after {later} ms");
        }
        assert_eq!(heads.fresh(&address(0), Time(NOW.0 - 1)), None, "the clock was set back");
    }

    #[test]
    fn what_is_forgotten_is_not_fresh() {
        let heads = Heads::default();
        heads.confirm(&address(0), None, NOW);
        heads.forget(&address(0));
        assert_eq!(heads.fresh(&address(0), NOW), None);
    }

    #[test]
    fn two_generations_are_kept() {
        let heads = Heads::default();
        (0..3 * GENERATION).for_each(|n| heads.confirm(&address(n), None, NOW));
        assert_eq!(heads.fresh(&address(GENERATION), NOW), None);
        assert_eq!(heads.fresh(&address(3 * GENERATION - 1), NOW), Some(None));
        let generations = heads.0.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn a_newer_confirmation_counts_whichever_generation_holds_the_older() {
        let heads = Heads::default();
        (0..GENERATION).for_each(|n| heads.confirm(&address(n), None, NOW));
        heads.confirm(&address(0), Some(Head::start(2)), NOW);
        assert_eq!(heads.fresh(&address(0), NOW), Some(Some(Head::start(2))));
    }
}
