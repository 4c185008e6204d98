//! The session of the Rust client: whatever its host, its lines, its storage and its application do, it keeps its promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use dormouse_client::{
    Status,
    frame::{As, ClientFrame, ServerFrame, Token, Welcome, decode},
    session::{Effect, Event, Kept, Session, Subject},
};
use dormouse_core::{
    Address,
    frame::{
        client::{self, From},
        list::List,
    },
    outbox::OutboxId,
    strict,
};
use serde_json::value::RawValue;

use crate::text::{number, text, word};

/// As of `limits.rs` of the client.
const WAITING_MAX: usize = 256;
/// Ticks at one moment after which a session wants none before time has passed.
const TICKS_MAX: usize = 8;

/// A script of what happens to a session, one thing a line. A command is answered once; a number never stands for two commands, also after a
/// crash; what leaves was stored before; every line begins with `hello`; hosts can read what is said; the session never spins.
///
/// `{…}` is a frame of the host, `opened` and `dropped` are its line, `send`, `signal`, `view`, `events`, `list` and `release` the application,
/// `+500` and `wake` let time pass, `restart` is a crash, and the rest are the verbs of [`Event`].
pub fn session(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut client = Client::new(number(data));
    text.lines().for_each(|line| client.line(line));
    client.happens(Event::Close);
    client.is_over();
}

struct Client {
    session: Session,
    now: Duration,
    random: f64,
    line: u64,
    /// Whether the line is up, and greeted.
    up: Option<bool>,
    next_key: u64,
    unanswered: BTreeSet<u64>,
    /// What each id stands for.
    ids: BTreeMap<String, (Arc<str>, String)>,
    kept: Kept,
}

impl Client {
    fn new(chance: u64) -> Self {
        let now = Duration::from_secs(100);
        Self {
            session: Session::new(now, None),
            now,
            random: (chance % 1000) as f64 / 1000.0,
            line: 0,
            up: None,
            next_key: 1,
            unanswered: BTreeSet::new(),
            ids: BTreeMap::new(),
            kept: Kept::default(),
        }
    }

    fn line(&mut self, line: &str) {
        let (first, rest) = word(line);
        match first.as_bytes() {
            [b'{', ..] => return self.frame(line),
            [b'+', digits @ ..] => {
                let milliseconds = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
                return self.pass(Duration::from_millis(milliseconds.unwrap_or(1).min(86_400_000)));
            }
            _ => {}
        }
        match first {
            "wake" => self.pass(self.session.deadline().unwrap_or_default().saturating_sub(self.now)),
            "restart" => self.restart(),
            _ => {
                if let Some(event) = self.event(first, rest) {
                    self.happens(event);
                }
            }
        }
    }

    fn event(&mut self, first: &str, rest: &str) -> Option<Event> {
        let line = self.line;
        Some(match first {
            "opened" => Event::Opened { line, token: Token("t".into()) },
            "dropped" => Event::Dropped { line, fault: serde_json::from_str(rest).ok() },
            "failed" => Event::StorageFailed(serde_json::from_str(rest).ok()?),
            "tick" => Event::Tick,
            "plug" => Event::Plug,
            "unplug" => Event::Unplug,
            "close" => Event::Close,
            "list" => Event::Watch(Arc::new(list(rest)?)),
            "release" => Event::Release(subject(rest)?),
            "view" => Event::Subscribe { actor: actor(rest)?, of: As::View, from: From::Now },
            "events" => {
                let (to, from) = word(rest);
                let from = if from.is_empty() { From::Now } else { from.parse().ok()? };
                Event::Subscribe { actor: actor(to)?, of: As::Events, from }
            }
            "send" | "signal" => {
                let (to, json) = word(rest);
                // What is sound is for the application to know.
                strict::check(format!("[{json}]").as_bytes()).ok()?;
                let (actor, json) = (actor(to)?, Arc::from(RawValue::from_string(json.to_owned()).ok()?));
                if first == "signal" {
                    return Some(Event::Signal { actor, signal: json });
                }
                self.next_key += 1;
                self.unanswered.insert(self.next_key);
                Event::Send { key: self.next_key, actor, command: json }
            }
            _ => return None,
        })
    }

    fn frame(&mut self, text: &str) {
        let Ok(Some(frame)) = decode(text) else { return };
        // Its numbers count anew then: no host gives out an outbox twice.
        if let ServerFrame::Welcome(Welcome { outbox, .. }) = &frame
            && self.session.kept().outbox.as_ref() != Some(outbox)
        {
            self.ids.retain(|id, _| id.rsplit_once(':').is_none_or(|(used, _)| used != outbox));
        }
        self.happens(Event::Frame { line: self.line, frame });
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        for _ in 0..TICKS_MAX {
            self.happens(Event::Tick);
            if self.session.deadline().is_none_or(|deadline| deadline > self.now) {
                return;
            }
        }
        panic!("the session wants to be ticked for ever at {:?}", self.now);
    }

    /// The process dies, and another one begins with what was stored.
    fn restart(&mut self) {
        let stored = serde_json::to_string(&self.kept).expect("what is kept is JSON");
        self.kept = serde_json::from_str(&stored).expect("and can be read");
        self.session = Session::new(self.now, Some(self.kept.clone()));
        (self.line, self.up) = (0, None);
        self.unanswered = self.session.restored().into_iter().map(|(key, _)| key).collect();
        self.next_key = self.unanswered.len() as u64;
    }

    fn happens(&mut self, event: Event) {
        let effects = self.session.step(event, self.now, self.random);
        let saves = matches!(effects.first(), Some(Effect::Save));
        if saves {
            self.kept = self.session.kept();
        }
        assert!(self.session.waiting() <= WAITING_MAX, "more commands wait than may");
        for effect in effects {
            self.effect(effect, saves);
        }
    }

    fn effect(&mut self, effect: Effect, saves: bool) {
        match effect {
            Effect::Connect { line, .. } => {
                assert!(line > self.line, "line {line} after line {}", self.line);
                (self.line, self.up) = (line, Some(false));
            }
            Effect::Disconnect { line } => {
                assert!(line == self.line && self.up.is_some(), "line {line} is not up");
                self.up = None;
            }
            Effect::Transmit(frame) => self.transmits(&frame, saves),
            Effect::Answer { key, .. } => assert!(self.unanswered.remove(&key), "command {key} is answered twice"),
            Effect::Presence { .. } | Effect::Signal(_) | Effect::Save | Effect::Read { .. } => {}
            Effect::View { .. } | Effect::Events { .. } | Effect::Rows { .. } => {}
            Effect::Resumed { .. } | Effect::Ended { .. } => {}
        }
    }

    fn transmits(&mut self, frame: &ClientFrame, saves: bool) {
        let greets = matches!(frame, ClientFrame::Hello { .. });
        assert_eq!(self.up, Some(!greets), "every line begins with one hello: {frame:?}");
        self.up = Some(true);
        if let ClientFrame::Send { actor, command_id, command, resent } = frame {
            let means = (actor.clone(), command.get().to_owned());
            assert!(*resent || !self.ids.contains_key(command_id), "{command_id} leaves again and does not say so");
            let meant = self.ids.entry(command_id.clone()).or_insert_with(|| {
                assert!(saves, "{command_id} leaves and is not stored");
                means.clone()
            });
            assert_eq!(*meant, means, "{command_id} stood for another command");
        }
        // A host that gives out an outbox which is none gets it back.
        let has_outbox = self.session.kept().outbox.is_none_or(|outbox| outbox.parse::<OutboxId>().is_ok());
        if has_outbox {
            client::parse(&frame.text()).unwrap_or_else(|failure| panic!("{}: {failure}", frame.text()));
        }
    }

    /// Closed means that nobody waits for anything.
    fn is_over(&self) {
        assert_eq!(self.session.status(), Status::Closed);
        assert_eq!((self.session.deadline(), self.session.waiting()), (None, 0));
        assert!(self.unanswered.is_empty(), "never answered: {:?}", self.unanswered);
    }
}

fn actor(text: &str) -> Option<Arc<str>> {
    let main = "main".parse().expect("a name");
    Address::in_tenant(&main, text).ok().map(|_| text.into())
}

fn list(text: &str) -> Option<List> {
    let (kind, status) = word(text);
    List::new(kind, false, Some(status.to_owned()).filter(|status| !status.is_empty())).ok()
}

fn subject(text: &str) -> Option<Subject> {
    let (of, rest) = word(text);
    Some(match of {
        "view" => Subject::Actor(actor(rest)?, As::View),
        "events" => Subject::Actor(actor(rest)?, As::Events),
        "list" => Subject::List(Arc::new(list(rest)?)),
        _ => return None,
    })
}
