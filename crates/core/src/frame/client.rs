//! What a client may say. Parsed in one place, with one answer for each way to get it wrong.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;

use super::{As, list::List};
use crate::{
    codes::{Code, Failure},
    limits::{COMMAND_BYTES_MAX, FRAME_BYTES_MAX, SIGNAL_BYTES_MAX, SUBSCRIPTIONS_MAX},
    outbox::{CommandId, OutboxId},
    position::Position,
    strict,
};

/// A frame from a client.
#[derive(Debug, Clone)]
pub enum ClientFrame {
    /// Who I am; the first frame.
    Hello {
        /// A JWT.
        token: String,
        /// The outbox of an earlier `welcome`.
        outbox: Option<OutboxId>,
    },
    /// Tell me of this actor.
    Subscribe(Subscribe),
    /// Cease to.
    Unsubscribe {
        /// `kind/id`.
        actor: String,
        /// Which of the two.
        of: As,
    },
    /// Tell me of this list.
    SubscribeList {
        /// Which.
        list: List,
        /// The etag of the view that the client holds.
        etag: Option<String>,
    },
    /// Cease to.
    UnsubscribeList {
        /// Which.
        list: List,
    },
    /// Give the actor this command.
    Send {
        /// `kind/id`.
        actor: String,
        /// What to give it.
        sent: Sent,
    },
    /// Tell those who watch.
    Signal {
        /// `kind/id`.
        actor: String,
        /// JSON.
        signal: Box<RawValue>,
    },
    /// I am here, and this is where I stand.
    Ping {
        /// By actor.
        positions: BTreeMap<String, Position>,
    },
}

/// A command as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The same for every repetition.
    pub id: CommandId,
    /// Its text, which the answer repeats.
    pub command_id: Arc<str>,
    /// JSON.
    pub command: Arc<[u8]>,
    /// It was put on a line before: another copy may come.
    pub resent: bool,
}

/// A request to be told of an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// `kind/id`.
    pub actor: String,
    /// What to follow.
    pub of: As,
    /// Where the client stands.
    pub from: From,
    /// The etag of the view that the client holds.
    pub etag: Option<String>,
}

/// Where a subscription resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// A view: with a snapshot. Events: with the next.
    Now,
    /// Events: with the first.
    Start,
    /// After this position.
    After(Position),
}

impl std::str::FromStr for From {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match text {
            "start" => Ok(Self::Start),
            text => text.parse().map(Self::After).map_err(|_| Code::BadPosition.into()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    token: Option<String>,
    outbox: Option<Cow<'a, str>>,
    actor: Option<String>,
    #[serde(default, deserialize_with = "an_object")]
    list: Option<Listed>,
    #[serde(rename = "as")]
    of: Option<As>,
    from: Option<Cow<'a, str>>,
    etag: Option<String>,
    command_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    command: Option<&'a RawValue>,
    resent: Option<bool>,
    #[serde(borrow, default, deserialize_with = "present")]
    signal: Option<&'a RawValue>,
    positions: Option<BTreeMap<String, Cow<'a, str>>>,
}

/// A list as it stands in a frame.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    kind: String,
    #[serde(default)]
    mine: bool,
    status: Option<String>,
}

impl TryFrom<Listed> for List {
    type Error = Code;

    fn try_from(Listed { kind, mine, status }: Listed) -> Result<Self, Code> {
        Self::new(&kind, mine, status)
    }
}

/// A parser would take the fields of a struct from a list of values, too.
fn an_object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Listed>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    if !raw.starts_with('{') {
        return Err(D::Error::custom("a list is an object"));
    }
    serde_json::from_str(raw).map(Some).map_err(D::Error::custom)
}

/// A field that is there is there, also if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Fields in the order of [`Flat::given`].
const FIELDS: [&str; 12] = [
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
];

impl Flat<'_> {
    fn given(&self) -> [bool; 12] {
        [
            self.token.is_some(),
            self.outbox.is_some(),
            self.actor.is_some(),
            self.list.is_some(),
            self.of.is_some(),
            self.from.is_some(),
            self.etag.is_some(),
            self.command_id.is_some(),
            self.command.is_some(),
            self.resent.is_some(),
            self.signal.is_some(),
            self.positions.is_some(),
        ]
    }

    /// Only these fields may stand beside `action`.
    fn only(&self, allowed: &[&str]) -> Result<(), Failure> {
        let extra = FIELDS.iter().zip(self.given()).find(|(name, given)| *given && !allowed.contains(name));
        match extra {
            None => Ok(()),
            Some((name, _)) => {
                Err(Failure::new(Code::UnknownField, format!("`{name}` does not belong to this action")))
            }
        }
    }
}

/// Read one frame.
///
/// # Errors
/// A [`Failure`] to send back; the connection stays.
pub fn parse(text: &str) -> Result<ClientFrame, Failure> {
    if text.len() > FRAME_BYTES_MAX {
        return Err(Code::TooLarge.into());
    }
    let flat = flat(text)?;
    match &*flat.action {
        "hello" => hello(flat),
        "subscribe" => subscribe(flat),
        "unsubscribe" => unsubscribe(flat),
        "send" => send(flat),
        "signal" => signal(flat),
        "ping" => ping(flat),
        _ => Err(Code::UnknownType.into()),
    }
}

/// The fields of a frame that is sound as a whole. Of a `send`, by far the most frequent, only the command is looked at twice: doubled and
/// unknown fields do not pass the parser, and the others have alphabets of their own.
fn flat(text: &str) -> Result<Flat<'_>, Failure> {
    let flat = serde_json::from_str::<Flat<'_>>(text);
    match &flat {
        Ok(Flat { action, command: Some(command), .. }) if action == "send" => {
            strict::check_within(1, command.get().as_bytes())?;
        }
        _ => strict::check(text.as_bytes())?,
    }
    flat.map_err(|error| frame_failure(&error))
}

fn hello(flat: Flat<'_>) -> Result<ClientFrame, Failure> {
    flat.only(&["token", "outbox"])?;
    let outbox = flat.outbox.map(|text| text.parse().map_err(|_| Code::BadCommandId)).transpose()?;
    Ok(ClientFrame::Hello { token: required(flat.token, "token")?, outbox })
}

fn subscribe(flat: Flat<'_>) -> Result<ClientFrame, Failure> {
    if flat.list.is_some() {
        flat.only(&["list", "etag"])?;
        return Ok(ClientFrame::SubscribeList { list: required(flat.list, "list")?.try_into()?, etag: flat.etag });
    }
    flat.only(&["actor", "as", "from", "etag"])?;
    let from = flat.from.map_or(Ok(From::Now), |text| text.parse())?;
    Ok(ClientFrame::Subscribe(Subscribe {
        actor: required(flat.actor, "actor")?,
        of: flat.of.unwrap_or_default(),
        from,
        etag: flat.etag,
    }))
}

fn unsubscribe(flat: Flat<'_>) -> Result<ClientFrame, Failure> {
    if flat.list.is_some() {
        flat.only(&["list"])?;
        return Ok(ClientFrame::UnsubscribeList { list: required(flat.list, "list")?.try_into()? });
    }
    flat.only(&["actor", "as"])?;
    Ok(ClientFrame::Unsubscribe { actor: required(flat.actor, "actor")?, of: flat.of.unwrap_or_default() })
}

fn send(flat: Flat<'_>) -> Result<ClientFrame, Failure> {
    flat.only(&["actor", "command_id", "command", "resent"])?;
    let command = required(flat.command, "command")?.get();
    if command.len() > COMMAND_BYTES_MAX {
        return Err(Code::TooLarge.into());
    }
    let command_id: Arc<str> = required(flat.command_id, "command_id")?.into();
    let id = command_id.parse().map_err(|_| Code::BadCommandId)?;
    let sent = Sent { id, command_id, command: command.as_bytes().into(), resent: flat.resent.unwrap_or_default() };
    Ok(ClientFrame::Send { actor: required(flat.actor, "actor")?, sent })
}

fn signal(flat: Flat<'_>) -> Result<ClientFrame, Failure> {
    flat.only(&["actor", "signal"])?;
    let signal = required(flat.signal, "signal")?;
    if signal.get().len() > SIGNAL_BYTES_MAX {
        return Err(Code::TooLarge.into());
    }
    Ok(ClientFrame::Signal { actor: required(flat.actor, "actor")?, signal: signal.to_owned() })
}

fn ping(flat: Flat<'_>) -> Result<ClientFrame, Failure> {
    flat.only(&["positions"])?;
    let positions = flat.positions.unwrap_or_default();
    if positions.len() > SUBSCRIPTIONS_MAX {
        return Err(Code::TooManySubscriptions.into());
    }
    let parsed = positions.into_iter().map(|(actor, text)| Ok((actor, text.parse().map_err(|_| Code::BadPosition)?)));
    Ok(ClientFrame::Ping { positions: parsed.collect::<Result<_, Code>>()? })
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, Failure> {
    field.ok_or_else(|| Failure::new(Code::BadFrame, format!("the field `{name}` is missing")))
}

fn frame_failure(error: &serde_json::Error) -> Failure {
    let code = if error.to_string().starts_with("unknown field") { Code::UnknownField } else { Code::BadFrame };
    code.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SUMMARY_TEXT_BYTES_MAX;

    #[test]
    fn bad_frames_are_answered_by_number() {
        let cases: [(&str, Code); 26] = [
            ("", Code::BadJson),
            ("[]", Code::BadFrame),
            ("{}", Code::BadFrame),
            (r#"{"action":"fly"}"#, Code::UnknownType),
            (r#"{"action":"send","tenant":"x"}"#, Code::UnknownField),
            (r#"{"action":"send","token":"x"}"#, Code::UnknownField),
            (r#"{"action":"send","actor":"a/b","command_id":"x","command":{}}"#, Code::BadCommandId),
            (r#"{"action":"send","actor":"a/b","command_id":"0-a:1"}"#, Code::BadFrame),
            (r#"{"action":"send","actor":"a/b","command_id":"0-a:1","command":1,"resent":1}"#, Code::BadFrame),
            (r#"{"action":"subscribe","actor":"a/b","resent":true}"#, Code::UnknownField),
            (r#"{"action":"subscribe"}"#, Code::BadFrame),
            (r#"{"action":"subscribe","actor":"a/b","from":"1:-2:x"}"#, Code::BadPosition),
            (r#"{"action":"subscribe","actor":"a/b","as":"dream"}"#, Code::BadFrame),
            (r#"{"action":"subscribe","list":"todo"}"#, Code::BadFrame),
            (r#"{"action":"subscribe","list":{}}"#, Code::BadFrame),
            (r#"{"action":"subscribe","list":["todo",true,"open"]}"#, Code::BadFrame),
            (r#"{"action":"subscribe","list":{"kind":"to do"}}"#, Code::BadName),
            (r#"{"action":"subscribe","list":{"kind":"todo","mine":1}}"#, Code::BadFrame),
            (r#"{"action":"subscribe","list":{"kind":"todo","tenant":"x"}}"#, Code::UnknownField),
            (r#"{"action":"subscribe","list":{"kind":"todo"},"actor":"a/b"}"#, Code::UnknownField),
            (r#"{"action":"subscribe","list":{"kind":"todo"},"from":"start"}"#, Code::UnknownField),
            (r#"{"action":"unsubscribe","list":{"kind":"todo"},"etag":"x"}"#, Code::UnknownField),
            (r#"{"action":"signal","list":{"kind":"todo"},"signal":1}"#, Code::UnknownField),
            (r#"{"action":"ping","positions":{"a/b":"9"}}"#, Code::BadPosition),
            (r#"{"action":7}"#, Code::BadFrame),
            (r#"{"action":"ping","action":"ping"}"#, Code::DuplicateKey),
        ];
        for (text, code) in cases {
            assert_eq!(parse(text).unwrap_err().code, code, "{text}");
        }
    }

    #[test]
    fn a_frame_at_the_limit_is_taken_and_one_byte_more_is_not() {
        let frame = |bytes: usize| {
            let head = r#"{"action":"hello","token":""#;
            format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2))
        };
        assert!(parse(&frame(FRAME_BYTES_MAX)).is_ok());
        assert_eq!(parse(&frame(FRAME_BYTES_MAX + 1)).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn a_list_is_its_kind_and_what_it_leaves_out() {
        let text = r#"{"action":"subscribe","list":{"status":"open","kind":"todo","mine":true},"etag":"x"}"#;
        let ClientFrame::SubscribeList { list, etag } = parse(text).unwrap() else { panic!("a list") };
        let said = serde_json::to_string(&list).unwrap();
        assert_eq!((said.as_str(), etag.as_deref()), (r#"{"kind":"todo","mine":true,"status":"open"}"#, Some("x")));
        let text = r#"{"action":"unsubscribe","list":{"kind":"todo","mine":false}}"#;
        let ClientFrame::UnsubscribeList { list } = parse(text).unwrap() else { panic!("a list") };
        assert_eq!(serde_json::to_string(&list).unwrap(), r#"{"kind":"todo"}"#);
    }

    #[test]
    fn a_status_at_the_limit_is_taken_and_one_byte_more_is_not() {
        let frame = |bytes| {
            let status = "x".repeat(bytes);
            format!(r#"{{"action":"subscribe","list":{{"kind":"todo","status":"{status}"}}}}"#)
        };
        assert!(parse(&frame(SUMMARY_TEXT_BYTES_MAX)).is_ok());
        assert_eq!(parse(&frame(SUMMARY_TEXT_BYTES_MAX + 1)).unwrap_err().code, Code::TooLarge);
    }

    #[test]
    fn a_command_keeps_its_bytes() {
        let text = r#"{"command":{"type":"add", "by":1},"action":"send","actor":"counter/a","command_id":"0-a:7"}"#;
        let ClientFrame::Send { sent, .. } = parse(text).unwrap() else { panic!("a send") };
        assert_eq!((&*sent.command, sent.id.n, sent.resent), (&br#"{"type":"add", "by":1}"#[..], 7, false));
    }

    #[test]
    fn a_command_says_whether_it_was_sent_before() {
        for (said, resent) in [("true", true), ("false", false)] {
            let text = format!(r#"{{"action":"send","actor":"a/b","command_id":"0-a:1","command":1,"resent":{said}}}"#);
            let ClientFrame::Send { sent, .. } = parse(&text).unwrap() else { panic!("a send") };
            assert_eq!(sent.resent, resent);
        }
    }
}
