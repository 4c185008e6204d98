//! Specifications, named by the threat cases of the security notes where there is one.

mod admission;
mod keys;
mod origin;
mod revocations;
mod tickets;
mod token;

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use dormouse_core::{Code, Failure, Name, Principal, Time, Viewer};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

use super::{GuestKey, Identity, IdentityConfig, Session, Verifier};
use crate::world::World;

/// In seconds, where the tests begin: long ago by the machine's clock, which must not be asked.
const NOW: u64 = 1_600_000_000;
const SECRET: &[u8; 32] = b"a shared secret of 32 bytes, yes";

/// A clock that stands until it is moved, and bytes that never repeat.
struct TestWorld {
    now: AtomicU64,
    drawn: AtomicU64,
}

impl TestWorld {
    fn new() -> Arc<Self> {
        Arc::new(Self { now: AtomicU64::new(NOW * 1000), drawn: AtomicU64::new(0) })
    }

    fn pass(&self, time: Duration) {
        self.now.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl World for TestWorld {
    fn now(&self) -> Time {
        Time(self.now.load(Ordering::SeqCst))
    }

    fn random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let n = self.drawn.fetch_add(1, Ordering::SeqCst).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            chunk.copy_from_slice(&(n ^ n >> 29).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Somebody who signs tokens, and the public half of their key.
struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    pem: String,
}

static RSA: LazyLock<Signer> = LazyLock::new(|| {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let private = pem("PRIVATE KEY", AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap().as_ref());
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
    Signer {
        algorithm: Algorithm::RS256,
        key: EncodingKey::from_rsa_pem(private.as_bytes()).unwrap(),
        pem: pem("PUBLIC KEY", public.as_ref()),
    }
});

static EC: LazyLock<Signer> = LazyLock::new(|| ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256));
static P384: LazyLock<Signer> = LazyLock::new(|| ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384));

static ED: LazyLock<Signer> = LazyLock::new(|| {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
    Signer {
        algorithm: Algorithm::EdDSA,
        key: EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()),
        pem: pem("PUBLIC KEY", public.as_ref()),
    }
});

static HMAC: LazyLock<Signer> =
    LazyLock::new(|| Signer { algorithm: Algorithm::HS256, key: EncodingKey::from_secret(SECRET), pem: String::new() });

fn ec(algorithm: &'static signature::EcdsaSigningAlgorithm, name: Algorithm) -> Signer {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let public = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).unwrap();
    Signer {
        algorithm: name,
        key: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
        pem: pem("PUBLIC KEY", public.as_ref()),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

impl Signer {
    fn sign(&self, claims: &Value) -> String {
        self.sign_as(self.algorithm, None, claims)
    }

    fn sign_as(&self, algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(algorithm);
        header.kid = kid.map(str::to_owned);
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }

    fn jwk(&self, kid: &str) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(kid);
        jwk
    }
}

fn secret() -> Verifier {
    Verifier::from_secret(SECRET).unwrap()
}

fn config(verifiers: Vec<Verifier>) -> IdentityConfig {
    IdentityConfig { verifiers, ..IdentityConfig::of_guests(GuestKey::from_bytes(&[7; 32])) }
}

fn identity(config: IdentityConfig) -> (Identity, Arc<TestWorld>) {
    let world = TestWorld::new();
    (Identity::new(config, world.clone()), world)
}

/// Good claims with some of them changed; `null` takes one away.
fn claims(changes: Value) -> Value {
    let mut claims =
        json!({"sub": "ann", "name": "Ann", "tenant": "acme", "roles": ["b", "a"], "iat": NOW, "exp": NOW + 60});
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(key);
        } else {
            claims[key] = value.clone();
        }
    }
    claims
}

fn session(tenant: &str, id: &str) -> Session {
    let principal = Principal { id: id.into(), name: String::new() };
    let viewer = Viewer::new(principal, vec![]);
    Session { viewer, tenant: name(tenant), issued: Time(NOW * 1000), expires: Time((NOW + 3600) * 1000) }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn code<T>(outcome: Result<T, Failure>) -> Option<Code> {
    outcome.err().map(|failure| failure.code)
}
