//! Accepting connections: counted before anything is read, and given little time for their request's head.
//!
//! What HTTP itself cannot answer is answered here: too many connections, and a head that does not come in time.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::Router;
use dormouse_core::{Code, Failure, frame::server::Said, limits};
use dormouse_engine::{
    http::{Api, Peer},
    identity::Held,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
};
use tower::ServiceExt;

use crate::{
    Host,
    wire::{Wire, say_and_leave},
};

/// Connections that the kernel holds for us during a storm of reconnects.
const BACKLOG: u32 = 4096;

/// Pause after an accept that failed for want of file descriptors.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// HTTP's own buffer per connection; sockets get theirs after the upgrade.
const BUFFER: usize = limits::HEAD_BYTES_MAX;

pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Those that are accepted have it from here.
    socket.set_send_buffer_size(limits::SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A connection that is counted until this is dropped: by the HTTP connection, then by the socket that it became.
pub(crate) struct Place {
    api: Arc<Api>,
    _held: Held<IpAddr>,
}

impl Place {
    fn new(api: Arc<Api>, held: Held<IpAddr>) -> Arc<Self> {
        api.connections.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { api, _held: held })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.api.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) async fn accept(host: Arc<Host>, listener: TcpListener, router: Router) {
    let refusing = Arc::new(Semaphore::new(limits::REFUSED_AT_ONCE));
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let ip = peer.ip().to_canonical();
                match host.api.admission.connect(ip) {
                    Ok(held) => {
                        let place = Place::new(host.api.clone(), held);
                        tokio::spawn(serve(host.clone(), stream, ip, place, router.clone()));
                    }
                    Err(failure) => refuse(stream, &failure, &refusing),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(OUT_OF_FILES).await;
            }
        }
    }
}

async fn serve(host: Arc<Host>, stream: TcpStream, peer: IpAddr, place: Arc<Place>, router: Router) {
    // Frames are written whole: waiting for more would only add a round trip.
    let _ = stream.set_nodelay(true);
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(place.clone());
        request.map(axum::body::Body::new)
    });
    // Who comes while the others leave is answered once and holds up nobody.
    let late = host.is_leaving();
    let mut served = http1::Builder::new()
        .keep_alive(!late)
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HANDSHAKE)
        .max_buf_size(BUFFER)
        .max_headers(limits::HEADERS_MAX)
        .serve_connection(TokioIo::new(Wire::new(stream)), TowerToHyperService::new(service))
        .with_upgrades();
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = host.left(), if !late => {
            Pin::new(&mut served).graceful_shutdown();
            let Ok(ended) = tokio::time::timeout(limits::DRAIN, &mut served).await else { return };
            ended
        }
    };
    // A connection that became a socket has no parts left.
    if let Some(parts) = served.into_parts() {
        leave(parts.io.into_inner(), ended, parts.read_buf.is_empty()).await;
    }
}

/// HTTP is done with this connection. A head that began and did not end in time has had no answer yet.
async fn leave(mut wire: Wire, ended: hyper::Result<()>, unread_is_empty: bool) {
    match ended {
        Err(error) if error.is_timeout() && !unread_is_empty => {
            let answer = answer("408 Request Timeout", &Code::Timeout.into());
            say_and_leave(wire, answer.as_bytes(), limits::LINGER).await;
        }
        ended => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended badly");
            }
            wire.linger().await;
        }
    }
}

/// Too many: say so in one write, without reading anything. In a flood only some are told; the others are closed.
fn refuse(stream: TcpStream, failure: &Failure, refusing: &Arc<Semaphore>) {
    let Ok(permit) = refusing.clone().try_acquire_owned() else { return };
    let answer = answer("429 Too Many Requests", failure);
    tokio::spawn(async move {
        say_and_leave(Wire::new(stream), answer.as_bytes(), limits::LINGER).await;
        drop(permit);
    });
}

/// A whole response for a connection that HTTP does not serve.
fn answer(status: &str, failure: &Failure) -> String {
    let body = serde_json::json!({ "error": Said::from(failure) }).to_string();
    let wait = failure.retry_after.unwrap_or(1_000).div_ceil(1_000);
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-content-type-options: nosniff\r\nretry-after: {wait}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// What the peer's side takes without reading, at most.
    const RECEIVE_BYTES: usize = 64 * 1024;

    #[tokio::test]
    async fn the_system_keeps_little_for_a_peer_that_reads_nothing() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let peer = TcpSocket::new_v4().unwrap();
        peer.set_recv_buffer_size(4 * 1024).unwrap();
        let peer = peer.connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        stream.writable().await.unwrap();
        let mut taken = 0;
        while let Ok(written) = stream.try_write(&[0; 16 * 1024]) {
            taken += written;
        }
        // Systems count their own bookkeeping too, and grant up to twice as much for it.
        let most = 2 * limits::SEND_BUFFER_BYTES as usize + RECEIVE_BYTES;
        assert!(taken > 0 && taken <= most, "{taken} bytes wait");
        drop(peer);
    }
}
