//! What does not come over the line and is read over HTTP in its place.

use super::*;
use crate::{
    fault::Action,
    frame::List,
    limits::{ANSWER, LINGER, PING_EVERY_MAX, POLL},
};

/// Shorter than what a pause ever is, and longer.
const SOONEST: Duration = Duration::from_millis(POLL.as_millis() as u64 * 3 / 4);
const A_MOMENT: Duration = Duration::from_millis(1);

fn all() -> Arc<List> {
    Arc::new(List::of("todo".parse().unwrap()))
}

fn list() -> Subject {
    Subject::List(all())
}

fn view() -> Subject {
    Subject::Actor(TODO.into(), As::View)
}

/// The error frame that says that it has to be read.
fn refused(of: &Subject) -> Value {
    let (code, name, about, what) = match of {
        Subject::List(_) => (4413, "unknown_type", "list", json!({ "kind": "todo" })),
        Subject::Actor(..) => (4420, "too_large", "actor", json!(TODO)),
    };
    let mut frame = json!({ "type": "error", "code": code, "name": name, "message": "" });
    frame[about] = what;
    if let Subject::Actor(_, of) = of {
        frame["as"] = json!(of);
    }
    frame
}

fn fault(action: Action) -> Fault {
    Fault::local("away", "", action)
}

impl Script {
    fn read(&mut self, subject: Subject, read: u64, answer: Result<Value, Fault>) -> &mut Self {
        self.event(Event::Read { subject, read, answer })
    }

    /// Whether the next thing is to read, after this long.
    fn reads_after(&mut self, wait: Duration) -> bool {
        self.after(wait - A_MOMENT);
        assert_eq!(self.did(), "");
        self.after(A_MOMENT).did().starts_with("read")
    }
}

/// A list that is read for the first time.
fn reading() -> Script {
    let mut script = Script::new();
    script.open().event(Event::Watch(all())).frame(refused(&list()));
    assert_eq!((script.did().as_str(), script.status()), ("read 1", Status::Live));
    script
}

fn page(ids: &[&str]) -> Value {
    let rows: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "rows": rows })
}

#[test]
fn a_list_that_is_not_followed_is_read_again_and_again_and_told_when_it_changed() {
    let mut script = reading();
    script.read(list(), 1, Ok(with(page(&["a"]), "next", json!("more"))));
    assert_eq!(script.did(), r#"rows {"next":"more","rows":{"a":{"id":"a"}}}"#);
    assert!(script.reads_after(SOONEST));
    script.read(list(), 2, Ok(with(page(&["a"]), "next", json!("more"))));
    assert_eq!(script.did(), "", "as before");
    script.random = 0.5;
    assert!(script.reads_after(SOONEST), "the pause was chosen before");
    script.read(list(), 3, Ok(page(&["b"])));
    assert_eq!(script.did(), r#"rows {"rows":{"b":{"id":"b"}}}"#);
    assert!(script.reads_after(POLL), "many clients read at many times");
}

#[test]
fn nothing_is_read_for_nobody() {
    let mut script = reading();
    script.read(list(), 1, Ok(page(&["a"]))).after(SOONEST - A_MOMENT);
    script.event(Event::Release(list()));
    assert_eq!(script.after(2 * A_MOMENT).did(), "");
    assert!(script.session.deadline().unwrap() > script.now, "it sleeps meanwhile");
    script.after(LINGER);
    assert_eq!(script.session.rows(&all()), None);
}

#[test]
fn what_cannot_be_read_is_tried_less_often_until_it_can() {
    let mut script = reading();
    let mut pauses = Vec::new();
    for read in 1..10 {
        script.read(list(), read, Err(fault(Action::Retry)));
        let before = script.now;
        while !script.wake().did().starts_with("read") {
            script.frame(json!({ "type": "pong", "behind": {} }));
        }
        pauses.push(script.now - before);
    }
    assert!(pauses.is_sorted() && pauses[8] > pauses[0] + Duration::from_secs(5), "{pauses:?}");
    script.read(list(), 10, Ok(json!({ "rows": "none" })));
    assert_eq!(script.did(), "", "no list is no answer");
    script.frame(json!({ "type": "pong", "behind": {} }));
    while !script.wake().did().starts_with("read") {
        script.frame(json!({ "type": "pong", "behind": {} }));
    }
    script.read(list(), 11, Ok(page(&["a"])));
    assert!(script.did().starts_with("rows"));
    assert!(script.reads_after(SOONEST));
}

#[test]
fn an_answer_that_does_not_come_is_asked_for_again_and_a_late_one_is_none() {
    let mut script = reading();
    script.after(ANSWER).frame(json!({ "type": "pong", "behind": {} }));
    assert_eq!(script.after(2 * POLL).did(), "read 2");
    assert_eq!(script.read(list(), 1, Ok(page(&["a"]))).did(), "");
    assert!(script.read(list(), 2, Ok(page(&["a"]))).did().starts_with("rows"));
}

#[test]
fn a_list_that_is_not_there_ends() {
    let mut script = reading();
    assert_eq!(script.read(list(), 1, Err(fault(Action::Stop))).did(), "ended away");
}

#[test]
fn after_a_drop_the_host_may_follow_it() {
    let mut script = reading();
    script.read(list(), 1, Ok(page(&["a"]))).drop_line().reopen();
    assert_eq!(script.sent(), [json!({ "action": "subscribe", "list": { "kind": "todo" } })]);
    script.frame(json!({ "type": "resumed", "list": { "kind": "todo" }, "kind": "snapshot" }));
    assert_eq!(script.after(2 * POLL).did(), "");
}

fn looked_at(n: u64) -> Value {
    json!({ "position": pos(n), "etag": etag(n), "view": { "n": n } })
}

#[test]
fn a_view_that_is_too_large_is_read_and_followed_from_there() {
    let mut script = Script::new();
    script.open().watching(1, json!({ "n": 1 })).frame(refused(&view()));
    assert_eq!(script.did(), "read 1");
    script.read(view(), 1, Ok(looked_at(3)));
    assert_eq!(script.did(), r#"view {"n":3} at 3"#);
    let question = json!({ "action": "subscribe", "actor": TODO, "as": "view", "from": pos(3), "etag": etag(3) });
    assert_eq!(script.sent(), [question]);
    script.frame(resumed("snapshot", 4, "view")).frame(refused(&view()));
    assert_eq!(script.did(), "", "no more often than a list");
    assert!(script.reads_after(SOONEST));
    script.read(view(), 2, Ok(looked_at(2)));
    assert_eq!((script.did().as_str(), script.view().unwrap().1), ("", 3), "never back");
    script.frame(resumed("current", 3, "view"));
    assert_eq!(script.after(2 * POLL).did(), "");
}

#[test]
fn events_are_not_read_in_their_place() {
    let mut script = Script::new();
    script.open().subscribe(As::Events, From::Now);
    script.frame(refused(&Subject::Actor(TODO.into(), As::Events)));
    assert_eq!(script.did(), "ended too_large");
}

#[test]
fn a_line_that_carries_less_gets_no_command_that_would_end_it() {
    let mut script = Script::new();
    let large = script.send(json!("x".repeat(40_000)));
    let small = script.send(json!("x"));
    script.open_with(json!({ "limits": { "frame_bytes": 32_768, "signal_bytes": 64, "ping_seconds": 25 } }));
    assert_eq!(script.did(), format!("refuse {large}: 0 too_large"));
    assert_eq!(script.sent().len(), 1);
    script.frame(accepted(small, 2));
    let sent = script.send(json!("x".repeat(20_000)));
    script.drop_line().wake();
    script.greet(json!({ "limits": { "frame_bytes": 16_384, "signal_bytes": 64, "ping_seconds": 25 } }));
    assert_eq!(script.did(), format!("refuse {sent}: 0 unknown_outcome"));
}

#[test]
fn ten_minutes_never_pass_in_silence() {
    assert!(PING_EVERY_MAX < Duration::from_secs(10 * 60), "then API Gateway closes a connection");
}
