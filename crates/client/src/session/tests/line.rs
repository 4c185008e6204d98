use super::*;
use crate::Action;

fn fault(code: u16) -> Fault {
    serde_json::from_value(json!({ "code": code, "name": "no", "message": "" })).unwrap()
}

fn goodbye(code: u16, retry_after: u64) -> Value {
    json!({ "type": "goodbye", "code": code, "name": "no", "message": "", "retry_after": retry_after })
}

#[test]
fn live_only_after_every_subscription_was_answered() {
    let mut script = Script::new();
    assert_eq!(script.status(), Status::Connecting);
    script.subscribe(As::View, From::Now);
    assert_eq!(script.event(Event::Tick).did(), "connect 1");
    script.greet(json!({}));
    assert_eq!(script.status(), Status::Connecting);
    script.frame(resumed("snapshot", 1, "view"));
    assert_eq!(script.status(), Status::Live);
    script.drop_line();
    assert_eq!(script.status(), Status::Offline);
    script.reopen();
    assert_eq!(script.status(), Status::Replaying);
    script.frame(resumed("current", 1, "view"));
    assert_eq!(script.status(), Status::Live);
}

#[test]
fn waits_double_up_to_their_bound_and_begin_anew_after_a_stable_line() {
    let mut script = Script::new();
    script.event(Event::Tick);
    let mut waits = Vec::new();
    for _ in 0..9 {
        script.drop_line();
        waits.push((script.session.deadline().unwrap() - script.now).as_millis());
        script.wake();
    }
    assert_eq!(
        waits,
        [125, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000],
        "half of 250 ms to 20 s, at random 0"
    );
    script.greet(json!({}));
    script.drop_line();
    assert_eq!(script.session.deadline().unwrap() - script.now, limits::MAX_DELAY / 2, "welcomed, but not for long");
    script.reopen();
    script.now += limits::STABLE;
    script.random = 0.999_999;
    script.drop_line();
    let wait = script.session.deadline().unwrap() - script.now;
    assert!(wait > limits::FIRST_DELAY - Duration::from_millis(1) && wait <= limits::FIRST_DELAY, "{wait:?}");
}

#[test]
fn what_the_host_asks_for_in_goodbye_is_waited() {
    let mut script = Script::new();
    script.open();
    assert_eq!(script.frame(goodbye(1504, 3_000)).did(), "disconnect 1");
    assert_eq!(script.session.deadline().unwrap() - script.now, Duration::from_secs(3));
    assert_eq!(script.wake().did(), "connect 2");
}

#[test]
fn a_token_that_a_host_refuses_is_asked_for_anew() {
    for frame in [goodbye(3402, 0), error(3401)] {
        let mut script = Script::new();
        script.open().frame(frame);
        assert_eq!(script.status(), Status::Offline);
        assert_eq!(script.wake().did(), "connect 2 fresh");
        script.drop_line();
        assert_eq!(script.wake().did(), "connect 3", "a fresh one is no longer asked for");
    }
}

#[test]
fn hello_carries_the_token_of_its_own_connect() {
    let mut script = Script::new();
    for (line, token) in [(1, "one"), (2, "two")] {
        script.wake();
        script.event(Event::Opened { line, token: Token(token.into()) });
        assert_eq!(script.sent(), [json!({ "action": "hello", "token": token })]);
        script.drop_line();
    }
}

#[test]
fn a_4xxx_ends_the_trying_until_the_application_plugs_it_in_again() {
    let mut script = Script::new();
    script.open().frame(goodbye(4423, 0));
    assert_eq!((script.status(), script.session.deadline()), (Status::Closed, None));
    assert_eq!(script.session.error().unwrap().code, 4423);
    script.send(json!(1));
    assert_eq!(script.session.waiting(), 1, "kept for whoever plugs it in");
    assert_eq!(script.event(Event::Plug).did(), "connect 2");
    assert_eq!(script.greet(json!({})).sent(), [command(1, json!(1))]);
}

#[test]
fn an_error_about_one_frame_does_not_end_the_line_but_what_it_said_counts_if_the_line_ends() {
    let mut script = Script::new();
    script.open().frame(error(4411));
    assert_eq!((script.status(), script.did().as_str()), (Status::Live, ""));
    script.frame(with(error(1430), "retry_after", json!(7_000)));
    script.drop_line();
    assert_eq!(script.session.deadline().unwrap() - script.now, Duration::from_secs(7));
    script.reopen().frame(error(1430));
    script.drop_with(Some(fault(3402)));
    assert_eq!(script.wake().did(), "connect 3 fresh", "the line's own end says more");
}

#[test]
fn close_codes_say_what_their_group_says() {
    for (close, action) in [(4401, Action::SignIn), (4403, Action::Stop), (4429, Action::Retry), (1006, Action::Retry)]
    {
        assert_eq!(Action::of_close(close), action, "{close}");
    }
    assert_eq!(Action::of_code(5000), Action::Retry, "a number that is not known yet");
}

#[test]
fn a_host_that_does_not_answer_is_left() {
    let mut script = Script::new();
    script.event(Event::Tick);
    assert_eq!(script.after(limits::CONNECT).did(), "disconnect 1");
    script.wake();
    script.event(Event::Opened { line: 2, token: Token("t".into()) });
    assert_eq!(script.after(limits::CONNECT).did(), "disconnect 2", "it opened and gave no welcome");
}

#[test]
fn a_ping_tells_positions_and_a_pong_that_does_not_come_means_a_dead_line() {
    let mut script = Script::new();
    script.open().watching(4, json!({ "n": 4 }));
    script.after(Duration::from_secs(25));
    assert_eq!(script.sent(), [json!({ "action": "ping", "positions": { TODO: pos(4) } })]);
    script.frame(json!({ "type": "pong", "behind": {} }));
    assert!(script.after(limits::PONG).did().is_empty());
    script.after(Duration::from_secs(15));
    assert_eq!(script.sent()[0]["action"], "ping");
    assert_eq!(script.after(limits::PONG).did(), "disconnect 1");
    assert_eq!(script.wake().did(), "connect 2");
}

#[test]
fn a_pong_finds_what_was_lost() {
    let mut script = Script::new();
    script.open().watching(4, json!({ "n": 4 }));
    script.frame(json!({ "type": "pong", "behind": { TODO: pos(6), "todo/other": pos(9) } }));
    assert_eq!(script.sent(), [ask_held(4)]);
    script.frame(resumed("current", 6, "view"));
    assert!(script.frame(json!({ "type": "pong", "behind": { TODO: pos(6) } })).sent().is_empty());
}

#[test]
fn an_old_line_is_not_heard() {
    let mut script = Script::new();
    script.open().watching(1, json!({ "n": 1 })).drop_line().wake();
    let frame = decode(&patch(1, 2).to_string()).unwrap().unwrap();
    script.event(Event::Frame { line: 1, frame });
    assert_eq!(script.view(), Some((json!({ "n": 1 }), 1)));
    assert!(script.event(Event::Dropped { line: 1, fault: None }).effects.is_empty());
    assert!(script.event(Event::Opened { line: 1, token: Token("t".into()) }).effects.is_empty());
}

#[test]
fn unplugged_it_waits_and_plugged_in_it_goes_on() {
    let mut script = Script::new();
    script.open().watching(1, json!({ "n": 1 }));
    assert_eq!(script.event(Event::Unplug).did(), "disconnect 1");
    assert_eq!((script.status(), script.session.deadline()), (Status::Offline, None));
    script.send(json!(1));
    script.event(Event::Plug);
    assert_eq!(script.greet(json!({})).sent(), [ask_held(1), command(1, json!(1))]);
}

#[test]
fn closed_it_answers_everybody_and_stays_so() {
    let mut script = Script::new();
    script.open().watching(1, json!({ "n": 1 }));
    let key = script.send(json!(1));
    assert_eq!(script.event(Event::Close).did(), format!("disconnect 1\nrefuse {key}: 0 closed\nended closed"));
    assert!(script.event(Event::Plug).effects.is_empty());
    assert_eq!(script.status(), Status::Closed);
    assert_eq!(script.subscribe(As::View, From::Now).did(), "ended closed");
}

#[test]
fn signals_and_presence_pass_through_and_signals_are_not_kept() {
    let mut script = Script::new();
    let signal = || Event::Signal { actor: TODO.into(), signal: raw(&json!({ "type": "typing" })) };
    assert!(script.event(signal()).sent().is_empty());
    assert!(script.open().sent().is_empty());
    script.event(signal());
    assert_eq!(script.sent(), [json!({ "action": "signal", "actor": TODO, "signal": { "type": "typing" } })]);
    script.frame(json!({ "type": "signal", "actor": TODO, "task": "move-7", "signal": "Kni" }));
    assert_eq!(script.did(), "signal \"Kni\"");
    script.frame(json!({ "type": "presence", "actor": TODO, "here": [{ "id": "a", "name": "A" }], "count": 3 }));
    assert_eq!(script.did(), "presence 3");
}

#[test]
fn a_host_that_asks_for_no_pings_gets_them_all_the_same() {
    let mut script = Script::new();
    script.open_with(json!({ "limits": { "frame_bytes": 65_536, "signal_bytes": 4_096, "ping_seconds": u64::MAX } }));
    script.after(limits::PING_EVERY_MAX);
    assert_eq!(script.sent()[0]["action"], "ping");
}
