//! What bots do with what a seat sees.

#![allow(clippy::unwrap_used)]

mod support;

use dormouse::{core::dice::Secret, prelude::*};
use liap_tui::{Table, bot, seats::Level, view::RoomView};
use support::*;

/// Slot 2 is to declare with this hand, and starts.
fn with_hand(points: &[u8]) -> Table {
    let mut table = declaring(1);
    arrange(&mut table, |state| state["game"]["hands"][1] = json!(pieces(points)));
    table
}

fn seat_2(table: &Table) -> RoomView {
    table.state.view(&Sight::Seat(1))
}

/// How many of 1,000 bots ask for another deal.
fn accept_of_thousand(round: u32, scores: [i32; 4]) -> usize {
    let mut table = declaring(1);
    arrange(&mut table, |state| {
        state["game"]["round"] = json!(round);
        state["game"]["scores"] = json!(scores);
    });
    let mut dice = Secret([5; 32]).seed(1, 0).dice();
    (0..1000).filter(|_| bot::accepts(&seat_2(&table), &mut dice)).count()
}

#[test]
fn four_of_five_weak_bots_ask_for_another_deal_and_late_leaders_half_as_often() {
    for (round, scores, expected) in [
        (1, [0, 40, 0, 0], 800),
        (10, [0, 40, 0, 0], 800),
        (11, [0, 40, 30, 0], 800),
        (11, [0, 41, 30, 0], 400),
        (11, [50, 41, 30, 0], 800),
    ] {
        let accept = accept_of_thousand(round, scores);
        assert!(accept.abs_diff(expected) < 50, "{accept} in round {round} at {scores:?}");
    }
}

#[test]
fn the_easy_bot_counts_strong_sets_openers_and_being_first() {
    for (hand, declares, why) in [
        (&[12, 11, 9, 7, 6, 4, 3, 1], 1, "nothing but being first"),
        (&[13, 12, 8, 7, 6, 4, 3, 1], 1 + 1 + 1, "the straight of the field, the general, being first"),
        (
            &[14, 12, 10, 7, 6, 4, 3, 1],
            1 + 1 + 1,
            "the straight of the court, which opens as the general does, being first",
        ),
        (&[12, 9, 7, 6, 4, 2, 2, 2], 1 + 1, "three soldiers, being first"),
        (&[2, 2, 2, 2, 2, 1, 1, 1], 7, "never all"),
    ] {
        assert_eq!(bot::declares(&seat_2(&with_hand(hand)), Level::Easy), declares, "{why}");
    }
}

#[test]
fn bots_take_the_nearest_value_that_they_may_declare() {
    let mut table = with_hand(&[12, 11, 9, 7, 6, 4, 3, 1]);
    arrange(&mut table, |state| state["game"]["declared"] = json!([2, null, 2, 3]));
    let declared = bot::declares(&seat_2(&table), Level::Easy);
    assert!([0, 2].contains(&declared), "1 would make the sum 8, and {declared} is next to it");
}

#[test]
fn the_easy_bot_plays_its_highest_set() {
    let mut table = playing(1, [1, 1, 1, 1]);
    arrange(&mut table, |state| state["game"]["hands"][1] = json!(pieces(&[14, 8, 8, 6, 4, 4, 2, 1])));
    assert_eq!(bot::plays(&seat_2(&table), Level::Easy), [1, 2, 3, 4, 5], "30 points of the field before the general");
    play(&mut table, "bob", &[7]).unwrap();
    arrange(&mut table, |state| state["game"]["hands"][2] = json!(pieces(&[12, 11, 6, 5, 4, 3, 2, 1])));
    assert_eq!(bot::plays(&table.state.view(&Sight::Seat(2)), Level::Easy), [0], "the highest single");
}

#[test]
fn who_has_no_set_gives_away_the_lowest() {
    let mut table = playing(1, [1, 1, 1, 1]);
    play(&mut table, "bob", &[6, 7]).unwrap();
    assert_eq!(bot::plays(&table.state.view(&Sight::Seat(2)), Level::Easy), [6, 7]);
}

#[test]
fn the_hard_bot_gives_away_high_pieces_once_it_has_what_it_declared() {
    let mut table = playing(1, [1, 0, 1, 1]);
    play(&mut table, "bob", &[6, 7]).unwrap();
    assert_eq!(bot::plays(&table.state.view(&Sight::Seat(2)), Level::Hard), [0, 1], "advisors of two colours");
}

#[test]
fn the_hard_bot_leads_what_nobody_beats_if_it_wants_a_pile() {
    let table = playing(1, [1, 1, 1, 1]);
    assert_eq!(bot::plays(&seat_2(&table), Level::Hard), [0], "the red general");
}

#[test]
fn hard_bots_win_more_than_three_times_as_often() {
    let mut wins = [0; 2];
    for number in 0..30 {
        let mut table = room_of(number, json!({}));
        for slot_id in [1 + number % 2, 3 + number % 2] {
            send(&mut table, "ann", json!({ "type": "add_bot", "slot_id": slot_id, "level": "hard" })).unwrap();
        }
        start(&mut table);
        while table.wake() {}
        let end = view(&table, &Sight::All);
        for slot in end["result"]["winners"].as_array().unwrap() {
            let level = &end["seats"][slot.as_u64().unwrap() as usize - 1]["level"];
            wins[usize::from(*level == "hard")] += 1;
        }
    }
    assert!(wins[1] > 3 * wins[0], "easy and hard: {wins:?}");
}
