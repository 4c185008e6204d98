//! Bugs that the simulation plants, to see that its checks find them: a check that was never seen to fail does not count.
//!
//! Without the feature `planted`, which nothing but the simulation asks for, none is ever there and the question costs nothing.

/// A bug, and in its words what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// An append of unknown outcome counts as committed.
    UnknownIsCommitted,
    /// An append of unknown outcome counts as refused.
    UnknownIsRefused,
    /// A command that comes again is executed again.
    Forgetful,
    /// Who resumes events misses the first.
    SkippedEvent,
    /// Every sight sees everything.
    OpenHands,
    /// Wakes never come.
    DeafToWakes,
    /// An outcome is told again when it is reported again.
    OutcomeTwice,
    /// A command is put on one line only.
    NeverAskedAgain,
}

impl Bug {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("unknown-is-committed", Self::UnknownIsCommitted),
        ("unknown-is-refused", Self::UnknownIsRefused),
        ("forgetful", Self::Forgetful),
        ("skipped-event", Self::SkippedEvent),
        ("open-hands", Self::OpenHands),
        ("deaf-to-wakes", Self::DeafToWakes),
        ("outcome-twice", Self::OutcomeTwice),
        ("never-asked-again", Self::NeverAskedAgain),
    ];
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// From now on this thread has this bug.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this bug is there.
#[cfg(feature = "planted")]
pub fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this bug is there.
#[cfg(not(feature = "planted"))]
pub const fn planted(_: Bug) -> bool {
    false
}
