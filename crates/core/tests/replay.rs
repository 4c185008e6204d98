//! Evolving, replaying and restoring are the same: whatever happened, and wherever a snapshot was taken.
//!
//! Everything that decides an actor's future is compared: its snapshot's bytes (the rules' state, the engine's part, head and time), what it waits
//! for, and the bytes of what it decides next.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dormouse_core::{
    Actor, Address, Agenda, Code, Draft, Input, Kind, Machine, Moment, Outcome, Principal, Rejection, Sight, Stimulus,
    Task, TaskKey, Time, Viewer,
    dice::Secret,
    limits::OUTBOX_AHEAD_MAX,
    machine::Decision,
    outbox::{CommandId, OutboxId},
    record::{Cause, Parked},
};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An actor that uses everything: seeds, time, wakes and tasks.
#[derive(Default, Serialize, Deserialize)]
struct Garden {
    plants: BTreeMap<u8, Plant>,
    visits: i64,
    drawn: u64,
}

#[derive(Default, Clone, Serialize, Deserialize)]
struct Plant {
    waters_at: Option<Time>,
    asks: bool,
    height: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Config {}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Command {
    Sow {
        bed: u8,
        in_ms: u64,
    },
    Ask {
        bed: u8,
    },
    Dig {
        bed: u8,
    },
    Draw,
    Nothing,
    Refuse,
    /// Refuse after an event.
    Spoil,
    Panic,
}

#[derive(Serialize, Deserialize)]
enum Event {
    Sown(u8, Time),
    Asked(u8),
    Dug(u8),
    Drawn(u64),
    Grown(u8, u64),
    Visited(i64),
}

impl Actor for Garden {
    const KIND: &'static str = "garden";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = u64;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        let refuse = || Err(Rejection::new("no", "No."));
        match input {
            Input::Command { command, .. } => match command {
                Command::Sow { bed, in_ms } => {
                    let time = draft.now().after(Duration::from_millis(in_ms));
                    draft.emit(Event::Sown(bed, time));
                }
                Command::Ask { bed } => draft.emit(Event::Asked(bed)),
                Command::Dig { bed } if draft.plants.contains_key(&bed) => draft.emit(Event::Dug(bed)),
                Command::Draw => {
                    let (first, second) = (draft.dice().below(1_000), draft.dice().below(1_000));
                    draft.emit(Event::Drawn(first * 1_000 + second));
                }
                Command::Nothing => {}
                Command::Dig { .. } | Command::Refuse => return refuse(),
                Command::Spoil => {
                    draft.emit(Event::Visited(1_000_000));
                    return refuse();
                }
                Command::Panic => panic!("as asked"),
            },
            // Bed 0 sleeps through its wake, bed 1 forgets to take it off the agenda.
            Input::Wake { key } => match key.parse::<u8>().unwrap() {
                0 => {}
                1 => draft.emit(Event::Visited(1)),
                bed => {
                    let height = draft.dice().below(9);
                    draft.emit(Event::Grown(bed, height));
                }
            },
            Input::Reported { key, outcome } => {
                let bed = key.0.parse().unwrap();
                match outcome {
                    Outcome::Done { value } => draft.emit(Event::Grown(bed, value.as_u64().unwrap_or(1))),
                    Outcome::Failed { .. } if bed % 2 == 0 => draft.emit(Event::Visited(2)),
                    Outcome::Failed { .. } => {}
                }
            }
            Input::Joined { .. } => draft.emit(Event::Visited(1)),
            Input::Left { .. } | Input::Created { .. } => {}
            Input::Retire { .. } if draft.visits > 3 => {}
            Input::Retire { .. } => return refuse(),
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, at: Moment) {
        match event {
            Event::Sown(bed, time) => self.plants.entry(*bed).or_default().waters_at = Some(*time),
            Event::Asked(bed) => self.plants.entry(*bed).or_default().asks = true,
            Event::Dug(bed) => {
                self.plants.remove(bed);
            }
            Event::Drawn(number) => self.drawn = self.drawn.wrapping_mul(31).wrapping_add(*number),
            Event::Grown(bed, height) => {
                let plant = self.plants.entry(*bed).or_default();
                *plant = Plant { waters_at: None, asks: false, height: plant.height + height + at.time.0 % 7 };
            }
            Event::Visited(count) => self.visits += count,
        }
    }

    fn view(&self, _sight: &Sight) -> u64 {
        self.drawn
    }

    fn agenda(&self) -> Agenda {
        self.plants.iter().fold(Agenda::default(), |agenda, (bed, plant)| {
            let agenda = plant.waters_at.into_iter().fold(agenda, |agenda, time| agenda.wake(time, bed.to_string()));
            if plant.asks { agenda.task(bed.to_string(), "model") } else { agenda }
        })
    }

    fn task(&self, key: &TaskKey) -> Task {
        Task::new("model", serde_json::json!(key.0))
    }
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Command { who: u8, stamp: u64, n: u64, command: Command, resent: bool },
    Anonymous(Command),
    Pass(u64),
    Wake,
    Report { nth: usize, stale: bool, outcome: Outcome },
    Joined(u8),
    Left(u8),
    Retire,
    Redrive(usize),
}

fn command() -> impl Strategy<Value = Command> {
    let bed = 0u8..5;
    prop_oneof![
        4 => (bed.clone(), 1u64..500).prop_map(|(bed, in_ms)| Command::Sow { bed, in_ms }),
        4 => bed.clone().prop_map(|bed| Command::Ask { bed }),
        2 => bed.prop_map(|bed| Command::Dig { bed }),
        2 => Just(Command::Draw),
        1 => Just(Command::Nothing),
        1 => Just(Command::Refuse),
        1 => Just(Command::Spoil),
        1 => Just(Command::Panic),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        (0u64..9).prop_map(|value| Outcome::Done { value: value.into() }),
        Just(Outcome::Failed { reason: "broke".into() }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0u8..3, 0u64..24, 1u64..90, command(), any::<bool>())
            .prop_map(|(who, stamp, n, command, resent)| Step::Command { who, stamp, n, command, resent }),
        2 => command().prop_map(Step::Anonymous),
        4 => (0u64..300).prop_map(Step::Pass),
        4 => Just(Step::Wake),
        4 => (0usize..6, prop::bool::weighted(0.2), outcome())
            .prop_map(|(nth, stale, outcome)| Step::Report { nth, stale, outcome }),
        1 => (0u8..3).prop_map(Step::Joined),
        1 => (0u8..3).prop_map(Step::Left),
        1 => prop::num::u8::ANY.prop_filter_map("rarely", |n| (n < 8).then_some(Step::Retire)),
        2 => (0usize..4).prop_map(Step::Redrive),
    ]
}

fn viewer(who: u8) -> Viewer {
    Viewer::new(Principal { id: format!("p{who}"), name: String::new() }, vec![])
}

fn bytes(command: &Command) -> Arc<[u8]> {
    serde_json::to_vec(command).unwrap().into()
}

/// What the step is to a machine in this state; nothing if it makes no sense there.
fn stimulus(step: &Step, machine: &Machine, now: Time) -> Option<Stimulus> {
    Some(match step {
        Step::Command { who, stamp, n, command, resent } => {
            let id = CommandId { outbox: OutboxId { stamp: *stamp, unique: format!("o{stamp}") }, n: *n };
            Stimulus::Command { by: viewer(*who), id: Some(id), command: bytes(command), resent: *resent }
        }
        Step::Anonymous(command) => {
            Stimulus::Command { by: viewer(0), id: None, command: bytes(command), resent: false }
        }
        Step::Pass(_) => return None,
        Step::Wake => machine.due(now)?,
        Step::Report { nth, stale, outcome } => {
            let open = machine.open_tasks().nth(*nth)?;
            let opened = if *stale { open.seq.saturating_sub(1) } else { open.seq };
            Stimulus::Report { key: open.key.clone(), opened, outcome: outcome.clone() }
        }
        Step::Joined(who) => Stimulus::Joined { who: viewer(*who) },
        Step::Left(who) => Stimulus::Left { who: viewer(*who) },
        Step::Retire => Stimulus::Retire { by: viewer(0) },
        Step::Redrive(nth) => Stimulus::Redrive { by: viewer(0), what: machine.parked().nth(*nth)?.clone() },
    })
}

/// A machine that has lived, with everything that a journal would hold of it.
struct Life {
    kind: Arc<Kind>,
    address: Address,
    machine: Machine,
    now: Time,
    records: Vec<Vec<u8>>,
    /// After each commit.
    snapshots: Vec<Vec<u8>>,
}

impl Life {
    fn begin() -> Self {
        let (kind, address) = (Arc::new(Kind::of::<Garden>()), "main/garden/g".parse::<Address>().unwrap());
        let machine = Machine::blank(kind.clone(), address.clone(), 1);
        let now = Time(1_790_000_000_000);
        let mut life = Self { kind, address, machine, now, records: Vec::new(), snapshots: Vec::new() };
        life.decide(&Stimulus::Create { by: viewer(0), config: b"{}"[..].into(), secret: Secret([7; 32]) });
        life
    }

    fn live(&mut self, step: &Step) {
        if let Step::Pass(time) = step {
            self.now = self.now.after(Duration::from_millis(*time));
        } else if let Some(stimulus) = stimulus(step, &self.machine, self.now) {
            self.decide(&stimulus);
        }
    }

    fn decide(&mut self, stimulus: &Stimulus) {
        let nonce = [self.records.len() as u8; 16];
        let decided = self.machine.decide(stimulus, self.now, nonce);
        if self.machine.is_spoiled() {
            self.machine = self.replay(0);
        }
        match decided {
            Ok(Decision::Commit(sealed)) => {
                self.records.push(sealed.record);
                self.snapshots.push(self.machine.snapshot());
            }
            // As the engine does.
            Err(refusal) => stimulus.kept(&refusal).into_iter().for_each(|refuse| self.decide(&refuse)),
            Ok(_) => {}
        }
    }

    /// From the snapshot after `from` commits, and the tail.
    fn replay(&self, from: usize) -> Machine {
        let mut machine = match from.checked_sub(1) {
            None => Machine::blank(self.kind.clone(), self.address.clone(), 1),
            Some(at) => {
                Machine::restore(self.kind.clone(), self.address.clone(), &self.snapshots[at]).unwrap().unwrap()
            }
        };
        self.records[from..].iter().for_each(|record| machine.apply(record).unwrap());
        machine
    }
}

/// What the machine waits for.
fn waits(machine: &Machine, now: Time) -> String {
    let (open, parked): (Vec<_>, Vec<&Parked>) = (machine.open_tasks().collect(), machine.parked().collect());
    format!("{:?} {:?} {open:?} {parked:?}", machine.next_wake(), machine.due(now).map(|due| format!("{due:?}")))
}

/// What the machine decides next, in bytes or words; the machine is used up.
fn next(mut machine: Machine, step: &Step, now: Time) -> String {
    let Some(stimulus) = stimulus(step, &machine, now) else { return "nothing".to_owned() };
    match machine.decide(&stimulus, now, [99; 16]) {
        Ok(Decision::Commit(sealed)) => format!("{:?} then {}", sealed.record, waits(&machine, now)),
        other => format!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn evolve_is_replay_is_snapshot_and_tail(
        steps in prop::collection::vec(step(), 0..160),
        splits in prop::collection::vec(any::<prop::sample::Index>(), 3),
        nexts in prop::collection::vec(step(), 6),
        again in prop::collection::vec(any::<prop::sample::Index>(), 6),
    ) {
        let mut life = Life::begin();
        // What comes next may be new, or a repetition.
        let repeated = again.iter().filter(|_| !steps.is_empty()).map(|index| index.get(&steps).clone());
        let nexts: Vec<Step> = nexts.into_iter().chain(repeated).collect();
        steps.iter().for_each(|step| life.live(step));
        let whole = life.machine.snapshot();
        let ways = splits.iter().map(|split| split.index(life.records.len() + 1)).chain([0, life.records.len()]);
        for from in ways {
            let mut machine = life.replay(from);
            prop_assert_eq!(machine.state_hash(), life.machine.state_hash());
            prop_assert!(machine.snapshot() == whole, "snapshot and tail from {}", from);
            machine.settle();
            prop_assert!(machine.snapshot() == whole, "to settle under the same rules changes nothing");
            prop_assert_eq!(waits(&machine, life.now), waits(&life.machine, life.now));
            for step in &nexts {
                let (was, is) = (next(life.replay(0), step, life.now), next(life.replay(from), step, life.now));
                prop_assert_eq!(was, is, "from {}", from);
            }
        }
    }

    #[test]
    fn time_never_goes_back_and_the_chain_has_no_holes(steps in prop::collection::vec(step(), 0..160)) {
        let mut life = Life::begin();
        for (nth, step) in steps.iter().enumerate() {
            life.live(step);
            // The clock jumps back now and then.
            if nth % 11 == 10 {
                life.now = Time(life.now.0 - 700);
            }
        }
        let headers: Vec<_> =
            life.records.iter().map(|record| dormouse_core::record::open(&life.address, record).unwrap()).collect();
        for (at, pair) in headers.windows(2).enumerate() {
            prop_assert_eq!(pair[1].header.seq, at as u64 + 2);
            prop_assert_eq!(pair[1].header.prev, pair[0].hash);
            prop_assert!(pair[1].header.time >= pair[0].header.time);
            let events = pair[0].header.first_event + pair[0].body.events.len() as u64;
            prop_assert_eq!(pair[1].header.first_event, events);
        }
    }

    #[test]
    fn an_id_acts_once(steps in prop::collection::vec(step(), 1..160), again in prop::collection::vec(any::<prop::sample::Index>(), 40)) {
        let mut life = Life::begin();
        steps.iter().for_each(|step| life.live(step));
        let seen = answered_ids(&life);
        let commits = life.records.len();
        for index in again {
            // Every command once more, in any order: answered before or too old, and never a commit if its id had made one. That
            // also holds for one whose refusal is kept, whatever the rules say now.
            let step = index.get(&steps);
            let Step::Command { who, stamp, n, .. } = step else { continue };
            if !seen.contains_key(&(*who, *stamp, *n)) {
                continue;
            }
            life.live(step);
            prop_assert_eq!(life.records.len(), commits, "{:?}", step);
        }
        prop_assert!(seen.values().all(|times| *times == 1));
    }
}

/// How many commits each id made, or has for its refusal.
fn answered_ids(life: &Life) -> BTreeMap<(u8, u64, u64), u32> {
    let mut ids = BTreeMap::new();
    for record in &life.records {
        let opening = dormouse_core::record::open(&life.address, record).unwrap();
        if let (Cause::Command { id: Some(id), .. } | Cause::Refused { id, .. }, Some(by)) =
            (opening.body.cause, opening.body.by)
        {
            *ids.entry((by.id[1..].parse().unwrap(), id.outbox.stamp, id.n)).or_default() += 1;
        }
    }
    ids
}

/// Once forgotten, an outbox of the year 3000 would make every honest one look older than it.
#[test]
fn an_outbox_from_the_future_is_refused() {
    let mut life = Life::begin();
    let command = serde_json::to_vec(&Command::Draw).unwrap();
    let mut ask = |stamp: Time| {
        let id = CommandId { outbox: OutboxId { stamp: stamp.0, unique: "a".into() }, n: 1 };
        let stimulus =
            Stimulus::Command { by: viewer(1), id: Some(id), command: command.as_slice().into(), resent: false };
        life.machine.decide(&stimulus, life.now, [1; 16]).map(drop).map_err(|failure| failure.code)
    };
    let limit = Time(1_790_000_000_000).after(OUTBOX_AHEAD_MAX);
    assert_eq!(ask(limit.after(Duration::from_millis(1))), Err(Code::BadCommandId));
    assert_eq!(ask(limit), Ok(()));
}

/// Events and states are JSON. A number that is another one after it was read would make a replay another history.
#[test]
fn numbers_are_stored_exactly() {
    let mut dice = Secret([5; 32]).seed(1, 0).dice();
    let numbers = std::iter::repeat_with(|| f64::from_bits(dice.bits())).filter(|number| number.is_finite());
    for number in numbers.take(100_000).chain([2.2592233720368546]) {
        let stored = serde_json::to_vec(&number).unwrap();
        let read: f64 = serde_json::from_slice(&stored).unwrap();
        assert_eq!(read.to_bits(), number.to_bits(), "{number:e}");
    }
}
