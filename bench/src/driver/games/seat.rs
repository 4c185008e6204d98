//! A game of Liap Tui by four clients, each of which sees its own seat's view and keeps it with the patches.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::super::dialect::seq_of;
use super::super::http::Http;
use super::super::session::{Session, Target, refused, source};
use super::table::{Meter, Table};
use super::{Games, Pace, SEATS, begins, chance};

/// What a client declares if it may: four that do take all piles.
const DECLARES: u64 = 2;

/// A person thinks for a second at least, and for up to so much longer.
const THINKS: Duration = Duration::from_secs(1);
const SPREAD: Duration = Duration::from_secs(2);

/// One game after the other, for ever.
pub(super) async fn play_on(target: Target, games: Games, index: usize, meter: Rc<Meter>) -> io::Result<()> {
    sleep(begins(games, index)).await;
    loop {
        play(target, games, index, meter.clone()).await?;
        meter.game_over();
    }
}

async fn play(target: Target, games: Games, index: usize, meter: Rc<Meter>) -> io::Result<()> {
    let table = Rc::new(Table::new(meter));
    let mut people = Vec::with_capacity(SEATS);
    for seat in 0..SEATS {
        let mut http = Http::open(target.port, source(index * SEATS + seat)).await?;
        let token = http.guest().await?;
        people.push((http, token));
    }
    let pace = if games.pace == Pace::Human { "normal" } else { "fast" };
    let config = json!({ "name": "Player 1", "pace": pace }).to_string();
    let made = people[0].0.json("POST", "/v1/liap-tui", &config).await?;
    let room = format!("liap-tui/{}", made["id"].as_str().ok_or(io::ErrorKind::InvalidData)?);
    let mut seats = JoinSet::new();
    for (seat, (http, token)) in people.iter_mut().enumerate() {
        if seat > 0 {
            let join = json!({ "type": "join", "name": format!("Player {}", seat + 1) });
            say(http, &room, &join).await?;
        }
        let mut session = target.open(index * SEATS + seat, &room, token).await?;
        session.ask(&room).await?;
        let number = index * SEATS + seat;
        let seat =
            Seat { session, table: table.clone(), pace: games.pace, seat, number, view: Value::Null, at: 0, n: 0 };
        seats.spawn_local(seat.run());
    }
    say(&mut people[0].0, &room, &json!({ "type": "start_game" })).await?;
    while let Some(ended) = seats.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

async fn say(http: &mut Http, room: &str, command: &Value) -> io::Result<()> {
    let body = json!({ "command": command }).to_string();
    http.json("POST", &format!("/v1/{room}/commands"), &body).await.map(drop)
}

/// What a seat hears; the rest of a frame is of no use to it.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told {
    Snapshot {
        position: String,
        view: Value,
    },
    Patch {
        position: String,
        ops: json_patch::Patch,
    },
    Accepted {
        position: String,
    },
    Rejected {},
    Error {},
    Goodbye {},
    #[serde(other)]
    Other,
}

struct Seat {
    session: Session,
    table: Rc<Table>,
    pace: Pace,
    seat: usize,
    /// Of all seats of all games.
    number: usize,
    view: Value,
    /// The commit that the view is of.
    at: u64,
    /// Its commands.
    n: u64,
}

impl Seat {
    /// To the end of the game.
    async fn run(mut self) -> io::Result<()> {
        // The commit of its last command: what it sees before that is old.
        let mut moved = 0;
        while self.view["phase"] != "game_over" {
            let wanted = if self.at >= moved { wanted(&self.view) } else { None };
            match wanted {
                Some(command) => moved = self.send(&command).await?,
                None => drop(self.hear().await?),
            }
        }
        Ok(())
    }

    /// Thinks, sends and waits for the answer; the commit.
    async fn send(&mut self, command: &Value) -> io::Result<u64> {
        self.n += 1;
        if self.pace == Pace::Human {
            let thought = THINKS + SPREAD.mul_f64(chance(self.number, self.n));
            sleep_until((Instant::now() + thought).into()).await;
        }
        let (mut text, sent) = (Vec::new(), Instant::now());
        self.session.commands.write_command(self.n, &command.to_string(), &mut text);
        self.session.socket.feed(&text);
        loop {
            if let Some(seq) = self.hear().await? {
                // Whether a hand is weak is its holder's secret, so nobody else sees that commit.
                if command["type"] != "redeal_decision" {
                    self.table.answered(seq, sent);
                }
                return Ok(seq);
            }
        }
    }

    /// Reads until something came; the commit of an answer that was among it.
    async fn hear(&mut self) -> io::Result<Option<u64>> {
        self.session.socket.flush().await?;
        self.session.socket.read().await?;
        let mut answered = None;
        while let Some(frame) = self.session.socket.next()? {
            match serde_json::from_slice(frame)? {
                Told::Snapshot { position, view } => (self.view, self.at) = (view, seq(&position)?),
                Told::Patch { position, ops } => {
                    json_patch::patch(&mut self.view, &ops).map_err(io::Error::other)?;
                    self.at = seq(&position)?;
                }
                Told::Accepted { position } => answered = Some(seq(&position)?),
                Told::Rejected {} | Told::Error {} | Told::Goodbye {} => return Err(refused(frame)),
                Told::Other => {}
            }
        }
        self.table.saw(self.seat, self.at);
        Ok(answered)
    }
}

fn seq(position: &str) -> io::Result<u64> {
    seq_of(position).ok_or_else(|| io::Error::other(format!("no position: {position}")))
}

/// What the game waits for from this seat, if for anything: the simplest legal move.
fn wanted(view: &Value) -> Option<Value> {
    if !view["weak_hand"].is_null() {
        return Some(json!({ "type": "redeal_decision", "accept": false }));
    }
    let awaited = view["awaited"].as_array()?;
    if !awaited.contains(&view["you"]) {
        return None;
    }
    match view["phase"].as_str()? {
        "declaration" => {
            let may = view["may_declare"].as_array()?.iter().filter_map(Value::as_u64);
            may.min_by_key(|value| value.abs_diff(DECLARES)).map(|value| json!({ "type": "declare", "value": value }))
        }
        "turn" => {
            let count = view["trick"]["required"].as_u64().unwrap_or(1);
            Some(json!({ "type": "play", "indices": (0..count).collect::<Vec<_>>() }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(phase: &str, fields: Value) -> Option<Value> {
        let mut view = json!({ "phase": phase, "you": 2, "awaited": [2], "weak_hand": null });
        fields.as_object().unwrap().iter().for_each(|(key, value)| view[key] = value.clone());
        wanted(&view)
    }

    #[test]
    fn a_seat_moves_when_it_is_awaited() {
        let may = json!({ "may_declare": [0, 1, 3] });
        assert_eq!(seen("declaration", may.clone()), Some(json!({ "type": "declare", "value": 1 })));
        let required = |count: Value| json!({ "trick": { "required": count } });
        assert_eq!(seen("turn", required(json!(3))), Some(json!({ "type": "play", "indices": [0, 1, 2] })));
        assert_eq!(seen("turn", required(json!(null))), Some(json!({ "type": "play", "indices": [0] })));
        assert_eq!(seen("turn", json!({ "awaited": [1] })), None);
        assert_eq!(seen("turn_results", may), None);
        let weak = json!({ "awaited": [], "weak_hand": { "next_multiplier": 2 } });
        assert_eq!(seen("preparation", weak), Some(json!({ "type": "redeal_decision", "accept": false })));
    }
}
