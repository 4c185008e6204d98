//! Messages of an SQS queue, as Lambda takes them: several batches at once, and what the function has done is deleted.

use std::{sync::Arc, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{Message, MessageSystemAttributeName},
};
use aws_types::SdkConfig;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Asking, Faults, Outcome, hand_over};
use crate::{function::Function, limits};

/// How long one question waits for a message. SQS, long polling, allows 20 s.
const WAIT_SECONDS: i32 = 10;

/// After a question that was not answered.
const PAUSE: Duration = Duration::from_secs(1);

/// Gives a queue's messages to a function. Dropping it ends that; what was not deleted comes again elsewhere.
pub struct Queue {
    faults: Arc<Faults>,
    _asking: Asking,
}

struct Poller {
    client: Client,
    url: String,
    function: Function,
    faults: Arc<Faults>,
}

impl Queue {
    /// Begin to ask this queue.
    pub fn follow(config: &SdkConfig, url: &str, function: Function) -> Self {
        let faults = Arc::<Faults>::default();
        let poller = Poller { client: Client::new(config), url: url.to_owned(), function, faults: faults.clone() };
        Self { faults, _asking: Asking(tokio::spawn(Arc::new(poller).run())) }
    }

    /// What goes wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Poller {
    async fn run(self: Arc<Self>) {
        let at_once = Arc::new(Semaphore::new(limits::QUEUE_BATCHES_AT_ONCE));
        while let Ok(place) = at_once.clone().acquire_owned().await {
            let messages = self.receive().await;
            if messages.is_empty() {
                continue;
            }
            let this = self.clone();
            tokio::spawn(async move {
                this.deliver(messages).await;
                drop(place);
            });
        }
    }

    async fn receive(&self) -> Vec<Message> {
        let receive = self.client.receive_message().queue_url(&self.url).wait_time_seconds(WAIT_SECONDS);
        let receive = receive.max_number_of_messages(limits::QUEUE_BATCH_MAX);
        match receive.message_system_attribute_names(MessageSystemAttributeName::All).send().await {
            Ok(answer) => answer.messages.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the queue does not answer");
                tokio::time::sleep(PAUSE).await;
                Vec::new()
            }
        }
    }

    async fn deliver(&self, messages: Vec<Message>) {
        self.faults.delay().await;
        let records = messages.iter().map(record).collect();
        for batch in self.faults.batches(records) {
            let failed = match hand_over(&self.function, &batch).await {
                Outcome::Done => Vec::new(),
                Outcome::Except(failed) => failed,
                Outcome::Failed => continue,
            };
            let is_done = |record: &&Value| !failed.iter().any(|id| record["messageId"] == **id);
            for record in batch.iter().filter(is_done) {
                self.delete(record["receiptHandle"].as_str().unwrap_or_default()).await;
            }
        }
    }

    async fn delete(&self, receipt: &str) {
        let delete = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt);
        if let Err(error) = delete.send().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a message that is done comes again");
        }
    }
}

/// A message as it stands in an event.
fn record(message: &Message) -> Value {
    let attributes = message.attributes.iter().flatten();
    let attributes: serde_json::Map<_, _> =
        attributes.map(|(name, value)| (name.as_str().to_owned(), json!(value))).collect();
    json!({
        "messageId": message.message_id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {},
        "md5OfBody": message.md5_of_body,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:local:000000000000:queue",
        "awsRegion": "local",
    })
}
