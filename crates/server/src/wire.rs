//! One TCP connection as HTTP and WebSockets use it: a peer that reads nothing is given up, and so is one that sends without end a
//! message that never ends.
//!
//! Absent: framing. What it counts are bytes, one addition for each read.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use dormouse_core::limits::{LINGER, MESSAGE_WIRE_BYTES_MAX, WRITE_STALL_MAX};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// Bytes of a peer that is being left are read in pieces of this size and dropped.
const DISCARD: usize = 4 * 1024;

pub(crate) struct Wire<T = TcpStream> {
    stream: T,
    /// Bytes read since the last whole message; not counted before [`begin_messages`](Self::begin_messages).
    unheard: usize,
    unheard_max: usize,
    /// Runs while the peer takes nothing: a connection that flows has no timer.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<T> Wire<T> {
    /// Whether a message grew past what it may.
    pub(crate) fn is_flooded(&self) -> bool {
        self.unheard > self.unheard_max
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub(crate) fn new(stream: T) -> Self {
        Self { stream, unheard: 0, unheard_max: usize::MAX, stalled: None }
    }

    /// From here on messages are read, each of at most [`MESSAGE_WIRE_BYTES_MAX`] with the heads of its fragments.
    pub(crate) fn begin_messages(&mut self) {
        (self.unheard, self.unheard_max) = (0, MESSAGE_WIRE_BYTES_MAX);
    }

    /// A whole message was heard.
    pub(crate) fn heard(&mut self) {
        self.unheard = 0;
    }

    /// A control frame of these bytes was heard. It may stand between the fragments of a message, so it takes back no more than its own.
    pub(crate) fn heard_control(&mut self, bytes: usize) {
        self.unheard = self.unheard.saturating_sub(bytes);
    }

    /// End our side and read what still comes, for a moment. Closing at once would answer those bytes with a reset, which takes back
    /// what the peer has not read yet: the goodbye.
    pub(crate) async fn linger(&mut self) {
        let mut dropped = [0; DISCARD];
        let discard = async {
            self.stream.shutdown().await?;
            while self.stream.read(&mut dropped).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(LINGER, discard).await;
    }

    fn written(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(WRITE_STALL_MAX)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Write `bytes` whole and leave, within `limit`.
pub(crate) async fn say_and_leave(mut wire: Wire, bytes: &[u8], limit: Duration) {
    let said = tokio::time::timeout(limit, wire.stream.write_all(bytes)).await;
    if matches!(said, Ok(Ok(()))) {
        wire.linger().await;
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_flooded() {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.unheard = self.unheard.saturating_add(buf.filled().len() - before);
        read
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tokio::{net::TcpListener, time::Instant};

    use super::*;

    async fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Wire::new(listener.accept().await.unwrap().0), peer)
    }

    /// Write until the peer takes no more; how long the last write waited.
    async fn fill(wire: &mut Wire) -> (io::Error, Duration) {
        loop {
            let since = Instant::now();
            if let Err(error) = wire.write(&[0; 64 * 1024]).await {
                return (error, since.elapsed());
            }
        }
    }

    /// The clock stands still but for the wire's own timer.
    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_nothing_is_given_up() {
        let (mut wire, _peer) = pair().await;
        let (error, waited) = fill(&mut wire).await;
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(waited >= WRITE_STALL_MAX && waited < WRITE_STALL_MAX + Duration::from_secs(1), "{waited:?}");
    }

    #[tokio::test]
    async fn a_peer_that_reads_again_is_written_to_without_a_timer() {
        let (mut wire, mut peer) = pair().await;
        let filled = tokio::time::timeout(Duration::from_millis(500), fill(&mut wire)).await;
        assert!(filled.is_err() && wire.stalled.is_some(), "it waits");
        let reading = tokio::spawn(async move { while peer.read(&mut [0; 64 * 1024]).await.unwrap() > 0 {} });
        wire.write_all(&[0; 64 * 1024]).await.unwrap();
        assert!(wire.stalled.is_none());
        reading.abort();
    }

    #[tokio::test]
    async fn a_message_without_end_is_cut_off() {
        let (mut wire, mut peer) = pair().await;
        let half = MESSAGE_WIRE_BYTES_MAX / 2;
        let writing = tokio::spawn(async move { while peer.write(&[0; 4096]).await.is_ok() {} });
        let mut bytes = vec![0; 2 * half];
        wire.read_exact(&mut bytes).await.unwrap();
        wire.begin_messages();
        wire.read_exact(&mut bytes[..half]).await.unwrap();
        wire.heard();
        wire.read_exact(&mut bytes).await.unwrap();
        assert!(!wire.is_flooded(), "at the limit");
        wire.heard_control(6);
        wire.read_exact(&mut bytes[..6]).await.unwrap();
        assert!(!wire.is_flooded(), "a control frame took back its own bytes");
        wire.read_exact(&mut bytes[..1]).await.unwrap();
        assert!(wire.is_flooded());
        assert_eq!(wire.read(&mut bytes).await.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        writing.abort();
    }
}
