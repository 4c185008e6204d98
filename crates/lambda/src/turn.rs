//! The trigger of a state machine: one turn of a match, by a cursor that the state machine keeps.

use dormouse_core::{Address, Code, Failure, Position};
use serde_json::{Value, json};

use crate::host::Host;

impl Host {
    /// Let the actor do what is due, and say where it stands and when to come again. Asked twice, it is done once.
    pub(crate) async fn turn(&self, actor: &Address, cursor: Option<Position>) -> Result<Value, Failure> {
        if let Some(cursor) = cursor
            && !self.api.engine.was_at(actor, cursor).await?
        {
            return Err(Failure::new(
                Code::BadPosition,
                "the actor's history is another than when this cursor was given",
            ));
        }
        let waits = self.api.engine.waits(actor).await?;
        if waits.position.seq == 0 {
            return Err(Code::NotFound.into());
        }
        let now = self.now();
        let wake = waits.wake.map(|wake| wake.at.since(now).as_millis().div_ceil(1_000));
        Ok(json!({ "cursor": waits.position, "wake_in_seconds": wake, "over": waits.retired }))
    }
}
