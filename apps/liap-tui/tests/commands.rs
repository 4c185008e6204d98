//! The binary's own command, and what every app's binary says of itself.

#![allow(clippy::unwrap_used)]

use std::{
    io::Read,
    process::{Command, Output, Stdio},
};

fn liap_tui(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liap-tui"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_help_lists_the_apps_own_command_beside_those_of_every_app() {
    let help = said(&liap_tui(&["--help"]).output().unwrap());
    let listed = |name: &str| help.lines().any(|line| line.trim_start().starts_with(&format!("{name} ")));
    assert!(listed("tournament") && listed("serve") && listed("verify"), "{help}");
    let own = said(&liap_tui(&["tournament", "--help"]).output().unwrap());
    assert!(own.contains("Usage: liap-tui tournament [OPTIONS]") && own.contains("--bots"), "{own}");
}

#[test]
fn the_version_is_the_apps() {
    let version = said(&liap_tui(&["--version"]).output().unwrap());
    assert_eq!(version, concat!("liap-tui ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_tournament_says_who_won() {
    let report = said(&liap_tui(&["tournament", "--games", "2", "--json"]).output().unwrap());
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["games"], 2);
    let refused = liap_tui(&["tournament", "--bots", "easy"]).output().unwrap();
    assert!(!refused.status.success() && refused.stdout.is_empty());
}

/// `schema | head -c 10`: more is written than the pipe holds, and nobody reads it.
#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let mut child = liap_tui(&["schema"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert!(child.wait().unwrap().success(), "{error}");
    assert_eq!(error, "");
}
