//! The index seam: one row per actor, from which due wakes, leased tasks, lists and sweeps are answered.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use dormouse_core::{Address, Name, Summary, Time, position::Position, record::Opened};

use crate::journal::{IndexChange, StoreError};

/// An actor's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which actor.
    pub address: Address,
    /// Where it stands; may trail the journal by what is not indexed yet.
    pub position: Position,
    /// The time of its first commit.
    pub created: Time,
    /// The time of its newest commit.
    pub updated: Time,
    /// When it wants to be woken.
    pub wake: Option<Time>,
    /// The line that lists show.
    pub summary: Option<Summary>,
    /// Whether its state counts anybody as present.
    pub present: bool,
    /// Whether its last commit has been made.
    pub retired: bool,
}

/// Which rows a list wants. Absent means any.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<Name>,
    /// Of this kind.
    pub kind: Option<Name>,
    /// Whose summary has this status.
    pub status: Option<String>,
    /// Whose summary names this principal among its members. Without it, private rows are left out.
    pub member: Option<String>,
    /// Private ones too: for those who run the host.
    pub private: bool,
    /// Those without a summary too, of which the rules say that nobody need know: for those who run the host.
    pub unlisted: bool,
    /// Retired ones too.
    pub retired: bool,
}

impl Filter {
    /// Whether this row is wanted.
    pub fn wants(&self, row: &Row) -> bool {
        let summary = row.summary.as_ref();
        let is = |wanted: &Option<Name>, name: &Name| wanted.as_ref().is_none_or(|wanted| wanted == name);
        is(&self.tenant, &row.address.tenant)
            && is(&self.kind, &row.address.kind)
            && self.status.as_ref().is_none_or(|wanted| summary.is_some_and(|summary| &summary.status == wanted))
            && self.member.as_ref().is_none_or(|wanted| summary.is_some_and(|summary| summary.members.contains(wanted)))
            && (self.private || self.member.is_some() || !summary.is_some_and(|summary| summary.private))
            && (self.unlisted || summary.is_some())
            && (self.retired || !row.retired)
    }
}

/// Some rows, and how to go on.
///
/// A row that does not change while its list is paged is on exactly one page. One that changes moves to the front, so it is on no later page;
/// none is on two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Highest `sort` of the summary first (0 without one), then newest `updated`, then descending order of address.
    pub rows: Vec<Row>,
    /// Hand this back to get the next page; absent on the last. It is a [`Cursor`]; what is none gets an empty last page.
    pub next: Option<String>,
}

/// Where a row stands in a list; lists are in descending order of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The summary's `sort`.
    pub sort: i64,
    /// When the row last changed.
    pub updated: Time,
    /// Whose row.
    pub address: Address,
}

impl Cursor {
    /// Where this row stands.
    pub fn of(row: &Row) -> Self {
        let sort = row.summary.as_ref().map_or(0, |summary| summary.sort);
        Self { sort, updated: row.updated, address: row.address.clone() }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.sort, self.updated, self.address)
    }
}

/// The text is not a [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a page's `next`")]
pub struct BadCursor;

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(BadCursor);
        let (sort, updated, address) = (part()?, part()?, part()?);
        Ok(Self {
            sort: sort.parse().map_err(|_| BadCursor)?,
            updated: Time(updated.parse().map_err(|_| BadCursor)?),
            address: address.parse().map_err(|_| BadCursor)?,
        })
    }
}

/// The width of a bar of [`Index::activity`], in milliseconds.
pub const ACTIVITY_BUCKET_MS: u64 = 600_000;

/// How many bars of [`Index::activity`] a store keeps at least: 90 days.
pub const ACTIVITY_KEPT: usize = 90 * 24 * 6;

/// The start of the ten minutes that hold this time.
pub fn activity_bucket(time: Time) -> Time {
    Time(time.0 - time.0 % ACTIVITY_BUCKET_MS)
}

/// A task instance that this caller alone may perform until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose task.
    pub address: Address,
    /// Which instance.
    pub task: Opened,
    /// Which attempt this is, from 1. A lease that ends counts as an attempt: its holder may have died of the task.
    pub attempt: u32,
    /// When the lease ends.
    pub until: Time,
}

/// Whether the holder of a lease did what it was leased for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It began to, and the attempt counts.
    Made,
    /// It could not begin: the next lease is the same attempt.
    NotMade,
}

/// One row per actor. Derived from the journal: losing it loses speed, and [`reindex`](Self::reindex) brings a row back.
///
/// *Ordering*: a row never goes back to an older position. *Atomicity*: changes come with the run that makes them where the store
/// has one transaction for both, else newer-wins. *Durability*: leases may be lost; a task is then performed again, never forgotten.
#[async_trait]
pub trait Index: Send + Sync + 'static {
    /// Actors whose wake is at or before `now`, longest due first, at most `limit`. Retired ones never.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn due(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, StoreError>;

    /// Lease up to `limit` open task instances of these kinds that nobody holds at `now`, longest ready first. Of several callers one gets each.
    /// A host names the kinds that it can perform, and the others wait for one that can. A fresh instance is ready whatever `now` says (clocks of hosts differ) and counts from its opening, another one from the end of its lease or its `retry_at`.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn lease(&self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Result<Vec<Lease>, StoreError>;

    /// Give a lease back; nobody may take that instance before `retry_at`. Does nothing if the instance is closed, or was leased again since.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn release(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), StoreError>;

    /// One page of rows.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, StoreError>;

    /// One row.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn row(&self, address: &Address) -> Result<Option<Row>, StoreError>;

    /// Every actor in the order of addresses, after `after`, at most `limit`: for `verify`, sweeps and counts.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn sweep(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError>;

    /// Actors whose row says that somebody is present, in the order of addresses, after `after`, at most `limit`. Retired ones never.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn present(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError>;

    /// Change a row outside any run: an actor was loaded and its rules say something else now than when it last wrote.
    /// Dropped if the row stands elsewhere than `at`. A task instance that is open already keeps its lease.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn reindex(&self, address: &Address, at: Position, change: IndexChange) -> Result<(), StoreError>;

    /// How many commits and actors there are.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Commits by ten minutes, from the ten minutes that hold `since`: (their start, commits), oldest first, empty ones left out. A run counts at
    /// its time. Ones of deleted actors stay; a store may forget what is older than [`ACTIVITY_KEPT`].
    ///
    /// # Errors
    /// [`StoreError`]
    async fn activity(&self, since: Time) -> Result<Vec<(Time, u64)>, StoreError>;
}

/// What a store holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Actors, retired ones included.
    pub actors: u64,
    /// Commits of all of them.
    pub commits: u64,
    /// Retired ones.
    pub retired: u64,
}
