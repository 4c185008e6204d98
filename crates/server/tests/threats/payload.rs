//! Cases 21 to 37: JSON that is none, names that are none, and text that somebody might take for something else.

use std::sync::Arc;

use dormouse_core::{Code, limits};
use serde_json::{Value, json};

use crate::{
    house::House,
    raw::{Raw, text},
    table::{Case, case, check},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payload() {
    check(cases()).await;
}

/// What stands for a command, in a frame and in a body, and the code that both get.
fn commands() -> Vec<(u8, &'static str, Code, String)> {
    let add = |by: &str| format!(r#"{{"type":"add","by":{by}}}"#);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let keys = |count: usize| {
        let entries: Vec<String> = (0..count).map(|n| format!("\"k{n}\":0")).collect();
        format!("{{{}}}", entries.join(","))
    };
    vec![
        (21, "truncated", Code::BadJson, r#"{"type":"add","by":1"#.into()),
        (21, "trailing bytes", Code::BadJson, r#"{"type":"add","by":1}}"#.into()),
        (21, "no JSON", Code::BadJson, "add 1".into()),
        // The frame or body around it is one level.
        (22, "63 deep in an object", Code::BadCommand, nested(limits::JSON_DEPTH_MAX - 1)),
        (22, "64 deep in an object", Code::TooDeep, nested(limits::JSON_DEPTH_MAX)),
        (22, "as deep as a frame is long", Code::TooDeep, nested(30_000)),
        (23, "a key twice", Code::DuplicateKey, r#"{"type":"add","by":1,"by":2}"#.into()),
        (23, "a key twice, once escaped", Code::DuplicateKey, r#"{"type":"add","by":1,"b\u0079":2}"#.into()),
        (24, "NaN", Code::BadJson, add("NaN")),
        (24, "Infinity", Code::BadJson, add("Infinity")),
        (24, "1e999", Code::BadNumber, add("1e999")),
        (25, "2^53 + 1", Code::BadNumber, add("9007199254740993")),
        (25, "2^63", Code::BadNumber, add("9223372036854775808")),
        (25, "2^64", Code::BadNumber, add("18446744073709551616")),
        (25, "-0", Code::BadCommand, add("-0")),
        (25, "1.0", Code::BadCommand, add("1.0")),
        (25, "1e0", Code::BadCommand, add("1e0")),
        (26, "50,000 digits", Code::BadNumber, add(&"9".repeat(50_000))),
        (27, "a lone surrogate", Code::BadString, r#"{"type":"note","text":"\ud800"}"#.into()),
        (27, "a NUL", Code::BadString, r#"{"type":"note","text":"a\u0000b"}"#.into()),
        (28, "as many keys as there may be", Code::BadCommand, keys(limits::JSON_KEYS_MAX)),
        (28, "one key more", Code::TooLarge, keys(limits::JSON_KEYS_MAX + 1)),
        (29, "a type that is none", Code::UnknownType, r#"{"type":"fly"}"#.into()),
        (29, "a field that is none", Code::UnknownField, r#"{"type":"add","by":1,"to":2}"#.into()),
        (29, "a list for a command", Code::BadCommand, r#"["add",1]"#.into()),
        (30, "tenant, seq and role in a command", Code::UnknownField, {
            r#"{"type":"add","by":1,"tenant":"other","seq":9,"role":"admin"}"#.into()
        }),
    ]
}

/// Whole frames, and the error that answers each.
fn frames() -> Vec<(u8, &'static str, Code, &'static str)> {
    vec![
        (21, "an empty frame", Code::BadJson, ""),
        (21, "two values in a frame", Code::BadJson, r#"{"action":"ping"}{"action":"ping"}"#),
        (29, "an action that is none", Code::UnknownType, r#"{"action":"fly"}"#),
        (29, "a field that is none, in a frame", Code::UnknownField, r#"{"action":"ping","x":1}"#),
        (29, "a field of another action", Code::UnknownField, r#"{"action":"ping","token":"x"}"#),
        (29, "no action", Code::BadFrame, "{}"),
        (29, "a list", Code::BadFrame, "[]"),
        (29, "an `as` that is none", Code::BadFrame, r#"{"action":"subscribe","actor":"counter/x","as":"dream"}"#),
        (30, "a tenant in a frame", Code::UnknownField, r#"{"action":"ping","tenant":"other"}"#),
        (30, "a seq in a frame", Code::UnknownField, r#"{"action":"ping","seq":9}"#),
        (30, "a role in a frame", Code::UnknownField, r#"{"action":"ping","role":"admin"}"#),
    ]
}

/// Frames of somebody at a counter that are refused as such, and all of each answer but its words. `ACTOR` and `OUTBOX` are theirs.
fn misread() -> Vec<(u8, &'static str, String, Value)> {
    let send = |id: &str, rest: &str| format!(r#"{{"action":"send","actor":"ACTOR","command_id":"{id}"{rest}}}"#);
    let add = r#","command":{"type":"add","by":1}"#;
    let large = format!(r#","command":"{}""#, "x".repeat(limits::COMMAND_BYTES_MAX - 1));
    let large_signal = "x".repeat(limits::SIGNAL_BYTES_MAX - 1);
    let rejected =
        |code: Code, id: &str| json!({ "type": "rejected", "code": code as u64, "actor": "ACTOR", "command_id": id });
    let error =
        |code: Code, action: &str| json!({ "type": "error", "code": code as u64, "action": action, "actor": "ACTOR" });
    let of = |code: Code, of: &str| json!({ "type": "error", "code": code as u64, "action": "subscribe", "actor": "ACTOR", "as": of });
    let bare = |code: Code| json!({ "type": "error", "code": code as u64 });
    vec![
        (29, "a send with a field that is none", send("OUTBOX:1", &format!(r#"{add},"x":1"#)), {
            rejected(Code::UnknownField, "OUTBOX:1")
        }),
        (29, "a send without a command", send("OUTBOX:1", ""), rejected(Code::BadFrame, "OUTBOX:1")),
        (29, "a send with an id that is none", send("7", add), rejected(Code::BadCommandId, "7")),
        (29, "a send with script for an id", send("<script>", add), error(Code::BadCommandId, "send")),
        (28, "a command that is too large", send("OUTBOX:1", &large), rejected(Code::TooLarge, "OUTBOX:1")),
        (
            28,
            "a signal that is too large",
            format!(r#"{{"action":"signal","actor":"ACTOR","signal":"{large_signal}"}}"#),
            { error(Code::TooLarge, "signal") },
        ),
        (29, "a view from nowhere", r#"{"action":"subscribe","actor":"ACTOR","from":"now"}"#.into(), {
            of(Code::BadPosition, "view")
        }),
        (
            29,
            "events from nowhere",
            r#"{"action":"subscribe","actor":"ACTOR","as":"events","from":"1:-2:x"}"#.into(),
            { of(Code::BadPosition, "events") },
        ),
        (29, "another `as` that is none", r#"{"action":"subscribe","actor":"ACTOR","as":"dream"}"#.into(), {
            error(Code::BadFrame, "subscribe")
        }),
        (29, "an action that is none, of an actor", r#"{"action":"fly","actor":"ACTOR","as":"view"}"#.into(), {
            bare(Code::UnknownType)
        }),
        (21, "a send that is truncated", send("OUTBOX:1", add).replace("}}", "}"), bare(Code::BadJson)),
        (
            23,
            "a send of two ids",
            send("OUTBOX:1", r#","command":1,"command_id":"OUTBOX:2""#),
            bare(Code::DuplicateKey),
        ),
    ]
}

/// Ids that are none: as text, and as a path spells it.
fn ids() -> Vec<(u8, &'static str, String, String)> {
    let same = |text: &str| (text.to_owned(), text.to_owned());
    let escaped = |text: &str| {
        let path: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        (text.to_owned(), path)
    };
    let listed = [
        (31, "../../x", escaped("../../x")),
        (31, "..", escaped("..")),
        (31, "%2e%2e%2f", (String::from("%2e%2e%2f"), String::from("%252e%252e%252f"))),
        (31, "C:\\", escaped("C:\\")),
        (32, "a letter outside ASCII", escaped("é")),
        (32, "the same letter, decomposed", escaped("e\u{301}")),
        (32, "a Cyrillic a", escaped("\u{430}")),
        (32, "a right-to-left mark", escaped("a\u{202e}b")),
        (32, "a letter of no width", escaped("a\u{200b}b")),
        (33, "10 KiB", same(&"x".repeat(10 * 1024))),
        (33, "65 letters", same(&"x".repeat(limits::NAME_BYTES_MAX + 1))),
        (34, "a#b", escaped("a#b")),
        (34, "a/b", escaped("a/b")),
        (34, "a:b", same("a:b")),
        (35, "'; DROP TABLE actors; --", escaped("'; DROP TABLE actors; --")),
    ];
    listed.into_iter().map(|(number, name, (text, path))| (number, name, text, path)).collect()
}

pub fn cases() -> Vec<Case> {
    let commands = commands().into_iter().map(|(number, name, code, command)| {
        case(number, name, code.name(), move |house| refused_command(house, code, command))
    });
    let frames = frames().into_iter().map(|(number, name, code, frame)| {
        case(number, name, code.name(), move |house| async move {
            let (mut raw, _) = house.enter_raw().await;
            assert_eq!(error_of(&mut raw, frame).await, code as u64);
        })
    });
    let misread = misread().into_iter().map(|(number, name, frame, expected)| {
        case(number, name, "an answer that its sender can match", move |house| matched(house, frame, expected))
    });
    let ids = ids()
        .into_iter()
        .map(|(number, name, text, path)| case(number, name, "bad_name", move |house| refused_id(house, text, path)));
    let others = [
        case(26, "1 MiB of digits", "too_large, by its length", digits),
        case(29, "a list for a config or a body", "bad_config, bad_frame", listed_body),
        case(29, "another version", "4400 unsupported_version", versions),
        case(30, "tenant, seq and role beside a command", "unknown_field", beside_command),
        case(31, "a path that climbs", "404 unknown_path", climbing_paths),
        case(31, "escapes that are no UTF-8", "bad_name", bad_escapes),
        case(33, "an empty id", "bad_name", empty_id),
        case(33, "64 letters", "a name", longest_id),
        case(35, "SQL, Lua and expressions in a payload", "stored as text", stored_text),
        case(35, "SQL in a query", "no row", queried_text),
        case(36, "line ends in a signal", "one event", line_ends),
        case(37, "script in a name", "stored; JSON and nosniff", script),
    ];
    commands.chain(frames).chain(misread).chain(ids).chain(others).collect()
}

async fn error_of(raw: &mut Raw, frame: &str) -> u64 {
    raw.send(&text(frame)).await;
    let answer = raw.hear().await;
    assert!(answer["type"] == "error" || answer["type"] == "rejected", "{answer}");
    answer["code"].as_u64().unwrap()
}

/// Over the socket, as a command's body and as a config; nothing moves, and nothing of it comes back.
async fn refused_command(house: Arc<House>, code: Code, command: String) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let before = house.position_of(&token, &actor).await;
    let (mut raw, outbox) = house.raw().await.enter(&token).await;
    let frame = format!(r#"{{"action":"send","actor":"{actor}","command_id":"{outbox}:1","command":{command}}}"#);
    assert_eq!(error_of(&mut raw, &frame).await, code as u64, "in a frame");
    let body = format!(r#"{{"command":{command}}}"#);
    let response = house.ask(&token, "POST", &format!("/v1/{actor}/commands"), &body).await;
    assert_eq!((response.status, response.code()), (code.http(), Some(code as u64)), "in a body: {response:?}");
    assert!(response.body.len() < 500, "it says what is wrong, not what was sent: {}", response.body);
    assert_eq!(house.position_of(&token, &actor).await, before, "nothing moved");

    let config = format!(r#"{{"private":{command}}}"#);
    let response = house.ask(&token, "POST", "/v1/counter", &config).await;
    // What is good JSON is no boolean.
    let is_json = serde_json::from_str::<Value>(&command).is_ok();
    let fits = matches!(code, Code::BadCommand | Code::UnknownField | Code::UnknownType) && is_json;
    let expected = if fits { Code::BadConfig } else { code };
    assert_eq!(response.code(), Some(expected as u64), "in a config: {response:?}");
    raw.say(json!({ "action": "ping" })).await;
    assert_eq!(raw.hear().await["type"], "pong", "the connection stays");
}

async fn matched(house: Arc<House>, frame: String, expected: Value) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let before = house.position_of(&token, &actor).await;
    let (mut raw, outbox) = house.raw().await.enter(&token).await;
    let theirs = |text: String| text.replace("ACTOR", &actor).replace("OUTBOX", &outbox);
    raw.send(&text(&theirs(frame))).await;
    let mut answer = raw.hear().await;
    for words in ["name", "message"] {
        assert!(answer.as_object_mut().unwrap().remove(words).is_some_and(|words| words.is_string()), "{answer}");
    }
    assert_eq!(answer.to_string(), theirs(expected.to_string()));
    assert_eq!(house.position_of(&token, &actor).await, before, "nothing moved");
}

async fn listed_body(house: Arc<House>) {
    let token = house.host.token("Ana");
    for config in ["[]", "[true,false]", " [true]"] {
        let response = house.ask(&token, "POST", "/v1/counter", config).await;
        assert_eq!((response.status, response.code()), (400, Some(Code::BadConfig as u64)), "{config}: {response:?}");
    }
    let actor = house.host.counter(&token, json!({})).await;
    let before = house.position_of(&token, &actor).await;
    for (path, body) in [
        ("/v1/guest".to_owned(), r#"["Ana"]"#.to_owned()),
        (format!("/v1/{actor}/commands"), json!([null, { "type": "add", "by": 1 }]).to_string()),
        (format!("/v1/{actor}/signals"), " [1]".to_owned()),
    ] {
        let response = house.ask(&token, "POST", &path, &body).await;
        assert_eq!((response.status, response.code()), (400, Some(Code::BadFrame as u64)), "{path}: {response:?}");
    }
    assert_eq!(house.position_of(&token, &actor).await, before, "nothing moved");
}

async fn refused_id(house: Arc<House>, id: String, path: String) {
    let token = house.host.token("Ana");
    let (mut raw, outbox) = house.raw().await.enter(&token).await;
    let actor = format!("counter/{id}");
    let command = json!({ "type": "add", "by": 1 });
    for frame in [
        json!({ "action": "subscribe", "actor": actor }),
        json!({ "action": "subscribe", "actor": actor, "as": "events", "from": "start" }),
        json!({ "action": "unsubscribe", "actor": actor }),
        json!({ "action": "signal", "actor": actor, "signal": 1 }),
        json!({ "action": "send", "actor": actor, "command_id": format!("{outbox}:1"), "command": command }),
    ] {
        assert_eq!(error_of(&mut raw, &frame.to_string()).await, Code::BadName as u64, "{frame}");
    }
    for (method, path) in [
        ("GET", format!("/v1/counter/{path}")),
        ("DELETE", format!("/v1/counter/{path}")),
        ("POST", format!("/v1/counter/{path}/commands")),
        ("GET", format!("/v1/counter/{path}/events")),
        ("GET", format!("/v1/counter/{path}/history")),
        ("GET", format!("/v1/counter/{path}/stream")),
        ("GET", format!("/v1/{path}")),
    ] {
        let response = house.ask(&token, method, &path, r#"{"command":{}}"#).await;
        assert_eq!((response.status, response.code()), (400, Some(Code::BadName as u64)), "{path}: {response:?}");
    }
}

async fn digits(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let body = format!(r#"{{"command":{{"type":"add","by":{}}}}}"#, "9".repeat(1024 * 1024));
    let response = house.ask(&token, "POST", &format!("/v1/{actor}/commands"), &body).await;
    assert_eq!((response.status, response.code()), (413, Some(Code::TooLarge as u64)));
    let (mut raw, _) = house.enter_raw().await;
    let _ = raw.try_send(&text(&body)).await;
    let ended = raw.end().await;
    assert_eq!((ended.close, ended.goodbye), (Some(1009), Some(Code::TooLarge as u64)), "{ended:?}");
}

async fn versions(house: Arc<House>) {
    for offer in ["sec-websocket-protocol: dormouse.v2\r\n", ""] {
        let mut raw = house.raw().await;
        raw.ask_upgrade(offer).await;
        let response = raw.response().await;
        assert_eq!(response.status, 101);
        assert!(!response.head.contains("sec-websocket-protocol"), "{}", response.head);
        let ended = raw.end().await;
        assert_eq!((ended.close, ended.goodbye), (Some(4400), Some(Code::UnsupportedVersion as u64)), "{ended:?}");
    }
    let mut raw = house.raw().await;
    raw.ask_upgrade("sec-websocket-protocol: dormouse.v2, dormouse.v1\r\n").await;
    let response = raw.response().await;
    assert!(response.head.contains("sec-websocket-protocol: dormouse.v1\r\n"), "{}", response.head);
    let token = house.host.token("Ana");
    let plain = house.ask(&token, "GET", "/v1/connect", "").await;
    assert_eq!((plain.status, plain.code()), (400, Some(Code::BadFrame as u64)), "no upgrade was asked for");
}

async fn beside_command(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let (mut raw, outbox) = house.raw().await.enter(&token).await;
    let command = json!({ "type": "add", "by": 1 });
    for (field, value) in [("tenant", json!("other")), ("seq", json!(9)), ("role", json!("admin"))] {
        let id = format!("{outbox}:1");
        let frame = json!({ "action": "send", "actor": actor, "command_id": id, "command": command, field: value });
        assert_eq!(error_of(&mut raw, &frame.to_string()).await, Code::UnknownField as u64, "{field}");
        let body = json!({ "command": command, field: value }).to_string();
        let response = house.ask(&token, "POST", &format!("/v1/{actor}/commands"), &body).await;
        assert_eq!((response.status, response.code()), (400, Some(Code::UnknownField as u64)), "{field}");
        let body = json!({ "name": "Ana", field: value }).to_string();
        let response = house.ask("", "POST", "/v1/guest", &body).await;
        assert_eq!((response.status, response.code()), (400, Some(Code::UnknownField as u64)), "a guest's {field}");
    }
    let seen = house.ask(&token, "GET", &format!("/v1/{actor}?tenant=other"), "").await;
    assert_eq!((seen.status, seen.code()), (400, Some(Code::BadQuery as u64)), "nor in a query");
}

async fn climbing_paths(house: Arc<House>) {
    let token = house.host.token("Ana");
    for path in
        ["/v1/counter/../../x", "/../../etc/passwd.txt", "/v1/../../..//x.html", "/assets/%2e%2e/%2e%2e/Cargo.toml"]
    {
        let response = house.ask(&token, "GET", path, "").await;
        assert_eq!((response.status, response.code()), (404, Some(Code::UnknownPath as u64)), "{path}");
    }
    for path in ["/ready/", "/metrics/x", "/health/x", "/api/rooms", "/%2e%2e/x", "/counter/x"] {
        let response = house.ask(&token, "GET", path, "").await;
        let expected = (404, Some(Code::UnknownPath as u64));
        assert_eq!((response.status, response.code()), expected, "{path} is the page's for a browser alone");
    }
    let posted = house.ask(&token, "POST", "/", "").await;
    assert_eq!((posted.status, posted.code()), (405, Some(Code::MethodNotAllowed as u64)));
}

async fn bad_escapes(house: Arc<House>) {
    let token = house.host.token("Ana");
    for path in ["/v1/%ff", "/v1/counter/%ff", "/v1/counter/%c3%28/stream", "/v1/counter/a%00b"] {
        let response = house.ask(&token, "GET", path, "").await;
        assert_eq!((response.status, response.code()), (400, Some(Code::BadName as u64)), "{path}: {response:?}");
    }
}

async fn empty_id(house: Arc<House>) {
    let token = house.host.token("Ana");
    let (mut raw, _) = house.raw().await.enter(&token).await;
    for actor in ["counter/", "/x", "/", "", "counter"] {
        let frame = json!({ "action": "subscribe", "actor": actor });
        assert_eq!(error_of(&mut raw, &frame.to_string()).await, Code::BadName as u64, "{actor}");
    }
    let response = house.ask(&token, "GET", "/v1/counter/", "").await;
    assert_eq!((response.status, response.code()), (404, Some(Code::UnknownPath as u64)), "no path has an empty part");
}

async fn longest_id(house: Arc<House>) {
    let token = house.host.token("Ana");
    let id = "x".repeat(limits::NAME_BYTES_MAX);
    let response = house.ask(&token, "GET", &format!("/v1/counter/{id}"), "").await;
    assert_eq!((response.status, response.code()), (404, Some(Code::NotFound as u64)));
}

async fn stored_text(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    for text in [
        "'); DROP TABLE commits; --",
        "\"; return redis.call('FLUSHALL') --",
        "{{7*7}} ${jndi:ldap://x} #set($x=1)",
        "attribute_exists(pk) OR 1 = 1",
        "\u{202e}\u{200b}e\u{301}é\u{1f600}",
    ] {
        house.act(&token, &actor, json!({ "type": "note", "text": text })).await;
        let view = house.ask(&token, "GET", &format!("/v1/{actor}"), "").await;
        let view: Value = serde_json::from_str(&view.body).unwrap();
        assert_eq!(view["view"]["note"], text);
        let events = house.ask(&token, "GET", &format!("/v1/{actor}/events"), "").await;
        let events: Value = serde_json::from_str(&events.body).unwrap();
        assert_eq!(events["events"].as_array().unwrap().last().unwrap()["event"]["Noted"], text);
    }
}

async fn queried_text(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    house.act(&token, &actor, json!({ "type": "add", "by": 1 })).await;
    let all = house.ask(&token, "GET", "/v1/counter?status=open", "").await;
    assert!(all.body.contains("\"rows\":[{"), "{}", all.body);
    let injected = house.ask(&token, "GET", "/v1/counter?status=open%27%20OR%20%271%27=%271", "").await;
    assert_eq!((injected.status, injected.body.as_str()), (200, r#"{"rows":[]}"#));
    for query in ["limit=x", "limit=-1", "limit=1&limit=2", "limit=1%00"] {
        let response = house.ask(&token, "GET", &format!("/v1/counter?{query}"), "").await;
        assert_eq!((response.status, response.code()), (400, Some(Code::BadQuery as u64)), "{query}");
    }
}

async fn line_ends(house: Arc<House>) {
    let token = house.host.token("Ana");
    let actor = house.host.counter(&token, json!({})).await;
    let mut stream = house.raw().await;
    let path = format!("/v1/{actor}/stream");
    stream
        .send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n").as_bytes())
        .await;
    stream.until("\"snapshot\"").await;
    let (mut raw, _) = house.enter_raw().await;
    // White space of JSON may be line ends, and stays as it was sent.
    let signal = "{\r\n\"a\":\n\n\"x\\nevent: evil\\n\\nid: 9:9:9\"\r,\r\r\"b\":\n1}";
    raw.send(&text(&format!(r#"{{"action":"signal","actor":"{actor}","signal":{signal}}}"#))).await;
    let told = stream.until("1}}\n\n").await;
    let event = told.split("\n\n").find(|event| event.contains("\"signal\"")).unwrap();
    let lines: Vec<&str> =
        event.split(['\n', '\r']).filter(|line| !line.contains("\r\n") && !line.is_empty()).collect();
    // A chunk of HTTP begins with its length.
    let lines: Vec<&str> = lines.into_iter().filter(|line| u64::from_str_radix(line, 16).is_err()).collect();
    assert!(lines.iter().all(|line| line.starts_with("data: ")), "{lines:?}");
    let data: String = lines.iter().map(|line| &line["data: ".len()..]).collect::<Vec<_>>().join("\n");
    let frame: Value = serde_json::from_str(&data).unwrap();
    assert_eq!(frame["signal"], json!({ "a": "x\nevent: evil\n\nid: 9:9:9", "b": 1 }));
    let last = "last-event-id: 1:1:0000000000000000\tevent: evil\r\n";
    let response = house.ask_with(&token, "GET", &path, last, "").await;
    assert_eq!((response.status, response.code()), (400, Some(Code::BadPosition as u64)));
}

async fn script(house: Arc<House>) {
    let name = "<script>alert(1)</script>";
    let response = house.ask("", "POST", "/v1/guest", &json!({ "name": name }).to_string()).await;
    assert_eq!(response.status, 201);
    let guest: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(guest["principal"]["name"], name);
    let token = guest["token"].as_str().unwrap();
    let actor = house.host.counter(token, json!({})).await;
    house.act(token, &actor, json!({ "type": "note", "text": name })).await;
    let view = house.ask(token, "GET", &format!("/v1/{actor}"), "").await;
    let missing = house.ask(token, "GET", "/v1/counter/%3Cscript%3E", "").await;
    let nowhere = house.ask(token, "GET", "/%3Cscript%3E.js", "").await;
    let wrong_method = house.ask(token, "PUT", "/v1/counter", "").await;
    for response in [&response, &view, &missing, &nowhere, &wrong_method] {
        assert!(response.head.contains("content-type: application/json\r\n"), "{}", response.head);
        assert!(response.head.contains("x-content-type-options: nosniff\r\n"), "{}", response.head);
    }
    assert!(!missing.body.contains("script") && !nowhere.body.contains("script"), "nothing is echoed");
}
