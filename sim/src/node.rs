//! A host: the real engine and the real connections, over a line to the journal that it shares with the others.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::Kind;
use dormouse_engine::{
    Engine,
    http::{Aliases, Api},
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins, Rates, Verifier},
    task::{Failed, Job, Worker},
    world::World,
};
use dormouse_server::Lines;
use serde_json::{Value, json};
use tokio::{io::DuplexStream, task::JoinHandle, time::Instant};

use crate::{
    chance::Chance,
    disk::{Ledgers, Line},
    rules::{self, Ledger},
    world::HostWorld,
};

/// Signs everybody's tokens.
pub const SECRET: &[u8] = b"the secret of every simulation, 32 bytes or more";

pub struct Node {
    pub engine: Engine,
    pub line: Line,
    pub world: Arc<HostWorld>,
    lines: Lines,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    /// A host that has just started.
    pub fn start(line: Line, began: Instant, chance: &Chance) -> Self {
        let world = Arc::new(HostWorld::new(began, chance.clone()));
        let of_engine: Arc<dyn World> = world.clone();
        let workers: Vec<Arc<dyn Worker>> = vec![Arc::new(Hand(chance.clone(), line.ledgers.clone()))];
        let kinds = [Arc::new(Kind::of::<Ledger>())];
        let engine = Engine::with(kinds, line.seams(), of_engine.clone(), workers);
        let plenty = 1_000_000;
        let rates = Rates { per_principal: plenty, per_connection: plenty, per_address: plenty };
        let api = Api {
            engine: engine.clone(),
            identity: Identity::new(identity(), of_engine),
            admission: Admission::new(rates),
            origins: Origins::parse([]).expect("none"),
            app: "sim".into(),
            aliases: Aliases::default(),
            connect_url: None,
            connections: AtomicUsize::new(0),
        };
        let running = engine.clone();
        let tasks = vec![tokio::spawn(async move { running.run().await })];
        Self { engine, line, world, lines: Lines::new(Arc::new(api)), tasks }
    }

    /// Serve this client.
    pub fn serve(&mut self, stream: DuplexStream) {
        let lines = self.lines.clone();
        self.tasks.retain(|task| !task.is_finished());
        self.tasks.push(tokio::spawn(async move { lines.serve(stream, IpAddr::V4(Ipv4Addr::LOCALHOST)).await }));
    }

    /// It takes nothing new and puts everything to sleep, as a host does before it is replaced.
    pub fn drain(&self) {
        let engine = self.engine.clone();
        tokio::spawn(async move { engine.drain().await });
    }

    /// It is gone at whatever it was waiting for: nothing that it asks the journal for comes back, and nothing that it says is sent.
    pub fn crash(self) {
        self.line.set_open(false);
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn identity() -> IdentityConfig {
    IdentityConfig {
        verifiers: vec![Verifier::from_secret(SECRET).expect("long enough")],
        guests: false,
        ..IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32]))
    }
}

/// Does what it is asked, late, and not at every attempt.
struct Hand(Chance, Arc<Ledgers>);

#[async_trait]
impl Worker for Hand {
    fn kind(&self) -> &'static str {
        rules::WORK
    }

    async fn perform(&self, job: Job) -> Result<Value, Failed> {
        self.1.perform(job.idempotency_key());
        tokio::time::sleep(self.0.millis(1, 3_000)).await;
        let is_hopeless = job.opened.key.0.ends_with('7');
        match self.0.below(8) {
            _ if is_hopeless => Err(Failed::again("never")),
            0 => Err(Failed::again("not today")),
            1 => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                Ok(json!(job.attempt))
            }
            _ => Ok(json!(job.attempt)),
        }
    }
}
