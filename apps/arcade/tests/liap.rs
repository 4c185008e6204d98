//! A game of Liap Tui over real sockets, through lost lines and killed hosts.

mod raw;
mod support;

use std::{path::Path, time::Duration};

use dormouse_client::{Client, ClientOptions, Fault, Handle, Position, Status, SubscribeOptions, Update};
use futures_util::StreamExt;
use liap_tui::{bot, seats::Level, view::RoomView};
use raw::Line;
use serde_json::{Value, json};
use support::{Host, PATIENCE, arcade_json, free_port};
use tokio::{sync::watch, task::JoinHandle};

const PEOPLE: [&str; 4] = ["Ann", "Bob", "Cid", "Dee"];

/// A view, and where it stands.
#[derive(Debug, Clone, Default)]
struct Seen {
    seq: u64,
    etag: String,
    view: Value,
}

impl Seen {
    fn phase(&self) -> &str {
        self.view["phase"].as_str().unwrap_or_default()
    }

    fn is_away(&self, seat: usize) -> bool {
        self.view["seats"][seat]["away"] == true
    }

    /// How far the game is for this seat: rounds, and within one declarations and pieces played.
    fn progress(&self, seat: usize) -> (u64, bool, u64) {
        let sitter = &self.view["seats"][seat];
        let held = sitter["hand_count"].as_u64().unwrap_or_default();
        (self.view["round"].as_u64().unwrap_or_default(), sitter["declared"].is_u64(), 8 - held)
    }
}

/// Whoever looks on until something is so. As long as the game moves, they have patience.
async fn until(seen: &mut watch::Receiver<Seen>, what: &str, is_so: impl Fn(&Seen) -> bool) -> Seen {
    loop {
        let now = seen.borrow_and_update().clone();
        if is_so(&now) {
            return now;
        }
        let moved = tokio::time::timeout(PATIENCE, seen.changed()).await;
        moved.unwrap_or_else(|_| panic!("nothing moves, and not {what}: {now:?}")).expect("somebody tells");
    }
}

/// One of the four, with a connection of their own. They play what a bot would, from what they see.
struct Player {
    client: Client,
    room: Handle,
    seen: watch::Receiver<Seen>,
    plays: JoinHandle<()>,
}

impl Player {
    fn sit(client: Client, room: &str, slot: usize) -> Self {
        let room = client.actor("liap-tui").get(room).expect("a name");
        let (tell, seen) = watch::channel(Seen::default());
        let plays = tokio::spawn(play(room.clone(), slot, tell));
        Self { client, room, seen, plays }
    }

    async fn until_live(&self) {
        let mut status = self.client.status();
        let live = tokio::time::timeout(PATIENCE, status.wait_for(|status| *status == Status::Live)).await;
        live.unwrap_or_else(|_| panic!("not live again: {:?}", self.client.error())).expect("the client lives");
    }
}

fn client(url: &str, name: &str) -> Client {
    Client::new(ClientOptions::new(url).name(name).max_delay(Duration::from_millis(250))).expect("a client")
}

/// Until the client is closed. It is always the same seat, and nothing that was seen is taken back.
async fn play(room: Handle, slot: usize, tell: watch::Sender<Seen>) {
    let mut views = room.subscribe(SubscribeOptions::view());
    let mut done = 0;
    while let Some(update) = views.next().await {
        let Update::View(update) = update.expect("no end but the client's") else { unreachable!("a view") };
        let seen = Seen { seq: update.position.seq, etag: update.etag, view: update.view };
        assert!(!update.reset && seen.seq >= tell.borrow().seq, "slot {slot} lost history");
        assert!(seen.phase() == "game_over" || seen.view["you"] == slot, "slot {slot} is {}", seen.view["you"]);
        let command = move_of(&seen, slot).filter(|_| seen.seq >= done);
        tell.send_replace(seen);
        if let Some(command) = command {
            done = send(&room, &command).await.map_or(done, |position| position.seq);
        }
    }
}

/// What a bot would do with this view, if the game waits for its seat.
fn move_of(seen: &Seen, slot: usize) -> Option<Value> {
    let view = &seen.view;
    if seen.is_away(slot - 1) {
        return None;
    }
    if !view["weak_hand"].is_null() {
        return Some(json!({ "type": "redeal_decision", "accept": false }));
    }
    let is_awaited = view["awaited"].as_array().is_some_and(|slots| slots.contains(&json!(slot)));
    let typed = || serde_json::from_value::<RoomView>(view.clone()).expect("what a host shows is a view");
    match seen.phase() {
        "declaration" if is_awaited => {
            Some(json!({ "type": "declare", "value": bot::declares(&typed(), Level::Hard) }))
        }
        "turn" if is_awaited => Some(json!({ "type": "play", "indices": bot::plays(&typed(), Level::Hard) })),
        _ => None,
    }
}

/// Where it was accepted. What waited for a line may come when a bot has acted already.
async fn send(room: &Handle, command: &Value) -> Option<Position> {
    const TOO_LATE: [&str; 5] = ["seat_left", "not_your_turn", "invalid_play", "invalid_declaration", "too_late"];
    match room.send(command).await {
        Ok(accepted) => Some(accepted.position),
        Err(Fault { name, .. }) if name == "closed" => None,
        Err(Fault { reason: Some(reason), .. }) if TOO_LATE.contains(&&*reason) => None,
        Err(fault) => panic!("{command}: {fault:?}"),
    }
}

/// A fifth, who looks at every frame as it comes over the line.
async fn spectate(address: String, room: String, tell: watch::Sender<Seen>) {
    let token = raw::guest(&address, "Eve");
    while tell.borrow().phase() != "game_over" {
        // The host may be away.
        let Ok((mut line, _)) = Line::enter(&address, &token).await else { continue };
        line.say(&json!({ "action": "subscribe", "actor": format!("liap-tui/{room}") })).await;
        let mut view = Value::Null;
        while let Some(text) = line.hear_text().await {
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            match frame["type"].as_str().expect("a type") {
                "snapshot" => view = frame["view"].clone(),
                "patch" => patch(&mut view, &frame["ops"]),
                _ => continue,
            }
            check_frame(&text, &view);
            let position: Position = serde_json::from_value(frame["position"].clone()).expect("a position");
            tell.send_replace(Seen { seq: position.seq, etag: String::new(), view: view.clone() });
        }
    }
}

fn patch(view: &mut Value, ops: &Value) {
    let ops: json_patch::Patch = serde_json::from_value(ops.clone()).expect("a patch");
    json_patch::patch(view, &ops).expect("it fits what came before");
}

/// Before the end: no hand, no face-down piece, no seed, and nothing in the frame that its view does not show.
fn check_frame(frame: &str, view: &Value) {
    if view["phase"] == "game_over" {
        return;
    }
    assert!((0..4).all(|seat| view["seats"][seat]["hand"].is_null()), "a hand: {frame}");
    assert!(view["you"].is_null() && view["weak_hand"].is_null() && view["deals"] == json!([]), "{frame}");
    let plays = view["trick"]["plays"].as_array().expect("plays");
    let is_open = plays.len() == 4;
    assert!(plays.iter().all(|play| play["pieces"].is_null() != is_open), "a play: {frame}");
    let shown = view.to_string();
    for colour in ["red", "black"] {
        for name in ["soldier", "cannon", "horse", "chariot", "elephant", "advisor", "general"] {
            let piece = format!("\"{colour}_{name}\"");
            assert!(!frame.contains(&piece) || shown.contains(&piece), "{piece} is hidden: {frame}");
        }
    }
}

/// kill -9 in the middle of whatever is under way, and a new host over the same data: everybody is back where they were.
async fn kill(host: Host, data: &Path, port: u16, players: &[Player]) -> Host {
    let before = players[0].seen.borrow().clone();
    host.kill();
    let host = Host::start(data, port);
    for player in players {
        player.until_live().await;
    }
    let now = players[0].room.look_at(before.seq).await.expect("what was seen is there");
    if players[0].seen.borrow().phase() != "game_over" {
        assert_eq!((now.etag, now.view), (before.etag, before.view), "what commit {} showed", before.seq);
    }
    for player in players {
        until(&mut player.seen.clone(), "further than before the kill", |seen| seen.seq > before.seq).await;
    }
    host
}

/// A bot has the seat as long as its line is lost, and plays on; then its player has it again.
async fn lose_line(players: &[Player], seat: usize, spectator: &mut watch::Receiver<Seen>) {
    players[seat].client.unplug();
    let gone = until(spectator, "away", |seen| seen.is_away(seat)).await;
    until(spectator, "a bot plays for them", |seen| seen.is_away(seat) && seen.progress(seat) > gone.progress(seat))
        .await;
    players[seat].client.plug();
    let back = until(spectator, "back", |seen| !seen.is_away(seat)).await;
    let mut own = players[seat].seen.clone();
    let own = until(&mut own, "at their seat", |seen| seen.seq >= back.seq && seen.view["you"] == seat + 1).await;
    assert!(own.view["seats"][seat]["hand"].is_array(), "with their hand");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_game_goes_on_through_lost_lines_and_killed_hosts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, port) = (folder.path().join("data"), free_port());
    let mut host = Host::start(&data, port);
    let (players, id) = table_of_four(&host.url()).await;
    let (tell, mut spectator) = watch::channel(Seen::default());
    let spectates = tokio::spawn(spectate(host.address.clone(), id.clone(), tell));
    until(&mut spectator, "watching", |seen| seen.seq > 0).await;
    players[0].room.send(&json!({ "type": "start_game" })).await.expect("started");

    until(&mut spectator, "a trick", |seen| seen.phase() == "turn").await;
    lose_line(&players, 1, &mut spectator).await;
    host = kill(host, &data, port, &players).await;
    lose_line(&players, 3, &mut spectator).await;
    until(&mut spectator, "a round is scored", |seen| seen.view["sheet"][0].is_object()).await;
    host = kill(host, &data, port, &players).await;
    let end = until(&mut spectator, "over", |seen| seen.phase() == "game_over").await;

    for (player, name) in players.iter().zip(PEOPLE) {
        let own = until(&mut player.seen.clone(), "over", |seen| seen.phase() == "game_over").await;
        assert_eq!((own.seq, &own.view), (end.seq, &end.view), "{name} sees what everybody sees");
    }
    for (seat, player) in players.into_iter().enumerate() {
        let who = player.client.principal().expect("it was live").id;
        assert_eq!(end.view["seats"][seat]["principal"], json!(who), "{} has kept their seat", PEOPLE[seat]);
        player.client.close().await;
        player.plays.await.expect("always at the right seat");
    }
    assert!(end.view["result"]["winners"].as_array().is_some_and(|slots| !slots.is_empty()), "{}", end.view["result"]);
    host.sigterm();
    assert!(host.wait().success());
    spectates.await.expect("nothing hidden in any frame");
    let verified = arcade_json(&["verify", "--json", "--data", data.to_str().expect("text")]);
    assert_eq!((&verified["failures"], &verified["actors"]), (&json!([]), &json!(1)), "{verified}");
}

/// Everybody has sat down, at the fast pace.
async fn table_of_four(url: &str) -> (Vec<Player>, String) {
    let clients = PEOPLE.map(|name| client(url, name));
    let config = json!({ "name": PEOPLE[0], "pace": "fast" });
    let id = clients[0].actor("liap-tui").create(&config, None).await.expect("a room").id().to_owned();
    for (client, name) in clients.iter().zip(PEOPLE).skip(1) {
        let room = client.actor("liap-tui").get(&id).expect("a name");
        room.send(&json!({ "type": "join", "name": name })).await.expect("a seat");
    }
    let players: Vec<Player> =
        clients.into_iter().zip(1..).map(|(client, slot)| Player::sit(client, &id, slot)).collect();
    for player in &players {
        until(&mut player.seen.clone(), "at the table", |seen| seen.seq > 0).await;
    }
    (players, id)
}
