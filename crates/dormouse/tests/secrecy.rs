//! The check of secrecy: it finds whatever way an actor tells a secret, and nothing where none is told.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, time::Duration};

use dormouse::{
    Hides, Solo,
    core::dice::Secret,
    prelude::*,
    testing::{Script, secrecy},
};

/// Words under seats: whoever sits sees its own. `LEAK` is how it tells the others.
#[derive(Default, Serialize, Deserialize)]
struct Hat<const LEAK: u8> {
    seats: Vec<String>,
    words: BTreeMap<u16, String>,
    moves: u32,
    opened_at: Time,
}

const NOTHING: u8 = 0;
const VIEW: u8 = 1;
const REVEAL: u8 = 2;
const SUMMARY: u8 = 3;
const REJECTION: u8 = 4;
const ACCEPTANCE: u8 = 5;
const WAKE: u8 = 6;
const SIGHT: u8 = 7;
const TASK: u8 = 8;
const PAST: u8 = 9;

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    Sit {},
    Hide { word: String },
    Guess { word: String },
    Move {},
}

#[derive(Serialize, Deserialize)]
enum Event {
    Opened,
    Sat(String),
    Hidden(u16, String),
    Moved,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

impl<const LEAK: u8> Hat<LEAK> {
    fn seat(&self, who: &Viewer) -> Option<u16> {
        self.seats.iter().position(|id| *id == who.principal.id).map(|seat| seat as u16)
    }

    /// All words, in a row.
    fn secret(&self) -> String {
        self.words.values().cloned().collect()
    }

    fn event(&self, by: &Viewer, command: Command) -> Result<Event, Rejection> {
        Ok(match command {
            Command::Sit {} if self.seat(by).is_some() => return Err(Rejection::new("seated", "You sit.")),
            Command::Sit {} => Event::Sat(by.principal.id.clone()),
            Command::Hide { word } => {
                Event::Hidden(self.seat(by).ok_or_else(|| Rejection::new("not_seated", "Sit first."))?, word)
            }
            Command::Guess { .. } if LEAK == REJECTION => {
                return Err(Rejection::new("wrong", "no".repeat(self.secret().len())));
            }
            Command::Guess { word } if LEAK == ACCEPTANCE && self.secret().starts_with(&word) => Event::Moved,
            Command::Guess { .. } => return Err(Rejection::new("wrong", "No.")),
            Command::Move {} => Event::Moved,
        })
    }
}

impl<const LEAK: u8> Actor for Hat<LEAK> {
    const KIND: &'static str = "hat";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = Value;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        let event = match input {
            Input::Created { .. } => Event::Opened,
            Input::Command { by, command } => draft.event(&by, command)?,
            Input::Wake { .. } => Event::Moved,
            _ => return Ok(()),
        };
        draft.emit(event);
        Ok(())
    }

    fn evolve(&mut self, event: &Event, at: Moment) {
        match event {
            Event::Opened => self.opened_at = at.time,
            Event::Sat(who) => self.seats.push(who.clone()),
            Event::Hidden(seat, word) => drop(self.words.insert(*seat, word.clone())),
            Event::Moved => self.moves += 1,
        }
    }

    fn sight(&self, viewer: &Viewer) -> Sight {
        match self.seat(viewer) {
            _ if LEAK == SIGHT && self.secret().contains('e') => Sight::All,
            Some(seat) => Sight::Seat(seat),
            None => Sight::Public,
        }
    }

    fn view(&self, sight: &Sight) -> Value {
        let shows = |seat: &u16| *sight == Sight::All || *sight == Sight::Seat(*seat);
        let words: BTreeMap<_, _> = self.words.iter().filter(|(seat, _)| shows(seat)).collect();
        let mut view = json!({ "moves": self.moves, "hidden": self.words.len(), "words": words });
        if LEAK == VIEW || (LEAK == PAST && self.moves == 0) {
            view["ink"] = json!(self.secret().len());
        }
        view
    }

    fn agenda(&self) -> Agenda {
        let agenda = if self.words.is_empty() { Agenda::default() } else { Agenda::default().task("think", "model") };
        let after = if LEAK == WAKE { self.secret().len() as u64 } else { 0 };
        let due = self.opened_at.after(Duration::from_secs(60 * (u64::from(self.moves) + 1) + after));
        agenda.wake(due, "move")
    }

    fn task(&self, _: &TaskKey) -> Task {
        let hear = if LEAK == TASK { Sight::Public } else { Sight::Nothing };
        Task::new("model", json!(self.secret())).hear(hear)
    }

    fn reveal(&self, event: &Event, sight: &Sight) -> Option<Value> {
        match event {
            Event::Hidden(seat, word) if LEAK == REVEAL || *sight == Sight::Seat(*seat) => Some(json!({ "hid": word })),
            Event::Hidden(seat, _) => Some(json!({ "hid": seat })),
            Event::Sat(_) => Some(json!("sat")),
            Event::Opened | Event::Moved => None,
        }
    }

    fn summary(&self) -> Option<Summary> {
        let title = if LEAK == SUMMARY { self.secret() } else { "A hat".to_owned() };
        Some(Summary { title, status: "open".into(), ..Summary::default() })
    }
}

impl<const LEAK: u8> Hides for Hat<LEAK> {
    fn permute(&mut self, sight: &Sight, dice: &mut Dice) {
        for (seat, word) in &mut self.words {
            if *sight != Sight::All && *sight != Sight::Seat(*seat) {
                *word = any_word(dice);
            }
        }
    }

    fn permute_event(event: &mut Event, sight: &Sight, dice: &mut Dice) {
        if let Event::Hidden(seat, word) = event
            && *sight != Sight::All
            && *sight != Sight::Seat(*seat)
        {
            *word = any_word(dice);
        }
    }
}

/// Of any length, so that lengths tell.
fn any_word(dice: &mut Dice) -> String {
    let length = 10 + dice.below(30);
    (0..length).map(|_| char::from(b'f' + dice.below(20) as u8)).collect()
}

fn script() -> Script {
    Script::new(&["ann", "bob"], json!({}))
        .send("ann", json!({ "type": "sit" }))
        .send("bob", json!({ "type": "sit" }))
        .send("ann", json!({ "type": "hide", "word": "plume" }))
        .signal("ann", json!({ "typing": true }))
        .send("bob", json!({ "type": "guess", "word": "plum" }))
        .wait(Duration::from_secs(90))
        .leave("bob")
        .send("ann", json!({ "type": "move" }))
        .send("bob", json!({ "type": "hide", "word": "pear" }))
        .come("bob")
        .send("bob", json!({ "type": "hide", "word": "pears" }))
        .wait(Duration::from_secs(90))
}

/// What a whole session of this leak is found by.
fn found<const LEAK: u8>() -> String {
    secrecy::find::<Hat<LEAK>>(&script()).map_or_else(|leak| leak.to_string(), |()| "nothing".to_owned())
}

#[test]
fn a_session_that_hides_its_secrets_passes() {
    secrecy::check::<Hat<NOTHING>>(&script());
}

#[test]
fn whatever_reaches_a_viewer_is_looked_at() {
    let check = |leak: String, over: &str, what: &str| {
        assert!(leak.contains(over) && leak.contains(what), "{leak}");
    };
    check(found::<VIEW>(), "gets over socket after step 3", "\"ink\":5");
    check(found::<REVEAL>(), "gets over", "\"hid\":\"plume\"");
    check(found::<SUMMARY>(), "GET /v1/hat after step 3", "\"title\":\"plume\"");
    check(found::<REJECTION>(), "what bob gets over socket after step 5", "nononono");
    check(found::<ACCEPTANCE>(), "after step 5", "\"word\": String(\"plum\")");
    // The commit holds when its actor wakes, so already its position is another one.
    check(found::<WAKE>(), "after step 3", "\"position\"");
    check(found::<SIGHT>(), "gets over", "plume");
}

/// What everybody could see once is found where it can still be read.
#[test]
fn the_past_is_looked_at_too() {
    assert!(found::<PAST>().contains("ink"));
}

fn viewer(id: &str) -> Viewer {
    Viewer::new(Principal { id: id.into(), name: String::new() }, vec![])
}

/// The same without a host.
fn solo<const LEAK: u8>() -> Solo<Hat<LEAK>> {
    let mut solo = Solo::new(1);
    solo.decide(Input::Created { by: viewer("ann"), config: Config {} }).unwrap();
    for command in [Command::Sit {}, Command::Hide { word: "plume".into() }, Command::Move {}] {
        solo.decide(Input::Command { by: viewer("ann"), command }).unwrap();
    }
    solo.wait(Duration::from_secs(90));
    solo
}

fn dice() -> Dice {
    Secret([3; 32]).seed(1, 0).dice()
}

fn checked<const LEAK: u8>() -> String {
    let viewers = [viewer("ann"), viewer("eve")];
    let (mut solo, guess) = (solo::<LEAK>(), json!({ "type": "guess", "word": "plum" }));
    let whole = secrecy::check_history(&solo, &viewers, &mut dice());
    let whole = whole.and_then(|()| secrecy::check_command(&solo, &viewer("eve"), &guess, &mut dice()));
    if whole.is_ok() {
        let hide = Command::Hide { word: "p".into() };
        solo.decide(Input::Command { by: viewer("ann"), command: hide }).unwrap();
        secrecy::check_commit(&solo, &viewers, &mut dice()).unwrap();
    }
    whole.map_or_else(|leak| leak.what, |()| "nothing".to_owned())
}

#[test]
fn a_history_is_checked_without_a_host() {
    let found = [
        checked::<NOTHING>(),
        checked::<VIEW>(),
        checked::<REVEAL>(),
        checked::<SUMMARY>(),
        checked::<REJECTION>(),
        checked::<ACCEPTANCE>(),
        checked::<WAKE>(),
        checked::<SIGHT>(),
        checked::<TASK>(),
        checked::<PAST>(),
    ];
    let expected = [
        "nothing",
        "the view of Public at commit 3",
        "an event that Public hears at commit 3",
        "the summary at commit 3",
        r#"the answer to {"type":"guess","word":"plum"} of eve after commit 4"#,
        r#"the answer to {"type":"guess","word":"plum"} of eve after commit 4"#,
        "the next wake at commit 3",
        "the sight of ann at commit 3",
        "the task think at commit 3",
        "the view of Public at commit 3",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_leak_says_where_it_is() {
    let leak = secrecy::check_history(&solo::<SUMMARY>(), &[viewer("eve")], &mut dice()).unwrap_err();
    let text = leak.to_string();
    assert!(text.starts_with("the summary at commit 3 tells what is hidden, from byte 10 of "), "{text}");
    assert!(text.contains(r#"as it is:  {"title":"plume""#) && text.contains("otherwise: "), "{text}");
}
