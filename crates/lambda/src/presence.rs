//! Who is present, from the rows: a principal's first row of an actor brings it, its last one takes it away.
//!
//! Two triggers at once may each see the other's row. So the oldest row of a principal is the one that says that it has come, and whoever deletes
//! a row says it again for those that are left; an actor that knows it already does not hear it. `left` is said before the row goes: a trigger that
//! dies in between is done again, by whoever finds the row. It may be said twice.

use dormouse_core::{Address, Stimulus, Viewer, frame::As};
use dormouse_journal::StoreError;

use crate::{connections::Watching, host::Host};

impl Host {
    /// Somebody watches now. Its row is there, and was not before if it is new.
    pub(crate) async fn came(&self, row: &Watching, is_new: bool) -> Result<(), StoreError> {
        let rows = self.rows_of(&row.address, &row.viewer).await?;
        let oldest = rows.iter().min_by(|a, b| age(a).cmp(&age(b)));
        if oldest.is_some_and(|oldest| is_same(oldest, row)) {
            self.say(&row.address, Stimulus::Joined { who: row.viewer.clone() }).await;
        }
        if is_new && rows.len() == 1 {
            self.announce(&row.address);
        }
        Ok(())
    }

    /// Somebody ceases to watch. Its row goes; returns whether it was the last one of its principal.
    pub(crate) async fn goes(&self, row: &Watching) -> Result<bool, StoreError> {
        let rows = self.rows_of(&row.address, &row.viewer).await?;
        let left = rows.iter().find(|other| !is_same(other, row));
        let stimulus = match left {
            Some(left) => Stimulus::Joined { who: left.viewer.clone() },
            None => Stimulus::Left { who: row.viewer.clone() },
        };
        self.say(&row.address, stimulus).await;
        self.crowd.connections.unwatch(&row.address, &row.connection, row.of).await?;
        Ok(left.is_none())
    }

    async fn rows_of(&self, address: &Address, who: &Viewer) -> Result<Vec<Watching>, StoreError> {
        let mut rows = self.crowd.rows(address).await?;
        rows.retain(|row| row.viewer.principal.id == who.principal.id);
        Ok(rows)
    }

    /// The rules may refuse to care, and an actor that is over cares for nobody.
    async fn say(&self, address: &Address, stimulus: Stimulus) {
        if let Err(failure) = self.api.engine.call(address, stimulus, false).await {
            tracing::debug!(%address, %failure, "who came or left was not taken");
        }
    }

    /// Those who watch are told once it is known who they are.
    pub(crate) fn announce(&self, address: &Address) {
        // Lost if the actor is busy, like on any host.
        let _ = self.api.engine.announce(address);
    }
}

fn age(row: &Watching) -> (dormouse_core::Time, &str, As) {
    (row.since, &row.connection, row.of)
}

fn is_same(one: &Watching, other: &Watching) -> bool {
    (&one.connection, one.of) == (&other.connection, other.of)
}
