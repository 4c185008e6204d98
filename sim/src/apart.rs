//! Each simulation in a process of its own, where it is the first thing that happens.

use std::process::Command;

use crate::play::{Report, Setup};

/// The subcommand of `sim` that plays one setup and prints its report.
pub const ALONE: &str = "alone";

/// Play this in a process of its own.
pub fn apart(setup: &Setup) -> Report {
    let exe = std::env::current_exe().expect("this program has a path");
    let rough = setup.rough.as_millis().to_string();
    let mut command = Command::new(exe);
    command.args([ALONE, &setup.seed.to_string(), &rough, &setup.without.join(",")]);
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
    let [seed, rough, without] = arguments else { return None };
    let without = without.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect();
    let rough = std::time::Duration::from_millis(rough.parse().ok()?);
    let report = crate::simulate(Setup { seed: seed.parse().ok()?, rough, without });
    serde_json::to_string(&report).ok()
}
