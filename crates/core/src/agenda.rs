//! What an actor waits for, and what comes back from outside the rules.

use std::{borrow::Borrow, fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{limits, sight::Sight, time::Time};

/// The name of a task within its actor: 1 to [`limits::KEY_BYTES_MAX`] bytes, chosen by the rules.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskKey(pub String);

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for TaskKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for TaskKey {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// What an actor waits for now: a function of its state, so nothing of it can be lost.
///
/// At most [`limits::AGENDA_WAKES_MAX`] wakes and [`limits::AGENDA_TASKS_MAX`] tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agenda {
    /// When to wake, and under which key. Each due key reaches `decide` by itself.
    pub wakes: Vec<(Time, String)>,
    /// Open tasks and the kind of worker that each needs. The request comes from [`Actor::task`](crate::Actor::task).
    pub tasks: Vec<(TaskKey, String)>,
}

impl Agenda {
    /// Also wake at `time` with `key`.
    #[must_use]
    pub fn wake(mut self, time: Time, key: impl Into<String>) -> Self {
        self.wakes.push((time, key.into()));
        self
    }

    /// Also wait for the task `key`, done by a worker of `kind`.
    #[must_use]
    pub fn task(mut self, key: impl Into<TaskKey>, kind: impl Into<String>) -> Self {
        self.tasks.push((key.into(), kind.into()));
        self
    }

    /// Whether every bound holds and no key is listed twice.
    pub(crate) fn is_sound(&self) -> bool {
        let key_fits = |key: &str| (1..=limits::KEY_BYTES_MAX).contains(&key.len());
        let mut wakes: Vec<&str> = self.wakes.iter().map(|(_, key)| key.as_str()).collect();
        let mut tasks: Vec<&str> = self.tasks.iter().map(|(key, _)| key.0.as_str()).collect();
        let fits = wakes.len() <= limits::AGENDA_WAKES_MAX
            && tasks.len() <= limits::AGENDA_TASKS_MAX
            && wakes.iter().chain(&tasks).all(|key| key_fits(key))
            && self.tasks.iter().all(|(_, kind)| key_fits(kind));
        let (listed_wakes, listed_tasks) = (wakes.len(), tasks.len());
        wakes.sort_unstable();
        wakes.dedup();
        tasks.sort_unstable();
        tasks.dedup();
        fits && wakes.len() == listed_wakes && tasks.len() == listed_tasks
    }
}

/// The kind of the built-in task that delivers a command to another actor.
pub const SEND: &str = "send";

/// The request behind an open task's key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Which worker performs it; the kind that the agenda listed.
    pub kind: String,
    /// What the worker needs to know.
    pub request: Value,
    /// Whose viewers may hear its stream.
    pub hear: Sight,
    /// How long one attempt may take.
    pub deadline: Duration,
    /// How often it is tried before the engine reports [`Outcome::Failed`]; 1 to [`limits::TASK_ATTEMPTS_MAX`].
    pub attempts: u32,
}

impl Task {
    /// A task for a worker of `kind`, heard by nobody, with the default deadline and attempts.
    pub fn new(kind: impl Into<String>, request: Value) -> Self {
        Self {
            kind: kind.into(),
            request,
            hear: Sight::Nothing,
            deadline: limits::TASK_DEADLINE,
            attempts: limits::TASK_ATTEMPTS,
        }
    }

    /// The built-in task: deliver `command` to the actor `kind/id` of the same tenant, at least once, deduplicated by the receiver.
    ///
    /// # Panics
    /// If `command` does not serialise to JSON.
    pub fn send(actor: &str, command: &impl Serialize) -> Self {
        let command = serde_json::to_value(command).expect("commands serialise to JSON");
        Self::new(SEND, serde_json::json!({ "actor": actor, "command": command }))
    }

    /// Let viewers of this sight hear the task's stream.
    #[must_use]
    pub fn hear(mut self, sight: Sight) -> Self {
        self.hear = sight;
        self
    }

    /// Bound one attempt.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Bound the attempts.
    #[must_use]
    pub fn tries(mut self, attempts: u32) -> Self {
        self.attempts = attempts.clamp(1, limits::TASK_ATTEMPTS_MAX);
        self
    }
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The worker's answer.
    Done {
        /// Whatever the worker's kind promises.
        value: Value,
    },
    /// Every attempt failed, or the deadline passed; the last reason.
    Failed {
        /// In words.
        reason: String,
    },
}

/// The line that lists and lobbies show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// What to call it.
    pub title: String,
    /// One word that lists filter by, such as `open` or `over`.
    pub status: String,
    /// Principals whose list "mine" shows it; at most [`limits::SUMMARY_MEMBERS_MAX`].
    pub members: Vec<String>,
    /// Lists sort by this, highest first, then by last change.
    pub sort: i64,
    /// Only its members see this row, in their list "mine". Whoever has the id finds the actor all the same: that is for its sight to refuse.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
}
