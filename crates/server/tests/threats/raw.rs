//! A peer that keeps to no rules: bytes over TCP, HTTP heads and WebSocket frames made by hand.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// How long a test waits for what must come; longer than any limit that a case waits for.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const TEXT: u8 = 0x1;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const FIN: u8 = 0x80;

/// A masked frame whose first byte is this one.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// A whole text message.
pub fn text(payload: &str) -> Vec<u8> {
    frame(FIN | TEXT, payload.as_bytes())
}

/// The head of a masked frame, without its mask.
pub fn head(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        126..0x1_0000 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes
}

/// A close frame with this code.
pub fn close(code: u16) -> Vec<u8> {
    frame(FIN | CLOSE, &code.to_be_bytes())
}

pub struct Raw {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

/// How a connection ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// The code of the last `goodbye`.
    pub goodbye: Option<u64>,
    /// The code of the close frame.
    pub close: Option<u16>,
    /// Whether it ended by an end of the stream, not by a reset.
    pub orderly: bool,
    /// Payload bytes of all frames until then.
    pub bytes: usize,
    /// Text frames until then.
    pub frames: Vec<Value>,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    /// The number of the error that the body tells.
    pub fn code(&self) -> Option<u64> {
        serde_json::from_str::<Value>(&self.body).ok()?["error"]["code"].as_u64()
    }

    /// Everything but the date, which the clock decides.
    pub fn without_date(&self) -> String {
        let head: Vec<&str> = self.head.lines().filter(|line| !line.starts_with("date:")).collect();
        format!("{}\n\n{}", head.join("\n"), self.body)
    }
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// With the smallest receive buffer that the kernel gives: whatever this peer does not read stays with the host.
    pub async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Self::over(socket.connect(address).await.unwrap())
    }

    /// A peer that may be cut off while it writes.
    pub async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.unwrap();
    }

    /// Ask for the upgrade with these further header lines.
    pub async fn ask_upgrade(&mut self, headers: &str) {
        let request = format!(
            "GET /v1/connect HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        self.send(request.as_bytes()).await;
    }

    /// Upgraded, and nothing said yet.
    pub async fn upgrade(mut self) -> Self {
        self.ask_upgrade("sec-websocket-protocol: dormouse.v1\r\n").await;
        let response = self.response_head().await;
        assert!(response.starts_with("HTTP/1.1 101"), "{response}");
        self
    }

    /// Upgraded and signed in; with the outbox.
    pub async fn enter(self, token: &str) -> (Self, String) {
        let mut raw = self.upgrade().await;
        raw.say(json!({ "action": "hello", "token": token })).await;
        let welcome = raw.hear().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        let outbox = welcome["outbox"].as_str().unwrap().to_owned();
        (raw, outbox)
    }

    pub async fn say(&mut self, frame: Value) {
        self.send(&text(&frame.to_string())).await;
    }

    /// The next text frame.
    pub async fn hear(&mut self) -> Value {
        loop {
            let (opcode, payload) = self.read_frame().await.expect("a frame");
            match opcode {
                TEXT => return serde_json::from_slice(&payload).unwrap(),
                CLOSE => panic!("closed: {payload:?}"),
                _ => {}
            }
        }
    }

    /// The next frame of this type; others are passed over.
    pub async fn hear_type(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.hear().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Read frames to the end.
    pub async fn end(mut self) -> Ended {
        let mut ended = Ended::default();
        loop {
            match self.read_frame().await {
                Ok((TEXT, payload)) => {
                    ended.bytes += payload.len();
                    let frame: Value = serde_json::from_slice(&payload).unwrap();
                    if frame["type"] == "goodbye" {
                        assert!(frame["retry_after"].is_u64(), "every goodbye says how long to wait: {frame}");
                        ended.goodbye = frame["code"].as_u64();
                    }
                    ended.frames.push(frame);
                }
                Ok((CLOSE, payload)) => {
                    ended.close = payload.first_chunk().map(|code| u16::from_be_bytes(*code)).or(Some(1005));
                }
                Ok(_) => {}
                Err(error) => {
                    ended.orderly = error.kind() == std::io::ErrorKind::UnexpectedEof;
                    return ended;
                }
            }
        }
    }

    async fn fill(&mut self) -> std::io::Result<()> {
        let read = self.stream.read_buf(&mut self.unread);
        match tokio::time::timeout(PATIENCE, read).await.expect("bytes or an end in time")? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Take a little of what has come, as a reader does that is slow and not gone.
    pub fn sip(&mut self) {
        let mut sip = [0; 2048];
        if let Ok(read) = self.stream.try_read(&mut sip) {
            self.unread.extend(&sip[..read]);
        }
    }

    async fn take(&mut self, bytes: usize) -> std::io::Result<Vec<u8>> {
        while self.unread.len() < bytes {
            self.fill().await?;
        }
        Ok(self.unread.drain(..bytes).collect())
    }

    async fn read_frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let head = self.take(2).await?;
        assert_eq!(head[0] & 0xf0, FIN, "a host sends whole frames without extensions");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(self.take(2).await?.try_into().unwrap())),
            127 => u64::from_be_bytes(self.take(8).await?.try_into().unwrap()),
            short => u64::from(short),
        };
        let payload = self.take(usize::try_from(length).unwrap()).await?;
        Ok((head[0] & 0x0f, payload))
    }

    async fn response_head(&mut self) -> String {
        loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.unread.drain(..end + 4).collect();
                return String::from_utf8(head).unwrap();
            }
            self.fill().await.expect("a whole head");
        }
    }

    /// The next HTTP response; its body ends as its head says, or with the connection.
    pub async fn response(&mut self) -> Response {
        let head = self.response_head().await;
        let status = head[9..12].parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
        let body = match length {
            Some(length) => self.take(length).await.unwrap(),
            None if status < 200 || status == 204 => Vec::new(),
            None => self.rest().await,
        };
        Response { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// What still comes until the end of the stream.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await.is_ok() {}
        std::mem::take(&mut self.unread)
    }

    /// The bodies of the chunks that still come, until the last one.
    pub async fn rest_of_chunks(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // What was read up to a mark may have ended within a chunk: its rest comes first.
        bytes.extend(self.until("\r\n").await.into_bytes());
        loop {
            let length = self.until("\r\n").await;
            match usize::from_str_radix(length.trim(), 16).unwrap() {
                0 => return bytes,
                length => bytes.extend(self.take(length + 2).await.unwrap()),
            }
        }
    }

    /// Bytes until this text has been seen, and with it all before.
    pub async fn until(&mut self, mark: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.unread).into_owned();
            if let Some(at) = text.find(mark) {
                let taken: Vec<u8> = self.unread.drain(..at + mark.len()).collect();
                return String::from_utf8(taken).unwrap();
            }
            self.fill().await.unwrap_or_else(|error| panic!("no {mark:?} in {text:?}: {error}"));
        }
    }

    /// Send one request and read its response.
    pub async fn ask(&mut self, request: &str) -> Response {
        self.send(request.as_bytes()).await;
        self.response().await
    }
}
