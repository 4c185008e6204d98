//! The frames: the fixtures, what the core writes, and what it reads.

use std::{collections::BTreeSet, fs};

use dormouse_core::{
    Code, Failure, Position, Principal, Time,
    frame::{
        Action, As, client,
        list::{List, ListFrame},
        server::{About, Bounds, Identity, Resumed, Revealed, Said, ServerFrame},
    },
    outbox::{CommandId, OutboxId},
};
use serde_json::{Value, json, value::RawValue};

use super::*;
use crate::http::docs::asyncapi;

fn document() -> Value {
    asyncapi("test", &kinds())
}

fn fixtures() -> Vec<(String, String, Value)> {
    let read = |file: &str| -> Vec<Value> {
        let path = format!("{}/../../docs/fixtures/{file}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    read("frames")
        .into_iter()
        .chain(read("lists"))
        .map(|f| (text(&f["name"]), text(&f["direction"]), f["frame"].clone()))
        .collect()
}

/// The document with a validator for each of its messages, as `client.` or `host.`, and the action or type.
struct Messages(Vec<(String, String, Validator)>);

impl Messages {
    fn of(document: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let messages = document["components"]["messages"].as_object().unwrap().values();
        let entry = |message: &Value| {
            (text(&message["title"]), text(&message["name"]), validator(document, &message["payload"]))
        };
        Self(messages.map(entry).collect())
    }

    /// The messages of one side whose schema takes this frame.
    fn taken_by(&self, side: &str, frame: &Value) -> Vec<&str> {
        let of_side = self.0.iter().filter(|(title, ..)| title.starts_with(side));
        of_side.filter(|(.., validator)| validator.is_valid(frame)).map(|(_, name, _)| &**name).collect()
    }
}

#[test]
fn every_fixture_is_one_message() {
    let messages = Messages::of(&document());
    for (name, direction, frame) in fixtures() {
        let (side, tag) = if direction == "client" { ("client.", "action") } else { ("host.", "type") };
        // A ping's positions and a signal may be of any kind; a command and a view are checked against that of `todo`.
        // An `error` about a list is also one about nothing that is named.
        let mut taken = messages.taken_by(side, &frame);
        taken.dedup();
        assert_eq!(taken, [frame[tag].as_str().unwrap()], "{name}");
    }
}

#[test]
fn a_command_and_a_view_must_fit_their_kind() {
    let messages = Messages::of(&document());
    let send =
        |command: Value| json!({ "action": "send", "actor": "todo/a", "command_id": "0-a:1", "command": command });
    assert_eq!(messages.taken_by("client.", &send(json!({ "type": "add", "text": "milk" }))), ["send"]);
    for wrong in [json!({ "type": "fly" }), json!({ "type": "add" }), json!({ "type": "add", "text": "a", "by": "b" })]
    {
        assert!(messages.taken_by("client.", &send(wrong)).is_empty());
    }
    let snapshot = |actor: &str, view: Value| json!({ "type": "snapshot", "actor": actor, "position": "1:1:00000000deadbeef", "etag": "00000000deadbeef", "view": view });
    assert_eq!(messages.taken_by("host.", &snapshot("todo/a", json!({ "items": {} }))), ["snapshot"]);
    assert!(messages.taken_by("host.", &snapshot("todo/a", json!({}))).is_empty());
    assert!(messages.taken_by("host.", &snapshot("chess/a", json!({ "items": {} }))).is_empty());
}

/// The schema and the core's parser must agree about each fixture without one of its fields, and with one more.
#[test]
fn the_parser_and_the_schema_want_the_same_fields() {
    let messages = Messages::of(&document());
    let agree = |frame: &Value, name: &str| {
        let parsed = client::parse(&frame.to_string()).map(|_| ());
        assert_eq!(!messages.taken_by("client.", frame).is_empty(), parsed.is_ok(), "{name}: {parsed:?} {frame}");
    };
    for (name, direction, frame) in fixtures() {
        if direction != "client" || NULL_SIGNAL == name {
            continue;
        }
        agree(&frame, &name);
        for extra in [
            "color",
            "token",
            "outbox",
            "actor",
            "list",
            "as",
            "from",
            "etag",
            "command_id",
            "command",
            "resent",
            "signal",
            "positions",
        ] {
            let mut more = frame.clone();
            if more.get(extra).is_none() {
                more[extra] = value_for(extra);
                agree(&more, &name);
            }
        }
        for field in frame.as_object().unwrap().keys() {
            let mut less = frame.clone();
            less.as_object_mut().unwrap().remove(field);
            agree(&less, &name);
        }
    }
}

/// The parser reads `signal: null` as if there were no signal.
const NULL_SIGNAL: &str = "signal_null";

fn value_for(field: &str) -> Value {
    match field {
        "as" => json!("view"),
        "from" => json!("start"),
        "actor" => json!("todo/a"),
        "command_id" => json!("0-a:1"),
        "command" => json!({ "type": "add", "text": "a" }),
        "positions" => json!({}),
        "list" => json!({ "kind": "todo" }),
        "outbox" => json!("0-a"),
        "resent" => json!(true),
        _ => json!("a3f1c2d4e5b60719"),
    }
}

#[test]
fn the_patterns_take_what_the_parsers_take() {
    let document = document();
    let agrees = |schema: &str, text: &str, parsed: bool| {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        assert_eq!(validator(&document, &schema).is_valid(&json!(text)), parsed, "{text}");
    };
    for text in [
        "1:412:9f86d081884c7d65",
        "0:0:0000000000000000",
        "01:1:9f86d081884c7d65",
        "1:412",
        "1:-1:9f86d081884c7d65",
        "1:1:9F86D081884C7D65",
    ] {
        agrees("Position", text, text.parse::<Position>().is_ok());
        agrees("From", text, text.parse::<client::From>().is_ok());
    }
    agrees("From", "start", true);
    for text in
        ["m3vq2k8g-7f3a9c", "0-a", "00-a", "-a", "a-", "A-a", "zzzzzzzzzzzzz-a", &format!("a-{}", "b".repeat(33))]
    {
        agrees("Outbox", text, text.parse::<OutboxId>().is_ok());
        for number in ["1", "0", "01", "", "x", "12345678901234567890"] {
            let id = format!("{text}:{number}");
            agrees("CommandId", &id, id.parse::<CommandId>().is_ok());
        }
    }
    for text in ["todo/a", "todo/", "/a", "todo", "todo/a/b", "a b/c", &format!("todo/{}", "x".repeat(65))] {
        let parsed = dormouse_core::Address::in_tenant(&"main".parse().unwrap(), text);
        agrees("Actor", text, parsed.is_ok());
    }
}

/// Every variant, once with all of its fields and once with those that are always there.
fn variants(see: &mut dyn FnMut(&ServerFrame<'_>, &ServerFrame<'_>)) {
    let (actor, etag, command_id) = ("todo/a", "a3f1c2d4e5b60719", "0-a:1");
    let position: Position = "1:412:9f86d081884c7d65".parse().unwrap();
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let (view, ops, signal) = (raw(r#"{"items":{}}"#), raw(r#"[{"op":"remove","path":"/items/i1"}]"#), raw("7"));
    let ada = Principal { id: "u-1".into(), name: "Ada".into() };
    let mut both = |full: ServerFrame<'_>, bare: ServerFrame<'_>| see(&full, &bare);
    let mut one = |frame: ServerFrame<'_>| both(frame.clone(), frame);

    let roles = ["operator".to_owned()];
    one(ServerFrame::Welcome {
        principal: Identity { id: &ada.id, name: &ada.name, roles: &roles },
        outbox: "0-a",
        in_flight: 64,
        limits: Bounds { frame_bytes: 1, signal_bytes: 1, ping_seconds: 1 },
        server: About { version: "0.1.0" },
    });
    one(ServerFrame::Patch { actor, base: etag, etag, position, ops: &ops });
    let events = [Revealed { seq: 1, index: 0, at: Time(1), event: json!(null) }];
    one(ServerFrame::Events { actor, position, after_seq: 411, through_seq: 412, events: &events });
    one(ServerFrame::Presence { actor, here: std::slice::from_ref(&ada), count: 1 });
    one(ServerFrame::Pong { behind: [(actor.to_owned(), position)].into() });

    let resumed =
        |code, message| ServerFrame::Resumed { actor, r#as: As::View, kind: Resumed::Gone, position, code, message };
    both(resumed(Some(Code::Gone as u16), Some("Retired.")), resumed(None, None));
    let snapshot = |reset| ServerFrame::Snapshot { actor, position, etag, view: &view, reset };
    both(snapshot(true), snapshot(false));
    let accepted = |etag, again| ServerFrame::Accepted { actor, command_id, position, etag, again };
    both(accepted(Some(etag), true), accepted(None, false));
    let said = |from, task| ServerFrame::Signal { actor, from, task, signal: &signal };
    both(said(Some(&ada), Some("move-7")), said(None, None));

    let failure = Failure::from(Code::Rejected).retry_after(1_000);
    let bare = Failure::from(Code::Rejected);
    // Hosts always say how long to wait.
    let goodbye = ServerFrame::Goodbye { failure: Said::from(&failure) };
    both(goodbye.clone(), goodbye);
    let error = |failure, action, actor, r#as| ServerFrame::Error { failure: Said::from(failure), action, actor, r#as };
    both(error(&failure, Some(Action::Subscribe), Some(actor), Some(As::Events)), error(&bare, None, None, None));
    let reasoned = Failure { reason: Some("list_full".into()), position: Some(position), ..failure.clone() };
    let rejected = |failure| ServerFrame::Rejected { actor, command_id, failure: Said::from(failure) };
    both(rejected(&reasoned), rejected(&bare));
}

/// Every variant about a list, as [`variants`].
fn list_variants(see: &mut dyn FnMut(&ListFrame<'_>, &ListFrame<'_>)) {
    let list = List { mine: true, status: Some("open".into()), ..List::of("todo".parse().unwrap()) };
    let (list, etag) = (&list, "a3f1c2d4e5b60719");
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    let (view, ops) = (raw(r#"{"rows":{}}"#), raw(r#"[{"op":"remove","path":"/rows/a"}]"#));
    let mut one = |frame: ListFrame<'_>| see(&frame, &frame);
    one(ListFrame::Resumed { list, kind: Resumed::Current });
    one(ListFrame::Snapshot { list, etag, view: &view });
    one(ListFrame::Patch { list, base: etag, etag, ops: &ops });
    let (full, bare) = (Failure::from(Code::Unavailable).retry_after(1_000), Failure::from(Code::NotFound));
    let error = |failure, action| ListFrame::Error { failure: Said::from(failure), action, list };
    see(&error(&full, Some(Action::Subscribe)), &error(&bare, None));
}

fn list_tag(frame: &ListFrame<'_>) -> &'static str {
    match frame {
        ListFrame::Resumed { .. } => "resumed",
        ListFrame::Snapshot { .. } => "snapshot",
        ListFrame::Patch { .. } => "patch",
        ListFrame::Error { .. } => "error",
    }
}

/// Without a catch-all arm: a new variant must be added here, and so to `variants` and to the schemas.
fn tag(frame: &ServerFrame<'_>) -> &'static str {
    match frame {
        ServerFrame::Welcome { .. } => "welcome",
        ServerFrame::Resumed { .. } => "resumed",
        ServerFrame::Snapshot { .. } => "snapshot",
        ServerFrame::Patch { .. } => "patch",
        ServerFrame::Events { .. } => "events",
        ServerFrame::Accepted { .. } => "accepted",
        ServerFrame::Rejected { .. } => "rejected",
        ServerFrame::Signal { .. } => "signal",
        ServerFrame::Presence { .. } => "presence",
        ServerFrame::Error { .. } => "error",
        ServerFrame::Goodbye { .. } => "goodbye",
        ServerFrame::Pong { .. } => "pong",
    }
}

#[test]
fn what_the_core_writes_has_exactly_the_fields_of_its_schema() {
    let document = document();
    let messages = document["components"]["messages"].as_object().unwrap();
    let mut seen = BTreeSet::new();
    let mut written = |title: &str, full: &str, bare: &str| {
        // The frame that carries a view is one message for each kind.
        let payload = messages.get(title).or(messages.get(&format!("{title}.todo"))).unwrap()["payload"].clone();
        let (full, bare): (Value, Value) = (serde_json::from_str(full).unwrap(), serde_json::from_str(bare).unwrap());
        check(&document, &payload, &full, title);
        check(&document, &payload, &bare, title);
        assert_eq!(names(&full), names(&payload["properties"]), "{title}");
        let required: BTreeSet<String> = serde_json::from_value(payload["required"].clone()).unwrap();
        assert_eq!(names(&bare), required, "{title}");
        seen.insert(title.to_owned());
    };
    variants(&mut |full, bare| written(&format!("host.{}", tag(full)), &full.text(), &bare.text()));
    list_variants(&mut |full, bare| written(&format!("host.{}_list", list_tag(full)), &full.text(), &bare.text()));
    let host = messages.keys().filter(|title| title.starts_with("host."));
    assert_eq!(seen, host.map(|title| title.trim_end_matches(".todo").to_owned()).collect());
}

fn names(object: &Value) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}
