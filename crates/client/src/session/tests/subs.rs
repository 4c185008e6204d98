use super::*;

fn view(n: u64) -> Option<(Value, u64)> {
    Some((json!({ "n": n }), n))
}

fn watching() -> Script {
    let mut script = Script::new();
    script.open().watching(1, json!({ "n": 1 }));
    script
}

#[test]
fn a_view_is_asked_for_without_a_place_then_from_where_it_stands() {
    let mut script = Script::new();
    assert_eq!(script.open().subscribe(As::View, From::Now).sent(), [ask("view")]);
    script.frame(resumed("snapshot", 3, "view")).frame(snapshot(3, json!({ "n": 3 })));
    assert_eq!(script.did(), "view {\"n\":3} at 3");
    assert_eq!(script.frame(patch(3, 4)).view(), view(4));
    assert_eq!(script.drop_line().reopen().sent(), [ask_held(4)]);
    script.frame(resumed("current", 6, "view"));
    assert_eq!(
        (script.view(), script.did().as_str()),
        (Some((json!({ "n": 4 }), 6)), "resumed Current missed Some(2)")
    );
}

#[test]
fn a_view_that_was_promised_and_did_not_come_is_asked_for_again_from_the_old_place() {
    let mut script = watching();
    script.drop_line().reopen().frame(resumed("snapshot", 9, "view"));
    assert_eq!(script.drop_line().reopen().sent(), [ask_held(1)]);
}

#[test]
fn no_patch_and_no_snapshot_is_taken_twice() {
    let mut script = watching();
    script.frame(patch(1, 2)).frame(patch(2, 3));
    for old in [patch(1, 2), patch(2, 3), snapshot(1, json!({ "n": 1 }))] {
        assert!(script.frame(old).effects.is_empty());
    }
    assert_eq!(script.view(), view(3));
}

#[test]
fn an_old_patch_is_not_taken_for_a_new_one_when_a_view_came_back_to_what_it_was() {
    let mut script = watching();
    let back =
        with(with(patch(2, 3), "etag", json!(etag(1))), "ops", json!([{ "op": "replace", "path": "/n", "value": 1 }]));
    script.frame(patch(1, 2)).frame(back).frame(patch(1, 2));
    assert_eq!(script.view(), Some((json!({ "n": 1 }), 3)));
}

#[test]
fn accepted_may_come_before_the_patch_that_shows_it_or_after() {
    for patch_first in [false, true] {
        let mut script = watching();
        let key = script.send(json!("set"));
        let mut frames = [accepted(1, 2), patch(1, 2)];
        if patch_first {
            frames.reverse();
        }
        let did = frames.map(|frame| script.frame(frame).did());
        assert!(did.contains(&format!("accept {key} at 2")), "{did:?}");
        assert!(did.contains(&"view {\"n\":2} at 2".to_owned()), "{did:?}");
        assert_eq!(script.session.waiting(), 0);
    }
}

#[test]
fn an_unknown_base_waits_a_second_then_asks_with_what_it_holds() {
    let mut script = watching();
    assert!(script.frame(patch(5, 6)).effects.is_empty());
    assert!(script.after(Duration::from_millis(999)).sent().is_empty());
    assert_eq!(script.after(Duration::from_millis(1)).sent(), [ask_held(1)]);
}

#[test]
fn an_unknown_base_is_helped_by_the_snapshot_or_the_patch_that_was_overtaken() {
    let mut late = watching();
    late.frame(patch(5, 6)).frame(snapshot(5, json!({ "n": 5 })));
    assert_eq!(late.view(), view(6));
    let mut swapped = watching();
    swapped.frame(patch(2, 3)).frame(patch(1, 2));
    assert_eq!((swapped.view(), swapped.did().as_str()), (view(3), "view {\"n\":3} at 3"));
    assert!(swapped.after(Duration::from_secs(5)).sent().is_empty());
    let mut unhelped = watching();
    unhelped.frame(patch(5, 6)).frame(snapshot(3, json!({ "n": 3 })));
    assert_eq!(unhelped.after(limits::GAP).sent(), [ask_held(3)]);
}

#[test]
fn few_early_patches_are_kept() {
    let mut script = watching();
    for n in 5..105 {
        script.frame(patch(n, n + 1));
    }
    // 16 of them, up to commit 105: the one from 89 is the oldest.
    script.frame(snapshot(88, json!({ "n": 88 })));
    assert_eq!(script.view(), view(88));
    script.frame(snapshot(89, json!({ "n": 89 })));
    assert_eq!(script.view(), view(105));
}

#[test]
fn a_view_that_a_patch_does_not_fit_in_spite_of_its_base_is_asked_for_whole() {
    let mut script = watching();
    script.frame(with(patch(1, 2), "ops", json!([{ "op": "remove", "path": "/none" }])));
    assert_eq!(script.sent(), [ask("view")]);
    script.frame(resumed("snapshot", 2, "view")).frame(snapshot(2, json!({ "n": 2 })));
    assert_eq!(script.view(), view(2));
}

#[test]
fn every_operation_of_the_wire_is_applied() {
    let mut script = Script::new();
    script.open().watching(1, json!({ "items": { "a": 1, "b": 2 }, "order": ["a"], "names": {} }));
    let ops = json!([
        { "op": "replace", "path": "/items/a", "value": null }, { "op": "remove", "path": "/items/b" },
        { "op": "add", "path": "/order/-", "value": 7 }, { "op": "add", "path": "/names/a~1b~0c", "value": [1, 2.5] },
    ]);
    script.frame(with(patch(1, 2), "ops", ops));
    let expected = json!({ "items": { "a": null }, "order": ["a", 7], "names": { "a/b~c": [1, 2.5] } });
    assert_eq!(script.view(), Some((expected, 2)));
    script.frame(with(patch(2, 3), "ops", json!([{ "op": "replace", "path": "", "value": { "n": 3 } }])));
    assert_eq!(script.view(), view(3));
}

#[test]
fn a_view_whose_history_was_lost_is_reset_to_an_older_place() {
    let mut script = Script::new();
    script.open().watching(9, json!({ "n": 9 })).drop_line().reopen();
    assert_eq!(script.frame(resumed("reset", 2, "view")).did(), "resumed Reset missed None");
    script.frame(with(snapshot(2, json!({ "n": 2 })), "reset", json!(true)));
    assert_eq!(script.did(), "view {\"n\":2} at 2 reset");
    assert_eq!(script.frame(patch(2, 3)).view(), view(3));
    let mut alone = Script::new();
    alone.open().watching(9, json!({ "n": 9 }));
    alone.frame(with(snapshot(2, json!({ "n": 2 })), "reset", json!(true)));
    assert_eq!(alone.view(), view(2), "in the middle of a line, too");
}

#[test]
fn the_subscription_to_a_retired_actor_ends_and_is_not_asked_for_again() {
    let mut script = watching();
    script.drop_line().reopen().frame(resumed("gone", 2, "view"));
    assert_eq!((script.did().as_str(), script.status()), ("ended gone", Status::Live));
    assert!(script.drop_line().reopen().sent().is_empty());
    assert!(script.frame(snapshot(3, json!({}))).effects.is_empty());
}

#[test]
fn a_refused_subscription_does_what_the_range_says() {
    let refused = |code| with(with(error(code), "actor", json!(TODO)), "as", json!("view"));
    let mut stop = Script::new();
    stop.open().subscribe(As::View, From::Now).frame(refused(4404));
    assert_eq!(stop.did(), "ended no");

    let mut retry = Script::new();
    retry.open().subscribe(As::View, From::Now).frame(with(refused(1503), "retry_after", json!(2_000)));
    assert_eq!(retry.status(), Status::Live);
    assert!(retry.after(Duration::from_millis(1_999)).sent().is_empty());
    assert_eq!(retry.wake().sent(), [ask("view")]);

    let mut again = watching();
    again.drop_line().reopen().frame(refused(2400));
    assert_eq!(again.wake().sent(), [ask("view")], "without the place that was none");

    let mut whole = watching();
    whole.frame(error(2404));
    assert_eq!(whole.sent(), [ask_held(1)], "a 2xxx without an actor means all");
}

#[test]
fn a_refusal_without_as_is_of_what_waits_and_if_nothing_does_ends_nothing() {
    let refused = with(error(4403), "actor", json!(TODO));
    let mut asked = Script::new();
    assert_eq!(asked.open().subscribe(As::View, From::Now).frame(refused.clone()).did(), "ended no");
    let mut live = watching();
    assert_eq!(live.frame(refused.clone()).did(), "", "a signal was refused");
    assert_eq!(live.session.error().unwrap().code, 4403);
    let mut both = Script::new();
    both.open().subscribe(As::View, From::Now).frame(with(refused, "action", json!("signal")));
    assert_eq!(
        (both.did().as_str(), both.session.error().unwrap().code),
        ("", 4403),
        "a signal, though something waits"
    );
}

#[test]
fn a_subscription_that_nobody_answers_is_asked_for_again() {
    let mut script = Script::new();
    script.open().subscribe(As::View, From::Now);
    assert_eq!(script.after(limits::ANSWER).sent(), [ask("view"), json!({ "action": "ping", "positions": {} })]);
}

#[test]
fn events_resume_from_the_last_that_came_not_from_what_was_announced() {
    let mut script = Script::new();
    script.open().subscribe(As::Events, From::Start);
    assert_eq!(script.sent(), [with(ask("events"), "from", json!("start"))]);
    script.frame(resumed("tail", 9, "events")).frame(events(&[1, 2]));
    assert_eq!(script.did(), "events [1, 2] through 2");
    assert_eq!(script.drop_line().reopen().sent(), [with(ask("events"), "from", json!(pos(2)))]);
    script.frame(events(&[3]));
    assert_eq!(script.did(), "", "what comes before the answer comes again after it");
    script.frame(resumed("tail", 3, "events")).frame(events(&[3]));
    assert_eq!(script.did(), "events [3] through 3");
}

#[test]
fn events_that_overtook_others_are_asked_for_again_after_a_second() {
    let mut script = Script::new();
    script.open().subscribe(As::Events, From::Start).frame(resumed("tail", 2, "events")).frame(events(&[1, 2]));
    assert_eq!(script.frame(events(&[4])).did(), "");
    assert!(script.after(limits::GAP - Duration::from_millis(1)).sent().is_empty());
    assert_eq!(script.frame(events(&[3])).did(), "events [3] through 3");
    assert_eq!(script.wake().sent(), [with(ask("events"), "from", json!(pos(3)))]);
    assert_eq!(script.frame(resumed("tail", 4, "events")).frame(events(&[4])).did(), "events [4] through 4");
    let hidden = with(events(&[9]), "after_seq", json!(4));
    assert_eq!(script.frame(hidden).did(), "events [9] through 9", "nothing was heard of those between");
}

#[test]
fn events_whose_history_was_lost_begin_again() {
    let mut script = Script::new();
    script.open().subscribe(As::Events, From::After(pos(7))).frame(resumed("reset", 2, "events"));
    assert_eq!(script.drop_line().reopen().sent(), [with(ask("events"), "from", json!("start"))]);
    assert_eq!(script.frame(resumed("tail", 2, "events")).frame(events(&[1, 2])).did(), "events [1, 2] through 2");
}

#[test]
fn the_wire_goes_back_for_a_listener_that_wants_earlier_events() {
    let mut script = Script::new();
    script.open().subscribe(As::Events, From::After(pos(5))).frame(resumed("tail", 6, "events")).frame(events(&[6]));
    assert!(script.subscribe(As::Events, From::After(pos(6))).sent().is_empty());
    assert!(script.subscribe(As::Events, From::Now).sent().is_empty());
    assert_eq!(script.session.events_head(TODO), Some(6));
    assert_eq!(script.subscribe(As::Events, From::After(pos(2))).sent(), [with(ask("events"), "from", json!(pos(2)))]);
    script.frame(resumed("tail", 6, "events"));
    assert_eq!(script.subscribe(As::Events, From::Start).sent(), [with(ask("events"), "from", json!("start"))]);
}

#[test]
fn what_nobody_listens_to_is_left_after_a_while() {
    let release = || Event::Release(Subject::Actor(TODO.into(), As::View));
    let mut script = watching();
    script.event(release());
    assert!(script.sent().is_empty());
    script.subscribe(As::View, From::Now);
    assert!(script.after(limits::LINGER).sent().is_empty(), "somebody came back");
    script.event(release());
    assert_eq!(script.after(limits::LINGER).sent(), [json!({ "action": "unsubscribe", "actor": TODO, "as": "view" })]);
    assert!(script.drop_line().reopen().sent().is_empty());
}
