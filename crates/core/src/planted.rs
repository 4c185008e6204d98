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
    /// Answers leave before what they tell of is in the journal.
    ToldTooEarly,
    /// A command that comes again is executed again.
    Forgetful,
    /// Of several events that are told at once the first is left out.
    SkippedEvent,
    /// Nobody hears what only its own seat may hear.
    DeafToOneself,
    /// An application is told an answer twice.
    AnsweredTwice,
    /// Who resumes a view is told that it holds the newest.
    ResumesBlindly,
    /// Every sight sees everything.
    OpenHands,
    /// All tenants are one.
    OneTenant,
    /// Wakes never come.
    DeafToWakes,
    /// Wakes come half a minute early.
    EarlyWakes,
    /// An outcome is told again when it is reported again.
    OutcomeTwice,
    /// A task is tried without end.
    EndlessAttempts,
    /// A command is put on one line only.
    NeverAskedAgain,
    /// A refusal that is kept is not remembered.
    RefusalNotKept,
    /// Nobody falls asleep.
    NeverSleeps,
    /// The journal lets a run overwrite what is there.
    Overwritten,
    /// The journal's reads miss the newest commit.
    StaleReads,
    /// The journal takes runs of older epochs.
    FenceIgnored,
    /// The journal loses the first commit of a long run.
    Hole,
    /// The journal flips a bit of a record.
    Flipped,
    /// A snapshot leaves out what was remembered of commands.
    SnapshotForgets,
    /// The rules of the simulated people throw dice of their own.
    ImpureRules,
    /// The simulation draws from the machine's randomness.
    RealRandomness,
}

impl Bug {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 25] = [
        ("unknown-is-committed", Self::UnknownIsCommitted),
        ("unknown-is-refused", Self::UnknownIsRefused),
        ("told-too-early", Self::ToldTooEarly),
        ("forgetful", Self::Forgetful),
        ("skipped-event", Self::SkippedEvent),
        ("deaf-to-oneself", Self::DeafToOneself),
        ("answered-twice", Self::AnsweredTwice),
        ("resumes-blindly", Self::ResumesBlindly),
        ("open-hands", Self::OpenHands),
        ("one-tenant", Self::OneTenant),
        ("deaf-to-wakes", Self::DeafToWakes),
        ("early-wakes", Self::EarlyWakes),
        ("outcome-twice", Self::OutcomeTwice),
        ("endless-attempts", Self::EndlessAttempts),
        ("never-asked-again", Self::NeverAskedAgain),
        ("refusal-not-kept", Self::RefusalNotKept),
        ("never-sleeps", Self::NeverSleeps),
        ("overwritten", Self::Overwritten),
        ("stale-reads", Self::StaleReads),
        ("fence-ignored", Self::FenceIgnored),
        ("hole", Self::Hole),
        ("flipped", Self::Flipped),
        ("snapshot-forgets", Self::SnapshotForgets),
        ("impure-rules", Self::ImpureRules),
        ("real-randomness", Self::RealRandomness),
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
