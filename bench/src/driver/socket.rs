//! A WebSocket client as cheap as it gets, because it shares the cores with what it measures.
//!
//! Frames are masked with zeros: the server does its whole work, the driver none.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

const READ_BYTES: usize = 16 * 1024;
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// One connection, with what was read and not yet looked at, and what waits for a flush.
pub struct Socket {
    stream: TcpStream,
    inbox: Vec<u8>,
    start: usize,
    outbox: Vec<u8>,
}

/// A TCP connection to `port` of this machine, from this loopback address.
///
/// # Errors
/// If nobody listens there, or the address has no port left.
pub async fn connect_tcp(port: u16, source: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    let stream = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Socket {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// If the server does not take the connection, or does not upgrade it.
    pub async fn open(port: u16, source: Ipv4Addr, path: &str, protocol: &str) -> io::Result<Self> {
        Self::over(connect_tcp(port, source).await?, path, protocol).await
    }

    /// Upgrades a connection.
    ///
    /// # Errors
    /// If the server does not.
    pub async fn over(mut stream: TcpStream, path: &str, protocol: &str) -> io::Result<Self> {
        let port = stream.peer_addr()?.port();
        let protocol = match protocol {
            "" => String::new(),
            name => format!("Sec-WebSocket-Protocol: {name}\r\n"),
        };
        // The key is the RFC's example; nobody here guards against a confused proxy.
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut socket = Self { stream, inbox: Vec::new(), start: 0, outbox: Vec::new() };
        socket.upgraded().await?;
        Ok(socket)
    }

    async fn upgraded(&mut self) -> io::Result<()> {
        loop {
            self.read().await?;
            if let Some(end) = memchr::memmem::find(&self.inbox, b"\r\n\r\n") {
                self.start = end + 4;
                break;
            }
        }
        if self.inbox.starts_with(b"HTTP/1.1 101") {
            return Ok(());
        }
        let answer = String::from_utf8_lossy(&self.inbox);
        Err(io::Error::other(format!("no upgrade: {}", answer.lines().next().unwrap_or_default())))
    }

    /// Puts a text frame before the next flush.
    pub fn feed(&mut self, text: &[u8]) {
        self.frame(TEXT, text);
    }

    fn frame(&mut self, head: u8, payload: &[u8]) {
        self.outbox.push(head);
        match payload.len() {
            length @ 0..=125 => self.outbox.push(0x80 | length as u8),
            length => {
                // No frame of the driver comes near 64 KiB.
                self.outbox.push(0x80 | 126);
                self.outbox.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        self.outbox.extend_from_slice(&[0; 4]);
        self.outbox.extend_from_slice(payload);
    }

    /// Sends all that was fed, in one write if the kernel takes it.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn flush(&mut self) -> io::Result<()> {
        if !self.outbox.is_empty() {
            self.stream.write_all(&self.outbox).await?;
            self.outbox.clear();
        }
        Ok(())
    }

    /// Sends what the kernel takes now of all that was fed.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn try_flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match self.stream.try_write(&self.outbox) {
                Ok(written) => drop(self.outbox.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Bytes that were fed and that the kernel has not taken.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.outbox.len()
    }

    /// The connection itself, for whoever sends what is no frame.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Waits until the server has sent something more.
    ///
    /// # Errors
    /// If the connection is gone.
    pub async fn read(&mut self) -> io::Result<()> {
        self.inbox.drain(..self.start);
        self.start = 0;
        self.inbox.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The next whole frame of what was read.
    ///
    /// # Errors
    /// If the server closed the connection, or sent what is no text.
    #[allow(clippy::should_implement_trait)] // It lends.
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            let Some((head, from, to)) = whole_frame(&self.inbox[self.start..]) else { return Ok(None) };
            let (from, to) = (self.start + from, self.start + to);
            self.start = to;
            match head {
                TEXT => return Ok(Some(&self.inbox[from..to])),
                PING => {
                    let payload = self.inbox[from..to].to_vec();
                    self.frame(PONG, &payload);
                }
                PONG => {}
                CLOSE => return Err(ErrorKind::ConnectionAborted.into()),
                _ => return Err(io::Error::other("the driver reads whole text frames only")),
            }
        }
    }

    /// Goes without a word, as a client does whose network is gone: a reset, no closing handshake, no port that lingers.
    ///
    /// # Errors
    /// If the connection is gone.
    pub fn kill(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

/// The first byte of a frame, and where its payload is, if all of it is there. Server frames carry no mask.
fn whole_frame(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let head = *bytes.first()?;
    let (from, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= from + length).then_some((head, from, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_when_its_last_byte_is_there() {
        assert_eq!(whole_frame(b"\x81\x02ok\x81"), Some((TEXT, 2, 4)));
        assert_eq!(whole_frame(b"\x81\x02o"), None);
        assert_eq!(whole_frame(b"\x81"), None);
        let mut long = vec![TEXT, 126, 0x01, 0x00];
        long.resize(4 + 256, b'x');
        assert_eq!(whole_frame(&long), Some((TEXT, 4, 260)));
        assert_eq!(whole_frame(&long[..259]), None);
    }
}
