//! The keys that verify tokens which others signed: from a PEM file, a shared-secret file, or a JWKS file.
//!
//! Each key has one algorithm, which follows from its type and never from a token: HS256 for shared secrets, RS256, ES256 and EdDSA
//! for public keys. So `none` has no key, and a public key is never taken for a shared secret.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::SystemTime,
};

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse},
};

use super::{KeyError, keys::read_file, token::GUEST};

/// RFC 7518, 3.2: a key of HS256 is at least as long as its hash.
const SECRET_BYTES_MIN: usize = 32;
/// RFC 7518, 3.3: 2048 bits.
const RSA_MODULUS_BYTES_MIN: usize = 256;

/// Where a verifier's keys are, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFile {
    /// One public key in PEM: RSA, P-256 or Ed25519.
    Pem(PathBuf),
    /// A secret of 32 bytes or more, taken as it stands without white space at its end.
    Secret(PathBuf),
    /// A set of keys, told apart by `kid`.
    Jwks(PathBuf),
}

/// What is wrong with a key file, as a clause that follows its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// Longer than any key file.
    #[error("is longer than 256 KiB")]
    TooLong,
    /// It would work, but a host that verifies has no business with it.
    #[error("holds a private key; give its public key: openssl pkey -in FILE -pubout")]
    Private,
    /// Certificates are not looked into.
    #[error("holds a certificate; give its public key: openssl x509 -in FILE -pubkey -noout")]
    Certificate,
    /// Only the first would be used.
    #[error("holds more than one key; give each its own file, or a JWKS")]
    Several,
    /// No PEM, or a key of another type.
    #[error("holds no public key of RSA (2048 bits or more), P-256 or Ed25519 in PEM")]
    NotPem,
    /// It could be guessed from one token.
    #[error("holds less than 32 bytes; make a secret with: openssl rand -hex 32")]
    ShortSecret,
    /// No JSON, or not of that form.
    #[error("is no JWKS: an object with a list `keys`")]
    NotJwks,
    /// Nothing in the set can verify a token.
    #[error("holds no key for HS256 (32 bytes or more), RS256 (2048 bits or more), ES256 or EdDSA")]
    NoKey,
    /// A token could not say which one it means.
    #[error("holds two keys with the same `kid`, or two without")]
    SameKid,
    /// That one names the guest key.
    #[error("holds a key with the `kid` dormouse-guest, which is the guest key's")]
    GuestKid,
}

/// The keys of one file.
pub struct Verifier {
    keys: RwLock<Arc<[Key]>>,
    file: Option<(KeyFile, Mutex<Option<Stamp>>)>,
}

/// By which a file that was changed is told: when, and how long it is.
type Stamp = (SystemTime, u64);

/// One key with its only algorithm.
pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
}

impl Verifier {
    /// Read and check a key file. [`Identity::renew_keys`](super::Identity::renew_keys) reads it again when it has changed.
    ///
    /// # Errors
    /// [`KeyError`], with the file and what to do.
    pub fn read(file: &KeyFile) -> Result<Self, KeyError> {
        // Before its bytes: a change in between is found at the next look.
        let stamp = stamp(file.path());
        let read = Self::read_once(file)?;
        Ok(Self { file: Some((file.clone(), Mutex::new(stamp))), ..read })
    }

    fn read_once(file: &KeyFile) -> Result<Self, KeyError> {
        let path = file.path();
        let missing = || KeyError::Read { path: path.into(), source: std::io::ErrorKind::NotFound.into() };
        let bytes = read_file(path)?.ok_or_else(missing)?;
        let verifier = match file {
            KeyFile::Pem(_) => Self::from_pem(&bytes),
            KeyFile::Secret(_) => Self::from_secret(&bytes),
            KeyFile::Jwks(_) => Self::from_jwks(&bytes),
        };
        verifier.map_err(|problem| KeyError::BadVerifier { path: path.into(), problem })
    }

    /// The keys as they are now.
    pub(super) fn keys(&self) -> Arc<[Key]> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn of(keys: Vec<Key>) -> Self {
        Self { keys: RwLock::new(keys.into()), file: None }
    }

    /// Read the file again, if it has changed since.
    pub(super) fn renew(&self) {
        let Some((file, seen)) = &self.file else { return };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(file.path());
        if now.is_none() || *seen == now {
            return;
        }
        *seen = now;
        match Self::read_once(file) {
            Ok(read) => {
                tracing::info!(path = %file.path().display(), keys = ?read, "a key file has changed");
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = read.keys();
            }
            Err(error) => tracing::error!(%error, "a changed key file cannot be used; the keys from before stay"),
        }
    }

    /// One public key in PEM.
    ///
    /// # Errors
    /// [`KeyProblem`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyProblem> {
        let text = str::from_utf8(pem).map_err(|_| KeyProblem::NotPem)?;
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyProblem::Private);
        }
        if text.contains("-----BEGIN CERTIFICATE") {
            return Err(KeyProblem::Certificate);
        }
        if text.matches("-----BEGIN ").count() > 1 {
            return Err(KeyProblem::Several);
        }
        let key = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .and_then(|key| Jwk::from_decoding_key(&key, None));
        let key = key.ok().and_then(|jwk| Key::from_jwk(&jwk)).ok_or(KeyProblem::NotPem)?;
        Ok(Self::of(vec![key]))
    }

    /// A secret that the signer shares.
    ///
    /// # Errors
    /// [`KeyProblem::ShortSecret`].
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyProblem> {
        let decoding = DecodingKey::from_secret(secret.trim_ascii_end());
        let key = Key { kid: None, algorithm: Algorithm::HS256, decoding };
        if key.is_long_enough() { Ok(Self::of(vec![key])) } else { Err(KeyProblem::ShortSecret) }
    }

    /// A JSON Web Key Set. Keys for other purposes and algorithms are left out, as RFC 7517 asks; a warning counts them.
    ///
    /// # Errors
    /// [`KeyProblem`].
    pub fn from_jwks(json: &[u8]) -> Result<Self, KeyProblem> {
        let set: JwkSet = serde_json::from_slice(json).map_err(|_| KeyProblem::NotJwks)?;
        let keys: Vec<Key> = set.keys.iter().filter_map(Key::from_jwk).collect();
        if keys.is_empty() {
            return Err(KeyProblem::NoKey);
        }
        let kids: BTreeSet<Option<&str>> = keys.iter().map(|key| key.kid.as_deref()).collect();
        if kids.len() < keys.len() {
            return Err(KeyProblem::SameKid);
        }
        if kids.contains(&Some(GUEST)) {
            return Err(KeyProblem::GuestKid);
        }
        if keys.len() < set.keys.len() {
            tracing::warn!(
                used = keys.len(),
                left_out = set.keys.len() - keys.len(),
                "a JWKS has keys that are not used"
            );
        }
        Ok(Self::of(keys))
    }
}

impl KeyFile {
    fn path(&self) -> &Path {
        let (Self::Pem(path) | Self::Secret(path) | Self::Jwks(path)) = self;
        path
    }
}

/// None for a file that is not there: who replaces it may be about to put it back.
fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys().iter().map(|key| (&key.kid, key.algorithm))).finish()
    }
}

impl Key {
    /// The key, if it is one for signatures by the algorithm that its type has here.
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::OctetKey(_) => Algorithm::HS256,
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            _ => return None,
        };
        let named = jwk.common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
        if !named || !is_for_verifying(jwk) {
            return None;
        }
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        let key = Self { kid: jwk.common.key_id.clone(), algorithm, decoding };
        key.is_long_enough().then_some(key)
    }

    fn is_long_enough(&self) -> bool {
        match (self.decoding.family(), self.decoding.kind()) {
            (AlgorithmFamily::Rsa, DecodingKeyKind::RsaModulusExponent { n, .. }) => {
                n.iter().skip_while(|&&byte| byte == 0).count() >= RSA_MODULUS_BYTES_MIN
            }
            (AlgorithmFamily::Hmac, DecodingKeyKind::SecretOrDer(secret)) => secret.len() >= SECRET_BYTES_MIN,
            // 4, then both coordinates.
            (AlgorithmFamily::Ec, DecodingKeyKind::SecretOrDer(point)) => point.len() == 65,
            (AlgorithmFamily::Ed, DecodingKeyKind::SecretOrDer(point)) => point.len() == 32,
            _ => false,
        }
    }
}

fn is_for_verifying(jwk: &Jwk) -> bool {
    let used = jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    let operations = jwk.common.key_operations.as_ref();
    used && operations.is_none_or(|list| list.contains(&KeyOperations::Verify))
}
