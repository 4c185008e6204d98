//! Mutations without libFuzzer: the same for the same number, so that what a test finds it finds again.

use dormouse_core::{Dice, dice::Secret};

use crate::{Target, corpus::Named};

/// Changes of one input: few, so that something of what is sound stays sound.
const CHANGES_MAX: u64 = 4;
/// Bytes that one change copies, drops or repeats.
const SPAN_MAX: u64 = 64;

/// What parsers treat in some way of their own: numbers at an edge, and the marks of JSON and of our texts.
const WORDS: &str = r#"0 1 -1 00 255 256 65536 4294967295 4294967296 9007199254740993 9223372036854775807 9223372036854775808
    18446744073709551615 18446744073709551616 1e999 1.0 -0 null true [] {} "" [[[[[[[[ ] } , : / ~0 ~1 " \ \u0000 \ud800 a/b start 0000000000000000"#;
/// The same, of what is no word.
const MARKS: [&[u8]; 7] = [b"\n", b"\r\n", b"\t", b"\0", b"\xff", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80"];

/// The `nth` mutation of a target's inputs.
pub fn mutation(target: &Target, inputs: &[Named], nth: u64) -> Vec<u8> {
    let mut dice = Secret([9; 32]).seed(nth, 0).dice();
    let mut input = pick(&mut dice, inputs).1.clone();
    for _ in 0..=dice.below(CHANGES_MAX) {
        change(&mut input, inputs, &mut dice);
    }
    input.truncate(target.bytes_max);
    input
}

fn pick<'a>(dice: &mut Dice, from: &'a [Named]) -> &'a Named {
    &from[dice.below(from.len() as u64) as usize]
}

fn morsel(dice: &mut Dice) -> Vec<u8> {
    let morsels: Vec<&[u8]> = WORDS.split_whitespace().map(str::as_bytes).chain(MARKS).collect();
    morsels[dice.below(morsels.len() as u64) as usize].to_vec()
}

fn change(input: &mut Vec<u8>, inputs: &[Named], dice: &mut Dice) {
    let at = dice.below(input.len() as u64 + 1) as usize;
    let span = at..(at + 1 + dice.below(SPAN_MAX) as usize).min(input.len()).max(at);
    match dice.below(9) {
        0 => flip(input, dice),
        1 => drop(input.splice(at..at, morsel(dice))),
        2 => overwrite(input, at, &morsel(dice)),
        3 => drop(input.drain(span)),
        4 => drop(input.splice(at..at, input[span].to_vec())),
        5 => input.truncate(at),
        6 => splice(input, at, &pick(dice, inputs).1, dice),
        7 => change_number(input, at, dice),
        _ => swap_lines(input, dice),
    }
}

fn flip(input: &mut [u8], dice: &mut Dice) {
    if !input.is_empty() {
        let bit = dice.below(input.len() as u64 * 8);
        input[(bit / 8) as usize] ^= 1 << (bit % 8);
    }
}

fn overwrite(input: &mut Vec<u8>, at: usize, with: &[u8]) {
    let end = (at + with.len()).min(input.len());
    input.splice(at..end, with.iter().copied());
}

/// A part of another input, in the place of as much or of nothing.
fn splice(input: &mut Vec<u8>, at: usize, other: &[u8], dice: &mut Dice) {
    let from = dice.below(other.len() as u64 + 1) as usize;
    let length = (dice.below(4 * SPAN_MAX) as usize).min(other.len() - from);
    let part = &other[from..from + length];
    if dice.below(2) == 0 { overwrite(input, at, part) } else { drop(input.splice(at..at, part.iter().copied())) }
}

/// The next number after this place becomes another one.
fn change_number(input: &mut Vec<u8>, at: usize, dice: &mut Dice) {
    let Some(start) = input[at..].iter().position(u8::is_ascii_digit).map(|after| at + after) else { return };
    let end = input[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(input.len(), |after| start + after);
    let number: u64 = std::str::from_utf8(&input[start..end]).ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let other = match dice.below(5) {
        0 => number.wrapping_add(1),
        1 => number.wrapping_sub(1),
        2 => dice.below(300),
        3 => u64::MAX >> dice.below(64),
        _ => number.rotate_left(8),
    };
    input.splice(start..end, other.to_string().into_bytes());
}

fn swap_lines(input: &mut Vec<u8>, dice: &mut Dice) {
    let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let (one, other) = (dice.below(lines.len() as u64) as usize, dice.below(lines.len() as u64) as usize);
    if dice.below(2) == 0 {
        lines.swap(one, other)
    } else {
        lines.insert(one, lines[other])
    }
    *input = lines.join(&b'\n');
}
