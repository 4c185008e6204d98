//! The table of all cases, and the proof that none is missing.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

use tokio::sync::Semaphore;

use crate::{house::House, identity, payload, protocol, sessions, slow, transport};

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

pub struct Case {
    pub number: u8,
    pub name: &'static str,
    /// The answer: a close code, a status, a code of the table.
    pub expected: &'static str,
    /// How many of the [`PLACES`] it takes.
    places: u32,
    run: Box<dyn FnOnce(Arc<House>) -> Running + Send>,
}

pub fn case<F>(
    number: u8,
    name: &'static str,
    expected: &'static str,
    run: impl FnOnce(Arc<House>) -> F + Send + 'static,
) -> Case
where
    F: Future<Output = ()> + Send + 'static,
{
    Case { number, name, expected, places: 1, run: Box::new(|house| Box::pin(run(house))) }
}

/// Two processors take so many cases at once without any of them being late.
const PLACES: u32 = 6;
static FREE: Semaphore = Semaphore::const_new(PLACES as usize);

impl Case {
    /// Much work: alone, so that no limit of time is reached for want of a processor.
    pub fn alone(self) -> Self {
        Self { places: PLACES, ..self }
    }

    /// Little work and long waits: beside all others.
    pub fn beside(self) -> Self {
        Self { places: 0, ..self }
    }
}

/// Run all cases, each in a house of its own, and name those that fail.
pub async fn check(cases: Vec<Case>) {
    let running: Vec<_> = cases
        .into_iter()
        .map(|Case { number, name, expected, places, run }| {
            let done = tokio::spawn(async move {
                let _places = FREE.acquire_many(places).await.unwrap();
                let house = House::open().await;
                run(house.clone()).await;
                house.assert_untouched().await;
            });
            (number, name, expected, done)
        })
        .collect();
    let mut failed = Vec::new();
    for (number, name, expected, done) in running {
        if done.await.is_err() {
            failed.push(format!("{number} {name}: {expected}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Where the answer is not literally that of the threat table, and why.
const DIFFERENT: &[(u8, &str)] = &[
    (
        9,
        "The cap is on bytes of the line (`MESSAGE_WIRE_BYTES_MAX`), not on a count: the library joins fragments itself.",
    ),
    (
        13,
        "`goodbye` names no position: every frame that moved a subscription has named it, and the client resumes from there.",
    ),
    (14, "4429 `rate_limited`, not 1008: the table of codes decides, so that the client knows how long to wait."),
    (
        18,
        "The HTTP library takes such a request by its chunks (RFC 9112, 6.1 allows it) and closes after its answer, so nothing can be \
         smuggled behind it.",
    ),
    (24, "`NaN` and `Infinity` are no JSON: `bad_json`. 1e999 is `bad_number`."),
    (25, "1.0 and -0 where the rules want an integer are `bad_command`: the schema refuses them, nothing is rounded."),
    (43, "`not_found`, as for an actor that is not there: `forbidden` would tell that it is."),
    (44, "The same bytes; the class of timing is not measured here."),
    (
        45,
        "A foreign cursor is `bad_query`; a foreign position is answered with `reset`, which shows nothing but what the viewer may see \
          anyway; an outbox belongs to its principal, so a foreign command id is simply one's own.",
    ),
    (46, "The rules decide: `rejected` with their reason. Whether they journal refusals is theirs."),
    (
        47,
        "What is hidden sends nothing and is in no view, patch or event. That commits happened can be told from the seq of the next \
          position: positions are the actor's own, docs/protocol.md.",
    ),
    (48, "Rates and connections are counted by principal and address, not by tenant."),
    (57, "`resumed: reset` and the whole view, at once: the position is not in the history."),
    (58, "As 57: `reset` and a snapshot."),
    (60, "Nothing is ever cut off, so the oldest position gets the whole tail."),
    (61, "Both are served."),
];

/// What this surface does not have, and why.
const ELSEWHERE: &[(u8, &str)] = &[
    (49, "crates/core record.rs and the journals: the principal is in every hash-chained commit."),
    (50, "crates/engine and the CLI's `verify`: an edited record fails its chain, the actor is quarantined."),
    (51, "the CLI's `verify` against an anchor: nothing on the wire sees the tail's loss but `reset`, case 57."),
    (52, "Nothing is encrypted by the engine; records name their address in their hash, crates/core record.rs."),
    (56, "Commands carry no expected seq: the rules decide on the newest state, and a repetition is told by its id."),
];

fn all() -> Vec<Case> {
    [transport::cases(), slow::cases(), payload::cases(), identity::cases(), sessions::cases(), protocol::cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn every_number_is_covered_or_stands_elsewhere() {
    let mut covered: BTreeMap<u8, Vec<String>> = BTreeMap::new();
    for case in all() {
        covered.entry(case.number).or_default().push(format!("{} → {}", case.name, case.expected));
    }
    for (number, names) in &covered {
        names.iter().for_each(|name| println!("{number:2} {name}"));
    }
    DIFFERENT.iter().for_each(|(number, why)| println!("{number:2} differs: {why}"));
    ELSEWHERE.iter().for_each(|(number, why)| println!("{number:2} not here: {why}"));
    for number in 1..=63 {
        let elsewhere = ELSEWHERE.iter().any(|(n, _)| *n == number);
        assert!(covered.contains_key(&number) != elsewhere, "case {number} is covered once: here or elsewhere");
    }
    assert!(DIFFERENT.iter().all(|(number, _)| covered.contains_key(number)));
    println!("{} cases of {} numbers", covered.values().map(Vec::len).sum::<usize>(), covered.len());
}
