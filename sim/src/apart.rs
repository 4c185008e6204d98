//! Each simulation in a process of its own, where it is the first thing that happens.

use std::{process::Command, time::Duration};

use dormouse_core::planted::Bug;

use crate::play::{Report, Setup};

/// The subcommand of `sim` that plays one setup and prints its report.
pub const ALONE: &str = "alone";

/// A simulation takes a second or less.
const ALONE_MAX: Duration = Duration::from_secs(120);

/// Play this in a process of its own.
pub fn apart(setup: &Setup) -> Report {
    let exe = std::env::current_exe().expect("this program has a path");
    let rough = setup.rough.as_millis().to_string();
    let mut command = Command::new(exe);
    let bug = Bug::ALL.iter().find(|(_, bug)| setup.bug == Some(*bug)).map_or("", |(name, _)| name);
    command.args([ALONE, &setup.seed.to_string(), &rough, &setup.without.join(","), bug]);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return Report::broken(setup.seed, &format!("PANIC: it could not be started: {error}")),
    };
    let report = serde_json::from_slice(&output.stdout).ok();
    report.unwrap_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        Report::broken(setup.seed, &format!("PANIC: {}: {}", output.status, said.trim()))
    })
}

/// What [`apart`] asks of the program: the report of this setup, as JSON.
pub fn alone(arguments: &[String]) -> Option<String> {
    // One that turns without end in one moment of its time would never be heard of.
    std::thread::spawn(|| {
        std::thread::sleep(ALONE_MAX);
        eprintln!("it did not end within {ALONE_MAX:?}");
        std::process::exit(1);
    });
    let [seed, rough, without, bug] = arguments else { return None };
    let without = without.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect();
    let rough = Duration::from_millis(rough.parse().ok()?);
    let bug = Bug::ALL.iter().find(|(name, _)| name == bug).map(|(_, bug)| *bug);
    let report = crate::simulate(Setup { seed: seed.parse().ok()?, rough, without, bug });
    serde_json::to_string(&report).ok()
}

/// DETERMINISTIC: what was played once gives the same trace again. Elsewhere than on Linux the system's randomness is its own.
pub fn twice(setup: &Setup, mut report: Report) -> Report {
    if cfg!(target_os = "linux") && apart(setup).digest != report.digest {
        report.violations.push(format!("DETERMINISTIC: seed {} gave another trace", setup.seed));
    }
    report
}
