//! Cell f: events a second when a journal is read back, by the server's own command line.
//!
//! `replay` loads one long room from its first commit: it opens every record, checks the chain and folds the events.
//! `verify` does so with every room, and holds every snapshot against the commits before it, so it folds most twice.
//! Both print JSON with `events`; the whole process is timed. What decoding alone takes is measured here, over the same records
//! in memory: no store, no hash, no rules.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use dormouse_core::record;
use dormouse_journal::{Entry, Journal};
use dormouse_journal_sqlite::{Options, SqliteStore};
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
}

/// Commits read from the store at once.
const PAGE: usize = 4096;

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
    let opened = Row::alone("f", what, "events/s", &one).figure_bar(Bar::AtLeast(1e6));
    let every = Row::alone("f", format!("verify of {rooms} rooms and that one"), "events/s", &all);
    let every = every.note("it holds every snapshot against the commits as well, so it reads most of them twice");
    let records = tokio::runtime::Runtime::new()?.block_on(records_of(&data, &long.rooms[0]))?;
    let rounds = (0..plan.rounds).map(|_| decoded(&records)).collect::<io::Result<Vec<f64>>>()?;
    let decoded = Row::alone("f", "the same records, decoded only", "events/s", &rounds).figure_bar(Bar::AtLeast(2e6));
    Ok(vec![opened, decoded, every])
}

fn fill(plan: &Plan, server: &Server, rooms: usize, commands: usize) -> io::Result<FillReport> {
    let report: FillReport =
        server.drive(["fill", "--rooms", &rooms.to_string(), "--commands", &commands.to_string()])?;
    plan.say(&format!("f: {rooms} rooms × {commands} commands made at {:.0}/s", report.per_second));
    Ok(report)
}

/// Every commit of a room.
async fn records_of(data: &Path, room: &str) -> io::Result<Vec<Entry>> {
    let store = SqliteStore::open(data, Options::default()).map_err(io::Error::other)?;
    let address = format!("main/{room}").parse().map_err(io::Error::other)?;
    let mut records: Vec<Entry> = Vec::new();
    loop {
        let after = records.last().map_or(0, |entry| entry.seq);
        let page = store.read(&address, after, PAGE).await.map_err(io::Error::other)?;
        if page.is_empty() {
            store.close().await;
            return Ok(records);
        }
        records.extend(page);
    }
}

/// Events a second when records and the events in them are decoded and nothing else.
fn decoded(records: &[Entry]) -> io::Result<f64> {
    let (start, mut events, mut sum) = (Instant::now(), 0_u64, 0_i64);
    for entry in records {
        for event in record::decode(&entry.record).map_err(io::Error::other)?.body.events {
            sum += serde_json::from_slice::<i64>(event)?;
            events += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    // The compiler must not see that nobody wants the sum.
    std::hint::black_box(sum);
    Ok(events as f64 / seconds)
}

/// Events a second.
fn rates(plan: &Plan, command: &[&str], data: &Path, least: usize) -> io::Result<Vec<f64>> {
    let mut rates = Vec::new();
    for _ in 0..plan.rounds {
        let (said, wall) = read_back(plan, command, data)?;
        if said.events < least as u64 {
            let short = format!("{} read {} events of at least {least}", command.join(" "), said.events);
            return Err(io::Error::other(short));
        }
        rates.push(said.events as f64 / wall);
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
