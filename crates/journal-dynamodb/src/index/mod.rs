//! The index: rows and tasks in a table of their own, which follows the stream of the table of runs.
//!
//! What is read through a secondary index may trail by moments; who acts on it is checked where the thing is: a lease by its task, a wake by its actor.

mod absorb;
mod lists;
pub(crate) mod row;
mod tasks;

use async_trait::async_trait;
use dormouse_core::{Address, Time, position::Position};
use dormouse_journal::{
    Attempt, Filter, Index, IndexChange, Lease, Page, Row, StoreError,
    index::{Counts, activity_bucket},
};
use futures_util::future::try_join_all;
use row::{ABOVE, address_of, digits, partition, sorted, wake_of};

use crate::{
    failure::Failure,
    items::{Item, number_in, text, text_in},
    store::DynamoStore,
};

impl DynamoStore {
    async fn due_wakes(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, Failure> {
        let queries = self.tables.parts.all().map(|part| {
            let query = self.calls.client.query().table_name(&self.tables.index).index_name("due");
            let query = query.key_condition_expression("wp = :p AND ws < :s");
            let query = query.expression_attribute_values(":p", text(partition("due", part)));
            self.up_to(query.expression_attribute_values(":s", text(format!("{}{ABOVE}", digits(now.0)))), limit)
        });
        let read = |item: &Item| Some((wake_of(text_in(item, "ws")?)?, address_of(text_in(item, "s")?)?));
        let mut due: Vec<_> = try_join_all(queries).await?.iter().flatten().filter_map(read).collect();
        due.sort_unstable();
        due.truncate(limit);
        Ok(due)
    }

    /// Addresses in their order: of all rows, or of those that this secondary index holds.
    async fn addresses(
        &self,
        index: Option<&str>,
        (key, what): (&str, &str),
        after: Option<&Address>,
        limit: usize,
    ) -> Result<Vec<Address>, Failure> {
        let after = after.map_or(String::from(" "), sorted);
        let queries = self.tables.parts.all().map(|part| {
            let query =
                self.calls.client.query().table_name(&self.tables.index).set_index_name(index.map(str::to_owned));
            let query = query.key_condition_expression(format!("{key} = :p AND s > :s")).projection_expression("s");
            let query = query.expression_attribute_values(":p", text(partition(what, part)));
            self.up_to(query.expression_attribute_values(":s", text(&after)), limit)
        });
        let read = |item: &Item| address_of(text_in(item, "s")?);
        let mut found: Vec<Address> = try_join_all(queries).await?.iter().flatten().filter_map(read).collect();
        found.sort_unstable();
        found.truncate(limit);
        Ok(found)
    }

    /// Reads every row: for those who run the host.
    async fn count_rows(&self) -> Result<Counts, Failure> {
        let queries = self.tables.parts.all().map(|part| {
            let query = self.calls.client.query().table_name(&self.tables.index).projection_expression("n, x");
            let query = query.key_condition_expression("p = :p");
            self.up_to(query.expression_attribute_values(":p", text(partition("row", part))), usize::MAX)
        });
        let mut counts = Counts::default();
        for row in try_join_all(queries).await?.iter().flatten() {
            counts.actors += 1;
            counts.commits += number_in(row, "n").unwrap_or(0);
            counts.retired += u64::from(row.contains_key("x"));
        }
        Ok(counts)
    }

    async fn bars(&self, since: Time) -> Result<Vec<(Time, u64)>, Failure> {
        let query = self.calls.client.query().table_name(&self.tables.index);
        let query = query.key_condition_expression("p = :p AND s >= :s");
        let query = query.expression_attribute_values(":p", text("activity"));
        let query = query.expression_attribute_values(":s", text(digits(activity_bucket(since).0)));
        let read = |item: &Item| Some((Time(text_in(item, "s")?.parse().ok()?), number_in(item, "c")?));
        Ok(self.up_to(query, usize::MAX).await?.iter().filter_map(read).collect())
    }

    async fn change_row(&self, address: &Address, at: Position, change: &IndexChange) -> Result<(), Failure> {
        // Until nobody writes the row between its reading and its writing.
        loop {
            let Some(old) = self.stored_row(address).await?.filter(|old| old.row.position == at) else { return Ok(()) };
            let mut new = old.clone();
            new.change(change);
            if self.replace_row(Some(old), new, change).await? {
                return Ok(());
            }
        }
    }
}

#[async_trait]
impl Index for DynamoStore {
    async fn due(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, StoreError> {
        Ok(self.due_wakes(now, limit).await?)
    }

    async fn lease(&self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Result<Vec<Lease>, StoreError> {
        Ok(self.lease_some(kinds, now, until, limit).await?)
    }

    async fn release(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), StoreError> {
        Ok(self.give_back(lease, retry_at, attempt).await?)
    }

    async fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        match after.map(str::parse).transpose() {
            Ok(after) => Ok(self.list_page(filter, after.as_ref(), limit).await?),
            Err(_) => Ok(Page { rows: Vec::new(), next: None }),
        }
    }

    async fn row(&self, address: &Address) -> Result<Option<Row>, StoreError> {
        Ok(self.stored_row(address).await?.map(|stored| stored.row))
    }

    async fn sweep(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        Ok(self.addresses(None, ("p", "row"), after, limit).await?)
    }

    async fn present(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        Ok(self.addresses(Some("present"), ("op", "present"), after, limit).await?)
    }

    async fn reindex(&self, address: &Address, at: Position, change: IndexChange) -> Result<(), StoreError> {
        Ok(self.change_row(address, at, &change).await?)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        Ok(self.count_rows().await?)
    }

    async fn activity(&self, since: Time) -> Result<Vec<(Time, u64)>, StoreError> {
        Ok(self.bars(since).await?)
    }
}
