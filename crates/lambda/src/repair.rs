//! What an invocation that committed did not finish, done from the journal: everybody sees the view of now and hears the events since, and what is
//! waited for is put again.

use dormouse_core::{Address, Failure, frame::As, limits::PUSHED_MARK};
use dormouse_engine::audience::Waits;
use dormouse_journal::ReadError;

use crate::{
    connections::{Pushed, Watched, Watching},
    host::Host,
    messages::queue_unavailable,
    socket::unavailable,
};

impl Host {
    /// Do it for all commits after this one that are above the mark. Done twice, viewers are told twice.
    pub(crate) async fn repair(&self, actor: &Address, after: u64) -> Result<(), Failure> {
        self.follower.catch_up(actor).await.map_err(|error| unread(&error))?;
        let watched = self.crowd.connections.of_actor(actor, self.now()).await.map_err(|error| unavailable(&error))?;
        // Wakes it too, which tells of itself.
        let waits = self.api.engine.waits(actor).await?;
        let after = pushed_up_to(&watched, &waits, after);
        if waits.position.seq <= after {
            return Ok(());
        }
        self.tell_again(actor, &watched, after).await?;
        self.ask_again(actor, &waits, &watched, after).await?;
        self.finish().await;
        let (now, Waits { position, .. }) = (self.now(), waits);
        let pushed = Pushed { epoch: position.epoch, after, upto: position.seq, expires: now.after(PUSHED_MARK) };
        self.crowd.connections.mark_pushed(actor, pushed, now).await.map_err(|error| unavailable(&error))
    }

    async fn tell_again(&self, actor: &Address, watched: &Watched, after: u64) -> Result<(), Failure> {
        let of = |of: As| watched.rows.iter().filter(move |row: &&Watching| row.of == of);
        if of(As::View).next().is_some() {
            self.api.engine.show_again(actor)?;
        }
        if of(As::Events).next().is_none() {
            return Ok(());
        }
        let position = self.api.engine.position_at(actor, after).await?;
        for row in of(As::Events) {
            let outlet = self.crowd.outlet(row);
            self.api.engine.tell_events(actor, &row.viewer, position, &outlet).await;
        }
        Ok(())
    }

    /// Its wake, and the tasks that these commits opened and that are open still.
    async fn ask_again(&self, actor: &Address, waits: &Waits, watched: &Watched, after: u64) -> Result<(), Failure> {
        if let Some(wake) = waits.wake {
            self.put_wake(actor, wake).await.map_err(queue_unavailable)?;
        }
        let is_put = |seq| watched.pushed.is_some_and(|pushed| pushed.covers(waits.position.epoch, seq));
        let open: Vec<_> = waits.open.iter().filter(|open| open.seq > after && !is_put(open.seq)).cloned().collect();
        self.put_tasks(actor, &open).await.map_err(queue_unavailable)?;
        Ok(())
    }
}

/// The last commit before which nothing is missing. Of what the mark holds beyond a hole nobody knows that nothing is.
fn pushed_up_to(watched: &Watched, waits: &Waits, after: u64) -> u64 {
    let meets = |pushed: &Pushed| pushed.epoch == waits.position.epoch && pushed.covers(pushed.epoch, after + 1);
    watched.pushed.filter(meets).map_or(after, |pushed| pushed.upto)
}

fn unread(error: &ReadError) -> Failure {
    match error {
        ReadError::Damaged(..) => {
            tracing::error!(%error, "an actor that is to be repaired does not read");
            dormouse_core::Code::Quarantined.into()
        }
        ReadError::Store(error) => unavailable(error),
    }
}
