//! What is to go wrong, and when: at operations that change the disk, which are counted from each boot.

/// How the disk behaves, and what it says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// The bytes that it writes at once, as SQLite is told: 512 or 4096.
    pub sector: usize,
    /// Whether SQLite is told that bytes beside a torn write stay what they were, which the system's own VFS says on Linux. If not, SQLite ends
    /// each commit at the end of a sector.
    pub powersafe: bool,
    /// What is wrong with it.
    pub flaw: Flaw,
}

impl Device {
    /// A disk that promises nothing: what SQLite is told of it is 0.
    pub const HONEST: Self = Self { sector: 512, powersafe: false, flaw: Flaw::None };
}

/// A disk that breaks its promises, to see that the checks notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// None.
    None,
    /// Syncs of the WAL do nothing, as if commits were not synced (`synchronous = NORMAL`).
    UnsyncedWal,
    /// No sync does anything.
    UnsyncedAll,
    /// It claims that writes are atomic and in order, and they are not: SQLite then leaves syncs out.
    Claims,
    /// A sync that fails is said to have worked.
    QuietSync,
}

/// What goes wrong from one boot to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The power is cut at this operation: what it writes may survive, and nothing after it does.
    pub(crate) cut_at: Option<u64>,
    /// The process dies at this one; the system lives, with what is in its cache.
    pub(crate) kill_at: Option<u64>,
    /// A fault at the first operation of its kind from the given one on.
    pub(crate) fault: Option<(u64, Fault)>,
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A sync fails, and some of what it was to write is lost without another word.
    Sync,
    /// A write fails somewhere in its middle.
    Write,
    /// The disk has no room for so many writes.
    Full(u32),
}

/// Where a change comes to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The database file.
    Database,
    /// The write-ahead log.
    Wal,
    /// The rollback journal, which SQLite uses while it makes the file.
    Journal,
    /// The directory.
    Directory,
    /// A file without a name, which no restart finds; changes of it are not counted.
    Nowhere,
}

impl Place {
    pub(super) fn of(name: &str) -> Self {
        match name.rsplit_once('-') {
            Some((_, "wal")) => Self::Wal,
            Some((_, "journal")) => Self::Journal,
            _ => Self::Database,
        }
    }
}

/// A change of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// A file is made.
    Create,
    /// A file is removed.
    Delete,
    /// Bytes are written.
    Write,
    /// A file is cut short.
    Truncate,
    /// What was written is made durable.
    Sync,
}

/// Why the disk stopped whoever used it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody begins to write, and has not: in lockstep each batch of the store's writer waits here.
    Writer,
    /// The power was cut.
    Cut,
    /// The process died.
    Kill,
    /// An operation failed.
    Fault(Fault),
}
