//! Somebody who follows every list in both ways, all the time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use dormouse_client::{
    Client, ListOptions, ListSubscription, Page, SubscribeOptions, Subscription, Update, WatchOptions,
};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{List, Stage, handle, lock};
use crate::{Broken, PATIENCE, client, report::hold};

/// Lists that one client follows, each twice: a connection holds 256 subscriptions, and on a quick disk there are more lists than one
/// connection can follow.
const LISTS_PER_CLIENT: usize = 100;

pub(super) struct Watcher {
    clients: Vec<Client>,
    lists: ListSubscription,
    watched: BTreeMap<String, Watched>,
}

struct Watched {
    /// The newest view, and its commit.
    seen: Arc<Mutex<(u64, Value)>>,
    sees: JoinHandle<Result<(), Broken>>,
    hears: JoinHandle<Result<Heard, Broken>>,
}

/// The events of one list as they came: seq and title.
pub(super) type Heard = Vec<(u64, String)>;

impl Watcher {
    pub(super) fn new(stage: &Stage) -> Result<Self, Broken> {
        let client = client(&stage.url)?;
        let lists = client.actor("todo").watch(WatchOptions::default())?;
        Ok(Self { clients: vec![client], lists, watched: BTreeMap::new() })
    }

    /// The newest of its clients.
    pub(super) fn client(&self) -> &Client {
        self.clients.last().expect("there is one from the beginning")
    }

    /// Follow the lists that are new.
    pub(super) fn watch(&mut self, stage: &Stage) -> Result<(), Broken> {
        for list in lock(&stage.lists).iter() {
            if !self.watched.contains_key(&list.id) {
                if self.watched.len() >= self.clients.len() * LISTS_PER_CLIENT {
                    self.clients.push(client(&stage.url)?);
                }
                let handle = handle(self.client(), list)?;
                let seen = Arc::new(Mutex::new((0, Value::Null)));
                let sees = tokio::spawn(see(handle.subscribe(SubscribeOptions::view()), seen.clone()));
                let hears = tokio::spawn(hear(handle.subscribe(SubscribeOptions::events_from_start())));
                self.watched.insert(list.id.clone(), Watched { seen, sees, hears });
            }
        }
        Ok(())
    }

    /// The view that patches made over all the drops is the one that a fresh look gives.
    pub(super) async fn agrees(&self, list: &List, last: u64, view: &Value) -> Result<(), Broken> {
        let watched = self.watched.get(&list.id).ok_or_else(|| Broken(format!("{} is not watched", list.id)))?;
        let since = Instant::now();
        loop {
            let (seq, seen) = lock(&watched.seen).clone();
            if seq >= last {
                return hold(seen == *view, || format!("{} shows {seen} and a fresh look {view}", list.id));
            }
            hold(since.elapsed() < PATIENCE, || format!("the view of {} stands at {seq} of {last}", list.id))?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The rows that patches made over all the drops are those that a fresh look gives.
    pub(super) async fn lists_all(&self, client: &Client) -> Result<(), Broken> {
        let known = |page: &Page| page.rows.iter().map(|row| (row.id.clone(), row.position)).collect::<Vec<_>>();
        let since = Instant::now();
        loop {
            let page = client.actor("todo").list(ListOptions::default()).await?;
            let shown = self.lists.rows().ok_or_else(|| Broken("the list has no rows".into()))?;
            if known(&shown) == known(&page) {
                return hold(shown.next == page.next, || format!("{:?} is not {:?}", shown.next, page.next));
            }
            hold(since.elapsed() < PATIENCE, || format!("{shown:?} is not {page:?}"))?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Every event came once and in order.
    pub(super) async fn heard_all(
        self,
        found: &BTreeMap<String, (String, u64)>,
        lists: &[Arc<List>],
    ) -> Result<(), Broken> {
        hold(self.watched.len() == lists.len(), || "not every list was watched".into())?;
        let mut expected: BTreeMap<&str, Heard> = lists.iter().map(|list| (&*list.id, Heard::new())).collect();
        for (title, (list, seq)) in found {
            expected.entry(list).or_default().push((*seq, title.clone()));
        }
        // Their streams have no end of their own; what a ping would find is there within a moment.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for client in &self.clients {
            client.close().await;
        }
        for (id, Watched { sees, hears, .. }) in self.watched {
            let mut wanted = expected.remove(id.as_str()).unwrap_or_default();
            wanted.sort_unstable();
            sees.await??;
            let heard = hears.await??;
            hold(heard == wanted, || format!("events of {id}: {heard:?}, not {wanted:?}"))?;
        }
        Ok(())
    }
}

/// Every view until the client is closed: whatever it was made of, it shows all that its position says.
async fn see(mut views: Subscription, seen: Arc<Mutex<(u64, Value)>>) -> Result<(), Broken> {
    while let Some(update) = views.next().await {
        let Update::View(update) = update? else { unreachable!("a view") };
        let seq = update.position.seq;
        let shown = update.view["items"].as_object().map_or(0, |items| items.len() as u64);
        hold(shown == seq - 1, || {
            format!("a view of commit {seq}, each of which but the first added one thing, has {shown}")
        })?;
        hold(!update.reset, || "a view says that history was lost".into())?;
        let before = std::mem::replace(&mut *lock(&seen), (seq, update.view));
        hold(before.0 <= seq, || format!("commit {} was shown before {seq}", before.0))?;
    }
    Ok(())
}

/// Everything until the client is closed.
async fn hear(mut events: Subscription) -> Result<Heard, Broken> {
    let mut heard = Vec::new();
    while let Some(update) = events.next().await {
        let Update::Events(update) = update? else { unreachable!("events") };
        hold(!update.reset, || "events say that history was lost".into())?;
        heard.extend(update.events.iter().filter_map(|event| added(event.seq, &event.event)));
    }
    Ok(heard)
}

pub(super) fn added(seq: u64, event: &Value) -> Option<(u64, String)> {
    (event["type"] == "todo_added").then(|| (seq, event["title"].as_str().unwrap_or_default().to_owned()))
}
