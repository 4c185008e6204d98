//! Lists: the rows of all, by an index; those of a member, by items of their own.
//!
//! A member's place is an item (`p`: `member` and the principal, `s`: the address, `n`: the commit since which), written only when the members of a
//! summary change. So a commit does not rewrite the places of all its members; whoever asks for "mine" reads all of theirs, and sorts them.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, put_item::PutItemError, query::builders::QueryFluentBuilder},
    types::KeysAndAttributes,
};
use dormouse_core::Address;
use dormouse_journal::{Filter, Page, Row, index::Cursor};
use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};

use super::row::{self, ABOVE, Class, Stored, address_of, list_partition, list_place, sorted};
use crate::{
    failure::Failure,
    items::{Item, item, number, text, text_in},
    store::DynamoStore,
};

/// Items that one `BatchGetItem` takes.
const BATCH: usize = 100;

/// Partitions that are read at the same time.
const AT_ONCE: usize = 16;

impl DynamoStore {
    pub(crate) async fn list_page(
        &self,
        filter: &Filter,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, Failure> {
        let mut rows = match &filter.member {
            Some(member) => self.rows_of_member(member).await?,
            None => self.rows_of_all(filter, after, limit).await?,
        };
        rows.retain(|row| filter.wants(row) && after.is_none_or(|after| Cursor::of(row) < *after));
        rows.sort_by_cached_key(|row| std::cmp::Reverse(Cursor::of(row)));
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| Cursor::of(row).to_string());
        Ok(Page { rows, next })
    }

    /// The first rows of each partition that may hold some that are wanted: one more than a page.
    async fn rows_of_all(&self, filter: &Filter, after: Option<&Cursor>, limit: usize) -> Result<Vec<Row>, Failure> {
        let kinds = self.kinds(filter).await?;
        let below = after.map_or(ABOVE.to_string(), list_place);
        let mut reads = Vec::new();
        for (tenant, kind) in &kinds {
            for class in Class::wanted(filter) {
                for part in self.tables.parts.all() {
                    reads.push(self.in_list(list_partition(tenant, kind, class, part), &below, filter, limit + 1));
                }
            }
        }
        let rows: Vec<Vec<Row>> = stream::iter(reads).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(rows.into_iter().flatten().collect())
    }

    /// Up to `wanted` rows of this partition that the filter wants.
    async fn in_list(
        &self,
        partition: String,
        below: &str,
        filter: &Filter,
        wanted: usize,
    ) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        let mut from = None;
        loop {
            let query = self.calls.client.query().table_name(&self.tables.index).index_name("lists");
            let query = query.key_condition_expression("lp = :p AND ls < :s").scan_index_forward(false);
            let query = query
                .expression_attribute_values(":p", text(&partition))
                .expression_attribute_values(":s", text(below));
            let limit = i32::try_from(wanted).unwrap_or(i32::MAX);
            let answer =
                self.calls.query(query.limit(limit).set_exclusive_start_key(from)).await.map_err(Failure::store)?;
            let read = answer.items.iter().flatten().filter_map(Stored::read).map(|stored| stored.row);
            rows.extend(read.filter(|row| filter.wants(row)));
            from = answer.last_evaluated_key;
            if rows.len() >= wanted || from.is_none() {
                return Ok(rows);
            }
        }
    }

    /// The kinds of each tenant that have had actors, of those that the filter names.
    async fn kinds(&self, filter: &Filter) -> Result<BTreeSet<(String, String)>, Failure> {
        if let (Some(tenant), Some(kind)) = (&filter.tenant, &filter.kind) {
            return Ok(BTreeSet::from([(tenant.to_string(), kind.to_string())]));
        }
        let query = self.calls.client.query().table_name(&self.tables.index);
        let query = query.key_condition_expression("p = :p").expression_attribute_values(":p", text("kinds"));
        let items = self.up_to(query, usize::MAX).await?;
        let pair = |item: &Item| {
            let (tenant, kind) = text_in(item, "s")?.split_once(' ')?;
            Some((tenant.to_owned(), kind.to_owned()))
        };
        let wanted = |(tenant, kind): &(String, String)| {
            filter.tenant.as_ref().is_none_or(|wanted| wanted.as_str() == tenant)
                && filter.kind.as_ref().is_none_or(|wanted| wanted.as_str() == kind)
        };
        Ok(items.iter().filter_map(pair).filter(wanted).collect())
    }

    /// Note that there are actors of this tenant and kind; a host does so once for each.
    pub(crate) async fn know_kind(&self, address: &Address) -> Result<(), Failure> {
        let kind = format!("{} {}", address.tenant, address.kind);
        if self.kinds.lock().await.contains(&kind) {
            return Ok(());
        }
        let put = self.calls.client.put_item().table_name(&self.tables.index);
        let put = put.set_item(Some(item([("p", text("kinds")), ("s", text(&kind))])));
        self.calls.put(put).await.map_err(Failure::store)?;
        self.kinds.lock().await.insert(kind);
        Ok(())
    }

    async fn rows_of_member(&self, member: &str) -> Result<Vec<Row>, Failure> {
        let query = self.calls.client.query().table_name(&self.tables.index).projection_expression("s");
        let query =
            query.key_condition_expression("p = :p").expression_attribute_values(":p", text(member_partition(member)));
        let places = self.up_to(query, usize::MAX).await?;
        let addresses: Vec<Address> = places.iter().filter_map(|it| text_in(it, "s").and_then(address_of)).collect();
        let batches = addresses.chunks(BATCH).map(|addresses| self.rows(addresses));
        Ok(try_join_all(batches).await?.into_iter().flatten().collect())
    }

    /// These rows, those that there are.
    async fn rows(&self, addresses: &[Address]) -> Result<Vec<Row>, Failure> {
        let table = &self.tables.index;
        let keys = KeysAndAttributes::builder()
            .set_keys(Some(addresses.iter().map(|it| row::key(self.tables.parts, it)).collect()));
        let mut wanted = Some(keys.build().expect("all is set"));
        let mut rows = Vec::new();
        while let Some(keys) = wanted.take() {
            let answer = self.calls.get_many(self.calls.client.batch_get_item().request_items(table, keys)).await;
            let mut answer = answer.map_err(Failure::store)?;
            let items = answer.responses.as_mut().and_then(|found| found.remove(table)).unwrap_or_default();
            rows.extend(items.iter().filter_map(Stored::read).map(|stored| stored.row));
            // What was too much for one answer.
            wanted = answer.unprocessed_keys.and_then(|mut left| left.remove(table));
        }
        Ok(rows)
    }

    /// Places for those that are members now and were not.
    pub(crate) async fn add_members(&self, old: Option<&Row>, new: &Row) -> Result<(), Failure> {
        let was = old.map(members).unwrap_or_default();
        let add = |member: &&str| {
            let mut place = member_key(member, &new.address);
            place.insert("n".into(), number(new.position.seq));
            let put = self.calls.client.put_item().table_name(&self.tables.index).set_item(Some(place));
            let put = put.condition_expression("attribute_not_exists(p) OR n < :n");
            put.expression_attribute_values(":n", number(new.position.seq))
        };
        for put in members(new).difference(&was).map(add) {
            match self.calls.put(put).await {
                Ok(_) => {}
                Err(error) => match error.as_service_error() {
                    // Somebody who is further.
                    Some(PutItemError::ConditionalCheckFailedException(_)) => {}
                    _ => return Err(Failure::store(error)),
                },
            }
        }
        Ok(())
    }

    /// No places any more for those that were members and are not, unless they became members again since.
    pub(crate) async fn remove_members(&self, old: &Row, new: &Row) -> Result<(), Failure> {
        let remove = |member: &&str| {
            let delete = self.calls.client.delete_item().table_name(&self.tables.index);
            let delete = delete.set_key(Some(member_key(member, &old.address))).condition_expression("n <= :n");
            delete.expression_attribute_values(":n", number(new.position.seq))
        };
        for delete in members(old).difference(&members(new)).map(remove) {
            match self.calls.delete(delete).await {
                Ok(_) => {}
                Err(error) => match error.as_service_error() {
                    Some(DeleteItemError::ConditionalCheckFailedException(_)) => {}
                    _ => return Err(Failure::store(error)),
                },
            }
        }
        Ok(())
    }

    /// The items that a query finds, page by page, up to so many.
    pub(crate) async fn up_to(&self, query: QueryFluentBuilder, limit: usize) -> Result<Vec<Item>, Failure> {
        let mut items: Vec<Item> = Vec::new();
        let mut from = None;
        while items.len() < limit {
            let rest = i32::try_from(limit - items.len()).unwrap_or(i32::MAX);
            let page = query.clone().limit(rest).set_exclusive_start_key(from);
            let answer = self.calls.query(page).await.map_err(Failure::store)?;
            items.extend(answer.items.unwrap_or_default());
            from = answer.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        Ok(items)
    }
}

fn members(row: &Row) -> BTreeSet<&str> {
    row.summary.iter().flat_map(|summary| &summary.members).map(String::as_str).collect()
}

fn member_partition(member: &str) -> String {
    format!("member {member}")
}

pub(crate) fn member_key(member: &str, address: &Address) -> Item {
    item([("p", text(member_partition(member))), ("s", text(sorted(address)))])
}
