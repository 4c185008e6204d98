//! After a start: actors with somebody present are brought into memory, because whoever was connected to the host that ended is expected back
//! and nobody else may ask for the actor.

use dormouse_core::{Address, limits};

use crate::{engine::Engine, owner::Message};

/// One look at each such actor, in bounded steps. From then on its owner knows.
pub(crate) async fn run(engine: Engine) {
    let mut after: Option<Address> = None;
    loop {
        match engine.shared.index.present(after.as_ref(), limits::DUE_BATCH).await {
            Ok(found) if found.is_empty() => return,
            Ok(found) => {
                // One that cannot be asked now knows when it is loaded.
                found.iter().for_each(|address| drop(engine.post(address, Message::Poke)));
                after = found.last().cloned();
            }
            Err(error) => engine.shared.note_store_error(&error),
        }
        tokio::select! {
            biased;
            () = tokio::time::sleep(limits::WAKE_POLL) => {}
            () = engine.shared.drained() => return,
            () = engine.shared.died() => return,
        }
    }
}
