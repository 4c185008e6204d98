//! A store whose index has followed the stream by the time that an append returns: what a function behind the stream does a moment later.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use aws_sdk_dynamodbstreams::{
    Client,
    config::{BehaviorVersion, Config, Credentials, Region},
    types::{AttributeValue as Streamed, ShardIteratorType},
};
use dormouse_core::{
    Address, Time,
    position::{Head, Position},
};
use dormouse_journal::{
    AppendError, Attempt, Entry, Filter, Index, IndexChange, Journal, Lease, Page, ReadError, Row, Run, StoreError,
    StoredSnapshot, index::Counts,
};
use dormouse_journal_dynamodb::{DynamoStore, Item, Tables};
use tokio::sync::Mutex;

use super::Emulator;

pub(crate) struct Followed {
    pub(crate) store: DynamoStore,
    stream: Mutex<Stream>,
    /// Looks at the stream that began.
    begun: AtomicU64,
}

impl Followed {
    pub(crate) async fn new(emulator: Emulator, store: DynamoStore, tables: &Tables) -> Self {
        let stream = Stream::open(emulator, &tables.journal).await;
        Self { store, stream: Mutex::new(stream), begun: AtomicU64::new(0) }
    }

    /// Absorb what is in the stream now, unless somebody else began to after this was called.
    async fn follow(&self) {
        let before = self.begun.load(Ordering::SeqCst);
        let mut stream = self.stream.lock().await;
        if self.begun.load(Ordering::SeqCst) > before {
            return;
        }
        self.begun.fetch_add(1, Ordering::SeqCst);
        loop {
            let images = stream.next().await;
            if images.is_empty() {
                return;
            }
            self.store.absorb(&images).await.unwrap();
        }
    }
}

/// Reads the stream of a table from its beginning.
pub(crate) struct Stream {
    client: Client,
    iterators: Vec<String>,
}

impl Stream {
    pub(crate) async fn open(emulator: Emulator, table: &str) -> Self {
        let described = emulator.client().describe_table().table_name(table).send().await.unwrap();
        let arn = described.table.unwrap().latest_stream_arn.unwrap();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(emulator.endpoint())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        let client = Client::from_conf(config.build());
        let stream = client.describe_stream().stream_arn(&arn).send().await.unwrap().stream_description.unwrap();
        let mut iterators = Vec::new();
        for shard in stream.shards.unwrap() {
            let iterator = client.get_shard_iterator().stream_arn(&arn).shard_id(shard.shard_id.unwrap());
            let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
            iterators.push(iterator.shard_iterator.unwrap());
        }
        assert!(!iterators.is_empty(), "a stream has a shard");
        Self { client, iterators }
    }

    /// The new images that came since; none if there are none yet.
    pub(crate) async fn next(&mut self) -> Vec<Item> {
        let mut images = Vec::new();
        for iterator in std::mem::take(&mut self.iterators) {
            let answer = self.client.get_records().shard_iterator(iterator).send().await.unwrap();
            self.iterators.extend(answer.next_shard_iterator);
            let records = answer.records.unwrap_or_default().into_iter().filter_map(|record| record.dynamodb);
            images.extend(records.filter_map(|record| record.new_image).map(image));
        }
        images
    }
}

/// The two SDKs have a type each for the same thing.
fn image(streamed: HashMap<String, Streamed>) -> Item {
    let value = |value| match value {
        Streamed::S(text) => AttributeValue::S(text),
        Streamed::N(number) => AttributeValue::N(number),
        Streamed::B(bytes) => AttributeValue::B(Blob::new(bytes.into_inner())),
        other => panic!("no item of the journal has {other:?}"),
    };
    streamed.into_iter().map(|(name, it)| (name, value(it))).collect()
}

#[async_trait]
impl Journal for Followed {
    async fn append(&self, run: Run) -> Result<(), AppendError> {
        self.store.append(run).await?;
        self.follow().await;
        Ok(())
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        self.store.head(address).await
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.store.read(address, after_seq, limit).await
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        self.store.snapshot(address).await
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        self.store.put_snapshot(address, snapshot).await
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        self.store.fence(address, epoch).await?;
        self.follow().await;
        Ok(())
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        self.store.delete(address).await
    }
}

#[async_trait]
impl Index for Followed {
    async fn due(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, StoreError> {
        self.store.due(now, limit).await
    }

    async fn lease(&self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Result<Vec<Lease>, StoreError> {
        self.store.lease(kinds, now, until, limit).await
    }

    async fn release(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), StoreError> {
        self.store.release(lease, retry_at, attempt).await
    }

    async fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        self.store.list(filter, after, limit).await
    }

    async fn row(&self, address: &Address) -> Result<Option<Row>, StoreError> {
        self.store.row(address).await
    }

    async fn sweep(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.store.sweep(after, limit).await
    }

    async fn present(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        self.store.present(after, limit).await
    }

    async fn reindex(&self, address: &Address, at: Position, change: IndexChange) -> Result<(), StoreError> {
        self.store.reindex(address, at, change).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts().await
    }

    async fn activity(&self, since: Time) -> Result<Vec<(Time, u64)>, StoreError> {
        self.store.activity(since).await
    }
}
