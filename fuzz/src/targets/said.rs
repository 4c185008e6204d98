//! What was read, in the words of whoever says it.

use std::sync::Arc;

use dormouse_client::{
    Fault,
    frame::{self as theirs, ListSaid, ServerFrame, Token},
};
use dormouse_core::{
    Code,
    frame::{
        client::{ClientFrame, From, Sent, Subscribe},
        list::ListFrame,
        server::{self as ours, About, Bounds, Identity, Said},
    },
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// A frame that the host understood, as the client says it.
pub(super) fn by_client(frame: &ClientFrame) -> theirs::ClientFrame {
    use theirs::ClientFrame as Theirs;
    match frame.clone() {
        ClientFrame::Hello { token, outbox } => {
            Theirs::Hello { token: Token(token), outbox: outbox.map(|outbox| outbox.to_string()) }
        }
        ClientFrame::Subscribe(Subscribe { actor, of, from, etag }) => {
            let from = match from {
                From::Now => None,
                From::Start => Some("start".to_owned()),
                From::After(position) => Some(position.to_string()),
            };
            Theirs::Subscribe { actor: actor.into(), r#as: of, from, etag }
        }
        ClientFrame::Unsubscribe { actor, of } => Theirs::Unsubscribe { actor: actor.into(), r#as: of },
        ClientFrame::SubscribeList { list, etag } => Theirs::SubscribeList { list: Arc::new(list), etag },
        ClientFrame::UnsubscribeList { list } => Theirs::UnsubscribeList { list: Arc::new(list) },
        ClientFrame::Send { actor, sent: Sent { id, command, resent, .. } } => {
            let command = String::from_utf8(command.to_vec()).expect("a part of a text");
            let command = RawValue::from_string(command).expect("it was JSON").into();
            Theirs::Send { actor: actor.into(), command_id: id.to_string(), command, resent }
        }
        ClientFrame::Signal { actor, signal } => Theirs::Signal { actor: actor.into(), signal: signal.into() },
        ClientFrame::Ping { positions } => Theirs::Ping {
            positions: positions.into_iter().map(|(actor, position)| (actor.into(), position)).collect(),
        },
    }
}

/// A frame that the client understood, as the host says it; `None` if it names a code that this host does not have.
pub(super) fn by_host(frame: &ServerFrame) -> Option<String> {
    if let ServerFrame::List(frame) = frame {
        return about_list(frame);
    }
    use ours::ServerFrame as Ours;
    let (raw, raw_behind);
    let said = match frame {
        ServerFrame::Welcome(it) => welcome(it),
        ServerFrame::Resumed(it) => Ours::Resumed {
            actor: &it.actor,
            r#as: it.r#as,
            kind: it.kind,
            position: it.position,
            code: it.code,
            message: it.message.as_deref(),
        },
        ServerFrame::Snapshot(it) => {
            raw = json(&it.view);
            let (actor, position, etag) = (&*it.actor, it.position, &*it.etag);
            Ours::Snapshot { actor, position, etag, view: &raw, reset: it.reset }
        }
        ServerFrame::Patch(it) => {
            raw = json(&it.ops);
            let (actor, base, etag) = (&*it.actor, &*it.base, &*it.etag);
            Ours::Patch { actor, base, etag, position: it.position, ops: &raw }
        }
        ServerFrame::Events(it) => Ours::Events {
            actor: &it.actor,
            position: it.position,
            after_seq: it.after_seq,
            through_seq: it.through_seq,
            events: &it.events,
        },
        ServerFrame::Accepted(it) => Ours::Accepted {
            actor: &it.actor,
            command_id: &it.command_id,
            position: it.position,
            etag: it.etag.as_deref(),
            again: it.again,
        },
        ServerFrame::Rejected(it) => {
            Ours::Rejected { actor: &it.actor, command_id: &it.command_id, failure: failure(&it.fault)? }
        }
        ServerFrame::Signal(it) => {
            raw = json(&it.signal);
            Ours::Signal { actor: &it.actor, from: it.from.as_ref(), task: it.task.as_deref(), signal: &raw }
        }
        ServerFrame::Presence(it) => Ours::Presence { actor: &it.actor, here: &it.here, count: it.count },
        ServerFrame::Error(it) => {
            Ours::Error { failure: failure(&it.fault)?, action: it.action, actor: it.actor.as_deref(), r#as: it.r#as }
        }
        ServerFrame::Goodbye(fault) => Ours::Goodbye { failure: failure(fault)? },
        ServerFrame::Pong(it) => {
            raw_behind = it.behind.iter().map(|(actor, position)| (actor.to_string(), *position)).collect();
            Ours::Pong { behind: raw_behind }
        }
        ServerFrame::List(_) => unreachable!("said above"),
    };
    Some(said.text())
}

fn welcome(it: &theirs::Welcome) -> ours::ServerFrame<'_> {
    ours::ServerFrame::Welcome {
        principal: Identity { id: &it.principal.id, name: &it.principal.name, roles: &it.principal.roles },
        outbox: &it.outbox,
        in_flight: it.in_flight,
        limits: Bounds {
            frame_bytes: it.limits.frame_bytes,
            signal_bytes: it.limits.signal_bytes,
            ping_seconds: it.limits.ping_seconds,
        },
        server: About { version: "0.1.0" },
    }
}

fn about_list(theirs::ListFrame { list, said }: &theirs::ListFrame) -> Option<String> {
    Some(match said {
        ListSaid::Resumed { kind } => ListFrame::Resumed { list, kind: *kind }.text(),
        ListSaid::Snapshot { etag, view } => ListFrame::Snapshot { list, etag, view: &json(view) }.text(),
        ListSaid::Patch { base, etag, ops } => ListFrame::Patch { list, base, etag, ops: &json(ops) }.text(),
        ListSaid::Error { fault, action } => {
            ListFrame::Error { failure: failure(fault)?, action: *action, list }.text()
        }
    })
}

fn json(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("it was JSON")
}

/// A host has one name for each code.
fn failure(fault: &Fault) -> Option<Said<'_>> {
    let code = Code::ALL.iter().find(|code| **code as u16 == fault.code && code.name() == fault.name)?;
    let retry_after = fault.retry_after.map(|wait| wait.as_millis() as u64);
    let (message, reason) = (&*fault.message, fault.reason.as_deref());
    Some(Said { code: *code as u16, name: code.name(), message, retry_after, reason, position: fault.position })
}
