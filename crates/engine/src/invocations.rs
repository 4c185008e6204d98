//! The engine as a host holds it that lives for an invocation at a time.

use std::{sync::Arc, time::Duration};

use dormouse_core::{
    Address, Code, Failure, Viewer,
    frame::{As, client::From},
    position::{Head, Position},
    record::{self, Opened},
};
use tokio::sync::oneshot;

use crate::{
    audience::Waits,
    engine::Engine,
    follow::{self, Begin},
    outlet::Outlet,
    owner::{History, Message},
    read,
    task::{Next, Try},
};

impl Engine {
    /// Wait until everything that was asked of actors since the last call has left them: answers, views, commits and what they caused. For
    /// hosts of invocations, one at a time.
    pub async fn settled(&self) {
        while let Some(address) = self.shared.take_touched() {
            let (reply, settled) = oneshot::channel();
            if self.shared.registry.tell(&address, Message::Settle { reply }) {
                tokio::time::sleep(Duration::from_millis(10)).await;
                self.shared.touch(&address);
                continue;
            }
            // An owner that ended owes nothing.
            let _ = settled.await;
        }
    }

    /// Let the actor do what is due, and hear what it waits for.
    ///
    /// # Errors
    /// Why it cannot be asked: [`Code::is_retryable`] says whether asking again may help.
    pub async fn waits(&self, address: &Address) -> Result<Waits, Failure> {
        let (reply, answer) = oneshot::channel();
        self.post(address, Message::Waits { reply })?;
        answer.await.unwrap_or_else(|_| Err(Failure::from(Code::Unavailable).retry_after(1_000)))
    }

    /// Show everybody who watches the view of now, whatever they hold.
    ///
    /// # Errors
    /// As [`signal`](Self::signal).
    pub fn show_again(&self, address: &Address) -> Result<(), Failure> {
        self.post(address, Message::ShowAgain)
    }

    /// Make one attempt at a task instance, if it is open; and what is left to do.
    pub async fn attempt(&self, address: &Address, opened: &Opened, attempt: u32) -> Next {
        let it = Try { address: address.clone(), opened: opened.clone(), attempt };
        match it.ask(self).await {
            Ok(task) => it.make(self, task).await,
            Err(next) => next,
        }
    }

    /// The kinds of task that this host performs.
    pub fn performs(&self) -> Vec<&'static str> {
        self.shared.workers.kinds()
    }

    /// Where the actor stood after this commit.
    ///
    /// # Errors
    /// [`Code::UnknownCommit`] if there is none of this number, or if the journal cannot be read.
    pub async fn position_at(&self, address: &Address, seq: u64) -> Result<Position, Failure> {
        let unreadable = |error| read::unreadable(&self.shared, address, error);
        let head = self.shared.journal.head(address).await.map_err(unreadable)?.ok_or(Code::NotFound)?;
        if seq == 0 {
            return Ok(Head::start(head.epoch).position());
        }
        let entries = self.shared.journal.read(address, seq - 1, 1).await.map_err(unreadable)?;
        let hash = entries.first().and_then(|entry| record::trailing_hash(&entry.record).ok());
        Ok(Head { seq, hash: hash.ok_or(Code::UnknownCommit)?, ..head }.position())
    }

    /// Whether the actor stood at this position once, or stands there now.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub async fn was_at(&self, address: &Address, position: Position) -> Result<bool, Failure> {
        Ok(self.lies_in_history(address, From::After(position)).await? == History::Same)
    }

    /// An `Events` subscription up to now, for a host that does not wait. Afterwards it [tells](Self::tell_events) what was committed.
    pub async fn follow_to_head(&self, address: &Address, viewer: &Viewer, from: From, outlet: &Arc<dyn Outlet>) {
        match self.lies_in_history(address, from).await {
            Ok(history) => {
                let begin = Begin::Greeted(from, history == History::Same);
                follow::follow_to_head(self, address, viewer, begin, outlet).await;
            }
            Err(failure) => self.refuse(address, As::Events, &failure, outlet),
        }
    }

    /// Tell somebody who follows the events what came after this position, up to now.
    pub async fn tell_events(&self, address: &Address, viewer: &Viewer, after: Position, outlet: &Arc<dyn Outlet>) {
        follow::follow_to_head(self, address, viewer, Begin::After(after), outlet).await;
    }
}
