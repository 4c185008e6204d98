//! The trigger of the stream: the index follows, and what an invocation did not finish is found above the actor's mark.
//!
//! No actor fails a batch. What cannot be done now goes into the queue, and what can never be done to the dead letters.

use std::collections::BTreeMap;

use dormouse_core::{
    Address,
    limits::{REPAIR_AFTER, TASK_UNASKED, TASKS_AT_ONCE},
};
use dormouse_journal::{ReadError, StoreError};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    event::Record,
    follower::{Told, Unread},
    host::Host,
    queue::Deferred,
};

/// What one batch tells of one actor.
struct News<'a> {
    told: Vec<Told>,
    images: Vec<&'a Value>,
    /// Why the index has not followed.
    failed: Option<ReadError>,
    /// The commit before all of it.
    after: u64,
    /// The first of its records, by which a batch is delivered again.
    first: &'a str,
}

impl Host {
    /// The answer names the first record from which on the batch is to be delivered again: only if the queue took neither a repair nor a dead letter.
    pub(crate) async fn follow(&self, records: &[Record]) -> Value {
        let mut actors: BTreeMap<Address, News<'_>> = BTreeMap::new();
        for record in records {
            let Some(image) = &record.dynamodb.new_image else { continue };
            match self.follower.read(image) {
                Ok(told) => {
                    let news = News::of(&mut actors, (&told.actor, told.after), record);
                    news.told.push(told);
                    news.images.push(image);
                }
                Err(Unread { of: Some((actor, after)), why }) => {
                    let news = News::of(&mut actors, (&actor, after), record);
                    news.failed = Some(ReadError::Damaged(actor, why));
                }
                Err(Unread { of: None, why }) => tracing::error!(why, "a record of the stream names no actor"),
            }
        }
        self.absorb(&mut actors).await;
        let following: Vec<_> = actors.iter().map(|(actor, news)| self.follow_actor(actor, news)).collect();
        let failed = stream::iter(following).buffer_unordered(TASKS_AT_ONCE).filter_map(std::future::ready);
        let failed: Vec<Value> = failed.map(|first| json!({ "itemIdentifier": first })).collect().await;
        json!({ "batchItemFailures": failed })
    }

    /// The first of its records if nobody could take it.
    async fn follow_actor<'a>(&self, actor: &Address, news: &News<'a>) -> Option<&'a str> {
        let taken = match &news.failed {
            None => self.repair_what_is_above(actor, news).await,
            Some(ReadError::Damaged(_, why)) => self.queue.bury(&repair(actor, news.after), why).await,
            Some(ReadError::Store(error)) => {
                tracing::warn!(%actor, %error, "the index will follow later");
                self.queue.put(&repair(actor, news.after), self.now().after(TASK_UNASKED)).await
            }
        };
        let untaken = taken.inspect_err(|error| tracing::error!(%actor, %error, "the queue did not take a repair"));
        untaken.is_err().then_some(news.first)
    }

    /// Of an actor of which something does not read, a repair sees what there is in the journal.
    async fn absorb(&self, actors: &mut BTreeMap<Address, News<'_>>) {
        let readable = actors.values().filter(|news| news.failed.is_none());
        let images: Vec<&Value> = readable.flat_map(|news| news.images.iter().copied()).collect();
        match self.follower.absorb(&images).await {
            Ok(mut failed) => {
                for (actor, news) in actors {
                    news.failed = news.failed.take().or_else(|| failed.remove(actor));
                }
            }
            Err(error) => {
                let why = error.to_string();
                for news in actors.values_mut().filter(|news| news.failed.is_none()) {
                    news.failed = Some(StoreError::Unavailable(why.clone().into()).into());
                }
            }
        }
    }

    /// Nobody has pushed these commits, or is at it: then a moment later nothing is left to do.
    async fn repair_what_is_above(&self, actor: &Address, news: &News<'_>) -> Result<(), StoreError> {
        let watched = self.crowd.connections.of_actor(actor, self.now()).await;
        let Ok(watched) = watched.inspect_err(|error| self.unreachable(error)) else {
            return self.queue.put(&repair(actor, news.after), self.now().after(TASK_UNASKED)).await;
        };
        let is_pushed = |told: &Told| {
            let covers = |seq| watched.pushed.is_some_and(|pushed| pushed.covers(told.epoch, seq));
            told.after == told.upto || covers(told.after + 1) && covers(told.upto)
        };
        let above: Vec<&Told> = news.told.iter().filter(|told| !is_pushed(told)).collect();
        let is_owed = !watched.rows.is_empty() || above.iter().any(|told| told.asks);
        match above.iter().map(|told| told.after).min() {
            Some(after) if is_owed => self.queue.put(&repair(actor, after), self.now().after(REPAIR_AFTER)).await,
            _ => Ok(()),
        }
    }
}

impl<'a> News<'a> {
    fn of<'b>(
        actors: &'b mut BTreeMap<Address, Self>,
        (actor, after): (&Address, u64),
        record: &'a Record,
    ) -> &'b mut Self {
        let first = &*record.dynamodb.sequence_number;
        let new = Self { told: vec![], images: vec![], failed: None, after, first };
        let news = actors.entry(actor.clone()).or_insert(new);
        news.after = news.after.min(after);
        news
    }
}

fn repair(actor: &Address, after: u64) -> Deferred {
    Deferred::Repair { actor: actor.clone(), after }
}
