//! The promise, against the real binary: whatever is acknowledged is found, once, after any number of kill -9.
//!
//! Several clients add things to several shared todo lists while the host is killed and started again over the same data.
//! Somebody watches every list, and which lists there are. The clients find it again by themselves. `KILL_CYCLES` and `KILL_SEED` choose how often and when.

mod support;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use dormouse_client::{
    Client, ClientOptions, Fault, Handle, ListOptions, ListSubscription, Page, Position, Status, SubscribeOptions,
    Subscription, Update, WatchOptions,
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use support::{Host, PATIENCE, Random, arcade_json, free_port};
use tokio::task::JoinHandle;

const CLIENTS: usize = 4;
const WORKERS_PER_CLIENT: usize = 4;
/// Lists that are written to at the same time.
const LISTS: usize = 3;
/// Things on one list before another one takes its place; a list holds 500.
const PER_LIST: u64 = 400;
/// Lists that one client of the watcher follows, each twice: a connection holds 256 subscriptions, and on a quick disk there
/// are more lists than one connection can follow.
const LISTS_PER_WATCHER: usize = 100;
/// One of the clients leaves for good, in the middle of whatever it does, after this many cycles.
const LEAVE_EVERY: u64 = 10;

/// A list as everybody knows it.
struct List {
    id: String,
    /// Commands that were begun.
    begun: AtomicU64,
}

/// What was promised, by title.
#[derive(Default)]
struct Promises {
    acknowledged: BTreeMap<String, (String, Position)>,
    /// The client left before it heard.
    unknown: u64,
    again: u64,
}

struct Test {
    url: String,
    lists: Mutex<Vec<Arc<List>>>,
    open: Mutex<[Arc<List>; LISTS]>,
    promises: Mutex<Promises>,
    titles: AtomicU64,
    over: AtomicBool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let cycles = env("KILL_CYCLES", 200);
    let seed = env("KILL_SEED", 7);
    let folder = tempfile::tempdir().expect("a folder");
    let (data, port) = (folder.path().join("data"), free_port());
    let mut host = Host::start(&data, port);
    let test = begin(&host.url()).await;

    let since = Instant::now();
    let mut random = Random(seed);
    let mut watcher = Watcher::new(&test);
    watcher.watch(&test);
    let mut crowd: Vec<Worker> = (0..CLIENTS).map(|at| Worker::start(&test, seed + at as u64)).collect();
    for cycle in 1..=cycles {
        let load = Duration::from_millis(20 + random.below(131));
        all_live(crowd.iter().map(|worker| &worker.client)).await;
        tokio::time::sleep(load).await;
        host.kill();
        if cycle % LEAVE_EVERY == 0 {
            let leaver = random.below(CLIENTS as u64) as usize;
            let newcomer = Worker::start(&test, seed + 1_000 + cycle);
            std::mem::replace(&mut crowd[leaver], newcomer).leave().await;
        }
        host = Host::start(&data, port);
        refill(&test, watcher.client()).await;
        watcher.watch(&test);
    }
    test.over.store(true, Ordering::Relaxed);
    let clients: Vec<Client> = crowd.iter().map(|worker| worker.client.clone()).collect();
    for worker in crowd {
        worker.finish().await;
    }
    let found = check(&test, &clients, watcher).await;
    host.sigterm();
    assert!(host.wait().success(), "the last host drains");
    let verified = arcade_json(&["verify", "--json", "--data", &data.display().to_string()]);
    assert_eq!(verified["failures"], json!([]), "{verified}");
    assert_eq!(verified["commits"], json!(found), "the journal holds what the clients found, and nothing else");

    let Promises { acknowledged, unknown, again } = &*test.promises.lock().expect("no panic");
    println!(
        "seed {seed}: {cycles} kills in {:.0?}, {} lists, {} acknowledged ({again} of them asked twice), \
         {unknown} without an answer, {found} commits verified",
        since.elapsed(),
        test.lists.lock().expect("no panic").len(),
        acknowledged.len(),
    );
    assert!(acknowledged.len() as u64 > cycles, "there was no load worth the name");
    assert!(*again > 0 || cycles < 50, "no kill hit a command between its commit and its answer");
}

fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn client(url: &str) -> Client {
    Client::new(ClientOptions::new(url).max_delay(Duration::from_millis(250))).expect("a client")
}

async fn begin(url: &str) -> Arc<Test> {
    let maker = client(url);
    let mut lists = Vec::new();
    for _ in 0..LISTS {
        lists.push(new_list(&maker).await);
    }
    let open = lists.clone().try_into().unwrap_or_else(|_| unreachable!("as many"));
    Arc::new(Test {
        url: url.to_owned(),
        lists: Mutex::new(lists),
        open: Mutex::new(open),
        promises: Mutex::default(),
        titles: AtomicU64::new(1),
        over: AtomicBool::new(false),
    })
}

async fn new_list(maker: &Client) -> Arc<List> {
    let made = maker.actor("todo").create(&json!({}), None).await.expect("a list");
    Arc::new(List { id: made.id().to_owned(), begun: AtomicU64::new(0) })
}

/// Full lists make room for new ones.
async fn refill(test: &Test, maker: &Client) {
    for place in 0..LISTS {
        let begun = test.open.lock().expect("no panic")[place].begun.load(Ordering::Relaxed);
        if begun >= PER_LIST {
            let list = new_list(maker).await;
            test.lists.lock().expect("no panic").push(list.clone());
            test.open.lock().expect("no panic")[place] = list;
        }
    }
}

async fn all_live<'a>(clients: impl Iterator<Item = &'a Client>) {
    for client in clients {
        let mut status = client.status();
        let live = tokio::time::timeout(PATIENCE, status.wait_for(|status| *status == Status::Live)).await;
        live.unwrap_or_else(|_| panic!("not live again: {:?}", client.error())).expect("the client lives");
    }
}

fn handle(client: &Client, list: &List) -> Handle {
    client.actor("todo").get(&list.id).expect("a name")
}

/// One client and those who give it commands.
struct Worker {
    client: Client,
    hands: Vec<JoinHandle<()>>,
}

impl Worker {
    fn start(test: &Arc<Test>, seed: u64) -> Self {
        let client = client(&test.url);
        let hands = (0..WORKERS_PER_CLIENT)
            .map(|hand| tokio::spawn(work(test.clone(), client.clone(), Random(seed * 100 + hand as u64))));
        Self { hands: hands.collect(), client }
    }

    /// Until everything it began is answered.
    async fn finish(self) {
        for hand in self.hands {
            let done = tokio::time::timeout(PATIENCE, hand).await;
            done.unwrap_or_else(|_| panic!("commands wait for ever: {:?}", self.client)).expect("no panic");
        }
    }

    async fn leave(self) {
        self.client.close().await;
        self.finish().await;
    }
}

async fn work(test: Arc<Test>, client: Client, mut random: Random) {
    while !test.over.load(Ordering::Relaxed) {
        let list = test.open.lock().expect("no panic")[random.below(LISTS as u64) as usize].clone();
        if list.begun.fetch_add(1, Ordering::Relaxed) >= PER_LIST + 50 {
            if *client.status().borrow() == Status::Closed {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let title = format!("thing {}", test.titles.fetch_add(1, Ordering::Relaxed));
        let sent = handle(&client, &list).send(&json!({ "type": "add_todo", "title": title })).await;
        let mut promises = test.promises.lock().expect("no panic");
        match sent {
            Ok(accepted) => {
                promises.again += u64::from(accepted.again);
                promises.acknowledged.insert(title, (list.id.clone(), accepted.position));
            }
            Err(Fault { name, .. }) if name == "closed" => {
                promises.unknown += 1;
                return;
            }
            Err(fault) => panic!("{title}: {fault:?}"),
        }
    }
}

/// Follows every list in both ways, all the time.
struct Watcher {
    clients: Vec<Client>,
    lists: ListSubscription,
    watched: BTreeMap<String, Watched>,
}

struct Watched {
    /// The newest view, and its commit.
    seen: Arc<Mutex<(u64, Value)>>,
    sees: JoinHandle<()>,
    hears: JoinHandle<Heard>,
}

/// The events of one list as they came: seq and title, until the last commit that was asked for.
type Heard = Vec<(u64, String)>;

impl Watcher {
    fn new(test: &Test) -> Self {
        let client = client(&test.url);
        let lists = client.actor("todo").watch(WatchOptions::default()).expect("a kind");
        Self { clients: vec![client], lists, watched: BTreeMap::new() }
    }

    /// The newest of its clients.
    fn client(&self) -> &Client {
        self.clients.last().expect("there is one from the beginning")
    }

    fn watch(&mut self, test: &Test) {
        for list in test.lists.lock().expect("no panic").iter() {
            if !self.watched.contains_key(&list.id) {
                if self.watched.len() >= self.clients.len() * LISTS_PER_WATCHER {
                    self.clients.push(client(&test.url));
                }
                let handle = handle(self.client(), list);
                let seen = Arc::new(Mutex::new((0, Value::Null)));
                let sees = tokio::spawn(see(handle.subscribe(SubscribeOptions::view()), seen.clone()));
                let hears = tokio::spawn(hear(handle.subscribe(SubscribeOptions::events_from_start())));
                self.watched.insert(list.id.clone(), Watched { seen, sees, hears });
            }
        }
    }
}

/// Every view until the client is closed: whatever it was made of, it shows all that its position says.
async fn see(mut views: Subscription, seen: Arc<Mutex<(u64, Value)>>) {
    while let Some(update) = views.next().await {
        let Update::View(update) = update.expect("no end but the client's") else { unreachable!("a view") };
        let seq = update.position.seq;
        let shown = update.view["items"].as_object().map_or(0, |items| items.len() as u64);
        assert_eq!(shown, seq - 1, "a view of commit {seq}, each of which but the first added one thing");
        assert!(!update.reset, "no history is lost");
        let before = std::mem::replace(&mut *seen.lock().expect("no panic"), (seq, update.view));
        assert!(before.0 <= seq, "commit {} was shown before {seq}", before.0);
    }
}

/// Everything until the client is closed.
async fn hear(mut events: Subscription) -> Heard {
    let mut heard = Vec::new();
    while let Some(update) = events.next().await {
        let Update::Events(update) = update.expect("no end but the client's") else { unreachable!("events") };
        assert!(!update.reset, "no history is lost");
        heard.extend(update.events.iter().filter_map(|event| added(event.seq, &event.event)));
    }
    heard
}

fn added(seq: u64, event: &Value) -> Option<(u64, String)> {
    (event["type"] == "todo_added").then(|| (seq, event["title"].as_str().expect("a title").to_owned()))
}

/// Everything was found once and all agree; returns the number of commits.
async fn check(test: &Test, clients: &[Client], watcher: Watcher) -> u64 {
    let lists = test.lists.lock().expect("no panic").clone();
    let (mut commits, mut found) = (0, BTreeMap::new());
    for list in &lists {
        let events = all_events(&handle(&clients[0], list)).await;
        let view = same_view(clients, list).await;
        let mut titles: Vec<&str> = events.iter().map(|(_, title)| title.as_str()).collect();
        let items = view["items"].as_object().expect("items");
        let mut shown: Vec<&str> = items.values().map(|item| item["title"].as_str().expect("a title")).collect();
        titles.sort_unstable();
        shown.sort_unstable();
        assert_eq!(titles, shown, "the events and the view of {} tell the same", list.id);
        // Its creation is one more commit.
        let last = events.last().map_or(1, |(seq, _)| *seq);
        assert_eq!(last, events.len() as u64 + 1, "each commit of {} is one thing", list.id);
        commits += last;
        watcher.agrees(list, last, &view).await;
        for (seq, title) in &events {
            let before = found.insert(title.clone(), (list.id.clone(), *seq));
            assert_eq!(before, None, "{title} was done twice");
        }
    }
    watcher.lists_all(&clients[0]).await;
    watcher.heard_all(test, &found, &lists).await;
    let promises = test.promises.lock().expect("no panic");
    for (title, (list, position)) in &promises.acknowledged {
        assert_eq!(found.get(title), Some(&(list.clone(), position.seq)), "{title} was acknowledged");
    }
    let most = promises.acknowledged.len() as u64 + promises.unknown;
    assert!(found.len() as u64 <= most, "more was done than was asked for");
    commits
}

async fn all_events(list: &Handle) -> Vec<(u64, String)> {
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let page = list.events(after, Some(150)).await.expect("a page");
        events.extend(page.events.iter().filter_map(|event| added(event.seq, &event.event)));
        after = page.through_seq;
        if !page.more {
            return events;
        }
    }
}

/// What every client sees, over HTTP and by a fresh subscription.
async fn same_view(clients: &[Client], list: &List) -> Value {
    let whole = handle(&clients[0], list).look().await.expect("a view");
    for client in clients {
        let looked = handle(client, list).look().await.expect("a view");
        assert_eq!((looked.position, &looked.etag), (whole.position, &whole.etag));
        let mut views = handle(client, list).subscribe(SubscribeOptions::view());
        let next = tokio::time::timeout(PATIENCE, views.next()).await.expect("a view").expect("no end");
        let Update::View(update) = next.expect("no end") else { unreachable!("a view") };
        assert_eq!((update.view, update.position), (whole.view.clone(), whole.position));
    }
    whole.view
}

impl Watcher {
    /// The view that patches made over all the drops is the one that a fresh look gives.
    async fn agrees(&self, list: &List, last: u64, view: &Value) {
        let watched = self.watched.get(&list.id).expect("every list is watched");
        let since = Instant::now();
        loop {
            let (seq, seen) = watched.seen.lock().expect("no panic").clone();
            if seq >= last {
                return assert_eq!(seen, *view, "{}", list.id);
            }
            assert!(since.elapsed() < PATIENCE, "the view of {} stands at {seq} of {last}", list.id);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The rows that patches made over all the drops are those that a fresh look gives.
    async fn lists_all(&self, client: &Client) {
        let known = |page: &Page| page.rows.iter().map(|row| (row.id.clone(), row.position)).collect::<Vec<_>>();
        let since = Instant::now();
        loop {
            let page = client.actor("todo").list(ListOptions::default()).await.expect("a page");
            let shown = self.lists.rows().expect("rows");
            if known(&shown) == known(&page) {
                return assert_eq!(shown.next, page.next);
            }
            assert!(since.elapsed() < PATIENCE, "{shown:?} is not {page:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every event came once and in order.
    async fn heard_all(self, test: &Test, found: &BTreeMap<String, (String, u64)>, lists: &[Arc<List>]) {
        assert_eq!(self.watched.len(), test.lists.lock().expect("no panic").len());
        let mut expected: BTreeMap<&str, Heard> = lists.iter().map(|list| (&*list.id, Heard::new())).collect();
        for (title, (list, seq)) in found {
            expected.get_mut(list.as_str()).expect("a list").push((*seq, title.clone()));
        }
        // Their streams have no end of their own; what a ping would find is there within a moment.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for client in &self.clients {
            client.close().await;
        }
        for (id, Watched { sees, hears, .. }) in self.watched {
            let mut wanted = expected.remove(id.as_str()).expect("a list");
            wanted.sort_unstable();
            sees.await.expect("every view was whole");
            assert_eq!(hears.await.expect("no panic"), wanted, "events of {id}");
        }
    }
}
