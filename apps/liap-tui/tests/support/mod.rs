//! What the tests of the room share: people, commands, and states that are arranged by hand.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::missing_panics_doc)]

use dormouse::prelude::*;
use liap_tui::{RoomCommand, RoomConfig, Table, pieces::Piece};

pub fn viewer(id: &str) -> Viewer {
    Viewer::new(Principal { id: id.into(), name: id.into() }, vec![])
}

/// A command as it arrives: JSON.
pub fn send(table: &mut Table, id: &str, command: Value) -> Result<(), &'static str> {
    let command: RoomCommand = serde_json::from_value(command).unwrap();
    table.decide(Input::Command { by: viewer(id), command }).map_err(|rejection| rejection.code)
}

/// Ann's room, as the config says; she watches it.
pub fn room_of(number: u64, config: Value) -> Table {
    let mut table = unseen_room_of(number, config);
    table.decide(Input::Joined { who: viewer("ann") }).unwrap();
    table
}

/// The same, before Ann watches it.
pub fn unseen_room_of(number: u64, config: Value) -> Table {
    let mut table = Table::new(number);
    let config: RoomConfig = serde_json::from_value(config).unwrap();
    table.decide(Input::Created { by: viewer("ann"), config }).unwrap();
    table
}

/// Ann hosts, three bots fill the room.
pub fn room(number: u64) -> Table {
    room_of(number, json!({ "name": "Ann" }))
}

/// Somebody who watches takes a seat, and is seen there.
pub fn join(table: &mut Table, id: &str, name: &str) -> Result<(), &'static str> {
    send(table, id, json!({ "type": "join", "name": name }))?;
    table.decide(Input::Joined { who: viewer(id) }).unwrap();
    Ok(())
}

pub const PEOPLE: [&str; 4] = ["ann", "bob", "cid", "dee"];

/// Four people, before the start.
pub fn full_room(number: u64) -> Table {
    let mut table = room(number);
    for id in &PEOPLE[1..] {
        join(&mut table, id, id).unwrap();
    }
    table
}

pub fn start(table: &mut Table) {
    send(table, "ann", json!({ "type": "start_game" })).unwrap();
}

pub fn view(table: &Table, sight: &Sight) -> Value {
    json!(table.state.view(sight))
}

pub fn public(table: &Table) -> Value {
    view(table, &Sight::Public)
}

pub fn phase(table: &Table) -> String {
    public(table)["phase"].as_str().unwrap().to_owned()
}

/// The room's state, changed by hand.
pub fn arrange(table: &mut Table, change: impl FnOnce(&mut Value)) {
    let mut state = json!(table.state);
    change(&mut state);
    table.state = serde_json::from_value(state).unwrap();
}

/// Wake the room until it stands in this phase and waits for somebody, or shows something.
pub fn wake_until(table: &mut Table, wanted: &str) {
    for _ in 0..10_000 {
        if phase(table) == wanted {
            return;
        }
        assert!(table.wake(), "the room waits for nothing in {}", phase(table));
    }
    panic!("never {wanted}");
}

/// Pieces by their points.
pub fn pieces(points: &[u8]) -> Vec<Piece> {
    points.iter().map(|points| Piece::ALL[usize::from(*points) - 1]).collect()
}

/// Four hands that nobody would call weak; slot 2 has the red general.
pub fn plain_hands() -> [Vec<Piece>; 4] {
    [
        pieces(&[13, 10, 9, 8, 7, 6, 1, 1]),
        pieces(&[14, 12, 9, 8, 7, 5, 1, 1]),
        pieces(&[12, 11, 6, 5, 4, 3, 2, 1]),
        pieces(&[11, 10, 4, 3, 2, 2, 2, 2]),
    ]
}

/// Four people who wait for the first declaration, slot 2's, with the plain hands.
pub fn declaring(number: u64) -> Table {
    let mut table = full_room(number);
    start(&mut table);
    arrange(&mut table, |state| state["game"]["hands"] = json!(plain_hands()));
    wake_until(&mut table, "declaration");
    table
}

/// The same after everybody has declared these, from slot 2 on; slot 2 leads.
pub fn playing(number: u64, declared: [u8; 4]) -> Table {
    let mut table = declaring(number);
    for (id, value) in ["bob", "cid", "dee", "ann"].into_iter().zip(declared) {
        send(&mut table, id, json!({ "type": "declare", "value": value })).unwrap();
    }
    table
}

pub fn play(table: &mut Table, id: &str, indices: &[u8]) -> Result<(), &'static str> {
    send(table, id, json!({ "type": "play", "indices": indices }))
}

pub fn names(table: &Table) -> Vec<String> {
    let seats = public(table)["seats"].as_array().unwrap().clone();
    seats.iter().map(|seat| seat["name"].as_str().unwrap_or("-").to_owned()).collect()
}

pub fn lost(table: &mut Table, id: &str) {
    table.decide(Input::Left { who: viewer(id) }).unwrap();
}

pub fn returned(table: &mut Table, id: &str) {
    table.decide(Input::Joined { who: viewer(id) }).unwrap();
}

/// Milliseconds until the next wake, and its key.
pub fn next_wake(table: &Table) -> Option<(u64, String)> {
    let (due, key) = table.state.agenda().wakes.into_iter().min()?;
    Some((due.0 - table.at.time.0, key))
}
