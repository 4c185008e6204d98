//! Reading a history.

use dormouse_core::Address;
use dormouse_journal::Entry;

use crate::{
    failure::{BadItem, Failure},
    items::{self, Item, Place, number},
    store::DynamoStore,
};

/// Items that one query asks for: one page of DynamoDB is 1 MB, which small runs fill at about this many.
const ITEMS_MAX: usize = 1000;

impl DynamoStore {
    pub(crate) async fn read_after(&self, address: &Address, after: u64, limit: usize) -> Result<Vec<Entry>, Failure> {
        let Some(first) = after.checked_add(1).filter(|_| limit > 0) else { return Ok(Vec::new()) };
        let mut items = self.from(address, first, limit).await?;
        if !begins_at(address, &items, first)? {
            // The commit is inside a run, or there is none.
            match self.last(address, Some(first), None).await? {
                Some(item) if Place::read(address, &item)?.covers(first) => items.insert(0, item),
                _ if items.is_empty() => return Ok(Vec::new()),
                _ => return Err(BadItem::of(address, "a commit is missing").into()),
            }
        }
        let mut entries = Vec::new();
        for item in &items {
            entries.extend(items::entries(address, item)?.into_iter().filter(|entry| entry.seq > after));
        }
        if !entries.iter().zip(first..).all(|(entry, seq)| entry.seq == seq) {
            return Err(BadItem::of(address, "a commit is missing").into());
        }
        entries.truncate(limit);
        Ok(entries)
    }

    /// Runs that begin at this commit or later.
    pub(crate) async fn from(&self, address: &Address, first: u64, limit: usize) -> Result<Vec<Item>, Failure> {
        let query = self.history(address, " AND n >= :n").expression_attribute_values(":n", number(first));
        let limit = i32::try_from(limit.min(ITEMS_MAX)).expect("a thousand fits");
        Ok(self.calls.query(query.limit(limit)).await.map_err(Failure::store)?.items.unwrap_or_default())
    }
}

/// Whether the first of these items begins there. A mark holds no commit: what it stands behind may.
fn begins_at(address: &Address, items: &[Item], first: u64) -> Result<bool, BadItem> {
    let place = items.first().map(|item| Place::read(address, item)).transpose()?;
    Ok(place.is_some_and(|place| place.first == first))
}
