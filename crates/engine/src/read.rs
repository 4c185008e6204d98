//! Reading what was: the view of an earlier commit, pages of events, the shape of a history. Always through the viewer's sight of now.

use dormouse_core::{
    Address, Code, Failure, Time, Viewer,
    frame::{etag, server::Revealed},
    limits,
    position::Position,
    record,
};
use dormouse_journal::ReadError;

use crate::{
    engine::Engine,
    follow,
    owner::{LoadError, LoadOptions, Looked, load},
    shared::Shared,
};

/// One page of events.
#[derive(Debug, Clone)]
pub struct EventsPage {
    /// The position of the last commit looked at.
    pub position: Position,
    /// Complete up to this commit: the next `after_seq`.
    pub through_seq: u64,
    /// Whether there are commits after it.
    pub more: bool,
    /// What this viewer may hear.
    pub events: Vec<Revealed>,
}

/// One bar of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct CommitAt {
    /// The commit.
    pub seq: u64,
    /// Its time.
    pub at: Time,
}

/// The shape of a history.
#[derive(Debug, Clone)]
pub struct History {
    /// Where the actor stands.
    pub position: Position,
    /// The time of the first commit.
    pub created_at: Time,
    /// Some commits, oldest first, the first and the last among them.
    pub commits: Vec<CommitAt>,
}

impl Engine {
    /// The view of commit `seq`, in the sight that this viewer has now.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::UnknownCommit`] beyond the head.
    pub async fn look_at(&self, address: &Address, viewer: &Viewer, seq: u64) -> Result<Looked, Failure> {
        let now = self.look(address, viewer).await?;
        if seq == 0 || seq > now.position.seq {
            return Err(Code::UnknownCommit.into());
        }
        let options = LoadOptions { until: Some(seq), from_start: false };
        let loaded = load(&*self.shared.journal, self.kind(&address.kind)?, address, options).await;
        let machine = loaded.map_err(|error| unloadable(&self.shared, address, &error))?;
        let view = machine.view(&now.sight)?;
        let (position, etag) = (machine.head().position(), etag(&view).into());
        Ok(Looked { position, etag, view: view.into(), sight: now.sight })
    }

    /// The events after commit `after_seq` that this viewer may hear, of at most `limit` commits.
    ///
    /// # Errors
    /// [`Code::NotFound`]
    pub async fn events(
        &self,
        address: &Address,
        viewer: &Viewer,
        after_seq: u64,
        limit: usize,
    ) -> Result<EventsPage, Failure> {
        let head = self.look(address, viewer).await?.position;
        let limit = limit.clamp(1, limits::EVENTS_PAGE_MAX);
        let entries = self.shared.journal.read(address, after_seq, limit).await;
        let page = |entries| follow::page(entries, limits::EVENTS_PAGE_BYTES_MAX);
        let entries = entries.map(page).map_err(|error| unreadable(&self.shared, address, error))?;
        if entries.is_empty() {
            return Ok(EventsPage {
                position: head,
                through_seq: head.seq.min(after_seq),
                more: false,
                events: vec![],
            });
        }
        let position = follow::last_position(&self.shared, address, head.epoch, &entries)?;
        let events = follow::reveal(self, address, viewer, entries).await?.events;
        Ok(EventsPage { position, through_seq: position.seq, more: position.seq < head.seq, events })
    }

    /// When the commits were made: at most `count` of them, spread evenly over the history.
    ///
    /// # Errors
    /// [`Code::NotFound`]
    pub async fn history(&self, address: &Address, viewer: &Viewer, count: usize) -> Result<History, Failure> {
        let position = self.look(address, viewer).await?.position;
        let count = count.clamp(2, limits::EVENTS_PAGE_MAX) as u64;
        let picks = if position.seq <= count {
            self.commit_times(address, 0, position.seq as usize).await?
        } else {
            let mut picks = Vec::new();
            for pick in 0..count {
                let seq = 1 + pick * (position.seq - 1) / (count - 1);
                picks.extend(self.commit_times(address, seq - 1, 1).await?);
            }
            picks
        };
        let created_at = picks.first().map_or(Time(0), |first| first.at);
        Ok(History { position, created_at, commits: picks })
    }

    async fn commit_times(&self, address: &Address, after: u64, limit: usize) -> Result<Vec<CommitAt>, Failure> {
        let mut times = Vec::new();
        while times.len() < limit {
            let from = after + times.len() as u64;
            let entries = self.shared.journal.read(address, from, limit - times.len()).await;
            let entries = entries.map_err(|error| unreadable(&self.shared, address, error))?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let header = record::header(&entry.record);
                let header = header.map_err(|damage| self.shared.note_damage(address, entry.seq, damage))?;
                times.push(CommitAt { seq: header.seq, at: header.time });
            }
        }
        Ok(times)
    }
}

pub(crate) fn unreadable(shared: &Shared, address: &Address, error: ReadError) -> Failure {
    let error = match error {
        ReadError::Damaged(address, what) => LoadError::Damaged(address, 0, what),
        ReadError::Store(store) => LoadError::Store(store),
    };
    unloadable(shared, address, &error)
}

fn unloadable(shared: &Shared, address: &Address, error: &LoadError) -> Failure {
    shared.note_unreadable(address, error);
    error.failure()
}
