//! Nobody gets other bytes when only what is hidden from them is something else: at a real host, and over many games without one.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use dormouse::{
    Solo,
    core::dice::Secret,
    prelude::*,
    testing::{Script, secrecy},
};
use liap_tui::{Room, RoomCommand, RoomConfig, pieces::SEATS};
use proptest::prelude::*;

const PEOPLE: [&str; SEATS] = ["ann", "bob", "cid", "dee"];

/// What somebody might send in a game: often wrong.
fn attempt(dice: &mut Dice) -> Value {
    match dice.below(12) {
        0..=2 => json!({ "type": "declare", "value": dice.below(9) }),
        3 => json!({ "type": "redeal_decision", "accept": dice.below(2) == 0 }),
        _ => {
            let count = 1 + dice.below(3);
            json!({ "type": "play", "indices": (0..count).map(|_| dice.below(8)).collect::<Vec<_>>() })
        }
    }
}

/// A session of so many people, and bots for the other seats. Whoever lets their time pass is played for, so it goes on.
fn session(people: usize, number: u64, steps: usize) -> Script {
    let mut dice = Secret([9; 32]).seed(number, 0).dice();
    let mut script = Script::new(&PEOPLE[..people], json!({ "name": "ann", "bots": "hard" }));
    for name in &PEOPLE[1..people] {
        script = script.send(name, json!({ "type": "join", "name": name }));
    }
    script = script.send("ann", json!({ "type": "start_game" }));
    for _ in 0..steps {
        let who = PEOPLE[dice.below(people as u64) as usize];
        script = match dice.below(30) {
            0 => script.leave(who),
            1 => script.come(who),
            2 => script.signal(who, json!({ "typing": true })),
            3..=13 => script.wait(Duration::from_secs(1 + dice.below(12))),
            _ => script.send(who, attempt(&mut dice)),
        };
    }
    script
}

#[test]
fn a_host_tells_nobody_what_is_hidden_from_them() {
    secrecy::check::<Room>(&session(4, 1, 150));
}

#[test]
fn a_host_with_bots_tells_nobody_what_is_hidden_from_them() {
    secrecy::check::<Room>(&session(2, 2, 150));
}

fn viewer(id: &str) -> Viewer {
    Viewer::new(Principal { id: id.into(), name: id.into() }, vec![])
}

/// So many commits of a game in which everybody sends something now and then.
fn game(number: u64, people: usize, commits: usize, dice: &mut Dice) -> Solo<Room> {
    let mut room = Solo::new(number);
    let config: RoomConfig = serde_json::from_value(json!({ "name": "ann" })).unwrap();
    room.decide(Input::Created { by: viewer("ann"), config }).unwrap();
    let joins = PEOPLE[1..people].iter().map(|name| (*name, RoomCommand::Join { name: (*name).into() }));
    for (who, command) in joins.chain([("ann", RoomCommand::StartGame {})]) {
        room.decide(Input::Command { by: viewer(who), command }).unwrap();
        room.decide(Input::Joined { who: viewer(who) }).unwrap();
    }
    while room.history.len() < commits {
        let (by, command) = (viewer(PEOPLE[dice.below(people as u64) as usize]), attempt(dice));
        secrecy::check_command(&room, &by, &command, dice).unwrap_or_else(|leak| panic!("{leak}"));
        let _ = room.decide(Input::Command { by, command: serde_json::from_value(command).unwrap() });
        if dice.below(3) == 0 && !room.wake() {
            break;
        }
    }
    room
}

/// As many games at each run as there is patience for; `PROPTEST_CASES=10000` plays more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(4)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn no_sight_of_any_game_tells_what_is_hidden(number in any::<u64>(), people in 1_usize..=4, commits in 1_usize..150) {
        let everybody: Vec<Viewer> = PEOPLE.iter().chain(&["eve"]).map(|id| viewer(id)).collect();
        let mut dice = Secret([8; 32]).seed(number, 0).dice();
        let room = game(number, people, commits, &mut dice);
        secrecy::check_commit(&room, &everybody, &mut dice).unwrap_or_else(|leak| panic!("{leak}"));
        secrecy::check_history(&room, &everybody, &mut dice).unwrap_or_else(|leak| panic!("{leak}"));
    }
}

/// Once the game is over everything is open, and the check has nothing against it.
#[test]
fn a_whole_game_tells_nothing_before_its_end() {
    let mut dice = Secret([8; 32]).seed(5, 0).dice();
    let room = game(5, 1, usize::MAX, &mut dice);
    assert_eq!(room.state.sight(&viewer("eve")), Sight::All);
    let eve = [viewer("eve"), viewer("ann")];
    secrecy::check_history(&room, &eve, &mut dice).unwrap_or_else(|leak| panic!("{leak}"));
}
