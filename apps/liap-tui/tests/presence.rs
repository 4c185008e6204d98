//! Who is at the table: a seat, and a room before its start, are held by watching.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dormouse::prelude::*;
use liap_tui::Table;
use support::*;

#[test]
fn a_room_that_its_host_never_sees_closes() {
    for config in [json!({ "name": "Ann" }), json!({})] {
        let mut table = unseen_room_of(1, config.clone());
        join(&mut table, "bob", "Bob").unwrap();
        assert_eq!(next_wake(&table), Some((30_000, "absent".into())), "{config}");
        assert!(table.wake());
        assert_eq!(table.state.sight(&viewer("bob")), Sight::Nothing, "{config}");
    }
}

#[test]
fn a_host_without_a_seat_holds_the_room_by_watching_it() {
    let mut table = room_of(1, json!({}));
    join(&mut table, "bob", "Bob").unwrap();
    assert_eq!(next_wake(&table), None);
    lost(&mut table, "ann");
    assert_eq!(next_wake(&table), Some((30_000, "absent".into())));
    returned(&mut table, "ann");
    assert_eq!(next_wake(&table), None);
    lost(&mut table, "ann");
    assert!(table.wake());
    assert_eq!(table.state.sight(&viewer("bob")), Sight::Nothing);
}

#[test]
fn who_does_not_watch_is_there_for_a_while_after_what_they_say() {
    for config in [json!({ "name": "Ann" }), json!({})] {
        let mut table = unseen_room_of(1, config.clone());
        table.at.time = table.at.time.after(Duration::from_secs(20));
        assert_eq!(next_wake(&table), Some((10_000, "absent".into())), "{config}");
        send(&mut table, "ann", json!({ "type": "remove_player", "slot_id": 3 })).unwrap();
        assert_eq!(next_wake(&table), Some((30_000, "absent".into())), "{config}");
        lost(&mut table, "ann");
        assert_eq!(next_wake(&table), Some((30_000, "absent".into())), "{config}");
    }
}

#[test]
fn a_seat_that_nobody_watches_from_is_free_again_after_thirty_seconds() {
    let mut table = room(1);
    send(&mut table, "bob", json!({ "type": "join", "name": "Bob" })).unwrap();
    assert_eq!(next_wake(&table), Some((30_000, "absent".into())));
    assert_eq!(join(&mut table, "bob", "Bob"), Err("already_seated"), "to ask again is not to watch");
    assert!(table.wake());
    assert_eq!((names(&table)[1].as_str(), next_wake(&table)), ("Bot 2", None), "the bot that made room is back");
}

#[test]
fn who_comes_back_to_a_game_without_its_host_is_the_host() {
    let mut table = full_room(1);
    start(&mut table);
    for id in PEOPLE {
        lost(&mut table, id);
    }
    let host = |table: &Table| (0..4).find(|seat| public(table)["seats"][seat]["host"] == true);
    assert_eq!(host(&table), Some(3), "the last who was there");
    returned(&mut table, "bob");
    assert_eq!(host(&table), Some(1));
    returned(&mut table, "ann");
    assert_eq!(host(&table), Some(1), "and stays it");
}

#[test]
fn a_seat_is_held_by_watching_the_room() {
    let mut table = full_room(1);
    start(&mut table);
    let leave = || json!({ "type": "leave_room" });
    let is_away = |table: &Table| public(table)["seats"][1]["away"] == true;
    lost(&mut table, "bob");
    let joined = send(&mut table, "bob", json!({ "type": "join", "name": "Bob" }));
    assert_eq!((joined, is_away(&table)), (Err("already_seated"), true), "nothing would tell that he is gone again");
    returned(&mut table, "bob");
    assert!(!is_away(&table));
    send(&mut table, "bob", leave()).unwrap();
    assert_eq!((is_away(&table), send(&mut table, "bob", leave())), (true, Err("seat_left")));
    send(&mut table, "bob", json!({ "type": "join", "name": "Bob" })).unwrap();
    assert!(!is_away(&table), "he watches");
}
