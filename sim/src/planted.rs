//! Every planted bug must be found, by the invariant that it breaks.

use std::process::ExitCode;

use dormouse_core::planted::Bug;
use dormouse_sim::{Setup, apart::apart};
use serde_json::json;

/// The invariant that this bug breaks.
fn breaks(bug: Bug) -> &'static str {
    match bug {
        Bug::UnknownIsCommitted => "ACK-DURABLE",
        Bug::UnknownIsRefused => "NO-PHANTOM",
        Bug::Forgetful => "IDEMPOTENT",
        Bug::SkippedEvent => "RESUME-EXACT",
        Bug::OpenHands => "VIEW-SECRECY",
        Bug::DeafToWakes => "TIMER-ONCE-PLUS",
        Bug::OutcomeTwice => "EFFECT-OBSERVED-ONCE",
        Bug::NeverAskedAgain => "LIVE-AFTER-HEAL",
    }
}

/// Plant each bug and play up to `within` seeds. The last line is JSON.
pub(crate) fn find_all(within: u64) -> ExitCode {
    let mut missed = Vec::new();
    for (name, bug) in Bug::ALL {
        match find(bug, within) {
            Some((seed, violation)) => println!("{name}: found by seed {seed}: {violation}"),
            None => {
                println!("{name}: not found within {within} seeds");
                missed.push(name);
            }
        }
    }
    println!("{}", json!({ "planted": Bug::ALL.len(), "missed": missed }));
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The first seed that finds it, and how.
fn find(bug: Bug, within: u64) -> Option<(u64, String)> {
    (1..=within).find_map(|seed| {
        let report = apart(&Setup { bug: Some(bug), ..Setup::new(seed) });
        let is_it = |violation: &&String| violation.starts_with(breaks(bug));
        report.violations.iter().find(is_it).map(|violation| (seed, violation.chars().take(120).collect()))
    })
}
