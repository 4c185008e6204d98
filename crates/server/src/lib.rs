//! The long-lived host: sockets and event streams on this machine, around the engine that every host shares.
//!
//! [`Server::bind`], then [`Server::run`] until [`Shutdown`] or until the store fails. Absent: rules, SQL, any session logic.

mod accept;
mod connection;
mod outbound;
mod socket;
mod stream;
mod wire;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::FromRef, routing::get};
use dormouse_core::{Failure, limits};
use dormouse_engine::{http::Api, outlet::ConnectionId};
use tokio::{net::TcpListener, sync::watch};

/// A host that listens.
pub struct Server {
    host: Arc<Host>,
    listener: TcpListener,
    metrics: Option<Render>,
    pages: Router,
}

/// Renders the metrics as Prometheus text.
pub type Render = Box<dyn Fn() -> String + Send + Sync>;

/// Why [`Server::run`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to, and everything that was accepted is durable.
    Drained,
    /// The store failed: the process must end and open it again.
    StoreFailed,
}

/// How often a draining host looks whether its connections have gone.
const EMPTIED_POLL: Duration = Duration::from_millis(10);

/// What connections share.
pub(crate) struct Host {
    pub(crate) api: Arc<Api>,
    /// `true` once connections are to say goodbye.
    pub(crate) leaving: watch::Sender<bool>,
    next_connection: AtomicU64,
}

impl Host {
    fn new(api: Arc<Api>) -> Arc<Self> {
        Arc::new(Self { api, leaving: watch::Sender::new(false), next_connection: AtomicU64::new(1) })
    }

    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether connections say goodbye, and those that come now get one answer each.
    pub(crate) fn is_leaving(&self) -> bool {
        *self.leaving.borrow()
    }

    /// Resolves when connections are to say goodbye.
    pub(crate) async fn left(&self) {
        // The sender lives as long as this does.
        let _ = self.leaving.subscribe().wait_for(|leaving| *leaving).await;
    }

    /// Resolves when no connection is left: whoever ends the process before that cuts goodbyes off.
    async fn emptied(&self) {
        while self.api.connections.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(EMPTIED_POLL).await;
        }
    }

    /// What to answer to a token that is none: guessing costs what any unsigned request costs.
    pub(crate) fn guessed(&self, peer: IpAddr, failure: Failure) -> Failure {
        self.api.admission.request(peer).err().unwrap_or(failure)
    }

    /// Each connection returns in its own time, so that they do not come back together.
    pub(crate) fn return_after(&self) -> u64 {
        let spread = limits::RETURN_SPREAD.as_millis() as u64;
        let draw = u64::from_le_bytes(self.api.engine.world().draw());
        250 + draw % spread
    }
}

#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) host: Arc<Host>,
}

impl FromRef<AppState> for Arc<Api> {
    fn from_ref(state: &AppState) -> Self {
        state.host.api.clone()
    }
}

/// A host without a listener: a simulation brings the lines, and a fuzzer requests.
#[doc(hidden)]
#[derive(Clone)]
pub struct Lines(Arc<Host>);

impl Lines {
    /// Nobody is connected.
    pub fn new(api: Arc<Api>) -> Self {
        Self(Host::new(api))
    }

    /// Serve this peer as after its upgrade, until it or the host leaves.
    pub async fn serve<T: socket::Stream>(&self, stream: T, peer: IpAddr) {
        socket::over(self.0.clone(), stream, peer).await;
    }

    /// All that is asked over HTTP. Whoever brings a request says in its extensions from which [peer](dormouse_engine::http::Peer) it comes.
    pub fn router(&self) -> Router {
        router(&self.0, None, dormouse_engine::http::no_pages())
    }
}

impl Server {
    /// Listen on `address`.
    ///
    /// # Errors
    /// If the address is taken or may not be used.
    pub async fn bind(address: SocketAddr, api: Arc<Api>, metrics: Option<Render>) -> io::Result<Self> {
        let listener = accept::listen(address)?;
        Ok(Self { host: Host::new(api), listener, metrics, pages: dormouse_engine::http::no_pages() })
    }

    /// Also answer what none of the API's routes does.
    #[must_use]
    pub fn with_pages(self, pages: Router) -> Self {
        Self { pages, ..self }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the socket is gone.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Say back on `/` what is said there, for as long as this is polled: suites that test sockets are no clients of ours.
    #[doc(hidden)]
    pub async fn echo(self) {
        let Self { host, listener, .. } = self;
        let routes = Router::new().route("/", get(socket::echo)).with_state(AppState { host: host.clone() });
        let router = dormouse_engine::http::router_with(host.api.clone(), routes);
        accept::accept(host, listener, router).await;
    }

    /// Serve until `shutdown` resolves or the store fails. Draining lets commits finish and puts every actor to sleep, then says goodbye to
    /// connections. Until the last of them has gone HTTP is answered: whoever balances load has to hear from `/ready` that this host leaves.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Ended {
        let Self { host, listener, metrics, pages } = self;
        let engine = host.api.engine.clone();
        let router = router(&host, metrics, pages);
        let loops = tokio::spawn({
            let engine = engine.clone();
            async move { engine.run().await }
        });
        let sweeper = tokio::spawn(sweep(host.clone()));
        let renewer = tokio::spawn(renew_keys(host.clone()));
        let accepting = tokio::spawn(accept::accept(host.clone(), listener, router));
        let ended = tokio::select! {
            () = shutdown => Ended::Drained,
            () = engine.died() => Ended::StoreFailed,
        };
        if ended == Ended::Drained {
            tracing::info!("draining: no new inputs, commits finish");
            let finished = engine.drain().await;
            let _ = loops.await;
            // Only now, so that the answers of those commits are written before the goodbyes.
            host.leaving.send_replace(true);
            let left = async {
                host.emptied().await;
                // That they left is an input of the actors that they watched. Those that did not finish are not waited for again.
                if finished {
                    engine.drain().await;
                }
            };
            let _ = tokio::time::timeout(limits::DRAIN, left).await;
            let left = engine.end_tasks().await;
            if left > 0 {
                tracing::warn!(left, "some tasks have not ended; they are tried again when their leases have");
            }
            if finished {
                engine.drain().await;
            }
        }
        accepting.abort();
        sweeper.abort();
        renewer.abort();
        ended
    }
}

fn router(host: &Arc<Host>, metrics: Option<Render>, pages: Router) -> Router {
    let (render, api) = (Arc::new(metrics), host.api.clone());
    let metrics = get(move || {
        let (render, api) = (render.clone(), api.clone());
        async move {
            api.measure().await;
            render.as_ref().as_ref().map_or_else(String::new, |render| render())
        }
    });
    let routes = Router::new()
        .route("/v1/connect", get(socket::connect))
        .route("/v1/{kind}/stream", get(stream::list))
        .route("/v1/{kind}/{id}/stream", get(stream::stream))
        .with_state(AppState { host: host.clone() })
        .route("/metrics", metrics)
        .merge(pages);
    dormouse_engine::http::router_with(host.api.clone(), routes)
}

/// Keys are changed by changing their files: no restart, and nobody is signed out who need not be.
async fn renew_keys(host: Arc<Host>) {
    loop {
        tokio::time::sleep(limits::KEY_FILES_LOOK).await;
        let host = host.clone();
        let _ = tokio::task::spawn_blocking(move || host.api.identity.renew_keys()).await;
    }
}

/// Forget what rate limits no longer need, from this one task.
async fn sweep(host: Arc<Host>) {
    loop {
        tokio::time::sleep(Duration::from_secs(30)).await;
        host.api.admission.sweep();
        // Keeps the gauges of sleeping and live actors fresh for whoever scrapes.
        let _ = host.api.engine.report().await;
    }
}
