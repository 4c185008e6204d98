//! Large snapshots in S3, and in a folder.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::sync::Arc;

use dormouse_journal::{
    Journal,
    conformance::sample::{Writer, snapshot_at},
};
use dormouse_journal_dynamodb::DynamoStore;
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, local::LocalFileSystem, path::Path};
use support::Emulator;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn names(objects: &dyn ObjectStore) -> Vec<Path> {
    objects.list(None).map_ok(|object| object.location).try_collect().await.unwrap()
}

async fn large_snapshots_are_kept_in(objects: Arc<dyn ObjectStore>) {
    let emulator = Emulator::Ministack;
    let store = DynamoStore::new(&emulator.client(), emulator.tables().await, objects.clone());
    let mut writer = Writer::new("main/todo/a");
    for bytes in [400_000, 8 * 1024 * 1024, 1_000] {
        writer.append(&store, 2).await;
        let snapshot = snapshot_at(writer.head, bytes);
        store.put_snapshot(&writer.address, snapshot.clone()).await.unwrap();
        assert_eq!(store.snapshot(&writer.address).await.unwrap(), Some(snapshot));
        assert_eq!(names(&*objects).await.len(), usize::from(bytes > 300 * 1024), "{bytes} bytes");
    }
    objects.put(&"snapshots/main/todo/a/1-9-left".into(), "x".into()).await.unwrap();
    objects.put(&"snapshots/main/todo/b/1-9-other".into(), "x".into()).await.unwrap();
    store.delete(&writer.address).await.unwrap();
    assert_eq!(names(&*objects).await, [Path::from("snapshots/main/todo/b/1-9-other")]);
}

#[tokio::test]
async fn large_snapshots_are_kept_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    large_snapshots_are_kept_in(Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap())).await;
}

#[tokio::test]
async fn large_snapshots_are_kept_in_s3() {
    let endpoint = Emulator::Ministack.endpoint();
    let bucket = format!("snapshots-{}", std::process::id());
    make_bucket(endpoint.trim_start_matches("http://"), &bucket).await;
    let s3 = AmazonS3Builder::new()
        .with_endpoint(&endpoint)
        .with_allow_http(true)
        .with_region("us-east-1")
        .with_bucket_name(&bucket)
        .with_access_key_id("test")
        .with_secret_access_key("test");
    large_snapshots_are_kept_in(Arc::new(s3.build().unwrap())).await;
}

/// Object stores have no word for it.
async fn make_bucket(endpoint: &str, bucket: &str) {
    let mut line = TcpStream::connect(endpoint).await.unwrap();
    let request =
        format!("PUT /{bucket} HTTP/1.1\r\nhost: {endpoint}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
