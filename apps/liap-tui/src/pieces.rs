//! The 32 pieces, and a deal of them.

use dormouse::prelude::*;

/// Seats at a table.
pub const SEATS: usize = 4;
/// Pieces of one hand, and therefore piles of one round.
pub const HAND: usize = 8;
/// A hand without a piece above this is weak.
pub const WEAK_POINTS_MAX: u8 = 9;

/// A piece. Its points identify it: red ones are even, and one above the black ones of their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Piece {
    BlackSoldier = 1,
    RedSoldier,
    BlackCannon,
    RedCannon,
    BlackHorse,
    RedHorse,
    BlackChariot,
    RedChariot,
    BlackElephant,
    RedElephant,
    BlackAdvisor,
    RedAdvisor,
    BlackGeneral,
    RedGeneral,
}

/// What a piece is called, without its colour; in the order of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Name {
    Soldier,
    Cannon,
    Horse,
    Chariot,
    Elephant,
    Advisor,
    General,
}

use Piece::*;

impl Piece {
    /// Every kind of piece, lowest first.
    #[rustfmt::skip] // One name a line.
    pub const ALL: [Self; 14] = [
        BlackSoldier, RedSoldier,
        BlackCannon, RedCannon,
        BlackHorse, RedHorse,
        BlackChariot, RedChariot,
        BlackElephant, RedElephant,
        BlackAdvisor, RedAdvisor,
        BlackGeneral, RedGeneral,
    ];

    /// 1 to 14.
    pub fn points(self) -> u8 {
        self as u8
    }

    /// Red or black.
    pub fn is_red(self) -> bool {
        self.points().is_multiple_of(2)
    }

    /// Its name.
    pub fn name(self) -> Name {
        use Name::*;
        [Soldier, Cannon, Horse, Chariot, Elephant, Advisor, General][usize::from(self.points() - 1) / 2]
    }

    /// How many of it are in the deck.
    pub fn copies(self) -> usize {
        match self.name() {
            Name::General => 1,
            Name::Soldier => 5,
            _ => 2,
        }
    }
}

/// All 32 pieces, lowest first.
pub fn deck() -> Vec<Piece> {
    Piece::ALL.iter().flat_map(|piece| std::iter::repeat_n(*piece, piece.copies())).collect()
}

/// The four hands of the deal that this seed makes: whoever knows the seed can make them again. A hand is sorted, highest first.
///
/// A room shows the seeds of its deals once its game is over, and `liap-tui deal SEED` prints their hands. Elsewhere they follow so:
///
/// 1. The seed's 32 bytes are the key of ChaCha20, with a nonce of zeros, from block 0 on. Its stream of bytes is read as numbers of 64 bits, the
///    lowest byte first.
/// 2. *below n*: take the next number and multiply it by n, to 128 bits. If the low 64 of these are less than 2^64 mod n, take another number;
///    else the high 64 are the answer.
/// 3. Lay out the pieces of [`deck`], numbered from 0. For each place from 31 down to 1, exchange its piece with that at *below* (place + 1).
/// 4. Slot 1 has the first eight, and so on.
pub fn deal(seed: Seed) -> [Vec<Piece>; SEATS] {
    let mut deck = deck();
    seed.dice().shuffle(&mut deck);
    std::array::from_fn(|seat| {
        let mut hand = deck[seat * HAND..][..HAND].to_vec();
        hand.sort_by(|a, b| b.cmp(a));
        hand
    })
}

/// Whether a hand may ask for another deal.
pub fn is_weak(hand: &[Piece]) -> bool {
    hand.iter().all(|piece| piece.points() <= WEAK_POINTS_MAX)
}

/// What is left of `from` without these; each counts once.
pub fn without(from: &[Piece], these: &[Piece]) -> Vec<Piece> {
    let mut rest = from.to_vec();
    for piece in these {
        if let Some(at) = rest.iter().position(|other| other == piece) {
            rest.remove(at);
        }
    }
    rest
}
