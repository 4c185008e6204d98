//! Who holds which lock: of a file, as SQLite counts them, and of the eight slots of its shared memory.

use std::collections::BTreeMap;

use super::{HandleId, Inode};

/// An open file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    pub(super) inode: Inode,
    /// The process that opened it: of one that is dead, nothing works and nothing is held.
    pub(super) process: u64,
    /// The level of its lock on the file, in SQLite's numbers.
    pub(super) level: i32,
    /// The slots that it shares, and those that it has for itself.
    pub(super) shared: u8,
    pub(super) exclusive: u8,
}

/// Levels, as SQLite numbers them.
pub(super) const SHARED: i32 = 1;
pub(super) const RESERVED: i32 = 2;
pub(super) const PENDING: i32 = 3;
pub(super) const EXCLUSIVE: i32 = 4;

/// All open files.
pub(super) type Holders = BTreeMap<HandleId, Holder>;

fn others(holders: &Holders, id: HandleId) -> impl Iterator<Item = &Holder> {
    let me = holders[&id];
    holders
        .iter()
        .filter(move |(other, holder)| **other != id && (holder.inode, holder.process) == (me.inode, me.process))
        .map(|(_, holder)| holder)
}

/// Raise the lock on a file; whether that worked.
pub(super) fn lock(holders: &mut Holders, id: HandleId, wanted: i32) -> bool {
    let highest = others(holders, id).map(|other| other.level).max().unwrap_or(0);
    let level = match wanted {
        SHARED if highest >= PENDING => None,
        RESERVED if highest >= RESERVED => None,
        EXCLUSIVE if highest >= RESERVED => None,
        // Nobody new may come in while it waits for those who are there.
        EXCLUSIVE if highest >= SHARED => Some(PENDING),
        _ => Some(wanted),
    };
    let holder = holders.get_mut(&id).expect("an open file");
    holder.level = holder.level.max(level.unwrap_or(0));
    level == Some(wanted)
}

pub(super) fn unlock(holders: &mut Holders, id: HandleId, wanted: i32) {
    let holder = holders.get_mut(&id).expect("an open file");
    holder.level = holder.level.min(wanted);
}

pub(super) fn is_reserved(holders: &Holders, id: HandleId) -> bool {
    holders[&id].level >= RESERVED || others(holders, id).any(|other| other.level >= RESERVED)
}

/// Take slots; whether that worked.
pub(super) fn lock_slots(holders: &mut Holders, id: HandleId, slots: u8, exclusive: bool) -> bool {
    let held =
        others(holders, id).fold(0, |held, other| held | other.exclusive | if exclusive { other.shared } else { 0 });
    if held & slots != 0 {
        return false;
    }
    let holder = holders.get_mut(&id).expect("an open file");
    *if exclusive { &mut holder.exclusive } else { &mut holder.shared } |= slots;
    true
}

pub(super) fn unlock_slots(holders: &mut Holders, id: HandleId, slots: u8, exclusive: bool) {
    let holder = holders.get_mut(&id).expect("an open file");
    *if exclusive { &mut holder.exclusive } else { &mut holder.shared } &= !slots;
}
