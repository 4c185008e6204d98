//! What a seed deals: written down, made again by other means, and shown to whoever wants to check. `UPDATE_GOLDEN=1` writes it anew.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::{Command, Stdio};

use dormouse::{
    core::{Hash, dice::Secret},
    prelude::*,
};
use liap_tui::pieces::{Piece, deal, deck};
use support::*;

/// Of many seeds: their digits, and the points of the four hands. Frozen, since every record of a game rests on them.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/deals.txt");

fn seeds() -> Vec<Seed> {
    let ends = [Seed([0; 32]), Seed([255; 32]), Seed(std::array::from_fn(|at| at as u8))];
    ends.into_iter().chain((0..29).map(|seq| Secret([1; 32]).seed(seq, 0))).collect()
}

fn hex(seed: Seed) -> String {
    Hash(seed.0).to_string()
}

fn line(seed: Seed, hands: &[Vec<Piece>]) -> String {
    let points = |hand: &Vec<Piece>| hand.iter().map(|piece| piece.points().to_string()).collect::<Vec<_>>().join(" ");
    format!("{}: {}\n", hex(seed), hands.iter().map(points).collect::<Vec<_>>().join(" | "))
}

#[test]
fn a_seed_deals_what_it_always_has() {
    let dealt: String = seeds().into_iter().map(|seed| line(seed, &deal(seed))).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &dealt).unwrap();
    }
    assert_eq!(std::fs::read_to_string(GOLDEN).unwrap(), dealt);
}

/// By the words at `pieces::deal` alone.
#[test]
fn whoever_reads_how_it_is_done_deals_the_same() {
    for seed in seeds() {
        assert_eq!(line(seed, &by_the_words(seed)), line(seed, &deal(seed)));
    }
}

fn by_the_words(seed: Seed) -> Vec<Vec<Piece>> {
    let bytes: Vec<u8> = (0..16).flat_map(|block| chacha20(&seed.0, block)).collect();
    let mut numbers = bytes.chunks(8).map(|chunk| u64::from_le_bytes(chunk.try_into().unwrap()));
    let mut pieces = deck();
    for place in (1..32).rev() {
        let n = place as u64 + 1;
        let low_enough = (1_u128 << 64) % u128::from(n);
        let wide = numbers.by_ref().map(|x| u128::from(x) * u128::from(n)).find(|wide| wide % (1 << 64) >= low_enough);
        pieces.swap(place, (wide.unwrap() >> 64) as usize);
    }
    let sorted = |eight: &[Piece]| {
        let mut hand = eight.to_vec();
        hand.sort_by_key(|piece| 14 - piece.points());
        hand
    };
    pieces.chunks(8).map(sorted).collect()
}

/// One block of RFC 8439, section 2.3, with a nonce of zeros.
fn chacha20(key: &[u8; 32], block: u32) -> Vec<u8> {
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let constants = b"expand 32-byte k".chunks(4).map(word);
    let begin: Vec<u32> = constants.chain(key.chunks(4).map(word)).chain([block, 0, 0, 0]).collect();
    let mut state = begin.clone();
    for _ in 0..10 {
        for column in 0..4 {
            quarter_round(&mut state, [0, 1, 2, 3].map(|row| 4 * row + column));
        }
        for column in 0..4 {
            quarter_round(&mut state, [0, 1, 2, 3].map(|row| 4 * row + (column + row) % 4));
        }
    }
    state.iter().zip(&begin).flat_map(|(a, b)| a.wrapping_add(*b).to_le_bytes()).collect()
}

fn quarter_round(state: &mut [u32], [a, b, c, d]: [usize; 4]) {
    for (x, y, z, by) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
        state[x] = state[x].wrapping_add(state[y]);
        state[z] = (state[z] ^ state[x]).rotate_left(by);
    }
}

fn printed(arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_liap-tui"));
    let output = command.arg("deal").args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_the_hands_of_a_seed() {
    let seed = Secret([1; 32]).seed(3, 0);
    let (ok, json, _) = printed(&[&hex(seed), "--json"]);
    assert!(ok);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), json!({ "hands": deal(seed) }));
    let (ok, text, _) = printed(&[&hex(seed).to_uppercase()]);
    assert!(ok);
    for (line, (hand, slot)) in text.lines().zip(deal(seed).iter().zip(1..)) {
        let highest = json!(hand[0]).as_str().unwrap().replace('_', " ");
        assert!(line.starts_with(&format!("slot {slot}")) && line.contains(&highest), "{line}");
    }
    assert_eq!(text.lines().count(), 4);
    for wrong in ["", "12", &"g".repeat(64), &"+f".repeat(32), &"é".repeat(32)] {
        let (ok, said, error) = printed(&[wrong]);
        assert!(!ok && said.is_empty() && error.contains("64 hexadecimal digits"), "{wrong}: {error}");
    }
}

/// Ann with three bots.
fn started() -> liap_tui::Table {
    let mut table = room(8);
    start(&mut table);
    table
}

#[test]
fn once_the_game_is_over_every_hand_and_every_deal_is_open() {
    let mut table = started();
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
    let mut table = started();
    while phase(&table) != "game_over" {
        for sight in [Sight::Public, Sight::Seat(0)] {
            assert_eq!(view(&table, &sight)["deals"], json!([]));
        }
        assert!(table.wake());
    }
}
