//! Snapshots: an item of the table `snapshots`, or an object behind a pointer in that item.
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `a` | S, partition key | the address |
//! | `e`, `n` | N | the epoch and the seq that it stands at |
//! | `h` | B | the hash of that commit |
//! | `s` | B | its bytes |
//! | `p` | S, in place of `s` | the name of the object that holds them |
//!
//! A table of its own, so that the journal's stream carries runs alone.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use dormouse_core::{Address, Hash, position::Head};
use dormouse_journal::StoredSnapshot;
use futures_util::TryStreamExt;
use object_store::{ObjectStoreExt, path::Path};

use crate::{
    failure::{BadItem, Failure},
    items::{self, Item, bytes, bytes_in, number, number_in, text, text_in},
    store::DynamoStore,
};

/// A larger snapshot is an object. An item costs a write unit for each KB, at 300 KB sixty times an S3 put; it must stay under 400 KB.
pub(crate) const ITEM_SNAPSHOT_BYTES_MAX: usize = 300 * 1024;

/// How often an object is looked for whose pointer was replaced meanwhile.
const TRIES: usize = 3;

impl DynamoStore {
    pub(crate) async fn newest_snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, Failure> {
        for _ in 0..TRIES {
            let Some(item) = self.snapshot_item(address).await? else { return Ok(None) };
            let head = head_in(address, &item)?;
            if !self.is_committed(address, head).await? {
                return Ok(None);
            }
            if let Some(bytes) = self.bytes_of(address, &item).await? {
                return Ok(Some(StoredSnapshot { head, bytes: bytes.into() }));
            }
        }
        // It is only a cache, and whoever replaces it so often has written more than what was asked for.
        Ok(None)
    }

    /// Not read consistently: it is a cache, an older one serves, and this is half the price.
    async fn snapshot_item(&self, address: &Address) -> Result<Option<Item>, Failure> {
        let get = self.calls.client.get_item().table_name(&self.tables.snapshots).key("a", text(address));
        Ok(self.calls.get(get).await.map_err(Failure::store)?.item)
    }

    async fn bytes_of(&self, address: &Address, item: &Item) -> Result<Option<Vec<u8>>, Failure> {
        let Some(name) = text_in(item, "p") else {
            let bytes = bytes_in(item, "s").ok_or_else(|| BadItem::of(address, "a snapshot"))?;
            return Ok(Some(bytes.to_vec()));
        };
        match self.objects.get(&Path::from(name)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(Failure::store)?.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Failure::store(error)),
        }
    }

    /// Whether a snapshot there is one of the committed history. What this host remembers may say so; that it is not, only the journal says.
    async fn is_committed(&self, address: &Address, new: Head) -> Result<bool, Failure> {
        let within = |head: Option<Head>| {
            head.is_some_and(|head| new.epoch == head.epoch && (new.seq < head.seq || new == head))
        };
        Ok(within(self.recent_head(address).await?) || within(self.ask_head(address).await?))
    }

    pub(crate) async fn keep_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), Failure> {
        if !self.is_committed(address, snapshot.head).await? {
            return Ok(());
        }
        let object = self.put_object(address, &snapshot).await?;
        match self.put_snapshot_item(address, &snapshot, object.as_ref()).await? {
            Some(unused) => self.drop_object(&Path::from(unused)).await,
            None => Ok(()),
        }
    }

    async fn put_object(&self, address: &Address, snapshot: &StoredSnapshot) -> Result<Option<Path>, Failure> {
        if snapshot.bytes.len() <= ITEM_SNAPSHOT_BYTES_MAX {
            return Ok(None);
        }
        // By its hash: another one at the same place, which newer rules wrote, is another object.
        let Head { epoch, seq, .. } = snapshot.head;
        let name = folder(address).join(format!("{epoch}-{seq}-{}", Hash::of("dormouse/object/1", &[&snapshot.bytes])));
        self.objects.put(&name, snapshot.bytes.to_vec().into()).await.map_err(Failure::store)?;
        Ok(Some(name))
    }

    /// Returns the name of the object to which nothing points now.
    async fn put_snapshot_item(
        &self,
        address: &Address,
        snapshot: &StoredSnapshot,
        object: Option<&Path>,
    ) -> Result<Option<String>, Failure> {
        let Head { epoch, seq, hash } = snapshot.head;
        let what = match object {
            Some(name) => ("p", text(name)),
            None => ("s", bytes(&*snapshot.bytes)),
        };
        let item =
            items::item([("a", text(address)), ("e", number(epoch)), ("n", number(seq)), ("h", bytes(hash.0)), what]);
        let put = self.calls.client.put_item().table_name(&self.tables.snapshots).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(a) OR e < :e OR (e = :e AND n <= :n)");
        let put = put.expression_attribute_values(":e", number(epoch)).expression_attribute_values(":n", number(seq));
        let put = put.return_values(ReturnValue::AllOld);
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let pointer = |item: &Item| text_in(item, "p").map(str::to_owned);
        let put_object = object.map(ToString::to_string);
        match self.calls.put(put).await {
            // The same bytes at the same place are the same object.
            Ok(done) => Ok(done.attributes.as_ref().and_then(pointer).filter(|old| put_object.as_ref() != Some(old))),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(newer)) => {
                    let named = newer.item().and_then(pointer);
                    Ok(put_object.filter(|new| named.as_ref() != Some(new)))
                }
                _ => Err(Failure::store(error)),
            },
        }
    }

    /// Drop the snapshot if it is of an epoch before this one.
    pub(crate) async fn drop_snapshot_before(&self, address: &Address, epoch: u32) -> Result<(), Failure> {
        let Some(item) = self.snapshot_item(address).await? else { return Ok(()) };
        if head_in(address, &item)?.epoch >= epoch {
            return Ok(());
        }
        self.drop_snapshot(address).await
    }

    pub(crate) async fn drop_snapshot(&self, address: &Address) -> Result<(), Failure> {
        let delete = self.calls.client.delete_item().table_name(&self.tables.snapshots).key("a", text(address));
        self.calls.delete(delete).await.map_err(Failure::store)?;
        // All of its objects, also what a process left that ended between an object and its pointer.
        let objects = self.objects.list(Some(&folder(address))).map_ok(|object| object.location);
        let objects: Vec<Path> = objects.try_collect().await.map_err(Failure::store)?;
        for object in &objects {
            self.drop_object(object).await?;
        }
        Ok(())
    }

    async fn drop_object(&self, name: &Path) -> Result<(), Failure> {
        match self.objects.delete(name).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Failure::store(error)),
        }
    }
}

fn folder(address: &Address) -> Path {
    Path::from(format!("snapshots/{address}"))
}

fn head_in(address: &Address, item: &Item) -> Result<Head, BadItem> {
    let head = || {
        let hash = Hash(bytes_in(item, "h")?.try_into().ok()?);
        Some(Head { epoch: number_in(item, "e")?, seq: number_in(item, "n")?, hash })
    };
    head().ok_or_else(|| BadItem::of(address, "the place of a snapshot"))
}
