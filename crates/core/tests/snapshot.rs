//! Snapshots of every version that was ever written, and who is present as part of them.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, sync::Arc};

use dormouse_core::{
    Actor, Address, Agenda, Code, Draft, Input, Kind, Machine, Moment, Outcome, Principal, Rejection, Sight, Stimulus,
    Time, Viewer, dice::Secret, limits, machine::Decision, record::Damage, refusals::Words,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Knows who is here, and waits for a task and a wake.
#[derive(Default, Serialize, Deserialize)]
struct Porch {
    here: BTreeSet<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Empty {}

#[derive(Serialize, Deserialize)]
enum Event {
    Came(String),
    Went(String),
}

impl Actor for Porch {
    const KIND: &'static str = "porch";
    const RULES: u32 = 3;
    type Config = Empty;
    type Command = Empty;
    type Event = Event;
    type View = BTreeSet<String>;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Joined { who } if who.principal.id.starts_with("shy") => {}
            Input::Joined { who } => draft.emit(Event::Came(who.principal.id.clone())),
            Input::Left { who } if who.principal.id.starts_with("mute") => {}
            Input::Left { who } if who.principal.id.starts_with("stuck") => {
                return Err(Rejection::new("stuck", "The rules refuse to let go."));
            }
            Input::Left { who } => draft.emit(Event::Went(who.principal.id.clone())),
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, _at: Moment) {
        match event {
            Event::Came(who) => self.here.insert(who.clone()),
            Event::Went(who) => self.here.remove(who),
        };
    }

    fn view(&self, _sight: &Sight) -> BTreeSet<String> {
        self.here.clone()
    }

    fn agenda(&self) -> Agenda {
        Agenda::default().wake(Time(9_000), "dusk").task("sweep", "broom")
    }
}

const SECRET: Secret = Secret([5; 32]);

fn address() -> Address {
    "main/porch/p".parse().unwrap()
}

fn kind() -> Arc<Kind> {
    Arc::new(Kind::of::<Porch>())
}

fn who(id: &str) -> Viewer {
    Viewer::new(Principal { id: id.into(), name: format!("{id}'s name") }, vec!["guest".into()])
}

/// Decide it; the record, if there is one.
fn decide(machine: &mut Machine, stimulus: &Stimulus) -> Option<Vec<u8>> {
    match machine.decide(stimulus, Time(1_000), [7; 16]).unwrap() {
        Decision::Commit(sealed) => Some(sealed.record),
        Decision::Before(_) | Decision::Nothing => None,
    }
}

fn create() -> Stimulus {
    Stimulus::Create { by: who("ana"), config: b"{}".as_slice().into(), secret: SECRET }
}

fn joined(id: &str) -> Stimulus {
    Stimulus::Joined { who: who(id) }
}

fn left(id: &str) -> Stimulus {
    Stimulus::Left { who: who(id) }
}

/// The actor of the golden files.
fn sample() -> Machine {
    let mut machine = Machine::blank(kind(), address(), 2);
    decide(&mut machine, &create());
    // A command with an id, as it was written when stamps were not yet held against the clock.
    machine.apply(&golden(include_str!("../golden/snapshot-command.hex"))).unwrap();
    decide(&mut machine, &joined("ana"));
    decide(&mut machine, &joined("bo"));
    decide(&mut machine, &left("bo"));
    machine
}

/// Of the golden file since version 3.
fn sample_with_a_refusal() -> Machine {
    let mut machine = sample();
    assert!(decide(&mut machine, &refuse("ana", "rs-ab12:8")).is_some());
    machine
}

fn command(by: &str, id: &str) -> Stimulus {
    let (id, command) = (Some(id.parse().unwrap()), b"{}".as_slice().into());
    Stimulus::Command { by: who(by), id, command, resent: false }
}

fn refuse(by: &str, id: &str) -> Stimulus {
    let words = Words { code: 4440, reason: Some("shut".into()), message: "The door is shut.".into() };
    Stimulus::Refuse { by: who(by), id: id.parse().unwrap(), command: b"{}".as_slice().into(), words }
}

fn golden(hex: &str) -> Vec<u8> {
    let hex = hex.trim();
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn restored(bytes: &[u8]) -> Machine {
    Machine::restore(kind(), address(), bytes).unwrap().unwrap()
}

fn present(machine: &Machine) -> Vec<String> {
    machine.present().map(|who| who.id).collect()
}

/// Bytes that version 1 wrote, kept: every later program must read them. Nobody was counted as present then.
#[test]
fn version_1_is_still_read() {
    let old = restored(&golden(include_str!("../golden/snapshot-v1.hex")));
    let new = sample();
    assert_eq!((old.head(), old.time(), old.state_hash()), (new.head(), new.time(), new.state_hash()));
    assert_eq!(old.open_tasks().collect::<Vec<_>>(), new.open_tasks().collect::<Vec<_>>());
    assert_eq!((old.next_wake(), present(&old)), (Some(Time(9_000)), vec![]));
}

#[test]
fn version_2_is_still_read() {
    let bytes = golden(include_str!("../golden/snapshot-v2.hex"));
    let machine = restored(&bytes);
    assert_eq!(present(&machine), ["ana"]);
    assert_eq!(machine.snapshot(), sample().snapshot());
}

#[test]
fn version_3_is_still_read() {
    let bytes = golden(include_str!("../golden/snapshot-v3.hex"));
    assert_eq!(restored(&bytes).snapshot(), bytes);
    assert_eq!(sample_with_a_refusal().snapshot(), bytes);
}

#[test]
fn a_refusal_is_kept_for_every_copy() {
    let live = sample_with_a_refusal();
    let position = live.head().position();
    for mut machine in [restored(&live.snapshot()), live] {
        for stimulus in [command("ana", "rs-ab12:8"), refuse("ana", "rs-ab12:8"), command("ana", "rs-ab12:8")] {
            let refused = machine.decide(&stimulus, Time(1_000), [7; 16]).unwrap_err();
            assert_eq!((refused.code, refused.message.as_str()), (Code::Rejected, "The door is shut."));
            assert_eq!((refused.reason.as_deref(), refused.position), (Some("shut"), Some(position)));
        }
        assert!(decide(&mut machine, &command("bo", "rs-ab12:8")).is_some(), "an outbox belongs to its principal");
        assert!(decide(&mut machine, &command("ana", "rs-ab12:9")).is_some());
        assert!(decide(&mut machine, &Stimulus::Retire { by: who("ana") }).is_some());
        let refused = machine.decide(&command("ana", "rs-ab12:8"), Time(1_000), [7; 16]).unwrap_err();
        assert_eq!(refused.position, Some(position), "it outlives the actor");
    }
}

#[test]
fn what_is_over_or_full_keeps_no_refusal() {
    let mut machine = sample();
    machine.weigh(&vec![0; limits::STATE_BYTES_MAX + 1]);
    let refused = machine.decide(&refuse("ana", "rs-ab12:8"), Time(1_000), [7; 16]).unwrap_err();
    assert_eq!((refused.code, refused.position), (Code::TooLarge, None));
    assert!(decide(&mut machine, &Stimulus::Retire { by: who("ana") }).is_some());
    let refused = machine.decide(&refuse("ana", "rs-ab12:8"), Time(1_000), [7; 16]).unwrap_err();
    assert_eq!((refused.code, refused.position), (Code::Gone, None));
}

/// Three from each of so many principals that no outbox is forgotten.
#[test]
fn a_refusal_that_is_forgotten_is_too_old() {
    let mut machine = sample();
    let of = |nth: usize| (format!("p{}", nth / 3), format!("rs-ab12:{}", nth % 3 + 1));
    for nth in 0..=limits::REFUSALS_MAX {
        let (by, id) = of(nth);
        assert!(decide(&mut machine, &refuse(&by, &id)).is_some());
    }
    let mut code = |nth: usize| {
        let (by, id) = of(nth);
        machine.decide(&command(&by, &id), Time(1_000), [7; 16]).unwrap_err().code
    };
    assert_eq!(code(0), Code::UnknownCommandAge);
    assert!((1..=limits::REFUSALS_MAX).all(|nth| code(nth) == Code::Rejected));
    assert!(decide(&mut machine, &Stimulus::Retire { by: who("ana") }).is_some());
    let (by, id) = of(0);
    let refused = machine.decide(&command(&by, &id), Time(1_000), [7; 16]).unwrap_err();
    assert_eq!(refused.code, Code::UnknownCommandAge, "and stays so when the actor has ended");
}

#[test]
fn a_newer_version_is_refused_by_name() {
    for version in [0, 4] {
        let mut bytes = sample().snapshot();
        bytes[0] = version;
        let refused = Machine::restore(kind(), address(), &bytes).map(drop).unwrap_err();
        assert_eq!(refused, Damage::NewerVersion(version));
    }
}

#[test]
fn who_is_present_does_not_join_again() {
    let mut machine = sample();
    assert_eq!(present(&machine), ["ana"]);
    assert!(decide(&mut machine, &joined("ana")).is_none());
    assert!(decide(&mut machine, &left("ana")).is_some());
    assert_eq!(present(&machine), Vec::<String>::new());
    assert!(decide(&mut machine, &left("ana")).is_some(), "the rules are told what the host sees");
    assert!(decide(&mut machine, &joined("ana")).is_some());
}

#[test]
fn whose_joining_the_rules_ignore_is_not_counted() {
    let mut machine = sample();
    assert!(decide(&mut machine, &joined("shy")).is_none());
    assert_eq!(present(&machine), ["ana"]);
}

#[test]
fn whose_leaving_the_rules_ignore_or_refuse_has_left() {
    let mut machine = sample();
    for id in ["mute", "stuck"] {
        assert!(decide(&mut machine, &joined(id)).is_some());
        assert_eq!(present(&machine), ["ana", id]);
        assert!(decide(&mut machine, &left(id)).is_some(), "{id}");
        assert_eq!(present(&machine), ["ana"]);
        assert!(decide(&mut machine, &joined(id)).is_some(), "{id} joins again");
        assert!(decide(&mut machine, &left(id)).is_some(), "{id}");
    }
}

#[test]
fn the_end_of_the_actor_ends_every_presence() {
    let mut machine = sample();
    assert!(decide(&mut machine, &Stimulus::Retire { by: who("ana") }).is_some());
    assert_eq!(present(&machine), Vec::<String>::new());
}

/// The table's answer to a command, at the limit and beyond it; everything else goes on.
#[test]
fn a_state_over_its_bound_takes_no_more_commands() {
    let command = |id: &str| command("ana", id);
    let mut machine = sample();
    machine.weigh(&vec![0; limits::STATE_BYTES_MAX]);
    assert!(decide(&mut machine, &command("rs-ab12:8")).is_some());
    machine.weigh(&vec![0; limits::STATE_BYTES_MAX + 1]);
    let refused = machine.decide(&command("rs-ab12:9"), Time(1_000), [7; 16]).unwrap_err();
    assert_eq!(refused.code, Code::TooLarge);
    let before = machine.decide(&command("rs-ab12:8"), Time(1_000), [7; 16]).unwrap();
    assert!(matches!(before, Decision::Before(_)), "the first answer is given again");
    assert!(decide(&mut machine, &joined("bo")).is_some());
    let report = Stimulus::Report { key: "sweep".into(), opened: 1, outcome: Outcome::Done { value: true.into() } };
    assert!(decide(&mut machine, &report).is_some());
    assert!(decide(&mut machine, &Stimulus::Wake { key: "dusk".into(), due: Time(9_000) }).is_some());
    let snapshot = machine.snapshot();
    machine.weigh(&snapshot);
    assert!(decide(&mut machine, &command("rs-ab12:9")).is_some(), "it is small again");
    machine.weigh(&vec![0; limits::STATE_BYTES_MAX + 1]);
    assert!(decide(&mut machine, &Stimulus::Retire { by: who("ana") }).is_some());
}

#[test]
fn no_more_are_counted_than_the_limit_says() {
    let mut machine = sample();
    for n in 0..=limits::PRESENT_MAX {
        assert!(decide(&mut machine, &joined(&format!("p{n:04}"))).is_some());
    }
    assert_eq!(present(&machine).len(), limits::PRESENT_MAX);
    assert_eq!(restored(&machine.snapshot()).present().count(), limits::PRESENT_MAX);
    // Whoever is beyond it comes and goes all the same.
    let last = format!("p{:04}", limits::PRESENT_MAX);
    assert!(decide(&mut machine, &left(&last)).is_some());
    assert!(decide(&mut machine, &joined(&last)).is_some());
}
