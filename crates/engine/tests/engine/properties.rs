//! Two hosts over one store, with faults, in random order: what must hold whatever happens.
//!
//! The names are those of the invariants. DENSE and CHAIN-OK are asserted wherever a journal is read ([`Stage::journal`]), the output gate and
//! the patches at every frame ([`Connection`](crate::connection::Connection)).

use std::{collections::BTreeMap, time::Duration};

use dormouse_core::{
    Address, Position, Stimulus, Viewer,
    frame::{
        As,
        client::{From, Subscribe},
    },
    outbox::OutboxId,
    record::{self, Cause},
};
use dormouse_engine::{LoadOptions, load};
use dormouse_journal::{Journal, faulty::Fault};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    actors,
    stage::{Stage, settle},
    world::DAWN,
};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Op {
    /// A new command, to host a or b.
    Send {
        on_b: bool,
        who: u8,
        command: Value,
    },
    /// One that was sent before, to either host.
    Again {
        on_b: bool,
        which: prop::sample::Index,
    },
    Fault(u8),
    Hold,
    Release,
    Pass(u64),
    Settle,
    Freeze {
        b: bool,
    },
    Thaw,
    /// Host b dies, and another one starts.
    KillB,
    /// The viewer that drops does, or comes back.
    Drop,
    Resume,
}

fn op(command: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (any::<bool>(), 0u8..3, command).prop_map(|(on_b, who, command)| Op::Send { on_b, who, command }),
        5 => (any::<bool>(), any::<prop::sample::Index>()).prop_map(|(on_b, which)| Op::Again { on_b, which }),
        4 => (0u8..4).prop_map(Op::Fault),
        2 => Just(Op::Hold),
        3 => Just(Op::Release),
        2 => (0u64..400).prop_map(Op::Pass),
        1 => Just(Op::Pass(11_000)),
        6 => Just(Op::Settle),
        1 => any::<bool>().prop_map(|b| Op::Freeze { b }),
        2 => Just(Op::Thaw),
        1 => Just(Op::KillB),
        3 => Just(Op::Drop),
        3 => Just(Op::Resume),
    ]
}

fn counter_command() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-4i64..6).prop_map(|by| json!({ "type": "add", "by": by })),
        3 => ("[a-d]", "[a-z]{0,40}").prop_map(|(key, text)| json!({ "type": "note", "key": key, "text": text })),
        1 => Just(json!({ "type": "roll" })),
        1 => Just(json!({ "type": "nothing" })),
    ]
}

fn secret_command() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (1u16..4).prop_map(|seat| json!({ "type": "sit", "seat": seat })),
        2 => Just(json!({ "type": "stand" })),
        4 => "[a-z]{1,9}".prop_map(|word| json!({ "type": "hide", "word": word })),
        1 => (0u8..3).prop_map(|who| json!({ "type": "ban", "who": format!("p{who}") })),
        1 => Just(json!({ "type": "peek" })),
        3 => Just(json!({ "type": "move" })),
    ]
}

/// A command as a client keeps it until it is answered.
#[derive(Debug, Clone)]
struct Sent {
    who: u8,
    n: u64,
    command: String,
}

struct Run {
    stage: Stage,
    address: Address,
    sent: Vec<Sent>,
    next: [u64; 3],
}

impl Run {
    async fn begin(actor: &str) -> Self {
        let mut stage = Stage::new();
        stage.start_host("b", 1, false);
        let address = Stage::address(actor);
        let judge = stage.person("judge").viewer.clone();
        stage.engine(Some("a")).create(&address, judge, b"{}").await.unwrap();
        let mut run = Self { stage, address, sent: Vec::new(), next: [1; 3] };
        for who in 0..3 {
            run.watch(&format!("p{who}.steady"), false);
            run.watch(&format!("p{who}.drops"), false);
        }
        settle().await;
        run
    }

    /// Watch at host a, from what is held.
    fn watch(&mut self, name: &str, resumes: bool) {
        let actor = self.address.actor();
        let (position, etag) = self.stage.person(name).connection.held(&actor);
        let from = match position.parse() {
            Ok(position) if resumes => From::After(position),
            _ => From::Now,
        };
        let etag = Some(etag).filter(|etag| resumes && !etag.is_empty());
        self.stage.watch(Some("a"), name, &self.address, Subscribe { actor, of: As::View, from, etag });
    }

    fn send(&mut self, on_b: bool, sent: &Sent, resent: bool) {
        let host = if on_b { "b" } else { "a" };
        let name = format!("p{}.{host}", sent.who);
        // One client: the same outbox over whichever host.
        self.stage.person(&name).outbox = OutboxId { stamp: DAWN, unique: format!("p{}", sent.who) };
        self.stage.send(Some(host), &name, &self.address, (sent.n, resent), &sent.command);
    }

    async fn perform(&mut self, op: Op) {
        match op {
            Op::Send { on_b, who, command } => {
                let n = self.next[usize::from(who)];
                self.next[usize::from(who)] += 1;
                let sent = Sent { who, n, command: command.to_string() };
                self.send(on_b, &sent, false);
                self.sent.push(sent);
            }
            Op::Again { .. } if self.sent.is_empty() => {}
            Op::Again { on_b, which } => {
                let sent = which.get(&self.sent).clone();
                self.send(on_b, &sent, true);
            }
            Op::Fault(fault) => self.stage.disk.faults.fail(match fault {
                0 => Fault::UnknownWritten,
                1 => Fault::UnknownLost,
                2 => Fault::UnknownLate,
                _ => Fault::Unavailable,
            }),
            Op::Hold => self.stage.gates.push_back(self.stage.disk.faults.hold()),
            Op::Release => drop(self.stage.gates.pop_front()),
            Op::Pass(ms) => self.stage.pass(Duration::from_millis(ms)).await,
            Op::Settle => settle().await,
            Op::Freeze { b } => self.stage.freeze(if b { "b" } else { "a" }, true),
            Op::Thaw => self.thaw(),
            Op::KillB => {
                self.stage.kill_host("b");
                self.stage.start_host("b", 1, false);
            }
            Op::Drop => (0..3).for_each(|who| self.stage.hang_up(Some("a"), &format!("p{who}.drops"))),
            Op::Resume => (0..3).for_each(|who| self.watch(&format!("p{who}.drops"), true)),
        }
    }

    fn thaw(&self) {
        self.stage.freeze("a", false);
        self.stage.freeze("b", false);
    }

    /// The last fault is over: everything that was sent is answered soon, at host a.
    async fn heal(&mut self) {
        self.stage.gates.clear();
        self.thaw();
        self.stage.pass(Duration::from_secs(3)).await;
        self.last_commit().await;
        for sent in self.sent.clone() {
            for _ in 0..5 {
                self.send(false, &sent, true);
                self.stage.pass(Duration::from_millis(400)).await;
                if self.last_answer(&sent).is_some_and(|answer| answer["code"].as_u64().is_none_or(|code| code >= 4000))
                {
                    break;
                }
            }
        }
        (0..3).for_each(|who| self.watch(&format!("p{who}.drops"), true));
        self.last_commit().await;
    }

    /// One more commit at host a, so that it has seen what b wrote. Faults that nothing met so far are used up.
    async fn last_commit(&mut self) {
        let judge = self.stage.person("judge").viewer.clone();
        let kind = if self.address.kind.as_str() == "counter" { "nothing" } else { "move" };
        let command = json!({ "type": kind }).to_string().into_bytes();
        let stimulus = Stimulus::Command { by: judge, id: None, command: command.into(), resent: false };
        for _ in 0..80 {
            let done = self.stage.engine(Some("a")).call(&self.address, stimulus.clone(), false).await;
            self.stage.pass(Duration::from_millis(400)).await;
            if done.is_ok() {
                return;
            }
        }
        panic!("LIVE-AFTER-HEAL: the journal works again");
    }

    fn answers(&self) -> Vec<Value> {
        let frames = self.stage.connections.iter().flat_map(|connection| connection.frames());
        let frames = frames.map(|text| serde_json::from_str::<Value>(&text).unwrap());
        frames.filter(|frame| frame["command_id"].is_string()).collect()
    }

    fn last_answer(&self, sent: &Sent) -> Option<Value> {
        let connection = self.stage.connections.iter().rev().find(|c| c.name() == format!("p{}.a", sent.who))?;
        let frames = connection.frames().into_iter().rev().map(|text| serde_json::from_str::<Value>(&text).unwrap());
        let id = command_id(sent);
        frames.into_iter().find(|frame| frame["command_id"] == id.as_str())
    }

    /// Every command id of the journal, with its commit's seq.
    async fn committed(&self) -> BTreeMap<String, Vec<u64>> {
        let mut ids: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for entry in self.stage.disk.store.read(&self.address, 0, 10_000).await.unwrap() {
            let opening = record::open(&self.address, &entry.record).unwrap();
            if let Cause::Command { id: Some(id), .. } = opening.body.cause {
                ids.entry(id.to_string()).or_default().push(entry.seq);
            }
        }
        ids
    }

    /// NO-PHANTOM: what a commit keeps refused has no other commit and no other refusal.
    fn check_refusals(&self, committed: &BTreeMap<String, Vec<u64>>) {
        let mut kept: BTreeMap<String, Value> = BTreeMap::new();
        for answer in
            self.answers().into_iter().filter(|answer| answer["position"].is_string() && answer["type"] == "rejected")
        {
            let id = answer["command_id"].as_str().unwrap().to_owned();
            assert_eq!(committed.get(&id), None, "NO-PHANTOM: {answer}");
            assert_eq!(*kept.entry(id).or_insert_with(|| answer.clone()), answer, "NO-PHANTOM: one refusal");
        }
    }

    /// ACK-DURABLE, IDEMPOTENT, ONE-PER-SEQ, DENSE, LIVE-AFTER-HEAL.
    async fn check_commands(&self) {
        self.stage.journal(&self.address).await;
        let committed = self.committed().await;
        self.check_refusals(&committed);
        let mut accepted: BTreeMap<String, Position> = BTreeMap::new();
        for answer in self.answers().into_iter().filter(|answer| answer["type"] == "accepted") {
            let (id, position) = (answer["command_id"].as_str().unwrap(), answer["position"].as_str().unwrap());
            let position: Position = position.parse().unwrap();
            let stored = self.stage.disk.position(&self.address, position.epoch, position.seq).await;
            assert_eq!(stored, position, "ACK-DURABLE: {answer}");
            assert_eq!(committed.get(id), Some(&vec![position.seq]), "IDEMPOTENT: {answer}");
            let first = *accepted.entry(id.to_owned()).or_insert(position);
            assert_eq!(first, position, "IDEMPOTENT: one answer");
        }
        for sent in &self.sent {
            let answer = self.last_answer(sent).expect("LIVE-AFTER-HEAL: every command is answered");
            let is_accepted = answer["type"] == "accepted";
            assert!(is_accepted || answer["code"].as_u64().unwrap() >= 4000, "LIVE-AFTER-HEAL: {answer}");
            assert_eq!(committed.contains_key(&command_id(sent)), is_accepted, "NO-PHANTOM: {answer}");
        }
    }

    /// REPLAY-EQUAL, SNAPSHOT-PURE.
    async fn check_replay(&self) {
        let kind = actors::kinds(1).into_iter().find(|kind| kind.name == self.address.kind).unwrap();
        let load = async |from_start| {
            let options = LoadOptions { from_start, until: None };
            load(&self.stage.disk.store, &kind, &self.address, options).await.unwrap()
        };
        let (replayed, restored) = (load(true).await, load(false).await);
        assert_eq!(replayed.state_hash(), restored.state_hash(), "REPLAY-EQUAL");
        assert_eq!(replayed.snapshot(), restored.snapshot(), "SNAPSHOT-PURE");
    }

    /// RESUME-EXACT: who dropped and came back sees what the other sees, and both what is there.
    async fn check_views(&mut self) {
        let (actor, engine) = (self.address.actor(), self.stage.engine(Some("a")));
        for who in 0..3 {
            let viewer: Viewer = self.stage.person(&format!("p{who}.steady")).viewer.clone();
            let looked = engine.look(&self.address, &viewer).await.ok();
            let is = looked.map(|looked| (looked.etag.to_string(), serde_json::from_slice(&looked.view).unwrap()));
            let held = |name: String, stage: &mut Stage| stage.person(&name).connection.view(&actor);
            assert_eq!(held(format!("p{who}.steady"), &mut self.stage), is, "a steady viewer of p{who}");
            assert_eq!(held(format!("p{who}.drops"), &mut self.stage), is, "RESUME-EXACT: p{who}");
        }
        assert_eq!(self.stage.log.wrongs(), Vec::<String>::new());
    }
}

fn command_id(sent: &Sent) -> String {
    let outbox = OutboxId { stamp: DAWN, unique: format!("p{}", sent.who) };
    format!("{outbox}:{}", sent.n)
}

fn play(actor: &str, ops: Vec<Op>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut run = Run::begin(actor).await;
        for op in ops {
            run.perform(op).await;
        }
        run.heal().await;
        run.check_commands().await;
        run.check_replay().await;
        run.check_views().await;
    });
}

/// Few enough for every change; PROPTEST_CASES asks for more.
pub fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn two_hosts_with_faults_lose_and_double_nothing(ops in prop::collection::vec(op(counter_command()), 1..70)) {
        play("counter/x", ops);
    }

    #[test]
    fn viewers_of_every_sight_end_with_what_is_there(ops in prop::collection::vec(op(secret_command()), 1..70)) {
        play("secret/x", ops);
    }
}
