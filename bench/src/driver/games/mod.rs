//! Rooms with four clients each, who take turns: games of Liap Tui, or rooms of a raw server at the same rate.
//!
//! A move is timed from its command until the last of the four has seen its commit.

mod round;
mod seat;
mod table;

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::table::Meter;
use super::dialect::Dialect;
use super::report::{BusyMeter, GamesReport, Latency};
use super::session::Target;

/// Clients of one room.
const SEATS: usize = 4;

/// How fast people and presentation are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pace {
    /// Everybody thinks for one to three seconds, and results are shown as long as people need.
    Human,
    /// Nobody thinks, and results are shown for a fiftieth of that.
    Full,
}

/// How many and how long.
#[derive(Clone, Copy)]
pub struct Games {
    /// Games at once; one that ends is followed by the next.
    pub games: usize,
    /// How fast.
    pub pace: Pace,
    /// Moves a second over all rooms, of a raw server's rooms, which know no rules to wait for.
    pub rate: f64,
    /// Before it is measured; games begin all over it, so that they do not move in step.
    pub warmup: Duration,
    /// While it is measured.
    pub measure: Duration,
    /// The server's process.
    pub server: u32,
}

/// Plays. Must be called in a `LocalSet`.
///
/// # Errors
/// If the server refuses something or goes away.
pub async fn games(target: Target, games: Games) -> io::Result<GamesReport> {
    let meter = Rc::new(Meter::default());
    let mut rooms = JoinSet::new();
    for index in 0..games.games {
        let meter = meter.clone();
        match target.dialect {
            Dialect::Dormouse => rooms.spawn_local(seat::play_on(target, games, index, meter)),
            Dialect::Raw | Dialect::Echo => rooms.spawn_local(round::take_turns(target, games, index, meter)),
        };
    }
    tokio::select! {
        report = measure(&meter, games) => report,
        // They go on for ever, so the first that ends has failed.
        Some(ended) = rooms.join_next() => match ended.map_err(io::Error::other)? {
            Ok(()) => Err(io::Error::other("a game ended for ever")),
            Err(error) => Err(error),
        },
    }
}

async fn measure(meter: &Meter, games: Games) -> io::Result<GamesReport> {
    sleep(games.warmup).await;
    let busy = BusyMeter::start(games.server)?;
    let start = Instant::now();
    meter.measuring.set(true);
    sleep(games.measure).await;
    meter.measuring.set(false);
    let seconds = start.elapsed().as_secs_f64();
    let moves = meter.everyone.borrow().len();
    Ok(GamesReport {
        moves,
        per_second: moves as f64 / seconds,
        games_per_second: meter.finished.get() as f64 / seconds,
        everyone: Latency::of(&meter.everyone.borrow()),
        answer: Latency::of(&meter.answer.borrow()),
        busy: busy.stop()?,
    })
}

/// When room number `index` begins: spread over the first half of the warm-up, so that all have begun before it ends.
fn begins(games: Games, index: usize) -> Duration {
    games.warmup.mul_f64(0.5 * index as f64 / games.games as f64)
}

/// A number from 0 up to 1 for this occasion. Every run has the same.
fn chance(index: usize, n: u64) -> f64 {
    // The finaliser of SplitMix64.
    let mut bits = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(n);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_are_spread() {
        let all: Vec<f64> = (0..1_000).map(|n| chance(7, n)).collect();
        let mean = all.iter().sum::<f64>() / 1_000.0;
        assert!(all.iter().all(|it| (0.0..1.0).contains(it)) && (0.45..0.55).contains(&mean), "{mean}");
    }
}
