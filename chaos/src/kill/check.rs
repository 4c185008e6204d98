//! What the journal has, held against what was promised and what was seen.

use std::collections::BTreeMap;

use dormouse_client::{Client, Handle, SubscribeOptions, Update};
use futures_util::StreamExt;
use serde_json::Value;

use super::{
    List, Stage, handle, lock,
    watcher::{Heard, Watcher, added},
};
use crate::{Broken, PATIENCE, report::hold};

/// Events of one page: small, so that there are several.
const PAGE: usize = 150;

/// Everything was found once and all agree; returns the number of commits.
pub(super) async fn check(stage: &Stage, clients: &[Client], watcher: Watcher) -> Result<u64, Broken> {
    let lists = lock(&stage.lists).clone();
    let (mut commits, mut found) = (0, BTreeMap::new());
    for list in &lists {
        let events = all_events(&handle(&clients[0], list)?).await?;
        let view = same_view(clients, list).await?;
        tell_the_same(list, &events, &view)?;
        // Its creation is one more commit.
        let last = events.last().map_or(1, |(seq, _)| *seq);
        hold(last == events.len() as u64 + 1, || format!("not each commit of {} is one thing", list.id))?;
        commits += last;
        watcher.agrees(list, last, &view).await?;
        for (seq, title) in events {
            let before = found.insert(title.clone(), (list.id.clone(), seq));
            hold(before.is_none(), || format!("{title} was done twice"))?;
        }
    }
    watcher.lists_all(&clients[0]).await?;
    watcher.heard_all(&found, &lists).await?;
    kept(stage, &found)?;
    Ok(commits)
}

fn kept(stage: &Stage, found: &BTreeMap<String, (String, u64)>) -> Result<(), Broken> {
    let promises = lock(&stage.promises);
    for (title, (list, position)) in &promises.acknowledged {
        let told = (list.clone(), position.seq);
        let at = found.get(title);
        hold(at == Some(&told), || format!("{title} was acknowledged as {told:?} and is at {at:?}"))?;
    }
    let most = promises.acknowledged.len() as u64 + promises.unknown;
    hold(found.len() as u64 <= most, || format!("{} things were done and {most} asked for", found.len()))
}

fn tell_the_same(list: &List, events: &Heard, view: &Value) -> Result<(), Broken> {
    let mut titles: Vec<&str> = events.iter().map(|(_, title)| title.as_str()).collect();
    let items = view["items"].as_object().ok_or_else(|| Broken(format!("{view} has no items")))?;
    let mut shown: Vec<&str> = items.values().filter_map(|item| item["title"].as_str()).collect();
    titles.sort_unstable();
    shown.sort_unstable();
    hold(titles == shown, || format!("the events of {} tell {titles:?} and its view {shown:?}", list.id))
}

async fn all_events(list: &Handle) -> Result<Heard, Broken> {
    let (mut events, mut after) = (Vec::new(), 0);
    loop {
        let page = list.events(after, Some(PAGE)).await?;
        events.extend(page.events.iter().filter_map(|event| added(event.seq, &event.event)));
        after = page.through_seq;
        if !page.more {
            return Ok(events);
        }
    }
}

/// What every client sees, over HTTP and by a fresh subscription.
async fn same_view(clients: &[Client], list: &List) -> Result<Value, Broken> {
    let whole = handle(&clients[0], list)?.look().await?;
    for client in clients {
        let looked = handle(client, list)?.look().await?;
        let same = (looked.position, &looked.etag) == (whole.position, &whole.etag);
        hold(same, || format!("two clients look at {} and see {looked:?} and {whole:?}", list.id))?;
        let mut views = handle(client, list)?.subscribe(SubscribeOptions::view());
        let next = tokio::time::timeout(PATIENCE, views.next()).await.ok().flatten();
        let Some(Update::View(update)) = next.transpose()? else {
            return Err(Broken(format!("no view of {}", list.id)));
        };
        let same = update.view == whole.view && update.position == whole.position;
        hold(same, || format!("a subscription shows {} and a look {}", update.view, whole.view))?;
    }
    Ok(whole.view)
}
