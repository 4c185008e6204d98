//! A whole game as a record that one can follow with the rules in hand. `UPDATE_GOLDEN=1` writes it anew.

#![allow(clippy::unwrap_used)]

mod support;

use std::fmt::Write;

use dormouse::prelude::*;
use liap_tui::{
    RoomEvent, Table,
    game::GameEvent,
    pieces::{Piece, deal},
    plays::Set,
};
use support::*;

const LEGEND: &str = "\
# Room 471: four bots, easy ones in slots 1 and 3, hard ones in slots 2 and 4; first to 50.
# Red pieces are in capitals. GENERAL 14 general 13, ADVISOR 12 advisor 11, ELEPHANT 10 elephant 9, CHARIOT 8 chariot 7,
# HORSE 6 horse 5, CANNON 4 cannon 3, SOLDIER 2 soldier 1. A play that makes no valid set is marked as a forfeit.
";

/// Writes down what happens.
#[derive(Default)]
struct Record {
    text: String,
    round: u32,
    multiplier: i32,
    trick: Vec<(usize, Vec<Piece>)>,
    declared: [u8; 4],
    piles: [usize; 4],
    scores: [i32; 4],
}

fn piece(piece: &Piece) -> String {
    let name = format!("{:?}", piece.name());
    if piece.is_red() { name.to_uppercase() } else { name.to_lowercase() }
}

fn words(pieces: &[Piece]) -> String {
    pieces.iter().map(piece).collect::<Vec<_>>().join(" ")
}

impl Record {
    fn line(&mut self, line: impl AsRef<str>) {
        writeln!(self.text, "{}", line.as_ref()).unwrap();
    }

    fn hands(&mut self, seed: Seed) {
        for (seat, hand) in deal(seed).iter().enumerate() {
            self.line(format!("  slot {} holds {}", seat + 1, words(hand)));
        }
    }

    fn heard(&mut self, event: &GameEvent) {
        match event {
            GameEvent::Dealt { seed } => {
                (self.round, self.multiplier, self.piles) = (self.round + 1, 1, [0; 4]);
                self.line(format!("\nround {}", self.round));
                self.hands(*seed);
            }
            GameEvent::Redealt { seed, accepter } => {
                self.multiplier += 1;
                self.line(format!("  redeal for slot {}: points count {} times", accepter + 1, self.multiplier));
                self.hands(*seed);
            }
            GameEvent::Decided { seat, accept } => {
                let said = if *accept { "asks for another deal" } else { "keeps it" };
                self.line(format!("  slot {} has a weak hand and {said}", seat + 1));
            }
            GameEvent::RoundStarted { starter, reason } => {
                self.line(format!("  slot {} starts ({})", starter + 1, json!(reason).as_str().unwrap()));
            }
            GameEvent::Declared { seat, value } => {
                self.declared[*seat] = *value;
                self.line(format!("  slot {} declares {value}", seat + 1));
            }
            GameEvent::Played { seat, pieces } => self.trick.push((*seat, pieces.clone())),
            GameEvent::TurnResolved { winner } => self.trick_taken(*winner),
            GameEvent::RoundScored {} => self.round_scored(),
            GameEvent::Ended { winners } => {
                let slots = winners.iter().map(|seat| (seat + 1).to_string()).collect::<Vec<_>>().join(" and ");
                self.line(format!("\nslot {slots} wins with {}", self.scores[winners[0]]));
            }
            GameEvent::Asked { .. } | GameEvent::Waits { .. } => {}
        }
    }

    fn trick_taken(&mut self, winner: usize) {
        let trick = std::mem::take(&mut self.trick);
        let count = trick[0].1.len();
        self.piles[winner] += count;
        for (place, (seat, pieces)) in trick.iter().enumerate() {
            let kind = Set::of(pieces).map_or(json!("forfeit"), |set| json!(set.kind));
            let verb = if place == 0 { "leads" } else { "plays" };
            let took = if *seat == winner { format!(" takes {count}") } else { String::new() };
            let shown = format!("{} ({})", words(pieces), kind.as_str().unwrap());
            self.line(format!("    slot {} {verb} {shown}{took}", seat + 1));
        }
        self.line("    --");
    }

    fn round_scored(&mut self) {
        for seat in 0..4 {
            let (declared, took) = (self.declared[seat], self.piles[seat]);
            let points = liap_tui::score::points(declared, took as u8) * self.multiplier;
            self.scores[seat] += points;
            self.line(format!("  slot {} said {declared}, took {took}: {points:+} is {}", seat + 1, self.scores[seat]));
        }
    }
}

fn game(number: u64) -> Table {
    let mut table = unseen_room_of(number, json!({}));
    for slot_id in [2, 4] {
        send(&mut table, "ann", json!({ "type": "add_bot", "slot_id": slot_id, "level": "hard" })).unwrap();
    }
    start(&mut table);
    while table.wake() {}
    table
}

fn record_of(table: &Table) -> Record {
    let mut record = Record { text: LEGEND.to_owned(), ..Record::default() };
    for event in table.history.iter().flat_map(|(_, events)| events) {
        if let RoomEvent::Game(event) = serde_json::from_slice(event).unwrap() {
            record.heard(&event);
        }
    }
    record
}

#[test]
fn a_whole_game() {
    let table = game(471);
    let record = record_of(&table);
    let end = view(&table, &Sight::All);
    for seat in 0..4 {
        assert_eq!(end["seats"][seat]["score"], record.scores[seat], "the record counts as the room does");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/whole-game.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &record.text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    let first = golden.lines().zip(record.text.lines()).enumerate().find(|(_, (was, is))| was != is);
    assert!(golden == record.text, "not the game of {path} (UPDATE_GOLDEN=1 takes it): {first:?}");
}
