//! Those who are present and not connected here: their host ended, or the actor moved. They are expected back for a while, and then have left.

use dormouse_core::{Viewer, limits};
use tokio::time::Instant;

use super::{Owner, watch::Transition};

impl Owner {
    /// After a load: whoever is present and not here has a while to come back.
    pub(super) fn expect_back(&mut self) {
        // Where others say who is present, nobody is missed.
        if self.hold.is_none() && self.absent().next().is_some() {
            self.absent_until.get_or_insert_with(|| Instant::now() + limits::PRESENCE_EXPIRY);
        }
    }

    /// Who has not come back by now has left.
    pub(super) fn let_absent_go(&mut self) {
        let now = Instant::now();
        if now < self.retry_at || self.absent_until.is_none_or(|until| now < until) {
            return;
        }
        self.absent_until = None;
        let absent: Vec<Viewer> = self.absent().collect();
        absent.into_iter().for_each(|who| self.transition(Transition::Left(who)));
    }

    fn absent(&self) -> impl Iterator<Item = Viewer> {
        let absent = self.machine.present().filter(|who| !self.watchers.is_here(&who.id));
        absent.map(|principal| Viewer::new(principal, Vec::new()))
    }
}
