//! What can still be told of a frame that was refused, so that its sender knows which of its requests the answer is for.
//!
//! Lenient where [`super::client::parse`] is strict, but nothing passes that is not a word of the protocol or a well-formed name.

use serde::{
    Deserialize, Deserializer,
    de::{IntoDeserializer, value::Error},
};
use serde_json::value::RawValue;

use super::{Action, As, client::Listed, list::List};
use crate::{address::Name, limits::FRAME_BYTES_MAX};

/// What a refused frame was about. Without an action nothing is known: an `error` that names an actor and no action ends a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glimpse {
    /// What it asked for.
    pub action: Option<Action>,
    /// `kind/id`, both well-formed.
    pub actor: Option<String>,
    /// The list, if it is one.
    pub list: Option<List>,
    /// Which subscription, if it asked for one or for its end.
    pub of: Option<As>,
    /// Letters that an id may hold, if it is of a `send`; not necessarily an id.
    pub command_id: Option<String>,
}

/// As long as the longest command id.
const COMMAND_ID_BYTES_MAX: usize = "stampstamp12-".len() + 32 + ":18446744073709551615".len();

#[derive(Deserialize)]
struct Loose {
    #[serde(default, deserialize_with = "text")]
    action: Field,
    #[serde(default, deserialize_with = "text")]
    actor: Field,
    /// It is there, and is one.
    #[serde(default, deserialize_with = "list")]
    list: Option<Option<List>>,
    #[serde(default, deserialize_with = "text", rename = "as")]
    of: Field,
    #[serde(default, deserialize_with = "text")]
    command_id: Field,
}

#[derive(Default)]
enum Field {
    #[default]
    Absent,
    Text(String),
    Other,
}

impl Field {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Look once more at a frame that was refused. Text that is no object of JSON, or that says one of these fields twice, tells nothing.
pub fn glimpse(text: &str) -> Glimpse {
    // A list of values would be read as fields by their order.
    if text.len() > FRAME_BYTES_MAX || !text.trim_start().starts_with('{') {
        return Glimpse::default();
    }
    serde_json::from_str(text).map_or_else(|_| Glimpse::default(), |loose| told(&loose))
}

fn told(loose: &Loose) -> Glimpse {
    let Some(action) = loose.action.text().and_then(word) else { return Glimpse::default() };
    let subscribes = matches!(action, Action::Subscribe | Action::Unsubscribe);
    let of = match &loose.of {
        _ if !subscribes || loose.list.is_some() => None,
        Field::Absent => Some(As::default()),
        Field::Text(text) => word(text),
        Field::Other => None,
    };
    let actor = loose.actor.text().filter(|text| is_actor(text)).map(str::to_owned);
    let command_id = loose.command_id.text().filter(|text| action == Action::Send && may_be_id(text));
    let list = loose.list.clone().flatten().filter(|_| subscribes && actor.is_none());
    Glimpse { action: Some(action), actor, list, of, command_id: command_id.map(str::to_owned) }
}

/// Any value; only text is kept.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    Ok(match serde_json::from_str(raw) {
        Ok(text) => Field::Text(text),
        Err(_) if raw == "null" => Field::Absent,
        Err(_) => Field::Other,
    })
}

/// Something else than what was asked for must not be told of: it may be followed.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<List>>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    let listed: Option<Listed> = serde_json::from_str(raw).ok().filter(|_| raw.starts_with('{'));
    Ok(Some(listed.and_then(|listed| listed.try_into().ok())))
}

fn word<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let deserializer = IntoDeserializer::<Error>::into_deserializer(text);
    T::deserialize(deserializer).ok()
}

fn is_actor(text: &str) -> bool {
    text.split_once('/').is_some_and(|(kind, id)| kind.parse::<Name>().is_ok() && id.parse::<Name>().is_ok())
}

/// Its sender must find what it sent, also if that is no id: any letter of a name will do, and the colon.
fn may_be_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b':');
    !text.is_empty() && text.len() <= COMMAND_ID_BYTES_MAX && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told<'a> = (Option<Action>, Option<&'a str>, Option<As>, Option<&'a str>);

    const NOTHING: Told<'static> = (None, None, None, None);

    fn assert_told(text: &str, expected: Told<'_>) {
        let Glimpse { action, actor, list: _, of, command_id } = glimpse(text);
        assert_eq!((action, actor.as_deref(), of, command_id.as_deref()), expected, "{text:.200}");
        assert!(super::super::client::parse(text).is_err(), "only what is refused is looked at: {text:.200}");
    }

    #[test]
    fn what_a_refused_frame_was_about_is_told() {
        let send = (Some(Action::Send), Some("a/b"), None, Some("0-a:1"));
        let subscribe = |of| (Some(Action::Subscribe), Some("a/b"), of, None);
        let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        let cases: [(&str, Told<'_>); 12] = [
            (r#"{"action":"send","actor":"a/b","command_id":"0-a:1"}"#, send),
            (r#" {"action":"send","actor":"a/b","command_id":"0-a:1","command":1,"x":{"action":"ping"}}"#, send),
            (r#"{"action":"send","actor":"a/b","command_id":"0-a:1","as":"view","command":1}"#, send),
            (&format!(r#"{{"action":"send","actor":"a/b","command_id":"0-a:1","command":{deep}}}"#), send),
            (r#"{"action":"send","actor":"a/b","command_id":"0-a:1","command":1e999}"#, send),
            (r#"{"action":"send","actor":"a/b","command_id":"0-a:01","command":1}"#, {
                (Some(Action::Send), Some("a/b"), None, Some("0-a:01"))
            }),
            (r#"{"action":"subscribe","actor":"a/b","from":"x"}"#, subscribe(Some(As::View))),
            (r#"{"action":"subscribe","actor":"a/b","from":"x","as":null}"#, subscribe(Some(As::View))),
            (r#"{"action":"subscribe","actor":"a/b","from":"x","as":"events"}"#, subscribe(Some(As::Events))),
            (r#"{"action":"subscribe","actor":"a/b","as":"dream","command_id":"0-a:1"}"#, subscribe(None)),
            (r#"{"action":"subscribe","actor":"a/b","as":{"view":null},"x":1}"#, subscribe(None)),
            (r#"{"action":"signal","actor":"a/b","as":"view"}"#, (Some(Action::Signal), Some("a/b"), None, None)),
        ];
        for (text, expected) in cases {
            assert_told(text, expected);
        }
    }

    #[test]
    fn of_a_refused_list_is_told_what_could_be_one() {
        let told = |list: &str| {
            let text = format!(r#"{{"action":"subscribe","list":{list},"x":1}}"#);
            let Glimpse { action, actor, list, of, command_id } = glimpse(&text);
            assert_eq!((action, actor, command_id), (Some(Action::Subscribe), None, None));
            (list.map(|list| serde_json::to_string(&list).unwrap()), of)
        };
        assert_eq!(told(r#"{"kind":"todo"}"#), (Some(r#"{"kind":"todo"}"#.into()), None));
        assert_eq!(told(r#"{"mine":true,"kind":"todo"}"#), (Some(r#"{"kind":"todo","mine":true}"#.into()), None));
        assert_eq!(told(r#"{"kind":"todo","y":2}"#), (None, None));
        let long = format!(r#"{{"kind":"todo","status":"{}"}}"#, "x".repeat(513));
        for list in [r#"{"kind":"to do"}"#, r#"["todo",true,"open"]"#, r#"{"kind":"todo","mine":1}"#, &long] {
            assert_eq!(told(list).0, None, "{list:.100}");
        }
    }

    #[test]
    fn what_cannot_be_read_tells_nothing() {
        for text in [
            "",
            "{",
            "[]",
            "\"send\"",
            r#"["send","a/b",null,"0-a:1"]"#,
            r#"{"action":"send","actor":"a/b","command_id":"0-a:1","command":{}"#,
            r#"{"action":"send","actor":"a/b","command_id":"0-a:1","command":{}}}"#,
            r#"{"action":"send","actor":"a/b","actor":"a/c","command_id":"0-a:1","command":{}}"#,
            r#"{"actor":"a/b","as":"view"}"#,
            r#"{"action":"fly","actor":"a/b","as":"view"}"#,
            r#"{"action":{"send":null},"actor":"a/b"}"#,
            r#"{"action":7,"actor":"a/b"}"#,
        ] {
            assert_told(text, NOTHING);
        }
        let frame = |bytes| format!(r#"{{"action":"ping","x":"{}"}}"#, "x".repeat(bytes - 24));
        assert_told(&frame(FRAME_BYTES_MAX), (Some(Action::Ping), None, None, None));
        assert_told(&frame(FRAME_BYTES_MAX + 1), NOTHING);
    }

    #[test]
    fn nothing_is_told_that_is_no_name() {
        let send = |actor: &str, id: &str| serde_json::json!({ "action": "send", "actor": actor, "command_id": id });
        let (longest, longest_id) =
            (format!("a/{}", "x".repeat(64)), format!("zzzzzzzzzzzz-{}:{}", "x".repeat(32), u64::MAX));
        let told = (Some(Action::Send), Some(&*longest), None, Some(&*longest_id));
        assert_told(&send(&longest, &longest_id).to_string(), told);
        let (over, over_id) = (format!("{longest}x"), format!("{longest_id}0"));
        for actor in [&over, "", "a", "a/", "/b", "a/b/c", "a/<b>", "a/b\n", "a/\u{e9}", "../x"] {
            assert_told(&send(actor, "0-a:1").to_string(), (Some(Action::Send), None, None, Some("0-a:1")));
        }
        for id in [&over_id, "", "0-a:1\0", "<0-a:1>", "0-a 1", "\u{e9}:1"] {
            assert_told(&send("a/b", id).to_string(), (Some(Action::Send), Some("a/b"), None, None));
        }
    }
}
