//! VIEW-SECRECY: what is hidden from a viewer leaves no trace in anything that it gets.
//!
//! The same things happen twice, with other hidden words. Whoever may not see the words must get the same bytes both times, in the same order and
//! at the same moments: views, patches, events, errors, looks at the past, etags, lengths. Only the tags of positions differ: they are
//! hashes of the commits, with 16 random bytes under each, and are left out. As a control, whoever may see the words must get other bytes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use dormouse_core::{
    Address, Stimulus,
    frame::{
        As,
        client::{From, Subscribe},
    },
};
use dormouse_journal::faulty::Fault;
use proptest::prelude::*;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    log::without_tags,
    stage::{Stage, settle},
};

/// Never seated where the words lie, never a judge: a stranger, and the other player.
const BLIND: [&str; 2] = ["eve", "bo"];
/// Who may see them.
const SEES: [&str; 2] = ["judge", "ana"];

/// One thing that happens. Only Ana's words are other ones the second time.
#[derive(Debug, Clone)]
enum Op {
    Hide(usize),
    BoHides(u8),
    Move(u8),
    Stand,
    Sit,
    /// Ana's command is refused: why is hers alone.
    Refused,
    Fault(u8),
    Hold,
    Release,
    Sleep,
    Settle,
    Drop(usize),
    Look(usize),
    LookAt(usize, u64),
    Read(usize, u64),
    Signal(u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0usize..4).prop_map(Op::Hide),
        2 => (0u8..9).prop_map(Op::BoHides),
        4 => (0u8..4).prop_map(Op::Move),
        1 => Just(Op::Stand),
        2 => Just(Op::Sit),
        1 => Just(Op::Refused),
        2 => (0u8..4).prop_map(Op::Fault),
        1 => Just(Op::Hold),
        2 => Just(Op::Release),
        1 => Just(Op::Sleep),
        6 => Just(Op::Settle),
        2 => (0usize..2).prop_map(Op::Drop),
        2 => (0usize..2).prop_map(Op::Look),
        2 => (0usize..2, 1u64..20).prop_map(|(who, seq)| Op::LookAt(who, seq)),
        2 => (0usize..2, 0u64..20).prop_map(|(who, after)| Op::Read(who, after)),
        1 => (0u8..4).prop_map(Op::Signal),
    ]
}

/// The words that Ana hides this time.
type Words = [String; 4];

fn words() -> impl Strategy<Value = Words> {
    // Of different lengths, so that lengths would tell.
    prop::array::uniform4("[a-z]{1,40}")
}

/// What somebody got, with when it came.
type Heard = Vec<String>;

struct Scene {
    stage: Stage,
    address: Address,
    began: Instant,
    /// Answers to looks and reads.
    answers: Arc<Mutex<Vec<(&'static str, String)>>>,
    sent: u64,
}

impl Scene {
    async fn begin() -> Self {
        let mut stage = Stage::new();
        let address = Stage::address("secret/s");
        let judge = stage.person("judge").viewer.clone();
        stage.engine(None).create(&address, judge, b"{}").await.unwrap();
        let mut scene = Self { stage, address, began: Instant::now(), answers: Arc::default(), sent: 0 };
        scene.command("ana", json!({ "type": "sit", "seat": 1 }));
        scene.command("bo", json!({ "type": "sit", "seat": 2 }));
        settle().await;
        for who in BLIND.into_iter().chain(SEES) {
            scene.watch(who);
        }
        settle().await;
        scene
    }

    fn watch(&mut self, who: &str) {
        for of in [As::View, As::Events] {
            let wanted = Subscribe { actor: self.address.actor(), of, from: From::Now, etag: None };
            self.stage.watch(None, who, &self.address, wanted);
        }
    }

    /// Each of a player's commands is one of its connection, so that it hears the answer.
    fn command(&mut self, who: &str, command: serde_json::Value) {
        self.sent += 1;
        self.stage.send(None, who, &self.address, (self.sent, false), &command.to_string());
    }

    async fn perform(&mut self, op: &Op, words: &Words) {
        match op {
            Op::Hide(word) => self.command("ana", json!({ "type": "hide", "word": words[*word] })),
            Op::BoHides(word) => self.command("bo", json!({ "type": "hide", "word": format!("bo-{word}") })),
            Op::Move(who) => self.command(["ana", "bo", "eve", "judge"][usize::from(*who)], json!({ "type": "move" })),
            Op::Stand => self.command("ana", json!({ "type": "stand" })),
            Op::Sit => self.command("ana", json!({ "type": "sit", "seat": 1 })),
            Op::Refused => self.command("ana", json!({ "type": "sit", "seat": 2 })),
            Op::Fault(fault) => self.stage.disk.faults.fail(match fault {
                0 => Fault::UnknownWritten,
                1 => Fault::UnknownLost,
                2 => Fault::UnknownLate,
                _ => Fault::Unavailable,
            }),
            Op::Hold => self.stage.gates.push_back(self.stage.disk.faults.hold()),
            Op::Release => drop(self.stage.gates.pop_front()),
            Op::Sleep => self.stage.pass(Duration::from_secs(12)).await,
            Op::Settle => settle().await,
            Op::Drop(who) => {
                self.stage.hang_up(None, BLIND[*who]);
                self.watch(BLIND[*who]);
            }
            Op::Look(who) => self.look(BLIND[*who], None),
            Op::LookAt(who, seq) => self.look(BLIND[*who], Some(*seq)),
            Op::Read(who, after) => self.read(BLIND[*who], *after),
            Op::Signal(who) => {
                let who = ["ana", "bo", "eve", "judge"][usize::from(*who)];
                let by = self.stage.person(who).viewer.clone();
                let signal = serde_json::from_str("{\"typing\":true}").unwrap();
                let _ = self.stage.engine(None).signal(&self.address, by, None, signal);
            }
        }
    }

    fn look(&mut self, who: &'static str, at: Option<u64>) {
        let (engine, address, answers) = (self.stage.engine(None), self.address.clone(), self.answers.clone());
        let (viewer, began) = (self.stage.person(who).viewer.clone(), self.began);
        tokio::spawn(async move {
            let looked = match at {
                None => engine.look(&address, &viewer).await,
                Some(seq) => engine.look_at(&address, &viewer, seq).await,
            };
            answers.lock().unwrap().push((who, format!("[{:?}] {looked:?}", began.elapsed())));
        });
    }

    fn read(&mut self, who: &'static str, after: u64) {
        let (engine, address, answers) = (self.stage.engine(None), self.address.clone(), self.answers.clone());
        let (viewer, began) = (self.stage.person(who).viewer.clone(), self.began);
        tokio::spawn(async move {
            let page = engine.events(&address, &viewer, after, 7).await;
            let page = page.map(|page| (page.through_seq, page.more, serde_json::to_string(&page.events).unwrap()));
            answers.lock().unwrap().push((who, format!("[{:?}] {page:?}", began.elapsed())));
        });
    }

    async fn end(mut self) -> [Heard; 4] {
        self.stage.gates.clear();
        self.stage.pass(Duration::from_secs(3)).await;
        // An ordinary commit after everything, so that whatever was owed has come.
        let by = self.stage.person("judge").viewer.clone();
        for _ in 0..60 {
            let command = br#"{"type":"move"}"#[..].into();
            let stimulus = Stimulus::Command { by: by.clone(), id: None, command, resent: false };
            let done = self.stage.engine(None).call(&self.address, stimulus, false).await;
            self.stage.pass(Duration::from_millis(200)).await;
            if done.is_ok() {
                break;
            }
        }
        assert_eq!(self.stage.log.wrongs(), Vec::<String>::new());
        [BLIND[0], BLIND[1], SEES[0], SEES[1]].map(|who| self.heard(who))
    }

    fn heard(&self, who: &str) -> Heard {
        let connections = self.stage.connections.iter().filter(|connection| connection.name() == who);
        let frames = connections.flat_map(|connection| connection.frames_since(self.began));
        let answers = self.answers.lock().unwrap();
        let answers = answers.iter().filter(|(name, _)| *name == who).map(|(_, answer)| untagged(answer));
        frames.map(|frame| without_tags(&frame)).chain(answers).collect()
    }
}

/// Without the bytes of position tags as `Debug` writes them.
fn untagged(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("tag: [") {
        out.push_str(before);
        rest = after.split_once(']').map_or("", |(_, rest)| rest);
    }
    out + rest
}

fn play(ops: &[Op], words: &Words) -> [Heard; 4] {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut scene = Scene::begin().await;
        for op in ops {
            scene.perform(op, words).await;
        }
        scene.end().await
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(crate::properties::cases()) })]

    #[test]
    fn hidden_words_change_no_byte_of_those_who_may_not_see_them(
        ops in prop::collection::vec(op(), 1..60),
        (words, others) in (words(), words()),
    ) {
        let ([eve, bo, ..], [eve2, bo2, ..]) = (play(&ops, &words), play(&ops, &others));
        prop_assert_eq!(eve, eve2);
        prop_assert_eq!(bo, bo2);
    }
}

/// The tool itself: with words that differ, those who see them do not get the same.
#[test]
fn the_tool_sees_what_is_not_hidden() {
    let words = |word: &str| std::array::from_fn(|_| word.to_owned());
    let ops = [Op::Hide(0), Op::Settle];
    let ([eve, bo, judge, ana], [eve2, bo2, judge2, ana2]) = (play(&ops, &words("plum")), play(&ops, &words("pear")));
    assert_eq!((eve, bo), (eve2, bo2));
    assert_ne!(judge, judge2);
    assert_ne!(ana, ana2);
}
