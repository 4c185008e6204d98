//! Every planted bug must be found, by the invariant that it breaks. What was found once must not come back.

use std::process::ExitCode;

use dormouse_core::planted::Bug;
use dormouse_sim::{
    Setup,
    apart::{apart, twice},
    kept::kept,
};
use serde_json::json;

/// The invariant that this bug breaks.
fn breaks(bug: Bug) -> &'static str {
    match bug {
        Bug::UnknownIsCommitted => "ACK-DURABLE",
        Bug::UnknownIsRefused | Bug::RefusalNotKept => "NO-PHANTOM",
        Bug::ToldTooEarly => "ACK-AFTER-SYNC",
        Bug::Forgetful | Bug::AnsweredTwice => "IDEMPOTENT",
        Bug::SkippedEvent | Bug::DeafToOneself => "SUB-DENSE",
        Bug::ResumesBlindly => "RESUME-EXACT",
        Bug::OpenHands => "VIEW-SECRECY",
        Bug::OneTenant => "TENANT-BYTES",
        Bug::DeafToWakes => "TIMER-ONCE-PLUS",
        Bug::EarlyWakes => "TIMER-NOT-EARLY",
        Bug::OutcomeTwice => "EFFECT-OBSERVED-ONCE",
        Bug::EndlessAttempts => "EFFECT-BUDGET",
        Bug::NeverAskedAgain => "LIVE-AFTER-HEAL",
        Bug::NeverSleeps => "HIBERNATE-CLEAN",
        Bug::Overwritten => "ONE-PER-SEQ",
        Bug::StaleReads => "CAS-LINEAR",
        Bug::FenceIgnored => "FENCED",
        Bug::Hole => "DENSE",
        Bug::Flipped => "CHAIN-OK",
        Bug::SnapshotForgets => "SNAPSHOT-PURE",
        Bug::ImpureRules => "REPLAY-EQUAL",
        Bug::RealRandomness => "DETERMINISTIC",
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
    let found_again = play_kept();
    println!(
        "{}",
        json!({ "planted": Bug::ALL.len(), "missed": missed, "kept": kept().count(), "again": found_again })
    );
    if missed.is_empty() && found_again.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The seeds that once found a fault must find none; the names of those that do.
fn play_kept() -> Vec<&'static str> {
    let mut found = Vec::new();
    for (name, setup) in kept() {
        let violations = apart(&setup).violations;
        println!("{name}: seed {}: {}", setup.seed, violations.first().map_or("holds", String::as_str));
        if !violations.is_empty() {
            found.push(name);
        }
    }
    found
}

/// The first seed that finds it, and how.
fn find(bug: Bug, within: u64) -> Option<(u64, String)> {
    (1..=within).find_map(|seed| {
        let setup = Setup { bug: Some(bug), ..Setup::new(seed) };
        let report = apart(&setup);
        // Only what makes a trace another one is seen by playing twice.
        let report = if bug == Bug::RealRandomness { twice(&setup, report) } else { report };
        let is_it = |violation: &&String| violation.starts_with(breaks(bug));
        report.violations.iter().find(is_it).map(|violation| (seed, violation.chars().take(120).collect()))
    })
}
