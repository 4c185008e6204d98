//! The store: what it is made of, and where an actor stands.

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use aws_sdk_dynamodb::{Client, operation::query::builders::QueryFluentBuilder, types::AttributeValue};
use dormouse_core::{Address, Time, position::Head};
use dormouse_journal::{AppendError, Entry, Journal, ReadError, Run, StoreError, StoredSnapshot};
use object_store::ObjectStore;
use tokio::sync::Mutex;

use crate::{
    calls::Calls,
    failure::Failure,
    heads::Heads,
    items::{HEAD, Item, Place, number, text},
    tables::Tables,
    usage::Usage,
};

/// Tells the time; a host's is the wall's, since that of a frozen process stands still.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// Journal and index on DynamoDB. It may be one of many hosts'.
pub struct DynamoStore {
    pub(crate) calls: Calls,
    pub(crate) tables: Tables,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) heads: Heads,
    /// Tenants and kinds that the index knows.
    pub(crate) kinds: Mutex<BTreeSet<String>>,
    clock: Clock,
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoStore").field("tables", &self.tables).field("objects", &self.objects).finish()
    }
}

impl DynamoStore {
    /// A store on these tables. Snapshots that are too large for an item go to `objects`: S3, or a folder.
    ///
    /// For appends the client's retries are left out; a client that does not say how long an attempt may take gives it three seconds.
    pub fn new(client: &Client, tables: Tables, objects: Arc<dyn ObjectStore>) -> Self {
        let (heads, kinds) = (Heads::default(), Mutex::default());
        Self { calls: Calls::new(client), tables, objects, heads, kinds, clock: Arc::new(wall) }
    }

    /// The same by another clock: for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// What was consumed so far.
    pub fn usage(&self) -> Usage {
        self.calls.meter.usage()
    }

    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    /// A consistent query of one actor's history. `also` is a condition on `n`.
    pub(crate) fn history(&self, address: &Address, also: &str) -> QueryFluentBuilder {
        let query = self.calls.client.query().table_name(&self.tables.journal).consistent_read(true);
        query.key_condition_expression(format!("a = :a{also}")).expression_attribute_values(":a", text(address))
    }

    /// The last item whose key is this or below, or the very last.
    pub(crate) async fn last(
        &self,
        address: &Address,
        at_most: Option<u64>,
        only: Option<&str>,
    ) -> Result<Option<Item>, Failure> {
        let query = match at_most {
            Some(first) => self.history(address, " AND n <= :n").expression_attribute_values(":n", number(first)),
            None => self.history(address, ""),
        };
        let query = query.scan_index_forward(false).limit(1).set_projection_expression(only.map(str::to_owned));
        let answer = self.calls.query(query).await.map_err(Failure::store)?;
        Ok(answer.items.unwrap_or_default().pop())
    }

    /// Ask where the actor stands.
    pub(crate) async fn ask_head(&self, address: &Address) -> Result<Option<Head>, Failure> {
        let asked = self.now();
        let last = self.last(address, None, Some(HEAD)).await?;
        let place = last.map(|item| Place::read(address, &item)).transpose()?;
        let head = place.map(|place| place.head);
        self.heads.confirm(address, head, asked);
        Ok(head)
    }

    /// Where the actor stands, or stood not long ago.
    pub(crate) async fn recent_head(&self, address: &Address) -> Result<Option<Head>, Failure> {
        match self.heads.fresh(address, self.now()) {
            Some(head) => Ok(head),
            None => self.ask_head(address).await,
        }
    }

    pub(crate) fn place_key(&self, address: &Address, first: u64) -> [(&'static str, AttributeValue); 2] {
        [("a", text(address)), ("n", number(first))]
    }
}

/// The time on the wall: a process that was frozen finds it moved on, unlike a clock that counts while the process runs.
fn wall() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[async_trait]
impl Journal for DynamoStore {
    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, run: Run) -> Result<(), AppendError> {
        run.assert_sound();
        self.put_run(run).await
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        self.ask_head(address).await.map_err(|failure| failure.read(address))
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        self.read_after(address, after_seq, limit).await.map_err(|failure| failure.read(address))
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        self.newest_snapshot(address).await.map_err(|failure| failure.read(address))
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        Ok(self.keep_snapshot(address, snapshot).await?)
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        self.raise(address, epoch).await.map_err(|failure| failure.read(address))
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        Ok(self.delete_actor(address).await?)
    }
}
