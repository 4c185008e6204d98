//! The client as the application sees it: where it connects, as whom, and how it stands.

use std::{
    fmt,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::{
    driver::{Call, Driver, Face, Left, Telling},
    fault::{Action, Fault},
    frame::{Identity, Signal},
    handle::{ActorKind, Json},
    http::{Ask, Http, Known, Source, TokenError},
    limits::{MAX_DELAY, SIGNALS_HELD_MAX},
    session::{Session, Status},
    storage::{MemoryStorage, Record, Storage},
    tls::{Roots, Tls},
};

/// How a [`Client`] is made.
pub struct ClientOptions {
    endpoint: String,
    source: Source,
    storage: Box<dyn Storage>,
    max_delay: Duration,
    roots: Roots,
}

impl ClientOptions {
    /// Connect to `http://host:port` or `https://host` as a guest, and keep the outbox in memory.
    pub fn new(endpoint: impl Into<String>) -> Self {
        let endpoint = endpoint.into().trim_end_matches('/').to_owned();
        Self {
            endpoint,
            source: Source::Guest(None),
            storage: Box::new(MemoryStorage),
            max_delay: MAX_DELAY,
            roots: Roots::default(),
        }
    }

    /// Connect with tokens from here. Asked at every connect, so that what it gives can be fresh each time.
    #[must_use]
    pub fn token<F, G>(mut self, provider: F) -> Self
    where
        F: Fn() -> G + Send + Sync + 'static,
        G: Future<Output = Result<String, TokenError>> + Send + 'static,
    {
        self.source = Source::Provider(Box::new(move || provider().boxed()));
        self
    }

    /// The guest's name; without effect beside [`Self::token`].
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        if let Source::Guest(held) = &mut self.source {
            *held = Some(name.into());
        }
        self
    }

    /// Keep the outbox here. One storage belongs to one principal: commands of another one are dropped.
    #[must_use]
    pub fn storage(mut self, storage: impl Storage) -> Self {
        self.storage = Box::new(storage);
        self
    }

    /// Never wait longer than this between two attempts to connect, unless the host asks for it. The default, 20 s, is for
    /// crowds; a service with a host of its own may want to be back sooner.
    #[must_use]
    pub fn max_delay(mut self, max_delay: Duration) -> Self {
        self.max_delay = max_delay;
        self
    }

    /// Trust the certificates of this PEM too, beside the platform's: those of a company's own authority, or of a test's.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.0.push(pem.into());
        self
    }
}

/// Connects at once and stays connected until it is closed or its last handle is dropped. Clones share the connection.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    calls: mpsc::UnboundedSender<Call>,
    status: watch::Receiver<Status>,
    face: watch::Receiver<Face>,
    pub(crate) signals: broadcast::Sender<Signal>,
    left: Mutex<Vec<Left>>,
    pub(crate) http: Arc<Http>,
}

/// What a host serves.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct HostInfo {
    /// The app's name.
    pub app: String,
    /// The host's version.
    pub version: String,
    /// What can be created there.
    pub kinds: Vec<KindInfo>,
    /// Counters, as the host has them.
    pub stats: Value,
}

/// A kind of actor.
#[derive(Debug, Clone, Deserialize)]
#[non_exhaustive]
pub struct KindInfo {
    /// Its name on the wire.
    pub kind: String,
    /// Its name for people.
    pub title: String,
}

impl Client {
    /// Start a client. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If the endpoint is no HTTP address, or the storage cannot be read; for `https://` also if the crate was built without
    /// its feature `tls`, or no root certificates can be had.
    pub fn new(options: ClientOptions) -> Result<Self, Fault> {
        let ClientOptions { endpoint, source, mut storage, max_delay, roots } = options;
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(Fault::local("bad_endpoint", "An endpoint is http://host or https://host.", Action::Stop));
        }
        let tls = Tls::new(&endpoint, &roots)?;
        let record = storage.load().map_err(|error| {
            Fault::local("storage_failed", format!("The outbox could not be read: {error}"), Action::Stop)
        })?;
        let (kept, known) = match record {
            Some(Record { outbox, guest, by_ticket }) => (Some(outbox), Known { guest, by_ticket }),
            None => (None, Known::default()),
        };
        let session = Session::new(Duration::ZERO, kept).max_delay(max_delay);
        let http = Arc::new(Http::new(endpoint, tls, source, known)?);
        let (calls, called) = mpsc::unbounded_channel();
        let (status, status_seen) = watch::channel(session.status());
        let (face, face_seen) = watch::channel(Face::of(&session));
        let signals = broadcast::Sender::new(SIGNALS_HELD_MAX);
        let telling = Telling { status, face, signals: signals.clone() };
        let left = Mutex::new(Driver::spawn(session, http.clone(), storage, telling, called));
        let shared = Shared { calls, status: status_seen, face: face_seen, signals, left, http };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Actors of this kind; [`ActorKind::typed`] gives them their types.
    pub fn actor(&self, kind: impl Into<String>) -> ActorKind<Json> {
        ActorKind { shared: self.shared.clone(), kind: kind.into(), types: PhantomData }
    }

    /// Where it connects, without a slash at the end.
    pub fn endpoint(&self) -> &str {
        self.shared.http.endpoint()
    }

    /// How the client stands, now and whenever it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.shared.status.clone()
    }

    /// Why the client is not live, if it is not.
    pub fn error(&self) -> Option<Fault> {
        self.shared.face.borrow().error.clone()
    }

    /// Who the host says we are; `None` before the first welcome.
    pub fn principal(&self) -> Option<Identity> {
        self.shared.face.borrow().principal.clone()
    }

    /// Commands not yet answered, over all actors.
    pub fn waiting(&self) -> usize {
        self.shared.face.borrow().waiting
    }

    /// Signals of every actor that this client is subscribed to. Whoever reads too slowly loses the oldest.
    pub fn signals(&self) -> broadcast::Receiver<Signal> {
        self.shared.signals.subscribe()
    }

    /// What the host serves.
    ///
    /// # Errors
    /// What the host says, or that it cannot be reached.
    pub async fn kinds(&self) -> Result<HostInfo, Fault> {
        self.shared.http.request(Ask::get("/v1".into())).await
    }

    /// Cut the line on purpose; commands wait, subscriptions keep their place.
    pub fn unplug(&self) {
        self.shared.tell(Call::Unplug);
    }

    /// Connect now: after [`Self::unplug`], in place of waiting, or after a refusal that made the client stop.
    pub fn plug(&self) {
        self.shared.tell(Call::Plug);
    }

    /// For good: commands that wait fail, subscriptions end. What a file keeps is sent by the next client that opens it.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.shared.tell(Call::Close(done));
        let _ = closed.await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = *self.shared.status.borrow();
        f.debug_struct("Client").field("endpoint", &self.endpoint()).field("status", &status).finish()
    }
}

impl Shared {
    /// The task lives as long as this does, unless its runtime is gone; then nothing can be done for anybody.
    pub(crate) fn tell(&self, call: Call) {
        let _ = self.calls.send(call);
    }

    /// The commands of this actor that an earlier process left, for the first who asks.
    pub(crate) fn left_of(&self, actor: &str) -> Vec<Left> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.extract_if(.., |it| *it.kept.actor == *actor).collect()
    }

    pub(crate) fn face(&self) -> Face {
        self.face.borrow().clone()
    }
}
