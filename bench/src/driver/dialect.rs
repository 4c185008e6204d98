//! The two languages, and the echo's: what a command looks like and what a frame says.

use std::io::Write as _;

use clap::ValueEnum;

use super::scan::{Fields, number, text};

/// What the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// Sends back what it got; the command is its own answer.
    Echo,
    /// The raw rooms.
    Raw,
    /// The protocol of `docs/protocol.md`.
    Dormouse,
}

/// What a frame says, as far as somebody counts it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// Command `n` was committed as `seq`.
    Answer { n: u64, seq: u64 },
    /// The view as of commit `seq`.
    View(View<'a>),
    /// The session is open.
    Welcome { outbox: &'a str, in_flight: u64 },
    /// How a subscription was resumed.
    Resumed { kind: &'a str },
    /// The server refused something or says goodbye. No benchmark goes on after it.
    Refused,
    /// Presence, pongs, signals.
    Other,
}

/// A view's place, enough to resume from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct View<'a> {
    pub(super) seq: u64,
    pub(super) position: &'a str,
    pub(super) etag: &'a str,
}

impl Dialect {
    pub(super) fn read<'a>(self, frame: &'a [u8]) -> Frame<'a> {
        let read = match self {
            Self::Echo | Self::Raw => read_raw(frame),
            Self::Dormouse => read_dormouse(frame),
        };
        read.unwrap_or(Frame::Other)
    }
}

fn read_raw(frame: &[u8]) -> Option<Frame<'_>> {
    let (mut n, mut seq) = (None, 0);
    for (key, value) in Fields::of(frame) {
        match key {
            b"n" => n = number(value),
            b"seq" => seq = number(value)?,
            _ => {}
        }
    }
    Some(match n {
        Some(n) => Frame::Answer { n, seq },
        None => Frame::View(View { seq, position: "", etag: "" }),
    })
}

fn read_dormouse(frame: &[u8]) -> Option<Frame<'_>> {
    let mut fields = Fields::of(frame);
    // A serialiser writes the tag first; if one day it does not, the slow way is still right.
    let kind = match fields.next()? {
        (b"type", kind) => kind,
        _ => Fields::of(frame).find(|(key, _)| *key == b"type")?.1,
    };
    match text(kind)? {
        "accepted" => read_accepted(frame),
        "patch" | "snapshot" => read_view(frame),
        "welcome" => read_welcome(frame),
        "resumed" => field(frame, b"kind").and_then(text).map(|kind| Frame::Resumed { kind }),
        "rejected" | "error" | "goodbye" => Some(Frame::Refused),
        _ => None,
    }
}

fn field<'a>(frame: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    Fields::of(frame).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn read_accepted(frame: &[u8]) -> Option<Frame<'_>> {
    let (mut n, mut seq) = (None, None);
    for (key, value) in Fields::of(frame) {
        match key {
            b"command_id" => n = number(text(value)?.rsplit_once(':')?.1.as_bytes()),
            b"position" => seq = seq_of(text(value)?),
            _ => {}
        }
    }
    Some(Frame::Answer { n: n?, seq: seq? })
}

fn read_view(frame: &[u8]) -> Option<Frame<'_>> {
    let (mut position, mut etag) = (None, None);
    for (key, value) in Fields::of(frame) {
        match key {
            b"position" => position = text(value),
            b"etag" => etag = text(value),
            _ => {}
        }
        if let (Some(position), Some(etag)) = (position, etag) {
            return Some(Frame::View(View { seq: seq_of(position)?, position, etag }));
        }
    }
    None
}

fn read_welcome(frame: &[u8]) -> Option<Frame<'_>> {
    let outbox = text(field(frame, b"outbox")?)?;
    Some(Frame::Welcome { outbox, in_flight: number(field(frame, b"in_flight")?)? })
}

/// `epoch:seq:tag`. The benchmark's actors never change their epoch.
pub(super) fn seq_of(position: &str) -> Option<u64> {
    number(position.split(':').nth(1)?.as_bytes())
}

/// How one client's commands are written: everything but the number is made once.
pub(super) struct Commands {
    /// The client's outbox; raw servers know none.
    outbox: Option<String>,
    head: String,
    tail: &'static str,
}

impl Commands {
    pub(super) fn raw() -> Self {
        Self { outbox: None, head: r#"{"n":"#.to_owned(), tail: "}" }
    }

    pub(super) fn dormouse(actor: &str, outbox: String) -> Self {
        let tail = r#"","command":{"type":"add","by":1}}"#;
        let mut commands = Self { outbox: Some(outbox), head: String::new(), tail };
        commands.aim(actor);
        commands
    }

    /// Sends the next ones to another actor. A raw client stays in the room of its handshake.
    pub(super) fn aim(&mut self, actor: &str) {
        if let Some(outbox) = &self.outbox {
            self.head = format!(r#"{{"action":"send","actor":"{actor}","command_id":"{outbox}:"#);
        }
    }

    pub(super) fn write(&self, n: u64, into: &mut Vec<u8>) {
        write!(into, "{}{n}{}", self.head, self.tail).expect("a vector takes every write");
    }

    /// Another command than to count.
    pub(super) fn write_command(&self, n: u64, command: &str, into: &mut Vec<u8>) {
        write!(into, r#"{}{n}","command":{command}}}"#, self.head).expect("a vector takes every write");
    }
}

pub(super) fn hello(token: &str) -> String {
    format!(r#"{{"action":"hello","token":"{token}"}}"#)
}

pub(super) fn subscribe(actor: &str, from: Option<(&str, &str)>) -> String {
    match from {
        None => format!(r#"{{"action":"subscribe","actor":"{actor}"}}"#),
        Some((position, etag)) => {
            format!(r#"{{"action":"subscribe","actor":"{actor}","from":"{position}","etag":"{etag}"}}"#)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_frames() {
        assert_eq!(Dialect::Raw.read(br#"{"n":17,"seq":5,"count":5}"#), Frame::Answer { n: 17, seq: 5 });
        let view = Frame::View(View { seq: 5, position: "", etag: "" });
        assert_eq!(Dialect::Raw.read(br#"{"seq":5,"count":5}"#), view);
        assert_eq!(Dialect::Echo.read(br#"{"n":17}"#), Frame::Answer { n: 17, seq: 0 });
    }

    #[test]
    fn dormouse_frames() {
        let accepted = br#"{"type":"accepted","actor":"counter/a","command_id":"o:x:9","position":"1:412:9f86d081884c7d65","etag":"e"}"#;
        assert_eq!(Dialect::Dormouse.read(accepted), Frame::Answer { n: 9, seq: 412 });
        let patch = br#"{"type":"patch","actor":"counter/a","base":"b","etag":"e","position":"1:7:t","ops":[{"op":"replace","path":"/position","value":"1:99:t"}]}"#;
        let view = Frame::View(View { seq: 7, position: "1:7:t", etag: "e" });
        assert_eq!(Dialect::Dormouse.read(patch), view);
        let welcome = br#"{"type":"welcome","principal":{"id":"p","name":"n","roles":[]},"outbox":"o1","in_flight":64,"limits":{}}"#;
        assert_eq!(Dialect::Dormouse.read(welcome), Frame::Welcome { outbox: "o1", in_flight: 64 });
        let resumed = br#"{"type":"resumed","actor":"counter/a","as":"view","kind":"current","position":"1:7:t"}"#;
        assert_eq!(Dialect::Dormouse.read(resumed), Frame::Resumed { kind: "current" });
    }

    /// Every frame of the protocol's fixtures is taken for what it is.
    #[test]
    fn the_fixtures_of_the_protocol() {
        #[derive(serde::Deserialize)]
        struct Fixture {
            name: String,
            direction: String,
            frame: Box<serde_json::value::RawValue>,
        }
        let text = include_str!("../../../docs/fixtures/frames.json");
        let fixtures: Vec<Fixture> = serde_json::from_str(text).unwrap();
        for fixture in fixtures.iter().filter(|fixture| fixture.direction == "server") {
            let name = &fixture.name;
            let frame = Dialect::Dormouse.read(fixture.frame.get().as_bytes());
            let right = match name.split('_').next().unwrap() {
                "welcome" => matches!(frame, Frame::Welcome { .. }),
                "resumed" => matches!(frame, Frame::Resumed { .. }),
                "accepted" => matches!(frame, Frame::Answer { n: 1, seq: 416 }),
                "snapshot" | "patch" => matches!(frame, Frame::View(_)),
                "rejected" | "error" | "goodbye" => frame == Frame::Refused,
                _ => frame == Frame::Other,
            };
            assert!(right, "{name}: {frame:?}");
        }
    }

    #[test]
    fn only_answers_and_views_count() {
        for other in [r#"{"type":"presence","count":3}"#, r#"{"type":"pong"}"#, "", r#"{"x":1}"#] {
            assert_eq!(Dialect::Dormouse.read(other.as_bytes()), Frame::Other, "{other}");
        }
        assert_eq!(Dialect::Dormouse.read(br#"{"type":"rejected","command_id":"o:1","code":1}"#), Frame::Refused);
        // The tag is not the first field.
        assert_eq!(Dialect::Dormouse.read(br#"{"code":1,"type":"error"}"#), Frame::Refused);
    }

    #[test]
    fn commands_and_subscriptions_are_json_of_the_protocol() {
        let mut bytes = Vec::new();
        Commands::dormouse("counter/a", "o1".to_owned()).write(3, &mut bytes);
        let send: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(send["command_id"], "o1:3");
        assert_eq!(send["command"]["by"], 1);
        bytes.clear();
        Commands::dormouse("counter/a", "o1".to_owned()).write_command(4, "[7]", &mut bytes);
        let send: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&send["command_id"], &send["command"]), (&"o1:4".into(), &serde_json::json!([7])));
        let again: serde_json::Value = serde_json::from_str(&subscribe("counter/a", Some(("1:7:t", "e")))).unwrap();
        assert_eq!((again["from"].as_str(), again["etag"].as_str()), (Some("1:7:t"), Some("e")));
    }
}
