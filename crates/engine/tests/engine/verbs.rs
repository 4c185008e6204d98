//! What a script can say.
//!
//! ```text
//! ana creates counter/x {config}            ana is a person; ana.phone is another connection of hers; judge has the role judge
//! ana sends counter/x #7 {command}          over her connection, with number 7 of her outbox
//! ana sends counter/x anew #1 {command}      from an outbox of its own, stamped a millisecond after the last
//! ana resends counter/x #7 {command}         the same; she says that she has sent it before
//! ana asks counter/x {command}              over HTTP, without an id
//! ana watches counter/x [events] [from 1:3 | start | held] [etag E2 | held]        held: as of the last frame
//! ana unwatches counter/x [events]
//! ana looks counter/x [at 3]
//! ana reads counter/x after 2 [limit 5]     a page of events
//! ana signals counter/x {json}
//! ana retires counter/x
//! ana redrives chores/x wake KEY DUE | task KEY
//! ana hangs up | is slow | reads again | is quiet | is heard
//! ana has outbox STAMP                      a fresh outbox, stamped so many milliseconds after the test began
//! report chores/x KEY@3 JSON                a late report of that instance
//! 130 times ana …                           #n counts up from the number that is given
//! 300 guests watch counter/x                and are quiet
//! hold | release                            the next append waits | the one that waited longest goes on
//! fault unknown-written | unknown-lost | unknown-late | unavailable | fatal
//! fault first ana asks counter/x {command}  on another host, right before the next append
//! worker answers JSON | fails WHY | gives up WHY | hangs | panics | streams JSON | waits [JSON]
//!                                           the next attempt; one that waits streams its JSON when it goes on
//! worker goes on                            the attempt that waited longest
//! 5 s pass | 100 ms pass | clock jumps +365 d | clock jumps -1 h
//! host b starts [with rules 2 | and hears | and holds] | host a dies | host a freezes | host a thaws | host a drains
//! host b settles                            says when everything that it was asked has left, then tells those who follow events what moved
//! ana comes counter/x | ana goes counter/x  as whoever keeps the rows says it
//! rows unavailable | rows available
//! together LINE & LINE                      before anybody answers
//! b: ana …                                  at host b; without, at the host that started last
//! journal counter/x | index counter/x | snapshot counter/x | is counter/x awake | quarantine
//! swap counter/x                            keep its snapshot, and put back the one that was kept before
//! damage counter/x 3 | restore counter/x to 3 | epoch counter/x 2 | hide snapshots | show snapshots
//! ```
//!
//! A position `1:3!` is one of another history.

use std::time::Duration;

use dormouse_core::{
    Outcome, Stimulus, Time,
    frame::{
        As,
        client::{From, Subscribe},
    },
    outbox::OutboxId,
    record::Parked,
};
use dormouse_journal::{Journal, faulty::Fault};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    log::{cut, short},
    stage::{Stage, answered, refused, settle},
    worker::Act,
    world::DAWN,
};

/// The words of one line.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    fn next(&mut self) -> &'a str {
        let (word, rest) = self.0.split_once(' ').unwrap_or((self.0, ""));
        self.0 = rest.trim_start();
        word
    }

    /// Whether the next word is this one; then it is taken.
    fn takes(&mut self, word: &str) -> bool {
        let is = self.0.split(' ').next() == Some(word);
        if is {
            self.next();
        }
        is
    }

    fn after(&mut self, word: &str) -> Option<&'a str> {
        self.takes(word).then(|| self.next())
    }

    fn number(&mut self) -> u64 {
        let word = self.next();
        word.trim_start_matches('#').parse().unwrap_or_else(|_| panic!("a number, not {word:?}"))
    }

    fn json(&self) -> Value {
        if self.0.is_empty() { Value::Null } else { serde_json::from_str(self.0).unwrap() }
    }

    fn duration(&mut self) -> Duration {
        let number = self.number();
        match self.next() {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "h" => Duration::from_secs(number * 3_600),
            "d" => Duration::from_secs(number * 86_400),
            other => panic!("a unit, not {other:?}"),
        }
    }
}

/// Do what one line says.
pub async fn perform(stage: &mut Stage, line: &str) {
    let host = line.split_once(": ").map(|(host, _)| host).filter(|host| stage.is_host(host)).map(str::to_owned);
    let rest = host.as_ref().map_or(line, |host| &line[host.len() + 2..]);
    let host = host.as_deref();
    let mut words = Words(rest);
    match words.next() {
        "hold" => stage.gates.push_back(stage.disk.faults.hold()),
        "release" => drop(stage.gates.pop_front().expect("a hold")),
        "fault" => fault(stage, words),
        "worker" => worker(stage, words),
        "clock" => {
            assert!(words.takes("jumps"));
            let sign = if words.0.starts_with('-') { -1 } else { 1 };
            words.0 = &words.0[1..];
            let by = i64::try_from(words.duration().as_millis()).unwrap();
            stage.world.jump(sign * by);
        }
        "together" => {
            for line in rest["together".len()..].split(" & ") {
                Box::pin(perform(stage, line.trim())).await;
            }
        }
        "host" => hosts(stage, words).await,
        "rows" => stage.rows.set_unavailable(words.takes("unavailable")),
        "report" => report(stage, host, words),
        "journal" | "index" | "snapshot" | "is" | "quarantine" | "store" => inspect(stage, host, rest).await,
        "damage" | "restore" | "epoch" | "hide" | "show" | "swap" => harm(stage, rest).await,
        first if first.starts_with(|c: char| c.is_ascii_digit()) => counted(stage, host, rest).await,
        name => person(stage, host, name, words).await,
    }
}

/// `5 s pass`, or `130 times ana …`.
async fn counted(stage: &mut Stage, host: Option<&str>, line: &str) {
    if line.ends_with(" pass") {
        let time = Words(line).duration();
        return stage.pass(time).await;
    }
    let mut words = Words(line);
    let count = words.number();
    if words.takes("guests") {
        assert!(words.takes("watch"));
        return guests(stage, count, words).await;
    }
    assert!(words.takes("times"));
    let (name, start) = (Words(words.0).next(), words.0.split('#').nth(1).and_then(|n| n.split(' ').next()));
    for nth in 0..count {
        let line = match start {
            None => words.0.to_owned(),
            Some(n) => words.0.replace(&format!("#{n} "), &format!("#{} ", n.parse::<u64>().unwrap() + nth)),
        };
        Box::pin(person(stage, host, name, {
            let mut words = Words(&line);
            words.next();
            words
        }))
        .await;
    }
    settle().await;
}

/// So many people of whom nobody hears anything.
async fn guests(stage: &mut Stage, count: u64, mut words: Words<'_>) {
    let address = Stage::address(words.next());
    for nth in 0..count {
        let name = format!("guest{nth}");
        stage.person(&name).connection.quiet(true);
        let (actor, of, from, etag) = (address.actor(), As::View, From::Now, None);
        stage.watch(None, &name, &address, Subscribe { actor, of, from, etag });
    }
    settle().await;
}

async fn person(stage: &mut Stage, host: Option<&str>, name: &str, mut words: Words<'_>) {
    let verb = words.next();
    match verb {
        "hangs" => return stage.hang_up(host, name),
        "is" | "reads" if !words.0.contains('/') => return moods(stage, name, words.0),
        "has" => {
            assert!(words.takes("outbox"));
            let stamp = DAWN + words.number();
            stage.person(name).outbox = OutboxId { stamp, unique: format!("o{}", stamp - DAWN) };
            return;
        }
        _ => {}
    }
    let address = Stage::address(words.next());
    let by = stage.person(name).viewer.clone();
    let engine = stage.engine(host);
    match verb {
        "creates" => {
            let config = if words.0.is_empty() { "{}" } else { words.0 };
            let secret = dormouse_core::dice::Secret(engine.world().draw());
            let stimulus = Stimulus::Create { by, config: config.as_bytes().into(), secret };
            stage.call(engine, name, "created", address, stimulus);
        }
        "sends" | "resends" => {
            if words.takes("anew") {
                let outbox = &mut stage.person(name).outbox;
                *outbox = OutboxId { stamp: outbox.stamp + 1, unique: format!("o{}", outbox.stamp + 1 - DAWN) };
            }
            let n = words.number();
            stage.send(host, name, &address, (n, verb == "resends"), words.0);
        }
        "asks" => {
            let stimulus = Stimulus::Command { by, id: None, command: words.0.as_bytes().into(), resent: false };
            stage.call(engine, name, "asked", address, stimulus);
        }
        "comes" => stage.call(engine, name, "came to", address, Stimulus::Joined { who: by }),
        "goes" => stage.call(engine, name, "went from", address, Stimulus::Left { who: by }),
        "retires" => stage.call(engine, name, "retired", address, Stimulus::Retire { by }),
        "redrives" => {
            let what = match words.next() {
                "wake" => Parked::Wake(words.next().to_owned(), Time(DAWN + words.number())),
                _ => Parked::Task(words.next().into()),
            };
            stage.call(engine, name, "redrove", address, Stimulus::Redrive { by, what });
        }
        "watches" => {
            let of = if words.takes("events") { As::Events } else { As::View };
            let held = stage.person(name).connection.held(&address.actor());
            let from = match words.after("from") {
                Some("held") => From::After(held.0.parse().unwrap()),
                from => stage.from(&address, from).await,
            };
            let etag = words.after("etag").map(|etag| if etag == "held" { held.1 } else { stage.log.etag_named(etag) });
            stage.watch(host, name, &address, Subscribe { actor: address.actor(), of, from, etag });
        }
        "unwatches" => {
            let of = if words.takes("events") { As::Events } else { As::View };
            stage.unwatch(host, name, &address, of);
        }
        "looks" => looks(stage, host, name, words.after("at"), address),
        "reads" => reads(stage, host, name, words, address),
        "signals" => {
            let connection = Some(stage.person(name).connection.outlet().id());
            if let Err(failure) = engine.signal(&address, by, connection, serde_json::from_str(words.0).unwrap()) {
                stage.log.say(format!("{name}: signalled {}", refused(&failure)));
            }
        }
        other => panic!("a verb, not {other:?}"),
    }
}

fn moods(stage: &mut Stage, name: &str, mood: &str) {
    let connection = &stage.person(name).connection;
    match mood {
        "slow" => connection.slow(),
        "again" => connection.reads(),
        "quiet" => connection.quiet(true),
        "heard" => connection.quiet(false),
        other => panic!("a mood, not {other:?}"),
    }
}

fn looks(stage: &mut Stage, host: Option<&str>, name: &str, at: Option<&str>, address: dormouse_core::Address) {
    let (engine, log, viewer) = (stage.engine(host), stage.log.clone(), stage.person(name).viewer.clone());
    let (name, seq) = (name.to_owned(), at.map(|at| at.parse().unwrap()));
    tokio::spawn(async move {
        let looked = match seq {
            None => engine.look(&address, &viewer).await,
            Some(seq) => engine.look_at(&address, &viewer, seq).await,
        };
        let seen = match looked {
            Err(failure) => refused(&failure),
            Ok(looked) => {
                let view: Value = serde_json::from_slice(&looked.view).unwrap();
                format!("{} {} {}", short(&looked.position.to_string()), log.etag(&looked.etag), cut(&view))
            }
        };
        log.say(format!("{name}: looked {} {seen}", address.actor()));
    });
}

fn reads(stage: &mut Stage, host: Option<&str>, name: &str, mut words: Words<'_>, address: dormouse_core::Address) {
    let after = words.after("after").map_or(0, |n| n.parse().unwrap());
    let limit = words.after("limit").map_or(100, |n| n.parse().unwrap());
    let (engine, log, viewer) = (stage.engine(host), stage.log.clone(), stage.person(name).viewer.clone());
    let name = name.to_owned();
    tokio::spawn(async move {
        let page = match engine.events(&address, &viewer, after, limit).await {
            Err(failure) => refused(&failure),
            Ok(page) => {
                let events: Vec<String> =
                    page.events.iter().map(|e| format!("{}.{} {}", e.seq, e.index, e.event)).collect();
                let more = if page.more { ", more" } else { "" };
                let place = short(&page.position.to_string());
                format!("{place} through {}{more}: {}", page.through_seq, events.join(", "))
            }
        };
        log.say(format!("{name}: read {} {page}", address.actor()));
    });
}

fn report(stage: &Stage, host: Option<&str>, mut words: Words<'_>) {
    let address = Stage::address(words.next());
    let (key, opened) = words.next().rsplit_once('@').expect("key@seq");
    let outcome = Outcome::Done { value: words.json() };
    let stimulus = Stimulus::Report { key: key.into(), opened: opened.parse().unwrap(), outcome };
    stage.call(stage.engine(host), "worker", "reported", address, stimulus);
}

fn fault(stage: &mut Stage, mut words: Words<'_>) {
    let fault = match words.next() {
        "unknown-written" => Fault::UnknownWritten,
        "unknown-lost" => Fault::UnknownLost,
        "unknown-late" => Fault::UnknownLate,
        "unavailable" => Fault::Unavailable,
        "fatal" => Fault::Fatal,
        "first" => return first(stage, words),
        other => panic!("a fault, not {other:?}"),
    };
    stage.disk.faults.fail(fault);
}

/// Somebody else's host commits right before the next append.
fn first(stage: &mut Stage, mut words: Words<'_>) {
    if !stage.is_host("other") {
        let here = stage.current_host().to_owned();
        if stage.holds(None) {
            stage.start_host_that_holds("other", true);
        } else {
            stage.start_host("other", 1, true);
        }
        stage.set_current(&here);
    }
    let (engine, log) = (stage.engine(Some("other")), stage.log.clone());
    let name = words.next().to_owned();
    let by = stage.person(&name).viewer.clone();
    assert!(words.takes("asks"));
    let address = Stage::address(words.next());
    let stimulus = Stimulus::Command { by, id: None, command: words.0.as_bytes().into(), resent: false };
    stage.disk.faults.fail(Fault::before(move |_| async move {
        let answer = engine.call(&address, stimulus, false).await;
        log.say(format!("{name}: asked {} {}", address.actor(), answered(&log, answer)));
    }));
}

fn worker(stage: &mut Stage, mut words: Words<'_>) {
    let act = match words.next() {
        "answers" => Act::Answer(words.json()),
        "fails" => Act::Fail(words.0.to_owned()),
        "gives" => Act::GiveUp(words.0.trim_start_matches("up ").to_owned()),
        "hangs" => Act::Hang,
        "panics" => Act::Panic,
        "streams" => Act::Stream(words.json()),
        "waits" => {
            let (wait, until) = oneshot::channel();
            stage.waits.push_back(wait);
            Act::Wait(until, words.json())
        }
        "goes" => return drop(stage.waits.pop_front().expect("an attempt that waits")),
        other => panic!("an act, not {other:?}"),
    };
    stage.hand.next(act);
}

async fn hosts(stage: &mut Stage, mut words: Words<'_>) {
    let name = words.next().to_owned();
    match words.next() {
        "starts" if words.takes("and") && words.takes("holds") => stage.start_host_that_holds(&name, false),
        "starts" if words.takes("hears") => stage.start_host_that_hears(&name),
        "settles" => settles(stage, &name),
        "starts" => {
            let rules = if words.takes("with") { words.after("rules").unwrap().parse().unwrap() } else { 1 };
            stage.start_host(&name, rules, false);
        }
        "dies" => stage.kill_host(&name),
        "freezes" => stage.freeze(&name, true),
        "thaws" => stage.freeze(&name, false),
        "drains" => {
            let (engine, log) = (stage.engine(Some(&name)), stage.log.clone());
            tokio::spawn(async move {
                engine.drain().await;
                log.say(format!("host {name}: drained, {} actors awake", engine.report().await.unwrap().awake));
                let left = engine.end_tasks().await;
                engine.drain().await;
                log.say(format!("host {name}: ended, {left} tasks left"));
            });
        }
        other => panic!("what hosts do, not {other:?}"),
    }
}

/// As an invocation does at its end.
fn settles(stage: &Stage, host: &str) {
    let (engine, log, rows, host) = (stage.engine(Some(host)), stage.log.clone(), stage.rows.clone(), host.to_owned());
    tokio::spawn(async move {
        engine.settled().await;
        log.say(format!("host {host}: settled"));
        for (address, after) in rows.moved() {
            for (viewer, outlet) in rows.followers(&address) {
                engine.tell_events(&address, &viewer, after, &outlet).await;
            }
        }
        engine.settled().await;
    });
}

async fn inspect(stage: &Stage, host: Option<&str>, line: &str) {
    let mut words = Words(line);
    let what = words.next();
    if what == "quarantine" {
        let report = stage.engine(host).report().await.unwrap();
        return stage.log.say(format!("quarantine: {:?}", report.quarantined));
    }
    if what == "store" {
        let is = if stage.engine(host).is_unavailable() { "unavailable" } else { "available" };
        return stage.log.say(format!("store: {is}"));
    }
    let address = Stage::address(words.next());
    match what {
        "journal" => stage.journal(&address).await.into_iter().for_each(|line| stage.log.say(line)),
        "index" => stage.log.say(stage.row(&address).await),
        "snapshot" => {
            let snapshot = stage.disk.store.snapshot(&address).await.unwrap();
            let seq = snapshot.map_or("none".to_owned(), |snapshot| snapshot.head.seq.to_string());
            stage.log.say(format!("snapshot: {seq}"));
        }
        _ => stage.log.say(if stage.engine(host).is_awake(&address) { "awake" } else { "asleep" }),
    }
}

async fn harm(stage: &Stage, line: &str) {
    let mut words = Words(line);
    let how = words.next();
    if words.0 == "snapshots" {
        return stage.disk.hide_snapshots(how == "hide");
    }
    let address = Stage::address(words.next());
    match how {
        "swap" => stage.disk.swap_snapshot(&address).await,
        "damage" => stage.disk.damage(&address, words.number()),
        "restore" => {
            assert!(words.takes("to"));
            stage.disk.restore(&address, words.number()).await;
        }
        _ => stage.disk.store.fence(&address, words.number() as u32).await.unwrap(),
    }
}
