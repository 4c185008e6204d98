//! What somebody might try at a table of Liap Tui over real sockets: each gets a number, and nobody else notices.

mod raw;
mod support;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use raw::{Line, ask, guest};
use serde_json::{Value, json};
use support::Host;
use tempfile::TempDir;

/// A host with Ann's room, where everybody waits.
struct House {
    host: Host,
    /// `liap-tui/id`.
    room: String,
    ann: Seat,
    _folder: TempDir,
}

/// One connection, and the number of its last command.
struct Seat {
    line: Line,
    token: String,
    outbox: String,
    n: u64,
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let host = Host::start(&folder.path().join("data"), 0);
        let ann = Seat::of(&host, guest(&host.address, "Ann")).await;
        let (status, made) = ask(&host.address, "POST /v1/liap-tui", &ann.token, &json!({ "name": "Ann" }));
        assert_eq!(status, 201, "{made}");
        let room = format!("liap-tui/{}", made["id"].as_str().expect("an id"));
        Self { host, room, ann, _folder: folder }
    }

    /// Somebody new, with a connection.
    async fn newcomer(&self, name: &str) -> Seat {
        Seat::of(&self.host, guest(&self.host.address, name)).await
    }

    fn look(&self) -> Value {
        let (status, seen) = ask(&self.host.address, &format!("GET /v1/{}", self.room), &self.ann.token, &Value::Null);
        assert_eq!(status, 200, "{seen}");
        seen
    }

    fn seq(&self) -> u64 {
        let position = self.look()["position"].as_str().expect("a position").to_owned();
        position.split(':').nth(1).and_then(|seq| seq.parse().ok()).expect("a number")
    }

    fn names(&self) -> Vec<String> {
        let seats = self.look()["view"]["seats"].as_array().expect("seats").clone();
        seats.iter().map(|seat| seat["name"].as_str().expect("a name").to_owned()).collect()
    }
}

impl Seat {
    async fn of(host: &Host, token: String) -> Self {
        let (line, welcome) = Line::enter(&host.address, &token).await.expect("a connection");
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        let outbox = welcome["outbox"].as_str().expect("an outbox").to_owned();
        Self { line, token, outbox, n: 0 }
    }

    fn next(&mut self, room: &str, command: &Value) -> Value {
        self.n += 1;
        let id = format!("{}:{}", self.outbox, self.n);
        json!({ "action": "send", "actor": room, "command_id": id, "command": command })
    }

    /// What the host says to this command: 0, or the number and the rules' own code.
    async fn tries(&mut self, room: &str, command: &Value) -> (u64, String) {
        let frame = self.next(room, command);
        self.line.say(&frame).await;
        answer(&self.line.hear_one_of(&["accepted", "rejected", "error"]).await)
    }
}

fn answer(frame: &Value) -> (u64, String) {
    let code = if frame["type"] == "accepted" { 0 } else { frame["code"].as_u64().expect("a number") };
    (code, frame["reason"].as_str().unwrap_or_default().to_owned())
}

fn join(name: &str) -> Value {
    json!({ "type": "join", "name": name })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_tried_gets_a_number_and_nobody_else_notices() {
    let mut house = House::open().await;
    let (mut bob, mut eve) = (house.newcomer("Bob").await, house.newcomer("Eve").await);
    assert_eq!(bob.tries(&house.room, &join("Bob")).await.0, 0);
    for seat in [&mut bob, &mut house.ann] {
        seat.line.say(&json!({ "action": "subscribe", "actor": house.room })).await;
        seat.line.hear_one_of(&["snapshot"]).await;
    }
    let before = house.look();
    let play = json!({ "type": "play", "indices": [0] });
    let watching = vec![
        (play.clone(), "permission_denied"),
        (json!({ "type": "declare", "value": 0 }), "permission_denied"),
        (json!({ "type": "redeal_decision", "accept": true }), "permission_denied"),
        (json!({ "type": "start_game" }), "permission_denied"),
        (json!({ "type": "add_bot", "slot_id": 3 }), "permission_denied"),
        (json!({ "type": "remove_player", "slot_id": 2 }), "permission_denied"),
        (json!({ "type": "rematch", "room": "4F2A9C" }), "permission_denied"),
        (json!({ "type": "leave_room" }), "not_seated"),
        (join(&"e".repeat(51)), "name_too_long"),
        (join("ANN"), "name_taken"),
        (join(" "), "empty_name"),
    ];
    let seated = vec![
        (join("Bob again"), "already_seated"),
        (play, "not_your_turn"),
        (json!({ "type": "start_game" }), "permission_denied"),
        (json!({ "type": "rematch", "room": "4F2A9C" }), "game_not_over"),
    ];
    for (seat, attempts) in [(&mut eve, watching), (&mut bob, seated)] {
        for (command, reason) in attempts {
            assert_eq!(seat.tries(&house.room, &command).await, (4440, reason.to_owned()), "{command}");
        }
    }
    for (command, code) in [
        (json!({ "type": "play", "indices": [0], "slot_id": 1 }), 4412),
        (json!({ "type": "play", "indices": [-1] }), 4416),
        (json!({ "type": "declare", "value": 256 }), 4416),
        (json!({ "type": "declare", "value": 1.5 }), 4416),
        (json!({ "type": "join" }), 4416),
        (json!({ "type": "fly" }), 4413),
        (json!([]), 4416),
    ] {
        assert_eq!(bob.tries(&house.room, &command).await, (code, String::new()), "{command}");
    }
    assert_eq!(house.look(), before, "nothing has changed");
    house.ann.line.say(&json!({ "action": "ping" })).await;
    assert_eq!(house.ann.line.hear().await.expect("the line stands")["type"], "pong", "Ann has heard of nothing");
}

/// A seat's token is its principal's. Who has it sits there; nobody can make one.
#[tokio::test(flavor = "multi_thread")]
async fn another_players_token_cannot_be_made() {
    let mut house = House::open().await;
    let eve = house.newcomer("Eve").await;
    let (claims, _) = house.ann.token.rsplit_once('.').expect("a signature");
    let (_, signature) = eve.token.rsplit_once('.').expect("a signature");
    let before = house.look();
    for forged in [format!("{claims}.{signature}"), format!("{claims}."), claims.to_owned()] {
        let (_, goodbye) = Line::enter(&house.host.address, &forged).await.expect("a connection");
        assert_eq!((&goodbye["type"], &goodbye["code"]), (&json!("goodbye"), &json!(3401)), "{goodbye}");
        let request = format!("POST /v1/{}/commands", house.room);
        let command = json!({ "command": { "type": "leave_room" } });
        let (status, answer) = ask(&house.host.address, &request, &forged, &command);
        assert_eq!((status, &answer["error"]["code"]), (401, &json!(3401)), "{answer}");
    }
    // An outbox belongs to its principal: the numbers of somebody else's are Eve's own.
    let mut eve = Seat { outbox: house.ann.outbox.clone(), ..eve };
    let refused = eve.tries(&house.room, &json!({ "type": "start_game" })).await;
    assert_eq!(refused, (4440, "permission_denied".to_owned()));
    assert_eq!(house.look(), before, "nothing has changed");
    assert_eq!(house.ann.tries(&house.room, &json!({ "type": "start_game" })).await.0, 0, "and Ann may still");
}

/// All at once; how often each answer was given.
async fn race(room: &str, seats: &mut [(Seat, Value)]) -> BTreeMap<(u64, String), usize> {
    let answers = join_all(seats.iter_mut().map(|(seat, command)| seat.tries(room, command))).await;
    let mut count = BTreeMap::new();
    answers.into_iter().for_each(|answer| *count.entry(answer).or_default() += 1);
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_join_at_once_as_many_sit_down_as_there_are_seats() {
    let house = House::open().await;
    let of_rules = |reason: &str| (4440, reason.to_owned());
    let accepted = || (0, String::new());

    let token = guest(&house.host.address, "Bob");
    let bob = [Seat::of(&house.host, token.clone()).await, Seat::of(&house.host, token).await];
    let mut twice: Vec<_> = bob.into_iter().zip([join("Bob"), join("Bobby")]).collect();
    // Two connections of one principal may share an outbox; then each has a number of its own.
    twice[1].0.n = 1;
    let answers = race(&house.room, &mut twice).await;
    assert_eq!(answers, BTreeMap::from([(accepted(), 1), (of_rules("already_seated"), 1)]), "one of Bob's two windows");

    let mut same = vec![];
    for _ in 0..5 {
        same.push((house.newcomer("Zoe").await, join("Zoe")));
    }
    let answers = race(&house.room, &mut same).await;
    assert_eq!(answers, BTreeMap::from([(accepted(), 1), (of_rules("name_taken"), 4)]), "one Zoe");

    let mut last = vec![];
    for name in ["Kim", "Lee", "Max", "Nic"] {
        last.push((house.newcomer(name).await, join(name)));
    }
    let answers = race(&house.room, &mut last).await;
    assert_eq!(answers, BTreeMap::from([(accepted(), 1), (of_rules("room_full"), 3)]), "one seat was left");
    let names = house.names();
    assert!(names[0] == "Ann" && names[1].starts_with("Bob") && names[2] == "Zoe", "{names:?}");
}

/// Send so many commands without waiting for any answer; how often each number came, until all are answered or the line ends.
async fn flood(house: &House, bob: &mut Seat, commands: usize) -> BTreeMap<u64, usize> {
    let frames: Vec<Value> = (0..commands).map(|_| bob.next(&house.room, &json!({ "type": "start_game" }))).collect();
    bob.line.say_all(frames).await;
    let mut codes = BTreeMap::new();
    while codes.values().sum::<usize>() < commands {
        let Some(frame) = bob.line.hear().await else { break };
        *codes.entry(frame["code"].as_u64().expect("a number")).or_default() += 1;
    }
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_commands_is_answered_with_numbers_and_the_room_lives() {
    const REFUSED: u64 = 4440;
    const IN_FLIGHT: u64 = 1432;
    const RATE_LIMITED: u64 = 1430;
    let mut house = House::open().await;
    let mut bob = house.newcomer("Bob").await;
    assert_eq!(bob.tries(&house.room, &join("Bob")).await.0, 0);
    let before = house.seq();

    let codes = flood(&house, &mut bob, 1_000).await;
    assert!(codes.keys().all(|code| [REFUSED, IN_FLIGHT].contains(code)), "{codes:?}");
    assert_eq!(codes.values().sum::<usize>(), 1_000, "every one is answered: {codes:?}");
    let add = json!({ "type": "add_bot", "slot_id": 3 });
    assert_eq!(house.ann.tries(&house.room, &add).await.0, 0, "Ann is served");

    // More than a connection may send in a second ends it.
    let codes = flood(&house, &mut bob, 10_000).await;
    assert!(codes.contains_key(&RATE_LIMITED), "{codes:?}");
    assert!(bob.line.hear().await.is_none(), "and nothing after that");
    assert_eq!(house.ann.tries(&house.room, &add).await.0, 0, "Ann is served");
    assert_eq!(house.seq(), before + 2, "the room has heard of Ann alone");
    assert_eq!(house.names()[1], "Bob", "who has kept his seat");
}
