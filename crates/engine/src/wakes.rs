//! Wakes sleeping actors whose time has come. Owners in memory watch their own agenda; this loop is for those that sleep.

use std::{collections::HashMap, time::Duration};

use dormouse_core::{Address, limits};
use tokio::time::Instant;

use crate::{engine::Engine, owner::Message};

/// An actor that was poked is left alone for this long: it may be one that cannot be loaded, or whose kind is unknown here.
const POKED: Duration = Duration::from_secs(5);

pub(crate) async fn run(engine: Engine) {
    let mut poked: HashMap<Address, Instant> = HashMap::new();
    while !engine.shared.is_draining() && !engine.shared.is_dead() {
        poke_due(&engine, &mut poked).await;
        tokio::select! {
            biased;
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
    // As many were asked for as were left alone: all of them may have moved on, and no more than a batch is woken at once.
    let fresh: Vec<Address> = due.into_iter().map(|(_, address)| address).filter(|a| !poked.contains_key(a)).collect();
    for address in fresh.into_iter().take(limits::DUE_BATCH) {
        // A kind that this host does not know, or a full mailbox, is asked again later, so that it keeps nobody else waiting.
        let _ = engine.post(&address, Message::Poke);
        poked.insert(address, Instant::now());
    }
}
