//! Histories that somebody else made: events of the rules' own types that no rules decided, and files of exported actors.

use std::{borrow::Cow, sync::Arc};

use dormouse::portable::Exported;
use dormouse_core::{
    Address, Hash, Kind, Machine, Time,
    dice::Secret,
    record::{self, Body, Cause, Changes, Header},
};
use serde_json::{Value, value::RawValue};

use super::{
    people::{address, blank, kind, look_at, viewer},
    record::resealed,
};
use crate::text::{number, text};

const DAWN: u64 = 1_700_000_000_000;

/// After a line with the kind, each line is a commit: its events, as a list. Whatever the events are, the history is refused or folded, and then
/// it gives the same state from its beginning, from a snapshot on its way, and out of a file.
pub fn history(data: &[u8]) {
    let Some((name, commits)) = text(data).and_then(|text| text.split_once('\n')) else { return };
    let Some(kind) = kind(name.trim()) else { return };
    let records = records_of(&kind, commits);
    let mut machine = blank(&kind);
    let middle = number(data) as usize % (records.len() + 1);
    let mut on_its_way = None;
    for (at, record) in records.iter().enumerate() {
        if at == middle {
            on_its_way = Some(machine.snapshot());
        }
        if machine.apply(record).is_err() {
            return;
        }
    }
    look_at(&machine);
    if let Some(snapshot) = on_its_way {
        let restored = Machine::restore(kind.clone(), address(&kind), &snapshot).expect("what is written can be read");
        let mut restored = restored.expect("by the rules that wrote it");
        records[middle..].iter().for_each(|record| restored.apply(record).expect("it could be folded"));
        assert_eq!(restored.snapshot(), machine.snapshot(), "from commit {middle}");
    }
    let exported = Exported { actor: address(&kind), epoch: 0, records };
    let read = Exported::read(&mut written(&exported).as_slice()).expect("what is written can be read");
    let imported = read.verify(&kind).expect("it could be folded");
    assert_eq!(imported.snapshot(), machine.snapshot(), "out of a file");
}

fn records_of(kind: &Kind, commits: &str) -> Vec<Arc<[u8]>> {
    let mut prev = Hash::default();
    let mut first_event = 0;
    let mut records = Vec::new();
    let commits = commits.lines().filter_map(|line| serde_json::from_str::<Vec<&RawValue>>(line).ok());
    for (events, seq) in commits.zip(1..) {
        let header = Header {
            retires: false,
            rules: kind.rules,
            key_id: 0,
            seq,
            time: Time(DAWN + 1000 * seq),
            first_event,
            prev,
            nonce: [7; 16],
        };
        let cause = match seq {
            1 => Cause::Created { secret: Secret([7; 32]), config: 0 },
            _ => Cause::Command { id: None, body: 0 },
        };
        let by = Some(Cow::Owned(viewer("ann").principal.clone()));
        first_event += events.len() as u64;
        let body = Body { cause, by, events: events.iter().map(|event| event.get().as_bytes()).collect() };
        let (record, hash) = record::seal(&address(kind), &header, &Changes::default(), &body);
        prev = hash;
        records.push(record.into());
    }
    records
}

/// A file is refused, or holds a history that is written as it was read. With one letter of a record changed it is refused.
pub fn import(data: &[u8]) {
    let Ok(exported) = Exported::read(&mut &*data) else { return };
    let header: Value =
        data.split(|byte| *byte == b'\n').next().and_then(|it| serde_json::from_slice(it).ok()).expect("a header");
    assert_eq!(header["commits"], exported.records.len(), "as many as it says");
    let again = written(&exported);
    assert_eq!(Exported::read(&mut &*again).as_ref().ok(), Some(&exported), "written again");
    let Some(kind) = kind(exported.actor.kind.as_str()) else { return };
    if let Ok(machine) = exported.verify(&kind) {
        assert_eq!(machine.head().seq, exported.records.len() as u64, "all of it");
        changed(&kind, &exported, number(data));
        look_at(&machine);
    }
    let chained = Exported { records: chained(&exported.actor, &exported.records), ..exported };
    if let Ok(machine) = chained.verify(&kind) {
        look_at(&machine);
    }
}

fn written(exported: &Exported) -> Vec<u8> {
    let mut file = Vec::new();
    exported.write(&mut file).expect("a Vec takes every byte");
    file
}

fn changed(kind: &Arc<Kind>, exported: &Exported, choice: u64) {
    let Some(at) = choice.checked_rem(exported.records.len() as u64) else { return };
    let mut other = exported.clone();
    let mut record = other.records[at as usize].to_vec();
    let byte = (choice >> 32) as usize % record.len();
    record[byte] ^= 1;
    other.records[at as usize] = record.into();
    assert!(other.verify(kind).is_err(), "byte {byte} of commit {} was changed", at + 1);
}

/// The same records, each with the number, the link and the hash that it should have: what somebody would make who wants them read.
fn chained(address: &Address, records: &[Arc<[u8]>]) -> Vec<Arc<[u8]>> {
    let mut prev = Hash::default();
    let chain = records.iter().zip(1_u64..).map_while(|(record, seq)| {
        let mut bytes = record.to_vec();
        bytes.get_mut(10..18)?.copy_from_slice(&seq.to_le_bytes());
        bytes.get_mut(34..66)?.copy_from_slice(&prev.0);
        let sealed = resealed(address, &bytes)?;
        prev = record::trailing_hash(&sealed).ok()?;
        Some(sealed.into())
    });
    chain.collect()
}
