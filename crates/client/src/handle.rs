//! Actors as the application sees them, with its own types or as plain JSON.

use std::{
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use dormouse_core::{Position, Principal, Time, frame::client::From};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream, Stream},
};
use reqwest::Method;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use tokio::sync::{broadcast, oneshot};

use crate::{
    client::Shared,
    driver::{Call, Left, unlikely_key},
    fault::{Action, Fault},
    feed::{Feed, Raw},
    frame::{As, Signal},
    http::{Ask, json_of, typed},
    limits::{CREATE_TRIES, ENVELOPE_BYTES, MAX_DELAY},
    lists::named,
    session::{Accepted, Resumed, backoff},
};

/// What one kind of actor speaks.
pub trait Types: 'static {
    /// What it is made with.
    type Config: Serialize;
    /// What it is asked.
    type Command: Serialize;
    /// What it reveals.
    type Event: DeserializeOwned;
    /// What it shows.
    type View: DeserializeOwned;
}

/// Everything as plain JSON.
#[derive(Debug)]
pub struct Json;

impl Types for Json {
    type Config = Value;
    type Command = Value;
    type Event = Value;
    type View = Value;
}

/// Actors of one kind.
pub struct ActorKind<T: Types = Json> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) kind: String,
    pub(crate) types: PhantomData<fn() -> T>,
}

/// One actor.
pub struct Handle<T: Types = Json> {
    shared: Arc<Shared>,
    /// `kind/id`.
    actor: Arc<str>,
    types: PhantomData<fn() -> T>,
}

impl<T: Types> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), actor: self.actor.clone(), types: PhantomData }
    }
}

/// A view at a commit.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct ViewAt<V> {
    pub position: Position,
    pub etag: String,
    pub view: V,
}

/// An event that the rules revealed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs)]
pub struct EventOf<E> {
    pub seq: u64,
    pub index: u32,
    pub at: Time,
    pub event: E,
}

/// A page of events, complete up to `through_seq`.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct EventsPage<E> {
    pub position: Position,
    pub through_seq: u64,
    pub more: bool,
    pub events: Vec<EventOf<E>>,
}

/// Commits spread over an actor's history.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct History {
    pub position: Position,
    pub created_at: Time,
    pub commits: Vec<CommitAt>,
}

/// One commit of a history.
#[derive(Debug, Clone, Copy, Deserialize)]
#[allow(missing_docs)]
pub struct CommitAt {
    pub seq: u64,
    pub at: Time,
}

/// The actor was retired by this commit.
#[derive(Debug, Clone, Copy, Deserialize)]
#[allow(missing_docs)]
pub struct Retired {
    pub position: Position,
}

impl<T: Types> ActorKind<T> {
    /// Its name on the wire.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The same kind, with these types.
    pub fn typed<U: Types>(self) -> ActorKind<U> {
        ActorKind { shared: self.shared, kind: self.kind, types: PhantomData }
    }

    /// Make an actor. Safe to repeat with the same key; without one, tries within this call share a key of their own.
    ///
    /// # Errors
    /// What the host or the rules say, or that the host cannot be reached.
    pub async fn create(&self, config: &T::Config, key: Option<&str>) -> Result<Handle<T>, Fault> {
        #[derive(Deserialize)]
        struct Created {
            id: String,
        }
        let (own, body) = (unlikely_key(), json_of("config", config)?);
        let mut tries = 0;
        loop {
            let mut ask = Ask::new(Method::POST, format!("/v1/{}", self.kind));
            ask.body = Some(body.clone().into_bytes());
            ask.key = Some(key.unwrap_or(&own));
            let fault = match self.shared.http.request::<Created>(ask).await {
                Ok(created) => return self.get(&created.id),
                Err(fault) => fault,
            };
            tries += 1;
            if fault.action != Action::Retry || tries == CREATE_TRIES {
                return Err(fault);
            }
            tokio::time::sleep(backoff(tries - 1, 0.5, MAX_DELAY, fault.retry_after)).await;
        }
    }

    /// The actor of this id. Nothing is asked: whether it exists shows when it is used.
    ///
    /// # Errors
    /// If the kind or the id is no name.
    pub fn get(&self, id: &str) -> Result<Handle<T>, Fault> {
        let actor = format!("{}/{}", named(&self.kind)?, named(id)?).into();
        Ok(Handle { shared: self.shared.clone(), actor, types: PhantomData })
    }
}

impl<T: Types> Handle<T> {
    /// Its kind.
    pub fn kind(&self) -> &str {
        self.actor.split_once('/').map_or("", |(kind, _)| kind)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.actor.split_once('/').map_or("", |(_, id)| id)
    }

    /// Give it a command. Resolves when the command is accepted, also after drops in between. A future that is dropped leaves
    /// the command in the outbox: it is still sent.
    ///
    /// # Errors
    /// What the host or the rules say; `outbox_full` if too many wait; `closed` if the client was closed.
    pub async fn send(&self, command: &T::Command) -> Result<Accepted, Fault> {
        // The frame around the command counts too. Sent, it would end the connection, again and again.
        let room = self.shared.face().bounds.frame_bytes.saturating_sub(ENVELOPE_BYTES);
        let (actor, command) = (self.actor.clone(), json_within("command", command, room)?);
        let (answer, answered) = oneshot::channel();
        self.shared.tell(Call::Send { actor, command, answer });
        answered.await.unwrap_or_else(|_| Err(Fault::closed()))
    }

    /// The commands that an earlier process left in the storage for this actor. They keep their ids and are sent whether anybody asks for
    /// them or not; each is handed out once.
    pub fn restored(&self) -> Vec<Restored> {
        let left = self.shared.left_of(&self.actor).into_iter();
        left.map(|Left { kept, answer }| Restored { command: kept.command, sent: kept.sent, answer }).collect()
    }

    /// Follow it.
    pub fn subscribe(&self, options: SubscribeOptions) -> Subscription<T> {
        let SubscribeOptions { of, from } = options;
        let feed = Arc::new(Feed::new(self.actor.clone(), of, from));
        self.shared.tell(Call::Subscribe { feed: feed.clone(), from });
        Subscription { shared: self.shared.clone(), feed, types: PhantomData }
    }

    /// Tell whoever watches now. Lost if there is no line.
    ///
    /// # Errors
    /// If it is no JSON, or larger than a signal may be.
    pub async fn signal(&self, signal: &impl Serialize) -> Result<(), Fault> {
        let room = self.shared.face().bounds.signal_bytes;
        let (actor, signal) = (self.actor.clone(), json_within("signal", signal, room)?);
        let (done, sent) = oneshot::channel();
        self.shared.tell(Call::Signal { actor, signal, done });
        sent.await.map_err(|_| Fault::closed())
    }

    /// Signals of this actor from now on, while this client is subscribed to it. Whoever reads too slowly loses the oldest.
    /// Ends with the client.
    pub fn signals(&self) -> BoxStream<'static, Signal> {
        let heard = stream::unfold(self.shared.signals.subscribe(), async |mut signals| {
            loop {
                match signals.recv().await {
                    Ok(signal) => return Some((signal, signals)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        let actor = self.actor.clone();
        heard.filter(move |signal| std::future::ready(signal.actor == actor)).boxed()
    }

    /// Its view now.
    ///
    /// # Errors
    /// What the host says, or that it cannot be reached.
    pub async fn look(&self) -> Result<ViewAt<T::View>, Fault> {
        self.shared.http.request(Ask::get(self.path(""))).await
    }

    /// Its view as of commit `seq`.
    ///
    /// # Errors
    /// What the host says, or that it cannot be reached.
    pub async fn look_at(&self, seq: u64) -> Result<ViewAt<T::View>, Fault> {
        self.shared.http.request(Ask::get(self.path("")).with("at_seq", Some(seq))).await
    }

    /// What it revealed after commit `after_seq`, at most `limit` events.
    ///
    /// # Errors
    /// What the host says, or that it cannot be reached.
    pub async fn events(&self, after_seq: u64, limit: Option<usize>) -> Result<EventsPage<T::Event>, Fault> {
        let ask = Ask::get(self.path("/events")).with("after_seq", Some(after_seq)).with("limit", limit);
        self.shared.http.request(ask).await
    }

    /// At most `buckets` of its commits, spread over all.
    ///
    /// # Errors
    /// What the host says, or that it cannot be reached.
    pub async fn history(&self, buckets: Option<usize>) -> Result<History, Fault> {
        self.shared.http.request(Ask::get(self.path("/history")).with("buckets", buckets)).await
    }

    /// Ask the rules to retire it.
    ///
    /// # Errors
    /// What the host or the rules say, or that the host cannot be reached.
    pub async fn retire(&self) -> Result<Retired, Fault> {
        self.shared.http.request(Ask::new(Method::DELETE, self.path(""))).await
    }

    fn path(&self, end: &str) -> String {
        format!("/v1/{}{end}", self.actor)
    }
}

fn json_within(what: &str, value: &impl Serialize, bytes_max: usize) -> Result<Arc<RawValue>, Fault> {
    let text = json_of(what, value)?;
    if text.len() > bytes_max {
        return Err(Fault::too_large(what, bytes_max));
    }
    RawValue::from_string(text)
        .map(Arc::from)
        .map_err(|error| Fault::local("not_json", format!("A {what} must serialise to JSON: {error}"), Action::Stop))
}

/// A command that an earlier process left in the storage.
#[derive(Debug)]
pub struct Restored {
    /// JSON.
    pub command: Arc<RawValue>,
    /// It was sent and not answered: the view may have it already.
    pub sent: bool,
    answer: oneshot::Receiver<Result<Accepted, Fault>>,
}

impl Restored {
    /// As that of [`Handle::send`].
    ///
    /// # Errors
    /// As those of [`Handle::send`].
    pub async fn answer(self) -> Result<Accepted, Fault> {
        self.answer.await.unwrap_or_else(|_| Err(Fault::closed()))
    }
}

/// What to follow, and from where.
#[derive(Debug, Clone, Copy)]
pub struct SubscribeOptions {
    of: As,
    from: From,
}

impl Default for SubscribeOptions {
    fn default() -> Self {
        Self::view()
    }
}

impl SubscribeOptions {
    /// The view, from now on.
    pub fn view() -> Self {
        Self { of: As::View, from: From::Now }
    }

    /// The events, from the next one on.
    pub fn events() -> Self {
        Self { of: As::Events, from: From::Now }
    }

    /// All events from the first one on.
    pub fn events_from_start() -> Self {
        Self { of: As::Events, from: From::Start }
    }

    /// The events after this position.
    pub fn events_after(position: Position) -> Self {
        Self { of: As::Events, from: From::After(position) }
    }
}

/// What a [`Subscription`] brings.
#[derive(Debug, Clone)]
pub enum Update<V = Value, E = Value> {
    /// The view moved.
    View(ViewUpdate<V>),
    /// Events came.
    Events(EventsUpdate<E>),
}

/// A view that moved.
#[derive(Debug, Clone)]
pub struct ViewUpdate<V> {
    /// As it is now; what came in between may be skipped.
    pub view: V,
    /// Of this commit.
    pub position: Position,
    /// Names its bytes.
    pub etag: String,
    /// The history before this view is not the actor's any more.
    pub reset: bool,
}

/// Events that came, none skipped.
#[derive(Debug, Clone)]
pub struct EventsUpdate<E> {
    /// In order.
    pub events: Vec<EventOf<E>>,
    /// They bring the reader here.
    pub position: Position,
    /// Complete up to this commit.
    pub through_seq: u64,
    /// Forget every event before these.
    pub reset: bool,
}

/// A stream of updates that goes on over drops. It ends with an error that says why, or when the client is closed.
pub struct Subscription<T: Types = Json> {
    shared: Arc<Shared>,
    feed: Arc<Feed>,
    types: PhantomData<fn() -> T>,
}

impl<T: Types> Subscription<T> {
    /// The actor that it follows.
    pub fn actor(&self) -> Handle<T> {
        Handle { shared: self.shared.clone(), actor: self.feed.actor.clone(), types: PhantomData }
    }

    /// The newest view; `None` before the first, or if it does not fit its type.
    pub fn view(&self) -> Option<T::View> {
        self.feed.view().and_then(|held| typed("view", &held.view).ok())
    }

    /// Names the bytes of the newest view.
    pub fn etag(&self) -> Option<String> {
        self.feed.view().map(|held| held.etag)
    }

    /// How far this subscription has come.
    pub fn position(&self) -> Option<Position> {
        self.feed.position()
    }

    /// Whether the view that is held shows this command's commit.
    pub fn shows(&self, accepted: &Accepted) -> bool {
        let Some(held) = self.feed.view() else { return false };
        let place = |position: Position| (position.epoch, position.seq);
        place(held.position) >= place(accepted.position) || accepted.etag.as_ref() == Some(&held.etag)
    }

    /// How the last (re)subscription was answered.
    pub fn resumed(&self) -> Option<Resumed> {
        self.feed.resumed()
    }

    /// Who is connected and watches, at most 100 of them, and how many there are.
    pub fn here(&self) -> (Vec<Principal>, usize) {
        self.feed.here()
    }
}

impl<T: Types> Stream for Subscription<T> {
    type Item = Result<Update<T::View, T::Event>, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.feed.poll(context.waker()).map(|next| next.map(|raw| raw.and_then(update)))
    }
}

impl<T: Types> Drop for Subscription<T> {
    fn drop(&mut self) {
        self.shared.tell(Call::Release(self.feed.clone()));
    }
}

fn update<V: DeserializeOwned, E: DeserializeOwned>(raw: Raw) -> Result<Update<V, E>, Fault> {
    Ok(match raw {
        Raw::View { held, reset } => {
            let view = typed("view", &held.view)?;
            Update::View(ViewUpdate { view, position: held.position, etag: held.etag, reset })
        }
        Raw::Events { events, position, through_seq, reset } => {
            let events = events.iter().map(|it| {
                let event = typed("event", &it.event)?;
                Ok(EventOf { seq: it.seq, index: it.index, at: it.at, event })
            });
            let events = events.collect::<Result<_, Fault>>()?;
            Update::Events(EventsUpdate { events, position, through_seq, reset })
        }
    })
}
