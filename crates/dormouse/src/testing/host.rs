//! A whole host over a journal in memory, where nothing is left to chance: its clock is tokio's paused one, its randomness is counted, and
//! what it logs is kept.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use dormouse_core::{Hash, Kind, Time};
use dormouse_engine::{
    Engine, Store,
    http::{Aliases, Api},
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins, Rates},
    world::World,
};
use dormouse_journal::{LocalHints, MemoryStore};
use dormouse_server::Server;
use tokio::time::Instant;

/// When every session begins.
const DAWN: u64 = 1_700_000_000_000;

/// Nobody is turned away for being fast: time stands still while they send.
const RATES: Rates = Rates { per_principal: 1_000_000, per_connection: 1_000_000, per_address: 1_000_000 };

struct TestWorld {
    began: Instant,
    drawn: AtomicU64,
}

impl World for TestWorld {
    fn now(&self) -> Time {
        Time(DAWN + self.began.elapsed().as_millis() as u64)
    }

    fn random(&self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(32) {
            let nth = self.drawn.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            part.copy_from_slice(&Hash::of("dormouse/test-world/1", &[&nth]).0[..part.len()]);
        }
    }
}

/// A host that serves one kind.
pub(super) struct Host {
    pub(super) address: SocketAddr,
    api: Arc<Api>,
}

impl Host {
    pub(super) async fn start(kind: Kind) -> Self {
        let world: Arc<dyn World> = Arc::new(TestWorld { began: Instant::now(), drawn: AtomicU64::new(0) });
        let store = Arc::new(MemoryStore::default());
        let store = Store { journal: store.clone(), index: store, hints: Arc::new(LocalHints::default()) };
        let config = IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32]));
        let api = Arc::new(Api {
            engine: Engine::with([Arc::new(kind)], store, world.clone(), vec![]),
            identity: Identity::new(config, world),
            admission: Admission::new(RATES),
            origins: Origins::parse([]).expect("an empty list"),
            app: "test".into(),
            aliases: Aliases::default(),
            connect_url: None,
            connections: AtomicUsize::new(0),
        });
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(loopback, api.clone(), None).await.expect("a free port");
        let address = server.address().expect("it was just bound");
        tokio::spawn(server.run(std::future::pending()));
        Self { address, api }
    }

    /// A new guest's token.
    pub(super) fn guest(&self, name: &str) -> String {
        self.api.identity.guest(Some(name)).expect("guests are let in").token
    }
}

/// What was logged. Clones write into the same.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Keep what this thread logs until the answer is dropped.
    pub(super) fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let builder = tracing_subscriber::fmt().with_max_level(tracing::Level::INFO).with_ansi(false).without_time();
        tracing::subscriber::set_default(builder.with_writer(move || log.clone()).finish())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
