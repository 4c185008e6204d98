//! Following an actor's events: one loop that reads the journal, for catching up and for what is new alike.
//!
//! The loop reads at the pace of its viewer: a slow one costs the journal a read and the actor nothing, and no event is ever dropped.

use dormouse_core::planted::{Bug, planted};
use std::{future::Future, sync::Arc};

use dormouse_core::{
    Address, Code, Failure, Viewer,
    frame::{
        Action, As,
        client::From,
        server::{Resumed, ServerFrame},
    },
    hash::Hash,
    limits,
    position::{Head, Position},
    record,
};
use dormouse_journal::Entry;
use tokio::sync::oneshot;

use crate::{
    engine::{Engine, resumed_events},
    outlet::{Outgoing, Outlet},
    owner::{Heard, Message},
    read,
    shared::Shared,
};

/// Says when a connection has room for more frames.
pub trait Room: Send + Sync {
    /// Resolves to `true` when there is room, to `false` when the connection is gone.
    fn room(&self) -> impl Future<Output = bool> + Send;
}

/// Follow until the viewer, its right to see, or the actor is gone.
pub(crate) async fn follow(
    engine: &Engine,
    address: &Address,
    viewer: &Viewer,
    from: From,
    history_is_same: bool,
    outlet: &Arc<dyn Outlet>,
    room: &impl Room,
) {
    let mut moved = Moved { engine, address, receiver: Some(engine.shared.registry.follow(address)) };
    let Some(receiver) = &mut moved.receiver else { return };
    let follower = Follower { engine, address, actor: address.actor(), viewer, outlet, pages: Pages::OfALine };
    let (action, ended) = match follower.greet(from, history_is_same).await {
        Ok(None) => return,
        Ok(Some(after)) => (None, follower.run(after, Some(receiver), room).await),
        Err(failure) => (Some(Action::Subscribe), Err(failure)),
    };
    if let Err(failure) = ended {
        follower.refuse(action, &failure);
    }
}

/// What a follower tells up to now: for a host that does not wait for more, and tells the rest when it has committed it.
pub(crate) async fn follow_to_head(
    engine: &Engine,
    address: &Address,
    viewer: &Viewer,
    from: Begin,
    outlet: &Arc<dyn Outlet>,
) {
    let follower = Follower { engine, address, actor: address.actor(), viewer, outlet, pages: Pages::OfAnInvocation };
    let (action, place) = match from {
        Begin::Greeted(from, history_is_same) => (Some(Action::Subscribe), follower.greet(from, history_is_same).await),
        Begin::After(position) => (None, Ok(Some(position.into()))),
    };
    let (action, told) = match place {
        Ok(None) => return,
        Ok(Some(after)) => (None, follower.run(after, None, &Boundless).await),
        Err(failure) => (action, Err(failure)),
    };
    if let Err(failure) = told {
        follower.refuse(action, &failure);
    }
}

/// Where a follower begins.
pub(crate) enum Begin {
    /// With `resumed`; and whether the journal holds the commit that the client's position names.
    Greeted(From, bool),
    /// After this, with those who were greeted before.
    After(Position),
}

/// Whoever collects frames until an invocation ends has room.
struct Boundless;

impl Room for Boundless {
    async fn room(&self) -> bool {
        true
    }
}

/// Gives its place in the registry back however following ends: hosts drop a follower whose viewer has gone.
struct Moved<'a> {
    engine: &'a Engine,
    address: &'a Address,
    receiver: Option<tokio::sync::watch::Receiver<u64>>,
}

impl Drop for Moved<'_> {
    fn drop(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            self.engine.shared.registry.unfollow(self.address, receiver);
        }
    }
}

/// How far a follower has read: a commit, and the first bytes of its hash.
#[derive(Clone, Copy, Default)]
struct Place {
    seq: u64,
    tag: [u8; 8],
}

impl std::convert::From<Position> for Place {
    fn from(Position { seq, tag, .. }: Position) -> Self {
        Self { seq, tag }
    }
}

struct Follower<'a> {
    engine: &'a Engine,
    address: &'a Address,
    actor: String,
    viewer: &'a Viewer,
    outlet: &'a Arc<dyn Outlet>,
    pages: Pages,
}

/// How events are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pages {
    /// Over a line that remembers how far it was told: nothing is sent of commits of which it hears nothing.
    OfALine,
    /// To whoever asks or may have missed something: every commit is named, so that there is no gap, and a page fits into one message of a gateway.
    OfAnInvocation,
}

impl Pages {
    /// A frame that is larger is told as two, unless it is of one commit.
    fn frame_bytes(self) -> usize {
        match self {
            Self::OfALine => usize::MAX,
            Self::OfAnInvocation => limits::GATEWAY_MESSAGE_BYTES_MAX,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::OfALine => limits::EVENTS_PAGE_BYTES_MAX,
            Self::OfAnInvocation => limits::GATEWAY_EVENTS_BYTES,
        }
    }
}

impl Follower<'_> {
    async fn run(
        &self,
        after: Place,
        mut moved: Option<&mut tokio::sync::watch::Receiver<u64>>,
        room: &impl Room,
    ) -> Result<(), Failure> {
        // What the viewer holds when everything that was sent has arrived: commits of which it hears nothing send nothing.
        let (mut through, mut told) = (after, after.seq);
        loop {
            if let Some(moved) = &mut moved {
                moved.borrow_and_update();
            }
            let entries = self.read(through.seq).await?;
            if self.is_elsewhere(through, &entries).await? {
                let head = self.head().await?;
                self.outlet.push(Outgoing::Frame(resumed_events(&self.actor, Resumed::Reset, head.position())));
                (through, told) = (Place::default(), 0);
                continue;
            }
            let Some(last) = entries.last() else {
                let Some(moved) = &mut moved else { return Ok(()) };
                if moved.changed().await.is_err() {
                    return Ok(());
                }
                continue;
            };
            if !room.room().await {
                return Ok(());
            }
            through = Place { seq: last.seq, tag: self.hash(last)?.tag() };
            if self.tell(entries, &mut told).await? {
                return Err(Code::Gone.into());
            }
        }
    }

    /// Whether the journal's history is another one than what was told: an older copy was restored under a host that went on.
    async fn is_elsewhere(&self, told: Place, next: &[Entry]) -> Result<bool, Failure> {
        if let Some(next) = next.first() {
            let header = record::header(&next.record);
            let prev = header.map_err(|damage| self.engine.shared.note_damage(self.address, next.seq, damage))?.prev;
            return Ok(prev.tag() != told.tag);
        }
        // Nobody else writes to a journal that is not shared.
        if !self.engine.shared.journal.is_shared() {
            return Ok(false);
        }
        let head = self.head().await?;
        Ok(head.seq < told.seq || head.seq == told.seq && head.hash.tag() != told.tag)
    }

    fn hash(&self, entry: &Entry) -> Result<Hash, Failure> {
        let hash = record::trailing_hash(&entry.record);
        hash.map_err(|damage| self.engine.shared.note_damage(self.address, entry.seq, damage))
    }

    /// The first answer. Returns the place after which events are told, or nothing if there is nothing to come.
    async fn greet(&self, from: From, history_is_same: bool) -> Result<Option<Place>, Failure> {
        // Whether this viewer may know of the actor, before it is told where the actor stands.
        let retired = reveal(self.engine, self.address, self.viewer, Vec::new()).await?.retired;
        let head = self.head().await?;
        let (kind, after) = match from {
            From::Now => (Resumed::Current, head.position().into()),
            From::Start => (Resumed::Tail, Place::default()),
            From::After(_) if !history_is_same => (Resumed::Reset, Place::default()),
            From::After(held) if held.seq == head.seq => (Resumed::Current, held.into()),
            From::After(held) => (Resumed::Tail, held.into()),
        };
        let over = retired && after.seq == head.seq;
        let kind = if over { Resumed::Gone } else { kind };
        self.outlet.push(Outgoing::Frame(resumed_events(&self.actor, kind, head.position())));
        Ok((!over).then_some(after))
    }

    fn refuse(&self, action: Option<Action>, failure: &Failure) {
        let (failure, actor) = (failure.into(), Some(&*self.actor));
        let frame = ServerFrame::Error { failure, action, actor, r#as: Some(As::Events) };
        self.outlet.push(Outgoing::Frame(frame.text().into()));
    }

    async fn head(&self) -> Result<Head, Failure> {
        let head = self.engine.shared.journal.head(self.address).await;
        let head = head.map_err(|error| read::unreadable(&self.engine.shared, self.address, error))?;
        head.ok_or_else(|| Code::NotFound.into())
    }

    async fn read(&self, after: u64) -> Result<Vec<Entry>, Failure> {
        let entries = self.engine.shared.journal.read(self.address, after, limits::EVENTS_PAGE_MAX).await;
        let page = |entries| page(entries, self.pages.bytes());
        entries.map(page).map_err(|error| read::unreadable(&self.engine.shared, self.address, error))
    }

    /// Whether that was all there will ever be.
    async fn tell(&self, mut entries: Vec<Entry>, told: &mut u64) -> Result<bool, Failure> {
        let position = last_position(&self.engine.shared, self.address, self.head().await?.epoch, &entries)?;
        let skipped = usize::from(planted(Bug::SkippedEvent) && entries.len() > 1);
        entries.drain(..skipped);
        let heard = reveal(self.engine, self.address, self.viewer, entries.clone()).await?;
        if self.pages == Pages::OfAnInvocation || !heard.events.is_empty() {
            let (actor, events) = (&*self.actor, &*heard.events);
            let frame =
                ServerFrame::Events { actor, position, after_seq: *told, through_seq: position.seq, events }.text();
            if frame.len() > self.pages.frame_bytes() && entries.len() > 1 {
                let rest = entries.split_off(entries.len() / 2);
                Box::pin(self.tell(entries, told)).await?;
                return Box::pin(self.tell(rest, told)).await;
            }
            *told = position.seq;
            self.outlet.push(Outgoing::Frame(frame.into()));
        }
        Ok(heard.retired
            && self
                .engine
                .shared
                .journal
                .head(self.address)
                .await
                .ok()
                .flatten()
                .is_some_and(|head| head.seq == position.seq))
    }
}

/// As many of these commits as one page of so many bytes holds; the first of them whatever its size.
pub(crate) fn page(mut entries: Vec<Entry>, bytes_max: usize) -> Vec<Entry> {
    let mut bytes = 0;
    let fits = entries.iter().take_while(|entry| {
        bytes += entry.record.len();
        bytes <= bytes_max
    });
    let count = fits.count().max(1);
    entries.truncate(count);
    entries
}

/// The position of the last of these commits.
pub(crate) fn last_position(
    shared: &Shared,
    address: &Address,
    epoch: u32,
    entries: &[Entry],
) -> Result<Position, Failure> {
    let last = entries.last().ok_or(Code::UnknownCommit)?;
    let hash = record::trailing_hash(&last.record);
    let hash = hash.map_err(|damage| shared.note_damage(address, last.seq, damage))?;
    Ok(Head { epoch, seq: last.seq, hash }.position())
}

/// What this viewer may hear of these commits, in the eyes of the newest state.
pub(crate) async fn reveal(
    engine: &Engine,
    address: &Address,
    viewer: &Viewer,
    entries: Vec<Entry>,
) -> Result<Heard, Failure> {
    let (reply, answer) = oneshot::channel();
    engine.post(address, Message::Reveal { viewer: viewer.clone(), entries, reply })?;
    answer.await.unwrap_or_else(|_| Err(Failure::from(Code::Unavailable).retry_after(1_000)))
}
