//! What has one text: positions, cursors, ids, names, addresses; and the lines of text that people see.

use std::{fmt::Display, str::FromStr};

use dormouse_core::{
    Address, Name, Position,
    frame::client::From,
    outbox::{CommandId, OutboxId},
    text::{folded, is_printable, line},
};
use dormouse_journal::index::Cursor;

use crate::text::text;

/// Whatever is read has one text, which is the one it was read from; cursors alone may have been written differently.
pub fn position(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for text in text.lines() {
        canonical::<Position>(text);
        canonical::<OutboxId>(text);
        canonical::<CommandId>(text);
        if let Ok(cursor) = text.parse::<Cursor>() {
            assert_eq!(cursor.to_string().parse(), Ok(cursor), "the cursor of {text:?}");
        }
        if let Ok(From::After(position)) = text.parse() {
            assert_eq!(position.to_string(), text, "where to resume");
        }
        in_json(text);
    }
}

/// A name is a name, an address three of them, in the order in which they are stored; what is a line is one, also when it is asked again.
pub fn name(data: &[u8]) {
    let Some(text) = text(data) else { return };
    canonical::<Name>(text);
    canonical::<Address>(text);
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(Address::in_tenant(&address.tenant, &address.actor()).as_ref(), Ok(&address), "without its tenant");
        assert!(!text.contains(['.', '\\', '%', ':']) && text.is_ascii() && text.matches('/').count() == 2, "{text:?}");
    }
    for chars_max in [1, 50, 200] {
        if let Ok(kept) = line(text, chars_max) {
            is_line(kept, chars_max);
        }
    }
    assert_eq!(folded(&folded(text)), folded(text), "what looks the same");
}

fn is_line(kept: &str, chars_max: usize) {
    assert_eq!(line(kept, chars_max), Ok(kept), "a line stays what it is");
    assert!(kept.chars().all(is_printable) && kept.chars().count() <= chars_max, "{kept:?}");
    assert!(!kept.contains(['\n', '\r', '\0', '\u{202e}', '\u{2028}']), "{kept:?}");
    assert!(!folded(kept).is_empty(), "something can be seen of {kept:?}");
}

fn canonical<T: FromStr + Display>(text: &str) {
    if let Ok(parsed) = text.parse::<T>() {
        assert_eq!(parsed.to_string(), text, "it has another text");
    }
}

/// In JSON a position is its text.
fn in_json(text: &str) {
    let json = serde_json::to_string(text).expect("text is JSON");
    let read: Option<Position> = serde_json::from_str(&json).ok();
    assert_eq!(read, text.parse().ok(), "in JSON");
    if let Some(read) = read {
        assert_eq!(serde_json::to_string(&read).expect("a position is JSON"), json);
    }
}
