//! Deleting an actor: oldest first, so that what is left at any moment is still retired, and nobody writes to it.

use dormouse_core::Address;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{failure::Failure, items::Item, store::DynamoStore};

/// Items that are deleted at the same time.
const AT_ONCE: usize = 16;

impl DynamoStore {
    pub(crate) async fn delete_actor(&self, address: &Address) -> Result<(), Failure> {
        self.heads.forget(address);
        while self.delete_some(address).await? {}
        // Before the last item: a snapshot that outlived it would be taken for one of the next actor of this name.
        self.drop_snapshot(address).await?;
        if let Some(last) = self.last(address, None, Some("a, n")).await? {
            self.delete_item(last).await?;
        }
        self.heads.forget(address);
        self.forget_row(address).await
    }

    /// Delete a page of the oldest items, but never the last one. Whether there may be more.
    async fn delete_some(&self, address: &Address) -> Result<bool, Failure> {
        let query = self.history(address, "").projection_expression("a, n");
        let answer = self.calls.query(query).await.map_err(Failure::store)?;
        let more = answer.last_evaluated_key.is_some();
        let mut keys = answer.items.unwrap_or_default();
        if !more {
            keys.pop();
        }
        let deleting = keys.into_iter().map(|key| self.delete_item(key));
        stream::iter(deleting).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(more)
    }

    async fn delete_item(&self, key: Item) -> Result<(), Failure> {
        let delete = self.calls.client.delete_item().table_name(&self.tables.journal).set_key(Some(key));
        self.calls.delete(delete).await.map_err(Failure::store)?;
        Ok(())
    }
}
