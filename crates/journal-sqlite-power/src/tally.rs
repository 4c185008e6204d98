//! What was done, in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    disk::{Act, Disk, Fault, Losses, Place, Stop},
    life::CUT_SPAN,
};

/// Numbers of one run, or of a part of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tally {
    /// Cuts of the power, each with what came before it.
    pub cycles: u64,
    /// Processes that opened the store, or tried to.
    pub processes: u64,
    /// Of those, the ones that the disk kept from it.
    pub failed_opens: u64,
    /// Calls to the store.
    pub calls: u64,
    /// Of those, the ones that were acknowledged.
    pub acknowledged: u64,
    /// Commits that were there after a cut or a death though nobody had been told.
    pub appeared: u64,
    /// Processes that were killed in the middle of a write.
    pub kills: u64,
    /// Syncs that failed under a working store.
    pub failed_syncs: u64,
    /// Writes that failed under a working store.
    pub failed_writes: u64,
    /// Writes that found no room under a working store.
    pub full: u64,
    /// What cuts did to writes that were not synced.
    #[serde(flatten)]
    pub losses: Losses,
    /// Cuts by the operation that they hit, counted from the boot.
    #[serde(skip)]
    pub cut_at: BTreeMap<u64, u64>,
    /// Cuts by what was being done to what.
    pub cuts: BTreeMap<String, u64>,
    /// A number of all that was done to all disks; the same for the same seed.
    #[serde(skip)]
    pub digest: u64,
}

impl Tally {
    /// A cut at this operation, or at none.
    pub(crate) fn cut(&mut self, at: Option<u64>) {
        self.cycles += 1;
        if let Some(at) = at {
            *self.cut_at.entry(at).or_default() += 1;
        }
    }

    pub(crate) fn cuts_by_place(&mut self, disk: &Disk) {
        self.losses.add(disk.losses());
        for ((place, act), times) in disk.cuts() {
            *self.cuts.entry(name(place, act)).or_default() += times;
        }
    }

    pub(crate) fn digest(&mut self, life: u64, digest: u64) {
        // A sum, so that it does not matter which life ends first.
        self.digest = self.digest.wrapping_add(digest.wrapping_mul(2 * life + 1));
    }

    pub(crate) fn ended(&mut self, how: Option<Stop>) {
        match how {
            Some(Stop::Kill) => self.kills += 1,
            Some(Stop::Fault(Fault::Sync)) => self.failed_syncs += 1,
            Some(Stop::Fault(Fault::Write)) => self.failed_writes += 1,
            _ => {}
        }
    }

    /// What was not met, though each should be in two thousand cycles: a run that left it out has shown less than it says.
    pub fn gaps(&self) -> Vec<&'static str> {
        let Self { kills, failed_syncs, failed_writes, full, failed_opens, losses, .. } = self;
        let times = [
            ("a kill", *kills),
            ("a failed sync", *failed_syncs),
            ("a failed write", *failed_writes),
            ("a full disk", *full),
            ("a store that does not open", *failed_opens),
            ("a commit that appeared", self.appeared),
            ("a write that was lost", losses.lost),
            ("a torn write", losses.torn),
            ("writes in another order", losses.reordered),
            ("a cut at each place", self.covered() / CUT_SPAN),
        ];
        let never = times.into_iter().filter(|(_, times)| *times == 0).map(|(what, _)| what);
        let cut = |what: &&str| !self.cuts.contains_key(*what);
        never
            .chain(
                ["wal write", "wal sync", "database write", "database sync", "directory sync"].into_iter().filter(cut),
            )
            .collect()
    }

    /// How many of the operations at which the power may be cut were hit.
    pub fn covered(&self) -> u64 {
        (0..CUT_SPAN).filter(|at| self.cut_at.contains_key(at)).count() as u64
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.processes += other.processes;
        self.failed_opens += other.failed_opens;
        self.calls += other.calls;
        self.acknowledged += other.acknowledged;
        self.appeared += other.appeared;
        self.kills += other.kills;
        self.failed_syncs += other.failed_syncs;
        self.failed_writes += other.failed_writes;
        self.full += other.full;
        self.losses.add(other.losses);
        other.cut_at.into_iter().for_each(|(at, times)| *self.cut_at.entry(at).or_default() += times);
        other.cuts.into_iter().for_each(|(what, times)| *self.cuts.entry(what).or_default() += times);
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

fn name(place: Place, act: Act) -> String {
    format!("{place:?} {act:?}").to_lowercase()
}
