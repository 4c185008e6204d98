//! Which pages may connect. A browser says in `Origin` whose page it shows; other clients need not, so they are not asked.
//!
//! Without a list only pages of this host may: `Origin` names the host and port of `Host`. With a list only those on it may.

use dormouse_core::{Code, Failure};

/// An entry of the list is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin is `*` or scheme://host or scheme://host:port, such as https://example.com, without a path")]
pub struct BadOrigin;

/// The origins whose pages may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(Allowed);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    Any,
    SameHost,
    Listed(Vec<Origin>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    authority: Authority,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Authority {
    host: String,
    /// The scheme's own port if none was given.
    port: Option<u16>,
}

impl Origins {
    /// From a list: empty for this host's own pages, `*` for every page, else exactly these.
    ///
    /// # Errors
    /// [`BadOrigin`] for any entry that is none.
    pub fn parse<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, BadOrigin> {
        let (mut any, mut listed) = (false, Vec::new());
        for text in list {
            match text.trim() {
                "*" => any = true,
                text => listed.push(Origin::parse(text).ok_or(BadOrigin)?),
            }
        }
        Ok(Self(match (any, listed.is_empty()) {
            (true, _) => Allowed::Any,
            (false, true) => Allowed::SameHost,
            (false, false) => Allowed::Listed(listed),
        }))
    }

    /// Whether pages of every origin may connect.
    pub fn are_any(&self) -> bool {
        self.0 == Allowed::Any
    }

    /// Whether a request with these headers may connect. A host refuses a request that has one of them twice.
    ///
    /// # Errors
    /// `forbidden_origin`.
    pub fn check(&self, origin: Option<&str>, host: Option<&str>) -> Result<(), Failure> {
        let Some(text) = origin else { return Ok(()) };
        let allowed = match &self.0 {
            Allowed::Any => true,
            Allowed::SameHost => Origin::parse(text).is_some_and(|origin| origin.is_at(host)),
            Allowed::Listed(list) => Origin::parse(text).is_some_and(|origin| list.contains(&origin)),
        };
        if allowed { Ok(()) } else { Err(Code::ForbiddenOrigin.into()) }
    }
}

impl Origin {
    /// `null`, which browsers send for sandboxed pages, is no origin.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let letters = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(letters) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        Some(Self { authority: Authority::parse(authority, default_port(&scheme))?, scheme })
    }

    fn is_at(&self, host: Option<&str>) -> bool {
        host.and_then(|host| Authority::parse(host, default_port(&self.scheme)))
            .is_some_and(|host| host == self.authority)
    }
}

impl Authority {
    fn parse(text: &str, default_port: Option<u16>) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            // The last colon of `[::1]` is not a port's.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
        let port = match port {
            Some(port) if digits(port) => Some(port.parse().ok()?),
            Some(_) => return None,
            None => default_port,
        };
        is_host(host).then(|| Self { host: host.to_ascii_lowercase(), port })
    }
}

fn is_host(host: &str) -> bool {
    let name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let literal = |b: u8| b.is_ascii_hexdigit() || b":.".contains(&b);
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => !inner.is_empty() && inner.bytes().all(literal),
        None => !host.is_empty() && host.bytes().all(name),
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
