//! Rows follow the stream of the table of runs: newer wins.
//!
//! A record says what one run changed, so a row takes them in order and without a hole. What it has already is left out; where something is missing,
//! the journal is read. A row is written if nobody else wrote it since it was read, in one transaction with the tasks that open and close; so whoever
//! comes late, or twice, changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::{put_item::PutItemError, transact_write_items::TransactWriteItemsError},
    types::{Delete, Put, TransactWriteItem},
};
use dormouse_core::{Address, Time, limits, position::Position};
use dormouse_journal::{IndexChange, ReadError, Row, StoreError, index::activity_bucket};
use futures_util::{FutureExt, StreamExt, stream};

use super::{
    row::{self, Stored},
    tasks,
};
use crate::{
    failure::{BadItem, Failure},
    items::{Item, Lesson, number, text, text_in},
    store::DynamoStore,
};

/// Actors whose rows are written at the same time.
const AT_ONCE: usize = 16;

/// How often a row that others wrote meanwhile is read again. Each time somebody got further.
const TRIES: usize = 50;

/// Tasks that one transaction opens and closes; it takes 100 items.
const TASKS_MAX: usize = 90;

const _: () = assert!(2 * limits::AGENDA_TASKS_MAX <= TASKS_MAX, "what one run changes fits");

impl DynamoStore {
    /// Bring rows up to these items of the table of runs: the new images of records of its stream, in any order, as often as one likes.
    ///
    /// An actor whose items are damaged does not stop the others: their rows are written, and then the error is returned.
    ///
    /// # Errors
    /// [`StoreError`]; what was done stays, and the same items may be absorbed again.
    pub async fn absorb(&self, images: &[Item]) -> Result<(), StoreError> {
        match self.absorb_all(images).await?.into_values().next_back() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }

    /// The same, and which actors' rows could not be brought up, and why: of one that is damaged no retry helps.
    ///
    /// # Errors
    /// [`StoreError`]: what is not of one actor; the same items may be absorbed again.
    pub async fn absorb_each(&self, images: &[Item]) -> Result<BTreeMap<String, ReadError>, StoreError> {
        let failures = self.absorb_all(images).await?;
        let told = |(actor, failure): (&str, Failure)| match (actor.parse(), failure) {
            (Ok(address), failure) => (actor.to_owned(), failure.read(&address)),
            (Err(_), failure) => (actor.to_owned(), StoreError::from(failure).into()),
        };
        Ok(failures.into_iter().map(told).collect())
    }

    /// Bring an actor's row up to its newest item.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn catch_up(&self, address: &Address) -> Result<(), ReadError> {
        let newest = self.last(address, None, None).await.map_err(|failure| failure.read(address))?;
        match self.absorb_each(newest.as_slice()).await?.into_values().next() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    async fn absorb_all<'a>(&self, images: &'a [Item]) -> Result<BTreeMap<&'a str, Failure>, StoreError> {
        let mut actors: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
        for image in images {
            actors.entry(text_in(image, "a").unwrap_or_default()).or_default().push(image);
        }
        let absorbing =
            actors.into_iter().map(|(actor, images)| self.absorb_actor(images).map(move |it| (actor, it)).boxed());
        let absorbing: Vec<_> = absorbing.collect();
        let outcomes: Vec<(&str, Result<Bars, Failure>)> =
            stream::iter(absorbing).buffer_unordered(AT_ONCE).collect().await;
        let (mut bars, mut failures) = (Bars::new(), BTreeMap::new());
        for (actor, outcome) in outcomes {
            match outcome {
                Ok(of_actor) => add(&mut bars, of_actor),
                Err(failure) => drop(failures.insert(actor, failure)),
            }
        }
        self.count_activity(bars).await?;
        Ok(failures)
    }

    async fn absorb_actor(&self, images: Vec<&Item>) -> Result<Bars, Failure> {
        let lessons = images.into_iter().map(Lesson::read).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = lessons.iter().max_by_key(|lesson| (lesson.place.head.epoch, lesson.place.head.seq)) else {
            return Ok(Bars::new());
        };
        let (address, goal) = (last.address.clone(), last.place.head.position());
        let (mut bars, mut overtaken) = (Bars::new(), 0);
        while overtaken < TRIES {
            let row = self.stored_row(&address).await?;
            if row.as_ref().is_some_and(|stored| !is_newer(goal, stored.row.position)) {
                return Ok(bars);
            }
            let next = row.as_ref().map_or(1, |stored| stored.row.position.seq + 1);
            let news = match Fold::of(&following(&lessons, next)) {
                Some(news) => Some(news),
                None => self.missed(&address, next).await?,
            };
            // Deleted meanwhile.
            let Some(news) = news else { return Ok(bars) };
            if !self.write_row(row, &news).await? {
                overtaken += 1;
                continue;
            }
            add(&mut bars, news.bars);
            if !is_newer(goal, news.position) {
                return Ok(bars);
            }
        }
        Err(BadItem::of(&address, "its row is never where it was read").into())
    }

    /// What came before all that was told.
    async fn missed(&self, address: &Address, next: u64) -> Result<Option<Fold>, Failure> {
        let missed = self.from(address, next, usize::MAX).await?;
        let missed = missed.iter().map(Lesson::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Fold::of(&following(&missed, next)))
    }

    /// Write what a row becomes, if it is still what it was; and whether it was.
    async fn write_row(&self, old: Option<Stored>, news: &Fold) -> Result<bool, Failure> {
        let mut new = match &old {
            Some(stored) => stored.clone(),
            // The first commit made the actor, so it has a time.
            None => match news.born() {
                Some(row) => Stored { row, version: 0 },
                None => return Err(BadItem::of(&news.address, "the first commit").into()),
            },
        };
        new.row.position = news.position;
        new.row.updated = news.times.map_or(new.row.updated, |(_, last)| last);
        new.change(&news.change);
        self.replace_row(old, new, &news.change).await
    }

    /// Replace a row that has this version, with the tasks that open and close; and whether it had.
    pub(crate) async fn replace_row(
        &self,
        old: Option<Stored>,
        new: Stored,
        change: &IndexChange,
    ) -> Result<bool, Failure> {
        if old.is_none() {
            self.know_kind(&new.row.address).await?;
        }
        // Before the row: who finds a member's place and no such member in the row leaves it out.
        self.add_members(old.as_ref().map(|stored| &stored.row), &new.row).await?;
        let written = if change.opened.is_empty() && change.closed.is_empty() {
            self.put_row(&old, &new).await?
        } else {
            self.put_row_and_tasks(&old, &new, change).await?
        };
        if written && let Some(old) = &old {
            self.remove_members(&old.row, &new.row).await?;
        }
        Ok(written)
    }

    async fn put_row(&self, old: &Option<Stored>, new: &Stored) -> Result<bool, Failure> {
        let put =
            self.calls.client.put_item().table_name(&self.tables.index).set_item(Some(new.item(self.tables.parts)));
        let put = match old {
            None => put.condition_expression("attribute_not_exists(p)"),
            Some(old) => put.condition_expression("v = :v").expression_attribute_values(":v", number(old.version)),
        };
        match self.calls.put(put).await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Failure::store(error)),
            },
        }
    }

    async fn put_row_and_tasks(
        &self,
        old: &Option<Stored>,
        new: &Stored,
        change: &IndexChange,
    ) -> Result<bool, Failure> {
        let table = &self.tables.index;
        let put = Put::builder().table_name(table).set_item(Some(new.item(self.tables.parts)));
        let put = match old {
            None => put.condition_expression("attribute_not_exists(p)"),
            Some(old) => put.condition_expression("v = :v").expression_attribute_values(":v", number(old.version)),
        };
        let mut writes = vec![TransactWriteItem::builder().put(put.build().expect("all is set")).build()];
        let address = &new.row.address;
        for open in change.opened.iter().filter(|open| !change.closed.contains(&(open.key.clone(), open.seq))) {
            writes.push(
                TransactWriteItem::builder().update(tasks::open(table, self.tables.parts, address, open)).build(),
            );
        }
        // One transaction takes an item once.
        for (key, seq) in change.closed.iter().collect::<BTreeSet<_>>() {
            let delete =
                Delete::builder().table_name(table).set_key(Some(tasks::key(self.tables.parts, address, key, *seq)));
            writes.push(TransactWriteItem::builder().delete(delete.build().expect("all is set")).build());
        }
        let transaction = self.calls.client.transact_write_items().set_transact_items(Some(writes));
        match self.calls.transact(transaction).await {
            Ok(_) => Ok(true),
            Err(error) if was_overtaken(&error) => Ok(false),
            Err(error) => Err(Failure::store(error)),
        }
    }

    pub(crate) async fn stored_row(&self, address: &Address) -> Result<Option<Stored>, Failure> {
        let get = self.calls.client.get_item().table_name(&self.tables.index).consistent_read(true);
        let item =
            self.calls.get(get.set_key(Some(row::key(self.tables.parts, address)))).await.map_err(Failure::store)?.item;
        let read = |item: Item| Stored::read(&item).ok_or_else(|| BadItem::of(address, "its row"));
        Ok(item.map(read).transpose()?)
    }

    /// After the row: what a crash loses here is a part of a bar.
    async fn count_activity(&self, bars: Bars) -> Result<(), Failure> {
        for (bucket, commits) in bars {
            let update = self.calls.client.update_item().table_name(&self.tables.index);
            let update = update.key("p", text("activity")).key("s", text(row::digits(bucket.0)));
            let update = update.update_expression("ADD c :c").expression_attribute_values(":c", number(commits));
            self.calls.update(update).await.map_err(Failure::store)?;
        }
        Ok(())
    }

    /// Forget an actor's row, its tasks and its places in the lists of its members.
    pub(crate) async fn forget_row(&self, address: &Address) -> Result<(), Failure> {
        let mut keys = self.tasks_of(address).await?;
        if let Some(stored) = self.stored_row(address).await? {
            keys.extend(
                stored.row.summary.iter().flat_map(|it| &it.members).map(|it| super::lists::member_key(it, address)),
            );
        }
        keys.push(row::key(self.tables.parts, address));
        for key in keys {
            let delete = self.calls.client.delete_item().table_name(&self.tables.index).set_key(Some(key));
            self.calls.delete(delete).await.map_err(Failure::store)?;
        }
        Ok(())
    }
}

/// Commits by ten minutes.
type Bars = BTreeMap<Time, u64>;

fn add(bars: &mut Bars, more: Bars) {
    for (bucket, commits) in more {
        *bars.entry(bucket).or_default() += commits;
    }
}

fn is_newer(position: Position, than: Position) -> bool {
    (position.epoch, position.seq) > (than.epoch, than.seq)
}

/// Those that follow each other from the commit `next` on, as many as one write takes.
fn following(lessons: &[Lesson], mut next: u64) -> Vec<&Lesson> {
    let mut sorted: Vec<&Lesson> = lessons.iter().collect();
    // At one place a mark comes before the run that replaces it.
    sorted.sort_by_key(|lesson| (lesson.place.first, lesson.place.commits));
    let (mut news, mut tasks) = (Vec::new(), 0);
    for lesson in sorted {
        tasks += lesson.change.opened.len() + lesson.change.closed.len();
        if lesson.place.first == next && (news.is_empty() || tasks <= TASKS_MAX) {
            next += lesson.place.commits;
            news.push(lesson);
        }
    }
    news
}

/// Several lessons as one.
struct Fold {
    address: Address,
    position: Position,
    times: Option<(Time, Time)>,
    change: IndexChange,
    bars: Bars,
}

impl Fold {
    fn of(lessons: &[&Lesson]) -> Option<Self> {
        let last = lessons.last()?;
        let mut change = IndexChange::default();
        let mut bars = Bars::new();
        for lesson in lessons {
            fold(&mut change, &lesson.change);
            if let Some((_, time)) = lesson.times {
                *bars.entry(activity_bucket(time)).or_default() += lesson.place.commits;
            }
        }
        let first = lessons.iter().find_map(|lesson| lesson.times).map(|(first, _)| first);
        let newest = lessons.iter().rev().find_map(|lesson| lesson.times).map(|(_, last)| last);
        let (address, position) = (last.address.clone(), last.place.head.position());
        Some(Self { address, position, times: first.zip(newest), change, bars })
    }

    /// The row of an actor that these commits make.
    fn born(&self) -> Option<Row> {
        let (created, updated) = self.times?;
        Some(Row {
            address: self.address.clone(),
            position: self.position,
            created,
            updated,
            wake: None,
            summary: None,
            present: false,
            retired: false,
        })
    }
}

/// Also what a later run changes.
fn fold(change: &mut IndexChange, later: &IndexChange) {
    change.wake = later.wake.or(change.wake);
    change.opened.retain(|open| !later.closed.contains(&(open.key.clone(), open.seq)));
    change.opened.extend(later.opened.iter().cloned());
    change.closed.extend(later.closed.iter().cloned());
    change.summary = later.summary.clone().or_else(|| change.summary.take());
    change.present = later.present.or(change.present);
    change.retired |= later.retired;
}

/// Whether somebody else wrote the row, or writes it now.
fn was_overtaken<R>(error: &SdkError<TransactWriteItemsError, R>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
        return false;
    };
    let codes = canceled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.into_iter().any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}
