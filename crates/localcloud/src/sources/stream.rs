//! Records of a table's stream, as Lambda takes them: in order within a shard, one batch at a time, and a record that fails holds up those after it until
//! it is done, was tried so often that it is given up, or its batch was halved down to it.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodbstreams::{
    Client,
    error::DisplayErrorContext,
    types::{AttributeValue, Record, ShardIteratorType},
};
use aws_types::SdkConfig;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::{Asking, Faults, Outcome, hand_over};
use crate::{function::Function, limits};

/// How often a shard is asked: Lambda, DynamoDB event sources, four times in a second.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// How often new shards are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Gives a table's stream to a function, from its beginning. Dropping it ends that.
pub struct Stream {
    faults: Arc<Faults>,
    given_up: Arc<AtomicU64>,
    _asking: Asking,
}

#[derive(Clone)]
struct Poller {
    client: Client,
    table: String,
    function: Function,
    faults: Arc<Faults>,
    given_up: Arc<AtomicU64>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Stream {
    /// Begin to follow the stream of this table.
    pub fn follow(config: &SdkConfig, table: &str, function: Function) -> Self {
        let (faults, given_up) = (Arc::<Faults>::default(), Arc::<AtomicU64>::default());
        let (client, table) = (Client::new(config), table.to_owned());
        let poller = Poller { client, table, function, faults: faults.clone(), given_up: given_up.clone() };
        Self { faults, given_up, _asking: Asking(tokio::spawn(poller.run())) }
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How many records were tried as often as they may be. On AWS they go to the mapping's destination for failures.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }
}

impl Poller {
    /// Follow every shard there is and those that come.
    async fn run(self) {
        let (mut followed, mut shards) = (HashSet::new(), JoinSet::new());
        loop {
            match self.shards().await {
                Ok((arn, found)) => {
                    for shard in found.into_iter().filter(|shard| followed.insert(shard.clone())) {
                        let (this, arn) = (self.clone(), arn.clone());
                        shards.spawn(async move { this.follow(&arn, &shard).await });
                    }
                }
                Err(error) => tracing::warn!(error = &*error, "the stream cannot be described"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn shards(&self) -> Result<(String, Vec<String>), Failure> {
        let streams = self.client.list_streams().table_name(&self.table).send().await?;
        let stream = streams.streams.unwrap_or_default().into_iter().find_map(|stream| stream.stream_arn);
        let arn = stream.ok_or_else(|| format!("{} has no stream", self.table))?;
        let described = self.client.describe_stream().stream_arn(&arn).send().await?;
        let shards = described.stream_description.and_then(|stream| stream.shards).unwrap_or_default();
        Ok((arn, shards.into_iter().filter_map(|shard| shard.shard_id).collect()))
    }

    async fn follow(&self, arn: &str, shard: &str) {
        let (mut at, mut after) = (None, None);
        loop {
            match self.records(arn, shard, at.take(), after.as_deref()).await {
                Ok((records, next)) => {
                    let is_idle = records.is_empty();
                    after = records.iter().rev().find_map(|record| sequence(record).map(str::to_owned)).or(after);
                    for batch in records.chunks(limits::STREAM_BATCH_MAX) {
                        self.deliver(batch.to_vec()).await;
                    }
                    let Some(next) = next else { return };
                    at = Some(next);
                    if is_idle {
                        tokio::time::sleep(ASK_EVERY).await;
                    }
                }
                // The next question begins after what was delivered.
                Err(error) => {
                    tracing::warn!(error = %DisplayErrorContext(&*error), shard, "the stream does not answer");
                    tokio::time::sleep(ASK_EVERY).await;
                }
            }
        }
    }

    async fn records(
        &self,
        arn: &str,
        shard: &str,
        at: Option<String>,
        after: Option<&str>,
    ) -> Result<(Vec<Value>, Option<String>), Failure> {
        let at = match at {
            Some(at) => at,
            None => self.iterator(arn, shard, after).await?,
        };
        let answer = self.client.get_records().shard_iterator(at).send().await?;
        let records = answer.records.unwrap_or_default();
        Ok((records.into_iter().filter_map(|record| event(arn, record)).collect(), answer.next_shard_iterator))
    }

    async fn iterator(&self, arn: &str, shard: &str, after: Option<&str>) -> Result<String, Failure> {
        let iterator = self.client.get_shard_iterator().stream_arn(arn).shard_id(shard);
        let iterator = match after {
            Some(after) => iterator.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(after),
            None => iterator.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        iterator.send().await?.shard_iterator.ok_or_else(|| "no iterator was given".into())
    }

    async fn deliver(&self, records: Vec<Value>) {
        if records.is_empty() {
            return;
        }
        self.faults.delay().await;
        for batch in self.faults.batches(records) {
            self.insist(&batch).await;
        }
    }

    /// Until each of these is done or given up. After a failure the batch is halved, so that one record does not take the others with it.
    async fn insist(&self, batch: &[Value]) {
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            match self.attempt(batch).await {
                Some(rest) if rest.len() > 1 => {
                    let (first, second) = rest.split_at(rest.len() / 2);
                    waiting.extend([second, first]);
                }
                Some(rest) => {
                    tracing::warn!(records = rest.len(), "a record of the stream is given up");
                    self.given_up.fetch_add(rest.len() as u64, Ordering::Relaxed);
                }
                None => {}
            }
        }
    }

    /// What is left of it after so many attempts as a batch gets; each begins with the first record that is not done.
    async fn attempt<'a>(&self, mut batch: &'a [Value]) -> Option<&'a [Value]> {
        for _ in 0..limits::STREAM_ATTEMPTS {
            let failed = match hand_over(&self.function, batch).await {
                Outcome::Done => return None,
                Outcome::Except(failed) => failed,
                // Halved at once, unless it is one record.
                Outcome::Failed if batch.len() > 1 => return Some(batch),
                Outcome::Failed => continue,
            };
            let is_named = |record: &Value| failed.iter().any(|name| sequence(record) == Some(name));
            batch = &batch[batch.iter().position(is_named).unwrap_or_default()..];
        }
        Some(batch)
    }
}

fn sequence(record: &Value) -> Option<&str> {
    record["dynamodb"]["SequenceNumber"].as_str()
}

/// A record as it stands in an event.
fn event(arn: &str, record: Record) -> Option<Value> {
    let change = record.dynamodb?;
    let image = |image: Option<HashMap<String, AttributeValue>>| image.map(item);
    let mut told = json!({
        "Keys": image(change.keys),
        "SequenceNumber": change.sequence_number,
        "SizeBytes": change.size_bytes,
        "StreamViewType": change.stream_view_type.map(|view| view.as_str().to_owned()),
    });
    if let Some(new) = change.new_image {
        told["NewImage"] = item(new);
    }
    Some(json!({
        "eventID": record.event_id,
        "eventName": record.event_name.map(|name| name.as_str().to_owned()),
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "local",
        "dynamodb": told,
        "eventSourceARN": arn,
    }))
}

fn item(item: HashMap<String, AttributeValue>) -> Value {
    Value::Object(item.into_iter().map(|(name, value)| (name, attribute(value))).collect())
}

/// DynamoDB's JSON.
fn attribute(value: AttributeValue) -> Value {
    let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let (name, value) = match value {
        AttributeValue::S(text) => ("S", json!(text)),
        AttributeValue::N(number) => ("N", json!(number)),
        AttributeValue::B(bytes) => ("B", json!(encode(bytes.as_ref()))),
        AttributeValue::Bool(is) => ("BOOL", json!(is)),
        AttributeValue::Null(is) => ("NULL", json!(is)),
        AttributeValue::Ss(texts) => ("SS", json!(texts)),
        AttributeValue::Ns(numbers) => ("NS", json!(numbers)),
        AttributeValue::Bs(sets) => ("BS", sets.iter().map(|bytes| encode(bytes.as_ref())).collect()),
        AttributeValue::L(list) => ("L", list.into_iter().map(attribute).collect()),
        AttributeValue::M(map) => ("M", item(map)),
        other => ("UNKNOWN", json!(format!("{other:?}"))),
    };
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
