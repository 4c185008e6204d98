//! What is stored: records and snapshots.

use std::sync::Arc;

use dormouse_core::{
    Address, Hash, Kind, Machine,
    record::{self, Damage, Opening},
    snapshot,
};

use super::people::{address, blank, kinds, look_at};
use crate::text::{flipped, number};

const TRAILER: usize = 32;

/// A record opens as it was written, at its address alone, and with every bit as it was. One whose bytes somebody else made under a right hash
/// opens to what can be written and read again, or not at all.
pub fn record(data: &[u8]) {
    for kind in kinds() {
        let address = address(kind);
        if let Ok(opening) = record::open(&address, data) {
            opened(&address, data, &opening);
        }
        let Some(resealed) = resealed(&address, data) else { continue };
        let Ok(opening) = record::open(&address, &resealed) else { continue };
        opened(&address, &resealed, &opening);
        let mut machine = blank(kind);
        if machine.apply(&resealed).is_ok() {
            assert_eq!(machine.head().hash, opening.hash, "the head after it");
            look_at(&machine);
        }
    }
}

fn opened(address: &Address, bytes: &[u8], opening: &Opening<'_>) {
    assert_eq!(record::header(bytes).as_ref(), Ok(&opening.header), "its header alone");
    assert_eq!(record::decode(bytes).as_ref(), Ok(opening), "without looking at its hash");
    assert_eq!(record::trailing_hash(bytes), Ok(opening.hash));
    let (again, hash) = record::seal(address, &opening.header, &opening.changes, &opening.body);
    let reopened = record::open(address, &again).expect("what is written can be read");
    assert_eq!(Opening { hash, ..opening.clone() }, reopened, "written again");
    let bad = flipped(bytes).expect("a record has bytes");
    assert!(record::open(address, &bad).is_err(), "a bit was flipped");
    let cut = number(bytes) as usize % bytes.len();
    assert!(record::open(address, &bytes[..cut]).is_err(), "it was cut at {cut}");
    let elsewhere = "main/todo/4F2A9D".parse().expect("an address");
    assert_eq!(record::open(&elsewhere, bytes), Err(Damage::BadHash), "at another address");
}

/// The same bytes under the hash that they should have. Anybody can make one: it has no key.
pub(super) fn resealed(address: &Address, bytes: &[u8]) -> Option<Vec<u8>> {
    let sealed = &bytes[..bytes.len().checked_sub(TRAILER)?];
    let Address { tenant, kind, id } = address;
    let names = [tenant, kind, id].map(|name| name.as_str().as_bytes());
    let hash = Hash::of("dormouse/commit/1", &[names[0], names[1], names[2], sealed]);
    Some([sealed, &hash.0].concat())
}

/// A snapshot is served as it was written, and with every bit as it was. One that somebody else made is served as what it makes of itself, or not
/// at all.
pub fn snapshot(data: &[u8]) {
    for kind in kinds() {
        let address = address(kind);
        restored(kind, &address, data);
        let Some(length) = data.len().checked_sub(TRAILER) else { continue };
        let sealed = &data[..length];
        let hash = Hash::of("dormouse/snapshot/1", &[address.to_string().as_bytes(), sealed]);
        restored(kind, &address, &[sealed, &hash.0].concat());
    }
}

fn restored(kind: &Arc<Kind>, address: &Address, bytes: &[u8]) {
    let restore = |bytes: &[u8]| Machine::restore(kind.clone(), address.clone(), bytes);
    let Ok(Some(machine)) = restore(bytes) else { return };
    assert_eq!(snapshot::header(bytes).expect("it was read").head, machine.head(), "its header alone");
    let written = machine.snapshot();
    let again = restore(&written).expect("what is written can be read").expect("by the rules that wrote it");
    assert_eq!(again.snapshot(), written, "written again");
    assert_eq!((again.head(), again.state_hash()), (machine.head(), machine.state_hash()));
    assert!(restore(&flipped(bytes).expect("a snapshot has bytes")).is_err(), "a bit was flipped");
    look_at(&machine);
}
