//! One listener's end of a subscription. Several of them share one subscription on the wire; each has its own place in the
//! events, so that what one has had it does not hear again for another's sake.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use dormouse_core::{Position, Principal, frame::client::From};

use crate::{
    fault::{Action, Fault},
    frame::{As, ResumedKind, Revealed},
    limits::EVENTS_BUFFERED_MAX,
    mailbox::Mailbox,
    session::{Held, Resumed},
};

/// What came, before it is given its type.
#[derive(Debug)]
pub(crate) enum Raw {
    View { held: Held, reset: bool },
    Events { events: Vec<Revealed>, position: Position, through_seq: u64, reset: bool },
}

/// The place in the events up to which a listener has heard: a commit, and which of its events.
type Cursor = (u64, u32);

const WHOLE_COMMIT: u32 = u32::MAX;

pub(crate) struct Feed {
    pub(crate) actor: Arc<str>,
    pub(crate) of: As,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    view: Option<Held>,
    position: Option<Position>,
    here: Vec<Principal>,
    here_count: usize,
    resumed: Option<Resumed>,
    cursor: Option<Cursor>,
    /// The next update tells to forget what came before.
    reset: bool,
    /// What the reader has not taken: of views the newest only.
    mailbox: Mailbox<Raw>,
    weight: usize,
    /// The position of the newest events handed over.
    handed: Option<Position>,
}

impl Feed {
    pub(crate) fn new(actor: Arc<str>, of: As, from: From) -> Self {
        let cursor = match from {
            From::Now => None,
            From::Start => Some((0, WHOLE_COMMIT)),
            From::After(position) => Some((position.seq, WHOLE_COMMIT)),
        };
        Self { actor, of, inner: Mutex::new(Inner { cursor, ..Inner::default() }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn view(&self) -> Option<Held> {
        self.inner().view.clone()
    }

    pub(crate) fn position(&self) -> Option<Position> {
        self.inner().position
    }

    pub(crate) fn resumed(&self) -> Option<Resumed> {
        self.inner().resumed.clone()
    }

    pub(crate) fn here(&self) -> (Vec<Principal>, usize) {
        let inner = self.inner();
        (inner.here.clone(), inner.here_count)
    }

    /// A later listener of events begins with the next one, even if the wire goes back for another's sake.
    pub(crate) fn begin_after(&self, seq: u64) {
        self.inner().cursor.get_or_insert((seq, WHOLE_COMMIT));
    }

    pub(crate) fn on_view(&self, held: Held, reset: bool) {
        let mut inner = self.inner();
        // What the reader did not take was reset too, for all it knows.
        let reset = reset || inner.mailbox.waiting.iter().any(|raw| matches!(raw, Raw::View { reset: true, .. }));
        inner.position = Some(held.position);
        inner.view = Some(held.clone());
        inner.mailbox.put_newest(Raw::View { held, reset });
    }

    pub(crate) fn on_resumed(&self, note: Resumed) {
        let mut inner = self.inner();
        if self.of == As::Events {
            if note.kind == ResumedKind::Reset {
                inner.cursor = Some((0, WHOLE_COMMIT));
                inner.reset = true;
            }
            inner.cursor.get_or_insert((note.position.seq, WHOLE_COMMIT));
        }
        if note.kind == ResumedKind::Current {
            inner.position = Some(note.position);
        }
        inner.resumed = Some(note);
    }

    pub(crate) fn on_events(&self, events: &[Revealed], position: Position, through_seq: u64) {
        let mut inner = self.inner();
        let cursor = inner.cursor;
        let is_new = |event: &&Revealed| cursor.is_none_or(|heard| (event.seq, event.index) > heard);
        let events: Vec<Revealed> = events.iter().filter(is_new).cloned().collect();
        inner.cursor = inner.cursor.max(Some((through_seq, WHOLE_COMMIT)));
        let weight = events.len().max(1);
        if inner.weight + weight > EVENTS_BUFFERED_MAX {
            let mut fault = Fault::local(
                "too_slow",
                format!("More than {EVENTS_BUFFERED_MAX} events were not read. Subscribe again from `position`."),
                Action::Resubscribe,
            );
            fault.position = inner.handed;
            return inner.mailbox.end(Some(fault));
        }
        inner.position = Some(position);
        if events.is_empty() && !inner.reset {
            return;
        }
        inner.weight += weight;
        inner.handed = Some(position);
        let reset = std::mem::take(&mut inner.reset);
        inner.mailbox.put(Raw::Events { events, position, through_seq, reset });
    }

    pub(crate) fn on_presence(&self, here: Vec<Principal>, count: usize) {
        let mut inner = self.inner();
        inner.here = here;
        inner.here_count = count;
    }

    pub(crate) fn end(&self, fault: Option<Fault>) {
        self.inner().mailbox.end(fault);
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.inner().mailbox.is_ended()
    }

    /// The next update; what is held is still handed out after the end.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Option<Result<Raw, Fault>>> {
        let mut inner = self.inner();
        let next = inner.mailbox.poll(waker);
        if let Poll::Ready(Some(Ok(Raw::Events { events, .. }))) = &next {
            inner.weight -= events.len().max(1);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dormouse_core::Time;
    use serde_json::{Value, json};

    fn at(seq: u64) -> Position {
        Position { epoch: 1, seq, tag: [0; 8] }
    }

    fn event(seq: u64, index: u32) -> Revealed {
        Revealed { seq, index, at: Time(0), event: Value::Null }
    }

    fn next(feed: &Feed) -> Option<Option<Result<Raw, Fault>>> {
        match feed.poll(Waker::noop()) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    fn heard(feed: &Feed) -> Vec<Cursor> {
        match next(feed) {
            Some(Some(Ok(Raw::Events { events, .. }))) => events.iter().map(|it| (it.seq, it.index)).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn views_collapse_to_the_newest_and_keep_a_reset() {
        let feed = Feed::new("a/b".into(), As::View, From::Now);
        let held = |n: u64| Held { view: Arc::new(json!(n)), position: at(n), etag: String::new() };
        feed.on_view(held(1), true);
        feed.on_view(held(2), false);
        let Some(Some(Ok(Raw::View { held, reset }))) = next(&feed) else { panic!("a view") };
        assert_eq!((&*held.view, reset), (&json!(2), true));
        assert!(next(&feed).is_none());
    }

    #[test]
    fn an_event_is_heard_once_whatever_the_wire_repeats() {
        let feed = Feed::new("a/b".into(), As::Events, From::After(at(2)));
        feed.on_events(&[event(1, 0), event(2, 0), event(3, 0), event(3, 1)], at(3), 3);
        assert_eq!(heard(&feed), [(3, 0), (3, 1)]);
        feed.on_events(&[event(3, 1), event(4, 0)], at(4), 4);
        assert_eq!(heard(&feed), [(4, 0)]);
    }

    #[test]
    fn a_reset_begins_again_from_the_first_event() {
        let feed = Feed::new("a/b".into(), As::Events, From::After(at(9)));
        feed.on_resumed(Resumed { kind: ResumedKind::Reset, missed: None, position: at(1) });
        feed.on_events(&[event(1, 0)], at(1), 1);
        let Some(Some(Ok(Raw::Events { events, reset, .. }))) = next(&feed) else { panic!("events") };
        assert_eq!((events.len(), reset), (1, true));
    }

    #[test]
    fn a_reader_that_does_not_come_is_told_where_it_stands() {
        let feed = Feed::new("a/b".into(), As::Events, From::Start);
        for seq in 1..=EVENTS_BUFFERED_MAX as u64 + 1 {
            feed.on_events(&[event(seq, 0)], at(seq), seq);
        }
        for _ in 0..EVENTS_BUFFERED_MAX {
            assert!(matches!(next(&feed), Some(Some(Ok(_)))));
        }
        let Some(Some(Err(fault))) = next(&feed) else { panic!("the end") };
        assert_eq!((&*fault.name, fault.position), ("too_slow", Some(at(EVENTS_BUFFERED_MAX as u64))));
        assert!(matches!(next(&feed), Some(None)));
    }
}
