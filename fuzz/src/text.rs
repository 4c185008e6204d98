//! Inputs that are text: scripts of one step a line, so that whoever finds one in the corpus can read it.

/// The input as text, if it is that.
pub(crate) fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The first word of a line, and the rest of it.
pub(crate) fn word(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
}

/// A number that differs with the input and is the same for the same: what else would have to come from chance.
pub(crate) fn number(data: &[u8]) -> u64 {
    dormouse_core::Hash::of("dormouse/fuzz/1", &[data]).short()
}

/// The input with one bit, chosen by the input, flipped; `None` if it is empty.
pub(crate) fn flipped(data: &[u8]) -> Option<Vec<u8>> {
    let bit = number(data).checked_rem(data.len() as u64 * 8)?;
    let mut flipped = data.to_vec();
    flipped[(bit / 8) as usize] ^= 1 << (bit % 8);
    Some(flipped)
}
