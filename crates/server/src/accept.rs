//! Accepting connections: counted before anything is read, and given little time for their request's head.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::Router;
use dormouse_core::{Code, Failure, frame::server::Said, limits};
use dormouse_engine::{http::Peer, identity::Held};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpSocket, TcpStream},
};
use tower::ServiceExt;

use crate::Host;

/// Connections that the kernel holds for us during a storm of reconnects.
const BACKLOG: u32 = 4096;

/// Pause after an accept that failed for want of file descriptors.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// HTTP's own buffer per connection; sockets get theirs after the upgrade.
const BUFFER: usize = limits::HEAD_BYTES_MAX;

pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

pub(crate) async fn accept(host: Arc<Host>, listener: TcpListener, router: Router) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let ip = peer.ip().to_canonical();
                match host.api.admission.connect(ip) {
                    Ok(held) => drop(tokio::spawn(serve(host.clone(), stream, ip, held, router.clone()))),
                    Err(failure) => drop(tokio::spawn(refuse(stream, failure))),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(OUT_OF_FILES).await;
            }
        }
    }
}

async fn serve(host: Arc<Host>, stream: TcpStream, peer: IpAddr, held: Held<IpAddr>, router: Router) {
    // Frames are written whole: waiting for more would only add a round trip.
    let _ = stream.set_nodelay(true);
    host.api.connections.fetch_add(1, Ordering::Relaxed);
    let held = Arc::new(held);
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(held.clone());
        request.map(axum::body::Body::new)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HANDSHAKE)
        .max_buf_size(BUFFER)
        .max_headers(64)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(served);
    tokio::select! {
        done = &mut served => if let Err(error) = done { tracing::debug!(%error, "a connection ended badly") },
        () = host.left() => {
            served.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(limits::DRAIN, served).await;
        }
    }
    host.api.connections.fetch_sub(1, Ordering::Relaxed);
}

/// Too many: say so in one write, without reading anything.
async fn refuse(mut stream: TcpStream, failure: Failure) {
    let body = serde_json::json!({ "error": Said::from(&failure) }).to_string();
    let wait = failure.retry_after.unwrap_or(1_000).div_ceil(1_000);
    let (status, length) = (Code::TooManyConnections.http(), body.len());
    let answer = format!(
        "HTTP/1.1 {status} Too Many Requests\r\ncontent-type: application/json\r\nretry-after: {wait}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let write = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), write).await;
}
