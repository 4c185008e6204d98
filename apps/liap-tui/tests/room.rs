//! Seats, the host, time, and everything that somebody may send at the wrong moment.

#![allow(clippy::unwrap_used)]

mod support;

use dormouse::prelude::*;
use liap_tui::{RoomCommand, RoomEvent, Table, pieces::Piece};
use support::*;

#[test]
fn a_room_is_born_full_and_people_displace_bots() {
    let mut table = room(1);
    assert_eq!(names(&table), ["Ann", "Bot 2", "Bot 3", "Bot 4"]);
    join(&mut table, "bob", "  Bob ").unwrap();
    assert_eq!(names(&table), ["Ann", "Bob", "Bot 3", "Bot 4"]);
    send(&mut table, "ann", json!({ "type": "remove_player", "slot_id": 4 })).unwrap();
    join(&mut table, "cid", "Cid").unwrap();
    assert_eq!(names(&table), ["Ann", "Bob", "Bot 3", "Cid"], "an empty seat goes first");
    join(&mut table, "dee", "Bot 4").unwrap();
    assert_eq!(join(&mut table, "eve", "Eve"), Err("room_full"));
    send(&mut table, "ann", json!({ "type": "remove_player", "slot_id": 4 })).unwrap();
    send(&mut table, "ann", json!({ "type": "add_bot", "slot_id": 4, "level": "hard" })).unwrap();
    assert_eq!(names(&table), ["Ann", "Bob", "Bot 4", "Bot 8"], "names stay unique");
    let avatars =
        public(&table)["seats"].as_array().unwrap().iter().map(|seat| seat["avatar"].as_u64().unwrap()).collect();
    let unique: std::collections::BTreeSet<u64> = avatars;
    assert_eq!(unique.len(), 4);
}

#[test]
fn before_the_start_everybody_sees_an_empty_table() {
    let mut table = full_room(1);
    for sight in [Sight::Nothing, Sight::Public, Sight::Seat(0), Sight::All] {
        let seen = view(&table, &sight);
        assert_eq!(
            (&seen["phase"], &seen["until"], &seen["weak_hand"]),
            (&json!("waiting"), &json!(null), &json!(null))
        );
    }
    assert_eq!(table.state.sight(&viewer("bob")), Sight::Seat(1));
    assert_eq!(table.state.sight(&viewer("eve")), Sight::Public);
    start(&mut table);
    let seen = view(&table, &Sight::Seat(1));
    assert_eq!((&seen["you"], seen["seats"][1]["hand"].as_array().map(Vec::len)), (&json!(2), Some(8)));
    assert_eq!((&seen["seats"][0]["hand"], &seen["seats"][0]["hand_count"]), (&json!(null), &json!(8)));
}

#[test]
fn names_are_checked_and_unique() {
    let mut table = room(1);
    assert_eq!(join(&mut table, "bob", "ann"), Err("name_taken"));
    assert_eq!(join(&mut table, "bob", "\u{200d}A\u{a0}nn "), Err("name_taken"), "they look the same");
    assert_eq!(join(&mut table, "bob", " "), Err("empty_name"));
    assert_eq!(join(&mut table, "bob", "B\u{202e}ob"), Err("bad_name"));
    assert_eq!(join(&mut table, "bob", &"b".repeat(51)), Err("name_too_long"));
    assert_eq!(join(&mut table, "bob", &"b".repeat(50)), Ok(()));
    assert_eq!(join(&mut table, "bob", "Bob again"), Err("already_seated"), "the second of a race");
}

#[test]
fn only_the_host_controls_and_only_before_the_start() {
    let mut table = full_room(1);
    let controls = [
        json!({ "type": "add_bot", "slot_id": 3 }),
        json!({ "type": "remove_player", "slot_id": 3 }),
        json!({ "type": "start_game" }),
    ];
    for command in controls.clone() {
        assert_eq!(send(&mut table, "bob", command), Err("permission_denied"));
    }
    for (command, code) in [
        (json!({ "type": "add_bot", "slot_id": 3 }), "seat_taken"),
        (json!({ "type": "add_bot", "slot_id": 0 }), "no_such_slot"),
        (json!({ "type": "add_bot", "slot_id": 5 }), "no_such_slot"),
        (json!({ "type": "remove_player", "slot_id": 1 }), "permission_denied"),
    ] {
        assert_eq!(send(&mut table, "ann", command), Err(code));
    }
    send(&mut table, "ann", json!({ "type": "remove_player", "slot_id": 3 })).unwrap();
    assert_eq!(send(&mut table, "ann", json!({ "type": "remove_player", "slot_id": 3 })), Err("seat_empty"));
    assert_eq!(send(&mut table, "ann", json!({ "type": "start_game" })), Err("not_enough_players"));
    send(&mut table, "ann", json!({ "type": "add_bot", "slot_id": 3 })).unwrap();
    start(&mut table);
    for command in controls {
        assert_eq!(send(&mut table, "ann", command), Err("game_already_started"));
    }
    assert_eq!(join(&mut table, "eve", "Eve"), Err("game_already_started"));
}

#[test]
fn leaving_before_the_start_gives_the_seat_back_to_its_bot_and_the_hosts_leaving_closes_the_room() {
    let mut table = full_room(1);
    send(&mut table, "bob", json!({ "type": "leave_room" })).unwrap();
    assert_eq!(names(&table), ["Ann", "Bot 2", "cid", "dee"]);
    assert_eq!(send(&mut table, "eve", json!({ "type": "leave_room" })), Err("not_seated"));
    send(&mut table, "ann", json!({ "type": "leave_room" })).unwrap();
    assert_eq!(table.state.sight(&viewer("cid")), Sight::Nothing, "as if it had never been there");
    assert_eq!(table.state.summary(), None);
    assert_eq!(next_wake(&table), None);
}

#[test]
fn before_the_start_a_lost_connection_keeps_its_seat_for_thirty_seconds() {
    let mut table = full_room(1);
    lost(&mut table, "bob");
    assert_eq!(next_wake(&table), Some((30_000, "absent".into())));
    returned(&mut table, "bob");
    assert_eq!(next_wake(&table), None);
    lost(&mut table, "bob");
    table.wake();
    assert_eq!(names(&table), ["Ann", "Bot 2", "cid", "dee"]);
    lost(&mut table, "ann");
    table.wake();
    assert_eq!(table.state.sight(&viewer("cid")), Sight::Nothing, "a room without its host is closed");
}

#[test]
fn private_rooms_are_in_the_lists_of_their_members_alone() {
    let private = room_of(1, json!({ "name": "Ann", "private": true })).state.summary().unwrap();
    assert_eq!((private.private, private.members), (true, vec!["ann".to_owned()]));
    let mut table = room(1);
    let summary = table.state.summary().unwrap();
    assert!(!summary.private);
    assert_eq!((summary.title.as_str(), summary.status.as_str()), ("Ann's table", "waiting"));
    assert_eq!(summary.members, ["ann"]);
    start(&mut table);
    assert_eq!(table.state.summary().unwrap().status, "playing");
}

#[test]
fn lists_begin_with_the_fullest_room_that_has_a_seat() {
    let sort = |table: &Table| table.state.summary().unwrap().sort;
    let mut three = room(1);
    for id in &PEOPLE[1..3] {
        join(&mut three, id, id).unwrap();
    }
    let (mut one, full, none) = (room(1), full_room(1), room_of(1, json!({})));
    assert!(sort(&three) > sort(&one) && sort(&one) > sort(&none) && sort(&none) > sort(&full));
    start(&mut one);
    assert_eq!(sort(&one), sort(&full), "nobody can sit down there");
}

#[test]
fn a_host_without_a_name_watches_four_bots() {
    let mut table = room_of(1, json!({ "bots": "hard" }));
    assert_eq!(names(&table), ["Bot 1", "Bot 2", "Bot 3", "Bot 4"]);
    start(&mut table);
    while table.wake() {}
    assert_eq!(phase(&table), "game_over");
    let end = view(&table, &Sight::All);
    assert_eq!(
        end["result"]["ranks"].as_array().unwrap().iter().filter(|rank| **rank == 1).count(),
        end["result"]["winners"].as_array().unwrap().len()
    );
}

#[test]
fn everything_takes_the_time_that_the_spec_gives_it() {
    let mut table = declaring(1);
    let mut seen = vec![];
    // The two pauses before this were passed on the way here.
    let waits = |table: &Table| (phase(table), next_wake(table).unwrap());
    seen.push(waits(&table));
    for (id, value) in ["bob", "cid", "dee", "ann"].into_iter().zip([1, 1, 1, 1]) {
        send(&mut table, id, json!({ "type": "declare", "value": value })).unwrap();
    }
    seen.push(waits(&table));
    for id in ["bob", "cid", "dee", "ann"] {
        play(&mut table, id, &[0]).unwrap();
    }
    seen.push(waits(&table));
    table.wake();
    seen.push(waits(&table));
    table.wake();
    seen.push(waits(&table));
    let expected = [
        ("declaration", 30_000, "deadline"),
        ("turn", 45_000, "deadline"),
        ("turn", 5_000, "pause"),
        ("turn_results", 7_000, "pause"),
        ("turn", 45_000, "deadline"),
    ];
    assert_eq!(seen, expected.map(|(phase, ms, key)| (phase.to_owned(), (ms, key.to_owned()))));
}

#[test]
fn pauses_before_a_round_and_after_it() {
    let mut table = full_room(1);
    start(&mut table);
    assert_eq!(next_wake(&table), Some((2_000, "pause".into())), "after the deal");
    arrange(&mut table, |state| state["game"]["hands"] = json!(plain_hands()));
    table.wake();
    assert_eq!((phase(&table).as_str(), next_wake(&table)), ("round_start", Some((5_000, "pause".into()))));
    wake_until(&mut table, "scoring");
    assert_eq!(next_wake(&table), Some((7_000, "pause".into())));
    table.wake();
    assert_eq!((phase(&table).as_str(), public(&table)["round"].as_u64()), ("preparation", Some(2)));
}

#[test]
fn bots_think_for_half_a_second_to_one_and_a_half() {
    let mut table = room_of(3, json!({}));
    start(&mut table);
    let mut fast = room_of(3, json!({ "pace": "fast" }));
    start(&mut fast);
    for (table, times) in [(&mut table, 500..=1500), (&mut fast, 10..=30)] {
        for _ in 0..40 {
            let (ms, key) = next_wake(table).unwrap();
            assert!(key == "pause" || times.contains(&ms), "{key} after {ms} ms");
            table.wake();
        }
    }
}

#[test]
fn the_fast_pace_shortens_what_is_looked_at_and_no_deadline() {
    let mut table = room_of(1, json!({ "name": "Ann", "pace": "fast" }));
    start(&mut table);
    assert_eq!(next_wake(&table), Some((40, "pause".into())));
    arrange(&mut table, |state| {
        let mut hands = plain_hands();
        hands.rotate_left(1);
        state["game"]["hands"] = json!(hands);
    });
    wake_until(&mut table, "declaration");
    assert_eq!(next_wake(&table), Some((30_000, "deadline".into())), "Ann has the red general and her time");
}

#[test]
fn a_server_that_wakes_late_acts_once_for_each_thing_due() {
    let mut table = declaring(1);
    table.at.time = table.at.time.after(std::time::Duration::from_secs(3600));
    table.wake();
    assert_eq!(public(&table)["awaited"], json!([3]), "one bot declared for slot 2");
    assert_eq!(next_wake(&table), Some((30_000, "deadline".into())), "and slot 3 has its full time from now");
}

#[test]
fn after_a_deadline_a_bot_acts_and_decisions_come_too_late() {
    let mut table = declaring(1);
    table.at.time = table.at.time.after(std::time::Duration::from_secs(30));
    assert_eq!(send(&mut table, "bob", json!({ "type": "declare", "value": 1 })), Err("too_late"));
    table.wake();
    assert!(public(&table)["seats"][1]["declared"].is_u64());
    let mut table = playing(1, [1, 1, 1, 1]);
    table.wake();
    let played = &view(&table, &Sight::Seat(1))["trick"]["plays"][0]["pieces"];
    assert!(!played.as_array().unwrap().is_empty(), "a bot led for slot 2");
}

#[test]
fn who_starts_and_why() {
    let mut table = declaring(1);
    let starter = |table: &Table| (public(table)["starter"].clone(), public(table)["reason"].clone());
    assert_eq!(starter(&table), (json!(2), json!("has_general_red")));
    wake_until(&mut table, "scoring");
    let last = public(&table)["tricks"].as_array().unwrap().last().unwrap()["winner"].clone();
    table.wake();
    assert_eq!(public(&table)["starter"], json!(null), "not known while hands are weak");
    arrange(&mut table, |state| state["game"]["hands"] = json!(plain_hands()));
    wake_until(&mut table, "round_start");
    assert_eq!(starter(&table), (last, json!("won_last_turn")));
}

/// Slots 1 and 3 have weak hands.
fn weak_hands() -> [Vec<Piece>; 4] {
    [
        pieces(&[9, 9, 8, 8, 7, 7, 1, 1]),
        pieces(&[14, 12, 12, 10, 10, 6, 1, 1]),
        pieces(&[6, 5, 5, 4, 4, 3, 2, 1]),
        pieces(&[13, 11, 11, 3, 2, 2, 2, 2]),
    ]
}

/// Both are asked, in the first round.
fn weak_room() -> Table {
    let mut table = full_room(1);
    start(&mut table);
    arrange(&mut table, |state| state["game"]["hands"] = json!(weak_hands()));
    table.wake();
    table
}

fn redeal(table: &mut Table, id: &str, accept: bool) -> Result<(), &'static str> {
    send(table, id, json!({ "type": "redeal_decision", "accept": accept }))
}

#[test]
fn weak_hands_are_asked_together_and_in_secret() {
    let mut table = weak_room();
    let (thinking, key) = next_wake(&table).unwrap();
    assert!(key == "bot" && thinking < 2_000, "it wakes as if a bot were among them: {thinking}");
    let asked = |seat| view(&table, &Sight::Seat(seat))["weak_hand"].clone();
    let warn_at = table.at.time.0 + 20_000;
    assert_eq!(asked(0), json!({ "warn_at": warn_at, "next_multiplier": 2 }));
    assert_eq!((asked(1), asked(2), asked(3)), (json!(null), asked(0), json!(null)));
    let seen = public(&table);
    assert_eq!(seen["awaited"], json!([]));
    table.wake();
    assert_eq!((public(&table), next_wake(&table)), (seen, Some((30_000 - thinking, "deadline".into()))));
}

#[test]
fn the_first_accepter_in_play_order_starts_a_dearer_round() {
    let mut table = weak_room();
    assert_eq!(redeal(&mut table, "bob", true), Err("not_your_turn"), "a strong hand is not asked");
    redeal(&mut table, "cid", true).unwrap();
    assert_eq!(redeal(&mut table, "cid", false), Err("not_your_turn"), "a decision stands");
    assert_eq!(public(&table)["multiplier"], 1, "everybody is waited for");
    redeal(&mut table, "ann", true).unwrap();
    assert_eq!(public(&table)["multiplier"], 2);
    assert_eq!(next_wake(&table), Some((4_000, "pause".into())), "after a redeal");
    arrange(&mut table, |state| state["game"]["hands"] = json!(plain_hands()));
    wake_until(&mut table, "round_start");
    assert_eq!(public(&table)["starter"], 1);
    assert_eq!(public(&table)["reason"], "accepted_redeal");
    wake_until(&mut table, "scoring");
    let row = public(&table)["sheet"][0].clone();
    for seat in 0..4 {
        let (declared, piles) = (row["declared"][seat].as_u64().unwrap(), row["piles"][seat].as_u64().unwrap());
        let base = liap_tui::score::points(declared as u8, piles as u8);
        assert_eq!(row["points"][seat], 2 * base, "points are multiplied");
    }
}

#[test]
fn whoever_says_nothing_about_a_weak_hand_keeps_it() {
    let mut table = weak_room();
    redeal(&mut table, "cid", false).unwrap();
    table.wake();
    table.wake();
    assert_eq!((phase(&table).as_str(), public(&table)["multiplier"].clone()), ("round_start", json!(1)));
    let mut table = weak_room();
    redeal(&mut table, "cid", false).unwrap();
    lost(&mut table, "ann");
    assert_eq!(phase(&table), "round_start", "who is gone keeps their hand");
}

#[test]
fn play_order_begins_at_the_starter_of_the_round_before() {
    let mut table = declaring(1);
    assert_eq!(public(&table)["starter"], 2);
    wake_until(&mut table, "scoring");
    table.wake();
    arrange(&mut table, |state| state["game"]["hands"] = json!(weak_hands()));
    table.wake();
    redeal(&mut table, "ann", true).unwrap();
    redeal(&mut table, "cid", true).unwrap();
    arrange(&mut table, |state| state["game"]["hands"] = json!(plain_hands()));
    wake_until(&mut table, "round_start");
    assert_eq!(public(&table)["starter"], 3, "in the order 2, 3, 4, 1");
}

#[test]
fn declarations_in_seat_order_with_their_restrictions() {
    let mut table = declaring(1);
    arrange(&mut table, |state| state["game"]["zeros"] = json!([0, 2, 0, 0]));
    let declare =
        |table: &mut Table, id: &str, value: u8| send(table, id, json!({ "type": "declare", "value": value }));
    assert_eq!(declare(&mut table, "cid", 1), Err("not_your_turn"));
    assert_eq!(declare(&mut table, "bob", 0), Err("invalid_declaration"), "a third zero");
    assert_eq!(declare(&mut table, "bob", 9), Err("invalid_declaration"));
    declare(&mut table, "bob", 2).unwrap();
    declare(&mut table, "cid", 3).unwrap();
    declare(&mut table, "dee", 0).unwrap();
    assert_eq!(view(&table, &Sight::Seat(0))["may_declare"], json!([0, 1, 2, 4, 5, 6, 7, 8]));
    assert_eq!(declare(&mut table, "ann", 3), Err("invalid_declaration"), "the sum would be 8");
    declare(&mut table, "ann", 1).unwrap();
    assert_eq!((phase(&table).as_str(), public(&table)["awaited"].clone()), ("turn", json!([2])));
}

#[test]
fn zeros_count_from_round_to_round_until_something_else_is_declared() {
    for (value, zeros) in [(0, 2), (3, 0)] {
        let mut table = declaring(1);
        arrange(&mut table, |state| state["game"]["zeros"] = json!([0, 1, 0, 0]));
        send(&mut table, "bob", json!({ "type": "declare", "value": value })).unwrap();
        wake_until(&mut table, "scoring");
        table.wake();
        assert_eq!(json!(table.state)["game"]["zeros"][1], zeros);
    }
}

#[test]
fn plays_that_are_refused() {
    let mut table = playing(1, [1, 1, 1, 1]);
    assert_eq!(play(&mut table, "cid", &[0]), Err("not_your_turn"));
    assert_eq!(play(&mut table, "eve", &[0]), Err("permission_denied"), "who watches has no seat, whatever they send");
    assert_eq!(play(&mut table, "bob", &[]), Err("invalid_play"));
    assert_eq!(play(&mut table, "bob", &[8]), Err("invalid_play"), "not held");
    assert_eq!(play(&mut table, "bob", &[6, 6]), Err("invalid_play"), "twice the same");
    assert_eq!(play(&mut table, "bob", &[0, 1, 2, 3, 4, 5, 6]), Err("invalid_play"), "seven");
    assert_eq!(play(&mut table, "bob", &[0, 1]), Err("invalid_play"), "no set to lead");
    play(&mut table, "bob", &[6, 7]).unwrap();
    assert_eq!(play(&mut table, "cid", &[0]), Err("invalid_play"), "everybody plays two");
    play(&mut table, "cid", &[0, 7]).unwrap();
    assert_eq!(send(&mut table, "dee", json!({ "type": "declare", "value": 1 })), Err("not_your_turn"));
}

#[test]
fn plays_are_face_down_until_all_are_in_and_the_winner_leads_next() {
    let mut table = playing(1, [1, 1, 1, 1]);
    play(&mut table, "bob", &[6, 7]).unwrap();
    play(&mut table, "cid", &[0, 7]).unwrap();
    let seen = |table: &Table, seat| view(table, &Sight::Seat(seat))["trick"]["plays"].clone();
    assert_eq!(seen(&table, 0)[0], json!({ "slot_id": 2, "pieces": null, "kind": null }));
    assert_eq!(seen(&table, 1)[0]["kind"], "pair");
    assert_eq!(public(&table)["trick"]["required"], 2);
    // Slot 4 forfeits nothing: two red soldiers beat two black ones.
    play(&mut table, "dee", &[4, 5]).unwrap();
    play(&mut table, "ann", &[6, 7]).unwrap();
    assert_eq!(seen(&table, 0)[1], json!({ "slot_id": 3, "pieces": ["red_advisor", "black_soldier"], "kind": null }));
    assert_eq!(public(&table)["trick"]["winner"], 4);
    table.wake();
    assert_eq!(public(&table)["seats"][3]["piles"], 2, "as many piles as pieces a player");
    table.wake();
    assert_eq!(public(&table)["awaited"], json!([4]));
}

#[test]
fn a_lost_connection_gives_the_seat_to_a_bot_at_once_and_the_return_takes_it_back() {
    let mut table = playing(1, [1, 1, 1, 1]);
    lost(&mut table, "bob");
    let (ms, key) = next_wake(&table).unwrap();
    assert!(key == "bot" && (500..=1500).contains(&ms));
    assert_eq!(public(&table)["seats"][1]["away"], true);
    assert_eq!(play(&mut table, "bob", &[0]), Err("seat_left"));
    returned(&mut table, "bob");
    assert_eq!(next_wake(&table), Some((45_000, "deadline".into())));
    play(&mut table, "bob", &[0]).unwrap();
    send(&mut table, "cid", json!({ "type": "leave_room" })).unwrap();
    table.wake();
    assert_eq!(public(&table)["awaited"], json!([4]), "a bot played for who left");
    join(&mut table, "cid", "").unwrap();
    assert_eq!(public(&table)["seats"][2]["away"], false);
}

#[test]
fn the_host_moves_to_somebody_present() {
    let mut table = playing(1, [1, 1, 1, 1]);
    lost(&mut table, "bob");
    lost(&mut table, "ann");
    assert_eq!(public(&table)["seats"][2]["host"], true);
    returned(&mut table, "ann");
    assert_eq!(public(&table)["seats"][0]["host"], false, "and stays there");
}

#[test]
fn thirty_seconds_after_the_last_human_left_the_room_is_gone() {
    let mut table = room(1);
    start(&mut table);
    lost(&mut table, "ann");
    let gone = table.at.time.0 + 30_000;
    while table.state.sight(&viewer("ann")) != Sight::Nothing {
        assert!(table.wake());
    }
    assert_eq!(table.at.time.0, gone);
    assert!(!table.wake());
}

#[test]
fn only_the_host_retires_a_room() {
    let mut table = full_room(1);
    assert!(table.decide(Input::Retire { by: viewer("bob") }).is_err());
    assert!(table.decide(Input::Retire { by: viewer("ann") }).is_ok());
}

/// Ann's game with three bots, played to its end.
fn finished(number: u64) -> Table {
    let mut table = room_of(number, json!({ "name": "Ann", "pace": "fast" }));
    start(&mut table);
    while table.wake() {}
    assert_eq!(phase(&table), "game_over");
    table
}

fn rematch(table: &mut Table, id: &str, room: &str) -> Result<(), &'static str> {
    send(table, id, json!({ "type": "rematch", "room": room }))
}

#[test]
fn the_first_rematch_stands_and_everybody_sees_it() {
    let mut table = finished(1);
    assert_eq!(public(&table)["rematch"], json!(null));
    rematch(&mut table, "ann", "4F2A9C").unwrap();
    for sight in [Sight::Public, Sight::Seat(0), Sight::Seat(3), Sight::All] {
        assert_eq!(view(&table, &sight)["rematch"], "4F2A9C");
    }
    let event: RoomEvent = serde_json::from_slice(&table.history.last().unwrap().1[0]).unwrap();
    let heard = table.state.reveal(&event, &Sight::All);
    assert_eq!(heard, Some(json!({ "type": "rematch", "slot_id": 1, "room": "4F2A9C" })));
    let command: RoomCommand = serde_json::from_value(json!({ "type": "rematch", "room": "B81D03" })).unwrap();
    let refused = table.decide(Input::Command { by: viewer("ann"), command }).unwrap_err();
    assert_eq!(refused.code, "rematch_stands");
    assert!(refused.message.contains("4F2A9C"), "a page goes where the first one went: {refused}");
    assert_eq!(public(&table)["rematch"], "4F2A9C");
    assert!(!table.wake(), "the old room waits for nothing");
}

#[test]
fn no_rematch_before_the_end_or_by_who_watched() {
    let mut table = full_room(1);
    assert_eq!(rematch(&mut table, "bob", "B81D03"), Err("game_not_over"));
    start(&mut table);
    assert_eq!(rematch(&mut table, "ann", "B81D03"), Err("game_not_over"), "not by the host either");
    let mut table = finished(1);
    assert_eq!(rematch(&mut table, "eve", "B81D03"), Err("permission_denied"));
    assert_eq!(public(&table)["rematch"], json!(null));
}

#[test]
fn a_rematch_names_a_room_as_the_engine_does() {
    let long = "x".repeat(64);
    let too_long = "x".repeat(65);
    for room in ["a", "4F2A9C", "_tenant", "liap-tui", &long, "", &too_long, "a/b", "a b", "../x", "é", "a\u{200b}"] {
        let expected = if room.parse::<dormouse::core::Name>().is_ok() { Ok(()) } else { Err("invalid_room") };
        assert_eq!(rematch(&mut finished(1), "ann", room), expected, "{room:?}");
    }
}
