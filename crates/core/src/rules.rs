//! Actors without their types: all that the engine sees of an app.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::{
    actor::{Actor, Draft, Input, Rejection},
    address::Name,
    agenda::{Agenda, Outcome, Summary, Task, TaskKey},
    codes::{Code, Failure},
    dice::Secret,
    sight::{Sight, Viewer},
    time::Moment,
};

/// An input whose payload is still JSON.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // The variants are those of `Input`.
pub enum RawInput<'a> {
    Created { by: &'a Viewer, config: &'a [u8] },
    Command { by: &'a Viewer, command: &'a [u8] },
    Wake { key: &'a str },
    Reported { key: &'a TaskKey, outcome: &'a Outcome },
    Joined { who: &'a Viewer },
    Left { who: &'a Viewer },
    Retire { by: &'a Viewer },
}

/// Why an input was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The rules said no.
    Rejected(Rejection),
    /// The payload does not fit the kind's types, or the engine said no.
    Failed(Failure),
}

/// Stored bytes that the rules cannot read.
#[derive(Debug, thiserror::Error)]
#[error("stored bytes do not decode: {0}")]
pub struct Corrupt(#[from] serde_json::Error);

/// An actor's state behind one object-safe face.
pub trait Rules: Send {
    /// Run the rules on this input; what they emit is pushed to `events`, encoded.
    ///
    /// # Errors
    /// [`Refusal`]; if `events` is not empty then, the state is spoiled and must be loaded afresh.
    fn decide(
        &mut self,
        input: RawInput<'_>,
        at: Moment,
        secret: Secret,
        events: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal>;
    /// Fold one stored event.
    ///
    /// # Errors
    /// [`Corrupt`] if it does not decode; the state is as before.
    fn evolve(&mut self, event: &[u8], at: Moment) -> Result<(), Corrupt>;
    /// [`Actor::sight`].
    fn sight(&self, viewer: &Viewer) -> Sight;
    /// [`Actor::view`] as compact JSON.
    fn view(&self, sight: &Sight) -> Vec<u8>;
    /// [`Actor::agenda`].
    fn agenda(&self) -> Agenda;
    /// [`Actor::task`].
    fn task(&self, key: &TaskKey) -> Task;
    /// [`Actor::reveal`].
    ///
    /// # Errors
    /// [`Corrupt`] if the stored event does not decode.
    fn reveal(&self, event: &[u8], sight: &Sight) -> Result<Option<Value>, Corrupt>;
    /// [`Actor::summary`].
    fn summary(&self) -> Option<Summary>;
    /// The state as JSON.
    fn save(&self) -> Vec<u8>;
}

struct Typed<A>(A);

impl<A: Actor> Rules for Typed<A> {
    fn decide(
        &mut self,
        input: RawInput<'_>,
        at: Moment,
        secret: Secret,
        events: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let input = typed::<A>(input)?;
        let mut draft = Draft::new(&mut self.0, events, at, secret);
        A::decide(&mut draft, input).map_err(Refusal::Rejected)
    }

    fn evolve(&mut self, event: &[u8], at: Moment) -> Result<(), Corrupt> {
        let event = serde_json::from_slice(event)?;
        self.0.evolve(&event, at);
        Ok(())
    }

    fn sight(&self, viewer: &Viewer) -> Sight {
        self.0.sight(viewer)
    }

    fn view(&self, sight: &Sight) -> Vec<u8> {
        serde_json::to_vec(&self.0.view(sight)).expect("views serialise to JSON")
    }

    fn agenda(&self) -> Agenda {
        self.0.agenda()
    }

    fn task(&self, key: &TaskKey) -> Task {
        self.0.task(key)
    }

    fn reveal(&self, event: &[u8], sight: &Sight) -> Result<Option<Value>, Corrupt> {
        let event = serde_json::from_slice(event)?;
        Ok(self.0.reveal(&event, sight))
    }

    fn summary(&self) -> Option<Summary> {
        self.0.summary()
    }

    fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("states serialise to JSON")
    }
}

fn typed<A: Actor>(input: RawInput<'_>) -> Result<Input<A>, Refusal> {
    Ok(match input {
        RawInput::Created { by, config } => Input::Created { by: by.clone(), config: decode(config, Code::BadConfig)? },
        RawInput::Command { by, command } => {
            Input::Command { by: by.clone(), command: decode(command, Code::BadCommand)? }
        }
        RawInput::Wake { key } => Input::Wake { key: key.to_owned() },
        RawInput::Reported { key, outcome } => Input::Reported { key: key.clone(), outcome: outcome.clone() },
        RawInput::Joined { who } => Input::Joined { who: who.clone() },
        RawInput::Left { who } => Input::Left { who: who.clone() },
        RawInput::Retire { by } => Input::Retire { by: by.clone() },
    })
}

/// Decode a payload that came from outside. The message names what was expected and never repeats the input.
fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8], otherwise: Code) -> Result<T, Refusal> {
    // Serde would take a list for an object, its values for the fields in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Refusal::Failed(Failure::new(otherwise, "the payload is a list; expected an object")));
    }
    serde_json::from_slice(bytes).map_err(|error| Refusal::Failed(payload_failure(&error, otherwise)))
}

fn payload_failure(error: &serde_json::Error, otherwise: Code) -> Failure {
    let text = error.to_string();
    // The last: what is quoted from the payload stands before it.
    let expected = text.rsplit_once(", expected ").map_or("", |(_, rest)| rest);
    let expected = expected.split(" at line ").next().unwrap_or_default();
    if text.starts_with("unknown field") && text.contains(", there are no fields") {
        Failure::new(Code::UnknownField, "a field is unknown; none is expected here")
    } else if text.starts_with("unknown field") {
        Failure::new(Code::UnknownField, format!("a field is unknown; expected {expected}"))
    } else if text.starts_with("unknown variant") {
        Failure::new(Code::UnknownType, format!("the type is unknown; expected {expected}"))
    } else if let Some(field) = text.strip_prefix("missing field ") {
        let field = field.split(" at line ").next().unwrap_or_default();
        Failure::new(otherwise, format!("the field {field} is missing"))
    } else if expected.is_empty() || names_rust_type(expected) {
        Failure::new(otherwise, "the payload does not fit its schema; see /docs".to_owned())
    } else {
        Failure::new(otherwise, format!("the payload does not fit its schema; expected {expected}"))
    }
}

/// Such as "internally tagged enum TodoCommand": it says nothing to whoever sent the payload.
fn names_rust_type(expected: &str) -> bool {
    expected.contains("::") || expected.split(' ').any(|word| matches!(word, "struct" | "enum" | "variant"))
}

/// The JSON Schemas of a kind's public types.
pub struct Schemas {
    /// Of [`Actor::Config`].
    pub config: Schema,
    /// Of [`Actor::Command`].
    pub command: Schema,
    /// Of [`Actor::View`].
    pub view: Schema,
}

/// How a state is read that [`Rules::save`] wrote.
pub type Load = fn(&[u8]) -> Result<Box<dyn Rules>, Corrupt>;

/// A kind of actor, registered with a host.
pub struct Kind {
    /// Its name in addresses.
    pub name: Name,
    /// [`Actor::RULES`].
    pub rules: u32,
    blank: fn() -> Box<dyn Rules>,
    load: Load,
    schemas: fn(&mut SchemaGenerator) -> Schemas,
}

impl Kind {
    /// The kind that `A` is.
    ///
    /// # Panics
    /// If `A::KIND` is not a [`Name`].
    pub fn of<A: Actor>() -> Self {
        Self {
            name: A::KIND.parse().expect("KIND is 1 to 64 of A-Z, a-z, 0-9, _ and -"),
            rules: A::RULES,
            blank: || Box::new(Typed(A::default())),
            load: |bytes| Ok(Box::new(Typed(serde_json::from_slice::<A>(bytes)?))),
            schemas: |generator| Schemas {
                config: schema_of::<A::Config>(generator),
                command: schema_of::<A::Command>(generator),
                view: schema_of::<A::View>(generator),
            },
        }
    }

    /// The state before the first commit.
    pub fn blank(&self) -> Box<dyn Rules> {
        (self.blank)()
    }

    /// The kind of `A` behind other rules, which keep the states and events of `A`: for tests that watch an actor or stand in its way.
    pub fn behind<A: Actor>(blank: fn() -> Box<dyn Rules>, load: Load) -> Self {
        Self { blank, load, ..Self::of::<A>() }
    }

    /// The state that [`Rules::save`] wrote.
    ///
    /// # Errors
    /// [`Corrupt`] if it does not decode.
    pub fn load(&self, state: &[u8]) -> Result<Box<dyn Rules>, Corrupt> {
        (self.load)(state)
    }

    /// The schemas of its types, with shared definitions left in `generator`.
    pub fn schemas(&self, generator: &mut SchemaGenerator) -> Schemas {
        (self.schemas)(generator)
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (rules {})", self.name, self.rules)
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Bare {}

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Point {
        x: i64,
        label: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
    #[allow(dead_code)]
    enum Step {
        To { point: Point },
        Stay,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code)]
    enum Plain {
        Unit,
        Tuple(u8, u8),
        Struct { x: u8 },
    }

    fn refused<T: serde::de::DeserializeOwned + std::fmt::Debug>(text: &str) -> (Code, String) {
        match decode::<T>(text.as_bytes(), Code::BadCommand) {
            Err(Refusal::Failed(Failure { code, message, .. })) => (code, message.to_string()),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_list_is_no_object() {
        for text in ["[]", "[7]", r#"[7,"a"]"#, " \t\r\n[7]", r#"["to",{"x":1}]"#, r#"["stay"]"#] {
            for (code, message) in [refused::<Point>(text), refused::<Step>(text)] {
                assert_eq!(
                    (code, &*message),
                    (Code::BadCommand, "the payload is a list; expected an object"),
                    "{text}"
                );
            }
        }
        assert_eq!(decode::<Point>(br#" {"x":7,"label":"[7]"}"#, Code::BadCommand).unwrap().x, 7);
    }

    #[test]
    fn messages_name_no_type_and_repeat_no_input() {
        const GENERIC: &str = "the payload does not fit its schema; see /docs";
        let cases = [
            (refused::<Step>("7"), GENERIC),
            (refused::<Step>(r#""to""#), GENERIC),
            (refused::<Step>(r#"{"type":"to","point":7}"#), GENERIC),
            (refused::<Point>("null"), GENERIC),
            (refused::<Plain>("7"), GENERIC),
            (refused::<Plain>(r#"{"tuple":7}"#), GENERIC),
            (refused::<Plain>(r#"{"tuple":[1]}"#), GENERIC),
            (refused::<Plain>(r#"{"struct":7}"#), GENERIC),
            (refused::<Plain>(r#"{"unit":7}"#), "the payload does not fit its schema; expected unit"),
            (refused::<Point>(r#"{"x":"a, expected b"}"#), "the payload does not fit its schema; expected i64"),
            (refused::<Point>("{}"), "the field `x` is missing"),
        ];
        for ((code, message), expected) in cases {
            assert_eq!((code, &*message), (Code::BadCommand, expected));
        }
        let (code, message) = refused::<Plain>(r#""a, expected b""#);
        assert_eq!(
            (code, &*message),
            (Code::UnknownType, "the type is unknown; expected one of `unit`, `tuple`, `struct`")
        );
        let (code, message) = refused::<Point>(r#"{"enum, expected b":1}"#);
        assert_eq!((code, &*message), (Code::UnknownField, "a field is unknown; expected `x` or `label`"));
        let (code, message) = refused::<Bare>(r#"{"a, expected b":1}"#);
        assert_eq!((code, &*message), (Code::UnknownField, "a field is unknown; none is expected here"));
    }
}
