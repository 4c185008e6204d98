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

/// Loopback addresses that clients come from: each has its own ports, its own limits, and the crowd a city's worth of them.
const SOURCES: usize = 64;

/// Where client number `index` comes from.
#[must_use]
pub fn source(index: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, 1 + (index % SOURCES) as u8)
}

/// An open session: its socket, and how its commands are written.
pub(super) struct Session {
    pub(super) socket: Socket,
    pub(super) commands: Commands,
    pub(super) seen: Seen,
    /// Where the view was when it was subscribed, to resume from.
    pub(super) place: Option<Place>,
}

/// A view's position and etag.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) position: String,
    pub(super) etag: String,
}

impl Target {
    /// Opens session number `index` in `room` as somebody new, watching the room or not. A raw client always watches.
    pub(super) async fn join(self, index: usize, room: &str, watch: bool) -> io::Result<Session> {
        let token = self.guest(index).await?;
        let mut session = self.open(index, room, &token).await?;
        if watch && self.dialect == Dialect::Dormouse {
            session.subscribe(room, None).await?;
        }
        Ok(session)
    }

    /// The token of a new guest; raw servers ask for none.
    pub(super) async fn guest(self, index: usize) -> io::Result<String> {
        match self.dialect {
            Dialect::Dormouse => Http::open(self.port, source(index)).await?.guest().await,
            Dialect::Echo | Dialect::Raw => Ok(String::new()),
        }
    }

    /// Opens session number `index` with this token. It watches nothing yet.
    pub(super) async fn open(self, index: usize, room: &str, token: &str) -> io::Result<Session> {
        let path = match self.dialect {
            Dialect::Echo => "/echo".to_owned(),
            Dialect::Raw => format!("/rooms/{room}"),
            Dialect::Dormouse => return self.hello(index, room, token).await,
        };
        let socket = Socket::open(self.port, source(index), &path, "").await?;
        Ok(Session { socket, commands: Commands::raw(), seen: Seen::default(), place: None })
    }

    async fn hello(self, index: usize, room: &str, token: &str) -> io::Result<Session> {
        let mut socket = Socket::open(self.port, source(index), "/v1/connect", "dormouse.v1").await?;
        socket.feed(hello(token).as_bytes());
        socket.flush().await?;
        let outbox = wait_for(&mut socket, |frame| match frame {
            Frame::Welcome { outbox, .. } => Some((*outbox).to_owned()),
            _ => None,
        })
        .await?;
        Ok(Session { socket, commands: Commands::dormouse(room, outbox), seen: Seen::default(), place: None })
    }
}

impl Session {
    /// Sends the next commands to another room, with this outbox. The session's ids go on counting.
    pub(super) fn aim(&mut self, room: &str) {
        self.commands.aim(room);
    }

    /// Asks to watch `room`; whatever comes then is for the caller to read.
    pub(super) async fn ask(&mut self, room: &str) -> io::Result<()> {
        self.socket.feed(subscribe(room, None).as_bytes());
        self.socket.flush().await
    }

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
