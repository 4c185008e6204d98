//! Cell d: what a sleeping room, a live room and an idle connection cost.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::super::children::Kind;
use super::super::report::Row;
use super::super::rounds::Plan;
use super::super::stats::{Bar, Pair};
use super::drive_fresh;
use crate::driver::{FillReport, MemoryReport};
use crate::machine::pss_kib;

/// After a start memory settles within this.
const SETTLE: Duration = Duration::from_secs(2);

/// Two starts of one server differ by about a megabyte. Over 20,000 rooms that is this much for each: zero.
const NOTHING_KIB: f64 = 0.05;

pub(super) fn sleeping(plan: &Plan) -> io::Result<Vec<Row>> {
    said(plan, vec![sleeping_room(plan)?])
}

pub(super) fn live(plan: &Plan) -> io::Result<Vec<Row>> {
    said(plan, vec![live_room(plan)?])
}

pub(super) fn idle(plan: &Plan) -> io::Result<Vec<Row>> {
    let hello = connection(plan, "idle connection", &[])?.figure_bar(Bar::AtMost(10.0));
    said(plan, vec![hello, connection(plan, "idle connection that watches a room of four", &["--watch"])?])
}

fn said(plan: &Plan, rows: Vec<Row>) -> io::Result<Vec<Row>> {
    for row in &rows {
        plan.say(&format!("{}: {} {:.2} KiB", row.cell, row.what, row.ours.median));
    }
    Ok(rows)
}

/// A start with so many rooms in the journal, beside a start with none. All rooms of a server that has just started sleep.
fn sleeping_room(plan: &Plan) -> io::Result<Row> {
    let rooms = plan.many(20_000, 1_000);
    let dir = plan.fresh()?;
    let none = pss_after_start(plan, dir.path())?;
    let server = plan.start(Kind::Dormouse, dir.path())?;
    let _: FillReport = server.drive(["fill", "--rooms", &rooms.to_string(), "--commands", "1"])?;
    server.stop()?;
    let all = pss_after_start(plan, dir.path())?;
    let each = (all as f64 - none as f64) / rooms as f64;
    let row = Row::alone("d1", format!("sleeping room, of {rooms}"), "KiB", &[each]);
    Ok(row.figure_bar(Bar::AtMost(NOTHING_KIB)).note(format!("{none} KiB with none, {all} KiB with all")))
}

fn pss_after_start(plan: &Plan, dir: &Path) -> io::Result<u64> {
    let server = plan.start(Kind::Dormouse, dir)?;
    sleep(SETTLE);
    let pss = pss_kib(server.pid())?;
    server.stop()?;
    Ok(pss)
}

/// 100 commands of one client fill the window of 64 answers that a room remembers of it. More would take longer than
/// rooms stay awake.
fn live_room(plan: &Plan) -> io::Result<Row> {
    let rooms = plan.many(2_000, 200).to_string();
    let report: MemoryReport = drive_fresh(plan, Kind::Dormouse, &["live", "--rooms", &rooms, "--commands", "100"])?;
    let row =
        Row::alone("d2", format!("live room, of {rooms}, one client's deduplication full"), "KiB", &[report.each_kib]);
    Ok(row.figure_bar(Bar::AtMost(8.0)).note("a counter's own state is eight bytes"))
}

fn connection(plan: &Plan, what: &str, watch: &[&str]) -> io::Result<Row> {
    let clients = plan.many(5_000, 500).to_string();
    let args = [&["idle", "--clients", &clients], watch].concat();
    let raw: MemoryReport = drive_fresh(plan, Kind::RawMemory, &args)?;
    let ours: MemoryReport = drive_fresh(plan, Kind::Dormouse, &args)?;
    let pair = Pair { baseline: raw.each_kib, ours: ours.each_kib };
    Ok(Row::paired("d3", format!("{what}, of {clients}"), "KiB", "raw memory", &[pair]))
}
