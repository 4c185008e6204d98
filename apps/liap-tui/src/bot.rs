//! Bots: pure functions over what a seat sees, so that a bot cannot know more than a player.

use dormouse::prelude::*;

use crate::{
    pieces::{HAND, Piece, deck, without},
    plays::{PLAY_PIECES_MAX, PlayKind, Set},
    seats::Level,
    view::{RoomView, SeatView},
};

/// How often a bot with a weak hand asks for another deal, in percent.
const ACCEPTS: u64 = 80;
/// Past this round, whoever leads by more than [`LEAD`] asks half as often: a multiplier helps those behind.
const LATE_ROUND: u32 = 10;
const LEAD: i32 = 10;

// The hard bot's numbers were found by `tournament`: against easy ones, and among its own.

/// Of what a hand should take, this much is declared: plans meet other plans.
const CAUTION: f64 = 0.7;
/// A set that is this likely to take its trick is played to take it.
const GOOD_CHANCE: f64 = 0.6;
/// A piece that is less likely than this to take its trick is given away without fear.
const NO_CHANCE: f64 = 0.02;
/// How likely a set stays unbeaten by one better set that others may hold.
const UNBEATEN: f64 = 0.8;

/// Every straight of three there is.
const STRAIGHTS: [[Piece; 3]; 4] = [
    [Piece::BlackCannon, Piece::BlackHorse, Piece::BlackChariot],
    [Piece::RedCannon, Piece::RedHorse, Piece::RedChariot],
    [Piece::BlackElephant, Piece::BlackAdvisor, Piece::BlackGeneral],
    [Piece::RedElephant, Piece::RedAdvisor, Piece::RedGeneral],
];

/// Whether to ask for another deal.
pub fn accepts(view: &RoomView, dice: &mut Dice) -> bool {
    let best_other = others(view).map(|seat| seat.score).max().unwrap_or_default();
    let leads_late = view.round > LATE_ROUND && me(view).score - best_other > LEAD;
    dice.below(100) < if leads_late { ACCEPTS / 2 } else { ACCEPTS }
}

/// What to declare: the legal value nearest to what the hand should take.
pub fn declares(view: &RoomView, level: Level) -> u8 {
    let wish = match level {
        Level::Easy => greedy_wish(view),
        Level::Hard => Mind::of(view).expected_piles().clamp(0, HAND as i32),
    };
    let nearest = view.may_declare.iter().min_by_key(|value| (i32::from(**value) - wish).abs());
    *nearest.expect("whoever is asked may declare something")
}

/// Which places of the hand to play.
pub fn plays(view: &RoomView, level: Level) -> Vec<u8> {
    match level {
        Level::Easy => greedy_play(view),
        Level::Hard => Mind::of(view).play(),
    }
}

/// One strong set is one pile, a strong opener is one more, and so is being first; never 0, and never all.
fn greedy_wish(view: &RoomView) -> i32 {
    let sets = sets_of(hand(view), 3..=PLAY_PIECES_MAX);
    let is_opener = |set: &Set| set.kind == PlayKind::Straight && set.strength >= 20;
    let has_opener = hand(view).iter().any(|piece| piece.points() >= 13) || sets.iter().any(|(_, set)| is_opener(set));
    let is_first = view.starter == view.you;
    (sets.len() as i32 + i32::from(has_opener) + i32::from(is_first)).clamp(1, 7)
}

fn greedy_play(view: &RoomView) -> Vec<u8> {
    let sizes = view.trick.required.map_or(1..=PLAY_PIECES_MAX, |count| count..=count);
    let sum = |places: Places| places.of(hand(view)).map(|piece| piece.points()).sum::<u8>();
    let sets = sets_of(hand(view), sizes).into_iter();
    let best = sets.max_by(|(a, _), (b, _)| sum(*a).cmp(&sum(*b)).then_with(|| b.iter().cmp(a.iter())));
    chosen(best).unwrap_or_else(|| lowest(hand(view), view.trick.required.unwrap_or(1)))
}

/// What the hard bot makes of a view, worked out once for all that it asks itself.
struct Mind<'a> {
    view: &'a RoomView,
    hand: &'a [Piece],
    /// Pieces that others may hold: not in this hand, and not played.
    unseen: Vec<Piece>,
    /// The sets of two and three that can be made of those.
    rivals: Vec<Set>,
}

impl<'a> Mind<'a> {
    fn of(view: &'a RoomView) -> Self {
        let unseen = unseen(view);
        Self { view, hand: hand(view), rivals: rivals(&unseen), unseen }
    }

    /// The piles that this hand should take: what leads or follows well, each piece counted once.
    fn expected_piles(&self) -> i32 {
        let leads = self.view.starter == self.view.you;
        let mut rest = self.hand.to_vec();
        let singles: f64 = rest.iter().map(|piece| self.single_worth(*piece)).sum();
        let mut expected = singles;
        // Large sets are worth something only to those who come to lead.
        let comes_to_lead = if leads { 0.9 } else { singles.min(1.0) * 0.6 };
        while let Some((places, set)) = self.best_set(&rest) {
            let pieces: Vec<Piece> = places.of(&rest).collect();
            let alone: f64 = pieces.iter().map(|piece| self.single_worth(*piece)).sum();
            let together = self.chance(set) * pieces.len() as f64 * comes_to_lead;
            expected += (together - alone).max(0.0);
            rest = without(&rest, &pieces);
        }
        (expected * CAUTION).round() as i32
    }

    /// What a single takes on average: opponents hold about as many better ones as there are, and do not always play them.
    fn single_worth(&self, piece: Piece) -> f64 {
        let chance = self.single_chance(piece);
        if chance < 0.3 { 0.0 } else { chance }
    }

    /// The set of two or more that should take most.
    fn best_set(&self, hand: &[Piece]) -> Option<(Places, Set)> {
        let worth = |(places, set): &(Places, Set)| self.chance(*set) * places.count() as f64;
        let sets = sets_of(hand, 2..=PLAY_PIECES_MAX).into_iter();
        sets.filter(|(_, set)| self.chance(*set) > 0.3).max_by(|a, b| worth(a).total_cmp(&worth(b)))
    }

    fn play(&self) -> Vec<u8> {
        let me = me(self.view);
        let wanted = i32::from(me.declared.unwrap_or_default()) - i32::from(me.piles);
        match (self.view.trick.required, wanted > 0) {
            (None, true) => self.lead_to_win(wanted as usize),
            (None, false) => self.lead_to_lose(),
            (Some(count), true) if count <= wanted as usize => self.follow_to_win(count),
            (Some(count), _) => self.follow_to_lose(count),
        }
    }

    /// Lead what should take most of what is wanted, and not more.
    fn lead_to_win(&self, wanted: usize) -> Vec<u8> {
        let sets = sets_of(self.hand, 1..=wanted.min(PLAY_PIECES_MAX)).into_iter();
        let worth = |(places, set): &(Places, Set)| self.chance(*set) * (places.count() as f64).sqrt();
        chosen(sets.max_by(|a, b| worth(a).total_cmp(&worth(b)))).unwrap_or_else(|| lowest(self.hand, 1))
    }

    /// Lead the set that others beat most easily.
    fn lead_to_lose(&self) -> Vec<u8> {
        let sets = sets_of(self.hand, 1..=2).into_iter();
        let easiest = sets.min_by(|a, b| self.chance(a.1).total_cmp(&self.chance(b.1)));
        chosen(easiest).unwrap_or_else(|| lowest(self.hand, 1))
    }

    /// Play the likeliest set if it is likely enough to take the trick, else give away what is worth least.
    fn follow_to_win(&self, count: usize) -> Vec<u8> {
        let sets = sets_of(self.hand, count..=count).into_iter();
        let best = sets.max_by(|a, b| self.chance(a.1).total_cmp(&self.chance(b.1)));
        let good = best.filter(|(_, set)| self.chance(*set) > GOOD_CHANCE);
        chosen(good).unwrap_or_else(|| lowest(self.hand, count))
    }

    /// Give away the highest pieces that make no set together, or the lowest if all do.
    fn follow_to_lose(&self, count: usize) -> Vec<u8> {
        if count == 1 {
            // The highest that still loses: low ones are for later.
            let highest = self.hand.iter().position(|piece| self.single_chance(*piece) < NO_CHANCE);
            return highest.map_or_else(|| lowest(self.hand, 1), |at| vec![at as u8]);
        }
        match Set::of(&self.hand[..count]) {
            None => (0..count as u8).collect(),
            Some(_) => lowest(self.hand, count),
        }
    }

    fn single_chance(&self, piece: Piece) -> f64 {
        self.chance(Set { kind: PlayKind::Single, strength: piece.points() })
    }

    /// How likely nobody beats this set: fewer the more better ones can still be made of pieces that are not seen.
    fn chance(&self, set: Set) -> f64 {
        if set.kind == PlayKind::Single {
            let better = self.unseen.iter().filter(|piece| piece.points() > set.strength).count() as f64;
            return (1.0 - better / self.unseen.len().max(1) as f64).powi(3);
        }
        UNBEATEN.powi(self.rivals.iter().filter(|rival| rival.beats(set)).count() as i32)
    }
}

fn unseen(view: &RoomView) -> Vec<Piece> {
    let tricks = view.tricks.iter().chain([&view.trick]);
    let played = tricks.flat_map(|trick| &trick.plays).filter_map(|play| play.pieces.as_ref()).flatten();
    let seen: Vec<Piece> = played.chain(hand(view)).copied().collect();
    without(&deck(), &seen)
}

/// Every pair and straight of these pieces. Larger sets are too rare to wait for.
fn rivals(unseen: &[Piece]) -> Vec<Set> {
    let count = |piece: &Piece| unseen.iter().filter(|other| *other == piece).count();
    let pairs = Piece::ALL.into_iter().filter(|piece| count(piece) >= 2).filter_map(|piece| Set::of(&[piece; 2]));
    let straights = STRAIGHTS.iter().filter(|pieces| pieces.iter().all(|piece| count(piece) >= 1));
    pairs.chain(straights.filter_map(|pieces| Set::of(pieces))).collect()
}

/// Some places of a hand, each a bit: most that are looked at make no set, and nothing is allocated for them.
#[derive(Clone, Copy)]
struct Places(u8);

impl Places {
    fn iter(self) -> impl Iterator<Item = u8> {
        (0..HAND as u8).filter(move |at| self.0 & (1 << at) != 0)
    }

    fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    fn of(self, hand: &[Piece]) -> impl Iterator<Item = Piece> {
        self.iter().map(|at| hand[usize::from(at)])
    }

    fn set(self, hand: &[Piece]) -> Option<Set> {
        let mut pieces = [Piece::BlackSoldier; HAND];
        self.of(hand).zip(&mut pieces).for_each(|(piece, place)| *place = piece);
        Set::of(&pieces[..self.count()])
    }
}

/// Every valid set of a hand with as many pieces.
fn sets_of(hand: &[Piece], sizes: std::ops::RangeInclusive<usize>) -> Vec<(Places, Set)> {
    let all = (1..1_u16 << hand.len()).map(|bits| Places(bits as u8)).filter(|places| sizes.contains(&places.count()));
    all.filter_map(|places| Some((places, places.set(hand)?))).collect()
}

/// The places of what was chosen, as a player names them.
fn chosen(best: Option<(Places, Set)>) -> Option<Vec<u8>> {
    best.map(|(places, _)| places.iter().collect())
}

/// The last places of the hand: it is sorted.
fn lowest(hand: &[Piece], count: usize) -> Vec<u8> {
    (hand.len() - count..hand.len()).map(|at| at as u8).collect()
}

fn me(view: &RoomView) -> &SeatView {
    let seat = view.you.and_then(|slot| view.seats[slot - 1].as_ref());
    seat.expect("a bot plays from a seat's view")
}

fn hand(view: &RoomView) -> &[Piece] {
    me(view).hand.as_deref().expect("a seat sees its own hand")
}

fn others(view: &RoomView) -> impl Iterator<Item = &SeatView> {
    let mine = view.you.map(|slot| slot - 1);
    view.seats.iter().enumerate().filter(move |(seat, _)| Some(*seat) != mine).filter_map(|(_, seat)| seat.as_ref())
}
