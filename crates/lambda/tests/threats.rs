//! What Lambda, its sources and API Gateway do to an environment, by the numbers of the threat list. Cases 71 and 72 are in `triggers.rs`; 80 and 82
//! are also in `triggers.rs`, `wakes.rs` and `tasks.rs`, for what comes from there.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use common::{Client, Cloud, mortal::live, works::Scripted};
use dormouse_core::{Address, Time, limits::*};
use dormouse_journal::StoreError;
use dormouse_lambda::{Deferred, Host, Info, MemorySender, Queue, SendError, Sender};
use serde_json::{Value, json};
use tokio::sync::watch;

fn open(key: &str) -> Value {
    json!({ "type": "open", "key": key, "kind": "work", "attempts": 3 })
}

fn note(text: &str) -> Value {
    json!({ "type": "note", "text": text })
}

fn address(actor: &str) -> Address {
    format!("main/{actor}").parse().unwrap()
}

/// A record of the stream: one run of one commit.
fn record(actor: &str, seq: u64) -> Value {
    let actor = address(actor);
    json!({
        "eventID": seq.to_string(), "eventName": "INSERT", "eventSource": "aws:dynamodb",
        "dynamodb": {
            "SequenceNumber": format!("{actor}@{seq}"),
            "NewImage": { "actor": actor, "epoch": 1, "after": seq - 1, "upto": seq, "asks": true },
        },
    })
}

async fn stream(host: &Host, records: impl IntoIterator<Item = Value>) -> Value {
    let records: Vec<Value> = records.into_iter().collect();
    // Lambda is asked for nothing if there is nothing.
    if records.is_empty() {
        return taken();
    }
    host.handle(json!({ "Records": records })).await.unwrap()
}

fn taken() -> Value {
    json!({ "batchItemFailures": [] })
}

/// Somebody who watches, and what they hold.
struct Watcher {
    client: Client,
    view: Value,
    /// The events, by the commit of each.
    events: BTreeMap<u64, Value>,
    /// Up to which commit they are complete.
    through: u64,
}

impl Watcher {
    async fn of(cloud: &Cloud, host: &Host, works: &str, name: &str) -> Self {
        let client = cloud.enter(host, name).await;
        client.watch(host, works).await;
        client.say(host, json!({ "action": "subscribe", "actor": works, "as": "events", "from": "start" })).await;
        let mut watcher = Self { client, view: Value::Null, events: BTreeMap::new(), through: 0 };
        watcher.hear();
        watcher
    }

    /// Take in what was told; how many views that were.
    fn hear(&mut self) -> usize {
        let mut views = 0;
        for frame in self.client.heard() {
            match frame["type"].as_str().unwrap() {
                "snapshot" => {
                    self.view = frame["view"].clone();
                    views += 1;
                }
                "patch" => panic!("the views of this actor are too small for patches: {frame}"),
                "events" => self.take(&frame),
                _ => {}
            }
        }
        views
    }

    fn take(&mut self, frame: &Value) {
        let (after, through) = (frame["after_seq"].as_u64().unwrap(), frame["through_seq"].as_u64().unwrap());
        assert!(after <= self.through, "there is a hole before {frame}");
        self.through = self.through.max(through);
        for event in frame["events"].as_array().unwrap() {
            self.events.insert(event["seq"].as_u64().unwrap(), event["event"].clone());
        }
    }

    fn notes(&self) -> Vec<&Value> {
        self.events.values().collect()
    }
}

/// A room of works with somebody who watches.
async fn stage(cloud: &Cloud) -> (Host, String, Watcher) {
    let host = cloud.environment();
    let works = cloud.works(&host).await;
    let bo = Watcher::of(cloud, &host, &works, "bo").await;
    (host, works, bo)
}

#[tokio::test(start_paused = true)]
async fn what_was_pushed_needs_no_repair() {
    let worker = Scripted::of([]);
    let cloud = Cloud::paused(vec![worker.clone()]);
    let (host, works, mut bo) = stage(&cloud).await;
    cloud.order(&host, &works, note("x")).await;
    cloud.order(&host, &works, open("a")).await;
    cloud.carry_all(&[&host]).await;
    bo.hear();
    let reads = cloud.gateway.asked();
    let commits = cloud.commits(&works).await;
    assert_eq!(stream(&cloud.environment(), (1..=commits).map(|seq| record(&works, seq))).await, taken());
    // Before anybody watched, nobody was owed anything; the commit that made the actor has no mark.
    for (at, what) in cloud.queue.waiting() {
        assert_eq!(
            (at, what),
            (cloud.world.now().after(REPAIR_AFTER), Deferred::Repair { actor: address(&works), after: 0 })
        );
    }
    assert_eq!(cloud.follower.absorbed().len() as u64, commits);
    let told = cloud.gateway.asked() - reads;
    assert_eq!(told, 0);
    cloud.order(&host, &works, note("y")).await;
    let asks = stream(&host, [record(&works, commits + 1)]).await;
    assert_eq!((asks, cloud.queue.waiting().len()), (taken(), 1), "only of the first commit");
}

#[tokio::test(start_paused = true)]
async fn case_81_records_twice_late_reordered_and_split_change_nothing() {
    let cloud = Cloud::paused(vec![]);
    let (host, works, mut bo) = stage(&cloud).await;
    let begin = cloud.commits(&works).await;
    for n in 0..6 {
        cloud.order(&host, &works, note(&n.to_string())).await;
    }
    assert_eq!(bo.hear(), 6);
    let records: Vec<Value> = (begin + 1..=begin + 6).map(|seq| record(&works, seq)).collect();
    let orders: [&[usize]; 5] = [&[0, 1, 2, 3, 4, 5], &[5, 4, 3, 2, 1, 0], &[3], &[0, 0, 5, 5], &[4, 1, 2]];
    for order in orders {
        for host in [&host, &cloud.environment()] {
            assert_eq!(stream(host, order.iter().map(|nth| records[*nth].clone())).await, taken());
        }
    }
    assert_eq!((cloud.queue.waiting(), bo.hear(), cloud.commits(&works).await), (vec![], 0, begin + 6));
    // What was deleted has no new image.
    let mut removed = record(&works, begin + 1);
    removed["eventName"] = json!("REMOVE");
    removed["dynamodb"].as_object_mut().unwrap().remove("NewImage");
    assert_eq!(stream(&host, [removed]).await, taken());
}

/// Play this command in an environment that dies after so many steps; whether it died. Then let the stream repair.
async fn die_and_repair(command: &Value, steps: usize) -> bool {
    let worker = Scripted::of([]);
    let cloud = Cloud::paused(vec![worker.clone()]);
    let (host, works, mut bo) = stage(&cloud).await;
    let ana = cloud.enter(&host, "ana").await;
    let (begin, began) = (cloud.commits(&works).await, cloud.world.now());
    let event = ana.message_event(ana.command(&works, 1, command.clone()));
    let lived = live(&cloud, &event, steps).await.is_some();
    let committed = cloud.commits(&works).await;
    let at = format!("{command} died at step {steps}");
    assert_eq!(
        stream(&cloud.environment(), (begin + 1..=committed).map(|seq| record(&works, seq))).await,
        taken(),
        "{at}"
    );
    cloud.carry_all(&[&host, &cloud.environment()]).await;
    let commits = cloud.commits(&works).await;
    // What repairs and what the queue brought committed, and pushed.
    assert_eq!(stream(&host, (committed + 1..=commits).map(|seq| record(&works, seq))).await, taken(), "{at}");
    assert_eq!(cloud.queue.waiting(), [], "{at}");
    bo.hear();
    assert_eq!(bo.view, cloud.view(&works).await, "{at}: bo holds the newest view");
    assert!(bo.through == commits || commits == begin, "{at}: bo heard up to {} of {commits}", bo.through);
    if commits > begin {
        let (ticks, log) = (cloud.ticks(&works).await, cloud.log(&works).await);
        assert_eq!(ticks.len() + log.len(), 1, "{at}: what was asked for is done once: {ticks:?} {log:?}");
        let soon = Duration::from_secs(30) + REPAIR_AFTER + KEEPER_NEAR;
        assert!(cloud.world.now().since(began) <= soon, "{at}: without waiting for a sweep");
    }
    !lived
}

#[tokio::test(start_paused = true)]
async fn case_85_what_an_environment_did_not_send_is_found_above_the_mark() {
    for command in [note("x"), open("a"), json!({ "type": "tick", "every_ms": 30_000, "times": 1 })] {
        let mut died = 0;
        while die_and_repair(&command, died).await {
            died += 1;
        }
        assert!(died > 15, "{died} steps are too few to have been all of {command}");
    }
}

/// A gateway that takes nothing before it may.
#[derive(Clone)]
struct Slow {
    gateway: MemorySender,
    may_send: watch::Sender<bool>,
    at_once: Arc<[AtomicUsize; 2]>,
}

impl Slow {
    fn new(gateway: &MemorySender) -> Self {
        Self { gateway: gateway.clone(), may_send: watch::Sender::new(false), at_once: Arc::default() }
    }

    /// The most that were on their way at the same time.
    fn most(&self) -> usize {
        self.at_once[1].load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Sender for Slow {
    async fn send(&self, connection: &str, message: Bytes) -> Result<(), SendError> {
        let now = self.at_once[0].fetch_add(1, Ordering::Relaxed) + 1;
        self.at_once[1].fetch_max(now, Ordering::Relaxed);
        self.may_send.subscribe().wait_for(|may| *may).await.unwrap();
        self.at_once[0].fetch_sub(1, Ordering::Relaxed);
        self.gateway.send(connection, message).await
    }

    async fn info(&self, connection: &str) -> Result<Option<Info>, SendError> {
        self.gateway.info(connection).await
    }

    async fn disconnect(&self, connection: &str) -> Result<(), SendError> {
        self.gateway.disconnect(connection).await
    }
}

#[tokio::test(start_paused = true)]
async fn case_85_a_record_that_is_faster_than_the_push_repairs_nothing() {
    let cloud = Cloud::paused(vec![]);
    let (host, works, mut bo) = stage(&cloud).await;
    let slow = Slow::new(&cloud.gateway);
    let pushing =
        cloud.environment_over(Arc::new(cloud.store.clone()), Arc::new(cloud.rows.clone()), Arc::new(slow.clone()));
    let committing = tokio::spawn({
        let (cloud, works) = (cloud.clone(), works.clone());
        async move { cloud.order(&pushing, &works, note("x")).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(stream(&host, [record(&works, cloud.commits(&works).await)]).await, taken());
    assert_eq!((bo.hear(), cloud.queue.waiting().len()), (0, 1));
    slow.may_send.send_replace(true);
    committing.await.unwrap();
    assert_eq!((cloud.carry_all(&[&host]).await, bo.hear()), (1, 1), "told once");
}

#[tokio::test(start_paused = true)]
async fn case_84_a_storm_of_connections_that_are_gone() {
    let cloud = Cloud::paused(vec![]);
    let (host, works, mut bo) = stage(&cloud).await;
    let mut gone = vec![];
    for nth in 0..3 * PUSHES_AT_ONCE {
        let client = cloud.enter(&host, &format!("c{nth}")).await;
        client.watch(&host, &works).await;
        gone.push(client.connection);
    }
    bo.hear();
    gone.iter().for_each(|connection| cloud.gateway.vanish(connection));
    let slow = Slow::new(&cloud.gateway);
    let pushing =
        cloud.environment_over(Arc::new(cloud.store.clone()), Arc::new(cloud.rows.clone()), Arc::new(slow.clone()));
    let asked = cloud.gateway.asked();
    let committing = tokio::spawn({
        let (cloud, works) = (cloud.clone(), works.clone());
        async move { cloud.order(&pushing, &works, note("x")).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(slow.most(), PUSHES_AT_ONCE, "so many at once and no more");
    slow.may_send.send_replace(true);
    committing.await.unwrap();
    assert_eq!(cloud.rows.sizes()[1..], [1, 2], "what is left is bo's");
    // One message to each of those that are gone, and what bo hears: a view, the events, and who is present.
    let to_bo = cloud.gateway.asked() - asked - gone.len();
    assert_eq!((bo.hear(), bo.notes().len()), (1, 1));
    assert!(to_bo <= 8, "{to_bo} messages to one connection: nobody that is gone is tried again");
}

#[tokio::test(start_paused = true)]
async fn case_82_a_poison_record_stops_its_actor_alone_and_is_redriven() {
    let cloud = Cloud::paused(vec![Scripted::of([])]);
    let host = cloud.environment();
    let (bad, good) = (cloud.works(&host).await, cloud.works(&host).await);
    let mut watchers = [Watcher::of(&cloud, &host, &bad, "bo").await, Watcher::of(&cloud, &host, &good, "cleo").await];
    // What was committed and not pushed, of both.
    let mut seqs = vec![];
    for works in [&bad, &good] {
        let steps = first_unpushed(&cloud, works).await;
        assert!(steps > 0);
        seqs.push(cloud.commits(works).await);
    }
    cloud.follower.set_damaged(&address(&bad), true);
    let batch = || [record(&bad, seqs[0]), record(&good, seqs[1]), unread(&bad, seqs[0])];
    assert_eq!(stream(&host, batch()).await, taken());
    cloud.carry_all(&[&host]).await;
    for watcher in &mut watchers {
        watcher.hear();
    }
    assert_eq!((watchers[1].notes().len(), watchers[0].notes().len()), (1, 0), "the other is repaired");
    let buried = cloud.queue.buried();
    assert_eq!((buried.len(), &buried[0].0), (1, &Deferred::Repair { actor: address(&bad), after: seqs[0] - 1 }));
    // Redriven before it is mended, it is buried again, with the reason.
    let redrive = json!({ "dormouse": "redrive" });
    assert_eq!(host.handle(redrive.clone()).await.unwrap(), json!({ "redriven": 1, "more": false }));
    cloud.carry_all(&[&host]).await;
    assert_eq!(cloud.queue.buried().len(), 1);
    assert!(cloud.queue.buried()[0].1.contains("quarantined"), "{:?}", cloud.queue.buried());
    cloud.follower.set_damaged(&address(&bad), false);
    host.handle(redrive).await.unwrap();
    cloud.carry_all(&[&host]).await;
    watchers[0].hear();
    assert_eq!((watchers[0].notes().len(), cloud.queue.buried()), (1, vec![]));
    assert_eq!(watchers[0].view, cloud.view(&bad).await);
}

/// A record of which only the key reads.
fn unread(actor: &str, seq: u64) -> Value {
    let mut record = record(actor, seq);
    record["dynamodb"]["NewImage"].as_object_mut().unwrap().remove("upto");
    record
}

/// Commit a note in an environment that dies before it tells anybody; the step at which it died.
async fn first_unpushed(cloud: &Cloud, works: &str) -> usize {
    let ana = cloud.enter(&cloud.environment(), "ana").await;
    let begin = cloud.commits(works).await;
    let event = ana.message_event(ana.command(works, 1, note("lost")));
    for steps in 1.. {
        live(cloud, &event, steps).await;
        if cloud.commits(works).await > begin {
            return steps;
        }
    }
    unreachable!()
}

#[tokio::test(start_paused = true)]
async fn case_83_a_dead_letter_that_is_redriven_after_newer_events_changes_nothing_that_is_newer() {
    let worker = Scripted::of([]);
    let cloud = Cloud::paused(vec![worker.clone()]);
    let (host, works, mut bo) = stage(&cloud).await;
    first_unpushed(&cloud, &works).await;
    let seq = cloud.commits(&works).await;
    cloud.follower.set_damaged(&address(&works), true);
    stream(&host, [record(&works, seq)]).await;
    cloud.follower.set_damaged(&address(&works), false);
    // The actor goes on.
    cloud.order(&host, &works, open("a")).await;
    cloud.carry_all(&[&host]).await;
    cloud.order(&host, &works, note("newer")).await;
    cloud.order(&host, &works, open("b")).await;
    let held = cloud.due();
    bo.client.heard();
    let commits = cloud.commits(&works).await;
    host.handle(json!({ "dormouse": "redrive" })).await.unwrap();
    cloud.carry(&host).await;
    assert_eq!(
        (cloud.commits(&works).await, cloud.queue.waiting().len()),
        (commits, 1),
        "the open task is in other hands"
    );
    bo.hear();
    let whole = cloud.view(&works).await;
    assert_eq!((&bo.view, bo.through), (&whole, commits));
    assert_eq!(bo.notes().len(), 3, "what bo missed, and what it heard before again: {:?}", bo.events);
    held.iter().for_each(|it| cloud.queue.done(it.id));
    assert_eq!(cloud.queue.waiting(), [], "nothing more is put");
    assert_eq!(worker.made(), [1]);
}

/// A queue that takes nothing.
struct Broken;

#[async_trait]
impl Queue for Broken {
    async fn put(&self, _: &Deferred, _: Time) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("the queue is away".into()))
    }

    async fn bury(&self, _: &Deferred, _: &str) -> Result<(), StoreError> {
        Err(StoreError::Unavailable("the queue is away".into()))
    }

    async fn redrive(&self, _: usize) -> Result<usize, StoreError> {
        Err(StoreError::Unavailable("the queue is away".into()))
    }
}

#[tokio::test(start_paused = true)]
async fn what_neither_the_index_nor_the_queue_takes_is_delivered_again() {
    let cloud = Cloud::paused(vec![Scripted::of([])]);
    let (host, works, mut bo) = stage(&cloud).await;
    let other = cloud.works(&host).await;
    let (journal, rows, gateway) =
        (Arc::new(cloud.store.clone()), Arc::new(cloud.rows.clone()), Arc::new(cloud.gateway.clone()));
    let broken = cloud.made_of(journal, rows, gateway, Arc::new(Broken));
    cloud.order(&broken, &works, open("a")).await;
    assert_eq!(bo.hear(), 0, "nothing of it is to be seen");
    let seq = cloud.commits(&works).await;
    cloud.follower.set_unavailable(true);
    let again = json!({ "batchItemFailures": [{ "itemIdentifier": format!("main/{works}@{seq}") }] });
    assert_eq!(stream(&broken, [record(&works, seq)]).await, again);
    cloud.follower.set_unavailable(false);
    assert_eq!(
        stream(&broken, [record(&other, 1), record(&works, seq)]).await["batchItemFailures"].as_array().unwrap().len(),
        2
    );
    assert_eq!(stream(&host, [record(&works, seq)]).await, taken());
    tokio::time::sleep(REPAIR_AFTER).await;
    assert_eq!(cloud.carry(&host).await, 1);
    let kinds: BTreeSet<String> = cloud.queue.waiting().iter().map(|(_, what)| json!(what)["do"].to_string()).collect();
    assert_eq!(kinds, ["\"task\"".to_owned()].into(), "its task is put after all");
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_away_follows_later() {
    let cloud = Cloud::paused(vec![]);
    let (host, works, _) = stage(&cloud).await;
    cloud.follower.set_unavailable(true);
    let seq = cloud.commits(&works).await;
    assert_eq!(stream(&host, [record(&works, seq)]).await, taken());
    let [(at, what)] = &cloud.queue.waiting()[..] else { panic!("one repair") };
    assert_eq!(
        (at, what),
        (&cloud.world.now().after(TASK_UNASKED), &Deferred::Repair { actor: address(&works), after: seq - 1 })
    );
    tokio::time::sleep(TASK_UNASKED).await;
    cloud.carry(&host).await;
    assert_eq!(cloud.queue.waiting().len(), 1, "it is delivered again");
    cloud.follower.set_unavailable(false);
    cloud.carry_all(&[&host]).await;
    assert_eq!(cloud.queue.buried(), []);
}
