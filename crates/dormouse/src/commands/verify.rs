//! `verify`: every hash chain walked, every actor replayed, every snapshot held against the replay.

use std::{process::ExitCode, sync::Arc, time::Instant};

use dormouse_core::{Address, Kind, Machine, snapshot};
use dormouse_engine::{LoadError, LoadOptions, load};
use dormouse_journal::{Index, Journal};
use dormouse_journal_sqlite::SqliteStore;
use serde_json::json;

use super::{Problem, open_existing, progress, say};
use crate::app::{App, Verify};

/// Actors asked for at once.
const PAGE: usize = 1000;

#[derive(Default)]
struct Tally {
    actors: u64,
    commits: u64,
    events: u64,
    snapshots: u64,
    unknown_kinds: u64,
    failures: Vec<(Address, String)>,
}

pub(crate) async fn verify(app: &App, options: Verify) -> Result<ExitCode, Problem> {
    let store = open_existing(&options.data.data)?;
    let since = Instant::now();
    let bar = progress(store.counts().await?.actors, "verifying");
    let mut tally = Tally::default();
    let mut after = None;
    loop {
        let page = store.sweep(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        for address in page {
            tally.actor(&store, &app.kinds, address).await?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    store.close().await;
    tally.print(options.json, since)?;
    Ok(if tally.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Tally {
    async fn actor(&mut self, store: &SqliteStore, kinds: &[Arc<Kind>], address: Address) -> Result<(), Problem> {
        self.actors += 1;
        let Some(kind) = kinds.iter().find(|kind| kind.name == address.kind) else {
            self.unknown_kinds += 1;
            return Ok(());
        };
        match load(store, kind, &address, LoadOptions { until: None, from_start: true }).await {
            Ok(machine) => {
                self.commits += machine.head().seq;
                self.events += machine.events();
                self.snapshot(store, kind, address, &machine).await
            }
            Err(LoadError::Store(error)) => Err(error.into()),
            Err(damage) => {
                self.failures.push((address, damage.to_string()));
                Ok(())
            }
        }
    }

    /// A snapshot must hold the state that the commits up to it give.
    async fn snapshot(
        &mut self,
        store: &SqliteStore,
        kind: &Arc<Kind>,
        address: Address,
        whole: &Machine,
    ) -> Result<(), Problem> {
        let stored = match store.snapshot(&address).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.failures.push((address, error.to_string()));
                return Ok(());
            }
        };
        self.snapshots += 1;
        let Ok(header) = snapshot::header(&stored.bytes) else {
            self.failures.push((address, "its snapshot does not decode".into()));
            return Ok(());
        };
        if header.rules != kind.rules {
            return Ok(());
        }
        let then = if header.head.seq == whole.head().seq {
            whole.state_hash()
        } else {
            load(store, kind, &address, LoadOptions { until: Some(header.head.seq), from_start: true })
                .await?
                .state_hash()
        };
        let restored = Machine::restore(kind.clone(), address.clone(), &stored.bytes);
        let agrees = restored.is_ok_and(|machine| machine.is_some_and(|machine| machine.state_hash() == then));
        if !agrees || header.state_hash != then {
            self.failures
                .push((address, format!("its snapshot at commit {} is not what the commits give", header.head.seq)));
        }
        Ok(())
    }

    fn print(&self, as_json: bool, since: Instant) -> Result<(), Problem> {
        let Self { actors, commits, events, snapshots, unknown_kinds, failures } = self;
        if as_json {
            let failures: Vec<_> = failures.iter().map(|(actor, why)| json!({ "actor": actor, "why": why })).collect();
            let seconds = since.elapsed().as_secs_f64();
            return say(json!({ "actors": actors, "commits": commits, "events": events, "snapshots": snapshots,
                               "unknown_kinds": unknown_kinds, "failures": failures, "seconds": seconds }));
        }
        for (address, why) in failures {
            say(format_args!("{address}: {why}"))?;
        }
        let verdict = if failures.is_empty() { "Verified" } else { "NOT verified" };
        say(format_args!(
            "{verdict}: {actors} actors, {commits} commits, {events} events, {snapshots} snapshots; {} failed, {unknown_kinds} of unknown kinds.",
            failures.len()
        ))
    }
}
