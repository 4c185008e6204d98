//! One connection to a room: reads what is there, writes what waits, flushes once.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::journal::{Batch, Journal};
use super::outbox::Outbox;
use super::room::Room;

/// How many commands one turn takes, so that one connection cannot hold a worker for long.
const MOST_COMMANDS: usize = 256;

#[derive(Deserialize)]
struct Command {
    n: u64,
}

/// A client in a room, a future that ends when the client goes. One task reads and writes: no lock between two halves.
pub(super) struct Client {
    socket: WebSocketStream<TcpStream>,
    room: Arc<Room>,
    journal: Option<Journal>,
    outbox: Arc<Outbox>,
    commands: Vec<u64>,
    writing: Vec<Utf8Bytes>,
    written: usize,
}

impl Client {
    /// Joins the room. With a journal its commands are durable before anybody hears of them.
    pub(super) fn join(socket: WebSocketStream<TcpStream>, room: Arc<Room>, journal: Option<Journal>) -> Self {
        let outbox = Arc::<Outbox>::default();
        room.join(outbox.clone());
        Self { socket, room, journal, outbox, commands: Vec::new(), writing: Vec::new(), written: 0 }
    }

    /// Reads until nothing is left or the turn is full. Ready means that the client is gone.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.commands.len() < MOST_COMMANDS {
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(Message::Text(text)))) => match serde_json::from_str::<Command>(&text) {
                    Ok(command) => self.commands.push(command.n),
                    Err(_) => return Poll::Ready(()),
                },
                Poll::Ready(Some(Ok(Message::Close(_)) | Err(_)) | None) => return Poll::Ready(()),
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn decide(&mut self) {
        if self.commands.is_empty() {
            return;
        }
        let Some(journal) = &self.journal else {
            self.room.commit(&self.outbox, &self.commands);
            self.commands.clear();
            return;
        };
        let commands = std::mem::take(&mut self.commands);
        journal.push(Batch { room: self.room.clone(), from: self.outbox.clone(), commands });
    }

    /// Feeds all that waits and flushes once. Ready means that nothing can be written any more.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while let Some(frame) = self.writing.get(self.written) {
                let mut socket = Pin::new(&mut self.socket);
                ready!(socket.as_mut().poll_ready(cx)).map_err(io::Error::other)?;
                socket.start_send(Message::Text(frame.clone())).map_err(io::Error::other)?;
                self.written += 1;
            }
            self.writing.clear();
            self.written = 0;
            match self.outbox.poll_take(cx, &mut self.writing) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Poll::Pending => break,
            }
        }
        ready!(Pin::new(&mut self.socket).poll_flush(cx)).map_err(io::Error::other)?;
        Poll::Pending
    }
}

impl Future for Client {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let read = self.poll_read(cx);
        self.decide();
        let written = self.poll_write(cx);
        if read.is_ready() || written.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.room.leave(&self.outbox);
    }
}
