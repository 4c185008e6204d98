//! The line to the host: connecting, greeting, heartbeat, and what to do after each way that it can end.

use std::time::Duration;

use super::{Effect, Session, backoff};
use crate::{
    fault::{Action, Fault},
    frame::{Action as Asked, ClientFrame, Refusal, Token, Welcome},
    limits,
};

/// One attempt at a connection after another.
#[derive(Debug, Clone)]
pub(super) enum Line {
    Unplugged,
    Stopped,
    Waiting { until: Duration },
    Opening { deadline: Duration },
    Greeting { deadline: Duration },
    Open { live_since: Option<Duration>, ping_at: Duration, pong_by: Option<Duration> },
}

impl Line {
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Unplugged | Self::Stopped => None,
            Self::Waiting { until } => Some(*until),
            Self::Opening { deadline } | Self::Greeting { deadline } => Some(*deadline),
            Self::Open { ping_at, pong_by, .. } => Some(pong_by.map_or(*ping_at, |pong_by| pong_by.min(*ping_at))),
        }
    }

    fn is_up(&self) -> bool {
        matches!(self, Self::Opening { .. } | Self::Greeting { .. } | Self::Open { .. })
    }
}

impl Session {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.line, Line::Open { .. })
    }

    /// What an abandoned line still says is not heard.
    pub(super) fn is_current(&self, line: u64) -> bool {
        self.number == line && self.line.is_up()
    }

    fn connect(&mut self) {
        self.number += 1;
        self.verdict = None;
        self.line = Line::Opening { deadline: self.now + limits::CONNECT };
        let fresh = std::mem::take(&mut self.fresh_token);
        self.effects.push(Effect::Connect { line: self.number, fresh });
    }

    pub(super) fn on_opened(&mut self, token: Token) {
        if !matches!(self.line, Line::Opening { .. }) {
            return;
        }
        self.line = Line::Greeting { deadline: self.now + limits::CONNECT };
        let outbox = self.outbox.id().map(str::to_owned);
        self.transmit(ClientFrame::Hello { token, outbox });
    }

    pub(super) fn on_welcome(&mut self, frame: Welcome) {
        if !matches!(self.line, Line::Greeting { .. }) {
            return;
        }
        self.in_flight = frame.in_flight.max(1);
        self.bounds = frame.limits;
        self.line = Line::Open { live_since: None, ping_at: self.now + self.ping_every(), pong_by: None };
        self.use_outbox(&frame.principal.id, &frame.outbox);
        self.principal = Some(frame.principal);
        self.refuse_too_large();
        self.ask_all();
        self.flush();
    }

    fn ping_every(&self) -> Duration {
        Duration::from_secs(self.bounds.ping_seconds.max(1)).min(limits::PING_EVERY_MAX)
    }

    /// Live means answered from end to end: a welcome, and an answer to every subscription that was waiting for one.
    pub(super) fn check_live(&mut self) {
        let now = self.now;
        if let Line::Open { live_since: live_since @ None, .. } = &mut self.line
            && !self.subs.any_asked()
        {
            *live_since = Some(now);
            self.ever_live = true;
            self.error = None;
        }
    }

    pub(super) fn on_pong(&mut self) {
        if let Line::Open { pong_by, .. } = &mut self.line {
            *pong_by = None;
        }
    }

    pub(super) fn on_error(&mut self, frame: Refusal) {
        let Refusal { fault, action, actor, r#as } = frame;
        match (action, actor) {
            // An older host does not say which question it refuses.
            (Some(Asked::Subscribe) | None, Some(actor)) => return self.on_sub_error(&actor, r#as, &fault),
            (Some(_), Some(_)) | (Some(Asked::Signal), None) => {
                // It ends nothing.
                self.error = Some(fault);
                return;
            }
            (_, None) => {}
        }
        if !self.is_open() || fault.action == Action::SignIn {
            return self.hang_up(Some(fault));
        }
        match fault.action {
            Action::Resubscribe => self.ask_all(),
            // Kept in case the host closes now. A 4xxx is not: it condemns one frame, and the close code tells if it is more.
            Action::Retry => self.verdict = Some(fault.clone()),
            Action::Stop | Action::SignIn => {}
        }
        self.error = Some(fault);
    }

    pub(super) fn on_dropped(&mut self, fault: Option<Fault>) {
        let is_final = fault.as_ref().is_some_and(|f| matches!(f.action, Action::Stop | Action::SignIn));
        let verdict = self.verdict.take().filter(|_| !is_final);
        self.lose(verdict.or(fault));
    }

    /// Ends the line from our side and acts as if the host had ended it for this reason.
    pub(super) fn hang_up(&mut self, fault: Option<Fault>) {
        if self.line.is_up() {
            self.effects.push(Effect::Disconnect { line: self.number });
            self.lose(fault);
        }
    }

    fn lose(&mut self, fault: Option<Fault>) {
        let live_since = if let Line::Open { live_since, .. } = self.line { live_since } else { None };
        if live_since.is_some_and(|since| self.now - since >= limits::STABLE) {
            self.attempt = 0;
        }
        self.recall();
        let action = fault.as_ref().map(|fault| fault.action);
        let retry_after = fault.as_ref().and_then(|fault| fault.retry_after);
        self.error = fault.or(self.error.take());
        self.fresh_token = action == Some(Action::SignIn);
        self.line = match action {
            Some(Action::Stop) => Line::Stopped,
            _ => Line::Waiting { until: self.now + self.backoff(self.attempt, retry_after) },
        };
        self.attempt = self.attempt.saturating_add(1);
    }

    pub(super) fn backoff(&self, attempt: u32, retry_after: Option<Duration>) -> Duration {
        backoff(attempt, self.random, self.max_delay, retry_after)
    }

    fn recall(&mut self) {
        self.verdict = None;
        self.recall_sent();
        self.subs.idle();
    }

    fn leave(&mut self) {
        if self.line.is_up() {
            self.effects.push(Effect::Disconnect { line: self.number });
        }
        self.recall();
    }

    pub(super) fn plug(&mut self) {
        if !self.closed && !self.line.is_up() {
            self.attempt = 0;
            self.connect();
        }
    }

    pub(super) fn unplug(&mut self) {
        if !self.closed {
            self.leave();
            self.line = Line::Unplugged;
        }
    }

    pub(super) fn close(&mut self, fault: Option<Fault>) {
        if self.closed {
            return;
        }
        self.leave();
        self.closed = true;
        self.line = Line::Stopped;
        self.reject_all(&fault.clone().unwrap_or_else(Fault::closed));
        self.end_all(fault.as_ref());
        self.error = fault.or(self.error.take());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn tick_line(&mut self) {
        let now = self.now;
        match self.line {
            Line::Waiting { until } if until <= now => self.connect(),
            Line::Opening { deadline } | Line::Greeting { deadline } if deadline <= now => {
                self.hang_up(Some(Fault::local("connect_timeout", "The host does not answer.", Action::Retry)));
            }
            Line::Open { pong_by: Some(by), .. } if by <= now => {
                self.hang_up(Some(Fault::local("no_pong", "The line is dead.", Action::Retry)));
            }
            Line::Open { ping_at, .. } if ping_at <= now => self.ping(),
            _ => {}
        }
    }

    /// Something has had no answer for so long that the line may be dead: a ping tells sooner than the next one in turn would.
    pub(super) fn doubt_line(&mut self) {
        if let Line::Open { pong_by: None, .. } = self.line {
            self.ping();
        }
    }

    fn ping(&mut self) {
        let (now, every) = (self.now, self.ping_every());
        if let Line::Open { ping_at, pong_by, .. } = &mut self.line {
            *ping_at = now + every;
            pong_by.get_or_insert(now + limits::PONG);
        }
        let positions = self.subs.positions();
        self.transmit(ClientFrame::Ping { positions });
    }
}
