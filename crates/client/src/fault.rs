//! What went wrong, and what to do about it: the range of a code says it.

use std::{borrow::Cow, time::Duration};

use dormouse_core::Position;
use serde::Deserialize;

use crate::tls::distrusted;

/// What a caller does next about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// 1xxx: wait and try again with the same id. The client does so by itself.
    Retry,
    /// 2xxx: subscribe again. The client does so by itself.
    Resubscribe,
    /// 3xxx: connect with a fresh token. The client asks its token provider for one.
    SignIn,
    /// 4xxx: the request itself is wrong.
    Stop,
}

impl Action {
    /// A number outside every range comes from a host newer than this client: waiting and trying again is the only
    /// answer to it that loses nothing.
    pub(crate) fn of_code(code: u16) -> Self {
        match code / 1000 {
            2 => Self::Resubscribe,
            3 => Self::SignIn,
            4 => Self::Stop,
            _ => Self::Retry,
        }
    }

    /// A host's close codes stand in groups of the HTTP status that they resemble.
    pub(crate) fn of_close(close: u16) -> Self {
        match close {
            4401 => Self::SignIn,
            4400 | 4403 | 4404 => Self::Stop,
            _ => Self::Retry,
        }
    }

    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::SignIn,
            408 | 429 | 500.. => Self::Retry,
            _ => Self::Stop,
        }
    }
}

/// A failure, as a host said it or as the client found it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Deserialize)]
#[error("{message} ({name})")]
#[serde(from = "Said")]
pub struct Fault {
    /// The host's number; 0 for what the client itself found.
    pub code: u16,
    /// One word.
    pub name: Cow<'static, str>,
    /// For people.
    pub message: Box<str>,
    /// What to do next.
    pub action: Action,
    /// How long the host asks to wait first.
    pub retry_after: Option<Duration>,
    /// The rules' own code, where the rules refused.
    pub reason: Option<Box<str>>,
    /// Where a subscription that ended can be resumed; of a command, the commit that keeps its refusal.
    pub position: Option<Position>,
}

/// The fields as they stand on the wire.
#[derive(Deserialize)]
struct Said {
    code: u16,
    name: String,
    message: Box<str>,
    retry_after: Option<u64>,
    reason: Option<Box<str>>,
    position: Option<Position>,
}

impl From<Said> for Fault {
    fn from(said: Said) -> Self {
        let Said { code, name, message, retry_after, reason, position } = said;
        let retry_after = retry_after.map(Duration::from_millis);
        let (name, action) = (Cow::Owned(name), Action::of_code(code));
        Self { code, name, message, action, retry_after, reason, position }
    }
}

impl Fault {
    /// One that the client itself found. It has code 0, because the numbers belong to hosts.
    pub(crate) fn local(name: &'static str, message: impl Into<Box<str>>, action: Action) -> Self {
        let (name, message) = (Cow::Borrowed(name), message.into());
        Self { code: 0, name, message, action, retry_after: None, reason: None, position: None }
    }

    pub(crate) fn closed() -> Self {
        Self::local("closed", "The client is closed.", Action::Stop)
    }

    pub(crate) fn unreachable(error: &(dyn std::error::Error + 'static)) -> Self {
        // Tried again all the same: certificates are renewed and clocks are set, and the waits between two tries grow.
        if let Some(reason) = distrusted(error) {
            let message = format!("The host's certificate is not trusted: {reason}");
            return Self::local("untrusted", message, Action::Retry);
        }
        Self::local("unreachable", format!("The host could not be reached: {}", with_sources(error)), Action::Retry)
    }

    pub(crate) fn too_large(what: &str, bytes: usize) -> Self {
        Self::local("too_large", format!("A {what} has at most {bytes} bytes."), Action::Stop)
    }
}

pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
