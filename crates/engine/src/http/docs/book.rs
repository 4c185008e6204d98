//! Collects the schemas of one document and lays their definitions in one place of it.
//!
//! What a host reads and what it writes differ where serde says so: an `Option` may be absent in a command and is always there in a view.
//! So two generators work side by side; where they disagree about a type, the written one is called `…Shown`.

use std::collections::{BTreeMap, BTreeSet};

use dormouse_core::Kind;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

const READ: &str = "#/read/";
const WRITTEN: &str = "#/written/";

type Definitions = BTreeMap<String, Value>;

/// The schemas of one document.
pub(super) struct Book {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

/// The schemas of one kind, as they stand in a document.
pub(super) struct KindSchemas {
    pub(super) name: String,
    pub(super) config: Value,
    pub(super) command: Value,
    pub(super) view: Value,
}

impl Book {
    pub(super) fn new(settings: SchemaSettings) -> Self {
        let at = |path: &str| settings.clone().with(|settings| settings.definitions_path = path.to_owned().into());
        let (read, written) = (at(READ).for_deserialize(), at(WRITTEN).for_serialize());
        Self { read: read.into_generator(), written: written.into_generator() }
    }

    pub(super) fn kinds<'a>(&mut self, kinds: impl IntoIterator<Item = &'a Kind>) -> Vec<KindSchemas> {
        kinds.into_iter().map(|kind| self.kind(kind)).collect()
    }

    fn kind(&mut self, kind: &Kind) -> KindSchemas {
        let (read, written) = (kind.schemas(&mut self.read), kind.schemas(&mut self.written));
        KindSchemas {
            name: kind.name.to_string(),
            config: finished(&mut self.read, read.config),
            command: finished(&mut self.read, read.command),
            view: finished(&mut self.written, written.view),
        }
    }

    /// A reference to a type as hosts write it.
    pub(super) fn named<T: JsonSchema>(&mut self) -> Value {
        let schema = self.written.subschema_for::<T>();
        finished(&mut self.written, schema)
    }

    /// The schema of a type as hosts write it, to be put in place or changed.
    pub(super) fn plain<T: JsonSchema>(&mut self) -> Value {
        let schema = T::json_schema(&mut self.written);
        finished(&mut self.written, schema)
    }

    /// Point every reference of `document` into `folder`, and return what must stand there.
    pub(super) fn close(mut self, document: &mut Value, folder: &str) -> Value {
        let read = reachable(document, READ, &self.read.take_definitions(true));
        let mut written = reachable(document, WRITTEN, &self.written.take_definitions(true));
        let apart = differing(&read, &written);
        let named = |reference: &str| match (reference.strip_prefix(READ), reference.strip_prefix(WRITTEN)) {
            (Some(name), _) => Some(format!("#{folder}/{name}")),
            (_, Some(name)) => Some(format!("#{folder}/{}", shown(name, &apart))),
            _ => None,
        };
        let mut all: Map<String, Value> = read.into_iter().collect();
        all.extend(std::mem::take(&mut written).into_iter().map(|(name, schema)| (shown(&name, &apart), schema)));
        let mut all = Value::Object(all);
        for place in [document, &mut all] {
            references(place, &mut |reference| {
                if let Some(new) = named(reference) {
                    *reference = new;
                }
            });
        }
        all
    }
}

fn finished(generator: &mut SchemaGenerator, mut schema: Schema) -> Value {
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.to_value()
}

fn shown(name: &str, apart: &BTreeSet<String>) -> String {
    if apart.contains(name) { format!("{name}Shown") } else { name.to_owned() }
}

/// The definitions that a document needs, also through each other.
fn reachable(document: &Value, prefix: &str, all: &Map<String, Value>) -> Definitions {
    let mut found = Definitions::new();
    let mut waiting = targets(document, prefix);
    while let Some(name) = waiting.pop_first() {
        if let (false, Some(schema)) = (found.contains_key(&name), all.get(&name)) {
            waiting.extend(targets(schema, prefix));
            found.insert(name, schema.clone());
        }
    }
    found
}

/// The names whose written definition is not the one that is read, or leads to such a one.
fn differing(read: &Definitions, written: &Definitions) -> BTreeSet<String> {
    let shared = || written.iter().filter_map(|(name, schema)| Some((name, schema, read.get(name)?)));
    let differ = shared().filter(|(_, written, read)| local(written, WRITTEN) != local(read, READ));
    let mut apart: BTreeSet<String> = differ.map(|(name, ..)| name.clone()).collect();
    loop {
        let leads = shared().filter(|(_, schema, _)| !targets(schema, WRITTEN).is_disjoint(&apart));
        let more: Vec<String> = leads.map(|(name, ..)| name.clone()).filter(|name| !apart.contains(name)).collect();
        if more.is_empty() {
            return apart;
        }
        apart.extend(more);
    }
}

/// A schema without a word on which generator made it.
fn local(schema: &Value, prefix: &str) -> Value {
    let mut schema = schema.clone();
    references(&mut schema, &mut |reference| {
        if let Some(name) = reference.strip_prefix(prefix) {
            *reference = name.to_owned();
        }
    });
    schema
}

fn targets(value: &Value, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    references(&mut value.clone(), &mut |reference| {
        found.extend(reference.strip_prefix(prefix).map(str::to_owned));
    });
    found
}

/// Visit every `$ref`.
fn references(value: &mut Value, visit: &mut impl FnMut(&mut String)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| references(value, visit)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(reference) if name == "$ref" => visit(reference),
                    value => references(value, visit),
                }
            }
        }
        _ => {}
    }
}
