//! Who somebody is: tokens, and the files of the keys that verify them.

use std::sync::{Arc, LazyLock};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use dormouse_core::{
    Time,
    limits::{PRINCIPAL_BYTES_MAX, ROLE_BYTES_MAX, ROLES_MAX},
};
use dormouse_engine::{
    identity::{GuestKey, Identity, IdentityConfig, Session, Verifier},
    world::World,
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::text::{number, text};

const GUEST_SECRET: [u8; 32] = [7; 32];
const SECRET: &[u8] = b"a secret of more than thirty-two bytes";
/// RFC 8410, 10.1.
const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
const NOW: Time = Time(1_790_000_000_000);
/// How far the clock of a signer may be ahead.
const AHEAD: u64 = 30_000;

/// It is always now.
struct Now;

impl World for Now {
    fn now(&self) -> Time {
        NOW
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| {
    let verifiers = [Verifier::from_secret(SECRET), Verifier::from_pem(PUBLIC_KEY.as_bytes())];
    let config = IdentityConfig {
        verifiers: verifiers.map(|verifier| verifier.expect("a key")).into(),
        ..IdentityConfig::of_guests(GuestKey::from_bytes(&GUEST_SECRET))
    };
    Identity::new(config, Arc::new(Now))
});

/// Two lines are a header and claims, which are signed with the secret of others; after a line `guest` with that of guests. One line is a token
/// as it comes. Who is let in is somebody whose every part is bounded, until a time that is yet to come; and a guest is nothing more. With one
/// letter changed the same token lets nobody in.
pub fn token(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let guest = text.strip_prefix("guest\n");
    let Some((header, claims)) = guest.unwrap_or(text).split_once('\n') else {
        let _ = IDENTITY.verify(text).map(|session| is_sound(&session));
        return;
    };
    let token = signed(header, claims, if guest.is_some() { &GUEST_SECRET } else { SECRET });
    let Ok(session) = IDENTITY.verify(&token) else { return };
    is_sound(&session);
    is_earned(&session, header, guest.is_some());
    let changed = changed(&token);
    assert!(IDENTITY.verify(&changed).is_err(), "one letter of it was changed: {changed}");
}

fn is_sound(session: &Session) {
    let Session { viewer, issued, expires, .. } = session;
    let is_text = |text: &str, most: usize| text.len() <= most && !text.chars().any(char::is_control);
    let (id, name) = (&viewer.principal.id, &viewer.principal.name);
    assert!(!id.is_empty() && is_text(id, PRINCIPAL_BYTES_MAX) && is_text(name, PRINCIPAL_BYTES_MAX), "{session:?}");
    let are_roles = viewer.roles.iter().all(|role| !role.is_empty() && is_text(role, ROLE_BYTES_MAX));
    let in_order = viewer.roles.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(are_roles && in_order && viewer.roles.len() <= ROLES_MAX, "{session:?}");
    assert!(*expires > NOW && issued.0 <= NOW.0 + AHEAD, "{session:?}");
}

/// The key that signed it, and its one algorithm, gave the right to be this.
fn is_earned(session: &Session, header: &str, guest: bool) {
    let header: Value = serde_json::from_str(header).expect("it was read");
    assert_eq!(header["alg"], "HS256", "no other algorithm has a key that is known here");
    assert_eq!(header["kid"] == "dormouse-guest", guest, "the key that it names");
    let is_guest = session.viewer.principal.id.starts_with("g-") && session.viewer.roles == ["guest"];
    assert!(is_guest || !guest, "the guest key made {session:?}");
}

fn signed(header: &str, claims: &str, secret: &[u8]) -> String {
    let parts = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(parts.as_bytes());
    format!("{parts}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn changed(token: &str) -> String {
    let at = number(token.as_bytes()) as usize % token.len();
    let letter = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{letter}{}", &token[..at], &token[at + 1..])
}

/// A key file is refused or holds keys; never a private one, and none that a guest's token could be taken for.
pub fn key_file(data: &[u8]) {
    if Verifier::from_pem(data).is_ok() {
        let text = String::from_utf8_lossy(data);
        assert!(!text.contains("PRIVATE KEY") && !text.contains("CERTIFICATE"), "{text}");
    }
    if let Ok(verifier) = Verifier::from_jwks(data) {
        let said = format!("{verifier:?}");
        assert!(said != "[]" && !said.contains(r#""dormouse-guest""#), "{said}");
    }
    if Verifier::from_secret(data).is_ok() {
        assert!(data.trim_ascii_end().len() >= 32, "a secret that can be guessed");
    }
}
