//! Cell f: events a second when a journal is read back.
//!
//! The server's own command line does it, without a server: `verify --json` opens every record, checks the chain and
//! folds the events. Its last line is JSON; `events` and `seconds` are read if they are there, and
//! `decode_seconds`, the part that decodes and folds what is open already. Without `seconds` the whole process counts.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde::Deserialize;

use super::super::children::{Kind, last_lines};
use super::super::report::Row;
use super::super::rounds::Plan;
use super::super::stats::Bar;
use crate::driver::FillReport;

const COMMANDS: usize = 10_000;

/// What `verify --json` may say.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Verified {
    events: Option<u64>,
    seconds: Option<f64>,
    decode_seconds: Option<f64>,
}

pub(super) fn replay(plan: &Plan) -> io::Result<Vec<Row>> {
    let rooms = plan.many(100, 4);
    let dir = plan.fresh()?;
    let server = plan.start(Kind::Dormouse, dir.path())?;
    let filled: FillReport =
        server.drive(["fill", "--rooms", &rooms.to_string(), "--commands", &COMMANDS.to_string()])?;
    server.stop()?;
    plan.say(&format!("f: {rooms} rooms × {COMMANDS} commands made at {:.0}/s", filled.per_second));

    let least = (rooms * COMMANDS) as u64;
    let data = dir.path().join("data");
    let (mut opened, mut decoded) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let (verified, wall) = verify(plan, &data)?;
        let events = verified.events.unwrap_or(least);
        if events < least {
            return Err(io::Error::other(format!("verified {events} events of at least {least}")));
        }
        opened.push(events as f64 / verified.seconds.unwrap_or(wall));
        decoded.extend(verified.decode_seconds.map(|seconds| events as f64 / seconds));
    }
    let mut rows = vec![row("replay, opened and verified", &opened, 1e6)];
    if decoded.is_empty() {
        rows[0].notes.push("decoding alone is not reported by `verify --json`".to_owned());
    } else {
        rows.push(row("replay, decoded only", &decoded, 2e6));
    }
    Ok(rows)
}

fn row(what: &str, rates: &[f64], bar: f64) -> Row {
    Row::alone("f", what, "events/s", rates).figure_bar(Bar::AtLeast(bar))
}

fn verify(plan: &Plan, data: &Path) -> io::Result<(Verified, f64)> {
    let start = Instant::now();
    let output = Command::new(&plan.programs.dormouse)
        .args(["verify", "--json", "--bench", "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .output()?;
    let wall = start.elapsed().as_secs_f64();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("verify: {}", last_lines(&said))));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("{}");
    Ok((serde_json::from_str(last)?, wall))
}
