//! Cell h: games of Liap Tui, beside rooms of a raw server in which four take turns at the same rate.

use std::io;

use super::super::children::Kind;
use super::super::report::Row;
use super::super::rounds::Plan;
use super::super::stats::{Bar, Pair};
use super::drive_fresh;
use crate::driver::{Busy, GamesReport, Latency};

type Rounds = Vec<(GamesReport, GamesReport)>;

/// The seed of the game asks for 100 ms; the issue for this on two cores.
const P99_MS: f64 = 20.0;

pub(super) fn human(plan: &Plan) -> io::Result<Vec<Row>> {
    let (games, rounds) = rounds(plan, "h500", "human")?;
    Ok(rows("h500", &format!("{games} games, people's pace"), &rounds))
}

/// Nobody thinks, so what the server carries is what stops it.
pub(super) fn full(plan: &Plan) -> io::Result<Vec<Row>> {
    let (games, rounds) = rounds(plan, "hfull", "full")?;
    let what = format!("{games} games, full pace");
    let ours = |figure: fn(&GamesReport) -> f64| rounds.iter().map(|(_, ours)| figure(ours)).collect::<Vec<_>>();
    let mut all = rows("hfull", &what, &rounds);
    all.push(Row::alone("hfull", format!("{what}: moves"), "/s", &ours(|report| report.per_second)));
    all.push(Row::alone("hfull", format!("{what}: games that ended"), "/s", &ours(|report| report.games_per_second)));
    let cost = ours(|report| report.busy.server_cores / report.per_second * 1e6);
    all.push(Row::alone("hfull", format!("{what}: server's processor time per move"), "µs", &cost));
    Ok(all)
}

/// Ours first, because the raw rooms move as often.
fn rounds(plan: &Plan, cell: &str, pace: &str) -> io::Result<(usize, Rounds)> {
    let games = plan.many(500, 20);
    let times = if plan.quick { ["--seconds", "3", "--warmup", "3"] } else { ["--seconds", "20", "--warmup", "20"] };
    let count = games.to_string();
    let args = [&["games", "--games", &count, "--pace", pace], &times[..]].concat();
    let rounds = plan.rounds(cell, || {
        let ours: GamesReport = drive_fresh(plan, Kind::Arcade, &args)?;
        let rate = ours.per_second.to_string();
        let raw: GamesReport = drive_fresh(plan, Kind::RawDurable, &[&args[..], &["--rate", &rate]].concat())?;
        let said = format!(
            "raw {:.0} moves/s p99 {:.1} ms, dormouse {:.0} moves/s p99 {:.1} ms, {:.2} games/s",
            raw.per_second,
            raw.everyone.p99_us / 1e3,
            ours.per_second,
            ours.everyone.p99_us / 1e3,
            ours.games_per_second
        );
        Ok(((raw, ours), said))
    })?;
    Ok((games, rounds))
}

fn rows(cell: &'static str, what: &str, rounds: &Rounds) -> Vec<Row> {
    let row = |name: &str, figure: fn(&Latency) -> f64| {
        let pair = |(raw, ours): &(GamesReport, GamesReport)| Pair {
            baseline: figure(&raw.everyone) / 1e3,
            ours: figure(&ours.everyone) / 1e3,
        };
        let pairs: Vec<Pair> = rounds.iter().map(pair).collect();
        Row::paired(cell, format!("{what}: command to everyone {name}"), "ms", "raw durable", &pairs)
    };
    let late = row("p99", |latency| latency.p99_us).figure_bar(Bar::AtMost(P99_MS));
    let busy = |side: fn(&(GamesReport, GamesReport)) -> &GamesReport| -> Vec<&Busy> {
        rounds.iter().map(|round| &side(round).busy).collect()
    };
    let late = late.busy("raw", &busy(|(raw, _)| raw)).busy("dormouse", &busy(|(_, ours)| ours));
    vec![row("p50", |latency| latency.p50_us), late, row("max", |latency| latency.max_us)]
}
