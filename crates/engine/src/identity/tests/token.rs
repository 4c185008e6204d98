use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dormouse_core::limits::{GUEST_TOKEN, PRINCIPAL_BYTES_MAX, ROLE_BYTES_MAX, ROLES_MAX, TOKEN_BYTES_MAX};

use super::*;
use crate::identity::token::GUEST;

fn verify(changes: Value) -> Result<Session, Failure> {
    identity(config(vec![secret()])).0.verify(&HMAC.sign(&claims(changes)))
}

#[test]
fn a_good_token_becomes_a_session() {
    let session = verify(json!({"roles": ["b", "a", "b"]})).unwrap();
    assert_eq!(session.viewer.principal, Principal { id: "ann".into(), name: "Ann".into() });
    assert_eq!(session.viewer.roles, ["a", "b"]);
    assert_eq!(session.tenant, name("acme"));
    assert_eq!((session.issued, session.expires), (Time(NOW * 1000), Time((NOW + 60) * 1000)));
    let least = verify(json!({"name": null, "tenant": null, "roles": null, "iat": null})).unwrap();
    assert_eq!((least.tenant, least.issued), (name("main"), Time(0)));
    assert_eq!((least.viewer.principal.name.as_str(), least.viewer.roles.len()), ("", 0));
}

#[test]
fn case_38_only_tokens_of_this_moment_are_let_in() {
    for (what, changes, expected) in [
        ("a second left", json!({"exp": NOW + 1}), None),
        ("a fraction left", json!({"exp": NOW as f64 + 0.5}), None),
        ("expires now", json!({"exp": NOW}), Some(Code::TokenExpired)),
        ("expired", json!({"exp": NOW - 1}), Some(Code::TokenExpired)),
        ("never expires", json!({"exp": null}), Some(Code::Unauthenticated)),
        ("expires as text", json!({"exp": "2100"}), Some(Code::Unauthenticated)),
        ("expires before time", json!({"exp": -1}), Some(Code::Unauthenticated)),
        ("begins within the leeway", json!({"nbf": NOW + 30}), None),
        ("begins later", json!({"nbf": NOW + 31}), Some(Code::Unauthenticated)),
        ("begins as text", json!({"nbf": "soon"}), Some(Code::Unauthenticated)),
        ("issued within the leeway", json!({"iat": NOW + 30}), None),
        ("issued later", json!({"iat": NOW + 31}), Some(Code::Unauthenticated)),
    ] {
        assert_eq!(code(verify(changes)), expected, "{what}");
    }
}

#[test]
fn case_38_audience_and_issuer_are_checked_where_configured() {
    let strict =
        || IdentityConfig { audience: Some("us".into()), issuer: Some("them".into()), ..config(vec![secret()]) };
    for (what, changes, good) in [
        ("both right", json!({"aud": "us", "iss": "them"}), true),
        ("one of several", json!({"aud": ["others", "us"], "iss": "them"}), true),
        ("no audience", json!({"iss": "them"}), false),
        ("another audience", json!({"aud": "others", "iss": "them"}), false),
        ("other audiences", json!({"aud": ["others"], "iss": "them"}), false),
        ("an empty list", json!({"aud": [], "iss": "them"}), false),
        ("no issuer", json!({"aud": "us"}), false),
        ("another issuer", json!({"aud": "us", "iss": "themselves"}), false),
    ] {
        let outcome = identity(strict()).0.verify(&HMAC.sign(&claims(changes)));
        assert_eq!(code(outcome), (!good).then_some(Code::Unauthenticated), "{what}");
    }
    assert!(verify(json!({"aud": "others", "iss": "themselves"})).is_ok(), "nothing is configured");
    let (strict, _) = identity(strict());
    let guest = strict.guest(None).unwrap();
    assert!(strict.verify(&guest.token).is_ok(), "guests are not asked");
}

#[test]
fn case_38_what_is_no_token_is_refused_in_the_same_words() {
    let (identity, _) = identity(config(vec![secret()]));
    let token = HMAC.sign(&claims(json!({})));
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = EncodingKey::from_secret(b"another secret of 32 bytes, yes!");
    let forged = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(json!({})), &forged).unwrap();
    let mut critical = Header::new(Algorithm::HS256);
    critical.crit = Some(vec!["exp".into()]);
    let critical = jsonwebtoken::encode(&critical, &claims(json!({})), &HMAC.key).unwrap();
    let twice = format!(r#"{{"sub": "ann", "sub": "bob", "exp": {}}}"#, NOW + 60);
    let twice = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &RawClaims(&twice), &HMAC.key).unwrap();
    for token in
        ["", ".", "..", "a.b.c", "é", signed, &format!("{signed}."), &format!("{token}."), &forged, &critical, &twice]
    {
        assert_eq!(identity.verify(token), Err(Code::Unauthenticated.into()), "{token}");
    }
}

/// Claims as they stand, for what no map can hold.
struct RawClaims<'a>(&'a str);

impl serde::Serialize for RawClaims<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue = serde_json::from_str(self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[test]
fn case_39_each_key_has_one_algorithm() {
    for signer in [&*HMAC, &*RSA, &*EC, &*ED] {
        let verifier =
            || if signer.pem.is_empty() { secret() } else { Verifier::from_pem(signer.pem.as_bytes()).unwrap() };
        let jwks = || Verifier::from_jwks(json!({"keys": [signer.jwk("k")]}).to_string().as_bytes()).unwrap();
        let (by_file, _) = identity(config(vec![verifier()]));
        let (by_jwks, _) = identity(config(vec![jwks()]));
        let good = signer.sign_as(signer.algorithm, Some("k"), &claims(json!({})));
        assert!(by_file.verify(&good).is_ok() && by_jwks.verify(&good).is_ok(), "{:?}", signer.algorithm);
        for algorithm in signer.key.family().algorithms().iter().filter(|&&other| other != signer.algorithm) {
            let Ok(token) = try_sign(signer, *algorithm) else { continue };
            assert_eq!(code(by_file.verify(&token)), Some(Code::Unauthenticated), "{algorithm:?}");
            assert_eq!(code(by_jwks.verify(&token)), Some(Code::Unauthenticated), "{algorithm:?}");
        }
    }
}

fn try_sign(signer: &Signer, algorithm: Algorithm) -> Result<String, jsonwebtoken::errors::Error> {
    let mut header = Header::new(algorithm);
    header.kid = Some("k".into());
    jsonwebtoken::encode(&header, &claims(json!({})), &signer.key)
}

#[test]
fn case_39_no_signature_and_a_public_key_as_secret_are_refused() {
    let keys = json!({"keys": [RSA.jwk("rsa"), HMAC.jwk("secret")]}).to_string();
    let files = vec![Verifier::from_pem(RSA.pem.as_bytes()).unwrap(), Verifier::from_jwks(keys.as_bytes()).unwrap()];
    let (identity, _) = identity(config(files));
    for header in
        [json!({"alg": "none"}), json!({"alg": "None", "kid": "rsa"}), json!({"alg": ["HS256", "none"]}), json!({})]
    {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.", part(&header), part(&claims(json!({}))));
        assert_eq!(code(identity.verify(&token)), Some(Code::Unauthenticated), "{header}");
    }
    let public = RSA.pem.as_bytes();
    for secret in [public, public.trim_ascii_end(), RSA.jwk("rsa")["n"].as_str().unwrap().as_bytes(), b""] {
        let confused =
            Signer { key: EncodingKey::from_secret(secret), algorithm: Algorithm::HS256, pem: String::new() };
        for kid in [None, Some("rsa"), Some("secret"), Some("unknown"), Some(GUEST)] {
            let token = confused.sign_as(Algorithm::HS256, kid, &claims(json!({})));
            assert_eq!(code(identity.verify(&token)), Some(Code::Unauthenticated), "{kid:?}");
        }
    }
}

#[test]
fn case_39_a_kid_names_the_only_key_that_may_have_signed() {
    let keys = json!({"keys": [RSA.jwk("rsa"), EC.jwk("ec"), HMAC.jwk("secret")]}).to_string();
    let (identity, _) = identity(config(vec![Verifier::from_jwks(keys.as_bytes()).unwrap()]));
    for (kid, good) in
        [(Some("ec"), true), (Some("rsa"), false), (Some("secret"), false), (Some("unknown"), false), (None, false)]
    {
        let outcome = identity.verify(&EC.sign_as(Algorithm::ES256, kid, &claims(json!({}))));
        assert_eq!(code(outcome), (!good).then_some(Code::Unauthenticated), "{kid:?}");
    }
}

#[test]
fn case_40_a_session_ends_with_its_token() {
    let (identity, world) = identity(config(vec![secret()]));
    let session = identity.verify(&HMAC.sign(&claims(json!({"exp": NOW + 60})))).unwrap();
    assert_eq!(session.expires, Time((NOW + 60) * 1000));
    world.pass(Duration::from_millis(59_999));
    assert_eq!(identity.check(&session), Ok(()));
    world.pass(Duration::from_millis(1));
    assert_eq!(code(identity.check(&session)), Some(Code::TokenExpired));
}

#[test]
fn claims_are_taken_up_to_their_limits() {
    let role = |n: usize| format!("{n:0>ROLE_BYTES_MAX$}");
    let roles = |n: usize| (0..n).map(role).collect::<Vec<_>>();
    for (what, changes, good) in [
        ("sub", json!({"sub": "x".repeat(PRINCIPAL_BYTES_MAX)}), true),
        ("sub above", json!({"sub": "x".repeat(PRINCIPAL_BYTES_MAX + 1)}), false),
        ("sub above in bytes", json!({"sub": "é".repeat(PRINCIPAL_BYTES_MAX / 2 + 1)}), false),
        ("empty sub", json!({"sub": ""}), false),
        ("no sub", json!({"sub": null}), false),
        ("sub with a line end", json!({"sub": "ann\nbob"}), false),
        ("numeric sub", json!({"sub": 7}), false),
        ("name", json!({"name": "x".repeat(PRINCIPAL_BYTES_MAX)}), true),
        ("name above", json!({"name": "x".repeat(PRINCIPAL_BYTES_MAX + 1)}), false),
        ("name with NUL", json!({"name": "\0"}), false),
        ("roles", json!({"roles": roles(ROLES_MAX)}), true),
        ("roles above", json!({"roles": roles(ROLES_MAX + 1)}), false),
        ("role above", json!({"roles": ["x".repeat(ROLE_BYTES_MAX + 1)]}), false),
        ("empty role", json!({"roles": [""]}), false),
        ("roles as text", json!({"roles": "admin"}), false),
        ("tenant that is no name", json!({"tenant": "a/b"}), false),
        ("empty tenant", json!({"tenant": ""}), false),
    ] {
        assert_eq!(code(verify(changes)), (!good).then_some(Code::Unauthenticated), "{what}");
    }
}

#[test]
fn a_token_is_read_up_to_its_limit() {
    let (identity, _) = identity(config(vec![secret()]));
    let padded = |n: usize| HMAC.sign(&claims(json!({"other": "x".repeat(n)})));
    // Base 64 makes four characters of three bytes, so some lengths cannot be hit; this one can.
    let n = (0..TOKEN_BYTES_MAX).rev().find(|&n| padded(n).len() <= TOKEN_BYTES_MAX).unwrap();
    assert!(padded(n).len() > TOKEN_BYTES_MAX - 2 && identity.verify(&padded(n)).is_ok());
    assert_eq!(code(identity.verify(&padded(n + 1))), Some(Code::Unauthenticated));
}

#[test]
fn a_guest_gets_a_token_that_verifies() {
    let (identity, world) = identity(config(vec![]));
    let guest = identity.guest(Some(" Ann ")).unwrap();
    let principal = &guest.session.viewer.principal;
    assert!(principal.id.starts_with("g-") && principal.id.len() == 18 && principal.name == "Ann");
    assert_eq!((&guest.session.viewer.roles[..], guest.session.tenant.as_str()), (&["guest".to_owned()][..], "main"));
    assert_eq!(guest.session.expires, Time(NOW * 1000).after(GUEST_TOKEN));
    assert_eq!(identity.verify(&guest.token).as_ref(), Ok(&guest.session));
    assert_ne!(identity.guest(None).unwrap().session.viewer.principal.id, *principal.id);
    assert!(!format!("{guest:?}").contains(&guest.token));
    world.pass(GUEST_TOKEN);
    assert_eq!(code(identity.verify(&guest.token)), Some(Code::TokenExpired));
}

#[test]
fn a_guests_name_is_bounded_text() {
    let (identity, _) = identity(config(vec![]));
    for (name, expected) in [
        ("x".repeat(PRINCIPAL_BYTES_MAX), None),
        ("x".repeat(PRINCIPAL_BYTES_MAX + 1), Some(Code::TooLarge)),
        ("a\u{0}b".into(), Some(Code::BadString)),
        ("a\u{7f}b".into(), Some(Code::BadString)),
        ("<script>".into(), None),
        (String::new(), None),
    ] {
        assert_eq!(code(identity.guest(Some(&name))), expected, "{name:?}");
    }
}

#[test]
fn the_guest_key_gives_nothing_but_guests() {
    let key = Signer { key: EncodingKey::from_secret(&[7; 32]), algorithm: Algorithm::HS256, pem: String::new() };
    let (identity, _) = identity(config(vec![]));
    let guest = |changes: Value| {
        let mut guest = claims(json!({"iss": GUEST, "sub": "g-ann", "roles": ["guest"]}));
        guest.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key.sign_as(Algorithm::HS256, Some(GUEST), &guest)
    };
    assert!(identity.verify(&guest(json!({}))).is_ok());
    for changes in [
        json!({"roles": ["guest", "operator"]}),
        json!({"roles": ["operator"]}),
        json!({"roles": []}),
        json!({"roles": null}),
        json!({"sub": "ann"}),
        json!({"iss": "other"}),
        json!({"tenant": null}),
    ] {
        assert_eq!(code(identity.verify(&guest(changes.clone()))), Some(Code::Unauthenticated), "{changes}");
    }
    let longer =
        key.sign_as(Algorithm::HS512, Some(GUEST), &claims(json!({"iss": GUEST, "sub": "g-ann", "roles": ["guest"]})));
    assert_eq!(code(identity.verify(&longer)), Some(Code::Unauthenticated), "by another algorithm");
    let nameless = key.sign(&claims(json!({"iss": GUEST, "sub": "g-ann", "roles": ["guest"]})));
    assert_eq!(code(identity.verify(&nameless)), Some(Code::Unauthenticated), "without its kid");
}

#[test]
fn guests_stay_out_where_they_are_not_let_in() {
    let (open, _) = identity(config(vec![]));
    let (closed, _) = identity(IdentityConfig { guests: false, ..config(vec![]) });
    let guest = open.guest(None).unwrap();
    assert_eq!(code(closed.guest(None)), Some(Code::Forbidden));
    assert_eq!(code(closed.verify(&guest.token)), Some(Code::Unauthenticated));
}
