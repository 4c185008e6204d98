//! The frames that every client and host agrees on: `docs/fixtures/*.json`.

use std::borrow::Cow;

use dormouse_core::{
    codes::Code,
    frame::{
        client, list,
        server::{self, About, Said},
    },
};
use serde::Deserialize;

use super::*;
use crate::frame::{List, ListFrame, ListSaid, ServerFrame};

#[derive(Deserialize)]
struct Fixture {
    name: String,
    direction: String,
    frame: Value,
}

fn fixtures(direction: &str) -> Vec<Fixture> {
    let files = [
        include_str!("../../../../../docs/fixtures/frames.json"),
        include_str!("../../../../../docs/fixtures/lists.json"),
    ];
    let all = files.into_iter().flat_map(|file| serde_json::from_str::<Vec<Fixture>>(file).unwrap());
    all.filter(|fixture| fixture.direction == direction).collect()
}

#[test]
fn hosts_take_every_client_frame() {
    let fixtures = fixtures("client");
    assert!(fixtures.len() >= 17);
    for Fixture { name, frame, .. } in fixtures {
        client::parse(&frame.to_string()).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}

#[test]
fn hosts_take_what_this_client_says_as_it_is_meant() {
    let from = || Some(pos(4).to_string());
    let list = || Arc::new(List::of("todo".parse().unwrap()));
    let said = [
        ClientFrame::Hello { token: Token("t".into()), outbox: Some(OUTBOX.into()) },
        ClientFrame::Subscribe { actor: TODO.into(), r#as: As::Events, from: from(), etag: None },
        ClientFrame::Subscribe { actor: TODO.into(), r#as: As::View, from: from(), etag: Some(etag(4)) },
        ClientFrame::SubscribeList { list: list(), etag: Some(etag(4)) },
        ClientFrame::UnsubscribeList { list: list() },
        ClientFrame::Unsubscribe { actor: TODO.into(), r#as: As::View },
        ClientFrame::Send {
            actor: TODO.into(),
            command_id: format!("{OUTBOX}:7"),
            command: raw(&json!({})),
            resent: false,
        },
        ClientFrame::Send {
            actor: TODO.into(),
            command_id: format!("{OUTBOX}:7"),
            command: raw(&json!({})),
            resent: true,
        },
        ClientFrame::Signal { actor: TODO.into(), signal: raw(&json!(null)) },
        ClientFrame::Ping { positions: [(TODO.into(), pos(4))].into() },
    ];
    for frame in said {
        let text = frame.text();
        client::parse(&text).unwrap_or_else(|failure| panic!("{text}: {failure}"));
    }
}

#[test]
fn every_host_frame_is_read_in_full() {
    let fixtures = fixtures("server");
    assert!(fixtures.len() >= 37);
    for Fixture { name, frame, .. } in fixtures {
        let decoded = decode(&frame.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let decoded = decoded.unwrap_or_else(|| panic!("{name}: its type is not known"));
        // Said again by the host's own types, it must be the same frame: nothing was lost, and Rust hosts speak so.
        assert_eq!(said_again(&decoded, &frame), frame, "{name}");
    }
}

#[test]
fn a_newer_hosts_frames_and_fields_are_passed_over() {
    assert!(decode(r#"{"type":"fireworks","n":1}"#).unwrap().is_none());
    assert!(decode(r#"{"type":"pong","behind":{},"mood":"good"}"#).unwrap().is_some());
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"type":"pong"}"#,
        r#"{"type":"accepted","actor":"a/b","command_id":"0-a:1","position":"9"}"#,
    ] {
        assert!(decode(bad).is_err(), "{bad}");
    }
}

fn said_again(frame: &ServerFrame, fixture: &Value) -> Value {
    let text = match frame {
        ServerFrame::Welcome(it) => {
            let (id, name, roles) = (it.principal.id.as_str(), it.principal.name.as_str(), &*it.principal.roles);
            server::ServerFrame::Welcome {
                principal: server::Identity { id, name, roles },
                outbox: &it.outbox,
                in_flight: it.in_flight,
                limits: server::Bounds {
                    frame_bytes: it.limits.frame_bytes,
                    signal_bytes: it.limits.signal_bytes,
                    ping_seconds: it.limits.ping_seconds,
                },
                server: About { version: "0.1.0" },
            }
            .text()
        }
        ServerFrame::Resumed(it) => server::ServerFrame::Resumed {
            actor: &it.actor,
            r#as: it.r#as,
            kind: it.kind,
            position: it.position,
            code: it.code,
            message: it.message.as_deref(),
        }
        .text(),
        ServerFrame::Snapshot(it) => server::ServerFrame::Snapshot {
            actor: &it.actor,
            position: it.position,
            etag: &it.etag,
            view: &raw(&it.view),
            reset: it.reset,
        }
        .text(),
        ServerFrame::Patch(it) => server::ServerFrame::Patch {
            actor: &it.actor,
            base: &it.base,
            etag: &it.etag,
            position: it.position,
            ops: &raw(&serde_json::to_value(&it.ops).unwrap()),
        }
        .text(),
        ServerFrame::Events(it) => server::ServerFrame::Events {
            actor: &it.actor,
            position: it.position,
            after_seq: it.after_seq,
            through_seq: it.through_seq,
            events: &it.events,
        }
        .text(),
        ServerFrame::Accepted(it) => server::ServerFrame::Accepted {
            actor: &it.actor,
            command_id: &it.command_id,
            position: it.position,
            etag: it.etag.as_deref(),
            again: it.again,
        }
        .text(),
        ServerFrame::Rejected(it) => {
            let (actor, command_id) = (&*it.actor, it.command_id.as_str());
            server::ServerFrame::Rejected { actor, command_id, failure: said(&it.fault) }.text()
        }
        ServerFrame::Signal(it) => server::ServerFrame::Signal {
            actor: &it.actor,
            from: it.from.as_ref(),
            task: it.task.as_deref(),
            signal: &raw(&it.signal),
        }
        .text(),
        ServerFrame::Presence(it) => {
            server::ServerFrame::Presence { actor: &it.actor, here: &it.here, count: it.count }.text()
        }
        ServerFrame::Error(it) => {
            let (failure, actor) = (said(&it.fault), it.actor.as_deref());
            server::ServerFrame::Error { failure, action: it.action, actor, r#as: it.r#as }.text()
        }
        ServerFrame::List(it) => list_said_again(it),
        ServerFrame::Goodbye(fault) => server::ServerFrame::Goodbye { failure: said(fault) }.text(),
        ServerFrame::Pong(it) => {
            let behind = it.behind.iter().map(|(actor, position)| (actor.to_string(), *position)).collect();
            server::ServerFrame::Pong { behind }.text()
        }
    };
    let mut again: Value = serde_json::from_str(&text).unwrap();
    // The client keeps no version; only its presence is compared.
    if fixture["type"] == "welcome" {
        again["server"] = fixture["server"].clone();
    }
    again
}

fn list_said_again(ListFrame { list, said: about }: &ListFrame) -> String {
    match about {
        ListSaid::Resumed { kind } => list::ListFrame::Resumed { list, kind: *kind }.text(),
        ListSaid::Snapshot { etag, view } => list::ListFrame::Snapshot { list, etag, view: &raw(view) }.text(),
        ListSaid::Patch { base, etag, ops } => {
            let ops = &raw(&serde_json::to_value(ops).unwrap());
            list::ListFrame::Patch { list, base, etag, ops }.text()
        }
        ListSaid::Error { fault, action } => {
            list::ListFrame::Error { failure: said(fault), action: *action, list }.text()
        }
    }
}

/// Also checks that the number and name are of the table.
fn said(fault: &Fault) -> Said<'_> {
    let code = Code::ALL.iter().find(|code| **code as u16 == fault.code).expect("a code of the table");
    assert_eq!(Cow::Borrowed(code.name()), fault.name);
    Said {
        code: fault.code,
        name: code.name(),
        message: &fault.message,
        retry_after: fault.retry_after.map(|wait| wait.as_millis() as u64),
        reason: fault.reason.as_deref(),
        position: fault.position,
    }
}
