use dormouse_core::limits::{GUEST_TOKEN, REVOCATIONS_MAX};

use super::*;
use crate::identity::KeyError;

#[test]
fn case_41_a_revoked_principal_is_out_at_the_next_look() {
    let (identity, world) = identity(config(vec![secret()]));
    let token = |iat: Value| HMAC.sign(&claims(json!({"iat": iat})));
    let open = identity.verify(&token(json!(NOW))).unwrap();
    identity.revoke(&name("acme"), "ann").unwrap();
    assert!(identity.is_revoked(&open));
    assert_eq!(code(identity.check(&open)), Some(Code::Revoked));
    world.pass(Duration::from_secs(1));
    for (iat, expected) in [
        (json!(NOW - 1), Some(Code::Revoked)),
        (json!(NOW), Some(Code::Revoked)),
        (json!(null), Some(Code::Revoked)),
        (json!(NOW + 1), None),
    ] {
        assert_eq!(code(identity.verify(&token(iat.clone()))), expected, "issued {iat}");
    }
}

#[test]
fn case_45_a_revocation_stays_in_its_tenant() {
    let (identity, _) = identity(config(vec![]));
    identity.revoke(&name("acme"), "ann").unwrap();
    for (tenant, principal, revoked) in [("acme", "ann", true), ("other", "ann", false), ("acme", "bob", false)] {
        assert_eq!(identity.is_revoked(&session(tenant, principal)), revoked, "{tenant}/{principal}");
    }
    identity.revoke(&name("acme"), "ann/x").unwrap();
    assert!(!identity.is_revoked(&session("acme", "x")));
}

#[test]
fn a_clock_that_jumps_back_takes_no_revocation_back() {
    let (identity, world) = identity(config(vec![]));
    identity.revoke(&name("acme"), "ann").unwrap();
    world.now.fetch_sub(60_000, Ordering::SeqCst);
    identity.revoke(&name("acme"), "ann").unwrap();
    assert!(identity.is_revoked(&session("acme", "ann")));
}

#[test]
fn as_many_revocations_are_remembered_as_may() {
    let (identity, world) = identity(config(vec![]));
    for n in 0..REVOCATIONS_MAX {
        identity.revoke(&name("acme"), &format!("p{n}")).unwrap();
    }
    let full = identity.revoke(&name("acme"), "late").unwrap_err();
    assert!(full.code == Code::RateLimited && full.retry_after.is_some());
    assert!(identity.revoke(&name("acme"), "p0").is_ok(), "it is remembered already");
    assert!(identity.is_revoked(&session("acme", "p1")), "a full list forgets nothing");
    world.pass(GUEST_TOKEN);
    assert_eq!(code(identity.revoke(&name("acme"), "late")), Some(Code::RateLimited));
    world.pass(Duration::from_millis(1));
    assert!(identity.revoke(&name("acme"), "late").is_ok());
}

#[test]
fn who_was_revoked_stays_so_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("keys/revoked.json");
    let start = || {
        let (identity, _) = identity(config(vec![]));
        identity.keep_revocations(file.clone())
    };
    let first = start().unwrap();
    first.revoke(&name("acme"), "ann").unwrap();
    first.revoke(&name("acme"), "bob").unwrap();
    let next = start().unwrap();
    assert!(["ann", "bob"].iter().all(|who| next.is_revoked(&session("acme", who))));
    assert!(!next.is_revoked(&session("acme", "eve")));
    let at = NOW * 1000;
    let golden = format!(r#"{{"version":1,"revoked":{{"acme/ann":{at},"acme/bob":{at}}}}}"#);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), golden);
    assert_eq!(std::fs::read_dir(data.path().join("keys")).unwrap().count(), 1, "no draft stays behind");
    for bad in ["", "{}", r#"{"version":2,"revoked":{}}"#] {
        std::fs::write(&file, bad).unwrap();
        assert!(matches!(start(), Err(KeyError::BadRevocations { .. })), "{bad:?} lets nobody in who was revoked");
    }
}

#[test]
fn a_revocation_that_cannot_be_kept_counts_and_is_not_called_done() {
    let data = tempfile::tempdir().unwrap();
    let (identity, _) = identity(config(vec![]));
    let identity = identity.keep_revocations(data.path().join("keys/revoked.json")).unwrap();
    std::fs::write(data.path().join("keys"), "in the way").unwrap();
    assert_eq!(code(identity.revoke(&name("acme"), "ann")), Some(Code::Unavailable));
    assert!(identity.is_revoked(&session("acme", "ann")));
}
