//! Who looks, and what that look may know.

use std::{ops::Deref, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::outbox::ACTOR_PREFIX;

/// Who acts or watches, as the token says: stable over connections and devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Principal {
    /// The token's `sub`: 1 to 128 bytes, unique within the tenant.
    pub id: String,
    /// What to call them; the token's `name`, or empty.
    pub name: String,
}

/// A principal together with its roles, as it stands before an actor. Clones share it: every command carries one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Viewer(Arc<Bearer>);

/// What a [`Viewer`] derefs to.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bearer {
    /// Who.
    pub principal: Principal,
    /// The token's roles, sorted.
    pub roles: Vec<String>,
}

impl Deref for Viewer {
    type Target = Bearer;

    fn deref(&self) -> &Bearer {
        &self.0
    }
}

impl Viewer {
    /// This principal with these roles.
    pub fn new(principal: Principal, roles: Vec<String>) -> Self {
        Self(Arc::new(Bearer { principal, roles }))
    }

    /// Whether this is another actor, which sent a command.
    pub fn is_actor(&self) -> bool {
        self.principal.id.starts_with(ACTOR_PREFIX)
    }

    /// Whether the token carries this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|r| r == role)
    }
}

/// What a viewer may know. Viewers of the same sight share one view, computed once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Sight {
    /// As if the actor did not exist.
    Nothing,
    /// What everybody may know.
    Public,
    /// What the holder of this seat may know.
    Seat(u16),
    /// Everything: operators, exports, and whoever the rules say.
    All,
}
