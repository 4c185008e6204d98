//! What the engine gives a machine to decide.

use std::sync::Arc;

use crate::{
    agenda::{Outcome, TaskKey},
    codes::Failure,
    dice::Secret,
    outbox::CommandId,
    record::Parked,
    refusals::Words,
    rules::RawInput,
    sight::{Principal, Viewer},
    time::Time,
};

/// An input as the engine carries it: with what names it, so that it can be decided again.
#[derive(Debug, Clone)]
pub enum Stimulus {
    /// Make the actor.
    Create {
        /// Who asks.
        by: Viewer,
        /// JSON.
        config: Arc<[u8]>,
        /// 32 random bytes of the host's.
        secret: Secret,
    },
    /// A principal's command.
    Command {
        /// Who asks.
        by: Viewer,
        /// Absent for callers that do not retry.
        id: Option<CommandId>,
        /// JSON.
        command: Arc<[u8]>,
        /// Its sender has put it on a line before: of this id another copy may come, so a refusal must be kept.
        resent: bool,
    },
    /// Keep the refusal of a command that was sent again.
    Refuse {
        /// Who asks.
        by: Viewer,
        /// Of which no other answer is known.
        id: CommandId,
        /// JSON.
        command: Arc<[u8]>,
        /// What its sender is told.
        words: Words,
    },
    /// A time of the agenda has come.
    Wake {
        /// The agenda's key.
        key: String,
        /// The agenda's time.
        due: Time,
    },
    /// A task ended.
    Report {
        /// The agenda's key.
        key: TaskKey,
        /// The commit that opened this instance.
        opened: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// A principal's first live connection began to watch.
    Joined {
        /// Who.
        who: Viewer,
    },
    /// A principal's last live connection is gone.
    Left {
        /// Who.
        who: Viewer,
    },
    /// End the actor, if the rules agree.
    Retire {
        /// Who asks.
        by: Viewer,
    },
    /// The engine gives up on this until an operator redrives it.
    Park {
        /// What.
        what: Parked,
    },
    /// An operator lets it run again.
    Redrive {
        /// Who asks.
        by: Viewer,
        /// What.
        what: Parked,
    },
    /// Newer rules may wait for other tasks than those that wrote the newest commit: open and close them now.
    Review,
}

impl Stimulus {
    /// What the rules are asked; `None` if this is the engine's own affair.
    pub(super) fn raw(&self) -> Option<RawInput<'_>> {
        Some(match self {
            Self::Create { by, config, .. } => RawInput::Created { by, config },
            Self::Command { by, command, .. } => RawInput::Command { by, command },
            Self::Wake { key, .. } => RawInput::Wake { key },
            Self::Report { key, outcome, .. } => RawInput::Reported { key, outcome },
            Self::Joined { who } => RawInput::Joined { who },
            Self::Left { who } => RawInput::Left { who },
            Self::Retire { by } => RawInput::Retire { by },
            Self::Refuse { .. } | Self::Park { .. } | Self::Redrive { .. } | Self::Review => return None,
        })
    }

    /// What keeps this refusal of it, if another copy may come: it must not be taken then.
    pub fn kept(&self, refusal: &Failure) -> Option<Self> {
        match self {
            Self::Command { by, id: Some(id), command, resent: true } if refusal.position.is_none() => {
                let (by, id, command) = (by.clone(), id.clone(), command.clone());
                Some(Self::Refuse { by, id, command, words: Words::of(refusal) })
            }
            _ => None,
        }
    }

    /// What was asked at first: a refusal holds only on the state on which it was decided.
    #[must_use]
    pub fn asked(self) -> Self {
        match self {
            Self::Refuse { by, id, command, .. } => Self::Command { by, id: Some(id), command, resent: true },
            asked => asked,
        }
    }

    /// Who is behind it, where there is somebody.
    pub(super) fn by(&self) -> Option<&Principal> {
        match self {
            Self::Create { by, .. }
            | Self::Command { by, .. }
            | Self::Refuse { by, .. }
            | Self::Joined { who: by }
            | Self::Left { who: by }
            | Self::Retire { by }
            | Self::Redrive { by, .. } => Some(&by.principal),
            Self::Wake { .. } | Self::Report { .. } | Self::Park { .. } | Self::Review => None,
        }
    }
}
