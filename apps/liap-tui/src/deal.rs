//! The command `deal`: the hands that a seed makes, so that whoever has played can check what they were dealt.

use std::io::Write;

use clap::Parser;
use dormouse::prelude::*;

use crate::pieces::{Piece, deal, is_weak};

/// Print the four hands of a deal, from the seed that its room shows once the game is over.
#[derive(Parser)]
#[command(name = "deal")]
pub struct Options {
    /// 64 hexadecimal digits.
    #[arg(value_parser = seed)]
    seed: Seed,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Print the hands of the seed that the options name.
pub fn run(options: Options) -> ExitCode {
    let hands = deal(options.seed);
    let text = if options.json { json!({ "hands": hands }).to_string() } else { lines(&hands) };
    match writeln!(std::io::stdout(), "{text}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn seed(text: &str) -> Result<Seed, String> {
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("a seed is 64 hexadecimal digits".to_owned());
    }
    let byte = |at: usize| u8::from_str_radix(&text[2 * at..][..2], 16).expect("two digits");
    Ok(Seed(std::array::from_fn(byte)))
}

fn lines(hands: &[Vec<Piece>]) -> String {
    let line = |(hand, slot): (&Vec<Piece>, usize)| {
        let names: Vec<String> = hand.iter().map(name).collect();
        format!("slot {slot}{}  {}", if is_weak(hand) { ", weak" } else { "      " }, names.join(", "))
    };
    hands.iter().zip(1..).map(line).collect::<Vec<_>>().join("\n")
}

/// As a person says it: `red general`.
fn name(piece: &Piece) -> String {
    let colour = if piece.is_red() { "red" } else { "black" };
    format!("{colour} {:?}", piece.name()).to_lowercase()
}
