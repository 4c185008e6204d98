//! The documents as wholes: complete, without dangling references, and not stale where they are committed.

use std::{collections::BTreeSet, fs};

use super::*;
use crate::http::docs::{asyncapi, codes_markdown, files, limits_markdown, openapi, schemas, tables::readable};

fn documents() -> [Value; 3] {
    [schemas(&kinds()), openapi("test", &kinds()), asyncapi("test", &kinds())]
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    for document in documents() {
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for reference in &found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        for folder in ["/$defs", "/components/schemas", "/components/messages"] {
            for name in document.pointer(folder).and_then(Value::as_object).into_iter().flat_map(|all| all.keys()) {
                assert!(found.contains(&format!("#{folder}/{name}")), "{folder}/{name}");
            }
        }
    }
}

#[test]
fn a_type_that_is_read_otherwise_than_written_has_two_schemas() {
    let schemas = schemas(&kinds());
    let defs = &schemas["$defs"];
    assert!(defs["Item"]["properties"]["note"].is_object(), "{defs:#}");
    assert!(defs["ItemShown"].is_object() && defs["ItemShown"]["properties"]["note"].is_null(), "{defs:#}");
    assert!(defs["Tag"].is_object() && defs["TagShown"].is_null(), "{defs:#}");
    assert_eq!(defs["View"]["properties"]["items"]["additionalProperties"]["$ref"], "#/$defs/ItemShown");
    assert_eq!(schemas["kinds"]["todo"]["view"]["$ref"], "#/$defs/View");
}

#[test]
fn the_tables_are_complete() {
    let schemas = schemas(&kinds());
    assert_eq!(schemas["codes"].as_array().unwrap().len(), dormouse_core::Code::ALL.len());
    assert_eq!(
        schemas["codes"][0],
        json!({ "code": 1408, "name": "too_slow", "http": 408, "close": 4408, "action": "retry",
        "meaning": dormouse_core::Code::TooSlow.meaning() })
    );
    let codes = codes_markdown();
    assert!(dormouse_core::Code::ALL.iter().all(|code| codes.contains(&format!("`{}`", code.name()))));
    assert!(limits_markdown().contains("| `FRAME_BYTES_MAX` | 64 KiB |"));
}

#[test]
fn values_are_readable() {
    for (name, value, said) in [
        ("FRAME_BYTES_MAX", "65536", "64 KiB"),
        ("VIEW_BYTES_MAX", "1048576", "1 MiB"),
        ("NAME_BYTES_MAX", "64", "64"),
        ("IN_FLIGHT_MAX", "64", "64"),
        ("GUEST_TOKEN", "2592000s", "30 days"),
        ("TASK_BACKOFF_MAX", "300s", "5 min"),
        ("PING", "25s", "25 s"),
        ("WAKE_POLL", "250ms", "250 ms"),
    ] {
        assert_eq!(readable(name, value), said);
    }
}

#[test]
fn the_committed_tables_are_fresh() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    for (name, text) in files("test", &kinds()).into_iter().filter(|(name, _)| name.ends_with(".md")) {
        let committed = fs::read_to_string(format!("{folder}/{name}")).unwrap_or_default();
        assert!(committed == text, "docs/{name} is stale: run `cargo run -p arcade -- schema --docs docs`");
    }
}
