//! Lists that somebody watches: what is told of them, to whom, and what is read for it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use dormouse_core::{
    Actor, Address, Code, Draft, Input, Kind, Moment, Name, Principal, Rejection, Sight, Stimulus, Summary, Viewer,
    frame::list::List,
    limits::{IDLE, LIST_EVERY, LIST_LOOK, LIST_ROWS},
};
use dormouse_engine::{
    Engine,
    outlet::{ConnectionId, Outgoing, Outlet},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    stage::settle,
    store::{Disk, Line},
    world::TestWorld,
};

/// An actor whose summary is whatever it is told.
#[derive(Default, Serialize, Deserialize)]
struct Table(Option<Summary>);

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    Say { summary: Option<Summary> },
    Move,
}

#[derive(Serialize, Deserialize)]
enum Event {
    Said(Option<Summary>),
    Moved,
}

impl Actor for Table {
    const KIND: &'static str = "table";
    const RULES: u32 = 1;
    type Config = Option<Summary>;
    type Command = Command;
    type Event = Event;
    type View = Value;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Created { config, .. } => draft.emit(Event::Said(config)),
            Input::Command { command: Command::Say { summary }, .. } => draft.emit(Event::Said(summary)),
            Input::Command { command: Command::Move, .. } => draft.emit(Event::Moved),
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, event: &Event, _: Moment) {
        if let Event::Said(summary) = event {
            self.0.clone_from(summary);
        }
    }

    fn view(&self, _: &Sight) -> Value {
        json!({})
    }

    fn summary(&self) -> Option<Summary> {
        self.0.clone()
    }
}

fn says(title: &str, status: &str, members: &[&str]) -> Value {
    json!({ "title": title, "status": status, "members": members, "sort": 0 })
}

/// A list as one connection builds it from its frames.
struct Ear {
    id: u64,
    got: Mutex<Got>,
}

#[derive(Default)]
struct Got {
    frames: Vec<Value>,
    etag: String,
    view: Value,
}

impl Ear {
    fn got(&self) -> std::sync::MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The types of the frames since the last time, a `resumed` by its kind.
    fn heard(&self) -> Vec<String> {
        let word = |frame: Value| {
            let kind = if frame["type"] == "resumed" { &frame["kind"] } else { &frame["type"] };
            kind.as_str().unwrap().to_owned()
        };
        std::mem::take(&mut self.got().frames).into_iter().map(word).collect()
    }

    /// The titles that it shows, in the order of ids.
    fn titles(&self) -> Vec<String> {
        let got = self.got();
        let rows = got.view["rows"].as_object().unwrap();
        rows.values().map(|row| row["title"].as_str().unwrap().to_owned()).collect()
    }

    fn row(&self, id: &str) -> Value {
        self.got().view["rows"][id].clone()
    }

    fn etag(&self) -> Option<String> {
        Some(self.got().etag.clone())
    }
}

impl Outlet for Ear {
    fn id(&self) -> ConnectionId {
        ConnectionId(self.id)
    }

    fn push(&self, outgoing: Outgoing) {
        let (Outgoing::Frame(bytes) | Outgoing::List { frame: bytes, .. }) = outgoing else {
            panic!("no frame of a list")
        };
        let frame: Value = serde_json::from_slice(&bytes).unwrap();
        let mut got = self.got();
        match frame["type"].as_str() {
            Some("snapshot") => got.view = frame["view"].clone(),
            Some("patch") => {
                assert_eq!(frame["base"], *got.etag, "a patch for somebody who holds another view");
                let ops: json_patch::Patch = serde_json::from_value(frame["ops"].clone()).unwrap();
                json_patch::patch(&mut got.view, &ops).unwrap();
            }
            _ => {}
        }
        if let Some(etag) = frame["etag"].as_str() {
            etag.clone_into(&mut got.etag);
        }
        got.frames.push(frame);
    }
}

struct House {
    disk: Disk,
    engine: Engine,
    ears: u64,
}

impl House {
    fn new() -> Self {
        let disk = Disk::new();
        let engine = host(&disk);
        Self { disk, engine, ears: 0 }
    }

    fn watch(&mut self, who: &str, list: List) -> Arc<Ear> {
        self.ears += 1;
        let ear = Arc::new(Ear { id: self.ears, got: Mutex::default() });
        self.again(who, list, &ear, None);
        ear
    }

    fn again(&self, who: &str, list: List, ear: &Arc<Ear>, etag: Option<String>) {
        let outlet: Arc<dyn Outlet> = ear.clone();
        self.engine.watch_list(&name("main"), &viewer(who), &list, etag, &outlet).unwrap();
    }

    fn leave(&self, who: &str, list: &List, ear: &Ear) {
        self.engine.unwatch_list(&name("main"), &viewer(who), list, ConnectionId(ear.id));
    }

    async fn open(&self, id: &str, summary: &Value) {
        let config = summary.to_string();
        self.engine.create(&table(id), viewer("ana"), config.as_bytes()).await.unwrap();
    }

    async fn say(&self, id: &str, command: Value) {
        let command = command.to_string().into_bytes().into();
        let stimulus = Stimulus::Command { by: viewer("ana"), id: None, command, resent: false };
        self.engine.call(&table(id), stimulus, false).await.unwrap();
    }

    async fn retire(&self, id: &str) {
        self.engine.call(&table(id), Stimulus::Retire { by: viewer("ana") }, false).await.unwrap();
    }
}

fn host(disk: &Disk) -> Engine {
    let engine = Engine::with(
        [Arc::new(Kind::of::<Table>())],
        Line::new(disk, false).seams(),
        Arc::new(TestWorld::new(7)),
        vec![],
    );
    let running = engine.clone();
    tokio::spawn(async move { running.run().await });
    engine
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn table(id: &str) -> Address {
    format!("main/table/{id}").parse().unwrap()
}

fn viewer(who: &str) -> Viewer {
    Viewer::new(Principal { id: who.to_owned(), name: String::new() }, vec![])
}

fn all() -> List {
    List::of(name("table"))
}

fn mine() -> List {
    List { mine: true, ..all() }
}

fn of_status(status: &str) -> List {
    List { status: Some(status.to_owned()), ..all() }
}

/// As long as it takes until a change has been told, and less than until the next look.
async fn soon() {
    tokio::time::sleep(LIST_EVERY).await;
    settle().await;
}

async fn a_look() {
    tokio::time::sleep(LIST_LOOK).await;
    settle().await;
}

const NOTHING: [&str; 0] = [];

#[tokio::test(start_paused = true)]
async fn rooms_that_come_change_and_go_are_told() {
    let mut house = House::new();
    house.open("a", &says("A", "open", &["ana"])).await;
    let ear = house.watch("ben", all());
    settle().await;
    assert_eq!((ear.heard(), ear.titles()), (vec!["snapshot".to_owned(), "snapshot".to_owned()], vec!["A".to_owned()]));
    assert_eq!(
        (&ear.row("a")["id"], &ear.row("a")["kind"], &ear.row("a")["awake"]),
        (&json!("a"), &json!("table"), &json!(true))
    );
    soon().await;
    for (id, summary) in [("b", says("B", "open", &[])), ("c", says("C", "open", &[]))] {
        house.open(id, &summary).await;
        soon().await;
    }
    assert_eq!((ear.heard().len(), ear.titles()), (2, vec!["A".to_owned(), "B".to_owned(), "C".to_owned()]));
    house.say("b", json!({ "type": "say", "summary": says("Bee", "open", &[]) })).await;
    soon().await;
    assert_eq!(
        (ear.heard(), ear.titles()),
        (vec!["patch".to_owned()], vec!["A".to_owned(), "Bee".to_owned(), "C".to_owned()])
    );
    house.retire("a").await;
    soon().await;
    assert_eq!((ear.heard(), ear.titles()), (vec!["patch".to_owned()], vec!["Bee".to_owned(), "C".to_owned()]));
    house.say("c", json!({ "type": "say", "summary": null })).await;
    soon().await;
    assert_eq!(ear.titles(), ["Bee"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_leaves_the_summary_costs_nothing() {
    let mut house = House::new();
    for id in ["a", "b", "c", "d"] {
        house.open(id, &says("A", "open", &[])).await;
    }
    let ear = house.watch("ben", all());
    soon().await;
    assert_eq!(ear.heard(), ["snapshot", "snapshot"]);
    a_look().await;
    assert_eq!(ear.heard(), NOTHING, "a look that finds nothing tells nothing");
    let before = house.disk.lists_read();
    for _ in 0..5 {
        house.say("a", json!({ "type": "move" })).await;
        soon().await;
    }
    assert_eq!((house.disk.lists_read(), ear.heard()), (before, vec![]));
    // Where it stands is told at the next look.
    a_look().await;
    assert_eq!((house.disk.lists_read(), ear.heard()), (before + 1, vec!["patch".to_owned()]));
    assert!(ear.row("a")["position"].as_str().unwrap().starts_with("1:6:"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_nobody_watches() {
    let mut house = House::new();
    house.open("a", &says("A", "open", &[])).await;
    a_look().await;
    assert_eq!(house.disk.lists_read(), 0);
    let ear = house.watch("ben", all());
    soon().await;
    house.leave("ben", &all(), &ear);
    let before = house.disk.lists_read();
    house.say("a", json!({ "type": "say", "summary": says("Z", "open", &[]) })).await;
    a_look().await;
    a_look().await;
    assert_eq!((house.disk.lists_read(), ear.titles()), (before, vec!["A".to_owned()]));
    // Somebody comes again, and everything goes on.
    let ear = house.watch("ben", all());
    soon().await;
    assert_eq!(ear.titles(), ["Z"]);
}

#[tokio::test(start_paused = true)]
async fn lists_are_filtered_as_those_of_http_are() {
    let mut house = House::new();
    house.open("a", &says("A", "open", &["ana"])).await;
    house.open("b", &says("B", "over", &["ben"])).await;
    house
        .open("p", &json!({ "title": "P", "status": "open", "members": ["ana", "cy"], "sort": 0, "private": true }))
        .await;
    let [everything, open, of_ana, of_ben, of_cy] = [
        house.watch("ana", all()),
        house.watch("ben", of_status("open")),
        house.watch("ana", mine()),
        house.watch("ben", mine()),
        house.watch("cy", List { status: Some("open".into()), ..mine() }),
    ];
    soon().await;
    let shown = || [&everything, &open, &of_ana, &of_ben, &of_cy].map(|ear| ear.titles().concat());
    assert_eq!(shown(), ["AB", "A", "AP", "B", "P"]);
    assert_eq!((&of_cy.row("p")["private"], &of_ana.row("a")["private"]), (&json!(true), &Value::Null));
    [&everything, &open, &of_ana, &of_ben, &of_cy].iter().for_each(|ear| drop(ear.heard()));
    // A row that leaves some lists and comes into others.
    let before = house.disk.lists_read();
    house.say("a", json!({ "type": "say", "summary": says("A", "over", &["ben"]) })).await;
    soon().await;
    assert_eq!(shown(), ["AB", "", "P", "AB", "P"]);
    assert_eq!((of_cy.heard(), house.disk.lists_read()), (vec![], before + 4), "it was none of Cy's");
    // Who leaves a private room sees it no more; nobody else ever did.
    let private = json!({ "title": "P", "status": "open", "members": ["cy"], "sort": 0, "private": true });
    let before = house.disk.lists_read();
    house.say("p", json!({ "type": "say", "summary": private })).await;
    soon().await;
    assert_eq!((shown(), house.disk.lists_read()), (["AB", "", "", "AB", "P"].map(str::to_owned), before + 2));
}

#[tokio::test(start_paused = true)]
async fn many_changes_of_one_moment_are_told_once() {
    let mut house = House::new();
    let ear = house.watch("ben", all());
    soon().await;
    assert_eq!(ear.heard(), ["snapshot", "snapshot"]);
    for n in 0..20 {
        house.open(&format!("t{n}"), &says("T", "open", &[])).await;
    }
    settle().await;
    soon().await;
    assert!(ear.heard().len() <= 2, "one for the first, one for the others");
    assert_eq!(ear.titles().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_still_held_is_not_sent_again() {
    let mut house = House::new();
    house.open("a", &says("A", "open", &[])).await;
    let ear = house.watch("ben", all());
    soon().await;
    assert_eq!(ear.heard(), ["snapshot", "snapshot"]);
    house.again("ben", all(), &ear, ear.etag());
    soon().await;
    assert_eq!(ear.heard(), ["current"]);
    house.leave("ben", &all(), &ear);
    house.say("a", json!({ "type": "say", "summary": says("B", "open", &[]) })).await;
    house.again("ben", all(), &ear, ear.etag());
    soon().await;
    assert_eq!((ear.heard(), ear.titles()), (vec!["snapshot".to_owned(), "snapshot".to_owned()], vec!["B".to_owned()]));
    // Two who hold the same are told the same, and a third does not disturb them.
    let third = house.watch("cy", all());
    soon().await;
    assert_eq!((ear.heard(), third.heard()), (vec![], vec!["snapshot".to_owned(), "snapshot".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn what_other_hosts_wrote_is_found_at_the_next_look() {
    let mut house = House::new();
    let ear = house.watch("ben", all());
    soon().await;
    ear.heard();
    let other = host(&house.disk);
    other.create(&table("x"), viewer("ana"), says("X", "open", &[]).to_string().as_bytes()).await.unwrap();
    soon().await;
    assert_eq!(ear.heard(), NOTHING);
    a_look().await;
    assert_eq!((ear.titles(), &ear.row("x")["awake"]), (vec!["X".to_owned()], &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn who_fell_asleep_is_told_at_the_next_look() {
    let mut house = House::new();
    house.open("a", &says("A", "open", &[])).await;
    let ear = house.watch("ben", all());
    tokio::time::sleep(IDLE + 2 * LIST_LOOK).await;
    settle().await;
    assert_eq!(ear.row("a")["awake"], json!(false));
}

#[tokio::test(start_paused = true)]
async fn the_first_rows_are_followed_and_the_next_can_be_asked_for() {
    let mut house = House::new();
    for n in 0..=LIST_ROWS {
        house.open(&format!("t{n:02}"), &says(&format!("{n:02}"), "open", &[])).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ear = house.watch("ben", all());
    soon().await;
    assert_eq!((ear.titles().len(), ear.titles()[0].as_str()), (LIST_ROWS, "01"));
    assert!(ear.got().view["next"].is_string());
    house.retire("t07").await;
    soon().await;
    assert_eq!((ear.titles().len(), ear.titles()[0].as_str()), (LIST_ROWS, "00"));
    assert!(ear.got().view["next"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_answer_is_said_to_those_who_wait() {
    let mut house = House::new();
    house.open("a", &says("A", "open", &[])).await;
    let held = house.watch("ben", all());
    soon().await;
    held.heard();
    house.disk.refuse_lists(true);
    let asks = house.watch("cy", all());
    soon().await;
    let frame = asks.got().frames[0].clone();
    assert_eq!(
        (&frame["code"], &frame["action"], &frame["list"]),
        (&json!(1503), &json!("subscribe"), &json!({ "kind": "table" }))
    );
    assert_eq!(held.heard(), NOTHING);
    house.disk.refuse_lists(false);
    house.say("a", json!({ "type": "say", "summary": says("B", "open", &[]) })).await;
    soon().await;
    assert_eq!((held.titles(), asks.heard()), (vec!["B".to_owned()], vec!["error".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn there_is_no_list_of_an_unknown_kind_nor_of_a_host_that_leaves() {
    let house = House::new();
    let ear: Arc<dyn Outlet> = Arc::new(Ear { id: 9, got: Mutex::default() });
    let asked = |list: &List| house.engine.watch_list(&name("main"), &viewer("ben"), list, None, &ear);
    let code = |asked: Result<(), dormouse_core::Failure>| asked.unwrap_err().code;
    assert_eq!(code(asked(&List::of(name("chair")))), Code::NotFound);
    house.engine.drain().await;
    assert_eq!(code(asked(&all())), Code::Draining);
}
