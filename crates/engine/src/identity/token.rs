//! Tokens: JWTs, signed here for guests and elsewhere for everybody else.
//!
//! The library checks the signature and nothing more. Time comes from the [`World`], so that tests and the simulation own it, and
//! claims are checked here, strictly: what a session holds is bounded and well-formed for good.

use std::{sync::Arc, time::Duration};

use dormouse_core::{
    Code, Failure, Name, Principal, Time, Viewer,
    limits::{GUEST_TOKEN, PRINCIPAL_BYTES_MAX, ROLE_BYTES_MAX, ROLES_MAX, TOKEN_BYTES_MAX},
    text::is_printable,
};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::{Guest, IdentityConfig, Session, Verifier, verifier::Key};
use crate::world::World;

/// The `iss` and the `kid` of guests' tokens. No other key may have this `kid`.
pub(super) const GUEST: &str = "dormouse-guest";
/// The only role that the guest key gives.
const GUEST_ROLE: &str = "guest";
/// What every guest's id starts with.
const GUEST_PREFIX: &str = "g-";
/// Letters of a guest's id: 80 bits.
const GUEST_LETTERS: usize = 16;

/// How far the clock of a signer may be ahead of ours.
const AHEAD_MAX: Duration = Duration::from_secs(30);

/// What is read of a verified token. Other claims are the signer's own business.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    name: Option<String>,
    tenant: Option<String>,
    roles: Option<Vec<String>>,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    iss: Option<String>,
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Serialize)]
struct GuestClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    name: &'a str,
    tenant: &'a Name,
    roles: &'a [String],
    iat: u64,
    exp: u64,
}

/// The name that a guest chose, or why it may not be that.
pub(super) fn guest_name(name: &str) -> Result<&str, Failure> {
    let name = name.trim();
    if name.len() > PRINCIPAL_BYTES_MAX {
        return Err(Failure::new(Code::TooLarge, "A name is at most 128 bytes."));
    }
    if !name.chars().all(is_printable) {
        return Err(Failure::new(
            Code::BadString,
            "A name is one line of text, without control or formatting characters.",
        ));
    }
    Ok(name)
}

/// A new guest of this name.
pub(super) fn issue(config: &IdentityConfig, world: &dyn World, name: &str) -> Result<Guest, Failure> {
    let issued = Time(world.now().0 / 1000 * 1000);
    let id = format!("{GUEST_PREFIX}{}", world.letters(GUEST_LETTERS));
    let viewer = Viewer::new(Principal { id, name: name.into() }, vec![GUEST_ROLE.into()]);
    let session = Session { viewer, tenant: config.default_tenant.clone(), issued, expires: issued.after(GUEST_TOKEN) };
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(GUEST.into());
    let token = jsonwebtoken::encode(&header, &guest_claims(&session), &config.guest_key.signing)
        .map_err(|_| Failure::from(Code::Internal))?;
    Ok(Guest { token, session })
}

/// Whose token it is. Revocations are not asked here.
pub(super) fn verify(config: &IdentityConfig, now: Time, token: &str) -> Result<Session, Failure> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(refuse("it is too long"));
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| refuse("its header cannot be read"))?;
    if header.crit.is_some() {
        return Err(refuse("it asks for extensions"));
    }
    if header.kid.as_deref() == Some(GUEST) {
        return verify_guest(config, now, token);
    }
    let sets: Vec<Arc<[Key]>> = config.verifiers.iter().map(Verifier::keys).collect();
    let claims = keys_for(&sets, &header).find_map(|key| signed_claims(token, &key.decoding, key.algorithm));
    let claims = claims.ok_or_else(|| refuse("no key verifies it"))?;
    if config.issuer.is_some() && claims.iss != config.issuer {
        return Err(refuse("its issuer is another"));
    }
    if !config.audience.as_ref().is_none_or(|audience| claims.is_for(audience)) {
        return Err(refuse("its audience is another"));
    }
    session(config, now, claims)
}

/// The payload, if this key and algorithm made the signature.
fn signed_claims(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<Claims> {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    jsonwebtoken::decode(token, key, &validation).ok().map(|data| data.claims)
}

/// The keys that may have signed it: those of its `kid`, else those that have none, each only for its own algorithm.
fn keys_for<'a>(sets: &'a [Arc<[Key]>], header: &'a Header) -> impl Iterator<Item = &'a Key> {
    let all = || sets.iter().flat_map(|keys| keys.iter());
    let kid = header.kid.as_ref().filter(|kid| all().any(|key| key.kid.as_ref() == Some(kid)));
    all().filter(move |key| key.kid.as_ref() == kid && key.algorithm == header.alg)
}

/// The guest key gives nothing but guests, whoever got hold of it and whatever they sign.
fn verify_guest(config: &IdentityConfig, now: Time, token: &str) -> Result<Session, Failure> {
    if !config.guests {
        return Err(refuse("guests are not let in"));
    }
    let claims = signed_claims(token, &config.guest_key.verifying, Algorithm::HS256);
    let claims = claims.ok_or_else(|| refuse("the guest key does not verify it"))?;
    let is_guest = claims.iss.as_deref() == Some(GUEST)
        && claims.sub.starts_with(GUEST_PREFIX)
        && claims.tenant.is_some()
        && claims.roles.as_deref().is_some_and(|roles| roles == [GUEST_ROLE]);
    if is_guest { session(config, now, claims) } else { Err(refuse("it is no guest's, but the guest key signed it")) }
}

fn session(config: &IdentityConfig, now: Time, claims: Claims) -> Result<Session, Failure> {
    let tenant = match &claims.tenant {
        Some(tenant) => tenant.parse().map_err(|_| refuse("its tenant is no name"))?,
        None => config.default_tenant.clone(),
    };
    let (issued, expires) = claims.times(now)?;
    Ok(Session { viewer: claims.viewer()?, tenant, issued, expires })
}

impl Claims {
    fn is_for(&self, audience: &String) -> bool {
        match &self.aud {
            Some(Audience::One(one)) => one == audience,
            Some(Audience::Many(many)) => many.contains(audience),
            None => false,
        }
    }

    fn viewer(self) -> Result<Viewer, Failure> {
        let name = self.name.unwrap_or_default();
        if self.sub.is_empty() || !is_text(&self.sub, PRINCIPAL_BYTES_MAX) {
            return Err(refuse("its sub is not 1 to 128 bytes of text"));
        }
        if !is_text(&name, PRINCIPAL_BYTES_MAX) {
            return Err(refuse("its name is not 0 to 128 bytes of text"));
        }
        let mut roles = self.roles.unwrap_or_default();
        if roles.len() > ROLES_MAX || roles.iter().any(|role| role.is_empty() || !is_text(role, ROLE_BYTES_MAX)) {
            return Err(refuse("its roles are not at most 32 of 1 to 64 bytes of text"));
        }
        roles.sort_unstable();
        roles.dedup();
        Ok(Viewer::new(Principal { id: self.sub, name }, roles))
    }

    /// When it was issued and when it expires, if it counts now.
    fn times(&self, now: Time) -> Result<(Time, Time), Failure> {
        let earliest = now.after(AHEAD_MAX);
        let issued = self.iat.map_or(Ok(Time(0)), time)?;
        if issued > earliest || self.nbf.map(time).transpose()?.is_some_and(|begin| begin > earliest) {
            return Err(refuse("it is from the future; compare the clocks"));
        }
        let expires = time(self.exp)?;
        if now >= expires { Err(Code::TokenExpired.into()) } else { Ok((issued, expires)) }
    }
}

fn guest_claims(session: &Session) -> GuestClaims<'_> {
    GuestClaims {
        iss: GUEST,
        sub: &session.viewer.principal.id,
        name: &session.viewer.principal.name,
        tenant: &session.tenant,
        roles: &session.viewer.roles,
        iat: session.issued.0 / 1000,
        exp: session.expires.0 / 1000,
    }
}

/// A NumericDate: seconds since 1970, which may have a fraction.
fn time(seconds: f64) -> Result<Time, Failure> {
    if seconds.is_finite() && seconds >= 0.0 {
        // `as` saturates, and no clock gets there.
        Ok(Time((seconds * 1000.0) as u64))
    } else {
        Err(refuse("one of its times is none"))
    }
}

fn is_text(text: &str, bytes_max: usize) -> bool {
    text.len() <= bytes_max && !text.chars().any(char::is_control)
}

/// The same answer for every reason; the reason itself is for whoever runs the host, and holds nothing of the token.
fn refuse(reason: &'static str) -> Failure {
    tracing::debug!(reason, "refused a token");
    Code::Unauthenticated.into()
}
