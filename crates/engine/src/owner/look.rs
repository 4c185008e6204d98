//! What an owner answers or passes on without deciding anything.

use bytes::Bytes;
use dormouse_core::planted::{Bug, planted};
use dormouse_core::{
    Code, Failure, Sight, Viewer,
    frame::{
        etag,
        server::{Revealed, ServerFrame},
    },
    record,
};
use dormouse_journal::Entry;

use super::{
    Owner,
    message::{Heard, Looked, Watch},
    watch::bounded_view,
};

impl Owner {
    pub(super) fn looked(&self, viewer: &Viewer) -> Result<Looked, Failure> {
        match self.machine.sight(viewer)? {
            Sight::Nothing => Err(Code::NotFound.into()),
            sight => {
                let view = bounded_view(&self.machine, &sight)?;
                let etag = etag(&view).into();
                Ok(Looked { position: self.machine.head().position(), etag, view: view.into(), sight })
            }
        }
    }

    pub(super) fn may_watch(&self, watch: &Watch) -> Result<Sight, Failure> {
        match self.machine.sight(&watch.viewer)? {
            Sight::Nothing => Err(Code::NotFound.into()),
            _ if self.machine.is_retired() => Err(Code::Gone.into()),
            sight => Ok(sight),
        }
    }

    pub(super) fn reveal(&self, viewer: &Viewer, entries: &[Entry]) -> Result<Heard, Failure> {
        let sight = self.machine.sight(viewer)?;
        if sight == Sight::Nothing {
            return Err(Code::NotFound.into());
        }
        let sight = if planted(Bug::DeafToOneself) { Sight::Public } else { sight };
        let mut events = Vec::new();
        for entry in entries {
            // The chain up to here was verified at load or by our own commits; the bytes themselves are checked again.
            let opening = record::open(&self.address, &entry.record);
            let opening = opening.map_err(|damage| self.shared.note_damage(&self.address, entry.seq, damage))?;
            let mut index = 0;
            for event in &opening.body.events {
                if let Some(event) = self.machine.reveal(event, &sight)? {
                    events.push(Revealed { seq: entry.seq, index, at: opening.header.time, event });
                    index += 1;
                }
            }
        }
        Ok(Heard { events, retired: self.machine.is_retired() })
    }

    pub(super) fn signal(
        &mut self,
        from: &Viewer,
        connection: Option<crate::outlet::ConnectionId>,
        signal: &serde_json::value::RawValue,
    ) {
        let may_know = |sight: Result<Sight, Failure>| sight.is_ok_and(|sight| sight != Sight::Nothing);
        if may_know(self.machine.sight(from)) {
            let frame = ServerFrame::Signal { actor: &self.actor, from: Some(&from.principal), task: None, signal };
            self.watchers.signal(&Bytes::from(frame.text()), connection, |_| true);
        }
    }

    pub(super) fn stream(&self, task: &str, hear: &Sight, signal: &serde_json::value::RawValue) {
        let frame = ServerFrame::Signal { actor: &self.actor, from: None, task: Some(task), signal };
        let hears = |sight: &Sight| sight == hear || *sight == Sight::All || *hear == Sight::Public;
        self.watchers.signal(&Bytes::from(frame.text()), None, hears);
    }
}
