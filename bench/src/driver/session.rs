//! A client that has joined a room, in either dialect.

use std::io;
use std::net::Ipv4Addr;

use super::count::Seen;
use super::dialect::{Commands, Dialect, Frame, hello, subscribe};
use super::http::Http;
use super::socket::Socket;

/// The server under load.
#[derive(Clone, Copy)]
pub struct Target {
    /// What it speaks.
    pub dialect: Dialect,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

/// An open session: its socket, and how its commands are written.
pub(super) struct Session {
    pub(super) socket: Socket,
    pub(super) commands: Commands,
    pub(super) seen: Seen,
    /// Where the newest view was, to resume from. Kept at subscribing only.
    pub(super) place: Option<Place>,
}

/// A view's position and etag.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) position: String,
    pub(super) etag: String,
}

impl Target {
    /// Makes `count` rooms and returns what clients join them by. Raw rooms are made by the first who joins.
    pub(super) async fn rooms(self, count: usize) -> io::Result<Vec<String>> {
        if self.dialect != Dialect::Dormouse {
            return Ok((0..count).map(|index| format!("r{index}")).collect());
        }
        let mut http = Http::open(self.port, None).await?;
        http.guest().await?;
        let mut rooms = Vec::with_capacity(count);
        for _ in 0..count {
            rooms.push(format!("counter/{}", http.create().await?));
        }
        Ok(rooms)
    }

    /// Opens a session in `room` as somebody new, watching the room or not. A raw client always watches.
    pub(super) async fn join(self, room: &str, watch: bool, source: Option<Ipv4Addr>) -> io::Result<Session> {
        if self.dialect != Dialect::Dormouse {
            let path = if self.dialect == Dialect::Echo { "/echo".to_owned() } else { format!("/rooms/{room}") };
            let socket = Socket::open(self.port, source, &path, "").await?;
            return Ok(Session { socket, commands: Commands::raw(), seen: Seen::default(), place: None });
        }
        let token = Http::open(self.port, source).await?.guest().await?;
        let mut session = self.hello(room, &token, source).await?;
        if watch {
            session.subscribe(room, None).await?;
        }
        Ok(session)
    }

    /// Opens a session with this token that watches nothing.
    pub(super) async fn hello(self, room: &str, token: &str, source: Option<Ipv4Addr>) -> io::Result<Session> {
        let mut socket = Socket::open(self.port, source, "/v1/connect", "dormouse.v1").await?;
        socket.feed(hello(token).as_bytes());
        socket.flush().await?;
        let outbox = wait_for(&mut socket, |frame| match frame {
            Frame::Welcome { outbox, .. } => Some((*outbox).to_owned()),
            _ => None,
        })
        .await?;
        Ok(Session { socket, commands: Commands::dormouse(room, &outbox), seen: Seen::default(), place: None })
    }
}

impl Session {
    /// Watches `room` from a place or from nothing, until the server has said where the view is.
    pub(super) async fn subscribe(&mut self, room: &str, from: Option<&Place>) -> io::Result<()> {
        let from = from.map(|place| (place.position.as_str(), place.etag.as_str()));
        self.socket.feed(subscribe(room, from).as_bytes());
        self.socket.flush().await?;
        let kind = wait_for(&mut self.socket, |frame| match frame {
            Frame::Resumed { kind } => Some((*kind).to_owned()),
            _ => None,
        })
        .await?;
        if kind == "current" {
            return Ok(());
        }
        let (seq, place) = wait_for(&mut self.socket, |frame| match frame {
            Frame::View(view) => {
                Some((view.seq, Place { position: view.position.to_owned(), etag: view.etag.to_owned() }))
            }
            _ => None,
        })
        .await?;
        self.seen.advance(seq);
        self.place = Some(place);
        Ok(())
    }
}

/// Reads on until a frame is the one that is waited for; what else comes meanwhile counts for nothing.
async fn wait_for<T>(socket: &mut Socket, wanted: impl Fn(&Frame<'_>) -> Option<T>) -> io::Result<T> {
    loop {
        while let Some(text) = socket.next()? {
            let frame = Dialect::Dormouse.read(text);
            if frame == Frame::Refused {
                return Err(refused(text));
            }
            if let Some(found) = wanted(&frame) {
                return Ok(found);
            }
        }
        socket.flush().await?;
        socket.read().await?;
    }
}

/// A refusal ends a run: a benchmark that is refused measures refusals.
pub(super) fn refused(text: &[u8]) -> io::Error {
    io::Error::other(format!("refused: {}", String::from_utf8_lossy(text)))
}
