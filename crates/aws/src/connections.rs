//! The connections seam on DynamoDB: one table, each call one row or one query.
//!
//! Who watches an actor is the partition of that actor, read consistently, so that a row which was written before a commit is found after it.
//! What is watched over a connection, and the connections of a principal, are asked of one secondary index, which may lag.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    operation::{
        put_item::{PutItemError, builders::PutItemFluentBuilder},
        query::builders::QueryFluentBuilder,
    },
    types::AttributeValue,
};
use dormouse_core::{Address, Name, Time, frame::As};
use dormouse_journal::StoreError;
use dormouse_lambda::{Connected, Connections, Pushed, Watched, Watching};

use crate::{
    calls::{Calls, Usage},
    failure::unavailable,
    rows::{self, Item, number, seconds, text},
    table::{FOUND, Table},
};

/// How often a mark is tried to be written: each time that somebody else was first, one more of them is done.
const MARKS_MAX: usize = 64;

/// Rows on DynamoDB. They may be those of many environments.
#[derive(Debug)]
pub struct DynamoConnections {
    calls: Calls,
    table: String,
}

impl DynamoConnections {
    /// The rows of this table. The client's retries are right for them: each call may be made again.
    pub fn new(client: &Client, table: &Table) -> Self {
        Self { calls: Calls::new(client), table: table.name.clone() }
    }

    /// What was consumed so far.
    pub fn usage(&self) -> Usage {
        self.calls.usage()
    }

    fn put(&self, item: Item) -> PutItemFluentBuilder {
        self.calls.client.put_item().table_name(&self.table).set_item(Some(item))
    }

    fn query(&self, key: &str, value: AttributeValue) -> QueryFluentBuilder {
        let query = self.calls.client.query().table_name(&self.table);
        query.key_condition_expression(format!("{key} = :k")).expression_attribute_values(":k", value)
    }

    fn found(&self, value: AttributeValue) -> QueryFluentBuilder {
        self.query("f", value).index_name(FOUND)
    }

    /// Every row that a query finds and that has not expired: a page is a megabyte, some thousands of them.
    async fn all(&self, query: QueryFluentBuilder, now: Time) -> Result<Vec<Item>, StoreError> {
        let (mut items, mut from) = (Vec::new(), None);
        loop {
            let page = self.calls.query(query.clone().set_exclusive_start_key(from)).await.map_err(unavailable)?;
            items.extend(page.items.unwrap_or_default().into_iter().filter(|item| rows::is_there(item, now)));
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                return Ok(items);
            }
        }
    }

    async fn mark(&self, address: &Address) -> Result<Option<Item>, StoreError> {
        let get = self.calls.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.set_key(Some(rows::mark_key(address)));
        Ok(self.calls.get(get).await.map_err(unavailable)?.item)
    }

    /// Put this mark in the place of that one; returns whether that one was still there.
    async fn replace_mark(&self, known: Option<Item>, mark: Item) -> Result<bool, StoreError> {
        let put = self.put(mark);
        let Some(mut known) = known else {
            return self.put_if(put.condition_expression("attribute_not_exists(p)")).await;
        };
        let put = put.condition_expression("k = :k AND l = :l AND m = :m AND u = :u");
        let put = ["k", "l", "m", "u"].iter().fold(put, |put, name| {
            put.expression_attribute_values(
                format!(":{name}"),
                known.remove(*name).unwrap_or(AttributeValue::Null(true)),
            )
        });
        self.put_if(put).await
    }

    /// Whether the condition held.
    async fn put_if(&self, put: PutItemFluentBuilder) -> Result<bool, StoreError> {
        match self.calls.put(put).await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(unavailable(error)),
            },
        }
    }

    async fn delete(&self, key: Item) -> Result<(), StoreError> {
        let delete = self.calls.client.delete_item().table_name(&self.table).set_key(Some(key));
        self.calls.delete(delete).await.map_err(unavailable)?;
        Ok(())
    }
}

#[async_trait]
impl Connections for DynamoConnections {
    async fn take_ticket(&self, ticket: &str, connection: &str, expires: Time) -> Result<bool, StoreError> {
        let put = self.put(rows::ticket(ticket, connection, expires));
        let put = put.condition_expression("attribute_not_exists(p) OR c = :c");
        self.put_if(put.expression_attribute_values(":c", text(connection))).await
    }

    async fn open(&self, connected: Connected) -> Result<(), StoreError> {
        self.calls.put(self.put(rows::connected(&connected))).await.map_err(unavailable)?;
        Ok(())
    }

    async fn connected(&self, connection: &str, now: Time) -> Result<Option<Connected>, StoreError> {
        let get = self.calls.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.set_key(Some(rows::connection_key(connection)));
        let item = self.calls.get(get).await.map_err(unavailable)?.item;
        let item = item.filter(|item| rows::is_there(item, now));
        Ok(item.and_then(|item| readable(&item, rows::connected_in)))
    }

    async fn of_principal(&self, tenant: &Name, principal: &str, now: Time) -> Result<Vec<Arc<str>>, StoreError> {
        let items = self.all(self.found(rows::of_principal(tenant, principal)), now).await?;
        Ok(items.iter().filter_map(|item| readable(item, rows::connection_in)).collect())
    }

    async fn close(&self, connection: &str) -> Result<(), StoreError> {
        self.delete(rows::connection_key(connection)).await
    }

    async fn watch(&self, watching: Watching) -> Result<(), StoreError> {
        let Watching { address, connection, of, viewer, since, expires } = &watching;
        let mut update = self.calls.client.update_item().table_name(&self.table);
        update = update.set_key(Some(rows::watching_key(address, connection, *of)));
        update = update
            .update_expression("SET f = :f, i = :i, d = :d, r = :r, u = :u, expires = :x, w = if_not_exists(w, :w)");
        let values = [("f", rows::of_connection(connection)), ("u", number(expires.0)), ("x", seconds(*expires))];
        for (name, value) in rows::who(viewer).into_iter().chain(values).chain([("w", number(since.0))]) {
            update = update.expression_attribute_values(format!(":{name}"), value);
        }
        self.calls.update(update).await.map_err(unavailable)?;
        Ok(())
    }

    async fn unwatch(&self, address: &Address, connection: &str, of: As) -> Result<(), StoreError> {
        self.delete(rows::watching_key(address, connection, of)).await
    }

    async fn of_actor(&self, address: &Address, now: Time) -> Result<Watched, StoreError> {
        let items = self.all(self.query("p", rows::of_actor(address)).consistent_read(true), now).await?;
        let (marks, items): (Vec<_>, Vec<_>) = items.into_iter().partition(rows::is_mark);
        let mut rows: Vec<_> = items.iter().filter_map(|item| readable(item, rows::watching_in)).collect();
        rows.sort_by(|a, b| (&a.connection, a.of).cmp(&(&b.connection, b.of)));
        Ok(Watched { rows, pushed: marks.first().and_then(|mark| readable(mark, rows::mark_in)) })
    }

    async fn mark_pushed(&self, address: &Address, pushed: Pushed, now: Time) -> Result<(), StoreError> {
        for _ in 0..MARKS_MAX {
            let known = self.mark(address).await?;
            let mark = pushed.beside(known.as_ref().and_then(rows::mark_in), now);
            if self.replace_mark(known, rows::mark(address, &mark)).await? {
                return Ok(());
            }
        }
        Err(StoreError::Unavailable("too many write the mark of this actor at once".into()))
    }

    async fn of_connection(&self, connection: &str, now: Time) -> Result<Vec<Watching>, StoreError> {
        let items = self.all(self.found(rows::of_connection(connection)), now).await?;
        Ok(items.iter().filter_map(|item| readable(item, rows::watching_in)).collect())
    }
}

/// A row that cannot be read is one that is not there: its client connects or subscribes again, and nobody else notices.
fn readable<T>(item: &Item, read: impl Fn(&Item) -> Option<T>) -> Option<T> {
    let read = read(item);
    if read.is_none() {
        tracing::warn!(row = ?(item.get("p"), item.get("s")), "a row of connections cannot be read and is left out");
    }
    read
}
