//! OpenAPI 3.1 of the HTTP API, with one group of paths for each kind.

use dormouse_core::{Kind, limits};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    VERSION,
    answers::{
        Accepted, Commanded, Created, Events, Failed, Guest, GuestWanted, Health, HealthDetailed, History, Host,
        HostStats, KindStats, Looked, Me, Page, Ready, Redriven, Reported, Retired, Revoked, Signalled, Taken, Ticket,
        Told,
    },
    book::{Book, KindSchemas},
    text::{Etag, From, Name, Position},
};

const FOLDER: &str = "/components/schemas";

const DESCRIPTION: &str = "Actors by HTTP: make, look, command, list, read the past. The frames of `/v1/connect` and of streams are in \
    [asyncapi.json](asyncapi.json). Times are milliseconds since 1970.";

const DETAILED: &str = "How the host is; takes the role `operator`";

/// The operations of one path: a method and what it does.
type Path = Vec<(&'static str, Value)>;

/// The OpenAPI document of this app.
pub(super) fn openapi<'a>(app: &str, kinds: impl IntoIterator<Item = &'a Kind>) -> Value {
    let mut book = Book::new(SchemaSettings::draft2020_12());
    let kinds = book.kinds(kinds);
    let mut paths = host_paths(&mut book);
    for kind in &kinds {
        paths.extend(kind_paths(&mut book, kind));
    }
    let paths: Map<String, Value> = paths.into_iter().map(|(path, methods)| (path, object(methods))).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": { "title": app, "version": VERSION, "description": DESCRIPTION, "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" } },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "tags": tags(&kinds),
        "paths": paths,
        "components": components(&mut book),
    });
    document["components"]["schemas"] = book.close(&mut document, FOLDER);
    document.sort_all_objects();
    document
}

fn object(fields: Vec<(&'static str, Value)>) -> Value {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn tags(kinds: &[KindSchemas]) -> Value {
    let host = json!({ "name": "host", "description": "Signing in, and how the host is." });
    let of = |kind: &KindSchemas| json!({ "name": kind.name, "description": format!("Actors of the kind `{}`.", kind.name) });
    std::iter::once(host).chain(kinds.iter().map(of)).collect()
}

fn components(book: &mut Book) -> Value {
    let wait =
        json!({ "description": "Seconds to wait before trying again.", "schema": { "type": "integer", "minimum": 0 } });
    json!({
        "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        "responses": {
            "Failed": {
                "description": "It could not be done; the code says what to do. Where a code asks to wait, so does the header.",
                "headers": { "Retry-After": wait },
                "content": { "application/json": { "schema": book.named::<Failed>() } },
            },
        },
        "parameters": {
            "Id": { "name": "id", "in": "path", "required": true, "schema": book.named::<Name>() },
        },
    })
}

fn host_paths(book: &mut Book) -> Vec<(String, Path)> {
    let open = |operation: Value| with(operation, "security", json!([]));
    let plain = |kind: &str, description: &str| answer(description, kind, json!({ "type": "string" }));
    let document = |description: &str| answer(description, "application/json", json!({ "type": "object" }));
    let get = |id: &str, summary: &str, answer: Value| ("get", operation("host", id, summary, [], ("200", answer)));
    // In the same words where it is not well.
    let state = |id: &str, summary: &str, answer: Value| {
        let (method, mut operation) = get(id, summary, answer.clone());
        operation["responses"]["503"] = answer;
        (method, operation)
    };
    let paths: Vec<(&str, Path)> = vec![
        ("/v1", vec![get("about", "What runs here", json_of::<Host>(book))]),
        ("/v1/me", vec![get("me", "Who I am, and where my commands go", json_of::<Me>(book))]),
        ("/v1/principals/{id}/revoke", vec![("post", revoke(book))]),
        ("/v1/guest", vec![("post", open(guest(book)))]),
        ("/v1/reports", vec![("post", open(report(book)))]),
        (
            "/v1/ticket",
            vec![(
                "post",
                operation(
                    "host",
                    "ticket",
                    "A ticket for the query of a stream or a socket",
                    [],
                    ("201", json_of::<Ticket>(book)),
                ),
            )],
        ),
        ("/health", vec![state("health", "Whether the process does its work", json_of::<Health>(book))]),
        ("/health/detailed", vec![state("health_detailed", DETAILED, json_of::<HealthDetailed>(book))]),
        ("/stats", vec![get("stats", "What there is, counted", json_of::<HostStats>(book))]),
        ("/ready", vec![get("ready", "Whether the host takes requests", json_of::<Ready>(book))]),
        ("/metrics", vec![get("metrics", "Metrics", plain("text/plain", "Prometheus text."))]),
        ("/docs", vec![get("docs", "These documents, to read", plain("text/html", "A page."))]),
        ("/docs/openapi.json", vec![get("openapi", "This document", document("OpenAPI 3.1."))]),
        ("/docs/asyncapi.json", vec![get("asyncapi", "The frames", document("AsyncAPI 3.0."))]),
    ];
    let guarded = |path: &str| {
        matches!(path, "/v1" | "/v1/me" | "/v1/principals/{id}/revoke" | "/v1/ticket" | "/health/detailed")
    };
    let opened = |path: &str, methods: Path| -> Path {
        if guarded(path) {
            methods
        } else {
            methods.into_iter().map(|(method, operation)| (method, open(operation))).collect()
        }
    };
    paths.into_iter().map(|(path, methods)| (path.to_owned(), opened(path, methods))).collect()
}

fn guest(book: &mut Book) -> Value {
    let guest = operation("host", "guest", "Sign in as a guest", [], ("201", json_of::<Guest>(book)));
    with(guest, "requestBody", body(false, book.named::<GuestWanted>()))
}

fn revoke(book: &mut Book) -> Value {
    let id = json!({ "type": "string", "minLength": 1, "maxLength": limits::PRINCIPAL_BYTES_MAX });
    let id = json!({ "name": "id", "in": "path", "required": true, "description": "The principal's.", "schema": id });
    let summary = "Refuse the tokens that a principal has now; takes the role `operator`";
    operation("host", "revoke", summary, [id], ("200", json_of::<Revoked>(book)))
}

fn report(book: &mut Book) -> Value {
    let report = operation("host", "report", "Complete a task by its own token", [], ("200", json_of::<Taken>(book)));
    with(report, "requestBody", body(true, book.named::<Reported>()))
}

fn kind_paths(book: &mut Book, kind: &KindSchemas) -> Vec<(String, Path)> {
    let base = format!("/v1/{}", kind.name);
    vec![
        (base.clone(), vec![("get", list(book, kind)), ("post", create(book, kind))]),
        (format!("{base}/stream"), vec![("get", stream_list(book, kind))]),
        (format!("{base}/{{id}}"), vec![("get", look(book, kind)), ("delete", retire(book, kind))]),
        (format!("{base}/{{id}}/commands"), vec![("post", command(book, kind))]),
        (format!("{base}/{{id}}/events"), vec![("get", events(book, kind))]),
        (format!("{base}/{{id}}/signals"), vec![("post", signal(book, kind))]),
        (format!("{base}/{{id}}/history"), vec![("get", history(book, kind))]),
        (format!("{base}/{{id}}/redrive"), vec![("post", redrive(book, kind))]),
        (format!("{base}/{{id}}/stream"), vec![("get", stream(book, kind))]),
        (format!("/stats/{}", kind.name), vec![("get", stats(book, kind))]),
    ]
}

fn list(book: &mut Book, kind: &KindSchemas) -> Value {
    let parameters = [
        mine(),
        status(),
        query(
            "limit",
            "Rows of the page; more or fewer than may be are taken for the nearest.",
            count(1, limits::PAGE_MAX, limits::LIST_ROWS),
        ),
        query("after", "The `next` of the page before.", json!({ "type": "string", "minLength": 1 })),
    ];
    of_kind(kind, "list", "List actors, newest first", parameters, ("200", json_of::<Page>(book)))
}

fn mine() -> Value {
    query("mine", "Only those whose `members` name me.", json!({ "type": "boolean", "default": false }))
}

fn status() -> Value {
    query("status", "Only those of this status.", json!({ "type": "string" }))
}

fn stream_list(book: &mut Book, kind: &KindSchemas) -> Value {
    let parameters = [
        mine(),
        status(),
        query("etag", "Of the view that you hold.", book.named::<Etag>()),
        ticket(),
        header("Last-Event-ID", "The etag of the view that you hold; counts before `etag`.", book.named::<Etag>()),
    ];
    of_kind(kind, "stream_list", "Follow the first rows of a list", parameters, ("200", frames("its etag")))
}

fn ticket() -> Value {
    query("token", "A ticket, where no header can be sent.", json!({ "type": "string" }))
}

/// An answer that does not end, with these ids.
fn frames(id: &str) -> Value {
    let frames =
        format!("Frames of asyncapi.json, one a message as `data`, with {id} as `id`; a comment every 15 seconds.");
    // OpenAPI 3.1 does not say what the schema of a stream is of; who reads streams takes it for that of one event.
    let event = json!({
        "type": "object",
        "properties": {
            "data": { "type": "string", "contentMediaType": "application/json" },
            "id": { "type": "string" },
        },
        "required": ["data"],
    });
    answer(&frames, "text/event-stream", event)
}

fn create(book: &mut Book, kind: &KindSchemas) -> Value {
    let key = json!({ "type": "string", "minLength": 1, "maxLength": 256 });
    let key = header("Idempotency-Key", "With the same key and config again, the answer is the same actor.", key);
    let created = with_view(book.plain::<Created>(), kind);
    let create = of_kind(kind, "create", "Make an actor", [key], ("201", json_answer("The actor's view.", created)));
    with(create, "requestBody", body(false, kind.config.clone()))
}

fn look(book: &mut Book, kind: &KindSchemas) -> Value {
    let at = query("at_seq", "As of this commit, in the sight that you have now.", seq(1));
    let looked = with_view(book.plain::<Looked>(), kind);
    of_actor(kind, "look", "Look at an actor", [at], ("200", json_answer("The view.", looked)))
}

fn retire(book: &mut Book, kind: &KindSchemas) -> Value {
    of_actor(kind, "retire", "Retire an actor for good, if its rules agree", [], ("200", json_of::<Retired>(book)))
}

fn command(book: &mut Book, kind: &KindSchemas) -> Value {
    let mut commanded = book.plain::<Commanded>();
    commanded["properties"]["command"] = kind.command.clone();
    let command = of_actor(kind, "command", "Give an actor a command", [], ("200", json_of::<Accepted>(book)));
    with(command, "requestBody", body(true, commanded))
}

fn events(book: &mut Book, kind: &KindSchemas) -> Value {
    let max = limits::EVENTS_PAGE_MAX;
    let parameters = [
        query("after_seq", "Those of later commits.", with(seq(0), "default", json!(0))),
        query("limit", "Commits of the page; more or fewer than may be are taken for the nearest.", count(1, max, max)),
    ];
    of_actor(kind, "events", "Read what happened", parameters, ("200", json_of::<Events>(book)))
}

fn signal(book: &mut Book, kind: &KindSchemas) -> Value {
    let summary = "Tell those who watch now; it is kept nowhere";
    let signal = of_actor(kind, "signal", summary, [], ("202", json_of::<Told>(book)));
    with(signal, "requestBody", body(true, book.named::<Signalled>()))
}

fn history(book: &mut Book, kind: &KindSchemas) -> Value {
    let buckets = count(2, limits::EVENTS_PAGE_MAX, limits::PAGE_MAX);
    let buckets =
        query("buckets", "At most so many commits; more or fewer than may be are taken for the nearest.", buckets);
    of_actor(kind, "history", "When its commits were made", [buckets], ("200", json_of::<History>(book)))
}

fn redrive(book: &mut Book, kind: &KindSchemas) -> Value {
    let summary = "Run again what is parked; takes the role `operator`";
    of_actor(kind, "redrive", summary, [], ("200", json_of::<Redriven>(book)))
}

fn stats(book: &mut Book, kind: &KindSchemas) -> Value {
    let summary = "Count actors; takes the role `operator`";
    of_kind(kind, "stats", summary, [], ("200", json_of::<KindStats>(book)))
}

fn stream(book: &mut Book, kind: &KindSchemas) -> Value {
    let follow = json!({ "type": "string", "enum": ["view", "events"], "default": "view" });
    let parameters = [
        query("as", "What to follow.", follow),
        query("from", "Where to resume.", book.named::<From>()),
        query("etag", "Of the view that you hold.", book.named::<Etag>()),
        ticket(),
        header("Last-Event-ID", "Where to resume; counts before `from`.", book.named::<Position>()),
    ];
    of_actor(kind, "stream", "Follow an actor", parameters, ("200", frames("its position")))
}

fn with_view(mut schema: Value, kind: &KindSchemas) -> Value {
    schema["properties"]["view"] = kind.view.clone();
    schema
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

fn of_kind<const N: usize>(
    kind: &KindSchemas,
    verb: &str,
    summary: &str,
    parameters: [Value; N],
    good: (&str, Value),
) -> Value {
    let id = format!("{verb}_{}", kind.name.replace('-', "_"));
    operation(&kind.name, &id, summary, parameters, good)
}

fn of_actor<const N: usize>(
    kind: &KindSchemas,
    verb: &str,
    summary: &str,
    parameters: [Value; N],
    good: (&str, Value),
) -> Value {
    let mut operation = of_kind(kind, verb, summary, parameters, good);
    let id = json!({ "$ref": "#/components/parameters/Id" });
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.insert(0, id);
    }
    operation
}

fn operation<const N: usize>(
    tag: &str,
    id: &str,
    summary: &str,
    parameters: [Value; N],
    (status, good): (&str, Value),
) -> Value {
    let failed = json!({ "$ref": "#/components/responses/Failed" });
    json!({
        "operationId": id,
        "summary": summary,
        "tags": [tag],
        "parameters": parameters.to_vec(),
        "responses": { status: good, "4XX": failed, "5XX": failed },
    })
}

fn query(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn header(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": schema })
}

/// A commit's place, from this one on.
fn seq(min: u64) -> Value {
    json!({ "type": "integer", "format": "uint64", "minimum": min, "maximum": u64::MAX })
}

fn count(min: usize, max: usize, default: usize) -> Value {
    json!({ "type": "integer", "minimum": min, "maximum": max, "default": default })
}

fn body(required: bool, schema: Value) -> Value {
    json!({ "required": required, "content": { "application/json": { "schema": schema } } })
}

/// An answer whose body is this type, described by the type.
fn json_of<T: JsonSchema>(book: &mut Book) -> Value {
    let description = book.plain::<T>()["description"].as_str().unwrap_or_default().to_owned();
    json_answer(&description, book.named::<T>())
}

fn json_answer(description: &str, schema: Value) -> Value {
    answer(description, "application/json", schema)
}

fn answer(description: &str, content: &str, schema: Value) -> Value {
    json!({ "description": description, "content": { content: { "schema": schema } } })
}
