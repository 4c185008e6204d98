//! What a host does not send over this line and is read over HTTP instead, again and again: lists where it follows none, and views that are too
//! large for a message of the line.

use std::{sync::Arc, time::Duration};

use dormouse_core::codes::Code;
use serde_json::{Map, Value};

use super::{
    Effect, Held, Session,
    subs::{Phase, Sub, Subject, order},
};
use crate::{
    fault::{Action, Fault},
    frame::As,
    limits::{ANSWER, POLL},
};

pub(super) fn is_read_instead(subject: &Subject, fault: &Fault) -> bool {
    let of = |code: Code| fault.code == code as u16;
    match subject {
        Subject::List(_) => of(Code::UnknownType),
        Subject::Actor(_, As::View) => of(Code::TooLarge),
        Subject::Actor(_, As::Events) => false,
    }
}

impl Sub {
    /// When to read, or to give up reading. Nothing is read for nobody.
    pub(super) fn poll_at(&self) -> Option<Duration> {
        match self.phase {
            Phase::Polled { at } => Some(at).filter(|_| self.drop_at.is_none()),
            Phase::Reading { since } => Some(since + ANSWER),
            _ => None,
        }
    }
}

impl Session {
    /// The first read is at once, and each other one not before its time, however often the line says no.
    pub(super) fn poll(&mut self, subject: &Subject) {
        let (now, pause) = (self.now, self.pause());
        let Some(sub) = self.subs.0.get_mut(subject) else { return };
        let at = sub.read_at.map_or(now, |read| now.max(read + pause));
        sub.phase = Phase::Polled { at };
        self.tick_polls();
    }

    pub(super) fn tick_polls(&mut self) {
        let now = self.now;
        for subject in self.subs.subjects_where(|_, sub| sub.poll_at().is_some_and(|at| at <= now)) {
            let Some(sub) = self.subs.0.get_mut(&subject) else { continue };
            if let Phase::Reading { .. } = sub.phase {
                self.rest(&subject, None);
                continue;
            }
            sub.phase = Phase::Reading { since: now };
            sub.read_at = Some(now);
            sub.reads += 1;
            let read = sub.reads;
            self.effects.push(Effect::Read { subject, read });
        }
    }

    pub(super) fn on_read(&mut self, subject: &Subject, read: u64, answer: Result<Value, Fault>) {
        let awaited = |sub: &Sub| matches!(sub.phase, Phase::Reading { .. }) && sub.reads == read;
        if !self.subs.0.get(subject).is_some_and(awaited) {
            return;
        }
        let shown = answer.and_then(|answer| self.show_read(subject, answer));
        match shown {
            Ok(()) => {}
            Err(fault) if fault.action == Action::Stop => self.end(subject, Some(fault)),
            Err(fault) => self.rest(subject, fault.retry_after),
        }
    }

    fn show_read(&mut self, subject: &Subject, answer: Value) -> Result<(), Fault> {
        let bad = || Fault::local("unexpected_answer", "The host's answer is not what it should be.", Action::Retry);
        match subject {
            Subject::List(_) => self.show_rows(subject, rows_by_id(answer).ok_or_else(bad)?),
            Subject::Actor(actor, _) => {
                let held = serde_json::from_value(answer).map_err(|_| bad())?;
                self.show_view(actor.clone(), held);
                // Who holds the newest view is sent what changes, and that may be small enough.
                self.ask(subject);
            }
        }
        Ok(())
    }

    fn show_rows(&mut self, subject: &Subject, view: Value) {
        let at = self.now + self.pause();
        let (Some(sub), Subject::List(list)) = (self.subs.0.get_mut(subject), subject) else { return };
        sub.phase = Phase::Polled { at };
        sub.retries = 0;
        sub.etag = None;
        if sub.view.as_deref() == Some(&view) {
            return;
        }
        let view = sub.view.insert(Arc::new(view)).clone();
        self.effects.push(Effect::Rows { list: list.clone(), view });
    }

    fn show_view(&mut self, actor: Arc<str>, held: Held) {
        let Some(sub) = self.subs.0.get_mut(&Subject::Actor(actor.clone(), As::View)) else { return };
        sub.retries = 0;
        let is_known = sub.position.is_some_and(|known| order(held.position) <= order(known));
        if is_known && sub.etag.is_some() {
            return;
        }
        (sub.view, sub.position, sub.etag) = (Some(held.view), Some(held.position), Some(held.etag));
        self.show(actor, false);
    }

    /// It failed, for now. What is held stays.
    fn rest(&mut self, subject: &Subject, retry_after: Option<Duration>) {
        let Some(retries) = self.subs.0.get(subject).map(|sub| sub.retries) else { return };
        let at = self.now + self.pause() + self.backoff(retries, retry_after);
        let Some(sub) = self.subs.0.get_mut(subject) else { return };
        sub.phase = Phase::Polled { at };
        sub.retries += 1;
    }

    fn pause(&self) -> Duration {
        POLL.mul_f64(0.75 + self.random / 2.0)
    }
}

/// A page as the view of a list has it.
fn rows_by_id(mut page: Value) -> Option<Value> {
    let rows = page.get_mut("rows")?.as_array_mut()?;
    let row_by_id = |row: &mut Value| Some((row.get("id")?.as_str()?.to_owned(), row.take()));
    let by_id: Map<String, Value> = rows.iter_mut().map(row_by_id).collect::<Option<_>>()?;
    page["rows"] = Value::Object(by_id);
    Some(page)
}
