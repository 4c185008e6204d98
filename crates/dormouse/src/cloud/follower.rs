//! The stream of the journal's table, as the Lambda host asks of it.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_core::Address;
use dormouse_journal::{ReadError, StoreError};
use dormouse_journal_dynamodb::{self as dynamodb, DynamoStore, item_from_json};
use dormouse_lambda::{Follower, Told, Unread};
use serde_json::Value;

/// The index of this store follows.
pub(super) struct Following(pub(super) Arc<DynamoStore>);

#[async_trait::async_trait]
impl Follower for Following {
    fn read(&self, image: &Value) -> Result<Told, Unread> {
        let dynamodb::Told { address, epoch, after, upto, asks } =
            dynamodb::Told::read(image).map_err(|untold| Unread { why: untold.to_string(), of: untold.of })?;
        Ok(Told { actor: address, epoch, after, upto, asks })
    }

    async fn absorb(&self, images: &[&Value]) -> Result<BTreeMap<Address, ReadError>, StoreError> {
        let items: Vec<_> = images.iter().filter_map(|image| item_from_json(image)).collect();
        let failures = self.0.absorb_each(&items).await?;
        Ok(failures.into_iter().filter_map(|(actor, error)| Some((actor.parse().ok()?, error))).collect())
    }

    async fn catch_up(&self, actor: &Address) -> Result<(), ReadError> {
        self.0.catch_up(actor).await
    }
}
