//! Commands that can be checked to the last one: each gives a list a number for its title, and no number is used twice.

use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use dormouse_bench::driver::Http;
use dormouse_client::{Client, Handle};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    Broken, PATIENCE, client,
    host::{Host, Place},
    report::hold,
};

/// Events of one page, as many as there may be.
const PAGE: usize = dormouse_core::limits::EVENTS_PAGE_MAX;

/// An answer that has to come true: the list got this number in this commit.
pub(crate) struct Promise {
    pub(crate) list: usize,
    pub(crate) seq: u64,
    pub(crate) number: u64,
}

/// Real clients, each with several hands that send one command after another, over several lists.
pub(crate) struct Load {
    pub(crate) lists: Vec<String>,
    pub(crate) clients: Vec<Client>,
    hands: Vec<JoinHandle<Result<Vec<Promise>, Broken>>>,
    shared: Arc<Shared>,
}

struct Shared {
    over: AtomicBool,
    accepted: AtomicU64,
    number: AtomicU64,
    slowest: Mutex<Duration>,
    /// Letters that follow the number, so that a command is as large as wanted.
    padding: String,
}

impl Load {
    /// As many clients as lists, with so many hands each.
    pub(crate) async fn start(url: &str, clients: usize, hands: usize, padding: usize) -> Result<Self, Broken> {
        let shared = Arc::new(Shared {
            over: AtomicBool::new(false),
            accepted: AtomicU64::new(0),
            number: AtomicU64::new(1),
            slowest: Mutex::default(),
            padding: "x".repeat(padding),
        });
        let mut load = Self { lists: Vec::new(), clients: Vec::new(), hands: Vec::new(), shared };
        for at in 0..clients {
            let client = client(url)?;
            let list = client.actor("todo").create(&json!({}), None).await?;
            load.lists.push(list.id().to_owned());
            let hand = || tokio::spawn(work(load.shared.clone(), list.clone(), at));
            load.hands.extend((0..hands).map(|_| hand()));
            load.clients.push(client);
        }
        Ok(load)
    }

    /// Commands that were accepted until now.
    pub(crate) fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// The longest that an answer took since this was asked last.
    pub(crate) fn slowest(&self) -> Duration {
        std::mem::take(&mut *self.shared.slowest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Until so many more were accepted; how long that took.
    pub(crate) async fn goes_on(&self, more: u64) -> Result<Duration, Broken> {
        let (since, from) = (Instant::now(), self.accepted());
        while self.accepted() < from + more {
            hold(since.elapsed() < PATIENCE, || {
                format!("nothing is accepted any more: {:?}", self.clients[0].error())
            })?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(since.elapsed())
    }

    /// Until all that was begun is answered.
    pub(crate) async fn finish(self) -> Result<(Vec<String>, Vec<Promise>), Broken> {
        self.shared.over.store(true, Ordering::Relaxed);
        let mut promises = Vec::new();
        for hand in self.hands {
            let done = tokio::time::timeout(PATIENCE, hand).await;
            promises.extend(done.map_err(|_| Broken("commands wait for ever".into()))???);
        }
        Ok((self.lists, promises))
    }
}

async fn work(shared: Arc<Shared>, handle: Handle, list: usize) -> Result<Vec<Promise>, Broken> {
    let mut promises = Vec::new();
    while !shared.over.load(Ordering::Relaxed) {
        let number = shared.number.fetch_add(1, Ordering::Relaxed);
        let title = format!("{number} {}", shared.padding);
        let since = Instant::now();
        let accepted = handle.send(&json!({ "type": "rename_list", "title": title })).await?;
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        let mut slowest = shared.slowest.lock().unwrap_or_else(PoisonError::into_inner);
        *slowest = slowest.max(since.elapsed());
        promises.push(Promise { list, seq: accepted.position.seq, number });
    }
    Ok(promises)
}

/// Every promise is in the journal once, where its answer said. Returns how many commits there are.
pub(crate) async fn check(port: u16, lists: &[String], promises: &[Promise]) -> Result<u64, Broken> {
    let mut http = Http::open(port, Ipv4Addr::LOCALHOST).await?;
    http.guest().await?;
    let mut histories = Vec::new();
    for list in lists {
        histories.push(history(&mut http, list).await?);
    }
    let mut seen = HashSet::new();
    for number in histories.iter().flatten().flatten() {
        hold(seen.insert(*number), || format!("command {number} was carried out twice"))?;
    }
    for Promise { list, seq, number } in promises {
        let found = histories[*list].get(*seq as usize - 1).copied().flatten();
        hold(found == Some(*number), || {
            format!("command {number} was acknowledged as commit {seq}, which is {found:?}")
        })?;
    }
    Ok(histories.iter().map(|history| history.len() as u64).sum())
}

/// The host has these lists and nothing else: every promise is kept, and every hash chain of its journal whole. It ends with that.
pub(crate) async fn settle(place: &Place, host: Host, lists: &[String], promises: &[Promise]) -> Result<(), Broken> {
    let found = check(place.port, lists, promises).await?;
    host.drain()?;
    let verified = place.verify()?;
    hold(verified == found, || format!("the journal holds {verified} commits and the clients found {found}"))
}

/// The number that each commit gave the list; the first gave none.
async fn history(http: &mut Http, list: &str) -> Result<Vec<Option<u64>>, Broken> {
    let (mut numbers, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/v1/todo/{list}/events?after_seq={after}&limit={PAGE}");
        let page = http.json("GET", &path, "").await?;
        for event in page["events"].as_array().into_iter().flatten() {
            let in_order = event["seq"] == numbers.len() as u64 + 1;
            hold(in_order, || format!("{list} has {event} after commit {}", numbers.len()))?;
            numbers.push(number_of(event));
        }
        after = page["through_seq"].as_u64().unwrap_or_default();
        if page["more"] != true {
            return Ok(numbers);
        }
    }
}

fn number_of(event: &Value) -> Option<u64> {
    event["event"]["title"].as_str()?.split(' ').next()?.parse().ok()
}
