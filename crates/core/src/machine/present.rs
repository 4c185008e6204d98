//! Who is present: the principals whose `Joined` made a commit and whose `Left` has not.
//!
//! Part of every actor's state, so that a host that takes the actor over from one that ended knows whom to expect back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{limits::PRESENT_MAX, sight::Principal};

/// Names by id. Roles are not kept: they are the token's, and may be others when somebody comes back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Present(BTreeMap<String, String>);

impl Present {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn holds(&self, who: &Principal) -> bool {
        self.0.contains_key(&who.id)
    }

    pub(crate) fn joined(&mut self, who: &Principal) {
        if self.0.len() < PRESENT_MAX {
            self.0.insert(who.id.clone(), who.name.clone());
        }
    }

    pub(crate) fn left(&mut self, who: &Principal) {
        self.0.remove(&who.id);
    }

    /// The actor has ended: nobody is told anything any more.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Principal> {
        self.0.iter().map(|(id, name)| Principal { id: id.clone(), name: name.clone() })
    }
}
