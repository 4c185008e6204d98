//! AsyncAPI 3.0 of the WebSocket: every action and every frame as a message, with the commands and views of each kind.

use dormouse_core::Kind;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{
    VERSION,
    book::{Book, KindSchemas},
    frames::{ClientFrame, ClientListFrame, ServerFrame, ServerListFrame},
    text,
};

const FOLDER: &str = "/components/schemas";

const DESCRIPTION: &str = "One socket carries every subscription. The client's first frame is `hello`. The same frames from the host, \
    but `welcome` and `pong`, come from the streams of [openapi.json](openapi.json). In words: docs/protocol.md.";

/// What answers each action, as far as one frame does. `hello` can also be answered by `goodbye`, any by `error`.
const ANSWERS: [(&str, &[&str]); 6] = [
    ("hello", &["welcome", "goodbye"]),
    ("subscribe", &["resumed", "error"]),
    ("unsubscribe", &[]),
    ("send", &["accepted", "rejected"]),
    ("signal", &[]),
    ("ping", &["pong"]),
];

/// A message: its name, the action or type in it, and its schema.
struct Message {
    name: String,
    tag: String,
    payload: Value,
}

/// The field in which a frame carries a kind's own type, and that type.
type Carried = fn(&KindSchemas) -> (&'static str, &Value);

/// The AsyncAPI document of this app.
pub(super) fn asyncapi<'a>(app: &str, kinds: impl IntoIterator<Item = &'a Kind>) -> Value {
    let mut book = Book::new(SchemaSettings::draft07());
    let kinds = book.kinds(kinds);
    let mut client =
        messages("client", "action", &book.plain::<ClientFrame>(), ("send", |kind| ("command", &kind.command)), &kinds);
    client.extend(list_messages("client", "action", &book.plain::<ClientListFrame>()));
    let mut host =
        messages("host", "type", &book.plain::<ServerFrame>(), ("snapshot", |kind| ("view", &kind.view)), &kinds);
    host.extend(list_messages("host", "type", &book.plain::<ServerListFrame>()));
    let in_channel: Map<String, Value> = client
        .iter()
        .chain(&host)
        .map(|message| (message.name.clone(), reference(&["components", "messages"], &message.name)))
        .collect();
    let operations = operations(&client, &host);
    let messages: Map<String, Value> =
        client.into_iter().chain(host).map(|message| (message.name.clone(), described(message))).collect();
    let mut document = json!({
        "asyncapi": "3.0.0",
        "info": { "title": app, "version": VERSION, "description": DESCRIPTION, "license": { "name": "MIT OR Apache-2.0" } },
        "defaultContentType": "application/json",
        "servers": { "host": {
            "host": "{host}",
            "protocol": "ws",
            "description": "`wss` where TLS ends before the host.",
            "variables": { "host": { "default": "127.0.0.1:7878" } },
        } },
        "channels": { "connect": channel(in_channel) },
        "operations": operations,
        "components": { "messages": messages },
    });
    document["components"]["schemas"] = book.close(&mut document, FOLDER);
    document.sort_all_objects();
    document
}

fn channel(messages: Map<String, Value>) -> Value {
    json!({
        "address": "/v1/connect",
        "description": "Text frames, one JSON object each.",
        "servers": [{ "$ref": "#/servers/host" }],
        "messages": messages,
        "bindings": { "ws": {
            "method": "GET",
            "headers": { "type": "object", "properties": { "Sec-WebSocket-Protocol": { "type": "string", "const": "dormouse.v1" } } },
            "bindingVersion": "0.1.0",
        } },
    })
}

/// The messages of one side. The frame that carries a kind's own type is one message for each kind.
fn messages(
    side: &str,
    tag_field: &str,
    frames: &Value,
    (carrier, carried): (&str, Carried),
    kinds: &[KindSchemas],
) -> Vec<Message> {
    let mut messages = Vec::new();
    for frame in frames["oneOf"].as_array().into_iter().flatten() {
        let tag = frame["properties"][tag_field]["const"].as_str().unwrap_or_default().to_owned();
        if tag != carrier {
            messages.push(Message { name: format!("{side}.{tag}"), tag, payload: frame.clone() });
            continue;
        }
        messages.extend(kinds.iter().map(|kind| {
            let (field, schema) = carried(kind);
            let mut payload = frame.clone();
            payload["properties"][field] = schema.clone();
            payload["properties"]["actor"] = actor_of(kind);
            Message { name: format!("{side}.{tag}.{}", kind.name), tag: tag.clone(), payload }
        }));
    }
    messages
}

/// The messages of one side about lists.
fn list_messages(side: &str, tag_field: &str, frames: &Value) -> Vec<Message> {
    let message = |frame: &Value| {
        let tag = frame["properties"][tag_field]["const"].as_str().unwrap_or_default().to_owned();
        Message { name: format!("{side}.{tag}_list"), tag, payload: frame.clone() }
    };
    frames["oneOf"].as_array().into_iter().flatten().map(message).collect()
}

fn actor_of(kind: &KindSchemas) -> Value {
    let pattern = format!("^{}/{}$", kind.name, text::name());
    json!({ "type": "string", "description": format!("An actor of the kind `{}`.", kind.name), "pattern": pattern })
}

fn described(mut message: Message) -> Value {
    let summary = message.payload.as_object_mut().and_then(|payload| payload.remove("description"));
    json!({ "name": message.tag, "title": message.name, "summary": summary, "payload": message.payload })
}

/// In the words of AsyncAPI this app is the host: it receives actions, answers some, and sends the rest unasked.
fn operations(client: &[Message], host: &[Message]) -> Value {
    let named = |messages: &[Message], tag: &str| -> Vec<Value> {
        messages
            .iter()
            .filter(|message| message.tag == tag)
            .map(|message| reference(&["channels", "connect", "messages"], &message.name))
            .collect()
    };
    let channel = json!({ "$ref": "#/channels/connect" });
    let mut all = Map::new();
    for (action, answers) in ANSWERS {
        let mut operation = json!({ "action": "receive", "channel": channel, "messages": named(client, action) });
        let replies: Vec<Value> = answers.iter().flat_map(|answer| named(host, answer)).collect();
        if !replies.is_empty() {
            operation["reply"] = json!({ "channel": channel, "messages": replies });
        }
        all.insert(format!("receive_{action}"), operation);
    }
    let answered = |tag: &str| ANSWERS.iter().any(|(_, answers)| answers.contains(&tag));
    let unasked =
        host.iter().filter(|message| !answered(&message.tag) || matches!(message.tag.as_str(), "error" | "goodbye"));
    let unasked: Vec<Value> =
        unasked.map(|message| reference(&["channels", "connect", "messages"], &message.name)).collect();
    all.insert("send_frames".to_owned(), json!({ "action": "send", "channel": channel, "messages": unasked }));
    all.into()
}

fn reference(folder: &[&str], name: &str) -> Value {
    json!({ "$ref": format!("#/{}/{name}", folder.join("/")) })
}
