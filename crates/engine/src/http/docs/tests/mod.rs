//! The documents held against what they describe.

mod documents;
mod frames;
mod http;

use std::collections::BTreeMap;

use dormouse_core::{Actor, Draft, Input, Kind, Rejection, Sight, Summary, time::Moment};
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A list whose commands and views are those of `docs/fixtures/frames.json`. `Item` differs by direction, `Tag` does not.
#[derive(Default, Serialize, Deserialize)]
struct Todo {
    items: BTreeMap<String, Item>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Item {
    text: String,
    done: bool,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    tags: Vec<Tag>,
    /// Taken, and told to nobody.
    #[serde(skip_serializing)]
    #[expect(dead_code, reason = "only its schema is wanted")]
    note: Option<String>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Tag {
    word: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    first: Option<Item>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    Add { text: String },
}

#[derive(Serialize, JsonSchema)]
struct View {
    items: BTreeMap<String, Item>,
}

impl Actor for Todo {
    const KIND: &'static str = "todo";
    const RULES: u32 = 1;
    type Config = Config;
    type Command = Command;
    type Event = Item;
    type View = View;

    fn decide(draft: &mut Draft<'_, Self>, input: Input<Self>) -> Result<(), Rejection> {
        match input {
            Input::Created { config: Config { first: Some(item) }, .. } => draft.emit(item),
            Input::Command { command: Command::Add { text }, .. } if text.is_empty() => {
                return Err(Rejection::new("empty", "Write something."));
            }
            Input::Command { command: Command::Add { text }, .. } => {
                draft.emit(Item { text, done: false, tags: vec![], note: None });
            }
            _ => {}
        }
        Ok(())
    }

    fn evolve(&mut self, item: &Item, _: Moment) {
        self.items.insert(format!("i{}", self.items.len() + 1), item.clone());
    }

    fn view(&self, _: &Sight) -> View {
        View { items: self.items.clone() }
    }

    fn reveal(&self, event: &Item, _: &Sight) -> Option<Value> {
        Some(json!(event))
    }

    fn summary(&self) -> Option<Summary> {
        Some(Summary { title: "List".into(), status: "open".into(), ..Summary::default() })
    }
}

fn kinds() -> [Kind; 1] {
    [Kind::of::<Todo>()]
}

/// Validates against one schema of a document, whose references point into `components`.
fn validator(document: &Value, schema: &Value) -> Validator {
    let draft =
        if document["openapi"].is_string() { jsonschema::Draft::Draft202012 } else { jsonschema::Draft::Draft7 };
    let schema = json!({ "allOf": [schema], "components": document["components"] });
    jsonschema::options().with_draft(draft).build(&schema).unwrap()
}

fn check(document: &Value, schema: &Value, value: &Value, what: &str) {
    let faults: Vec<String> = validator(document, schema).iter_errors(value).map(|fault| fault.to_string()).collect();
    assert!(faults.is_empty(), "{what}: {faults:?}\n{value:#}\n{schema:#}");
}
