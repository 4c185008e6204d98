//! Objects in S3, over the SDK's connector.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::{Error, ObjectStore, ObjectStoreExt, path::Path};
use support::{Emulator, clients, unused};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A bucket that nobody else uses.
async fn bucket() -> Arc<dyn ObjectStore> {
    let (endpoint, name) = (Emulator::Ministack.endpoint(), unused());
    let place = endpoint.trim_start_matches("http://");
    let mut line = TcpStream::connect(place).await.unwrap();
    // Object stores have no word for it.
    let request = format!("PUT /{name} HTTP/1.1\r\nhost: {place}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    clients(&endpoint).objects(&name).unwrap()
}

#[tokio::test]
async fn an_object_is_kept_found_and_deleted() {
    let objects = bucket().await;
    let (large, small) = (Path::from("snapshots/main/todo/a/1-9-x"), Path::from("snapshots/main/todo/b/1-2-y"));
    let bytes: Vec<u8> = (0..8 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    objects.put(&large, bytes.clone().into()).await.unwrap();
    objects.put(&small, "x".into()).await.unwrap();
    assert_eq!(objects.get(&large).await.unwrap().bytes().await.unwrap(), bytes);
    let folder = Path::from("snapshots/main/todo/a");
    let found: Vec<Path> = objects.list(Some(&folder)).map_ok(|object| object.location).try_collect().await.unwrap();
    assert_eq!(found, std::slice::from_ref(&large));
    objects.delete(&large).await.unwrap();
    assert!(matches!(objects.get(&large).await, Err(Error::NotFound { .. })));
    assert_eq!(objects.get(&small).await.unwrap().bytes().await.unwrap(), "x");
}

#[tokio::test]
async fn a_line_that_breaks_and_a_server_that_fails_are_tried_again_and_requests_are_signed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut asked = Vec::new();
        for answer in [
            "",
            "HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 X\r\netag: \"e\"\r\nlast-modified: Tue, 01 Dec 2026 18:00:00 GMT\r\ncontent-length: 2\r\n\r\nok",
        ] {
            let (mut stream, mut buffer) = (listener.accept().await.unwrap().0, vec![0; 64 * 1024]);
            let bytes = stream.read(&mut buffer).await.unwrap();
            asked.push(String::from_utf8(buffer[..bytes].to_vec()).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    let objects = clients(&endpoint).objects("a-bucket").unwrap();
    assert_eq!(objects.get(&Path::from("x")).await.unwrap().bytes().await.unwrap(), "ok");
    for asked in served.await.unwrap() {
        assert!(asked.starts_with("GET /a-bucket/x HTTP/1.1"), "{asked}");
        assert!(asked.contains("/us-east-1/s3/aws4_request"), "{asked}");
    }
}
