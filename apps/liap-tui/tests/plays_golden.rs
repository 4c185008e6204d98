//! Every set that the deck can make, for the page to agree with: `docs/fixtures/liap-tui-plays.json`. `UPDATE_GOLDEN=1` writes it anew.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use dormouse::prelude::*;
use liap_tui::{
    pieces::Piece,
    plays::{PLAY_PIECES_MAX, Set},
};

/// All choices of at most so many pieces from the deck, each once, lowest piece first.
fn choices(from: usize, most: usize) -> Vec<Vec<Piece>> {
    let Some(piece) = Piece::ALL.get(from) else { return vec![vec![]] };
    let copies = 0..=piece.copies().min(most);
    let with = |count: usize| {
        let rest = choices(from + 1, most - count).into_iter();
        rest.map(move |rest| std::iter::repeat_n(*piece, count).chain(rest).collect())
    };
    copies.flat_map(with).collect()
}

#[test]
fn the_page_knows_every_set_that_the_deck_can_make() {
    let all = choices(0, PLAY_PIECES_MAX);
    let sets: Vec<_> = all.iter().filter_map(|pieces| Some((pieces, Set::of(pieces)?))).collect();
    let kinds: BTreeSet<_> = sets.iter().map(|(_, set)| set.kind).collect();
    assert_eq!(kinds.len(), 9);

    let row = |(pieces, set): &(&Vec<Piece>, Set)| json!([set.kind, set.strength, pieces]).to_string();
    let rows: Vec<_> = sets.iter().map(row).collect();
    let text = format!("{{\"choices\":{},\"sets\":[\n{}\n]}}\n", all.len(), rows.join(",\n"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fixtures/liap-tui-plays.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == text, "not the sets of {path} (UPDATE_GOLDEN=1 takes them)");
}
