//! A share of what `power` runs for longer, and controls: each check has something that it finds.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use dormouse_power::{CUT_SPAN, Flaw, Tally, Violation, Work, flip_all, live_all};

const WORK: Work = Work { seed: 1, jobs: 2 };

fn cycles(work: Work, cycles: u64, flaw: Flaw) -> Result<Tally, Violation> {
    live_all(work, cycles, flaw, &|_| ())
}

#[test]
fn two_thousand_cuts_lose_nothing_that_was_acknowledged() {
    let tally = cycles(WORK, 2_000, Flaw::None).unwrap_or_else(|violation| panic!("seed 1, {violation}"));
    println!("{tally:?}");
    assert_eq!((tally.cycles, tally.covered()), (2_000, CUT_SPAN), "the power was cut at every place");
    assert!(tally.acknowledged > 20_000 && tally.appeared > 100, "{tally:?}");
    let faults = [tally.kills, tally.failed_syncs, tally.failed_writes, tally.full, tally.failed_opens];
    assert!(faults.iter().all(|times| *times > 50), "each fault happened: {tally:?}");
    let cut = |what: &str| tally.cuts.get(what).copied().unwrap_or(0);
    for what in ["wal write", "wal sync", "database write", "database sync", "directory sync"] {
        assert!(cut(what) > 0, "no cut came at a {what}: {:?}", tally.cuts);
    }
}

#[test]
fn a_seed_is_the_same_each_time_and_on_any_number_of_threads() {
    let digest = |seed, jobs| cycles(Work { seed, jobs }, 64, Flaw::None).unwrap().digest;
    let one = digest(7, 1);
    assert_eq!((digest(7, 1), digest(7, 2)), (one, one));
    assert_ne!(digest(8, 2), one);
}

/// The check finds a store whose commits are not synced.
#[test]
fn commits_without_a_sync_are_found_to_be_lost() {
    for flaw in [Flaw::UnsyncedWal, Flaw::UnsyncedAll] {
        let violation = cycles(WORK, 80, flaw).expect_err("acknowledged commits are lost");
        assert!(violation.what.contains("lost what was acknowledged"), "{violation}");
    }
}

/// The trap: a disk that is said to write atomically and in order, and does not. SQLite then leaves out the sync of a new WAL's header.
#[test]
fn a_disk_that_claims_too_much_is_found_out() {
    cycles(WORK, 2_000, Flaw::Claims).expect_err("acknowledged commits are lost");
}

#[test]
fn no_flipped_bit_is_served() {
    let tally = flip_all(WORK, 2_000, &|_| ()).unwrap();
    println!("{tally:?}");
    assert_eq!(tally.flips, 2_000);
    assert!(tally.told_of_one > 200 && tally.refused > 5 && tally.harmless > 200, "{tally:?}");
}
