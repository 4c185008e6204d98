//! Tickets: what stands in a query string where a header cannot, in place of a token.
//!
//! A ticket works once, within [`TICKET`], for the session that asked. All waiting ones are in memory, at most [`TICKETS_MAX`]
//! over all principals, and no more of one principal than it may open connections.
//!
//! Where another process redeems a ticket than issued it, the ticket is signed and says whose it is. Nothing is remembered then: that it works
//! once is for the host to see to, which has a place that all its processes share.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use dormouse_core::{
    Code, Failure, Name, Principal, Time, Viewer,
    limits::{CONNECTIONS_PER_PRINCIPAL_MAX, TICKET, TICKETS_MAX, TOKEN_BYTES_MAX},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::Session;
use crate::world::World;

/// Letters of a ticket: 160 bits.
const TICKET_LETTERS: usize = 32;

/// Keeps tickets from ever being taken for a principal's token or a report's, whatever key signed them.
const AUDIENCE: &str = "dormouse-ticket";

/// How tickets are issued and known.
pub(super) enum Tickets {
    /// Those that wait are remembered.
    Kept(Mutex<Waiting>),
    /// By their signature.
    Signed(Box<[u8; 32]>),
}

impl Default for Tickets {
    fn default() -> Self {
        Self::Kept(Mutex::default())
    }
}

/// What a signed ticket says.
#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    /// Milliseconds.
    until: Time,
    /// Two tickets of one moment are two.
    nonce: String,
    tenant: Name,
    principal: Principal,
    roles: Vec<String>,
    issued: Time,
    expires: Time,
}

/// `order` and `tickets` hold the same tickets, `principals` counts them.
#[derive(Default)]
pub(super) struct Waiting {
    tickets: HashMap<String, (Time, Session)>,
    order: BTreeSet<(Time, String)>,
    principals: HashMap<String, usize>,
}

impl Tickets {
    /// A new ticket for this session.
    pub(super) fn issue(&self, world: &dyn World, session: &Session) -> Result<String, Failure> {
        let now = world.now();
        let ticket = world.letters(TICKET_LETTERS);
        let waiting = match self {
            Self::Signed(key) => return sign(key, now, ticket, session),
            Self::Kept(waiting) => waiting,
        };
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.drop_expired(now);
        waiting.check_room(now, session)?;
        waiting.insert(now.after(TICKET), ticket.clone(), session.clone());
        Ok(ticket)
    }

    /// The session that asked for it.
    pub(super) fn redeem(&self, now: Time, ticket: &str) -> Result<Session, Failure> {
        let waiting = match self {
            Self::Signed(key) => return verify(key, now, ticket),
            Self::Kept(waiting) => waiting,
        };
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.remove(ticket) {
            Some((expires, session)) if now < expires => Ok(session),
            _ => Err(Code::BadTicket.into()),
        }
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> [usize; 3] {
        let Self::Kept(waiting) = self else { return [0; 3] };
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        [waiting.tickets.len(), waiting.order.len(), waiting.principals.len()]
    }
}

fn sign(key: &[u8; 32], now: Time, nonce: String, session: &Session) -> Result<String, Failure> {
    let Session { viewer, tenant, issued, expires } = session;
    let claims = Claims {
        aud: AUDIENCE.to_owned(),
        until: now.after(TICKET),
        nonce,
        tenant: tenant.clone(),
        principal: viewer.principal.clone(),
        roles: viewer.roles.clone(),
        issued: *issued,
        expires: *expires,
    };
    let signed = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key));
    signed.map_err(|_| Code::Internal.into())
}

fn verify(key: &[u8; 32], now: Time, ticket: &str) -> Result<Session, Failure> {
    if ticket.len() > TOKEN_BYTES_MAX {
        return Err(Code::BadTicket.into());
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["aud"]);
    // Time is the world's, not the library's.
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    let decoded = jsonwebtoken::decode::<Claims>(ticket, &DecodingKey::from_secret(key), &validation);
    match decoded.map(|ticket| ticket.claims) {
        Ok(Claims { until, tenant, principal, roles, issued, expires, .. }) if now < until => {
            Ok(Session { viewer: Viewer::new(principal, roles), tenant, issued, expires })
        }
        _ => Err(Code::BadTicket.into()),
    }
}

impl Waiting {
    fn drop_expired(&mut self, now: Time) {
        while let Some((expires, ticket)) = self.order.first().cloned()
            && expires <= now
        {
            self.remove(&ticket);
        }
    }

    fn check_room(&self, now: Time, session: &Session) -> Result<(), Failure> {
        let own = self.principals.get(&session.key()).copied().unwrap_or_default();
        if self.tickets.len() < TICKETS_MAX && own < CONNECTIONS_PER_PRINCIPAL_MAX {
            return Ok(());
        }
        let next = self.order.first().map_or(TICKET, |(expires, _)| expires.since(now));
        Err(Failure::from(Code::RateLimited).retry_after(u64::try_from(next.as_millis()).unwrap_or(u64::MAX).max(1)))
    }

    fn insert(&mut self, expires: Time, ticket: String, session: Session) {
        *self.principals.entry(session.key()).or_default() += 1;
        self.order.insert((expires, ticket.clone()));
        self.tickets.insert(ticket, (expires, session));
    }

    fn remove(&mut self, ticket: &str) -> Option<(Time, Session)> {
        let (ticket, (expires, session)) = self.tickets.remove_entry(ticket)?;
        self.order.remove(&(expires, ticket));
        let key = session.key();
        if let Some(count) = self.principals.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.principals.remove(&key);
            }
        }
        Some((expires, session))
    }
}
