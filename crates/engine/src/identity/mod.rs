//! Who comes in, and how much of it: tokens, tickets, revocations, origins, counts and rates.
//!
//! A [`Session`] is made here and nowhere else: from a token whose signature, algorithm, time and claims were checked, or from
//! a ticket that such a session asked for. The tenant of everything a client does is that of its session.
//! All refusals of a token read the same, so that none tells which check failed; the reason goes to the debug log, the token never.
//!
//! Absent on purpose: sockets, headers and the choice of the peer's address (a host's), rights within an actor (the rules').

mod admission;
mod keys;
mod origin;
mod revocations;
#[cfg(test)]
mod tests;
mod tickets;
mod token;
mod verifier;

use std::{fmt, path::PathBuf, sync::Arc};

use dormouse_core::{Code, Failure, Name, Time, Viewer};

use self::{revocations::Revocations, tickets::Tickets};
use crate::world::World;

pub use admission::{Admission, Held, Pace, Rates};
pub use keys::{GuestKey, KeyError};
pub use origin::{BadOrigin, Origins};
pub use verifier::{KeyFile, KeyProblem, Verifier};

/// What an [`Identity`] needs to know. Fixed while a host runs.
pub struct IdentityConfig {
    /// Signs and verifies the tokens of guests.
    pub guest_key: GuestKey,
    /// Verify the tokens of everybody else.
    pub verifiers: Vec<Verifier>,
    /// If given, `aud` must name it. Guests' tokens are not asked.
    pub audience: Option<String>,
    /// If given, `iss` must be it. Guests' tokens are not asked.
    pub issuer: Option<String>,
    /// Whether guests are let in.
    pub guests: bool,
    /// The tenant of guests, and of tokens that name none.
    pub default_tenant: Name,
}

impl IdentityConfig {
    /// Guests and nobody else, in the tenant `main`.
    pub fn of_guests(guest_key: GuestKey) -> Self {
        let default_tenant = "main".parse().expect("a name");
        Self { guest_key, verifiers: vec![], audience: None, issuer: None, guests: true, default_tenant }
    }
}

/// Someone who is signed in, until `expires`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who, and with which roles.
    pub viewer: Viewer,
    /// The only tenant that this session reaches.
    pub tenant: Name,
    /// When the token was issued; 0 if it does not say, so that any revocation covers it.
    pub issued: Time,
    /// From this moment on the session is over, and a connection is told `token_expired`.
    pub expires: Time,
}

impl Session {
    /// Whether this is somebody who runs the host.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn operator(&self) -> Result<(), Failure> {
        let is_operator = self.viewer.has_role("operator");
        let forbidden = || Failure::new(Code::Forbidden, "this takes a token with the role `operator`");
        is_operator.then_some(()).ok_or_else(forbidden)
    }

    /// Names its principal over all tenants. A tenant holds no slash, so no two principals share a key.
    fn key(&self) -> String {
        principal_key(&self.tenant, &self.viewer.principal.id)
    }
}

fn principal_key(tenant: &Name, principal: &str) -> String {
    format!("{tenant}/{principal}")
}

/// A new guest.
#[derive(Clone)]
pub struct Guest {
    /// To be sent with whatever the guest does.
    pub token: String,
    /// What the token says.
    pub session: Session,
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("session", &self.session).finish_non_exhaustive()
    }
}

/// Signs guests in and verifies everybody. One for each host; shared by its connections.
pub struct Identity {
    config: IdentityConfig,
    world: Arc<dyn World>,
    tickets: Tickets,
    revocations: Revocations,
}

impl Identity {
    /// An identity without tickets and revocations: both are in memory only, but see [`Self::keep_revocations`].
    pub fn new(config: IdentityConfig, world: Arc<dyn World>) -> Self {
        Self { config, world, tickets: Tickets::default(), revocations: Revocations::default() }
    }

    /// Remember the revocations of this file, and keep there those to come.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub fn keep_revocations(mut self, file: PathBuf) -> Result<Self, KeyError> {
        self.revocations = Revocations::open(file)?;
        Ok(self)
    }

    /// Sign tickets with this key and remember none, where another process redeems them. That each works once is then for the host to see to.
    #[must_use]
    pub fn sign_tickets(mut self, key: [u8; 32]) -> Self {
        self.tickets = Tickets::Signed(Box::new(key));
        self
    }

    /// Read the key files again that have changed. Blocks on the disk. A file that cannot be used leaves the keys as they are.
    pub fn renew_keys(&self) {
        self.config.verifiers.iter().for_each(Verifier::renew);
    }

    /// Make a guest with a token of its own.
    ///
    /// # Errors
    /// `forbidden` where guests are not let in; `too_large` or `bad_string` for the name.
    pub fn guest(&self, name: Option<&str>) -> Result<Guest, Failure> {
        if !self.config.guests {
            return Err(Failure::new(Code::Forbidden, "This host does not let guests in. Sign in with a token."));
        }
        let name = token::guest_name(name.unwrap_or_default())?;
        token::issue(&self.config, &*self.world, name)
    }

    /// Who the bearer of this token is.
    ///
    /// # Errors
    /// `unauthenticated`, `token_expired` or `revoked`.
    pub fn verify(&self, token: &str) -> Result<Session, Failure> {
        self.current(token::verify(&self.config, self.world.now(), token)?)
    }

    /// A ticket for a query string: it works once, within 30 seconds.
    ///
    /// # Errors
    /// `rate_limited` when as many wait as may, over all principals or for this one.
    pub fn issue_ticket(&self, session: &Session) -> Result<String, Failure> {
        self.tickets.issue(&*self.world, session)
    }

    /// The session that asked for this ticket; the ticket is used up.
    ///
    /// # Errors
    /// `bad_ticket`; `token_expired` or `revoked` if that befell the session meanwhile.
    pub fn redeem_ticket(&self, ticket: &str) -> Result<Session, Failure> {
        self.current(self.tickets.redeem(self.world.now(), ticket)?)
    }

    /// Refuse, from now on, the tokens of this principal that were issued until now. Open sockets are closed by their next look
    /// at [`Self::check`]. Known to this host only. Blocks on the disk where revocations are kept.
    ///
    /// # Errors
    /// `rate_limited` when as many are remembered as may: change the key that signs the tokens instead. `unavailable` if it counts but could
    /// not be kept.
    pub fn revoke(&self, tenant: &Name, principal: &str) -> Result<Time, Failure> {
        let now = self.world.now();
        self.revocations.add(now, principal_key(tenant, principal)).map(|()| now)
    }

    /// Whether this session's token was revoked.
    pub fn is_revoked(&self, session: &Session) -> bool {
        self.revocations.cover(session)
    }

    /// Whether an open session still stands. Connections ask every 30 seconds, and before they decide a command.
    ///
    /// # Errors
    /// `token_expired` or `revoked`.
    pub fn check(&self, session: &Session) -> Result<(), Failure> {
        if self.world.now() >= session.expires {
            return Err(Code::TokenExpired.into());
        }
        if self.is_revoked(session) { Err(Code::Revoked.into()) } else { Ok(()) }
    }

    fn current(&self, session: Session) -> Result<Session, Failure> {
        self.check(&session)?;
        Ok(session)
    }
}
