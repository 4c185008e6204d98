//! Properties of whole games, whoever plays them. What must stay hidden is checked in `secrecy.rs`.

#![allow(clippy::unwrap_used)]

mod support;

use dormouse::{core::dice::Secret, prelude::*};
use liap_tui::{
    Room, RoomEvent, Table,
    pieces::{Piece, deal, deck},
    score::ROUNDS_MAX,
};
use proptest::prelude::*;
use support::*;

/// A started room where people and bots of both levels sit as `who` says; bit by bit, a 1 is a person.
fn started(number: u64, who: u8) -> Table {
    let mut table =
        room_of(number, json!({ "name": "Ann", "bots": if number.is_multiple_of(2) { "easy" } else { "hard" } }));
    for (bit, id) in PEOPLE.iter().enumerate().skip(1) {
        if who & (1 << bit) != 0 {
            send(&mut table, id, json!({ "type": "join", "name": id })).unwrap();
        }
    }
    start(&mut table);
    table
}

/// What somebody might send: often wrong, sometimes from nobody with a seat.
fn attempt(dice: &mut Dice) -> (&'static str, Value) {
    let id = ["ann", "bob", "cid", "dee", "eve"][dice.below(5) as usize];
    let command = match dice.below(60) {
        0 => json!({ "type": "leave_room" }),
        1..=9 => json!({ "type": "declare", "value": dice.below(10) }),
        10..=19 => json!({ "type": "redeal_decision", "accept": dice.below(2) == 0 }),
        20..=24 => json!({ "type": "join", "name": id }),
        _ => {
            let count = dice.below(4);
            json!({ "type": "play", "indices": (0..count).map(|_| dice.below(9)).collect::<Vec<_>>() })
        }
    };
    (id, command)
}

/// One thing happens: somebody sends something, a connection comes or goes, or time passes.
fn step(table: &mut Table, dice: &mut Dice) -> bool {
    for _ in 0..dice.below(4) {
        let (id, command) = attempt(dice);
        let before = json!(table.state);
        if send(table, id, command).is_err() {
            assert_eq!(json!(table.state), before, "a rejection changes nothing");
        }
    }
    match dice.below(40) {
        0 => table.decide(Input::Left { who: viewer("ann") }).unwrap(),
        1..=3 => table.decide(Input::Joined { who: viewer("ann") }).unwrap(),
        _ => return table.wake(),
    }
    true
}

fn sorted(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.sort();
    pieces
}

fn pieces_of(value: &Value) -> Vec<Piece> {
    match value {
        Value::Array(items) => items.iter().flat_map(pieces_of).collect(),
        Value::String(_) => vec![serde_json::from_value(value.clone()).unwrap()],
        _ => vec![],
    }
}

/// Every piece is somewhere, and once.
fn check_pieces(table: &Table) {
    let game = json!(table.state)["game"].clone();
    let tricks = game["tricks"].as_array().unwrap().iter().flat_map(|trick| pieces_of(&trick["plays"]));
    let all: Vec<Piece> =
        pieces_of(&game["hands"]).into_iter().chain(pieces_of(&game["trick"]["plays"])).chain(tricks).collect();
    if game["phase"] != "waiting" {
        assert_eq!(sorted(all), deck());
    }
}

fn check_scores(table: &Table) {
    let seen = public(table);
    for seat in 0..4 {
        let rows = seen["sheet"].as_array().unwrap();
        let sum: i64 = rows.iter().map(|row| row["points"][seat].as_i64().unwrap()).sum();
        assert_eq!(seen["seats"][seat]["score"].as_i64().unwrap(), sum, "scores are the sum of the sheet");
    }
    for row in seen["sheet"].as_array().unwrap() {
        let piles: u64 = row["piles"].as_array().unwrap().iter().map(|piles| piles.as_u64().unwrap()).sum();
        let declared: u64 = row["declared"].as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).sum();
        assert_eq!(piles, 8, "a round has eight piles");
        assert_ne!(declared, 8, "somebody must fail");
    }
}

/// Events say no more than views: neither seeds nor pieces, but to whose they are.
fn check_events(table: &Table) {
    let (_, events) = table.history.last().unwrap();
    for event in events {
        let event: RoomEvent = serde_json::from_slice(event).unwrap();
        for seat in 0..5 {
            let sight = if seat < 4 { Sight::Seat(seat) } else { Sight::Public };
            let heard = table.state.reveal(&event, &sight).unwrap_or_default();
            assert!(heard.get("seed").is_none());
            assert!(heard.get("pieces").is_none() || heard["slot_id"] == json!(seat + 1), "{sight:?} hears {heard}");
        }
    }
}

fn replayed(table: &Table) -> Room {
    let mut room = Room::default();
    for (at, events) in &table.history {
        for event in events {
            room.evolve(&serde_json::from_slice(event).unwrap(), *at);
        }
    }
    room
}

/// A few whole games at each run; `PROPTEST_CASES=10000` plays as many as one has time for.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn whoever_plays_a_game_ends_and_adds_up(number in any::<u64>(), who in 0_u8..16) {
        let mut table = started(number, who);
        let mut dice = Secret([who; 32]).seed(number, 0).dice();
        let mut last = json!(table.state);
        while step(&mut table, &mut dice) {
            check_pieces(&table);
            check_events(&table);
            last = json!(table.state);
        }
        // Nothing is waited for: the game is over, or everybody left it.
        let closed = last["is_closed"] == true;
        prop_assert!(closed || phase(&table) == "game_over");
        prop_assert!(last["game"]["round"].as_u64().unwrap() <= u64::from(ROUNDS_MAX));
        check_scores(&table);
    }

    #[test]
    fn events_make_the_same_room_again(number in any::<u64>(), who in 0_u8..16) {
        let mut table = started(number, who);
        let mut dice = Secret([who; 32]).seed(number, 2).dice();
        while step(&mut table, &mut dice) {}
        prop_assert_eq!(json!(replayed(&table)).to_string(), json!(table.state).to_string());
        let snapshot: Room = serde_json::from_value(json!(table.state)).unwrap();
        prop_assert_eq!(json!(snapshot).to_string(), json!(table.state).to_string());
    }
}

#[test]
fn once_the_game_is_over_every_hand_and_every_deal_is_open() {
    let mut table = started(8, 1);
    let mut first_hands = None;
    while table.wake() {
        first_hands.get_or_insert_with(|| view(&table, &Sight::All)["seats"].clone());
    }
    assert_eq!(table.state.sight(&viewer("eve")), Sight::All);
    let end = view(&table, &Sight::All);
    let seed: Seed = serde_json::from_value(end["deals"][0]["seed"].clone()).unwrap();
    for (seat, hand) in deal(seed).into_iter().enumerate() {
        assert_eq!(json!(hand), first_hands.as_ref().unwrap()[seat]["hand"], "the seed makes the deal again");
    }
    let seeds: Vec<&Value> = end["deals"].as_array().unwrap().iter().map(|deal| &deal["seed"]).collect();
    assert!((1..seeds.len()).all(|at| !seeds[..at].contains(&seeds[at])), "every deal has its own seed");
}

#[test]
fn before_the_end_no_seed_is_in_any_view() {
    let mut table = started(8, 1);
    while phase(&table) != "game_over" {
        for sight in [Sight::Public, Sight::Seat(0)] {
            assert_eq!(view(&table, &sight)["deals"], json!([]));
        }
        assert!(table.wake());
    }
}
