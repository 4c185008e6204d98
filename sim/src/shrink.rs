//! The shortest schedule that still fails.

use std::time::Duration;

use crate::{
    apart::apart,
    faults,
    play::{Report, Setup},
};

/// Shorter than this nothing has time to go wrong.
const LEAST: Duration = Duration::from_millis(250);

/// As little of a failing setup as still fails in the same way: for as short a time, and without every kind of fault that it does not need.
pub fn shrink(failing: &Setup, report: &Report) -> (Setup, Report) {
    let (mut setup, mut report) = (failing.clone(), report.clone());
    let wanted = invariants(&report);
    let mut try_it = |tried: Setup, setup: &mut Setup| {
        let again = apart(&tried);
        let fails = invariants(&again).iter().any(|name| wanted.contains(name));
        if fails {
            (*setup, report) = (tried, again);
        }
        fails
    };
    for kind in faults::kinds() {
        let mut tried = setup.clone();
        tried.without.push(kind.to_owned());
        try_it(tried, &mut setup);
    }
    let mut step = setup.rough / 2;
    while step >= LEAST {
        let shorter = Setup { rough: setup.rough.saturating_sub(step), ..setup.clone() };
        if shorter.rough < LEAST || !try_it(shorter, &mut setup) {
            step /= 2;
        }
    }
    (setup, report)
}

/// The names of the invariants that do not hold.
fn invariants(report: &Report) -> Vec<String> {
    report.violations.iter().filter_map(|violation| Some(violation.split_once(':')?.0.to_owned())).collect()
}
