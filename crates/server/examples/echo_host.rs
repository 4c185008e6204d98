//! A host that says back what it hears, on a free port, which it prints: what `tools/conformance` lets suites talk to.

use std::{
    error::Error,
    sync::{Arc, atomic::AtomicUsize},
};

use dormouse_engine::{
    Engine, Store,
    http::{Aliases, Api},
    identity::{Admission, GuestKey, Identity, IdentityConfig, Origins},
    world::{System, World},
};
use dormouse_journal::{LocalHints, MemoryStore};
use dormouse_server::Server;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::bind("127.0.0.1:0".parse()?, Arc::new(api()?), None).await?;
    println!("{}", server.address()?);
    server.echo().await;
    Ok(())
}

/// Of a host without kinds, to which nobody signs in.
fn api() -> Result<Api, Box<dyn Error>> {
    let world: Arc<dyn World> = Arc::new(System);
    let store = MemoryStore::default();
    let seams =
        Store { journal: Arc::new(store.clone()), index: Arc::new(store), hints: Arc::new(LocalHints::default()) };
    let identity = IdentityConfig { guests: false, ..IdentityConfig::of_guests(GuestKey::from_bytes(&[0; 32])) };
    Ok(Api {
        engine: Engine::with([], seams, world.clone(), vec![]),
        identity: Identity::new(identity, world),
        admission: Admission::default(),
        origins: Origins::parse([])?,
        app: "echo".into(),
        aliases: Aliases::default(),
        connect_url: None,
        connections: AtomicUsize::new(0),
    })
}
