//! Lists that are followed.

use dormouse_core::Name;

use super::*;
use crate::frame::List;

fn open_lists() -> Arc<List> {
    let kind: Name = "todo".parse().unwrap();
    Arc::new(List { kind, mine: false, status: Some("open".into()) })
}

fn list_frame(frame: Value) -> Value {
    with(frame, "list", json!({ "kind": "todo", "status": "open" }))
}

fn rows(n: u64, rows: Value) -> Value {
    list_frame(json!({ "type": "snapshot", "etag": etag(n), "view": { "rows": rows } }))
}

fn answered(kind: &str) -> Value {
    list_frame(json!({ "type": "resumed", "kind": kind }))
}

/// Of the row `a`.
fn renamed(base: u64, to: u64, title: &str) -> Value {
    let ops = json!([{ "op": "replace", "path": "/rows/a/title", "value": title }]);
    list_frame(json!({ "type": "patch", "base": etag(base), "etag": etag(to), "ops": ops }))
}

fn question() -> Value {
    list_frame(json!({ "action": "subscribe" }))
}

/// A list with the etag 1 that holds the row `a`.
fn watching() -> Script {
    let mut script = Script::new();
    script.open().event(Event::Watch(open_lists()));
    assert_eq!(script.sent(), [question()]);
    script.frame(answered("snapshot")).frame(rows(1, json!({ "a": { "title": "A" } })));
    assert_eq!(script.did(), r#"rows {"rows":{"a":{"title":"A"}}}"#);
    script
}

#[test]
fn a_list_moves_by_patches() {
    let mut script = watching();
    script.frame(renamed(1, 2, "B"));
    assert_eq!(script.did(), r#"rows {"rows":{"a":{"title":"B"}}}"#);
    assert_eq!(*script.session.rows(&open_lists()).unwrap(), json!({ "rows": { "a": { "title": "B" } } }));
}

#[test]
fn the_client_is_live_once_the_list_is_answered() {
    let mut script = Script::new();
    script.event(Event::Watch(open_lists())).open();
    assert_eq!((script.status(), script.sent()), (Status::Connecting, vec![question()]));
    script.frame(answered("snapshot"));
    assert_eq!(script.status(), Status::Live);
}

#[test]
fn after_a_drop_the_etag_says_what_is_held() {
    let mut script = watching();
    script.frame(renamed(1, 2, "B")).drop_line().reopen();
    assert_eq!(script.sent(), [with(question(), "etag", json!(etag(2)))]);
    script.frame(answered("current")).frame(renamed(2, 3, "C"));
    assert_eq!(script.did(), r#"rows {"rows":{"a":{"title":"C"}}}"#);
}

#[test]
fn a_patch_for_something_else_is_answered_by_asking() {
    let mut script = watching();
    script.frame(renamed(7, 8, "B"));
    assert_eq!((script.did(), script.sent()), (String::new(), vec![with(question(), "etag", json!(etag(1)))]));
    script.frame(renamed(1, 2, "C"));
    assert_eq!((script.did(), script.sent()), (String::new(), vec![]), "the answer will say it");
}

#[test]
fn a_patch_that_does_not_fit_is_answered_by_asking_for_the_whole() {
    let mut script = watching();
    let mut patch = renamed(1, 2, "B");
    patch["ops"][0]["path"] = json!("/rows/b/title");
    script.frame(patch);
    assert_eq!((script.did(), script.sent()), (String::new(), vec![question()]));
}

#[test]
fn nobody_listens_any_more() {
    let mut script = watching();
    script.event(Event::Release(Subject::List(open_lists()))).event(Event::Watch(open_lists()));
    script.after(limits::LINGER);
    assert_eq!(script.sent(), Vec::<Value>::new(), "somebody came at once");
    script.event(Event::Release(Subject::List(open_lists()))).after(limits::LINGER);
    assert_eq!(script.sent(), [list_frame(json!({ "action": "unsubscribe" }))]);
    script.frame(renamed(1, 2, "B"));
    assert_eq!(script.did(), "");
}

#[test]
fn a_refusal_ends_the_list_or_is_waited_for() {
    let mut script = watching();
    script.frame(list_frame(with(error(4404), "action", json!("unsubscribe"))));
    assert_eq!(script.did(), "", "what was refused is something else");
    script.frame(list_frame(error(1503))).wake();
    assert_eq!(script.sent(), [with(question(), "etag", json!(etag(1)))]);
    script.frame(list_frame(error(4404)));
    assert_eq!(script.did(), "ended no");
    script.event(Event::Close).event(Event::Watch(open_lists()));
    assert_eq!(script.did(), "ended closed");
}
