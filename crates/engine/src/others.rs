//! Hears that other hosts wrote to actors which somebody uses here, and has their owners look at the journal. What is missed costs a conflict at the
//! next commit, and nothing else.

use dormouse_core::Address;
use dormouse_journal::Hint;

use crate::{engine::Engine, owner::Message};

pub(crate) async fn run(engine: Engine) {
    let mut others = engine.shared.hints.listen();
    loop {
        let hint = tokio::select! {
            biased;
            hint = others.next() => hint,
            () = engine.shared.drained() => return,
            () = engine.shared.died() => return,
        };
        match hint {
            Some(Hint::Moved(address, _)) => look(&engine, &address),
            Some(Hint::Lagged) => engine.shared.registry.known().iter().for_each(|address| look(&engine, address)),
            None => return,
        }
    }
}

fn look(engine: &Engine, address: &Address) {
    if engine.shared.registry.is_known(address) {
        // An owner whose mailbox is full finds out at its next append.
        let _ = engine.post(address, Message::CatchUp);
    }
}
