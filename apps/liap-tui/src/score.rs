//! What may be declared, what a round is worth, and when a game ends.

use dormouse::prelude::*;

use crate::pieces::{HAND, SEATS};

/// Where a game usually ends.
pub const TARGET: i32 = 50;
/// No game is longer.
pub const ROUNDS_MAX: u32 = 20;
/// Zeros in a row after which a player must declare at least 1.
pub const ZEROS_MAX: u8 = 2;

/// How a game is won.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Whoever has most when somebody reaches 50.
    #[default]
    #[serde(rename = "first_to_50")]
    FirstTo50,
    /// Whoever has most after 20 rounds.
    #[serde(rename = "most_after_20")]
    MostAfter20,
    /// Whoever has exactly 50 first; after 20 rounds, whoever has most.
    #[serde(rename = "exactly_50")]
    Exactly50,
}

/// The values that the next player may declare, who declared `zeros` zeros in a row, after those who declared `before`.
pub fn legal_declarations(before: &[u8], zeros: u8) -> Vec<u8> {
    let is_last = before.len() == SEATS - 1;
    let least = u8::from(zeros >= ZEROS_MAX);
    (least..=HAND as u8).filter(|value| !(is_last && before.iter().sum::<u8>() + value == HAND as u8)).collect()
}

/// A round's points for one player, before the multiplier.
pub fn points(declared: u8, taken: u8) -> i32 {
    let (declared, taken) = (i32::from(declared), i32::from(taken));
    match declared {
        0 if taken == 0 => 3,
        0 => -taken,
        _ if declared == taken => declared + 5,
        _ => -(declared - taken).abs(),
    }
}

/// The winners, if the game is over after this many rounds; ties share.
pub fn winners(mode: Mode, rounds: u32, scores: &[i32; SEATS]) -> Option<Vec<usize>> {
    let holders = |score: i32| (0..SEATS).filter(|seat| scores[*seat] == score).collect::<Vec<_>>();
    let most = scores.iter().copied().max().unwrap_or_default();
    let exact = holders(TARGET);
    match mode {
        Mode::Exactly50 if !exact.is_empty() => Some(exact),
        Mode::FirstTo50 if most >= TARGET => Some(holders(most)),
        _ if rounds >= ROUNDS_MAX => Some(holders(most)),
        _ => None,
    }
}

/// Each seat's rank, from 1: the winners, then by points. Equal ones share one.
pub fn ranks(scores: &[i32; SEATS], winners: &[usize]) -> [usize; SEATS] {
    let place = |seat: usize| (winners.contains(&seat), scores[seat]);
    std::array::from_fn(|seat| 1 + (0..SEATS).filter(|other| place(*other) > place(seat)).count())
}
