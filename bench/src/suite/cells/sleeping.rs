//! Cell e: how long a room takes that has to be loaded first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::children::{Kind, Server};
use super::super::report::Row;
use super::super::rounds::Plan;
use super::super::stats::Bar;
use crate::driver::{FillReport, FirstReport};
use crate::machine::fill_page_cache;

const SHORT: usize = 10;
const LONG: usize = 10_000;

/// Rooms of one age and the file that names them to the driver.
struct Rooms {
    commands: usize,
    list: PathBuf,
}

pub(super) fn first_answers(plan: &Plan) -> io::Result<Vec<Row>> {
    let dir = plan.fresh()?;
    let server = plan.start(Kind::Dormouse, dir.path())?;
    let short = make(plan, &server, dir.path(), SHORT)?;
    let long = make(plan, &server, dir.path(), plan.many(LONG, 300))?;
    server.stop()?;

    let mut rows = Vec::new();
    for (cache, bar) in [("warm", 5.0), ("cold", 15.0)] {
        // Every room answers first once in a server's life.
        let server = plan.start(Kind::Dormouse, dir.path())?;
        rows.push(ask(plan, &server, dir.path(), &short, cache)?);
        rows.push(ask(plan, &server, dir.path(), &long, cache)?.figure_bar(Bar::AtMost(bar)));
        server.stop()?;
    }
    Ok(rows)
}

fn make(plan: &Plan, server: &Server, dir: &Path, commands: usize) -> io::Result<Rooms> {
    // One is for practice.
    let rooms = plan.many(65, 9).to_string();
    let report: FillReport = server.drive(["fill", "--rooms", &rooms, "--commands", &commands.to_string()])?;
    let list = dir.join(format!("rooms-{commands}"));
    fs::write(&list, report.rooms.join("\n"))?;
    Ok(Rooms { commands, list })
}

fn ask(plan: &Plan, server: &Server, dir: &Path, rooms: &Rooms, cache: &'static str) -> io::Result<Row> {
    let (data, list) = (dir.join("data"), rooms.list.to_string_lossy());
    let (data_text, commands) = (data.to_string_lossy(), rooms.commands.to_string());
    let mut args = vec!["first", "--rooms", &list, "--commits", &commands];
    if cache == "cold" {
        args.extend(["--cold", &data_text]);
    } else {
        fill_page_cache(&data)?;
    }
    let report: FirstReport = server.drive(args)?;
    let millis = report.latency.p50_us / 1_000.0;
    let what = format!("first answer, {commands} commits old, {cache} page cache");
    plan.say(&format!("e: {what}: p50 {millis:.2} ms, worst {:.2} ms", report.latency.max_us / 1_000.0));
    let row = Row::alone("e", what, "ms", &[millis]);
    Ok(row.note(format!("median of {} rooms; worst {:.2} ms", report.rooms, report.latency.max_us / 1_000.0)))
}
