//! An actor with wakes and tasks, a clock that tests can move, and whoever carries messages from the queue to an environment.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{Actor, Agenda, Draft, Input, Moment, Outcome, Rejection, Sight, Task, TaskKey, Time};
use dormouse_engine::{
    task::{Failed, Job, Worker},
    world::{System, World},
};
use dormouse_lambda::{Deferred, Host, memory::Received};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use tokio::time::Instant;

use super::{Cloud, body, http};

/// Ticks, and has work done.
#[derive(Default, Serialize, Deserialize)]
pub struct Works {
    every_ms: u64,
    left: u32,
    next: Option<Time>,
    ticks: Vec<u64>,
    open: BTreeMap<String, (String, u32)>,
    log: Vec<String>,
    is_stubborn: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// From now on.
    Tick { every_ms: u64, times: u32 },
    /// A task of this kind.
    Open { key: String, kind: String, attempts: u32 },
    /// Not any more.
    Close { key: String },
    /// Whether reports are refused.
    BeStubborn { stubborn: bool },
    /// Nothing but a commit.
    Note { text: String },
}

#[derive(Serialize, Deserialize)]
pub enum Event {
    Set(u64, u32),
    Ticked,
    Opened(String, String, u32),
    Closed(String),
    Stubborn(bool),
    Noted(String),
}

#[derive(Serialize, JsonSchema)]
pub struct View {
    ticks: Vec<u64>,
    log: Vec<String>,
}

impl Actor for Works {
    const KIND: &'static str = "works";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Event;
    type View = View;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Command { command, .. } => draft.emit(match command {
                Command::Tick { every_ms, times } => Event::Set(every_ms, times),
                Command::Open { key, kind, attempts } => Event::Opened(key, kind, attempts),
                Command::Close { key } => Event::Closed(key),
                Command::BeStubborn { stubborn } => Event::Stubborn(stubborn),
                Command::Note { text } => Event::Noted(text),
            }),
            Input::Wake { .. } => draft.emit(Event::Ticked),
            Input::Reported { .. } if draft.is_stubborn => return Err(Rejection::new("stubborn", "No.")),
            Input::Reported { key: TaskKey(key), outcome } => {
                let text = match outcome {
                    Outcome::Done { value } => format!("{key}: {value}"),
                    Outcome::Failed { reason } => format!("{key} failed: {reason}"),
                };
                draft.emit(Event::Closed(key));
                draft.emit(Event::Noted(text));
            }
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, at: Moment) {
        match event {
            Event::Set(every_ms, times) => {
                (self.every_ms, self.left) = (*every_ms, *times);
                self.next = Some(at.time.after(Duration::from_millis(*every_ms)));
            }
            Event::Ticked => {
                self.ticks.push(at.time.0);
                self.left = self.left.saturating_sub(1);
                let next = self.next.filter(|_| self.left > 0);
                self.next = next.map(|next| next.after(Duration::from_millis(self.every_ms)));
            }
            Event::Opened(key, kind, attempts) => {
                self.open.insert(key.clone(), (kind.clone(), *attempts));
            }
            Event::Closed(key) => drop(self.open.remove(key)),
            Event::Stubborn(stubborn) => self.is_stubborn = *stubborn,
            Event::Noted(text) => self.log.push(text.clone()),
        }
    }

    fn view(&self, _: &Sight) -> View {
        View { ticks: self.ticks.clone(), log: self.log.clone() }
    }

    fn reveal(&self, event: &Event, _: &Sight) -> Option<Value> {
        matches!(event, Event::Noted(_)).then(|| json!(event))
    }

    fn agenda(&self) -> Agenda {
        let wakes = self.next.map(|next| (next, "tick".to_owned())).into_iter().collect();
        let tasks = self.open.iter().map(|(key, (kind, _))| (TaskKey(key.clone()), kind.clone())).collect();
        Agenda { wakes, tasks }
    }

    fn task(&self, TaskKey(key): &TaskKey) -> Task {
        let (kind, attempts) = &self.open[key];
        let request = if kind == "send" {
            json!({ "actor": key, "command": { "type": "note", "text": "hello" } })
        } else {
            json!(key)
        };
        Task::new(kind, request).tries(*attempts).hear(Sight::Public)
    }
}

/// The clock of a runtime whose time is paused.
pub struct Paused(Instant);

impl World for Paused {
    fn now(&self) -> Time {
        Time(1_790_000_000_000).after(self.0.elapsed())
    }

    fn random(&self, bytes: &mut [u8]) {
        System.random(bytes);
    }
}

/// Does what the script says, and writes down which attempt it was; without a script it is done.
#[derive(Default)]
pub struct Scripted {
    pub script: Mutex<VecDeque<Result<Value, Failed>>>,
    pub made: Mutex<Vec<u32>>,
    /// Said every so often, before the end.
    pub says: Option<(Duration, usize)>,
}

impl Scripted {
    pub fn of(script: impl IntoIterator<Item = Result<Value, Failed>>) -> Arc<Self> {
        Arc::new(Self { script: Mutex::new(script.into_iter().collect()), ..Self::default() })
    }

    pub fn made(&self) -> Vec<u32> {
        self.made.lock().unwrap().clone()
    }
}

#[async_trait]
impl Worker for Scripted {
    fn kind(&self) -> &'static str {
        "work"
    }

    async fn perform(&self, job: Job) -> Result<Value, Failed> {
        self.made.lock().unwrap().push(job.attempt);
        if let Some((every, times)) = self.says {
            for nth in 0..times {
                job.stream(RawValue::from_string(nth.to_string()).unwrap());
                tokio::time::sleep(every).await;
            }
        }
        let next = self.script.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Ok(json!("done")))
    }
}

/// What a queue delivers, as an event.
pub fn messages<'a>(received: impl IntoIterator<Item = &'a Received>) -> Value {
    let record = |it: &Received| {
        json!({
            "messageId": it.id.to_string(), "receiptHandle": "r", "body": serde_json::to_string(&it.what).unwrap(),
            "attributes": { "ApproximateReceiveCount": it.count.to_string() }, "eventSource": "aws:sqs",
        })
    };
    json!({ "Records": received.into_iter().map(record).collect::<Vec<_>>() })
}

/// The actor that this is about.
pub fn actor_of(what: &Deferred) -> String {
    let (Deferred::Wake { actor, .. } | Deferred::Task { actor, .. } | Deferred::Repair { actor, .. }) = what;
    actor.to_string()
}

impl Cloud {
    /// One whose time is that of the paused runtime.
    pub fn paused(workers: Vec<Arc<dyn Worker>>) -> Self {
        Self { world: Arc::new(Paused(Instant::now())), workers, ..Self::default() }
    }

    /// A room of works; its `kind/id`.
    pub async fn works(&self, host: &Host) -> String {
        let token = self.guest("maker");
        let answer = host.handle(http("POST", "/v1/works", Some(&token), Some("{}"))).await.unwrap();
        assert_eq!(answer["statusCode"], 201, "{answer}");
        format!("works/{}", body(&answer)["id"].as_str().unwrap())
    }

    /// A command to it, over HTTP.
    pub async fn order(&self, host: &Host, works: &str, command: Value) {
        let (token, order) = (self.guest("maker"), json!({ "command": command }).to_string());
        let answer = host.handle(http("POST", &format!("/v1/{works}/commands"), Some(&token), Some(&order))).await;
        let answer = answer.unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }

    /// What the queue would deliver now.
    pub fn due(&self) -> Vec<Received> {
        self.queue.receive(self.world.now(), 10)
    }

    /// Carry to this environment what is due now; how many messages that were.
    pub async fn carry(&self, host: &Host) -> usize {
        let due = self.due();
        if !due.is_empty() {
            let answer = host.handle(messages(&due)).await.unwrap();
            let failed = answer["batchItemFailures"].to_string();
            let is_done = |it: &&Received| !failed.contains(&format!("\"{}\"", it.id));
            due.iter().filter(is_done).for_each(|it| self.queue.done(it.id));
        }
        due.len()
    }

    /// Carry to one environment after the other until nothing is waiting; how many messages that were.
    pub async fn carry_all(&self, hosts: &[&Host]) -> usize {
        let mut carried = 0;
        while let Some(next) = self.queue.waiting().iter().map(|(at, _)| *at).min() {
            tokio::time::sleep(next.since(self.world.now())).await;
            carried += self.carry(hosts[carried % hosts.len()]).await;
        }
        carried
    }

    pub async fn ticks(&self, works: &str) -> Vec<u64> {
        serde_json::from_value(self.view(works).await["ticks"].clone()).unwrap()
    }

    pub async fn log(&self, works: &str) -> Vec<String> {
        serde_json::from_value(self.view(works).await["log"].clone()).unwrap()
    }
}
