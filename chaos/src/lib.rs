//! The real binary as real processes, under load by real clients, while it is killed, stopped, filled and flooded.
//!
//! Each module is one experiment. It begins a host of its own in a fresh folder, does harm, and then holds what the journal has against
//! what every client was promised. Absent: anything that runs inside the host; what goes wrong there is `sim/`.

pub mod crowd;
pub mod disk;
mod host;
pub mod kill;
mod line;
pub mod overload;
mod renames;
mod report;
pub mod two;

pub use report::{Bar, Bound, Broken, Report};

use std::time::Duration;

use dormouse_client::{Client, ClientOptions, Status};
use dormouse_core::{Dice, Seed};
use tokio::task::LocalSet;

/// How long anything that should happen may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// The dice of this seed.
fn dice(seed: u64) -> Dice {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Seed(bytes).dice()
}

/// A client that is soon back after its host was away.
fn client(url: &str) -> Result<Client, Broken> {
    Ok(Client::new(ClientOptions::new(url).max_delay(Duration::from_millis(250)))?)
}

/// Until each of these has its line again.
async fn all_live<'a>(clients: impl Iterator<Item = &'a Client>) -> Result<(), Broken> {
    for client in clients {
        let mut status = client.status();
        let live = tokio::time::timeout(PATIENCE, status.wait_for(|status| *status == Status::Live)).await;
        if !matches!(live, Ok(Ok(_))) {
            return Err(Broken(format!("a client is not live again: {:?}", client.error())));
        }
    }
    Ok(())
}

/// For experiments whose clients are whole ones.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// For floods, whose clients share one thread.
fn flood<T>(play: impl Future<Output = Result<T, Broken>>) -> Result<T, Broken> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, play)
}
