//! Open tasks: items of the table `index`, each of which one host at a time leases.
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `p` | S, partition key | `task` and the part that the address falls into |
//! | `s` | S, sort key | the address, the commit that opened it, its key |
//! | `k`, `y` | S | the kind of worker, its key |
//! | `n`, `i`, `b` | N | the commit that opened it, its place among those, the time of that commit |
//! | `c` | N | attempts |
//! | `f` | N, if it was leased before | nobody may lease it before |
//! | `kp`, `ks` | S | keys of the index `ready`: kind, whether it was leased before, part; since when it is ready, and whose |

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::{AttributeValue, Update},
};
use dormouse_core::{Address, TaskKey, Time, record::Opened};
use dormouse_journal::{Attempt, Lease};
use futures_util::future::{join_all, try_join_all};

use super::row::{ABOVE, Parts, address_of, digits, partition, sorted};
use crate::{
    failure::Failure,
    items::{Item, item, number, number_in, text, text_in},
    store::DynamoStore,
};

/// How often it is looked again for what others did not get first. An index of DynamoDB trails its table by moments, so what it shows may be taken.
const ROUNDS: usize = 4;

/// An open task as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    address: Address,
    task: Opened,
    attempts: u32,
    free_at: Option<Time>,
}

impl Open {
    fn read(item: &Item) -> Option<Self> {
        let task = Opened {
            key: text_in(item, "y")?.into(),
            kind: text_in(item, "k")?.to_owned(),
            seq: number_in(item, "n")?,
            nth: number_in(item, "i")?,
            at: Time(number_in(item, "b")?),
        };
        let address = address_of(text_in(item, "s")?)?;
        Some(Self { address, task, attempts: number_in(item, "c")?, free_at: number_in(item, "f").map(Time) })
    }

    /// Longest ready first, then by address and place.
    fn place(&self) -> String {
        let Opened { key, seq, nth, at, .. } = &self.task;
        let ready = digits(self.free_at.unwrap_or(*at).0);
        format!("{ready} {} {} {nth:05} {key}", sorted(&self.address), digits(*seq))
    }
}

fn queue(kind: &str, was_leased: bool, part: u8) -> String {
    let which = if was_leased { "again" } else { "fresh" };
    format!("{kind} {which} {part}")
}

/// The key of an instance.
pub(crate) fn key(parts: Parts, address: &Address, task: &TaskKey, seq: u64) -> Item {
    let sort = format!("{} {} {task}", sorted(address), digits(seq));
    item([("p", text(partition("task", parts.of(address)))), ("s", text(sort))])
}

/// Make this instance, or leave it as it is if it is there.
pub(crate) fn open(table: &str, parts: Parts, address: &Address, task: &Opened) -> Update {
    let fresh = Open { address: address.clone(), task: task.clone(), attempts: 0, free_at: None };
    let values = [
        ("k", text(&task.kind)),
        ("y", text(&task.key)),
        ("n", number(task.seq)),
        ("i", number(task.nth)),
        ("b", number(task.at.0)),
        ("c", number(0_u64)),
        ("kp", text(queue(&task.kind, false, parts.of(address)))),
        ("ks", text(fresh.place())),
    ];
    let sets: Vec<String> = values.iter().map(|(name, _)| format!("{name} = if_not_exists({name}, :{name})")).collect();
    let update = Update::builder().table_name(table).set_key(Some(key(parts, address, &task.key, task.seq)));
    let update = update.update_expression(format!("SET {}", sets.join(", ")));
    let values = values.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
    update.set_expression_attribute_values(Some(values)).build().expect("all is set")
}

impl DynamoStore {
    pub(crate) async fn lease_some(
        &self,
        kinds: &[&str],
        now: Time,
        until: Time,
        limit: usize,
    ) -> Result<Vec<Lease>, Failure> {
        let mut leases = Vec::new();
        for _ in 0..ROUNDS {
            let free = self.free(kinds, now, limit - leases.len()).await?;
            let holding = free.iter().map(|(open, queue)| self.hold(open, queue, until));
            let held = join_all(holding).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            let (before, seen) = (leases.len(), held.len());
            leases.extend(held.into_iter().flatten());
            // Enough; or nothing was taken by others meanwhile, or all of it.
            if leases.len() >= limit || leases.len() == before || leases.len() - before == seen {
                break;
            }
        }
        Ok(leases)
    }

    /// What may be leased, in the order in which it is, and the queue in which it stands when it is leased.
    async fn free(&self, kinds: &[&str], now: Time, limit: usize) -> Result<Vec<(Open, String)>, Failure> {
        let mut queues = Vec::new();
        for kind in kinds {
            // A fresh instance is ready whatever the clock says.
            for (was_leased, until) in [(false, u64::MAX), (true, now.0)] {
                queues.extend(
                    self.tables.parts.all().map(|part| self.in_queue(queue(kind, was_leased, part), until, limit)),
                );
            }
        }
        let found: Vec<Vec<Item>> = try_join_all(queues).await?;
        let mut free: Vec<Open> = found.iter().flatten().filter_map(Open::read).collect();
        free.sort_by_cached_key(Open::place);
        free.truncate(limit);
        let held = |open: Open| {
            let queue = queue(&open.task.kind, true, self.tables.parts.of(&open.address));
            (open, queue)
        };
        Ok(free.into_iter().map(held).collect())
    }

    async fn in_queue(&self, queue: String, until: u64, limit: usize) -> Result<Vec<Item>, Failure> {
        let query = self.calls.client.query().table_name(&self.tables.index).index_name("ready");
        let query =
            query.key_condition_expression("kp = :p AND ks < :s").expression_attribute_values(":p", text(queue));
        let query = query.expression_attribute_values(":s", text(format!("{}{ABOVE}", digits(until))));
        self.up_to(query, limit).await
    }

    /// Lease it, unless somebody else was first.
    async fn hold(&self, open: &Open, queue: &str, until: Time) -> Result<Option<Lease>, Failure> {
        let attempt = open.attempts + 1;
        let held = Open { attempts: attempt, free_at: Some(until), ..open.clone() };
        let seen = match open.free_at {
            Some(_) => "f = :seen",
            None => "attribute_exists(s) AND attribute_not_exists(f)",
        };
        let update = self.requeue(&held, queue).condition_expression(format!("c = :was AND {seen}"));
        let update = update.expression_attribute_values(":was", number(open.attempts));
        let seen = open.free_at.map(|free_at| (":seen".to_owned(), number(free_at.0)));
        let update =
            seen.into_iter().fold(update, |update, (name, value)| update.expression_attribute_values(name, value));
        let won = self.update_if(update).await?;
        Ok(won.then_some(Lease { address: held.address, task: held.task, attempt, until }))
    }

    fn requeue(&self, open: &Open, queue: &str) -> UpdateItemFluentBuilder {
        let Open { address, task, attempts, free_at } = open;
        let update = self.calls.client.update_item().table_name(&self.tables.index);
        let update = update.set_key(Some(key(self.tables.parts, address, &task.key, task.seq)));
        let update = update.update_expression("SET c = :c, f = :f, kp = :kp, ks = :ks");
        let values: [(&str, AttributeValue); 4] = [
            (":c", number(*attempts)),
            (":f", number(free_at.unwrap_or_default().0)),
            (":kp", text(queue)),
            (":ks", text(open.place())),
        ];
        values.into_iter().fold(update, |update, (name, value)| update.expression_attribute_values(name, value))
    }

    pub(crate) async fn give_back(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), Failure> {
        let attempts = lease.attempt - u32::from(attempt == Attempt::NotMade);
        let (address, task) = (lease.address.clone(), lease.task.clone());
        let open = Open { address, task, attempts, free_at: Some(retry_at) };
        let queue = queue(&open.task.kind, true, self.tables.parts.of(&open.address));
        let update = self.requeue(&open, &queue).condition_expression("attribute_exists(s) AND c = :was");
        self.update_if(update.expression_attribute_values(":was", number(lease.attempt))).await?;
        Ok(())
    }

    /// Whether the condition held.
    async fn update_if(&self, update: UpdateItemFluentBuilder) -> Result<bool, Failure> {
        match self.calls.update(update).await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Failure::store(error)),
            },
        }
    }

    /// The keys of all open tasks of an actor.
    pub(crate) async fn tasks_of(&self, address: &Address) -> Result<Vec<Item>, Failure> {
        let query = self.calls.client.query().table_name(&self.tables.index).consistent_read(true);
        let query = query.key_condition_expression("p = :p AND begins_with(s, :s)").projection_expression("p, s");
        let query = query.expression_attribute_values(":p", text(partition("task", self.tables.parts.of(address))));
        let query = query.expression_attribute_values(":s", text(format!("{} ", sorted(address))));
        self.up_to(query, usize::MAX).await
    }
}
