//! Names and addresses. Parsed once at the edge; inside, a `Name` is always well-formed.
//!
//! The alphabet is closed ASCII, so an id can be no path, no homoglyph, and never holds a separator.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    limits::NAME_BYTES_MAX,
    planted::{Bug, planted},
};

/// A tenant, a kind or an id: 1 to [`NAME_BYTES_MAX`] of `A-Z a-z 0-9 _ -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// The text is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 64 of A-Z, a-z, 0-9, _ and -")]
pub struct BadName;

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(allowed) {
            return Err(BadName);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where an actor is: `tenant/kind/id`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Who owns it. On the wire it comes from the token alone.
    pub tenant: Name,
    /// Which rules it follows.
    pub kind: Name,
    /// Which one of that kind.
    pub id: Name,
}

impl Address {
    /// The address of `kind/id` (the wire's form) in a tenant.
    ///
    /// # Errors
    /// [`BadName`] if the text is not two names with one slash between them.
    pub fn in_tenant(tenant: &Name, actor: &str) -> Result<Self, BadName> {
        let (kind, id) = actor.split_once('/').ok_or(BadName)?;
        let tenant = if planted(Bug::OneTenant) { &"main".parse()? } else { tenant };
        Ok(Self { tenant: tenant.clone(), kind: kind.parse()?, id: id.parse()? })
    }

    /// `kind/id`, as the wire spells it.
    pub fn actor(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }
}

impl FromStr for Address {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (tenant, actor) = text.split_once('/').ok_or(BadName)?;
        Self::in_tenant(&tenant.parse()?, actor)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.kind, self.id)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_closed_ascii() {
        for good in ["a", "4F2A9C", "liap-tui", "_tenant", &"x".repeat(64)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "../../x", "%2e%2e", "C:\\", "a#b", "a b", "é", "a\u{200b}", "a/b", &"x".repeat(65)] {
            assert_eq!(bad.parse::<Name>(), Err(BadName), "{bad}");
        }
    }

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        let address: Address = "main/todo/4F2A9C".parse().unwrap();
        assert_eq!(address.to_string(), "main/todo/4F2A9C");
        assert_eq!(address.actor(), "todo/4F2A9C");
        assert!("main/todo".parse::<Address>().is_err());
        assert!("main/todo/a/b".parse::<Address>().is_err());
    }
}
