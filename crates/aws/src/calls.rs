//! Every call to DynamoDB goes through here: it asks what it consumed, and that is counted.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_sdk_dynamodb::{
    Client,
    config::http::HttpResponse,
    error::SdkError,
    operation::{
        delete_item::{builders::DeleteItemFluentBuilder, *},
        get_item::{builders::GetItemFluentBuilder, *},
        put_item::{builders::PutItemFluentBuilder, *},
        query::{builders::QueryFluentBuilder, *},
        update_item::{builders::UpdateItemFluentBuilder, *},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};

/// Capacity units, and calls by operation, since this was made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Read units.
    pub reads: f64,
    /// Write units, those of the index included. DynamoDB charges a refused conditional write and does not say so: those are counted as calls alone.
    pub writes: f64,
    /// Calls by operation, refused and failed ones included; a call that the SDK sent several times is one.
    pub calls: BTreeMap<&'static str, u64>,
}

/// A client that counts.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(crate) client: Client,
    usage: Mutex<Usage>,
}

macro_rules! calls {
    ($($name:ident, $operation:literal, $units:ident: $builder:ty => $output:ty, $error:ty;)+) => {$(
        pub(crate) async fn $name(&self, call: $builder) -> Result<$output, SdkError<$error, HttpResponse>> {
            self.count(|usage| *usage.calls.entry($operation).or_default() += 1);
            let answer = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await?;
            let units = answer.consumed_capacity().and_then(ConsumedCapacity::capacity_units);
            self.count(|usage| usage.$units += units.unwrap_or_default());
            Ok(answer)
        }
    )+};
}

impl Calls {
    pub(crate) fn new(client: &Client) -> Self {
        Self { client: client.clone(), usage: Mutex::default() }
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, what: impl FnOnce(&mut Usage)) {
        what(&mut self.usage.lock().unwrap_or_else(PoisonError::into_inner));
    }

    calls! {
        put, "PutItem", writes: PutItemFluentBuilder => PutItemOutput, PutItemError;
        get, "GetItem", reads: GetItemFluentBuilder => GetItemOutput, GetItemError;
        query, "Query", reads: QueryFluentBuilder => QueryOutput, QueryError;
        update, "UpdateItem", writes: UpdateItemFluentBuilder => UpdateItemOutput, UpdateItemError;
        delete, "DeleteItem", writes: DeleteItemFluentBuilder => DeleteItemOutput, DeleteItemError;
    }
}
