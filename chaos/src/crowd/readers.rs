//! Signed-in viewers who read nothing of what they asked for, and lists that are loud enough to fill whatever waits for them.

use std::{io, net::Ipv4Addr, time::Duration};

use dormouse_bench::driver::{Http, Socket, source};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{net::TcpSocket, task::JoinHandle, time::interval};

use crate::{Broken, line::Line};

/// Lists that they watch, each with a line that renames it.
pub(super) const LOUD: usize = 10;
/// Handshakes at once.
const GATHERING: usize = 64;
/// What their side of the line takes without reading.
const RECEIVE_BYTES: u32 = 4096;
/// Frames a second to all of them together: the crowd is large, not fast.
const FRAMES_PER_SECOND: usize = 25_000;
/// The loudest that one list is.
const EVERY_MIN: Duration = Duration::from_millis(40);
/// A title as long as it may be, of three bytes a letter, with its number before it.
const LETTERS: usize = 180;

/// They stay until this is dropped, whatever the host does.
pub(super) struct Readers {
    _lines: Vec<Line>,
    loud: Vec<JoinHandle<io::Result<()>>>,
}

impl Readers {
    /// Returns once all of them are there. Must be called in a `LocalSet`.
    pub(super) async fn start(port: u16, count: usize) -> Result<Self, Broken> {
        let mut http = Http::open(port, Ipv4Addr::LOCALHOST).await?;
        http.guest().await?;
        let mut lists = Vec::new();
        for _ in 0..LOUD {
            let made = http.json("POST", "/v1/todo", "{}").await?;
            lists.push(made["id"].as_str().unwrap_or_default().to_owned());
        }
        let every = Duration::from_secs_f64(count as f64 / FRAMES_PER_SECOND as f64).max(EVERY_MIN);
        let mut loud = Vec::new();
        for (at, list) in lists.iter().enumerate() {
            loud.push(tokio::task::spawn_local(rename(Line::guest(port, at, list).await?, every)));
        }
        let joined = stream::iter(0..count).map(|index| join(port, index, &lists[index % LOUD]));
        let lines = joined.buffer_unordered(GATHERING).try_collect().await?;
        Ok(Self { _lines: lines, loud })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.loud.iter().for_each(JoinHandle::abort);
    }
}

/// Signed in, subscribed, and silent from there on.
async fn join(port: u16, index: usize, list: &str) -> io::Result<Line> {
    let from = source(index);
    let token = Http::open(port, from).await?.guest().await?;
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
    let socket = Socket::over(stream, "/v1/connect", "dormouse.v1").await?;
    let mut line = Line::enter(socket, &token, list).await?;
    line.watch().await?;
    Ok(line)
}

/// Renames a list again and again, and forgets what it hears.
async fn rename(mut line: Line, every: Duration) -> io::Result<()> {
    let (mut n, letters) = (0, "漢".repeat(LETTERS));
    let mut ticks = interval(every);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                n += 1;
                line.rename(n, &format!("{n} {letters}"));
                line.socket.flush().await?;
            }
            read = line.socket.read() => {
                read?;
                while line.hear()?.is_some() {}
            }
        }
    }
}
