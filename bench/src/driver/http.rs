//! The few HTTP requests of the driver, over one connection that stays open.

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::socket::connect_tcp;

/// A client of the HTTP API, with the token of the guest that it last became.
pub struct Http {
    stream: TcpStream,
    port: u16,
    token: Option<String>,
    inbox: Vec<u8>,
}

impl Http {
    /// Connects, as nobody yet.
    ///
    /// # Errors
    /// If the server does not take the connection.
    pub async fn open(port: u16, source: Ipv4Addr) -> io::Result<Self> {
        Ok(Self { stream: connect_tcp(port, source).await?, port, token: None, inbox: Vec::new() })
    }

    /// Becomes a new guest, whose token is returned.
    ///
    /// # Errors
    /// If the server refuses it or goes away.
    pub async fn guest(&mut self) -> io::Result<String> {
        self.token = None;
        let answer = self.json("POST", "/v1/guest", "{}").await?;
        let token = answer["token"].as_str().ok_or(ErrorKind::InvalidData)?.to_owned();
        self.token = Some(token.clone());
        Ok(token)
    }

    /// Makes a counter and returns its address, `kind/id`.
    pub(super) async fn create(&mut self) -> io::Result<String> {
        let answer = self.json("POST", "/v1/counter", "{}").await?;
        Ok(format!("counter/{}", answer["id"].as_str().ok_or(ErrorKind::InvalidData)?))
    }

    /// Sends a request and returns the answer's JSON, or an error that says what the server said.
    ///
    /// # Errors
    /// If the server refuses it or goes away.
    pub async fn json(&mut self, method: &str, path: &str, body: &str) -> io::Result<Value> {
        let (status, said) = self.ask(method, path, body).await?;
        if !(200..300).contains(&status) {
            let said = String::from_utf8_lossy(&said);
            return Err(io::Error::other(format!("{method} {path}: {status} {said}")));
        }
        Ok(serde_json::from_slice(&said)?)
    }

    /// Sends a request and returns status and body, whatever they are.
    ///
    /// # Errors
    /// If the server goes away.
    pub async fn ask(&mut self, method: &str, path: &str, body: &str) -> io::Result<(u16, Vec<u8>)> {
        let bearer = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{bearer}\r\n{body}",
            self.port,
            body.len(),
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> io::Result<(u16, Vec<u8>)> {
        self.inbox.clear();
        loop {
            if self.stream.read_buf(&mut self.inbox).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Some((status, from, length)) = head(&self.inbox)? {
                while self.inbox.len() < from + length {
                    if self.stream.read_buf(&mut self.inbox).await? == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                return Ok((status, self.inbox[from..from + length].to_vec()));
            }
        }
    }
}

/// Status, where the body begins and its length, once the head is whole. Our server says the length of every answer.
fn head(bytes: &[u8]) -> io::Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(from) = parsed else { return Ok(None) };
    let status = response.code.ok_or(ErrorKind::InvalidData)?;
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| str::from_utf8(header.value).ok()?.trim().parse().ok())
        .ok_or_else(|| io::Error::other("an answer without content-length"))?;
    Ok(Some((status, from, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_where_the_body_begins() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(head(answer).unwrap(), Some((201, answer.len() - 2, 2)));
        assert_eq!(head(&answer[..20]).unwrap(), None);
        assert!(head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
