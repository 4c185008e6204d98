use super::*;
use crate::session::KeptCommand;

#[test]
fn a_command_that_a_drop_cut_off_goes_out_again_under_the_same_id_with_the_same_body() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!({ "type": "add", "text": "milk" }));
    let frame = command(1, json!({ "type": "add", "text": "milk" }));
    assert_eq!(script.sent(), std::slice::from_ref(&frame));
    assert_eq!(script.drop_line().session.waiting(), 1);
    for _ in 0..2 {
        assert_eq!(script.reopen().sent(), [again(frame.clone())], "a host must know that there may be another copy");
        script.drop_line();
    }
    script.reopen();
    script.frame(with(accepted(1, 5), "again", json!(true)));
    assert_eq!(script.did(), format!("accept {key} at 5 again"));
    assert!(script.drop_line().reopen().sent().is_empty(), "what was answered is not sent again");
}

#[test]
fn the_body_keeps_its_bytes() {
    let mut script = Script::new();
    script.open();
    let body: Arc<RawValue> = RawValue::from_string(r#"{"b":1.50, "a":[ ]}"#.into()).unwrap().into();
    script.event(Event::Send { key: 1, actor: TODO.into(), command: body });
    for _ in 0..2 {
        let Some(Effect::Transmit(frame)) = script.effects.last() else { panic!("a frame") };
        assert!(frame.text().contains(r#""command":{"b":1.50, "a":[ ]}"#), "{}", frame.text());
        script.drop_line().reopen();
    }
}

#[test]
fn commands_wait_for_a_line_and_go_out_in_order_over_all_actors() {
    let mut script = Script::new();
    script.send(json!(1));
    script.send_to("todo/b", json!(2));
    script.send(json!(3));
    assert!(script.sent().is_empty());
    let all = [command(1, json!(1)), command_to("todo/b", 2, json!(2)), command(3, json!(3))];
    assert_eq!(script.open().sent(), all);
    assert_eq!(script.drop_line().reopen().sent(), all.map(again), "and once more in the same order");
}

#[test]
fn at_most_in_flight_commands_are_unanswered() {
    let mut script = Script::new();
    script.open_with(json!({ "in_flight": 2 }));
    for n in 1..=4 {
        script.send(json!(n));
        assert_eq!(script.sent().len(), usize::from(n <= 2), "{n}");
    }
    assert_eq!(script.frame(accepted(1, 1)).sent(), [command(3, json!(3))]);
    assert_eq!(script.frame(rejected(2, 4440)).sent(), [command(4, json!(4))]);
}

#[test]
fn a_command_that_1xxx_turns_away_waits_and_holds_back_its_actor_but_no_other() {
    let mut script = Script::new();
    script.open_with(json!({ "in_flight": 2 }));
    script.send(json!(1));
    script.frame(with(rejected(1, 1429), "retry_after", json!(2_000)));
    assert_eq!(script.did(), "", "nobody is told: it will be tried again");
    script.send(json!(2));
    assert!(script.sent().is_empty());
    script.send_to("todo/b", json!(3));
    assert_eq!(script.sent(), [command_to("todo/b", 3, json!(3))]);
    assert!(script.after(Duration::from_millis(1_999)).sent().is_empty());
    assert_eq!(script.wake().sent(), [again(command(1, json!(1)))]);
    assert_eq!(script.frame(accepted(1, 1)).sent(), [command(2, json!(2))]);
}

#[test]
fn a_command_that_waits_for_its_turn_makes_no_deadline_of_its_own() {
    let mut script = Script::new();
    script.open_with(json!({ "in_flight": 1 }));
    script.send(json!(1));
    script.frame(rejected(1, 1429));
    script.send_to("todo/b", json!(2));
    script.after(Duration::from_secs(5));
    assert!(script.session.deadline().unwrap() > script.now);
}

#[test]
fn a_rejection_is_told_and_the_command_is_not_sent_again() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!(1));
    script.frame(with(rejected(1, 4440), "reason", json!("list_full")));
    let Some(Effect::Answer { answer: Err(fault), .. }) = script.effects.get(1) else { panic!("an answer") };
    assert_eq!(fault.reason.as_deref(), Some("list_full"));
    assert_eq!(script.did(), format!("refuse {key}: 4440 no"));
    assert!(script.drop_line().reopen().sent().is_empty());
}

/// A command that a drop cut off and that is on its second line.
fn twice() -> (Script, u64) {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!(1));
    script.drop_line().reopen();
    (script, key)
}

#[test]
fn of_two_copies_a_refusal_is_told_that_a_commit_keeps_or_after_which_nothing_is_carried_out() {
    for (code, frame) in [(4440, with(rejected(1, 4440), "position", json!(pos(7)))), (4405, rejected(1, 4405))] {
        let (mut script, key) = twice();
        script.frame(frame);
        assert_eq!(script.did(), format!("refuse {key}: {code} no"));
        assert!(script.drop_line().reopen().sent().is_empty());
    }
}

#[test]
fn of_two_copies_a_refusal_that_nothing_keeps_leaves_the_outcome_unknown() {
    let (mut script, key) = twice();
    script.frame(with(rejected(1, 4404), "message", json!("Not there.")));
    let Some(Effect::Answer { answer: Err(fault), .. }) = script.effects.get(1) else { panic!("an answer") };
    assert!(fault.message.starts_with("Not there. An earlier copy"), "{fault}");
    assert_eq!(script.did(), format!("refuse {key}: 0 unknown_outcome"));
}

#[test]
fn what_the_first_copy_is_told_is_not_what_the_second_is_told() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!(1));
    script.after(limits::ANSWER);
    script.frame(rejected(1, 4440));
    assert_eq!(script.did(), "", "the second copy may be taken");
    script.frame(json!({ "type": "pong", "behind": {} }));
    assert_eq!(script.after(limits::ANSWER).sent()[0], again(command(1, json!(1))), "its answer may be lost");
    script.frame(accepted(1, 5));
    assert_eq!(script.did(), format!("accept {key} at 5"));
}

#[test]
fn a_copy_that_was_turned_away_while_it_was_the_only_one_is_answered() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!(1));
    script.frame(rejected(1, 1503)).wake().frame(rejected(1, 4404));
    assert_eq!(script.did(), format!("refuse {key}: 0 unknown_outcome"));
}

#[test]
fn an_answer_that_comes_twice_or_to_nobody_changes_nothing() {
    let mut script = Script::new();
    script.open();
    script.send(json!(1));
    let elses = |frame| with(frame, "command_id", json!("0-x:1"));
    for frame in [elses(accepted(1, 5)), elses(rejected(1, 4440)), accepted(7, 5)] {
        script.frame(frame);
        assert!(script.effects.is_empty(), "{:?}", script.effects);
    }
    script.frame(accepted(1, 5));
    for frame in [accepted(1, 5), rejected(1, 4440)] {
        script.frame(frame);
        assert!(script.effects.is_empty(), "{:?}", script.effects);
    }
}

#[test]
fn a_command_is_asked_again_on_a_line_that_lives_but_does_not_answer() {
    let mut script = Script::new();
    script.open();
    script.send(json!(1));
    assert!(script.after(limits::ANSWER - Duration::from_millis(1)).sent().is_empty());
    assert_eq!(
        script.after(Duration::from_millis(1)).sent(),
        [again(command(1, json!(1))), json!({ "action": "ping", "positions": {} })]
    );
    script.frame(json!({ "type": "pong", "behind": {} }));
    assert_eq!(script.after(limits::PONG).did(), "", "it lives");
}

#[test]
fn a_line_on_which_nothing_is_answered_is_dead_before_the_next_ping_in_turn() {
    let mut script = Script::new();
    script.open();
    script.send(json!(1));
    script.after(limits::ANSWER);
    assert_eq!(script.after(limits::PONG).did(), "disconnect 1");
}

#[test]
fn the_outbox_is_bounded_and_says_so() {
    let mut script = Script::new();
    for n in 1..=limits::WAITING_MAX {
        script.send(json!(n));
        assert_eq!(script.did(), "");
    }
    script.send(json!("one more"));
    assert_eq!(script.did(), format!("refuse {}: 0 outbox_full", limits::WAITING_MAX + 1));
    assert_eq!(script.open().sent().len(), 64, "in_flight");
    script.frame(accepted(1, 1));
    script.send(json!("now"));
    assert_eq!((script.did().as_str(), script.session.waiting()), ("", limits::WAITING_MAX));
}

#[test]
fn no_command_runs_so_far_ahead_that_an_answer_would_be_forgotten() {
    let mut script = Script::new();
    script.open();
    script.send(json!(1));
    script.frame(with(rejected(1, 1429), "retry_after", json!(1_000)));
    script.now += Duration::from_millis(999);
    // Others of the same actor wait behind it; the window counts from the lowest unanswered.
    for n in 2..=80 {
        script.send(json!(n));
    }
    let sent = script.after(Duration::from_secs(1)).sent();
    assert_eq!((sent.len(), &sent[0]), (64, &again(command(1, json!(1)))));
    for n in 2..=64 {
        script.frame(accepted(n, n));
        assert!(script.sent().is_empty(), "{n} is answered, 1 is not");
    }
    assert_eq!(script.frame(accepted(1, 1)).sent().len(), 16);
}

#[test]
fn what_is_stored_is_sent_by_the_next_process_under_the_same_ids() {
    let mut script = Script::new();
    script.open();
    script.send(json!(1));
    assert!(matches!(script.effects[0], Effect::Save), "stored before it is sent");
    script.drop_line();
    script.send(json!(2));
    let kept: Kept = serde_json::from_str(&serde_json::to_string(&script.session.kept()).unwrap()).unwrap();
    let mut next = Script::with(Some(kept));
    assert_eq!(next.open().sent(), [again(command(1, json!(1))), command(2, json!(2))]);
    next.frame(accepted(1, 5));
    assert_eq!(next.did(), "accept 1 at 5", "for whoever asks for what was restored");
    next.send(json!(3));
    assert_eq!(next.sent(), [command(3, json!(3))], "no number twice");
}

#[test]
fn hello_names_the_outbox_and_a_host_that_gives_another_one_makes_the_outcome_unknown() {
    let mut script = Script::new();
    script.open();
    let sent = script.send(json!("sent"));
    script.drop_line();
    let waiting = script.send(json!("waiting"));
    script.wake();
    script.event(Event::Opened { line: script.line, token: Token("t".into()) });
    assert_eq!(script.sent(), [json!({ "action": "hello", "token": "t", "outbox": OUTBOX })]);
    script.greet(json!({})); // The line greets once; what follows is its welcome.
    script.drop_line().wake();
    script.greet(json!({ "outbox": "m3vq2k8h-01" }));
    assert_eq!(script.did(), format!("refuse {sent}: 0 unknown_outcome\nrefuse {waiting}: 0 unknown_outcome"));
    script.send(json!("new"));
    assert_eq!(script.sent()[0]["command_id"], "m3vq2k8h-01:1");
}

#[test]
fn what_no_host_has_seen_moves_to_the_new_outbox() {
    let kept = KeptCommand { n: 9, actor: TODO.into(), command: raw(&json!("old")), sent: false };
    let kept = Kept { owner: Some("ana".into()), outbox: Some("0-old".into()), next_n: 10, commands: vec![kept] };
    assert_eq!(Script::with(Some(kept)).open().sent(), [command(1, json!("old"))]);
}

#[test]
fn another_principal_does_not_send_the_former_ones_commands() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!(1));
    script.drop_line().wake();
    script.greet(json!({ "principal": { "id": "bo", "name": "Bo", "roles": [] } }));
    assert_eq!((script.did(), script.sent().len()), (format!("refuse {key}: 0 principal_changed"), 0));
    script.send(json!(2));
    assert_eq!(script.sent(), [command(2, json!(2))], "numbers go on");
}

#[test]
fn when_storing_fails_nothing_is_promised_any_more() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!(1));
    script.event(Event::StorageFailed(Fault::local("storage_failed", "full", crate::Action::Stop)));
    assert_eq!(script.did(), format!("disconnect 1\nrefuse {key}: 0 storage_failed"));
    assert_eq!(script.status(), Status::Closed);
    let key = script.send(json!(2));
    assert_eq!(script.did(), format!("refuse {key}: 0 closed"));
}

/// Refuses the command of this number, under the outbox that the session has.
fn old(script: &mut Script, n: u64) -> String {
    let outbox = script.session.kept().outbox.unwrap();
    script.frame(with(rejected(n, 4431), "command_id", json!(format!("{outbox}:{n}"))));
    script.did()
}

fn moved(n: u64, actor: &str, body: Value) -> Value {
    with(command_to(actor, n, body), "command_id", json!(format!("other-1:{n}")))
}

fn refused(key: u64) -> String {
    format!("refuse {key}: 4431 no")
}

#[test]
fn what_was_sent_once_and_counts_as_too_old_goes_out_from_a_new_outbox_and_nobody_is_told() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!("first"));
    assert_eq!(old(&mut script, 1), "disconnect 1");
    assert_eq!((script.session.kept().outbox, script.session.waiting()), (None, 1));
    script.wake();
    script.event(Event::Opened { line: script.line, token: Token("t".into()) });
    assert_eq!(script.sent(), [json!({ "action": "hello", "token": "t" })]);
    script.drop_line().wake().greet(json!({ "outbox": "other-1" }));
    assert_eq!(script.sent(), [moved(1, TODO, json!("first"))]);
    script.frame(with(accepted(1, 5), "command_id", json!("other-1:1")));
    assert_eq!(script.did(), format!("accept {key} at 5"));
}

#[test]
fn what_was_perhaps_carried_out_is_told_to_its_sender() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!("twice"));
    script.drop_line().reopen();
    assert_eq!(old(&mut script, 1), format!("{}\ndisconnect 2", refused(key)));
    assert!(script.wake().greet(json!({ "outbox": "other-1" })).sent().is_empty());
}

#[test]
fn of_an_earlier_process_only_what_it_did_not_send_moves() {
    let of = |n: u64, sent: bool| KeptCommand { n, actor: TODO.into(), command: raw(&json!(n)), sent };
    let commands = vec![of(7, true), of(8, false)];
    let kept = Kept { owner: Some("ana".into()), outbox: Some(OUTBOX.into()), next_n: 9, commands };
    let mut script = Script::with(Some(kept));
    assert_eq!(script.session.restored().iter().map(|(key, it)| (*key, it.n)).collect::<Vec<_>>(), [(1, 7), (2, 8)]);
    script.open();
    assert_eq!(old(&mut script, 7), refused(1));
    assert_eq!(old(&mut script, 8), "disconnect 1");
    assert_eq!(script.wake().greet(json!({ "outbox": "other-1" })).sent(), [moved(1, TODO, json!(8))]);
}

#[test]
fn a_spent_outbox_is_kept_until_its_last_answer() {
    let mut script = Script::new();
    script.open();
    let keys = [script.send(json!("old")), script.send_to("todo/b", json!("new")), script.send(json!("old too"))];
    assert_eq!(old(&mut script, 1), "");
    script.send(json!("later"));
    assert!(script.sent().is_empty());
    script.drop_line().reopen();
    assert_eq!(script.sent(), [again(command_to("todo/b", 2, json!("new"))), again(command(3, json!("old too")))]);
    script.frame(with(accepted(2, 9), "actor", json!("todo/b")));
    assert_eq!(script.did(), format!("accept {} at 9", keys[1]));
    assert_eq!(old(&mut script, 3), format!("{}\ndisconnect 2", refused(keys[2])));
    script.wake().greet(json!({ "outbox": "other-1" }));
    assert_eq!(script.sent(), [moved(1, TODO, json!("old")), moved(2, TODO, json!("later"))]);
}

#[test]
fn a_command_is_not_moved_for_ever() {
    let mut script = Script::new();
    script.open();
    let key = script.send(json!("first"));
    for moves in 0..limits::MOVES_MAX {
        assert_eq!(old(&mut script, 1), format!("disconnect {}", moves + 1));
        script.wake().greet(json!({ "outbox": format!("other-{moves}") }));
    }
    assert!(old(&mut script, 1).starts_with(&refused(key)));
}
