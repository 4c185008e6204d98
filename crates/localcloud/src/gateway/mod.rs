//! API Gateway in front of a function: WebSockets with the routes `$connect`, `$default` and `$disconnect`, the management API, and HTTP (payload
//! version 2.0), all at one address. The stage is the first part of the path of a WebSocket and of the management API.

mod event;
mod management;
mod proxy;
mod socket;

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    routing::{any, get},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{clock::Clock, function::Function, limits};
use socket::Line;

/// What a test lets go wrong, as it may on AWS.
#[derive(Debug, Default)]
pub struct Mischief {
    /// `$disconnect` is best effort: none is sent.
    pub loses_disconnects: AtomicBool,
    /// Every client's message invokes the function twice, one after the other.
    pub doubles_messages: AtomicBool,
}

/// A gateway that listens. Dropping it closes every connection without a word.
pub struct Gateway {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// When connections were made in the last second.
#[derive(Default)]
struct Made(VecDeque<Duration>);

pub(crate) struct Shared {
    function: Function,
    clock: Clock,
    mischief: Mischief,
    address: SocketAddr,
    lines: Mutex<HashMap<String, Arc<Line>>>,
    made: Mutex<Made>,
    count: AtomicU64,
    /// Messages either way, in pieces of 32 KB as they are charged.
    messages: AtomicU64,
    /// Requests to the HTTP API.
    requests: AtomicU64,
}

impl Gateway {
    /// Listen on this port of the loopback interface, 0 for any, and put this function behind every route.
    ///
    /// # Errors
    /// If the port is taken.
    pub async fn listen(port: u16, function: Function, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            function,
            clock,
            mischief: Mischief::default(),
            address,
            lines: Mutex::default(),
            made: Mutex::default(),
            count: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        });
        let routes = routes(shared.clone());
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self { shared, address, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The function behind it.
    pub fn function(&self) -> &Function {
        &self.shared.function
    }

    /// What goes wrong.
    pub fn mischief(&self) -> &Mischief {
        &self.shared.mischief
    }

    /// Messages on WebSockets so far, either way, each 32 KB of one counted, and requests to the HTTP API.
    pub fn carried(&self) -> (u64, u64) {
        (self.shared.messages.load(Ordering::Relaxed), self.shared.requests.load(Ordering::Relaxed))
    }

    /// Connections that are open.
    pub fn connections(&self) -> usize {
        self.shared.lines().len()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
        self.shared.lines().clear();
    }
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, HashMap<String, Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more connection may be made in this second.
    fn admits(&self) -> bool {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).admits(self.clock.elapsed())
    }

    fn carry(&self, bytes: usize) {
        self.messages.fetch_add(bytes.div_ceil(limits::FRAME_BYTES_MAX).max(1) as u64, Ordering::Relaxed);
    }

    /// A name that no connection, request or message of this gateway had before, in the form of AWS.
    fn name(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let bytes = (u128::from(self.clock.epoch_millis()) << 32 | u128::from(count)).to_be_bytes();
        base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE, &bytes[5..])
    }
}

impl Made {
    fn admits(&mut self, now: Duration) -> bool {
        while self.0.front().is_some_and(|at| now.saturating_sub(*at) >= Duration::from_secs(1)) {
            self.0.pop_front();
        }
        let admits = self.0.len() < limits::CONNECTIONS_A_SECOND;
        if admits {
            self.0.push_back(now);
        }
        admits
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    let connection = || get(management::look).post(management::send).delete(management::close);
    Router::new()
        .route("/{stage}", get(socket::upgrade).fallback(proxy::forward))
        // Routes are matched before anything is decoded, and the SDK encodes the sign.
        .route("/{stage}/@connections/{id}", connection())
        .route("/{stage}/%40connections/{id}", connection())
        .fallback(any(proxy::forward))
        .with_state(shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_connections_are_made_in_any_second_and_no_more() {
        let (mut made, at) = (Made::default(), Duration::from_millis);
        assert!((0..limits::CONNECTIONS_A_SECOND).all(|n| made.admits(at(if n == 0 { 0 } else { 500 }))));
        assert!(!made.admits(at(999)));
        assert!(made.admits(at(1_000)), "the first one was a second ago");
        assert!(!made.admits(at(1_001)));
    }
}
