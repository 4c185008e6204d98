//! Bots against bots, by the same rules and through the same views as everybody.

use std::{
    io::Write,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use clap::Parser;
use dormouse::prelude::*;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{RoomCommand, RoomConfig, Table, pace::Pace, pieces::SEATS, seats::Level};

/// Play bots against bots, and count.
#[derive(Parser)]
#[command(name = "tournament")]
pub struct Options {
    /// How many games.
    #[arg(long, default_value_t = 1000)]
    games: u64,
    /// The first game's number; the same numbers make the same games.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Who plays: the levels of the four slots, which move on by one seat from game to game.
    #[arg(long, value_delimiter = ',', default_value = "easy,hard,easy,hard", value_parser = level)]
    bots: Vec<Level>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn level(name: &str) -> Result<Level, String> {
    match name {
        "easy" => Ok(Level::Easy),
        "hard" => Ok(Level::Hard),
        _ => Err("a bot is easy or hard".to_owned()),
    }
}

/// What became of one level, or of all.
#[derive(Debug, Default, Clone, Serialize)]
struct Tally {
    seats: u64,
    /// A shared win counts as its share.
    wins: f64,
    score: i64,
    rounds: u64,
    piles: u64,
    declared: u64,
    exact: u64,
}

#[derive(Debug, Default, Clone, Serialize)]
struct Report {
    games: u64,
    shared_wins: u64,
    redeals: u64,
    rounds: u64,
    shortest: u64,
    longest: u64,
    /// Of the room's own time, at the pace of people.
    milliseconds: u64,
    easy: Tally,
    hard: Tally,
}

/// Play as the options say, and print what became of it.
pub fn run(options: Options) -> ExitCode {
    if options.bots.len() != SEATS {
        eprintln!("error: four bots play; say --bots easy,hard,easy,hard");
        return ExitCode::FAILURE;
    }
    let report = play_all(&options);
    let written = if options.json { print_json(&report) } else { print_text(&report) };
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play_all(options: &Options) -> Report {
    let bar = ProgressBar::new(options.games);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} games, {per_sec}, {eta} left");
    bar.set_style(style.expect("the template is fixed"));
    let next = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let report = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| play_some(options, &next, &bar))).collect();
        let parts = workers.into_iter().map(|worker| worker.join().expect("games do not panic"));
        parts.reduce(Report::plus).unwrap_or_default()
    });
    bar.finish_and_clear();
    report
}

fn play_some(options: &Options, next: &AtomicU64, bar: &ProgressBar) -> Report {
    let mut report = Report::default();
    loop {
        let game = next.fetch_add(1, Ordering::Relaxed);
        if game >= options.games {
            return report;
        }
        let mut bots = options.bots.clone();
        bots.rotate_right((game % SEATS as u64) as usize);
        report = report.plus(play(options.seed + game, &bots));
        bar.inc(1);
    }
}

/// One game, from an open room to its end.
fn play(number: u64, bots: &[Level]) -> Report {
    let host = Viewer::new(Principal { id: "host".into(), name: "Host".into() }, vec![]);
    let mut table = Table::new(number);
    let config = RoomConfig { pace: Pace::Normal, ..RoomConfig::default() };
    table.decide(Input::Created { by: host.clone(), config }).expect("a room opens");
    let adds = bots.iter().zip(1..).map(|(level, slot_id)| RoomCommand::AddBot { slot_id, level: *level });
    for command in adds.chain([RoomCommand::StartGame {}]) {
        table.decide(Input::Command { by: host.clone(), command }).expect("the host may do this");
    }
    while table.wake() {}
    // What everybody may read at the end; a tournament knows no more than that.
    Report::of_game(&json!(table.state.view(&Sight::All)), bots)
}

impl Report {
    fn of_game(end: &Value, bots: &[Level]) -> Self {
        let rounds = end["result"]["rounds"].as_u64().unwrap_or_default();
        let winners = end["result"]["winners"].as_array().map_or(0, Vec::len) as u64;
        let milliseconds = end["result"]["duration_ms"].as_u64().unwrap_or_default();
        let deals = end["deals"].as_array().map_or(0, Vec::len) as u64;
        let mut report = Self {
            games: 1,
            shared_wins: u64::from(winners > 1),
            redeals: deals - rounds,
            rounds,
            shortest: rounds,
            longest: rounds,
            milliseconds,
            ..Self::default()
        };
        for (seat, level) in bots.iter().enumerate() {
            let tally = Tally::of_seat(end, seat, rounds, winners);
            let side = if *level == Level::Easy { &mut report.easy } else { &mut report.hard };
            *side = std::mem::take(side).plus(&tally);
        }
        report
    }

    fn plus(self, other: Self) -> Self {
        if self.games == 0 {
            return other;
        }
        if other.games == 0 {
            return self;
        }
        Self {
            games: self.games + other.games,
            shared_wins: self.shared_wins + other.shared_wins,
            redeals: self.redeals + other.redeals,
            rounds: self.rounds + other.rounds,
            shortest: self.shortest.min(other.shortest),
            longest: self.longest.max(other.longest),
            milliseconds: self.milliseconds + other.milliseconds,
            easy: self.easy.plus(&other.easy),
            hard: self.hard.plus(&other.hard),
        }
    }
}

impl Tally {
    fn of_seat(end: &Value, seat: usize, rounds: u64, winners: u64) -> Self {
        let won = end["result"]["winners"].as_array().is_some_and(|slots| slots.contains(&json!(seat + 1)));
        let sheet = end["sheet"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sum = |what: &str| sheet.iter().filter_map(|row| row[what][seat].as_u64()).sum();
        Self {
            seats: 1,
            wins: if won { 1.0 / winners as f64 } else { 0.0 },
            score: end["seats"][seat]["score"].as_i64().unwrap_or_default(),
            rounds,
            piles: sum("piles"),
            declared: sum("declared"),
            exact: sheet.iter().filter(|row| row["piles"][seat] == row["declared"][seat]).count() as u64,
        }
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            seats: self.seats + other.seats,
            wins: self.wins + other.wins,
            score: self.score + other.score,
            rounds: self.rounds + other.rounds,
            piles: self.piles + other.piles,
            declared: self.declared + other.declared,
            exact: self.exact + other.exact,
        }
    }
}

fn print_json(report: &Report) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", json!(report))
}

fn print_text(report: &Report) -> std::io::Result<()> {
    let per = |sum: f64, of: u64| sum / of.max(1) as f64;
    let games = report.games;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{games} games, {} with a shared win, {} redeals", report.shared_wins, report.redeals)?;
    let (rounds, minutes) = (per(report.rounds as f64, games), per(report.milliseconds as f64 / 60_000.0, games));
    let (shortest, longest) = (report.shortest, report.longest);
    writeln!(out, "length   {rounds:.1} rounds ({shortest} to {longest}), {minutes:.0} minutes at the pace of people")?;
    writeln!(out, "level    wins a seat   score   declared   piles   exact rounds")?;
    for (name, tally) in [("easy", &report.easy), ("hard", &report.hard)] {
        let wins = 100.0 * per(tally.wins, tally.seats);
        let (score, exact) = (per(tally.score as f64, tally.seats), 100.0 * per(tally.exact as f64, tally.rounds));
        let (declared, piles) = (per(tally.declared as f64, tally.rounds), per(tally.piles as f64, tally.rounds));
        writeln!(out, "{name:8} {wins:9.1} % {score:7.1} {declared:10.2} {piles:7.2} {exact:12.1} %")?;
    }
    Ok(())
}
