//! Appending: one conditional put of one item; and the mark of a fence, which stands at the place of the next one.

use std::time::Duration;

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::SdkError,
    operation::put_item::{PutItemError, builders::PutItemFluentBuilder},
    types::ReturnValuesOnConditionCheckFailure,
};
use dormouse_core::{Address, position::Head};
use dormouse_journal::{AppendError, Run, StoreError};

use crate::{
    failure::{Failure, Write},
    items::{self, HEAD, Item, Place, number},
    store::DynamoStore,
};

/// Pauses before a throttled put is sent again. A partition's capacity is counted by the second; who waits longer than this is told `unavailable`, and
/// comes again by itself.
const THROTTLED_PAUSES: [Duration; 3] =
    [Duration::from_millis(25), Duration::from_millis(75), Duration::from_millis(225)];

/// How a put that was sent once ended.
enum Put {
    Done,
    /// Somebody is there: this item, if DynamoDB showed it.
    Taken(Option<Item>),
}

impl DynamoStore {
    pub(crate) async fn put_run(&self, run: Run) -> Result<(), AppendError> {
        if !follows(self.recent_head(&run.address).await.map_err(StoreError::from)?, &run) {
            // What this host remembers may be old.
            let head = self.ask_head(&run.address).await.map_err(StoreError::from)?;
            if !follows(head, &run) {
                return self.settle(&run, head).await;
            }
        }
        let asked = self.now();
        match self.put_patiently(&run).await? {
            Put::Done => {
                self.heads.confirm(&run.address, Some(run.head), asked);
                Ok(())
            }
            Put::Taken(by) => self.refused(&run, by).await,
        }
    }

    async fn put_patiently(&self, run: &Run) -> Result<Put, AppendError> {
        // Free, or marked for this epoch.
        let put = self.calls.once.put_item().table_name(&self.tables.journal).set_item(Some(items::of_run(run)));
        let put = put.condition_expression("attribute_not_exists(a) OR (c = :none AND e = :e)");
        let put = put.expression_attribute_values(":none", number(0_u64));
        let put = put.expression_attribute_values(":e", number(run.head.epoch));
        let mut pauses = THROTTLED_PAUSES.iter();
        loop {
            let error = match self.put_once(put.clone()).await {
                Ok(put) => return Ok(put),
                Err(error) => error,
            };
            match Write::of(&error) {
                Write::Throttled => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(StoreError::Unavailable(error.into()).into()),
                },
                Write::Refused => return Err(StoreError::Unavailable(error.into()).into()),
                Write::Unknown => return Err(AppendError::Unknown(error.into())),
            }
        }
    }

    async fn put_once(&self, put: PutItemFluentBuilder) -> Result<Put, SdkError<PutItemError, HttpResponse>> {
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match self.calls.put(put).await {
            Ok(_) => Ok(Put::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(taken)) => Ok(Put::Taken(taken.item.clone())),
                _ => Err(error),
            },
        }
    }

    /// The place is taken: by this very run, which an earlier put has written, or by another.
    async fn refused(&self, run: &Run, by: Option<Item>) -> Result<(), AppendError> {
        self.heads.forget(&run.address);
        let is_it = |item: Item| Place::read(&run.address, &item).is_ok_and(|place| place.holds(run));
        if by.is_some_and(is_it) {
            return Ok(());
        }
        let head = self.ask_head(&run.address).await.map_err(StoreError::from)?;
        self.settle(run, head).await
    }

    /// What becomes of a run that does not follow the head: it is committed if it is there already.
    async fn settle(&self, run: &Run, head: Option<Head>) -> Result<(), AppendError> {
        let place = self.place(&run.address, run.expected.seq + 1).await.map_err(StoreError::from)?;
        if place.is_some_and(|place| place.holds(run)) {
            return Ok(());
        }
        Err(AppendError::Conflict(head.unwrap_or(Head::start(run.expected.epoch))))
    }

    async fn place(&self, address: &Address, first: u64) -> Result<Option<Place>, Failure> {
        let key = self.place_key(address, first);
        let get = self.calls.client.get_item().table_name(&self.tables.journal).consistent_read(true);
        let get = get.projection_expression(HEAD).set_key(Some(items::item(key)));
        let item = self.calls.get(get).await.map_err(Failure::store)?.item;
        Ok(item.map(|item| Place::read(address, &item)).transpose()?)
    }

    /// Raise the epoch: mark the place of the next run for it.
    pub(crate) async fn raise(&self, address: &Address, epoch: u32) -> Result<(), Failure> {
        loop {
            let Some(head) = self.ask_head(address).await? else { return Ok(()) };
            if head.epoch >= epoch {
                // Also if an earlier call got as far as the mark.
                return self.drop_snapshot_before(address, head.epoch).await;
            }
            let put = self.calls.client.put_item().table_name(&self.tables.journal);
            let put = put.set_item(Some(items::of_mark(address, &head, epoch)));
            // A run that came first stays, and the mark goes behind it.
            let put = put.condition_expression("attribute_not_exists(a) OR (c = :none AND e < :e)");
            let put = put.expression_attribute_values(":none", number(0_u64));
            let put = put.expression_attribute_values(":e", number(epoch));
            self.put_once(put).await.map_err(Failure::store)?;
        }
    }
}

fn follows(head: Option<Head>, run: &Run) -> bool {
    head.unwrap_or(Head::start(run.expected.epoch)) == run.expected
}
