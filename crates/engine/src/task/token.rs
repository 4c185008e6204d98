//! Tokens that complete one task instance from outside: signed JWTs for this purpose alone.

use dormouse_core::{Address, Code, Failure, TaskKey, Time};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Keeps these tokens from ever being taken for a principal's, and the other way round.
const AUDIENCE: &str = "dormouse-report";

/// A task instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) actor: Address,
    pub(crate) key: TaskKey,
    pub(crate) opened: u64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    /// Milliseconds.
    until: Time,
    #[serde(flatten)]
    instance: Instance,
}

pub(crate) fn sign(key: &[u8; 32], instance: &Instance, until: Time) -> Option<String> {
    let claims = Claims { aud: AUDIENCE.to_owned(), until, instance: instance.clone() };
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key)).ok()
}

pub(crate) fn verify(key: &[u8; 32], token: &str, now: Time) -> Result<Instance, Failure> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["aud"]);
    // Time is the world's, not the library's.
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    let decoded = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(key), &validation);
    let claims = decoded.map_err(|_| Failure::from(Code::Unauthenticated))?.claims;
    if now >= claims.until { Err(Code::TokenExpired.into()) } else { Ok(claims.instance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn instance() -> Instance {
        Instance { actor: "main/duel/a".parse().unwrap(), key: "ply-4/0".into(), opened: 412 }
    }

    #[test]
    fn a_token_names_its_instance_until_it_expires() {
        let token = sign(&KEY, &instance(), Time(1_000)).unwrap();
        assert_eq!(verify(&KEY, &token, Time(999)).unwrap(), instance());
        assert_eq!(verify(&KEY, &token, Time(1_000)).unwrap_err().code, Code::TokenExpired);
        assert_eq!(verify(&[8; 32], &token, Time(0)).unwrap_err().code, Code::Unauthenticated);
        assert_eq!(verify(&KEY, &format!("{token}x"), Time(0)).unwrap_err().code, Code::Unauthenticated);
    }
}
