//! Scripts: what happens to a session, frame by frame, and what it does about it.

mod fixtures;
mod line;
mod lists;
mod outbox;
mod polls;
mod subs;

use std::{fmt::Write, sync::Arc, time::Duration};

use dormouse_core::{Position, frame::client::From};
use serde_json::{Value, json, value::RawValue};

use super::{Effect, Event, Kept, Session, Status, Subject};
use crate::{
    fault::Fault,
    frame::{As, ClientFrame, Token, decode},
    limits,
};

const TODO: &str = "todo/groceries";
const OUTBOX: &str = "m3vq2k8g-7f3a9c";

fn pos(seq: u64) -> Position {
    Position { epoch: 1, seq, tag: seq.to_be_bytes() }
}

fn etag(n: u64) -> String {
    format!("{n:016x}")
}

/// One session and the world around it.
struct Script {
    session: Session,
    now: Duration,
    random: f64,
    line: u64,
    keys: u64,
    effects: Vec<Effect>,
}

impl Script {
    fn new() -> Self {
        Self::with(None)
    }

    fn with(kept: Option<Kept>) -> Self {
        let now = Duration::from_secs(100);
        let session = Session::new(now, kept);
        Self { session, now, random: 0.0, line: 0, keys: 0, effects: Vec::new() }
    }

    /// Its effects take the place of those before.
    fn event(&mut self, event: Event) -> &mut Self {
        self.effects = self.session.step(event, self.now, self.random);
        if let Some(line) = self.effects.iter().find_map(connected) {
            self.line = line;
        }
        self
    }

    fn frame(&mut self, frame: Value) -> &mut Self {
        let frame = decode(&frame.to_string()).unwrap().expect("a known type");
        self.event(Event::Frame { line: self.line, frame })
    }

    /// Connect and be welcomed.
    fn open(&mut self) -> &mut Self {
        self.open_with(json!({}))
    }

    fn open_with(&mut self, changes: Value) -> &mut Self {
        self.event(Event::Tick);
        self.greet(changes)
    }

    fn greet(&mut self, changes: Value) -> &mut Self {
        self.event(Event::Opened { line: self.line, token: Token("t".into()) });
        let mut welcome = json!({
            "type": "welcome", "principal": { "id": "ana", "name": "Ana", "roles": [] }, "outbox": OUTBOX, "in_flight": 64,
            "limits": { "frame_bytes": 65_536, "signal_bytes": 4_096, "ping_seconds": 25 }, "server": { "version": "0" },
        });
        for (key, value) in changes.as_object().unwrap() {
            welcome[key] = value.clone();
        }
        self.frame(welcome)
    }

    fn drop_line(&mut self) -> &mut Self {
        self.drop_with(None)
    }

    fn drop_with(&mut self, fault: Option<Fault>) -> &mut Self {
        self.event(Event::Dropped { line: self.line, fault })
    }

    /// Wait for what it waits for.
    fn wake(&mut self) -> &mut Self {
        self.now = self.session.deadline().expect("a deadline").max(self.now);
        self.event(Event::Tick)
    }

    fn after(&mut self, wait: Duration) -> &mut Self {
        self.now += wait;
        self.event(Event::Tick)
    }

    /// After a drop: wait, connect, be welcomed.
    fn reopen(&mut self) -> &mut Self {
        self.wake();
        self.greet(json!({}))
    }

    fn send(&mut self, command: Value) -> u64 {
        self.send_to(TODO, command)
    }

    fn send_to(&mut self, actor: &str, command: Value) -> u64 {
        self.keys += 1;
        let command = raw(&command);
        self.event(Event::Send { key: self.keys, actor: actor.into(), command });
        self.keys
    }

    fn subscribe(&mut self, of: As, from: From) -> &mut Self {
        self.event(Event::Subscribe { actor: TODO.into(), of, from })
    }

    /// A view that stands at commit `n` and holds `view`.
    fn watching(&mut self, n: u64, view: Value) -> &mut Self {
        self.subscribe(As::View, From::Now);
        self.frame(resumed("snapshot", n, "view")).frame(snapshot(n, view))
    }

    fn status(&self) -> Status {
        self.session.status()
    }

    fn view(&self) -> Option<(Value, u64)> {
        self.session.view(TODO).map(|held| ((*held.view).clone(), held.position.seq))
    }

    /// The frames of the last event, as they stand on the wire.
    fn sent(&self) -> Vec<Value> {
        let frames = self.effects.iter().filter_map(|effect| match effect {
            Effect::Transmit(frame) => Some(parsed(frame)),
            _ => None,
        });
        frames.collect()
    }

    /// The other effects of the last event, one a line.
    fn did(&self) -> String {
        let mut text = String::new();
        for effect in &self.effects {
            let _ = match effect {
                Effect::Save | Effect::Transmit(_) => Ok(()),
                Effect::Connect { line, fresh } => {
                    writeln!(text, "connect {line}{}", if *fresh { " fresh" } else { "" })
                }
                Effect::Disconnect { line } => writeln!(text, "disconnect {line}"),
                Effect::Answer { key, answer: Ok(accepted) } => {
                    let again = if accepted.again { " again" } else { "" };
                    writeln!(text, "accept {key} at {}{again}", accepted.position.seq)
                }
                Effect::Answer { key, answer: Err(fault) } => {
                    writeln!(text, "refuse {key}: {} {}", fault.code, fault.name)
                }
                Effect::View { view, reset, .. } => {
                    writeln!(text, "view {} at {}{}", view.view, view.position.seq, if *reset { " reset" } else { "" })
                }
                Effect::Read { read, .. } => writeln!(text, "read {read}"),
                Effect::Rows { view, .. } => writeln!(text, "rows {view}"),
                Effect::Events { events, through_seq, .. } => {
                    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
                    writeln!(text, "events {seqs:?} through {through_seq}")
                }
                Effect::Resumed { note, .. } => writeln!(text, "resumed {:?} missed {:?}", note.kind, note.missed),
                Effect::Ended { fault, .. } => {
                    writeln!(text, "ended {}", fault.as_ref().map_or("closed", |fault| &fault.name))
                }
                Effect::Signal(signal) => writeln!(text, "signal {}", signal.signal),
                Effect::Presence { count, .. } => writeln!(text, "presence {count}"),
            };
        }
        text.trim_end().to_owned()
    }
}

fn connected(effect: &Effect) -> Option<u64> {
    match effect {
        Effect::Connect { line, .. } => Some(*line),
        _ => None,
    }
}

fn parsed(frame: &ClientFrame) -> Value {
    serde_json::from_str(&frame.text()).unwrap()
}

fn raw(value: &Value) -> Arc<RawValue> {
    RawValue::from_string(value.to_string()).unwrap().into()
}

fn command(n: u64, command: Value) -> Value {
    command_to(TODO, n, command)
}

fn command_to(actor: &str, n: u64, command: Value) -> Value {
    json!({ "action": "send", "actor": actor, "command_id": format!("{OUTBOX}:{n}"), "command": command })
}

/// As it goes out when it has gone out before.
fn again(frame: Value) -> Value {
    with(frame, "resent", json!(true))
}

fn accepted(n: u64, seq: u64) -> Value {
    json!({ "type": "accepted", "actor": TODO, "command_id": format!("{OUTBOX}:{n}"), "position": pos(seq), "etag": etag(seq) })
}

fn rejected(n: u64, code: u16) -> Value {
    json!({ "type": "rejected", "actor": TODO, "command_id": format!("{OUTBOX}:{n}"), "code": code, "name": "no", "message": "" })
}

fn resumed(kind: &str, seq: u64, of: &str) -> Value {
    json!({ "type": "resumed", "actor": TODO, "as": of, "kind": kind, "position": pos(seq) })
}

fn snapshot(n: u64, view: Value) -> Value {
    json!({ "type": "snapshot", "actor": TODO, "position": pos(n), "etag": etag(n), "view": view })
}

/// From the view of commit `base` to that of commit `to`.
fn patch(base: u64, to: u64) -> Value {
    let ops = json!([{ "op": "replace", "path": "/n", "value": to }]);
    json!({ "type": "patch", "actor": TODO, "base": etag(base), "etag": etag(to), "position": pos(to), "ops": ops })
}

fn events(seqs: &[u64]) -> Value {
    let (after, through) = (seqs[0] - 1, *seqs.last().unwrap());
    let events: Vec<Value> = seqs.iter().map(|seq| json!({ "seq": seq, "index": 0, "at": 1, "event": seq })).collect();
    let position = pos(through);
    json!({ "type": "events", "actor": TODO, "position": position, "after_seq": after, "through_seq": through, "events": events })
}

fn error(code: u16) -> Value {
    json!({ "type": "error", "code": code, "name": "no", "message": "" })
}

fn with(mut value: Value, key: &str, field: Value) -> Value {
    value[key] = field;
    value
}

fn ask(of: &str) -> Value {
    json!({ "action": "subscribe", "actor": TODO, "as": of })
}

/// The question of a view that stands at commit `n`.
fn ask_held(n: u64) -> Value {
    with(with(ask("view"), "from", json!(pos(n))), "etag", json!(etag(n)))
}
