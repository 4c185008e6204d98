//! Frames in both directions: what is read, said again, is read as the same.

use dormouse_client::frame as theirs;
use dormouse_core::{
    Address, Code, Name,
    frame::{client, glimpse::glimpse},
    strict,
};

use super::said;
use crate::text::text;

/// A frame that a host takes is sound JSON, and says the same when the Rust client says it. Of one that it refuses nothing is told but words of
/// the protocol and names.
pub fn client_frame(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(frame) = client::parse(text) else { return refused(text) };
    taken(text, &frame);
    let again = said::by_client(&frame).text();
    let reread = client::parse(&again).unwrap_or_else(|failure| panic!("{again} is refused: {failure}"));
    assert_eq!(format!("{frame:?}"), format!("{reread:?}"), "said again");
}

/// The text of a `send` is not checked as a whole, since each part of it has an alphabet of its own; that of its actor is asked for later.
fn taken(text: &str, frame: &client::ClientFrame) {
    let checked = strict::check(text.as_bytes());
    let is_left_for_later =
        matches!(frame, client::ClientFrame::Send { actor, .. } if Address::in_tenant(&main(), actor).is_err());
    assert!(checked.is_ok() || is_left_for_later && checked == Err(Code::BadString), "taken, but {checked:?}");
}

fn refused(text: &str) {
    let told = glimpse(text);
    assert!(told.actor.iter().all(|actor| Address::in_tenant(&main(), actor).is_ok()), "no address: {told:?}");
    let is_plain = |id: &String| id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':'));
    assert!(told.command_id.iter().all(is_plain), "no id: {told:?}");
    assert!(told.action.is_some() || told == Default::default(), "of what it is not known: {told:?}");
}

fn main() -> Name {
    "main".parse().expect("a name")
}

/// A frame that a client reads says the same when a host says it.
pub fn server_frame(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(Some(frame)) = theirs::decode(text) else { return };
    let Some(again) = said::by_host(&frame) else { return };
    let reread = theirs::decode(&again).unwrap_or_else(|error| panic!("{again} cannot be read: {error}"));
    assert_eq!(format!("{:?}", Some(frame)), format!("{reread:?}"), "said again");
}
