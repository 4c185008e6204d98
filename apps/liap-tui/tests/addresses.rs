//! The addresses at which the game was known before, on a running binary.

#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

/// `liap-tui serve`.
struct Host {
    child: Child,
    address: String,
    _data: tempfile::TempDir,
}

struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Host {
    fn start(more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_liap-tui"));
        command.args(["serve", "--port", "0", "--data"]).arg(data.path()).args(more).env("DORMOUSE_LOG", "warn");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        Self { child, address, _data: data }
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &Value) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}");
        write!(stream, "{head}\r\n{headers}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or_default() }
    }

    fn get(&self, path: &str, token: &str) -> Answer {
        self.ask("GET", path, &bearer(token), &Value::Null)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bearer(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") }
}

#[test]
fn the_game_answers_at_its_old_addresses() {
    let host = Host::start(&[]);
    let health = host.get("/api/health", "");
    assert_eq!(
        (health.status, &health.body["status"], &health.body["service"]),
        (200, &json!("ok"), &json!("liap-tui"))
    );
    assert_eq!(host.get("/api/system/stats", "").body["commits"], 0);

    let guest = host.ask("POST", "/v1/guest", "", &json!({ "name": "Ann" })).body;
    let token = guest["token"].as_str().unwrap();
    let made = host.ask("POST", "/v1/liap-tui", &bearer(token), &json!({ "name": "Ann" })).body;
    let room = format!("/api/rooms/{}", made["id"].as_str().unwrap());
    let state = host.get(&format!("{room}/state"), token);
    assert_eq!((state.status, &state.body["view"]["phase"]), (200, &json!("waiting")));
    assert_eq!(host.get(&format!("{room}/state?at_seq=1"), token).body["view"], state.body["view"]);
    assert_eq!(host.get(&format!("{room}/state?at_seq=9"), token).status, 404);

    let events = host.get(&format!("{room}/events"), token).body;
    assert_eq!(events["events"][0]["event"]["type"], "room_created");
    let since = host.get(&format!("{room}/events/1?limit=5"), token).body;
    assert_eq!((&since["through_seq"], &since["events"]), (&json!(1), &json!([])));
    assert_eq!(host.get(&format!("{room}/events/x"), token).status, 400);
    assert_eq!(host.get("/api/system/stats", "").body["commits"], 1);
}

#[test]
fn who_is_no_operator_learns_nothing_of_the_host() {
    let host = Host::start(&[]);
    let guest = host.ask("POST", "/v1/guest", "", &Value::Null).body;
    for path in ["/api/health/detailed", "/api/debug/room-stats"] {
        assert_eq!(host.get(path, guest["token"].as_str().unwrap()).status, 403, "{path}");
        assert_eq!(host.get(path, "").status, 401, "{path}");
    }
}

#[test]
fn every_page_may_ask_if_the_host_says_so() {
    let page = "origin: https://elsewhere.example\r\n";
    let open = Host::start(&["--origins", "*"]);
    for method in ["GET", "OPTIONS"] {
        let answer = open.ask(method, "/api/health", page, &Value::Null);
        assert!(answer.status < 300 && answer.head.contains("access-control-allow-origin: *"), "{}", answer.head);
    }
    assert_eq!(Host::start(&[]).ask("GET", "/api/health", page, &Value::Null).status, 403);
}
