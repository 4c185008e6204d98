//! The nine kinds of plays, and which one takes a trick.

use dormouse::prelude::*;

use crate::pieces::{Name, Piece};

/// The most pieces of one play: a double straight.
pub const PLAY_PIECES_MAX: usize = 6;

/// A kind of valid set. Kinds are never compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum PlayKind {
    Single,
    Pair,
    ThreeOfAKind,
    FourOfAKind,
    FiveOfAKind,
    Straight,
    ExtendedStraight,
    #[serde(rename = "extended_straight_5")]
    ExtendedStraight5,
    DoubleStraight,
}

/// A valid set: its kind, and what it is worth against others of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Which of the nine.
    pub kind: PlayKind,
    /// The points of its pieces; an extended straight counts each name once.
    pub strength: u8,
}

impl Set {
    /// What these pieces make; `None` is a forfeit, or nothing to lead with.
    pub fn of(pieces: &[Piece]) -> Option<Self> {
        let kind = kind_of(pieces)?;
        let extended = matches!(kind, PlayKind::ExtendedStraight | PlayKind::ExtendedStraight5);
        let counts = |at: usize| !extended || !pieces[..at].contains(&pieces[at]);
        let strength = (0..pieces.len()).filter(|at| counts(*at)).map(|at| pieces[at].points()).sum();
        Some(Self { kind, strength })
    }

    /// Whether this, played later, takes the trick from `best`: the same kind and strictly more. Ties lose.
    pub fn beats(self, best: Self) -> bool {
        self.kind == best.kind && self.strength > best.strength
    }
}

fn kind_of(pieces: &[Piece]) -> Option<PlayKind> {
    let first = *pieces.first()?;
    if pieces.iter().any(|piece| piece.is_red() != first.is_red()) {
        return None;
    }
    if pieces.iter().all(|piece| *piece == first) {
        return of_a_kind(first.name(), pieces.len());
    }
    straight(pieces)
}

fn of_a_kind(name: Name, count: usize) -> Option<PlayKind> {
    match (count, name) {
        (1, _) => Some(PlayKind::Single),
        (2, _) => Some(PlayKind::Pair),
        (3, Name::Soldier) => Some(PlayKind::ThreeOfAKind),
        (4, Name::Soldier) => Some(PlayKind::FourOfAKind),
        (5, Name::Soldier) => Some(PlayKind::FiveOfAKind),
        _ => None,
    }
}

/// All three names of the court or of the field, each once or twice.
fn straight(pieces: &[Piece]) -> Option<PlayKind> {
    let count = |name: Name| pieces.iter().filter(|piece| piece.name() == name).count();
    let all = |names: [Name; 3]| {
        let counts = names.map(count);
        counts.iter().all(|n| (1..=2).contains(n)) && counts.iter().sum::<usize>() == pieces.len()
    };
    let court = all([Name::General, Name::Advisor, Name::Elephant]);
    let field = all([Name::Chariot, Name::Horse, Name::Cannon]);
    match pieces.len() {
        3 if court || field => Some(PlayKind::Straight),
        4 if court || field => Some(PlayKind::ExtendedStraight),
        5 if court || field => Some(PlayKind::ExtendedStraight5),
        6 if field => Some(PlayKind::DoubleStraight),
        _ => None,
    }
}

/// The place in `plays`, the leader's first, that takes the trick.
pub fn taker(plays: &[impl AsRef<[Piece]>]) -> usize {
    let mut best = (0, Set::of(plays[0].as_ref()).expect("the leader's play was valid"));
    for (place, pieces) in plays.iter().enumerate().skip(1) {
        if let Some(set) = Set::of(pieces.as_ref())
            && set.beats(best.1)
        {
            best = (place, set);
        }
    }
    best.0
}
