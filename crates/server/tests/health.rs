//! How the host is and what it holds: who may ask, and what they are told.

#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::Host;
use dormouse_engine::identity::Verifier;
use dormouse_journal::{
    MemoryStore,
    faulty::{Fault, FaultyJournal},
};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

const SECRET: &[u8] = b"thirty-two bytes of a test secret";

fn operator() -> String {
    let claims = json!({ "sub": "op", "tenant": "main", "roles": ["operator"], "exp": 4_000_000_000_u64 });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

async fn host() -> Host {
    Host::with_keys(MemoryStore::default(), vec![Verifier::from_secret(SECRET).unwrap()]).await
}

async fn get(host: &Host, path: &str, token: Option<&str>) -> (u16, Value) {
    let request = reqwest::Client::new().get(host.url(path));
    let response = token.into_iter().fold(request, |request, token| request.bearer_auth(token)).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn whoever_asks_hears_whether_the_host_works() {
    let host = host().await;
    let (status, health) = get(&host, "/health", None).await;
    assert_eq!((status, &health["status"], &health["service"]), (200, &json!("ok"), &json!("test")));
    assert!(health["timestamp"].as_u64().unwrap() > 1_700_000_000_000 && health["version"].is_string());
}

#[tokio::test]
async fn a_host_whose_journal_fails_says_so_until_it_works_again() {
    let store = MemoryStore::default();
    let journal = FaultyJournal::new(store.clone());
    let keys = vec![Verifier::from_secret(SECRET).unwrap()];
    let host = Host::with_journal(store, Arc::new(journal.clone()), keys).await;
    let guest = host.token("Ann");
    journal.fail(Fault::Unavailable);
    let create = reqwest::Client::new().post(host.url("/v1/counter")).bearer_auth(&guest).json(&json!({}));
    assert_eq!(create.send().await.unwrap().status(), 503);
    let (status, health) = get(&host, "/health", None).await;
    assert_eq!((status, &health["status"], &health["service"]), (503, &json!("failing"), &json!("test")));
    let (status, said) = get(&host, "/health/detailed", Some(&operator())).await;
    assert_eq!((status, &said["journal"], &said["commits"]), (503, &json!("unavailable"), &json!(0)));
    host.counter(&guest, json!({})).await;
    assert_eq!(get(&host, "/health", None).await.0, 200);
}

#[tokio::test]
async fn operators_hear_how_the_host_is() {
    let host = host().await;
    let guest = host.token("Ann");
    host.counter(&guest, json!({})).await;
    let (status, said) = get(&host, "/health/detailed", Some(&operator())).await;
    assert_eq!(status, 200);
    assert_eq!((&said["journal"], &said["draining"], &said["quarantined"]), (&json!("ok"), &json!(false), &json!([])));
    assert_eq!(
        (&said["live"], &said["asleep"], &said["commits"], &said["waiting"]),
        (&json!(1), &json!(0), &json!(1), &json!(0))
    );
    assert!(said["connections"].as_u64().unwrap() >= 1 && said["uptime_ms"].is_u64());
    if cfg!(target_os = "linux") {
        assert!(said["memory_bytes"].as_u64().unwrap() > 1_000_000 && said["processor_ms"].is_u64());
    }
}

#[tokio::test]
async fn operators_alone_count_a_kind() {
    let host = host().await;
    let guest = host.token("Ann");
    host.counter(&guest, json!({})).await;
    host.counter(&guest, json!({ "private": true })).await;
    let (status, said) = get(&host, "/stats/counter", Some(&operator())).await;
    assert_eq!((status, &said["total"], &said["more"]), (200, &json!(2), &json!(false)));
    assert_eq!((&said["by_status"], &said["members"]), (&json!({ "open": 2 }), &json!(0)));
    assert_eq!(said["rows"].as_array().unwrap().len(), 2);
    assert_eq!(get(&host, "/stats/nothing", Some(&operator())).await.0, 404);
    for path in ["/stats/counter", "/health/detailed"] {
        assert_eq!(get(&host, path, Some(&guest)).await.0, 403, "{path}");
        assert_eq!(get(&host, path, None).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn everybody_may_hear_numbers_that_name_nobody() {
    let host = host().await;
    host.counter(&host.token("Ann"), json!({})).await;
    let (status, said) = get(&host, "/stats", None).await;
    assert_eq!((status, &said["live"], &said["commits"], &said["retired"]), (200, &json!(1), &json!(1), &json!(0)));
    assert!(said.get("rows").is_none());
}
