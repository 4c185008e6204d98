//! A little of what `make sim` runs for longer, so that `cargo test` alone also sees the power cut.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use dormouse_power::{Bug, Tally, Violation, Work, flip_all, live_all, planted};

const WORK: Work = Work { seed: 1, jobs: 2 };

fn cycles(work: Work, cycles: u64) -> Result<Tally, Violation> {
    live_all(work, cycles, Bug::None, &|_| ())
}

#[test]
fn some_cuts_lose_nothing_that_was_acknowledged() {
    let tally = cycles(WORK, 200).unwrap_or_else(|violation| panic!("seed 1, {violation}"));
    println!("{tally:?}");
    assert_eq!(tally.cycles, 200);
    assert!(tally.acknowledged > 2_000 && tally.appeared > 5, "{tally:?}");
    let gaps = tally.gaps();
    assert!(gaps.contains(&"a cut at each place"), "a gap is seen: two hundred are too few for that");
    assert!(!gaps.contains(&"a failed sync") && !gaps.contains(&"wal sync"), "{gaps:?}");
}

#[test]
fn a_seed_is_the_same_each_time_and_on_any_number_of_threads() {
    let digest = |seed, jobs| cycles(Work { seed, jobs }, 64).unwrap().digest;
    let one = digest(7, 1);
    assert_eq!((digest(7, 1), digest(7, 2)), (one, one));
    assert_ne!(digest(8, 2), one);
}

#[test]
fn no_flipped_bit_is_served() {
    let tally = flip_all(WORK, 400, &|_| ()).unwrap();
    println!("{tally:?}");
    assert_eq!(tally.flips, 400);
    assert!(tally.told_of_one > 40 && tally.harmless > 40, "{tally:?}");
}

/// `power --planted` plants all of them, and the names are what it prints.
#[test]
fn every_bug_has_a_name_of_its_own() {
    let mut names: Vec<&str> = planted::ALL.iter().map(|planted| planted.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), planted::ALL.len());
}
