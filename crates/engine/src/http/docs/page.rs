//! `/docs`: the documents as one page to read, without scripts and without anything from elsewhere.

use std::{collections::BTreeMap, fmt::Write};

use dormouse_core::limits;
use serde_json::Value;

use super::tables::{readable, sorted};

const STYLE: &str = include_str!("page.css");

/// The page of these two documents.
pub(super) fn page(openapi: &Value, asyncapi: &Value) -> String {
    let app = text(&openapi["info"]["title"]);
    let version = text(&openapi["info"]["version"]);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{app}: API</title><style>{STYLE}</style></head><body><header><h1>{app}</h1>\
         <p>API of version {version}, as this host serves it. For programs: <a href=\"/docs/openapi.json\">openapi.json</a>, \
         <a href=\"/docs/asyncapi.json\">asyncapi.json</a>.</p>\
         <nav><a href=\"#http\">HTTP</a> <a href=\"#frames\">Frames</a> <a href=\"#types\">Types</a> <a href=\"#codes\">Codes</a> \
         <a href=\"#limits\">Limits</a></nav></header><main>"
    );
    http(&mut html, openapi);
    frames(&mut html, asyncapi);
    types(&mut html, [openapi, asyncapi]);
    codes(&mut html);
    bounds(&mut html);
    html.push_str("</main></body></html>\n");
    html
}

fn http(html: &mut String, openapi: &Value) {
    html.push_str("<section id=\"http\"><h2>HTTP</h2>");
    for tag in openapi["tags"].as_array().into_iter().flatten() {
        push(html, format_args!("<h3>{}</h3>", text(&tag["name"])));
        for (path, methods) in openapi["paths"].as_object().into_iter().flatten() {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                if operation["tags"][0] == tag["name"] {
                    endpoint(html, path, method, operation);
                }
            }
        }
    }
    html.push_str("</section>");
}

fn endpoint(html: &mut String, path: &str, method: &str, operation: &Value) {
    let (method, path, summary) = (method.to_uppercase(), escaped(path), prose(&operation["summary"]));
    let open = if operation["security"].is_array() { " <small>without a token</small>" } else { "" };
    push(html, format_args!("<details><summary><code><b>{method}</b> {path}</code> {summary}{open}</summary>"));
    parameters(html, operation);
    if let Some(asked) = body(&operation["requestBody"]) {
        push(html, format_args!("<h4>Body</h4>{}", named(asked)));
        fields(html, asked);
    }
    let answers = operation["responses"].as_object().into_iter().flatten();
    for (status, answer) in answers.filter(|(status, _)| status.starts_with('2')) {
        let schema = body(answer).unwrap_or(&Value::Null);
        push(html, format_args!("<h4>Answer {status}</h4><p>{} {}</p>", prose(&answer["description"]), named(schema)));
        fields(html, schema);
    }
    html.push_str("</details>");
}

fn body(holder: &Value) -> Option<&Value> {
    holder.pointer("/content/application~1json/schema")
}

fn parameters(html: &mut String, operation: &Value) {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let row = |parameter: &Value| {
        let name = format!("<code>{}</code>", text(&parameter["name"]));
        [name, shape(&parameter["schema"]), prose(&parameter["description"])]
    };
    // The id in the path is a reference, and says itself.
    let rows: Vec<[String; 3]> = all.filter(|parameter| parameter["name"].is_string()).map(row).collect();
    table(html, ["parameter", "type", ""], &rows);
}

fn frames(html: &mut String, asyncapi: &Value) {
    html.push_str("<section id=\"frames\"><h2>Frames</h2><p>WebSocket <code>/v1/connect</code>, subprotocol <code>dormouse.v1</code>.</p>");
    for (side, heading) in [("client.", "From the client"), ("host.", "From the host")] {
        push(html, format_args!("<h3>{heading}</h3>"));
        let messages = asyncapi["components"]["messages"].as_object().into_iter().flatten();
        for (name, message) in messages.filter(|(name, _)| name.starts_with(side)) {
            let name = escaped(name.trim_start_matches(side));
            push(
                html,
                format_args!("<details><summary><code><b>{name}</b></code> {}</summary>", prose(&message["summary"])),
            );
            fields(html, &message["payload"]);
            html.push_str("</details>");
        }
    }
    html.push_str("</section>");
}

fn types(html: &mut String, documents: [&Value; 2]) {
    let schemas =
        documents.into_iter().flat_map(|document| document["components"]["schemas"].as_object().into_iter().flatten());
    let mut named = BTreeMap::new();
    for (name, schema) in schemas {
        named.entry(name).or_insert(schema);
    }
    html.push_str("<section id=\"types\"><h2>Types</h2>");
    for (name, schema) in named {
        let name = escaped(name);
        let said = prose(&schema["description"]);
        push(
            html,
            format_args!("<details><summary><code><b>{name}</b></code> {said}</summary><div id=\"type-{name}\">"),
        );
        fields(html, schema);
        push(html, format_args!("<pre>{}</pre></div></details>", escaped(&format!("{schema:#}"))));
    }
    html.push_str("</section>");
}

fn codes(html: &mut String) {
    html.push_str("<section id=\"codes\"><h2>Codes</h2><p>1xxx: wait and try again with the same id. 2xxx: subscribe again. 3xxx: sign in \
        again. 4xxx: stop, the request itself is wrong.</p>");
    let rows: Vec<[String; 4]> = sorted()
        .into_iter()
        .map(|code| {
            [
                (code as u16).to_string(),
                format!("<code>{}</code>", code.name()),
                code.http().to_string(),
                escaped(code.meaning()),
            ]
        })
        .collect();
    table(html, ["code", "name", "HTTP", "meaning"], &rows);
    html.push_str("</section>");
}

fn bounds(html: &mut String) {
    html.push_str("<section id=\"limits\"><h2>Limits</h2>");
    let rows: Vec<[String; 3]> = limits::table()
        .into_iter()
        .map(|(name, value, reason)| [format!("<code>{name}</code>"), readable(name, &value), escaped(&reason)])
        .collect();
    table(html, ["limit", "value", "reason"], &rows);
    html.push_str("</section>");
}

/// The fields of an object, if the schema is one.
fn fields(html: &mut String, schema: &Value) {
    let required = schema["required"].as_array();
    let is_required = |name: &String| required.is_some_and(|names| names.iter().any(|required| required == name));
    let rows: Vec<[String; 3]> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, field)| {
            let absent = if is_required(name) { "" } else { "?" };
            [format!("<code>{}{absent}</code>", escaped(name)), shape(field), prose(&field["description"])]
        })
        .collect();
    table(html, ["field", "type", ""], &rows);
}

fn table<const N: usize>(html: &mut String, heads: [&str; N], rows: &[[String; N]]) {
    if rows.is_empty() {
        return;
    }
    let line = |cells: &[String; N]| format!("<tr><td>{}</td></tr>", cells.join("</td><td>"));
    let lines: String = rows.iter().map(line).collect();
    push(html, format_args!("<div><table><tr><th>{}</th></tr>{lines}</table></div>", heads.join("</th><th>")));
}

/// The name of a body's schema; one without a name is told by its fields.
fn named(schema: &Value) -> String {
    if schema["properties"].is_object() { String::new() } else { shape(schema) }
}

/// A schema in a few words.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let name = escaped(name);
        return format!("<a href=\"#type-{name}\">{name}</a>");
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        if let Some(schemas) = schema[several].as_array() {
            return schemas.iter().map(shape).collect::<Vec<_>>().join(" or ");
        }
    }
    match (&schema["const"], &schema["enum"], &schema["type"]) {
        (constant @ Value::String(_), ..) => format!("<code>{}</code>", escaped(&constant.to_string())),
        (_, Value::Array(values), _) => {
            values.iter().map(|value| escaped(&value.to_string())).collect::<Vec<_>>().join(", ")
        }
        (.., Value::String(name)) if name == "array" => format!("list of {}", shape(&schema["items"])),
        (.., Value::String(name)) if name == "object" && schema["additionalProperties"].is_object() => {
            format!("{} by name", shape(&schema["additionalProperties"]))
        }
        (.., Value::String(name)) => format!("{}{}", escaped(name), bounds_of(schema)),
        (.., Value::Array(names)) => names.iter().map(text).collect::<Vec<_>>().join(" or "),
        _ if schema.is_null() => String::new(),
        _ => "any JSON".to_owned(),
    }
}

/// Where a number must lie, if both ends are given.
fn bounds_of(schema: &Value) -> String {
    match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        _ => String::new(),
    }
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// Text with `code` in it.
fn prose(value: &Value) -> String {
    let text = text(value);
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn push(html: &mut String, part: std::fmt::Arguments<'_>) {
    html.write_fmt(part).expect("a string takes everything");
}
