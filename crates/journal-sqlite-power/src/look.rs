//! What a store that was opened again holds, through nothing but its public calls; and whether it is what the model says.

use std::collections::BTreeMap;

use dormouse_core::{Address, Time};
use dormouse_journal::{Filter, Index, Journal, ReadError, Row, StoreError, index::Counts};
use dormouse_journal_sqlite::SqliteStore;

use crate::{
    model::{Actor, State, TASK_KINDS, verify_chain},
    planted::{INDEX, LOST, PHANTOM, SNAPSHOT},
};

/// Why a look ended early.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The store failed; the driver knows whether it had a reason to.
    Failed(String),
    /// What the store says is wrong.
    Wrong(String),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        Self::Failed(format!("{error}: {}", source.unwrap_or_default()))
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.into(),
            damaged @ ReadError::Damaged(..) => Self::Wrong(damaged.to_string()),
        }
    }
}

/// More of anything than a life has.
const ALL: usize = 10_000;

/// Everything that is kept of one actor but its tasks.
pub(crate) async fn actor(store: &SqliteStore, address: &Address, page: usize) -> Result<State, Trouble> {
    let head = store.head(address).await?;
    let mut records = Vec::new();
    loop {
        let entries = store.read(address, records.len() as u64, page).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            if entry.seq != records.len() as u64 + 1 {
                return Err(Trouble::Wrong(format!("{address} has a hole before commit {}", entry.seq)));
            }
            records.push(entry.record);
        }
    }
    verify_chain(address, head, &records).map_err(|what| Trouble::Wrong(format!("{address}: {what}")))?;
    let snapshot = store.snapshot(address).await?;
    let state = State { head, records, snapshot, ..State::default() };
    match store.row(address).await? {
        None => Ok(state),
        Some(row) if Some(row.position) == head.map(|head| head.position()) => Ok(of_row(row, state)),
        Some(row) => Err(Trouble::Wrong(format!("{address} is at {head:?}, and its row at {}", row.position))),
    }
}

fn of_row(row: Row, state: State) -> State {
    let Row { created, updated, wake, summary, present, retired, .. } = row;
    State { created, updated, wake, summary, present, retired, ..state }
}

/// Compare a store with the model, and let the model stand where the store does. `now` must be later at each call: tasks are leased to see them.
pub(crate) async fn compare(store: &SqliteStore, actors: &mut [Actor], now: Time, page: usize) -> Result<u64, Trouble> {
    let mut tasks = tasks(store, now).await?;
    let mut appeared = 0;
    for one in actors.iter_mut() {
        let mut found = actor(store, &one.address, page).await?;
        found.tasks = tasks.remove(&one.address).unwrap_or_default();
        appeared += adopt(one, found)?;
    }
    if let Some((address, tasks)) = tasks.pop_first() {
        return Err(Trouble::Wrong(format!("{address} has tasks and is not there: {tasks:?}")));
    }
    totals(store, actors).await?;
    Ok(appeared)
}

async fn tasks(store: &SqliteStore, now: Time) -> Result<BTreeMap<Address, Tasks>, Trouble> {
    let mut found: BTreeMap<Address, Tasks> = BTreeMap::new();
    for lease in store.lease(&TASK_KINDS, now, Time(now.0 + 1), ALL).await? {
        found.entry(lease.address).or_default().insert((lease.task.key.clone(), lease.task.seq), lease.task);
    }
    Ok(found)
}

type Tasks = BTreeMap<(dormouse_core::TaskKey, u64), dormouse_core::record::Opened>;

/// What was found is what was acknowledged, or that and the unanswered call; how many commits of the latter there are.
fn adopt(actor: &mut Actor, found: State) -> Result<u64, Trouble> {
    let then = actor.then.take();
    if found != actor.now && then.as_ref() != Some(&found) {
        let text = format!(
            "{} {}.\n  acknowledged: {}\n  unanswered:   {}\n  found:        {}",
            actor.address,
            difference(&found, &actor.now, then.as_ref()),
            brief(&actor.now),
            then.as_ref().map_or("nothing".to_owned(), brief),
            brief(&found)
        );
        return Err(Trouble::Wrong(text));
    }
    let appeared = found.records.len().saturating_sub(actor.now.records.len());
    actor.now = found;
    Ok(appeared as u64)
}

/// What is wrong with what was found, which is neither of the two.
fn difference(found: &State, now: &State, then: Option<&State>) -> &'static str {
    let may_be = || [Some(now), then].into_iter().flatten();
    let is_written = |state: &State| state.records.starts_with(&found.records);
    if !may_be().any(is_written) {
        PHANTOM
    } else if !may_be().any(|state| state.records == found.records && state.head == found.head) {
        LOST
    } else if !may_be().any(|state| state.snapshot == found.snapshot) {
        SNAPSHOT
    } else {
        INDEX
    }
}

fn brief(state: &State) -> String {
    let State { head, records, snapshot, created, updated, wake, summary, present, retired, tasks } = state;
    let (head, snapshot) = (head.map(|head| head.position().to_string()), snapshot.as_ref().map(|s| s.head.seq));
    let (summary, tasks) = (summary.as_ref().map(|summary| &summary.title), tasks.keys().collect::<Vec<_>>());
    format!(
        "{head:?}, {} records, snapshot {snapshot:?}, {created}-{updated}, wake {wake:?}, {summary:?}, present {present}, retired {retired}, {tasks:?}",
        records.len()
    )
}

/// Lists, wakes and totals say the same as the actors themselves.
async fn totals(store: &SqliteStore, actors: &[Actor]) -> Result<(), Trouble> {
    let there = || actors.iter().filter(|actor| actor.now.head.is_some());
    let counts = Counts {
        actors: there().count() as u64,
        commits: there().map(|actor| actor.now.records.len() as u64).sum(),
        retired: there().filter(|actor| actor.now.retired).count() as u64,
    };
    same("counts", store.counts().await?, counts)?;
    let mut wakes: Vec<_> = there().filter_map(|a| Some((a.now.wake?, a.address.clone()))).collect();
    wakes.sort();
    same("wakes", store.due(Time(u64::MAX >> 2), ALL).await?, wakes)?;
    let mut present: Vec<_> = there().filter(|a| a.now.present).map(|a| a.address.clone()).collect();
    present.sort();
    same("who is present", store.present(None, ALL).await?, present)?;
    let all = Filter { private: true, unlisted: true, retired: true, ..Filter::default() };
    let mut listed: Vec<_> = store.list(&all, None, ALL).await?.rows.into_iter().map(|row| row.address).collect();
    listed.sort();
    let mut wanted: Vec<_> = there().map(|actor| actor.address.clone()).collect();
    wanted.sort();
    same("the list", listed, wanted)
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Result<(), Trouble> {
    if found == wanted { Ok(()) } else { Err(Trouble::Wrong(format!("{what}: found {found:?}, expected {wanted:?}"))) }
}
