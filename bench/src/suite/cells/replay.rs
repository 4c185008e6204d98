//! Cell f: events a second when a journal is read back, by the server's own command line.
//!
//! `replay` loads one long room from its first commit: it opens every record, checks the chain and folds the events.
//! `verify` does so with every room, and holds every snapshot against the commits before it, so it folds most twice.
//! Both print JSON with `events`; `seconds` counts if it is there, else the whole process does, and `decode_seconds` is
//! the part that decodes and folds what is open already.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;

use super::super::children::{Kind, Server, last_lines};
use super::super::report::Row;
use super::super::rounds::Plan;
use super::super::stats::Bar;
use crate::driver::FillReport;

const COMMANDS: usize = 10_000;
const COMMANDS_OF_ONE: usize = 300_000;

/// What the command line may say.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    events: u64,
    seconds: Option<f64>,
    decode_seconds: Option<f64>,
}

/// Events a second.
#[derive(Default)]
struct Rates {
    whole: Vec<f64>,
    decoded: Vec<f64>,
}

pub(super) fn replay(plan: &Plan) -> io::Result<Vec<Row>> {
    let (rooms, of_one) = (plan.many(100, 4), plan.many(COMMANDS_OF_ONE, COMMANDS));
    let dir = plan.fresh()?;
    let server = plan.start(Kind::Dormouse, dir.path())?;
    fill(plan, &server, rooms, COMMANDS)?;
    let long = fill(plan, &server, 1, of_one)?;
    server.stop()?;

    let data = dir.path().join("data");
    let one = rates(plan, &["replay", &long.rooms[0]], &data, of_one)?;
    let all = rates(plan, &["verify"], &data, rooms * COMMANDS + of_one)?;
    let what = format!("replay of one room, {of_one} commits, opened and verified");
    let opened = Row::alone("f", what, "events/s", &one.whole).figure_bar(Bar::AtLeast(1e6));
    let every = Row::alone("f", format!("verify of {rooms} rooms and that one"), "events/s", &all.whole);
    let every = every.note("it holds every snapshot against the commits as well, so it reads most of them twice");
    if one.decoded.is_empty() {
        return Ok(vec![opened.note("the part that only decodes is not reported by `replay --json`"), every]);
    }
    let decoded = Row::alone("f", "replay, decoded only", "events/s", &one.decoded).figure_bar(Bar::AtLeast(2e6));
    Ok(vec![opened, decoded, every])
}

fn fill(plan: &Plan, server: &Server, rooms: usize, commands: usize) -> io::Result<FillReport> {
    let report: FillReport =
        server.drive(["fill", "--rooms", &rooms.to_string(), "--commands", &commands.to_string()])?;
    plan.say(&format!("f: {rooms} rooms × {commands} commands made at {:.0}/s", report.per_second));
    Ok(report)
}

fn rates(plan: &Plan, command: &[&str], data: &Path, least: usize) -> io::Result<Rates> {
    let mut rates = Rates::default();
    for _ in 0..plan.rounds {
        let (said, wall) = read_back(plan, command, data)?;
        if said.events < least as u64 {
            let short = format!("{} read {} events of at least {least}", command.join(" "), said.events);
            return Err(io::Error::other(short));
        }
        let rate = |seconds: f64| said.events as f64 / seconds;
        rates.whole.push(rate(said.seconds.unwrap_or(wall)));
        rates.decoded.extend(said.decode_seconds.map(rate));
    }
    Ok(rates)
}

/// Runs the command line without a server and returns its last line and how long it took.
fn read_back(plan: &Plan, command: &[&str], data: &Path) -> io::Result<(Said, f64)> {
    let start = Instant::now();
    let output = Command::new(&plan.programs.dormouse)
        .args(command)
        .args(["--json", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .output()?;
    let wall = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{}: {}", command.join(" "), last_lines(&said))));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("{}");
    Ok((serde_json::from_str(last)?, wall))
}
