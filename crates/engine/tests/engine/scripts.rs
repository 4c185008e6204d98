//! One test for each golden script.

use crate::script::check;

macro_rules! scripts {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })+

        #[test]
        fn every_script_is_run() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts");
            let mut found: Vec<String> = std::fs::read_dir(folder)
                .unwrap()
                .filter_map(|file| Some(file.unwrap().path().file_stem()?.to_str()?.to_owned()))
                .collect();
            let mut listed = vec![$(stringify!($name)),+];
            found.sort();
            listed.sort_unstable();
            assert_eq!(found, listed);
        }
    };
}

scripts! {
    bad_rules
    busy
    clocks
    conflict
    drain
    events
    full_runs
    held
    held_by_two
    held_wakes
    exactly_once
    hints
    instances
    leases
    one_run_in_flight
    output_gate
    parked
    patches
    presence
    presence_after_a_crash
    quarantine
    refusals
    restart
    restored
    resume
    send
    sights
    signals
    sleep
    snapshots
    state_bound
    store
    tasks
    unknown_outcomes
    versions
    wakes
}
