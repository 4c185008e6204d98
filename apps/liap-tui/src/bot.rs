//! Bots: pure functions over what a seat sees, so that a bot cannot know more than a player.

use std::cmp::Reverse;

use dormouse::prelude::*;

use crate::{
    pieces::{HAND, Name, Piece, deck, without},
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
        Level::Hard => expected_piles(view).clamp(0, HAND as i32),
    };
    let nearest = view.may_declare.iter().min_by_key(|value| (i32::from(**value) - wish).abs());
    *nearest.expect("whoever is asked may declare something")
}

/// Which places of the hand to play.
pub fn plays(view: &RoomView, level: Level) -> Vec<u8> {
    match level {
        Level::Easy => greedy_play(view),
        Level::Hard => aimed_play(view),
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
    let sum = |places: &[u8]| pieces_at(hand(view), places).iter().map(|piece| piece.points()).sum::<u8>();
    let places = sets_of(hand(view), sizes).into_iter().map(|(places, _)| places);
    let best = places.max_by_key(|places| (sum(places), Reverse(places.clone())));
    best.unwrap_or_else(|| lowest(view, view.trick.required.unwrap_or(1)))
}

/// The piles that this hand should take: what leads or follows well, each piece counted once.
fn expected_piles(view: &RoomView) -> i32 {
    let leads = view.starter == view.you;
    let mut rest = hand(view).to_vec();
    let singles: f64 = rest.iter().map(|piece| single_worth(view, *piece)).sum();
    let mut expected = singles;
    // Large sets are worth something only to those who come to lead.
    let comes_to_lead = if leads { 0.9 } else { singles.min(1.0) * 0.6 };
    while let Some((places, set)) = best_set(view, &rest) {
        let pieces = pieces_at(&rest, &places);
        let alone: f64 = pieces.iter().map(|piece| single_worth(view, *piece)).sum();
        let together = chance(view, set) * pieces.len() as f64 * comes_to_lead;
        expected += (together - alone).max(0.0);
        rest = without(&rest, &pieces);
    }
    (expected * CAUTION).round() as i32
}

/// What a single takes on average: opponents hold about as many better ones as there are, and do not always play them.
fn single_worth(view: &RoomView, piece: Piece) -> f64 {
    let chance = chance(view, Set { kind: PlayKind::Single, strength: piece.points() });
    if chance < 0.3 { 0.0 } else { chance }
}

/// The set of two or more that should take most.
fn best_set(view: &RoomView, hand: &[Piece]) -> Option<(Vec<u8>, Set)> {
    let worth = |(places, set): &(Vec<u8>, Set)| chance(view, *set) * places.len() as f64;
    let sets = sets_of(hand, 2..=PLAY_PIECES_MAX).into_iter();
    sets.filter(|(_, set)| chance(view, *set) > 0.3).max_by(|a, b| worth(a).total_cmp(&worth(b)))
}

fn aimed_play(view: &RoomView) -> Vec<u8> {
    let wanted = i32::from(me(view).declared.unwrap_or_default()) - i32::from(me(view).piles);
    match (view.trick.required, wanted > 0) {
        (None, true) => lead_to_win(view, wanted as usize),
        (None, false) => lead_to_lose(view),
        (Some(count), true) if count <= wanted as usize => follow_to_win(view, count),
        (Some(count), _) => follow_to_lose(view, count),
    }
}

/// Lead what should take most of what is wanted, and not more.
fn lead_to_win(view: &RoomView, wanted: usize) -> Vec<u8> {
    let sets = sets_of(hand(view), 1..=wanted.min(PLAY_PIECES_MAX)).into_iter();
    let worth = |(places, set): &(Vec<u8>, Set)| chance(view, *set) * (places.len() as f64).sqrt();
    sets.max_by(|a, b| worth(a).total_cmp(&worth(b))).map_or_else(|| lowest(view, 1), |(places, _)| places)
}

/// Lead the set that others beat most easily.
fn lead_to_lose(view: &RoomView) -> Vec<u8> {
    let sets = sets_of(hand(view), 1..=2).into_iter();
    sets.min_by(|a, b| chance(view, a.1).total_cmp(&chance(view, b.1)))
        .map_or_else(|| lowest(view, 1), |(places, _)| places)
}

/// Play the weakest set that is likely enough to take the trick, else give away what is worth least.
fn follow_to_win(view: &RoomView, count: usize) -> Vec<u8> {
    let sets = sets_of(hand(view), count..=count).into_iter();
    let best = sets.max_by(|a, b| chance(view, a.1).total_cmp(&chance(view, b.1)));
    best.filter(|(_, set)| chance(view, *set) > GOOD_CHANCE).map_or_else(|| lowest(view, count), |(places, _)| places)
}

/// Give away the highest pieces that make no set together, or the lowest if all do.
fn follow_to_lose(view: &RoomView, count: usize) -> Vec<u8> {
    if count == 1 {
        // The highest that still loses: low ones are for later.
        let places = 0..hand(view).len() as u8;
        let loses = |at: &u8| {
            chance(view, Set { kind: PlayKind::Single, strength: hand(view)[usize::from(*at)].points() }) < NO_CHANCE
        };
        return places.into_iter().find(loses).map_or_else(|| lowest(view, 1), |at| vec![at]);
    }
    let highest: Vec<u8> = (0..count as u8).collect();
    match Set::of(&pieces_at(hand(view), &highest)) {
        None => highest,
        Some(_) => lowest(view, count),
    }
}

/// How likely nobody beats this set: fewer the more better ones can still be made of pieces that are not seen.
fn chance(view: &RoomView, set: Set) -> f64 {
    let unseen = unseen(view);
    if set.kind == PlayKind::Single {
        let better = unseen.iter().filter(|piece| piece.points() > set.strength).count() as f64;
        return (1.0 - better / unseen.len().max(1) as f64).powi(3);
    }
    let better =
        catalogue(set.kind).filter(|(pieces, other)| other.beats(set) && holds(&unseen, pieces)).count() as i32;
    UNBEATEN.powi(better)
}

/// Pieces that others may hold: not in this hand, and not played.
fn unseen(view: &RoomView) -> Vec<Piece> {
    let tricks = view.tricks.iter().chain([&view.trick]);
    let played = tricks.flat_map(|trick| &trick.plays).filter_map(|play| play.pieces.as_ref()).flatten();
    let seen: Vec<Piece> = played.chain(hand(view)).copied().collect();
    without(&deck(), &seen)
}

/// Every pair and straight there is, by its pieces. Larger sets are too rare to wait for.
fn catalogue(kind: PlayKind) -> impl Iterator<Item = (Vec<Piece>, Set)> {
    let pairs = Piece::ALL.into_iter().map(|piece| vec![piece; 2]);
    let of_middle = |middle: usize| vec![Piece::ALL[middle - 2], Piece::ALL[middle], Piece::ALL[middle + 2]];
    let straights =
        Piece::ALL.iter().enumerate().filter(|(_, piece)| matches!(piece.name(), Name::Horse | Name::Advisor));
    let straights = straights.map(move |(middle, _)| of_middle(middle));
    let all = pairs.chain(straights).filter_map(|pieces| Some((Set::of(&pieces)?, pieces)));
    all.filter(move |(set, _)| set.kind == kind).map(|(set, pieces)| (pieces, set))
}

fn holds(pieces: &[Piece], these: &[Piece]) -> bool {
    without(pieces, these).len() + these.len() == pieces.len()
}

/// Every valid set of a hand with as many pieces, by their places.
fn sets_of(hand: &[Piece], sizes: std::ops::RangeInclusive<usize>) -> Vec<(Vec<u8>, Set)> {
    let masks = (1..1_u32 << hand.len()).filter(|mask| sizes.contains(&(mask.count_ones() as usize)));
    let sets = masks.filter_map(|mask| {
        let places: Vec<u8> = (0..hand.len() as u8).filter(|at| mask & (1 << at) != 0).collect();
        let set = Set::of(&pieces_at(hand, &places))?;
        Some((places, set))
    });
    sets.collect()
}

fn pieces_at(hand: &[Piece], places: &[u8]) -> Vec<Piece> {
    places.iter().map(|at| hand[usize::from(*at)]).collect()
}

/// The last places of the hand: it is sorted.
fn lowest(view: &RoomView, count: usize) -> Vec<u8> {
    let held = hand(view).len();
    (held - count..held).map(|at| at as u8).collect()
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
