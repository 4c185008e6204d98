//! Every call to DynamoDB goes through here: it asks what it consumed, and that is counted.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    config::{http::HttpResponse, retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    operation::{
        batch_get_item::{builders::BatchGetItemFluentBuilder, *},
        delete_item::{builders::DeleteItemFluentBuilder, *},
        get_item::{builders::GetItemFluentBuilder, *},
        put_item::{builders::PutItemFluentBuilder, *},
        query::{builders::QueryFluentBuilder, *},
        transact_write_items::{builders::TransactWriteItemsFluentBuilder, *},
        update_item::{builders::UpdateItemFluentBuilder, *},
    },
    types::ReturnConsumedCapacity,
};

use crate::usage::{Meter, Units};

/// One attempt at a call, if the client does not say how long: a hundred times what a slow one takes. An append that takes longer has an unknown outcome,
/// and is put again.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);

type Outcome<T, E> = Result<T, SdkError<E, HttpResponse>>;

/// The client, and the same without the SDK's retries.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) client: Client,
    /// For appends. Of several attempts the last one's error says nothing about the first: one that timed out may be written though the next was
    /// throttled.
    pub(crate) once: Client,
    pub(crate) meter: Meter,
}

macro_rules! calls {
    ($($name:ident, $operation:literal, $units:ident: $builder:ty => $output:ty, $error:ty;)+) => {$(
        pub(crate) async fn $name(&self, call: $builder) -> Outcome<$output, $error> {
            self.meter.called($operation);
            let answer = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
            answer.consumed_capacity().into_iter().for_each(|consumed| self.meter.consumed(Units::$units, consumed));
            Ok(answer)
        }
    )+};
}

impl Calls {
    pub(crate) fn new(client: &Client) -> Self {
        let with = |retries: RetryConfig| {
            let timeouts =
                client.config().timeout_config().map_or_else(TimeoutConfig::builder, TimeoutConfig::to_builder);
            let attempt = client.config().timeout_config().and_then(TimeoutConfig::operation_attempt_timeout);
            let timeouts = timeouts.operation_attempt_timeout(attempt.unwrap_or(ATTEMPT_MAX)).build();
            Client::from_conf(client.config().to_builder().retry_config(retries).timeout_config(timeouts).build())
        };
        Self {
            client: with(client.config().retry_config().cloned().unwrap_or_else(RetryConfig::standard)),
            once: with(RetryConfig::disabled()),
            meter: Meter::default(),
        }
    }

    calls! {
        put, "PutItem", Write: PutItemFluentBuilder => PutItemOutput, PutItemError;
        get, "GetItem", Read: GetItemFluentBuilder => GetItemOutput, GetItemError;
        query, "Query", Read: QueryFluentBuilder => QueryOutput, QueryError;
        update, "UpdateItem", Write: UpdateItemFluentBuilder => UpdateItemOutput, UpdateItemError;
        delete, "DeleteItem", Write: DeleteItemFluentBuilder => DeleteItemOutput, DeleteItemError;
        get_many, "BatchGetItem", Read: BatchGetItemFluentBuilder => BatchGetItemOutput, BatchGetItemError;
        transact, "TransactWriteItems", Write: TransactWriteItemsFluentBuilder
            => TransactWriteItemsOutput, TransactWriteItemsError;
    }
}
