//! Clients from the environment, of a process that has no other.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};

/// What a listener was asked.
type Asked = Arc<Mutex<String>>;

/// Listens, refuses everything, and keeps what it was asked.
fn listener() -> (String, Asked) {
    let (listener, asked) = (TcpListener::bind("127.0.0.1:0").unwrap(), Asked::default());
    let (endpoint, heard) = (format!("http://{}", listener.local_addr().unwrap()), asked.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            refuse(stream.unwrap(), &heard);
        }
    });
    (endpoint, asked)
}

/// The same behind TLS, and the certificate that it shows.
fn tls_listener() -> (String, Asked, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let shown = vec![made.cert.der().clone()];
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(shown, key.into()).unwrap();
    let (listener, asked, config) = (TcpListener::bind("localhost:0").unwrap(), Asked::default(), Arc::new(config));
    let port = listener.local_addr().unwrap().port();
    let heard = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            refuse(StreamOwned::new(connection, stream.unwrap()), &heard);
        }
    });
    (format!("https://localhost:{port}"), asked, made.cert.pem())
}

/// One request of one line. A client that does not trust the certificate asks nothing.
fn refuse(mut stream: impl Read + Write, heard: &Asked) {
    let mut buffer = vec![0; 64 * 1024];
    let Ok(bytes) = stream.read(&mut buffer) else { return };
    heard.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..bytes]));
    let answer = b"HTTP/1.1 400 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    drop(stream.write_all(answer));
}

fn reach(management: &str, variables: &[(&str, &str)]) -> Output {
    let mut reach = Command::new(support::example("reach"));
    // Without a machine's role, of which this machine has none: to ask for it takes seconds.
    reach.arg(management).env_clear().env("AWS_EC2_METADATA_DISABLED", "true");
    reach.envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn region_credentials_and_endpoints_are_those_of_the_environment() {
    let ((all, asked_of_all), (one, asked_of_one), (gateway, asked_of_gateway)) = (listener(), listener(), listener());
    let said = reach(
        &format!("{gateway}/prod"),
        &[
            ("AWS_REGION", "eu-north-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "of-this-session"),
            ("AWS_ENDPOINT_URL", &all),
            ("AWS_ENDPOINT_URL_DYNAMODB", &one),
        ],
    );
    assert!(said.status.success(), "{said:?}");
    println!("{}", String::from_utf8_lossy(&said.stdout));
    let [all, one, gateway] = [asked_of_all, asked_of_one, asked_of_gateway].map(|asked| asked.lock().unwrap().clone());
    assert!(one.contains("DynamoDB_20120810.ListTables") && one.contains("/eu-north-1/dynamodb/aws4_request"), "{one}");
    assert!(all.contains("AmazonSQS.ListQueues") && all.contains("GET /schedules"), "{all}");
    assert!(!all.contains("DynamoDB"), "{all}");
    assert!(gateway.contains("GET /prod/@connections/c1%3D ") && gateway.contains("/execute-api/"), "{gateway}");
    for asked in [all, one, gateway] {
        assert!(asked.contains("Credential=AKIDEXAMPLE/") && asked.contains("x-amz-security-token: of-this-session"));
    }
}

#[test]
fn without_a_region_it_says_what_is_missing() {
    let said = reach("http://127.0.0.1:9", &[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")]);
    assert!(!said.status.success());
    assert!(String::from_utf8_lossy(&said.stderr).contains("NoRegion"), "{said:?}");
}

#[test]
fn https_is_asked_where_the_machine_trusts_the_certificate_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (trusted, asked, certificate) = tls_listener();
    let (other, asked_of_other, _) = tls_listener();
    let file = folder.path().join("trusted.pem");
    std::fs::write(&file, certificate).unwrap();
    let said = reach(
        &other,
        &[
            ("AWS_REGION", "eu-north-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_MAX_ATTEMPTS", "1"),
            ("AWS_ENDPOINT_URL", &trusted),
            ("SSL_CERT_FILE", file.to_str().unwrap()),
        ],
    );
    assert!(said.status.success(), "{said:?}");
    let asked = asked.lock().unwrap();
    assert!(asked.contains("DynamoDB_20120810.ListTables") && asked.contains("GET /schedules"), "{asked}");
    assert_eq!(*asked_of_other.lock().unwrap(), "");
}
