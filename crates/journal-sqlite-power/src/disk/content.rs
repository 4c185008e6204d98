//! One file: the bytes that are surely on the disk, those that readers see, and the changes between the two.
//!
//! A cut keeps any of the changes since the last sync, in any order, tears one of them at a sector, and loses the rest. That is more than a
//! disk under a page cache can do, and no less.

use serde::Serialize;

use crate::rng::Rng;

/// Disks write whole sectors of this size at once: of a torn write each is the old one or the new one. What SQLite is told may be more.
const SECTOR: usize = 512;

/// What the system may drop from its cache on its own.
const CACHE_PAGE: usize = 4096;

/// What cuts of the power did to writes that were not synced.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Losses {
    /// Lost wholly.
    pub lost: u64,
    /// Of which some sectors arrived.
    pub torn: u64,
    /// That arrived before one that was made earlier.
    pub reordered: u64,
}

impl Losses {
    /// Both together.
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.torn += other.torn;
        self.reordered += other.reordered;
    }
}

/// A file's bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    durable: Vec<u8>,
    cached: Vec<u8>,
    pending: Vec<Change>,
    /// A sync failed here: bytes that readers see may be neither durable nor pending any more.
    has_lost: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes: new } => put(bytes, *at, new),
            Self::Truncate(length) => bytes.truncate(*length),
        }
    }

    /// Leave out some of the sectors that the write touches: the first ones arrive, or any.
    fn apply_torn(&self, bytes: &mut Vec<u8>, rng: &mut Rng) {
        let Self::Write { at, bytes: new } = self else { return self.apply(bytes) };
        let end = at + new.len();
        let arrives_until = rng.percent(50).then(|| at + rng.index(new.len() + SECTOR));
        for sector in at / SECTOR..end.div_ceil(SECTOR) {
            let (from, to) = ((sector * SECTOR).max(*at), ((sector + 1) * SECTOR).min(end));
            if arrives_until.map_or_else(|| rng.percent(50), |limit| to <= limit) {
                put(bytes, from, &new[from - at..to - at]);
            }
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let end = at + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(new);
}

impl Content {
    /// A file that is on the disk as it is.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { durable: bytes.clone(), cached: bytes, ..Self::default() }
    }

    pub(super) fn cached(&self) -> &[u8] {
        &self.cached
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.cached, at, bytes);
        self.pending.push(Change::Write { at, bytes: bytes.to_vec() });
    }

    /// Write what is there.
    pub(super) fn rewrite(&mut self, at: usize, length: usize) {
        let bytes = self.cached[at..at + length].to_vec();
        self.pending.push(Change::Write { at, bytes });
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.cached.truncate(length);
        self.pending.push(Change::Truncate(length));
    }

    pub(super) fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// The sync fails as on Linux: some of it arrived, and the rest counts as clean. Readers still see it, and no later sync writes it.
    pub(super) fn fail_sync(&mut self, rng: &mut Rng) {
        for change in self.pending.drain(..) {
            if rng.percent(50) {
                change.apply(&mut self.durable);
            }
        }
        self.has_lost = true;
    }

    /// The system forgets clean pages when it likes, and reads them again from the disk. It matters for those that a failed sync lost.
    pub(super) fn evict(&mut self, rng: &mut Rng) {
        if !std::mem::take(&mut self.has_lost) {
            return;
        }
        let mut known = self.durable.clone();
        self.pending.iter().for_each(|change| change.apply(&mut known));
        known.resize(self.cached.len(), 0);
        for (cached, known) in self.cached.chunks_mut(CACHE_PAGE).zip(known.chunks(CACHE_PAGE)) {
            if rng.percent(50) {
                cached.copy_from_slice(known);
            } else if cached != known {
                self.has_lost = true;
            }
        }
    }

    pub(super) fn cut(&mut self, rng: &mut Rng, losses: &mut Losses) {
        let mut pending: Vec<(usize, Change)> = std::mem::take(&mut self.pending).into_iter().enumerate().collect();
        let made = pending.len();
        rng.shuffle(&mut pending);
        // From almost none to almost all, so that both ends are seen often.
        let often = rng.below(101);
        pending.retain(|_| rng.percent(often));
        let torn = (!pending.is_empty()).then(|| rng.index(pending.len()));
        losses.lost += (made - pending.len()) as u64;
        losses.torn += u64::from(torn.is_some());
        losses.reordered += pending.windows(2).filter(|two| two[0].0 > two[1].0).count() as u64;
        for (nth, (_, change)) in pending.iter().enumerate() {
            if Some(nth) == torn {
                change.apply_torn(&mut self.durable, rng);
            } else {
                change.apply(&mut self.durable);
            }
        }
        self.cached.clone_from(&self.durable);
        self.has_lost = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_and_the_rest_may_not() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut content = Content::default();
            content.write(0, &[1; 1024]);
            content.sync();
            content.write(1024, &[2; 1024]);
            content.write(0, &[3; 512]);
            content.cut(&mut Rng::new(seed, &[]), &mut Losses::default());
            assert_eq!(content.cached()[512..1024], [1; 512], "nobody wrote here since the sync");
            let sector = |at: usize| content.cached().get(at).copied();
            outcomes.insert([sector(0), sector(1024), sector(1536)]);
        }
        for first in [1, 3] {
            assert!(outcomes.contains(&[Some(first), None, None]), "{outcomes:?}");
            assert!(outcomes.contains(&[Some(first), Some(2), Some(2)]), "{outcomes:?}");
            assert!(
                outcomes.contains(&[Some(first), Some(0), Some(2)]),
                "a hole where a sector was torn: {outcomes:?}"
            );
        }
    }

    #[test]
    fn a_later_sync_does_not_write_what_a_failed_one_lost() {
        let mut lost = 0;
        for seed in 0..50 {
            let mut rng = Rng::new(seed, &[]);
            let mut content = Content::default();
            content.write(0, &[1; 512]);
            content.fail_sync(&mut rng);
            assert_eq!(content.cached(), [1; 512], "readers still see it");
            content.sync();
            content.cut(&mut rng, &mut Losses::default());
            lost += u32::from(content.cached().is_empty());
        }
        assert!((10..40).contains(&lost), "{lost}");
    }
}
