//! Wakes sleeping actors whose time has come. Owners in memory watch their own agenda; this loop is for those that sleep.

use std::{collections::HashMap, time::Duration};

use dormouse_core::{Address, limits};
use tokio::time::Instant;

use crate::{engine::Engine, owner::Message};

/// An actor that was poked is left alone for this long: it may be one that cannot be loaded.
const POKED: Duration = Duration::from_secs(5);

pub(crate) async fn run(engine: Engine) {
    let mut poked: HashMap<Address, Instant> = HashMap::new();
    while !engine.shared.is_draining() && !engine.shared.is_dead() {
        poke_due(&engine, &mut poked).await;
        tokio::select! {
            () = tokio::time::sleep(limits::WAKE_POLL) => {}
            () = engine.shared.drained() => {}
            () = engine.shared.died() => {}
        }
    }
}

async fn poke_due(engine: &Engine, poked: &mut HashMap<Address, Instant>) {
    poked.retain(|_, at| at.elapsed() < POKED);
    let now = engine.shared.world.now();
    let due = match engine.shared.index.due(now, limits::DUE_BATCH + poked.len()).await {
        Ok(due) => due,
        Err(error) => return engine.shared.note_store_error(&error),
    };
    for (_, address) in due {
        // A kind that this host does not know, or a full mailbox, is asked again later.
        if !poked.contains_key(&address) && engine.post(&address, Message::Poke).is_ok() {
            poked.insert(address, Instant::now());
        }
    }
}
