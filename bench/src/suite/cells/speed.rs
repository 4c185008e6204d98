//! Cells a, b and c: commands, answers, deliveries, beside the raw servers.

use std::io;

use super::super::children::Kind;
use super::super::report::Row;
use super::super::rounds::Plan;
use super::super::stats::{Bar, Pair};
use super::drive_fresh;
use crate::driver::{Busy, FanReport, LoadReport};

const ROOMS: &str = "64";
const VIEWERS: &str = "200";

/// The sockets' ceiling: nothing that is asked of a server can be faster.
pub(super) fn echo(plan: &Plan) -> io::Result<Vec<Row>> {
    let reports = plan.rounds("echo", || {
        let report = load(plan, Kind::RawEcho, ROOMS, "16")?;
        let said = format!("{:.0}/s", report.per_second);
        Ok((report, said))
    })?;
    let busy: Vec<&Busy> = reports.iter().map(|report| &report.busy).collect();
    let rates: Vec<f64> = reports.iter().map(|report| report.per_second).collect();
    Ok(vec![Row::alone("echo", "raw echo, not ours", "/s", &rates).busy("raw", &busy)])
}

pub(super) fn round_trip(plan: &Plan) -> io::Result<Vec<Row>> {
    let rounds = loads(plan, "a", "1", "1")?;
    let row =
        |what, figure: fn(&LoadReport) -> f64| Row::paired("a", what, "µs", "raw durable", &pairs(&rounds, figure));
    let half = row("round trip p50", |report| report.latency.p50_us).ratio_bar(Bar::AtMost(1.3));
    Ok(vec![noted(half, &rounds), row("round trip p99", |report| report.latency.p99_us)])
}

pub(super) fn depth_16(plan: &Plan) -> io::Result<Vec<Row>> {
    commands(plan, "b16", "16", Bar::AtLeast(0.35))
}

pub(super) fn depth_1(plan: &Plan) -> io::Result<Vec<Row>> {
    commands(plan, "b1", "1", Bar::AtLeast(0.6))
}

fn commands(plan: &Plan, cell: &'static str, depth: &str, bar: Bar) -> io::Result<Vec<Row>> {
    let rounds = loads(plan, cell, ROOMS, depth)?;
    let what = format!("durable commands, {ROOMS} rooms × {depth}");
    let rates = Row::paired(cell, what, "/s", "raw durable", &pairs(&rounds, |report| report.per_second));
    let cost = pairs(&rounds, |report| report.busy.server_cores / report.per_second * 1e6);
    let cost = Row::paired(cell, "server's processor time per command", "µs", "raw durable", &cost);
    let late = pairs(&rounds, |report| report.latency.p99_us);
    let late = Row::paired(cell, "answer p99", "µs", "raw durable", &late);
    Ok(vec![noted(rates.ratio_bar(bar), &rounds), cost, late])
}

fn load(plan: &Plan, kind: Kind, rooms: &str, depth: &str) -> io::Result<LoadReport> {
    let times = plan.times();
    let args = [&["load", "--rooms", rooms, "--depth", depth], &times[..]].concat();
    let report: LoadReport = drive_fresh(plan, kind, &args)?;
    match report.strays {
        0 => Ok(report),
        strays => Err(io::Error::other(format!("{kind:?} gave {strays} answers that nobody asked for"))),
    }
}

/// Raw and ours in turns, so that what slows the machine slows both.
fn loads(plan: &Plan, cell: &str, rooms: &str, depth: &str) -> io::Result<Vec<(LoadReport, LoadReport)>> {
    plan.rounds(cell, || {
        let raw = load(plan, Kind::RawDurable, rooms, depth)?;
        let ours = load(plan, Kind::Dormouse, rooms, depth)?;
        let said = format!(
            "raw {:.0}/s p50 {:.0} µs, dormouse {:.0}/s p50 {:.0} µs",
            raw.per_second, raw.latency.p50_us, ours.per_second, ours.latency.p50_us
        );
        Ok(((raw, ours), said))
    })
}

fn pairs(rounds: &[(LoadReport, LoadReport)], figure: impl Fn(&LoadReport) -> f64) -> Vec<Pair> {
    rounds.iter().map(|(raw, ours)| Pair { baseline: figure(raw), ours: figure(ours) }).collect()
}

fn noted(row: Row, rounds: &[(LoadReport, LoadReport)]) -> Row {
    let raw: Vec<&Busy> = rounds.iter().map(|(raw, _)| &raw.busy).collect();
    let ours: Vec<&Busy> = rounds.iter().map(|(_, ours)| &ours.busy).collect();
    row.busy("raw", &raw).busy("dormouse", &ours)
}

pub(super) fn fan_4(plan: &Plan) -> io::Result<Vec<Row>> {
    let rounds = fans(plan, "c4", "4")?;
    Ok(against("c4", "4", &rounds).into())
}

/// With one commit at a time no side can batch or merge: every commit is a frame for every viewer, on both sides.
pub(super) fn fan_1(plan: &Plan) -> io::Result<Vec<Row>> {
    let rounds = fans(plan, "c1", "1")?;
    Ok(against("c1", "1", &rounds).into())
}

/// One round of the fan-out.
struct Fans {
    memory: FanReport,
    ours: FanReport,
    durable: FanReport,
}

fn fans(plan: &Plan, cell: &str, window: &str) -> io::Result<Vec<Fans>> {
    let times = plan.times();
    let args = [&["fan", "--viewers", VIEWERS, "--window", window], &times[..]].concat();
    plan.rounds(cell, || {
        let memory: FanReport = drive_fresh(plan, Kind::RawMemory, &args)?;
        let ours: FanReport = drive_fresh(plan, Kind::Dormouse, &args)?;
        let durable: FanReport = drive_fresh(plan, Kind::RawDurable, &args)?;
        let said = format!(
            "raw memory {:.0}/s, dormouse {:.0}/s with {:.2} commits a frame, raw durable {:.0}/s",
            memory.per_second, ours.per_second, ours.commits_per_frame, durable.per_second
        );
        Ok((Fans { memory, ours, durable }, said))
    })
}

/// Deliveries beside both raw servers; then the commits that they showed, where merging wins by definition, so no bar is
/// for it.
fn against(cell: &'static str, window: &str, rounds: &[Fans]) -> [Row; 3] {
    let row = |what: &str, name, figure: fn(&FanReport) -> f64, baseline: fn(&Fans) -> &FanReport| {
        let pair = |round: &Fans| Pair { baseline: figure(baseline(round)), ours: figure(&round.ours) };
        let pairs: Vec<Pair> = rounds.iter().map(pair).collect();
        Row::paired(cell, format!("{what} to {VIEWERS} viewers, window {window}"), "/s", name, &pairs)
    };
    let memory = row("deliveries", "raw memory", |report| report.per_second, |round| &round.memory);
    let durable = row("deliveries", "raw durable", |report| report.per_second, |round| &round.durable);
    let shown = |report: &FanReport| report.per_second * report.commits_per_frame;
    let shown = row("commits shown", "raw durable", shown, |round| &round.durable);
    let most = rounds.iter().map(|round| round.ours.commits_per_frame).fold(1.0, f64::max);
    let ours: Vec<&Busy> = rounds.iter().map(|round| &round.ours.busy).collect();
    let spanned = format!("a frame spanned up to {most:.2} commits and counts once");
    let memory = memory.ratio_bar(Bar::AtLeast(0.5)).note(spanned).busy("dormouse", &ours);
    [memory, durable.ratio_bar(Bar::AtLeast(0.9)), shown]
}
