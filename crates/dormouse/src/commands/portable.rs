//! `export` and `import`: one actor as one file, under the same address, in any journal. The file itself is in `portable.rs` of this crate.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Write},
    process::ExitCode,
    sync::Arc,
};

use dormouse_core::{
    Address, Machine,
    limits::{RUN_BYTES_MAX, RUN_COMMITS_MAX},
    position::Head,
    record,
};
use dormouse_journal::{AppendError, IndexChange, Journal, ReadError, Run};
use dormouse_journal_sqlite::SqliteStore;
use serde_json::json;

use super::{Problem, kind_of, open, open_existing, parse_actor, progress, say};
use crate::{
    app::{App, Export, Import},
    portable::{Exported, NotExported},
};

const PAGE: usize = 1000;

pub(crate) async fn export(options: Export) -> Result<ExitCode, Problem> {
    let address = parse_actor(&options.actor)?;
    let store = open_existing(&options.data.data)?;
    let head = store.head(&address).await.map_err(unreadable)?;
    let Some(head) = head else { return Err(Problem::Usage(format!("there is no actor {address}"))) };
    let path = options.output.display().to_string();
    let file =
        File::create_new(&options.output).map_err(|error| Problem::Io(format!("{path} cannot be made"), error))?;
    let written = write_all(&store, &address, head, file).await;
    store.close().await;
    if let Err(problem) = written {
        // Half an actor is worse than none.
        let _ = std::fs::remove_file(&options.output);
        return Err(problem);
    }
    tell(options.json, &address, head, "exported")?;
    Ok(ExitCode::SUCCESS)
}

async fn write_all(store: &SqliteStore, address: &Address, head: Head, file: File) -> Result<(), Problem> {
    let failed = |error: io::Error| Problem::Io("the file cannot be written".into(), error);
    let mut out = BufWriter::new(file);
    Exported::write_header(&mut out, address, head.epoch, head.seq).map_err(failed)?;
    let bar = progress(head.seq, "exporting");
    let mut seq = 0;
    while seq < head.seq {
        let entries = store.read(address, seq, PAGE).await.map_err(unreadable)?;
        for entry in entries.iter().take_while(|entry| entry.seq <= head.seq) {
            record::open(address, &entry.record)
                .map_err(|damage| Problem::Usage(format!("commit {} of {address} is damaged: {damage}", entry.seq)))?;
            Exported::write_record(&mut out, &entry.record).map_err(failed)?;
            seq = entry.seq;
        }
        if entries.is_empty() {
            return Err(Problem::Usage(format!("commit {} of {address} is missing", seq + 1)));
        }
        bar.set_position(seq);
    }
    bar.finish_and_clear();
    out.flush().map_err(failed)?;
    out.get_ref().sync_all().map_err(failed)
}

pub(crate) async fn import(app: &App, options: Import) -> Result<ExitCode, Problem> {
    let path = options.file.display().to_string();
    let refused = |problem: NotExported| match problem {
        NotExported::Io(error) => unreadable_file(&path, error),
        other => Problem::Usage(format!("{path} {other}")),
    };
    let file = File::open(&options.file).map_err(|error| unreadable_file(&path, error))?;
    // Everything is verified before anything is written.
    let exported = Exported::read(&mut BufReader::new(file)).map_err(refused)?;
    let kind = kind_of(&app.kinds, &exported.actor)?;
    let whole = exported.verify(&kind).map_err(refused)?;
    let store = open(&options.data.data)?;
    if let Some(there) = store.head(&exported.actor).await.map_err(unreadable)? {
        let at = there.position();
        return Err(Problem::Usage(format!(
            "{} is in this journal already, at {at}; nothing was imported",
            exported.actor
        )));
    }
    append_all(&store, exported.blank(&kind).map_err(refused)?, &exported.records).await?;
    store.close().await;
    tell(options.json, &exported.actor, whole.head(), "imported")?;
    Ok(ExitCode::SUCCESS)
}

fn unreadable_file(path: &str, error: io::Error) -> Problem {
    Problem::Io(format!("{path} cannot be read"), error)
}

async fn append_all(store: &SqliteStore, mut machine: Machine, records: &[Arc<[u8]>]) -> Result<(), Problem> {
    let bar = progress(records.len() as u64, "importing");
    let mut rest = records;
    while !rest.is_empty() {
        let taken = batch(rest);
        let expected = machine.head();
        let mut index = IndexChange::default();
        for record in &rest[..taken] {
            let opening = record::open(machine.address(), record).expect("verified before");
            machine.fold(&opening).expect("verified before");
            index.merge(opening.changes, None, None);
            index.retired |= opening.header.retires;
        }
        index.summary = Some(machine.bounded_summary());
        index.present = Some(machine.present().next().is_some());
        let address = machine.address().clone();
        let (head, time) = (machine.head(), machine.time());
        let run = Run { address, records: rest[..taken].to_vec(), expected, head, time, index };
        store.append(run).await.map_err(|error| match error {
            AppendError::Store(error) => error.into(),
            other => Problem::Usage(format!("the import stopped: {other}")),
        })?;
        rest = &rest[taken..];
        bar.inc(taken as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// How many of these records fit into one run.
fn batch(records: &[Arc<[u8]>]) -> usize {
    let mut bytes = 0;
    let fits = |record: &&Arc<[u8]>| {
        bytes += record.len();
        bytes <= RUN_BYTES_MAX
    };
    records.iter().take(RUN_COMMITS_MAX).take_while(fits).count().max(1)
}

fn tell(as_json: bool, address: &Address, head: Head, done: &str) -> Result<(), Problem> {
    let position = head.position();
    if as_json {
        say(json!({ "actor": address, "position": position, "commits": head.seq }))
    } else {
        say(format_args!("{done} {address} at {position}, {} commits", head.seq))
    }
}

fn unreadable(error: ReadError) -> Problem {
    match error {
        ReadError::Store(error) => error.into(),
        damaged @ ReadError::Damaged(..) => Problem::Usage(damaged.to_string()),
    }
}
