//! The one table of codes, shared by docs (`docs/codes.md`), Rust and TypeScript (`web/client/src/codes.ts`).
//!
//! The range says what to do: 1xxx wait and try again with the same id, 2xxx subscribe again, 3xxx sign in again,
//! 4xxx stop: the request itself is wrong.

use std::{borrow::Cow, fmt};

use crate::position::Position;

macro_rules! codes {
    ($($variant:ident = $number:literal $name:literal http $http:literal close $close:literal : $meaning:literal;)+) => {
        /// A numbered answer to what could not be done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Code { $(#[doc = $meaning] $variant = $number),+ }

        impl Code {
            /// Every code, in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name: one word in snake_case.
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $name),+ } }
            /// The HTTP status it travels with.
            pub fn http(self) -> u16 { match self { $(Self::$variant => $http),+ } }
            /// The WebSocket close code if it ends a connection.
            pub fn close(self) -> u16 { match self { $(Self::$variant => $close),+ } }
            /// What it means and what to do.
            pub fn meaning(self) -> &'static str { match self { $(Self::$variant => $meaning),+ } }
        }
    };
}

codes! {
    TooSlow = 1408 "too_slow" http 408 close 4408: "This connection did not read its frames in time. Connect again and resume from your position.";
    Timeout = 1409 "timeout" http 408 close 4408: "Nothing arrived for too long. Connect again.";
    Busy = 1429 "busy" http 429 close 4429: "Too many inputs wait for this actor. Nothing was written. Try again after `retry_after`.";
    RateLimited = 1430 "rate_limited" http 429 close 4429: "This principal, connection or address sends too fast. Nothing was written. Try again after `retry_after`.";
    TooManyConnections = 1431 "too_many_connections" http 429 close 4429: "This address, this principal or this host holds as many connections as it may. Close some, or try again later.";
    InFlight = 1432 "in_flight" http 429 close 4429: "More commands are unanswered than `welcome.in_flight` allows. Wait for an answer first.";
    Internal = 1500 "internal" http 500 close 1011: "Something failed that should not. Nothing was written. Try again; if it stays, see the host's log.";
    Unavailable = 1503 "unavailable" http 503 close 4503: "The journal cannot be written now. Nothing was written. Try again after `retry_after`.";
    Draining = 1504 "draining" http 503 close 4503: "This host is shutting down. Connect again after `retry_after`.";

    BadPosition = 2400 "bad_position" http 400 close 4400: "The position or Last-Event-ID is no position of this actor. Subscribe again without it.";
    UnknownCommit = 2404 "unknown_commit" http 404 close 4404: "This actor has no commit with that number yet. Ask for one up to its position.";

    Unauthenticated = 3401 "unauthenticated" http 401 close 4401: "There is no token, or it is not valid here. Sign in again.";
    TokenExpired = 3402 "token_expired" http 401 close 4401: "The token has expired. Connect again with a fresh one.";
    HelloFirst = 3403 "hello_first" http 401 close 4401: "The first frame must be `hello`. Connect again.";
    Revoked = 3404 "revoked" http 401 close 4401: "This principal's tokens were revoked. Sign in again.";
    BadTicket = 3405 "bad_ticket" http 401 close 4401: "The ticket was used, has expired or was never given. Ask for a new one.";

    BadJson = 4400 "bad_json" http 400 close 4400: "The text is not one JSON value.";
    TooDeep = 4401 "too_deep" http 400 close 4400: "The JSON is nested deeper than 64.";
    DuplicateKey = 4402 "duplicate_key" http 400 close 4400: "A key stands twice in one object.";
    Forbidden = 4403 "forbidden" http 403 close 4403: "This principal may not do that.";
    NotFound = 4404 "not_found" http 404 close 4404: "There is no such actor, or this principal may not see it.";
    Gone = 4405 "gone" http 410 close 4404: "This actor was retired. Nothing can wake it.";
    UnknownPath = 4406 "unknown_path" http 404 close 4404: "There is nothing at this path; see /docs.";
    MethodNotAllowed = 4407 "method_not_allowed" http 405 close 4404: "This path does not take this method; see /docs.";
    BadNumber = 4409 "bad_number" http 400 close 4400: "A number cannot be held exactly: outside ±(2^53 − 1) as a float, or out of range.";
    BadString = 4410 "bad_string" http 400 close 4400: "A string holds a NUL or a lone surrogate.";
    BadFrame = 4411 "bad_frame" http 400 close 4400: "The frame lacks a field or a field has the wrong type; see docs/protocol.md.";
    UnknownField = 4412 "unknown_field" http 400 close 4400: "A field is not known here. Nothing was done.";
    UnknownType = 4413 "unknown_type" http 400 close 4400: "The action, type or kind is not known here.";
    UnsupportedVersion = 4414 "unsupported_version" http 400 close 4400: "This host speaks `dormouse.v1`.";
    BadName = 4415 "bad_name" http 400 close 4400: "A tenant, kind or id is 1 to 64 of A-Z, a-z, 0-9, _ and -.";
    BadCommand = 4416 "bad_command" http 400 close 4400: "The command does not fit the kind's schema; see /docs.";
    BadConfig = 4417 "bad_config" http 400 close 4400: "The config does not fit the kind's schema; see /docs.";
    BadCommandId = 4418 "bad_command_id" http 400 close 4400: "A command id is `outbox:n`, with the outbox of `welcome` and n from 1.";
    BadQuery = 4419 "bad_query" http 400 close 4400: "A query parameter is not what it should be.";
    TooLarge = 4420 "too_large" http 413 close 1009: "The frame, command, signal, view, commit or state is larger than its limit; see docs/limits.md.";
    BinaryFrame = 4421 "binary_frame" http 400 close 1003: "Frames are text.";
    TooManySubscriptions = 4422 "too_many_subscriptions" http 400 close 4400: "A connection holds as many subscriptions as it may. Unsubscribe some.";
    ForbiddenOrigin = 4423 "forbidden_origin" http 403 close 4403: "Pages of this origin may not connect here; see --origins.";
    IdempotencyMismatch = 4430 "idempotency_mismatch" http 409 close 4400: "This id was used before with another body. The first one stands.";
    UnknownCommandAge = 4431 "unknown_command_age" http 409 close 4400: "This id is older than what the actor remembers. It was not executed now; whether it was before cannot be told from it. Look at the view.";
    Rejected = 4440 "rejected" http 422 close 4400: "The rules refused; `reason` and `message` say why.";
    RulesPanicked = 4441 "rules_panicked" http 500 close 4400: "The rules failed on this input, which changed nothing; see the host's log.";
    AgendaTooLong = 4442 "agenda_too_long" http 500 close 4400: "The rules asked for more wakes or tasks than an agenda holds. The input changed nothing.";
    Quarantined = 4450 "quarantined" http 500 close 4404: "The stored history of this actor does not verify. It is kept as it is and not served; see `verify`.";
    NewerRules = 4451 "newer_rules" http 503 close 4503: "This actor was written by newer rules than this host has. Upgrade the host.";
    Stale = 4460 "stale" http 409 close 4400: "This report is for a task that is no longer open. It had no effect.";
}

impl Code {
    /// Whether a client may send the same again, with the same id.
    pub fn is_retryable(self) -> bool {
        (self as u16) < 2000
    }

    /// What its range asks of a client.
    pub fn action(self) -> &'static str {
        match self as u16 / 1000 {
            1 => "retry",
            2 => "resubscribe",
            3 => "sign in",
            _ => "stop",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", *self as u16, self.name())
    }
}

/// A code together with what there is to say about this case. Never repeats what the client sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// The number, name and range.
    pub code: Code,
    /// For people.
    pub message: String,
    /// Milliseconds to wait before the same is tried again.
    pub retry_after: Option<u64>,
    /// The rules' own code, where the rules refused.
    pub reason: Option<Cow<'static, str>>,
    /// The commit that keeps this refusal, if one does: every copy of that command gets it.
    pub position: Option<Position>,
}

impl Failure {
    /// This code, in these words.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None, reason: None, position: None }
    }

    /// Ask the client to wait this long, in milliseconds.
    #[must_use]
    pub fn retry_after(mut self, milliseconds: u64) -> Self {
        self.retry_after = Some(milliseconds);
        self
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::new(code, code.meaning())
    }
}

impl From<crate::actor::Rejection> for Failure {
    fn from(rejection: crate::actor::Rejection) -> Self {
        Self { reason: Some(rejection.code.into()), ..Self::new(Code::Rejected, rejection.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_unique_and_ranges_are_kept() {
        let numbers: Vec<u16> = Code::ALL.iter().map(|&c| c as u16).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "in order of number: {numbers:?}");
        let mut names: Vec<&str> = Code::ALL.iter().map(|c| c.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(numbers.iter().all(|n| (1000..5000).contains(n)));
        assert!(Code::Busy.is_retryable() && !Code::BadPosition.is_retryable());
    }
}
