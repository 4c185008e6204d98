//! `verify`: every hash chain walked, every actor replayed, every snapshot and all of the index held against the replay.

use std::{path::Path, process::ExitCode, sync::Arc, time::Instant};

use dormouse_core::{Address, Kind, Machine, snapshot};
use dormouse_engine::{LoadError, LoadOptions, index_differs, load, reindex};
use dormouse_journal::{Index, Journal, ReadError, StoreError};
use dormouse_journal_sqlite::{Options, SqliteStore};
use serde_json::json;

use super::{Problem, open_existing, progress, say, with_sources};
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
    failures: Vec<(String, String)>,
    /// What the index has wrong.
    index: Vec<String>,
}

pub(crate) async fn verify(app: &App, options: Verify) -> Result<ExitCode, Problem> {
    let since = Instant::now();
    let tally = look(app, &options.data.data, options.reindex).await?;
    tally.print(&options, since)?;
    Ok(if tally.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(app: &App, data: &Path, mends: bool) -> Result<Tally, Problem> {
    if mends {
        open_existing(data)?.close().await;
        let failed = |error| Problem::Open(data.display().to_string(), Box::new(error));
        SqliteStore::rebuild(data, &Options::default()).map_err(failed)?;
    }
    let store = open_existing(data)?;
    let mut tally = Tally::default();
    tally.all(&store, app, mends).await?;
    tally.failures.extend(store.damaged().await?.into_iter().map(|row| ("rows of actors".to_owned(), row)));
    tally.index.extend(store.inspect().await?);
    store.close().await;
    Ok(tally)
}

impl Tally {
    async fn all(&mut self, store: &SqliteStore, app: &App, mends: bool) -> Result<(), Problem> {
        let bar = progress(store.counts().await?.actors, "verifying");
        let mut after = None;
        loop {
            let page = store.sweep(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            for address in page {
                self.actor(store, &app.kinds, address, mends).await?;
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let counted = store.counts().await?.actors;
        if counted != self.actors {
            self.index.push(format!("{} actors are found by their names, and {counted} are counted", self.actors));
        }
        Ok(())
    }

    /// Nothing is wrong, of histories or of what is derived from them.
    fn is_whole(&self) -> bool {
        self.failures.is_empty() && self.index.is_empty()
    }

    async fn actor(
        &mut self,
        store: &SqliteStore,
        kinds: &[Arc<Kind>],
        address: Address,
        mends: bool,
    ) -> Result<(), Problem> {
        self.actors += 1;
        let Some(kind) = kinds.iter().find(|kind| kind.name == address.kind) else {
            self.unknown_kinds += 1;
            return Ok(());
        };
        match load(store, kind, &address, LoadOptions { until: None, from_start: true }).await {
            Ok(mut machine) => {
                self.commits += machine.head().seq;
                self.events += machine.events();
                self.snapshot(store, kind, address, &machine).await?;
                self.index(store, kind, &mut machine, mends).await
            }
            Err(LoadError::Store(error)) => Err(error.into()),
            Err(damage) => {
                self.fail(&address, damage.to_string());
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
                self.fail(&address, error.to_string());
                return Ok(());
            }
        };
        self.snapshots += 1;
        let Ok(header) = snapshot::header(&stored.bytes) else {
            self.fail(&address, "its snapshot does not decode".into());
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
            self.fail(&address, format!("its snapshot at commit {} is not what the commits give", header.head.seq));
        }
        Ok(())
    }

    /// The index must have what the commits give; with `mends` it is written first.
    async fn index(
        &mut self,
        store: &SqliteStore,
        kind: &Kind,
        machine: &mut Machine,
        mends: bool,
    ) -> Result<(), Problem> {
        let address = machine.address().clone();
        match differences(store, kind, machine, mends).await {
            Ok(differences) => self.index.extend(differences.iter().map(|what| format!("{address}: {what}"))),
            Err(ReadError::Store(fatal @ StoreError::Fatal(_))) => return Err(fatal.into()),
            Err(ReadError::Store(damaged)) => self.index.push(format!("{address}: {}", with_sources(&damaged))),
            Err(damaged) => self.fail(&address, damaged.to_string()),
        }
        Ok(())
    }

    /// What to do about what is wrong.
    fn next_steps(&self, is_reindexed: bool) -> impl Iterator<Item = &'static str> {
        let restore = (!self.failures.is_empty()).then_some(RESTORE);
        let mend = (!self.index.is_empty()).then_some(if is_reindexed { MOVE } else { REINDEX });
        restore.into_iter().chain(mend)
    }

    fn fail(&mut self, address: &Address, why: String) {
        self.failures.push((address.to_string(), why));
    }

    fn print(&self, options: &Verify, since: Instant) -> Result<(), Problem> {
        let Self { actors, commits, events, snapshots, unknown_kinds, failures, index } = self;
        if options.json {
            let failures: Vec<_> = failures.iter().map(|(actor, why)| json!({ "actor": actor, "why": why })).collect();
            let seconds = since.elapsed().as_secs_f64();
            return say(json!({ "actors": actors, "commits": commits, "events": events, "snapshots": snapshots,
                               "unknown_kinds": unknown_kinds, "failures": failures, "index": index, "seconds": seconds }));
        }
        for (actor, why) in failures {
            say(format_args!("{actor}: {why}"))?;
        }
        for what in index {
            say(what)?;
        }
        for next in self.next_steps(options.reindex) {
            say(next)?;
        }
        let verdict = if self.is_whole() { "Verified" } else { "NOT verified" };
        say(format_args!(
            "{verdict}: {actors} actors, {commits} commits, {events} events, {snapshots} snapshots; {} failed, {unknown_kinds} of unknown kinds, {} differences in the index.",
            failures.len(),
            index.len()
        ))
    }
}

/// What is left to do about a history.
const RESTORE: &str = "What failed is nowhere else, and is not served: restore a backup of it.";
/// About an index, before and after that.
const REINDEX: &str =
    "The commits are what counts, and what the index has wrong can be made again from them: run this with --reindex.";
const MOVE: &str = "What the index still has wrong is not made again in this file: export the actors and import them into another folder, or restore a backup.";

/// What the index has wrong of an actor, after it was written anew if `mends` says so.
async fn differences(
    store: &SqliteStore,
    kind: &Kind,
    machine: &mut Machine,
    mends: bool,
) -> Result<Vec<&'static str>, ReadError> {
    let address = machine.address().clone();
    if mends {
        reindex(store, machine, &store.tasks(&address).await?).await?;
    }
    let tasks = store.tasks(&address).await?;
    index_differs((store, store), kind, machine, &tasks).await
}

#[cfg(test)]
mod tests {
    use dormouse_core::{
        Actor, Agenda, Draft, Input, Moment, Principal, Rejection, Sight, Stimulus, Summary, Time, Viewer,
        dice::Secret, machine::Decision,
    };
    use dormouse_journal::{IndexChange, Run, StoredSnapshot};
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::app::Data;

    /// Whoever joins leaves an alarm and a task.
    #[derive(Default, Serialize, Deserialize)]
    struct Bell(u64);

    impl Actor for Bell {
        const KIND: &'static str = "bell";
        const RULES: u32 = 1;
        type Config = ();
        type Command = ();
        type Event = ();
        type View = u64;

        fn decide(draft: &mut Draft<'_, Self>, _: Input<Self>) -> Result<(), Rejection> {
            draft.emit(());
            Ok(())
        }

        fn evolve(&mut self, (): &(), at: Moment) {
            self.0 = at.time.0;
        }

        fn view(&self, _: &Sight) -> u64 {
            self.0
        }

        fn agenda(&self) -> Agenda {
            Agenda::default().wake(Time(self.0 + 1_000), "ring").task("polish", "hand")
        }

        fn summary(&self) -> Option<Summary> {
            let members = vec!["g-1".into(), "g-2".into()];
            Some(Summary { title: "Bell".into(), status: "open".into(), members, sort: 3, private: false })
        }
    }

    /// A closed store with one bell in it, where somebody is.
    async fn one_bell(app: &App, data: &Path) {
        let store = super::super::open(data).unwrap();
        let by = Viewer::new(Principal { id: "g-1".into(), name: "Ana".into() }, Vec::new());
        let mut machine = Machine::blank(app.kinds[0].clone(), "main/bell/a".parse().unwrap(), 1);
        let create = Stimulus::Create { by: by.clone(), config: b"null".as_slice().into(), secret: Secret([7; 32]) };
        for (nth, stimulus) in [create, Stimulus::Joined { who: by }].into_iter().enumerate() {
            let expected = machine.head();
            let decided = machine.decide(&stimulus, Time(1_790_000_000_000), [nth as u8; 16]);
            let Ok(Decision::Commit(sealed)) = decided else { panic!("it refuses nothing") };
            let mut index = IndexChange::default();
            index.merge(sealed.changes, sealed.summary, sealed.present);
            let (address, records) = (machine.address().clone(), vec![sealed.record.into()]);
            store
                .append(Run { address, records, expected, head: sealed.head, time: sealed.time, index })
                .await
                .unwrap();
        }
        let snapshot = StoredSnapshot { head: machine.head(), bytes: machine.snapshot().into() };
        store.put_snapshot(machine.address(), snapshot).await.unwrap();
        store.close().await;
    }

    async fn said(app: &App, data: &Path, mends: bool) -> String {
        let tally = look(app, data, mends).await.unwrap();
        assert_eq!((tally.actors, tally.failures), (1, Vec::new()));
        tally.index.join("; ")
    }

    /// How the command ends.
    async fn ends(app: &App, data: &Path, reindex: bool) -> ExitCode {
        let data = Data { data: data.to_owned() };
        verify(app, Verify { data, json: false, reindex }).await.unwrap()
    }

    #[tokio::test]
    async fn what_the_index_has_wrong_is_told_and_mended() {
        for (damage, told) in [
            ("UPDATE actors SET summary = replace(summary, 'Bell', 'Bill')", "another summary"),
            ("UPDATE actors SET summary = 'Bell'", "rows of this actor are damaged"),
            ("UPDATE actors SET status = 'over'", "lists place it"),
            ("UPDATE actors SET sort = 2", "lists place it"),
            ("UPDATE actors SET private = 1", "lists place it"),
            ("UPDATE actors SET wake = NULL", "wakes it too late, or not at all"),
            ("UPDATE actors SET wake = wake + 1", "wakes it too late"),
            ("UPDATE actors SET present = 0", "somebody is present, or nobody"),
            ("DELETE FROM members WHERE principal = 'g-2'", "the lists of its members"),
            ("INSERT INTO members VALUES ('g-3', 1)", "the lists of its members"),
            ("INSERT INTO members VALUES ('g-3', 9)", "members of an actor that is not there"),
            ("DELETE FROM tasks", "other tasks"),
            ("UPDATE tasks SET kind = 'foot'", "other tasks"),
            ("UPDATE tasks SET actor = 9", "tasks of an actor that is not there"),
            ("UPDATE totals SET commits = 9", "the totals"),
        ] {
            let (folder, app) = (tempfile::tempdir().unwrap(), App::new("bells").actor::<Bell>());
            one_bell(&app, folder.path()).await;
            assert_eq!(said(&app, folder.path(), false).await, "");
            let file = rusqlite::Connection::open(folder.path().join("journal.sqlite")).unwrap();
            assert_eq!(file.execute(damage, []).unwrap(), 1, "{damage}");
            drop(file);
            let before = said(&app, folder.path(), false).await;
            assert!(before.contains(told), "{damage}: {before}");
            assert_eq!(ends(&app, folder.path(), false).await, ExitCode::FAILURE, "{damage}");
            assert_eq!(ends(&app, folder.path(), true).await, ExitCode::SUCCESS, "{damage}");
            assert_eq!(said(&app, folder.path(), false).await, "", "{damage}");
            assert_eq!(ends(&app, folder.path(), false).await, ExitCode::SUCCESS, "{damage}");
        }
    }

    /// Nobody finds it by its name any more, so that nothing fails to load.
    #[tokio::test]
    async fn an_actor_whose_row_has_no_name_is_told_and_not_made_to_vanish() {
        let (folder, app) = (tempfile::tempdir().unwrap(), App::new("bells").actor::<Bell>());
        one_bell(&app, folder.path()).await;
        let file = rusqlite::Connection::open(folder.path().join("journal.sqlite")).unwrap();
        // With rows in the log under such a name the store does not open.
        file.execute_batch("DELETE FROM log; UPDATE totals SET closed_live = 0, closed_end = 0").unwrap();
        assert_eq!(file.execute("UPDATE actors SET name = 'A!'", []).unwrap(), 1);
        drop(file);
        for mends in [false, true] {
            let tally = look(&app, folder.path(), mends).await.unwrap();
            assert!(tally.actors == 0 && tally.failures.len() == 1 && tally.index.len() == 1, "{:?}", tally.failures);
            assert_eq!(tally.next_steps(mends).collect::<Vec<_>>(), [RESTORE, if mends { MOVE } else { REINDEX }]);
            assert_eq!(ends(&app, folder.path(), mends).await, ExitCode::FAILURE);
        }
    }
}
