//! Hosts over one disk, people with connections, and the time: everything that a script can speak of.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use dormouse_core::{
    Address, Failure, Position, Principal, Stimulus, Viewer,
    frame::{
        As,
        client::{From, Sent, Subscribe},
    },
    outbox::{CommandId, OutboxId},
    record::{self, Cause, Parked},
};
use dormouse_engine::{Accepted, Engine};
use dormouse_journal::{Index, Journal, faulty::Gate};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{
    actors,
    connection::Connection,
    log::{Log, short, without_tags},
    rows::Rows,
    store::{Disk, Line},
    worker::Hand,
    world::{DAWN, TestWorld},
};

pub struct Stage {
    pub log: Log,
    pub disk: Disk,
    pub world: Arc<TestWorld>,
    pub hand: Hand,
    /// Who watches at hosts of invocations.
    pub rows: Rows,
    pub gates: VecDeque<Gate>,
    pub waits: VecDeque<oneshot::Sender<()>>,
    hosts: BTreeMap<String, Host>,
    /// Where people are connected if a line does not say.
    current: String,
    people: BTreeMap<String, Person>,
    /// The last connections of those who hung up.
    gone: BTreeMap<String, Connection>,
    /// Every connection that there ever was.
    pub connections: Vec<Connection>,
}

struct Host {
    engine: Engine,
    line: Line,
    /// Whether it lives for an invocation at a time.
    holds: bool,
}

/// Somebody with a connection.
pub struct Person {
    pub viewer: Viewer,
    pub outbox: OutboxId,
    pub connection: Connection,
    /// Where it is connected, if it has done anything there.
    host: Option<String>,
    followers: BTreeMap<Address, JoinHandle<()>>,
    watches: Vec<(Address, As)>,
}

/// Let everything happen that happens without time passing.
pub async fn settle() {
    for _ in 0..300 {
        tokio::task::yield_now().await;
    }
}

impl Stage {
    /// An empty disk and one host, `a`.
    pub fn new() -> Self {
        let log = Log::new();
        let (disk, world, hand) = (Disk::new(), Arc::new(TestWorld::new(7)), Hand::new(&log));
        let mut stage = Self {
            log,
            disk,
            world,
            hand,
            rows: Rows::default(),
            gates: VecDeque::new(),
            waits: VecDeque::new(),
            hosts: BTreeMap::new(),
            current: String::new(),
            people: BTreeMap::new(),
            gone: BTreeMap::new(),
            connections: Vec::new(),
        };
        stage.start_host("a", 1, false);
        stage
    }

    pub fn start_host(&mut self, name: &str, rules: u32, beside_the_faults: bool) {
        self.start(name, rules, Line::new(&self.disk, beside_the_faults));
    }

    /// One that hears of what others write; the others do not hear of each other.
    pub fn start_host_that_hears(&mut self, name: &str) {
        let mut line = Line::new(&self.disk, false);
        line.hear();
        self.start(name, 1, line);
    }

    fn start(&mut self, name: &str, rules: u32, line: Line) {
        let workers: Vec<Arc<dyn dormouse_engine::task::Worker>> = vec![Arc::new(self.hand.clone())];
        let engine = Engine::with(actors::kinds(rules), line.seams(), self.world.clone(), workers);
        let running = engine.clone();
        tokio::spawn(async move { running.run().await });
        self.hosts.insert(name.to_owned(), Host { engine, line, holds: false });
        name.clone_into(&mut self.current);
    }

    /// One that lives for an invocation at a time, and finds who watches in rows.
    pub fn start_host_that_holds(&mut self, name: &str, beside_the_faults: bool) {
        let line = Line::new(&self.disk, beside_the_faults);
        let rows = Arc::new(self.rows.clone());
        let engine = Engine::for_invocations(actors::kinds(1), line.seams(), self.world.clone(), vec![], [7; 32], rows);
        self.hosts.insert(name.to_owned(), Host { engine, line, holds: true });
        name.clone_into(&mut self.current);
    }

    pub fn holds(&self, host: Option<&str>) -> bool {
        self.hosts[host.unwrap_or(&self.current)].holds
    }

    /// The host is gone with everything that was connected to it.
    pub fn kill_host(&mut self, name: &str) {
        self.hosts.get(name).expect("a host that runs").line.set_open(false);
        let there = |_: &String, person: &mut Person| person.host.as_deref().is_none_or(|host| host == name);
        for (name, person) in self.people.extract_if(.., there) {
            person.vanish();
            self.gone.insert(name, person.connection);
        }
    }

    pub fn freeze(&self, name: &str, frozen: bool) {
        self.hosts[name].line.set_open(!frozen);
    }

    pub fn is_host(&self, name: &str) -> bool {
        self.hosts.contains_key(name)
    }

    pub fn current_host(&self) -> &str {
        &self.current
    }

    pub fn set_current(&mut self, name: &str) {
        name.clone_into(&mut self.current);
    }

    pub fn engine(&self, host: Option<&str>) -> Engine {
        self.hosts[host.unwrap_or(&self.current)].engine.clone()
    }

    /// Whoever is named, connected if that is the first one hears of them. `ana.phone` is Ana's second connection.
    pub fn person(&mut self, name: &str) -> &mut Person {
        if !self.people.contains_key(name) {
            let id = self.connections.len() as u64 + 1;
            let before = self.gone.remove(name);
            let connection =
                before.map_or_else(|| Connection::new(id, name, &self.log, &self.disk), |before| before.again(id));
            self.connections.push(connection.clone());
            self.people.insert(name.to_owned(), Person::new(name, connection));
        }
        self.people.get_mut(name).expect("just connected")
    }

    /// The connection drops, and the host notices.
    pub fn hang_up(&mut self, host: Option<&str>, name: &str) {
        let engine = self.engine(host);
        let holds = self.holds(host);
        let Some(mut person) = self.people.remove(name) else { return };
        person.connection.hang_up();
        for (address, of) in std::mem::take(&mut person.watches) {
            if holds {
                self.rows.delete(&address, of, &person.connection.outlet());
                continue;
            }
            engine.unsubscribe(&address, person.connection.outlet().id(), of);
        }
        person.vanish();
        self.gone.insert(name.to_owned(), person.connection);
    }

    pub fn address(text: &str) -> Address {
        format!("main/{text}").parse().expect("kind/id")
    }

    pub fn call(&self, engine: Engine, name: &str, what: &str, address: Address, stimulus: Stimulus) {
        let (log, said) = (self.log.clone(), format!("{name}: {what} {}", address.actor()));
        tokio::spawn(async move {
            let answer = engine.call(&address, stimulus, true).await;
            log.say(format!("{said} {}", answered(&log, answer)));
        });
    }

    pub fn send(&mut self, host: Option<&str>, name: &str, address: &Address, (n, resent): (u64, bool), command: &str) {
        let engine = self.engine(host);
        let here = Some(host.unwrap_or(&self.current).to_owned());
        let person = self.person(name);
        person.host = here;
        let id = CommandId { outbox: person.outbox.clone(), n };
        let sent = Sent { command_id: id.to_string().into(), id, command: command.as_bytes().into(), resent };
        engine.send(address, person.viewer.clone(), sent, &person.connection.outlet());
    }

    pub fn watch(&mut self, host: Option<&str>, name: &str, address: &Address, wanted: Subscribe) {
        let engine = self.engine(host);
        let here = Some(host.unwrap_or(&self.current).to_owned());
        let (holds, rows) = (self.holds(host), self.rows.clone());
        let person = self.person(name);
        person.host = here;
        person.watches.push((address.clone(), wanted.of));
        let (connection, viewer, address) = (person.connection.clone(), person.viewer.clone(), address.clone());
        if holds {
            rows.put(&address, wanted.of, &viewer, &connection.outlet());
            tokio::spawn(async move {
                engine.subscribe(&address, &viewer, &wanted, &connection.outlet()).await;
                if wanted.of == As::Events {
                    engine.follow_to_head(&address, &viewer, wanted.from, &connection.outlet()).await;
                }
            });
            return;
        }
        let follows = wanted.of == As::Events;
        let followed = address.clone();
        let watching = tokio::spawn(async move {
            let (from, outlet, since) = (wanted.from, connection.outlet(), connection.count());
            engine.subscribe(&address, &viewer, &wanted, &outlet).await;
            // As hosts do: whoever was refused is not followed.
            if follows && !connection.was_refused(&address.actor(), since) {
                engine.follow(address, viewer, from, outlet, connection.room()).await;
            }
        });
        if follows {
            person.followers.insert(followed, watching);
        }
    }

    pub fn unwatch(&mut self, host: Option<&str>, name: &str, address: &Address, of: As) {
        let engine = self.engine(host);
        if self.holds(host) {
            let rows = self.rows.clone();
            return rows.delete(address, of, &self.person(name).connection.outlet());
        }
        let person = self.person(name);
        person.watches.retain(|watched| *watched != (address.clone(), of));
        engine.unsubscribe(address, person.connection.outlet().id(), of);
        if of == As::Events
            && let Some(follower) = person.followers.remove(address)
        {
            follower.abort();
        }
    }

    /// What the journal holds of an actor: one line for each commit.
    pub async fn journal(&self, address: &Address) -> Vec<String> {
        let entries = self.disk.store.read(address, 0, 10_000).await.unwrap();
        let mut prev = dormouse_core::Hash::default();
        let line = |entry: &dormouse_journal::Entry| {
            let opening = record::open(address, &entry.record).expect("the journal verifies");
            assert_eq!(opening.header.prev, prev, "the journal is one chain");
            assert!(opening.header.seq == entry.seq, "the journal is dense");
            prev = opening.hash;
            let by = opening.body.by.as_ref().map_or(String::new(), |by| format!(" by {}", by.id));
            let events: Vec<_> = opening.body.events.iter().map(|event| String::from_utf8_lossy(event)).collect();
            let at = opening.header.time.0 - DAWN;
            let events = without_tags(&events.join(" "));
            format!("journal: {} at {at} {}{by}: {events}", entry.seq, cause(&opening.body.cause))
        };
        entries.iter().map(line).collect()
    }

    /// What the index holds of an actor.
    pub async fn row(&self, address: &Address) -> String {
        let Some(row) = self.disk.store.row(address).await.unwrap() else { return "index: no row".to_owned() };
        let wake = row.wake.map_or("none".to_owned(), |wake| (wake.0.wrapping_sub(DAWN).cast_signed()).to_string());
        let retired = if row.retired { ", retired" } else { "" };
        let title = row.summary.map_or(String::new(), |summary| format!(", {:?}", summary.title));
        format!("index: {}, wake {wake}{title}{retired}", short(&row.position.to_string()))
    }

    /// Read `epoch:seq`, with `!` behind it for a position of another history.
    pub async fn position(&self, address: &Address, text: &str) -> Position {
        let (plain, other) = text.strip_suffix('!').map_or((text, false), |plain| (plain, true));
        let (epoch, seq) = plain.split_once(':').expect("epoch:seq");
        let mut position = self.disk.position(address, epoch.parse().unwrap(), seq.parse().unwrap()).await;
        if other {
            position.tag[0] ^= 1;
        }
        position
    }

    pub async fn from(&self, address: &Address, text: Option<&str>) -> From {
        match text {
            None => From::Now,
            Some("start") => From::Start,
            Some(text) => From::After(self.position(address, text).await),
        }
    }

    /// Time passes, step by step.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
        settle().await;
    }
}

impl Person {
    fn new(name: &str, connection: Connection) -> Self {
        let id = name.split('.').next().unwrap_or(name);
        let roles = if id == "judge" { vec!["judge".to_owned()] } else { vec![] };
        let principal = Principal { id: id.to_owned(), name: String::new() };
        let unique: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        Self {
            viewer: Viewer::new(principal, roles),
            outbox: OutboxId { stamp: DAWN, unique },
            connection,
            host: None,
            followers: BTreeMap::new(),
            watches: Vec::new(),
        }
    }

    fn vanish(&self) {
        self.connection.hang_up();
        self.followers.values().for_each(JoinHandle::abort);
    }
}

/// An answer as a line.
pub fn answered(log: &Log, answer: Result<Accepted, Failure>) -> String {
    match answer {
        Err(failure) => refused(&failure),
        Ok(Accepted { position, etag, again }) => {
            let etag = etag.map_or(String::new(), |etag| format!(" {}", log.etag(&etag)));
            let again = if again { " again" } else { "" };
            format!("→ {}{etag}{again}", short(&position.to_string()))
        }
    }
}

pub fn refused(failure: &Failure) -> String {
    let reason = failure.reason.as_ref().map_or(String::new(), |reason| format!(" ({reason})"));
    let retry = failure.retry_after.map_or(String::new(), |ms| format!(", retry after {ms} ms"));
    let kept = failure.position.map_or(String::new(), |kept| format!(", kept by {}", short(&kept.to_string())));
    format!("→ {}{reason}{retry}{kept}", failure.code)
}

fn cause(cause: &Cause) -> String {
    let parked = |what: &Parked| match what {
        Parked::Wake(key, due) => format!("wake {key} of {}", due.0 - DAWN),
        Parked::Task(key) => format!("task {key}"),
    };
    match cause {
        Cause::Created { .. } => "created".to_owned(),
        Cause::Command { id, .. } => id.as_ref().map_or("command".to_owned(), |id| format!("command #{}", id.n)),
        Cause::Wake { key } => format!("wake {key}"),
        Cause::Report { key, opened } => format!("report {key}@{opened}"),
        Cause::Joined => "joined".to_owned(),
        Cause::Left => "left".to_owned(),
        Cause::Retire => "retire".to_owned(),
        Cause::Parked { what } => format!("parked {}", parked(what)),
        Cause::Redriven { what } => format!("redriven {}", parked(what)),
        Cause::Reviewed => "reviewed".to_owned(),
        Cause::Refused { id, words, .. } => format!("refused #{} {} {:?}", id.n, words.code, words.message),
    }
}
