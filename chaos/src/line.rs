//! A line that is as cheap as it gets, for floods: it frames by hand, and takes from an answer what is counted.

use std::io::{self, ErrorKind};

use dormouse_bench::driver::{Fields, Http, Socket, number, source, text};

/// A signed-in line that speaks of one list.
pub(crate) struct Line {
    pub(crate) socket: Socket,
    outbox: String,
    list: String,
}

/// What the host said, as far as it is counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Command `n` is in commit `seq`.
    Accepted {
        n: u64,
        seq: u64,
    },
    /// Command `n` was refused.
    Rejected {
        n: u64,
        code: u64,
    },
    /// The view as of commit `seq`.
    View {
        seq: u64,
    },
    /// The host ends this line, or refuses what was no command.
    Refused {
        code: u64,
    },
    Other,
}

impl Line {
    /// Line number `index` of a guest of its own.
    pub(crate) async fn guest(port: u16, index: usize, list: &str) -> io::Result<Self> {
        let token = Http::open(port, source(index)).await?.guest().await?;
        let socket = Socket::open(port, source(index), "/v1/connect", "dormouse.v1").await?;
        Self::enter(socket, &token, list).await
    }

    /// Says hello and waits for its welcome.
    pub(crate) async fn enter(mut socket: Socket, token: &str, list: &str) -> io::Result<Self> {
        socket.feed(format!(r#"{{"action":"hello","token":"{token}"}}"#).as_bytes());
        socket.flush().await?;
        loop {
            let Some(frame) = socket.next()? else {
                socket.read().await?;
                continue;
            };
            if field(frame, b"type") != Some("welcome") {
                return Err(io::Error::other(String::from_utf8_lossy(frame).into_owned()));
            }
            let outbox = field(frame, b"outbox").ok_or(ErrorKind::InvalidData)?.to_owned();
            return Ok(Self { socket, outbox, list: list.to_owned() });
        }
    }

    /// Puts command `n`, which gives the list this title, before the next flush.
    pub(crate) fn rename(&mut self, n: u64, title: &str) {
        let Self { outbox, list, .. } = self;
        let command = format!(r#"{{"type":"rename_list","title":"{title}"}}"#);
        let frame =
            format!(r#"{{"action":"send","actor":"todo/{list}","command_id":"{outbox}:{n}","command":{command}}}"#);
        self.socket.feed(frame.as_bytes());
    }

    /// Asks to be shown the list, from now on.
    pub(crate) async fn watch(&mut self) -> io::Result<()> {
        let frame = format!(r#"{{"action":"subscribe","actor":"todo/{}"}}"#, self.list);
        self.socket.feed(frame.as_bytes());
        self.socket.flush().await
    }

    /// What was said and not heard yet.
    pub(crate) fn hear(&mut self) -> io::Result<Option<Heard>> {
        Ok(self.socket.next()?.map(heard))
    }
}

fn field<'a>(frame: &'a [u8], name: &[u8]) -> Option<&'a str> {
    text(Fields::of(frame).find(|(key, _)| *key == name)?.1)
}

fn heard(frame: &[u8]) -> Heard {
    let (mut kind, mut n, mut seq, mut code) = (None, 0, 0, 0);
    for (key, value) in Fields::of(frame) {
        match key {
            b"type" => kind = text(value),
            b"command_id" => {
                n = text(value).and_then(|id| number(id.rsplit(':').next()?.as_bytes())).unwrap_or_default()
            }
            b"position" => {
                seq = text(value).and_then(|at| number(at.split(':').nth(1)?.as_bytes())).unwrap_or_default()
            }
            b"code" => code = number(value).unwrap_or_default(),
            _ => {}
        }
    }
    match kind {
        Some("accepted") => Heard::Accepted { n, seq },
        Some("rejected") => Heard::Rejected { n, code },
        Some("patch" | "snapshot") => Heard::View { seq },
        Some("goodbye" | "error") => Heard::Refused { code },
        _ => Heard::Other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;

    /// Every frame of the protocol's fixtures is heard as what it is.
    #[test]
    fn the_fixtures_of_the_protocol() {
        let fixtures: Vec<Value> = serde_json::from_str(include_str!("../../docs/fixtures/frames.json")).unwrap();
        for fixture in fixtures.iter().filter(|fixture| fixture["direction"] == "server") {
            let heard = heard(fixture["frame"].to_string().as_bytes());
            let code = fixture["frame"]["code"].as_u64().unwrap_or_default();
            let right = match fixture["frame"]["type"].as_str().unwrap() {
                "accepted" => heard == Heard::Accepted { n: 1, seq: 416 },
                "rejected" => matches!(heard, Heard::Rejected { code: said, .. } if said == code && code > 0),
                "snapshot" | "patch" => matches!(heard, Heard::View { seq } if seq > 0),
                "error" | "goodbye" => heard == Heard::Refused { code } && code > 0,
                _ => heard == Heard::Other,
            };
            assert!(right, "{fixture}: {heard:?}");
        }
    }
}
