use std::{fs, path::PathBuf, sync::Barrier, thread};

use super::*;
use crate::identity::{KeyError, KeyFile, KeyProblem};

fn signature(key: &GuestKey) -> String {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &json!({}), &key.signing).unwrap()
}

#[test]
fn the_first_start_makes_a_guest_key_and_later_ones_load_it() {
    let (data, world) = (tempfile::tempdir().unwrap(), TestWorld::new());
    let root = data.path().join("data");
    let made = GuestKey::open(&root, &*world).unwrap();
    let loaded = GuestKey::open(&root, &*world).unwrap();
    assert_eq!(signature(&made), signature(&loaded));
    assert_ne!(signature(&made), signature(&GuestKey::open(&data.path().join("other"), &*world).unwrap()));
    let names: Vec<_> = fs::read_dir(root.join("keys")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["guest.key"], "no draft stays behind");
    assert_eq!(fs::read(root.join("keys/guest.key")).unwrap().len(), 44);
    assert_eq!(format!("{made:?}"), "GuestKey");
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_guest_key() {
    use std::os::unix::fs::PermissionsExt;
    let data = tempfile::tempdir().unwrap();
    GuestKey::open(data.path(), &*TestWorld::new()).unwrap();
    for (path, mode) in [("keys", 0o700), ("keys/guest.key", 0o600)] {
        let found = fs::metadata(data.path().join(path)).unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path}");
    }
}

#[test]
fn starters_at_once_get_the_same_guest_key() {
    let world = TestWorld::new();
    for _ in 0..20 {
        let (data, barrier) = (tempfile::tempdir().unwrap(), Barrier::new(8));
        let signatures: Vec<String> = thread::scope(|scope| {
            let start = || {
                barrier.wait();
                signature(&GuestKey::open(data.path(), &*world).unwrap())
            };
            let starters: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starters.into_iter().map(|starter| starter.join().unwrap()).collect()
        });
        assert!(signatures.iter().all(|signature| *signature == signatures[0]));
    }
}

#[test]
fn a_malformed_guest_key_is_left_alone_and_says_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("keys/guest.key");
    GuestKey::open(data.path(), &*TestWorld::new()).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    for bad in ["", "\n", &good[..42], &format!("A{good}"), &good.replace('\n', "="), &format!("{good}{good}"), "é"] {
        fs::write(&path, bad).unwrap();
        let error = GuestKey::open(data.path(), &*TestWorld::new()).unwrap_err();
        assert!(matches!(error, KeyError::BadGuestKey { .. }) && error.to_string().contains("delete it"), "{bad:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), bad);
    }
}

#[cfg(unix)]
#[test]
fn a_guest_key_that_cannot_be_read_or_made_is_an_error() {
    let data = tempfile::tempdir().unwrap();
    let keys = data.path().join("keys");
    fs::write(&keys, "a file").unwrap();
    assert!(matches!(GuestKey::open(data.path(), &*TestWorld::new()), Err(KeyError::Read { .. })));
    fs::remove_file(&keys).unwrap();
    std::os::unix::fs::symlink(data.path().join("nowhere"), &keys).unwrap();
    assert!(matches!(GuestKey::open(data.path(), &*TestWorld::new()), Err(KeyError::Write { .. })));
}

#[test]
fn pem_files_hold_one_public_key_of_a_known_type() {
    let weak = pem("PUBLIC KEY", &STANDARD.decode(RSA_1024).unwrap());
    let two = format!("{}{}", RSA.pem, EC.pem);
    let truncated = RSA.pem.replace("IDAQAB", "");
    for (what, text, expected) in [
        ("RSA", &*RSA.pem, None),
        ("P-256", &*EC.pem, None),
        ("Ed25519", &*ED.pem, None),
        ("P-384", &*P384.pem, Some(KeyProblem::NotPem)),
        ("RSA of 1024 bits", &*weak, Some(KeyProblem::NotPem)),
        ("two keys", &*two, Some(KeyProblem::Several)),
        ("truncated", &*truncated, Some(KeyProblem::NotPem)),
        ("nothing", "", Some(KeyProblem::NotPem)),
        ("a private key", "-----BEGIN PRIVATE KEY-----\n", Some(KeyProblem::Private)),
        ("a private key of RSA", "-----BEGIN RSA PRIVATE KEY-----\n", Some(KeyProblem::Private)),
        ("a certificate", "-----BEGIN CERTIFICATE-----\n", Some(KeyProblem::Certificate)),
    ] {
        assert_eq!(Verifier::from_pem(text.as_bytes()).err(), expected, "{what}");
    }
}

/// A public key that was made for this test: SubjectPublicKeyInfo, 1024 bits.
const RSA_1024: &str = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC3yLXaYYCWCzyJDFMO+BtQF1vxFdOIQ28fGztLVinpR7fmhUxUp0XFnxh5SEUwYPU832QhSQKtv89Jc++BUEUPAaRiqN32EvkkCRoyxeBEG9YGsOScgqvfBEzhvIVx/jCo7BjgFUtgJqQnyN1ZOLU8MRZQNooL3QqRAc6vHir58QIDAQAB";

#[test]
fn secrets_are_as_long_as_their_hash() {
    for (secret, good) in [(&[b'x'; 32][..], true), (&[b'x'; 31], false), (b"x\n", false), (&[b'\n'; 99], false)] {
        assert_eq!(Verifier::from_secret(secret).is_ok(), good, "{secret:?}");
    }
    let (identity, _) = identity(config(vec![Verifier::from_secret(&[&SECRET[..], b"\r\n"].concat()).unwrap()]));
    assert!(identity.verify(&HMAC.sign(&claims(json!({})))).is_ok(), "a line end is no part of it");
}

#[test]
fn a_jwks_gives_the_keys_that_verify_tokens() {
    let with = |mut jwk: Value, key: &str, value: Value| {
        jwk[key] = value;
        jwk
    };
    let short = json!({"kty": "oct", "k": "c2hvcnQ", "kid": "short"});
    for (what, keys, expected) in [
        ("each type", json!([RSA.jwk("1"), EC.jwk("2"), ED.jwk("3"), HMAC.jwk("4")]), Ok(4)),
        ("one for encryption too", json!([RSA.jwk("1"), with(RSA.jwk("2"), "use", json!("enc"))]), Ok(1)),
        ("one for signing only", json!([RSA.jwk("1"), with(RSA.jwk("2"), "key_ops", json!(["sign"]))]), Ok(1)),
        ("one of another algorithm", json!([RSA.jwk("1"), with(RSA.jwk("2"), "alg", json!("RS512"))]), Ok(1)),
        ("one of an unknown type", json!([RSA.jwk("1"), {"kty": "AKP", "kid": "2"}]), Ok(1)),
        ("one that is too short", json!([RSA.jwk("1"), short]), Ok(1)),
        ("RSA for HS256", json!([with(RSA.jwk("1"), "alg", json!("HS256"))]), Err(KeyProblem::NoKey)),
        ("P-384", json!([P384.jwk("1")]), Err(KeyProblem::NoKey)),
        ("half a point", json!([with(EC.jwk("1"), "y", json!(""))]), Err(KeyProblem::NoKey)),
        ("nothing", json!([]), Err(KeyProblem::NoKey)),
        ("the same kid", json!([RSA.jwk("1"), EC.jwk("1")]), Err(KeyProblem::SameKid)),
        ("the guest key's kid", json!([RSA.jwk("dormouse-guest")]), Err(KeyProblem::GuestKid)),
        ("no list", json!({}), Err(KeyProblem::NotJwks)),
    ] {
        let verifier = Verifier::from_jwks(json!({"keys": keys}).to_string().as_bytes());
        assert_eq!(verifier.map(|verifier| verifier.keys().len()), expected, "{what}");
    }
    assert_eq!(Verifier::from_jwks(b"{").err(), Some(KeyProblem::NotJwks));
}

#[test]
fn key_files_are_read_in_their_form() {
    let data = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = data.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let jwks = json!({"keys": [EC.jwk("1")]}).to_string();
    let long = " ".repeat(256 * 1024 - jwks.len());
    for (file, good) in [
        (KeyFile::Pem(file("pem", RSA.pem.as_bytes())), true),
        (KeyFile::Secret(file("secret", SECRET)), true),
        (KeyFile::Jwks(file("jwks", jwks.as_bytes())), true),
        (KeyFile::Jwks(file("long", format!("{jwks}{long}").as_bytes())), true),
        (KeyFile::Jwks(file("longer", format!("{jwks}{long} ").as_bytes())), false),
        (KeyFile::Pem(file("wrong", jwks.as_bytes())), false),
        (KeyFile::Jwks(data.path().join("absent")), false),
    ] {
        assert_eq!(Verifier::read(&file).is_ok(), good, "{file:?}");
    }
    let debug = format!("{:?}", Verifier::from_secret(SECRET).unwrap());
    assert!(!debug.contains("97") && debug.contains("HS256"), "{debug}");
}

#[test]
fn a_key_file_that_changed_is_read_again() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("secret");
    let token = |secret: &[u8]| {
        let claims = claims(json!({}));
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let [old, new] = [token(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), token(b"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")];
    fs::write(&path, "a".repeat(32)).unwrap();
    let (identity, _) = identity(config(vec![Verifier::read(&KeyFile::Secret(path.clone())).unwrap()]));
    let lets_in = || [&old, &new].map(|token| identity.verify(token).is_ok());
    assert_eq!(lets_in(), [true, false]);
    fs::write(&path, "b".repeat(33)).unwrap();
    assert_eq!(lets_in(), [true, false], "not before anybody looks");
    identity.renew_keys();
    assert_eq!(lets_in(), [false, true]);
    fs::write(&path, "too short").unwrap();
    identity.renew_keys();
    assert_eq!(lets_in(), [false, true], "a file that is no key leaves those from before");
    fs::remove_file(&path).unwrap();
    identity.renew_keys();
    assert_eq!(lets_in(), [false, true], "so does none");
    fs::write(&path, "a".repeat(32)).unwrap();
    identity.renew_keys();
    assert_eq!(lets_in(), [true, false]);
}
