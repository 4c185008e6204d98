//! Every rule with the spec's numbers, as tables.

#![allow(clippy::unwrap_used)]

mod support;

use dormouse::{core::dice::Secret, prelude::*};
use liap_tui::{
    pieces::{Piece, deal, deck, is_weak},
    plays::{PlayKind, PlayKind::*, Set, taker},
    score::{Mode, legal_declarations, points, ranks, winners},
};
use support::pieces;

#[test]
fn the_deck_is_the_table_of_the_spec() {
    let table = [
        ("general", [14, 13], 1),
        ("advisor", [12, 11], 2),
        ("elephant", [10, 9], 2),
        ("chariot", [8, 7], 2),
        ("horse", [6, 5], 2),
        ("cannon", [4, 3], 2),
        ("soldier", [2, 1], 5),
    ];
    for (name, red_and_black, copies) in table {
        for (points, colour) in red_and_black.into_iter().zip(["red", "black"]) {
            let piece = pieces(&[points])[0];
            assert_eq!(json!(piece), json!(format!("{colour}_{name}")), "{points} points");
            assert_eq!(format!("{:?}", piece.name()).to_lowercase(), name);
            assert_eq!((piece.points(), piece.is_red()), (points, colour == "red"));
            assert_eq!(deck().iter().filter(|other| **other == piece).count(), copies);
        }
    }
    assert_eq!(deck().len(), 32);
    assert_eq!(deck().iter().map(|piece| u32::from(piece.points())).sum::<u32>(), 192);
    assert_eq!(deck().iter().filter(|piece| !is_weak(&[**piece])).count(), 8, "strong pieces");
}

#[test]
fn a_hand_is_weak_up_to_nine_points_a_piece() {
    assert!(is_weak(&pieces(&[9, 9, 8, 8, 7, 7, 6, 6])));
    assert!(!is_weak(&pieces(&[10, 1, 1, 1, 1, 1, 2, 2])));
}

/// 24 of 32 pieces are not strong: C(24,8) / C(32,8) is 7.0 %, and of four hands 27 % have a weak one.
#[test]
fn deals_are_weak_as_often_as_a_fair_shuffle_makes_them() {
    let deals: Vec<_> = (0..20_000).map(|n| deal(Secret([9; 32]).seed(n, 0))).collect();
    let hands = deals.iter().flatten().filter(|hand| is_weak(hand)).count() as f64 / 80_000.0;
    let any = deals.iter().filter(|hands| hands.iter().any(|hand| is_weak(hand))).count() as f64 / 20_000.0;
    assert!((hands - 0.0699).abs() < 0.004, "{hands}");
    assert!((any - 0.27).abs() < 0.015, "{any}");
}

#[test]
fn every_seat_gets_every_piece_equally_often() {
    let mut generals = [0_u32; 4];
    for n in 0..20_000 {
        let hands = deal(Secret([4; 32]).seed(n, 0));
        generals[hands.iter().position(|hand| hand.contains(&Piece::RedGeneral)).unwrap()] += 1;
    }
    assert!(generals.iter().all(|n| n.abs_diff(5000) < 250), "{generals:?}");
}

#[test]
fn modes_are_called_what_they_are() {
    let names = [Mode::FirstTo50, Mode::MostAfter20, Mode::Exactly50].map(|mode| json!(mode));
    assert_eq!(names, ["first_to_50", "most_after_20", "exactly_50"]);
}

#[test]
fn a_seed_makes_the_same_deal_again_and_another_seed_another_one() {
    let secret = Secret([1; 32]);
    assert_eq!(deal(secret.seed(1, 0)), deal(secret.seed(1, 0)));
    assert_ne!(deal(secret.seed(1, 0)), deal(secret.seed(2, 0)));
}

#[test]
fn the_nine_kinds_of_plays() {
    type Row<'a> = (&'a [u8], Option<(PlayKind, u8)>);
    let table: &[Row<'_>] = &[
        (&[14], Some((Single, 14))),
        (&[1], Some((Single, 1))),
        (&[8, 8], Some((Pair, 16))),
        (&[1, 1], Some((Pair, 2))),
        (&[2, 2, 2], Some((ThreeOfAKind, 6))),
        (&[1, 1, 1, 1], Some((FourOfAKind, 4))),
        (&[2, 2, 2, 2, 2], Some((FiveOfAKind, 10))),
        (&[14, 12, 10], Some((Straight, 36))),
        (&[9, 13, 11], Some((Straight, 33))),
        (&[8, 6, 4], Some((Straight, 18))),
        (&[7, 5, 3], Some((Straight, 15))),
        // An extended straight counts each name once.
        (&[8, 8, 6, 4], Some((ExtendedStraight, 18))),
        (&[7, 5, 3, 3], Some((ExtendedStraight, 15))),
        (&[14, 12, 12, 10], Some((ExtendedStraight, 36))),
        (&[8, 8, 6, 6, 4], Some((ExtendedStraight5, 18))),
        (&[13, 11, 11, 9, 9], Some((ExtendedStraight5, 33))),
        (&[8, 8, 6, 6, 4, 4], Some((DoubleStraight, 36))),
        (&[7, 7, 5, 5, 3, 3], Some((DoubleStraight, 30))),
        // And what is none.
        (&[], None),
        (&[14, 13], None),
        (&[8, 7], None),
        (&[2, 2, 1], None),
        (&[14, 12, 9], None),
        (&[14, 12, 8], None),
        (&[10, 8, 6], None),
        (&[4, 2, 2], None),
        (&[8, 8, 6, 6], None),
        (&[8, 6, 4, 2], None),
        (&[8, 8, 6, 6, 4, 2], None),
        (&[8, 8, 8, 6, 4], None),
        (&[8, 8, 8], None),
        (&[14, 12, 12, 10, 10, 2], None),
        (&[2, 2, 2, 2, 2, 2], None),
    ];
    for (points, expected) in table {
        let set = Set::of(&pieces(points)).map(|set| (set.kind, set.strength));
        assert_eq!(set, *expected, "{points:?}");
    }
}

#[test]
fn kinds_are_spelled_as_in_the_spec() {
    let all = [
        Single,
        Pair,
        ThreeOfAKind,
        FourOfAKind,
        FiveOfAKind,
        Straight,
        ExtendedStraight,
        ExtendedStraight5,
        DoubleStraight,
    ];
    let words = "single pair three_of_a_kind four_of_a_kind five_of_a_kind straight extended_straight extended_straight_5 \
                 double_straight";
    assert_eq!(json!(all), json!(words.split_whitespace().collect::<Vec<_>>()));
}

#[test]
fn a_trick_goes_to_the_highest_of_the_leaders_kind() {
    let table: &[([&[u8]; 4], usize, &str)] = &[
        ([&[5], &[7], &[6], &[1]], 1, "the highest single"),
        ([&[12], &[12], &[11], &[1]], 0, "ties lose"),
        ([&[5], &[12], &[12], &[1]], 1, "ties lose between followers too"),
        ([&[3, 3], &[14, 13], &[4, 4], &[12, 11]], 2, "what is no set never wins"),
        ([&[1, 1, 1], &[8, 6, 4], &[2, 2, 2], &[14, 12, 10]], 2, "another kind never wins"),
        ([&[7, 5, 3], &[8, 6, 4], &[1, 1, 1], &[2, 2, 2]], 1, "red beats black"),
        ([&[8, 6, 4], &[1, 1, 1], &[13, 11, 9], &[2, 2, 2]], 2, "the court beats the field"),
        ([&[8, 6, 4, 4], &[7, 7, 5, 3], &[8, 8, 6, 4], &[13, 11, 9, 9]], 3, "names count once"),
        ([&[8, 6, 4, 4], &[8, 8, 6, 4], &[1, 1, 1, 1], &[2, 2, 2, 2]], 0, "a doubled higher name is a tie"),
        ([&[7, 7, 5, 5, 3, 3], &[8, 8, 6, 6, 4, 4], &[1; 6], &[2; 6]], 1, "double straights"),
        ([&[1], &[1], &[1], &[1]], 0, "the leader wins what nobody beats"),
    ];
    for (plays, winner, why) in table {
        let plays = plays.map(pieces);
        assert_eq!(taker(&plays.each_ref().map(Vec::as_slice)), *winner, "{why}");
    }
}

#[test]
fn what_may_be_declared() {
    let all = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    let without = |value: u8| all.into_iter().filter(|other| *other != value).collect::<Vec<_>>();
    assert_eq!(legal_declarations(&[], 0), all, "the starter says anything");
    assert_eq!(legal_declarations(&[4, 4], 0), all, "only the last minds the sum");
    assert_eq!(legal_declarations(&[2, 1, 3], 0), without(2), "the sum is never 8");
    assert_eq!(legal_declarations(&[0, 0, 0], 0), without(8));
    assert_eq!(legal_declarations(&[8, 0, 0], 0), without(0));
    assert_eq!(legal_declarations(&[5, 5, 5], 0), all, "a sum beyond 8 is out of reach anyway");
    assert_eq!(legal_declarations(&[], 1), all, "one zero is no reason");
    assert_eq!(legal_declarations(&[], 2), without(0), "after two zeros in a row, at least 1");
    assert_eq!(legal_declarations(&[2, 2, 3], 2), [2, 3, 4, 5, 6, 7, 8], "both restrictions at once");
}

#[test]
fn what_a_round_is_worth() {
    let table = [
        (0, 0, 3),
        (0, 1, -1),
        (0, 8, -8),
        (1, 1, 6),
        (2, 2, 7),
        (8, 8, 13),
        (3, 2, -1),
        (2, 3, -1),
        (5, 0, -5),
        (1, 8, -7),
    ];
    for (declared, taken, worth) in table {
        assert_eq!(points(declared, taken), worth, "declared {declared}, took {taken}");
    }
}

#[test]
fn when_a_game_ends_and_who_wins() {
    use Mode::*;
    type Row<'a> = (Mode, u32, [i32; 4], Option<&'a [usize]>);
    let table: &[Row<'_>] = &[
        (FirstTo50, 9, [49, 48, 0, -20], None),
        (FirstTo50, 9, [50, 48, 0, -20], Some(&[0])),
        (FirstTo50, 9, [51, 60, 0, 50], Some(&[1])),
        (FirstTo50, 9, [52, 1, 52, 51], Some(&[0, 2])),
        (FirstTo50, 20, [10, 12, 12, -5], Some(&[1, 2])),
        (FirstTo50, 20, [-3, -1, -2, -4], Some(&[1])),
        (MostAfter20, 19, [70, 0, 0, 0], None),
        (MostAfter20, 20, [70, 0, 70, 0], Some(&[0, 2])),
        (Exactly50, 9, [51, 49, 0, 0], None),
        (Exactly50, 9, [60, 50, 50, 0], Some(&[1, 2])),
        (Exactly50, 20, [60, 49, 0, 0], Some(&[0])),
        (Exactly50, 20, [60, 50, 0, 0], Some(&[1])),
    ];
    for (mode, rounds, scores, expected) in table {
        let won = winners(*mode, *rounds, scores);
        assert_eq!(won.as_deref(), *expected, "{mode:?} after {rounds} rounds at {scores:?}");
    }
    assert_eq!(ranks(&[12, 50, 12, -3], &[1]), [2, 1, 2, 4]);
    assert_eq!(ranks(&[61, 50, 50, 70], &[1, 2]), [4, 1, 1, 3], "exactly 50 wins over more");
}
