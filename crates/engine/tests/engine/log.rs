//! What came out, in order, with what is random replaced by short names.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::time::Instant;

/// The lines of one script. Clones write into the same one.
#[derive(Clone)]
pub struct Log(Arc<Mutex<Lines>>);

struct Lines {
    lines: Vec<String>,
    since: Instant,
    etags: BTreeMap<String, String>,
    wrongs: Vec<String>,
}

impl Log {
    pub fn new() -> Self {
        let (lines, since, etags, wrongs) = (Vec::new(), Instant::now(), BTreeMap::new(), Vec::new());
        Self(Arc::new(Mutex::new(Lines { lines, since, etags, wrongs })))
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came out. Lines that came later than the input above them say how much later.
    pub fn say(&self, line: impl AsRef<str>) {
        let mut lines = self.lines();
        let later = lines.since.elapsed().as_millis();
        let line = line.as_ref();
        let line = if later == 0 { line.to_owned() } else { format!("[+{later} ms] {line}") };
        lines.lines.push(line);
    }

    /// Something came out that never may. It is written down, because a panic here would end no more than an owner.
    pub fn wrong(&self, what: impl AsRef<str>) {
        self.say(format!("WRONG {}", what.as_ref()));
        self.lines().wrongs.push(what.as_ref().to_owned());
    }

    /// What came out that never may.
    pub fn wrongs(&self) -> Vec<String> {
        self.lines().wrongs.clone()
    }

    /// What came out since the last call; time counts from now.
    pub fn take(&self) -> Vec<String> {
        let mut lines = self.lines();
        lines.since = Instant::now();
        std::mem::take(&mut lines.lines)
    }

    /// The short name of an etag: E1, E2 … as they appear.
    pub fn etag(&self, etag: &str) -> String {
        let mut lines = self.lines();
        let next = format!("E{}", lines.etags.len() + 1);
        lines.etags.entry(etag.to_owned()).or_insert(next).clone()
    }

    /// The etag behind a short name; a text that is no such name is itself.
    pub fn etag_named(&self, name: &str) -> String {
        let lines = self.lines();
        lines.etags.iter().find(|(_, short)| *short == name).map_or(name, |(etag, _)| etag).to_owned()
    }

    /// One frame of the wire as a line.
    pub fn frame(&self, frame: &Value) -> String {
        let text = |field: &str| frame[field].as_str().unwrap_or_default().to_owned();
        let position = || short(&text("position"));
        let actor = text("actor");
        match frame["type"].as_str().unwrap_or_default() {
            "resumed" => {
                let why = if frame["code"].is_null() { String::new() } else { format!(" {}", frame["code"]) };
                format!("resumed {actor} {}{} {}{why}", text("kind"), of(frame), position())
            }
            "snapshot" => {
                let reset = if frame["reset"] == true { " reset" } else { "" };
                format!("snapshot {actor} {} {}{reset} {}", position(), self.etag(&text("etag")), cut(&frame["view"]))
            }
            "patch" => {
                let (base, etag) = (self.etag(&text("base")), self.etag(&text("etag")));
                format!("patch {actor} {} {base}→{etag} {}", position(), ops(&frame["ops"]))
            }
            "events" => {
                let events: Vec<String> = frame["events"].as_array().unwrap().iter().map(event).collect();
                format!("events {actor} {} through {}: {}", position(), frame["through_seq"], events.join(", "))
            }
            "accepted" => {
                let etag = frame["etag"].as_str().map_or(String::new(), |etag| format!(" {}", self.etag(etag)));
                let again = if frame["again"] == true { " again" } else { "" };
                format!("accepted {actor} #{} {}{etag}{again}", number(&text("command_id")), position())
            }
            "rejected" => format!("rejected {actor} #{} {}", number(&text("command_id")), failure(frame)),
            "signal" => {
                let from = frame["from"]["id"].as_str().map(|id| format!("from {id}"));
                let from = from.unwrap_or_else(|| format!("of task {}", text("task")));
                format!("signal {actor} {from}: {}", frame["signal"])
            }
            "presence" => {
                let here: Vec<&str> =
                    frame["here"].as_array().unwrap().iter().filter_map(|principal| principal["id"].as_str()).collect();
                format!("presence {actor} {}: {}", frame["count"], here.join(", "))
            }
            "error" => format!("error {actor}{} {}", of(frame), failure(frame)),
            other => format!("{other} {frame}"),
        }
    }
}

/// `epoch:seq` of a position.
pub fn short(position: &str) -> String {
    position.rsplit_once(':').map_or(position, |(place, _)| place).to_owned()
}

fn number(command_id: &str) -> &str {
    command_id.rsplit_once(':').map_or(command_id, |(_, n)| n)
}

fn of(frame: &Value) -> &'static str {
    if frame["as"] == "events" { " events" } else { "" }
}

fn failure(frame: &Value) -> String {
    let reason = frame["reason"].as_str().map_or(String::new(), |reason| format!(" ({reason})"));
    let retry = frame["retry_after"].as_u64().map_or(String::new(), |ms| format!(", retry after {ms} ms"));
    let kept = frame["position"].as_str().map_or(String::new(), |kept| format!(", kept by {}", short(kept)));
    format!("{} {}{reason}{retry}{kept}", frame["code"], frame["name"].as_str().unwrap_or_default())
}

fn event(event: &Value) -> String {
    format!("{}.{} {}", event["seq"], event["index"], event["event"])
}

fn ops(ops: &Value) -> String {
    let op = |op: &Value| {
        let value = op.get("value").map_or(String::new(), |value| format!(" {}", cut(value)));
        format!("{} {}{value}", op["op"].as_str().unwrap_or_default(), op["path"].as_str().unwrap_or_default())
    };
    ops.as_array().unwrap().iter().map(op).collect::<Vec<_>>().join(", ")
}

/// A value, cut where it is too long to read.
pub fn cut(value: &Value) -> String {
    const READABLE: usize = 400;
    let text = without_tags(&value.to_string());
    if text.len() <= READABLE {
        return text;
    }
    let start: String = text.chars().take(60).collect();
    format!("{start}… ({} bytes)", text.len())
}

/// Positions inside of values, shortened: their tags are hashes.
pub fn without_tags(text: &str) -> String {
    const TAG: usize = 16;
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = rest.find(':') {
        let (before, after) = rest.split_at(at);
        let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let tag = after.get(1..=TAG).filter(|tag| tag.bytes().all(|b| b.is_ascii_hexdigit()));
        out.push_str(before);
        if digits > 0 && tag.is_some() {
            rest = &after[1 + TAG..];
        } else {
            out.push(':');
            rest = &after[1..];
        }
    }
    out + rest
}
