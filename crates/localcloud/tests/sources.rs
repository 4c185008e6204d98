//! Streams and queues of emulators, to a function that says what it got: in order, in pieces, twice, and around what cannot be done.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::{
    path::PathBuf,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    StreamSpecification, StreamViewType,
};
use aws_types::SdkConfig;
use dormouse_localcloud::{Clock, Function, Queue, Schedule, Stream, emulator::emulator, limits};
use serde_json::json;

fn beside(name: &str) -> SdkConfig {
    emulator(&std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: tools/cloud/run sets it")))
}

/// A function of its own, and the file in which it says what it got.
struct Told {
    function: Function,
    file: PathBuf,
}

impl Told {
    fn new(name: &str) -> Self {
        let file = std::env::temp_dir().join(format!("localcloud-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&file);
        let mut lambda = support::lambda();
        lambda.variables.insert("ECHO_LOG".to_owned(), file.display().to_string());
        Self { function: Function::new(lambda, Clock::default()), file }
    }

    /// The batches so far, by their words.
    fn batches(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Every word so far, in order.
    fn words(&self) -> Vec<String> {
        self.batches().iter().flat_map(|batch| batch.split(' ')).map(str::to_owned).collect()
    }

    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", self.batches());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

struct Table {
    client: aws_sdk_dynamodb::Client,
    name: String,
}

impl Table {
    async fn new(config: &SdkConfig, name: &str) -> Self {
        let (client, name) = (aws_sdk_dynamodb::Client::new(config), format!("{name}-{}", std::process::id()));
        let key = KeySchemaElement::builder().attribute_name("word").key_type(KeyType::Hash).build().unwrap();
        let word = AttributeDefinition::builder().attribute_name("word").attribute_type(ScalarAttributeType::S);
        let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
        let create = client.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest).key_schema(key);
        let create = create.attribute_definitions(word.build().unwrap()).stream_specification(stream.build().unwrap());
        create.send().await.unwrap();
        Self { client, name }
    }

    async fn put(&self, words: &[&str]) {
        for word in words {
            let put = self.client.put_item().table_name(&self.name);
            put.item("word", AttributeValue::S((*word).to_owned())).send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_stream_comes_in_order_and_goes_on_behind_what_cannot_be_done() {
    let dynoxide = beside("DORMOUSE_DYNOXIDE");
    let (table, told) = (Table::new(&dynoxide, "in-order").await, Told::new("in-order"));
    table.put(&["a", "b", "poison", "c", "bomb", "d"]).await;
    let stream = Stream::follow(&dynoxide, &table.name, told.function.clone());
    told.until(|told| told.words().last().is_some_and(|last| last == "d") && stream.given_up() == 2).await;
    let mut first: Vec<String> = Vec::new();
    told.words().into_iter().for_each(|word| {
        if !first.contains(&word) {
            first.push(word);
        }
    });
    assert_eq!(first, ["a", "b", "poison", "c", "bomb", "d"], "each is seen first in its order");
    let alone = |word: &str| told.batches().iter().filter(|batch| *batch == word).count();
    assert!(alone("bomb") >= limits::STREAM_ATTEMPTS, "halved down to it: {:?}", told.batches());
    table.put(&["e"]).await;
    told.until(|told| told.words().last().is_some_and(|last| last == "e")).await;
    assert_eq!(stream.given_up(), 2);
}

#[tokio::test]
async fn a_stream_comes_twice_and_in_pieces_where_a_test_says_so() {
    let dynoxide = beside("DORMOUSE_DYNOXIDE");
    let (table, told) = (Table::new(&dynoxide, "twice").await, Told::new("twice"));
    let stream = Stream::follow(&dynoxide, &table.name, told.function.clone());
    stream.faults().doubles.store(true, Ordering::Relaxed);
    stream.faults().splits.store(true, Ordering::Relaxed);
    table.put(&["a", "b"]).await;
    told.until(|told| told.batches().len() == 4).await;
    assert_eq!(told.batches(), ["a", "a", "b", "b"]);
    stream.faults().doubles.store(false, Ordering::Relaxed);
    stream.faults().delay_ms.store(1_500, Ordering::Relaxed);
    let began = Instant::now();
    table.put(&["c"]).await;
    told.until(|told| told.batches().len() == 5).await;
    assert!(began.elapsed() >= Duration::from_millis(1_500), "it came late");
}

#[tokio::test]
async fn what_a_function_did_is_deleted_from_the_queue_and_the_rest_comes_again() {
    let ministack = beside("DORMOUSE_MINISTACK");
    let client = aws_sdk_sqs::Client::new(&ministack);
    let queue = client.create_queue().queue_name(format!("rest-{}", std::process::id()));
    let visibility = aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout;
    let url = queue.attributes(visibility, "1").send().await.unwrap().queue_url.unwrap();
    for body in ["a", "poison", "b"] {
        client.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let told = Told::new("rest");
    let count = |told: &Told, word: &str| told.words().iter().filter(|it| *it == word).count();
    let _queue = Queue::follow(&ministack, &url, told.function.clone());
    told.until(|told| count(told, "poison") >= 3).await;
    assert_eq!((count(&told, "a"), count(&told, "b")), (1, 1));
}

#[tokio::test]
async fn a_schedule_comes_at_its_rate_by_a_clock_that_can_be_moved() {
    let (told, clock, minute) = (Told::new("schedule"), Clock::default(), Duration::from_secs(60));
    let input = json!({ "Records": [{ "body": "sweep" }] });
    let _schedule = Schedule::every(minute, input, told.function.clone(), clock.clone());
    for times in 1..=3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(told.batches().len(), times - 1);
        clock.advance(minute);
        told.until(|told| told.batches().len() == times).await;
    }
}
