//! The handle: turns calls into jobs for the writer and questions for the readers.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use async_trait::async_trait;
use dormouse_core::{
    Address, Time,
    position::{Head, Position},
    record::Opened,
};
use dormouse_journal::{
    AppendError, Attempt, Entry, Filter, Index, IndexChange, Journal, Lease, Page, ReadError, Row, Run, StoreError,
    StoredSnapshot,
    index::{Counts, Cursor, activity_bucket},
};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    OpenError, Options,
    failure::{Cause, Failure},
    inherit::inherit,
    inspect,
    lock::lock,
    packed::pack,
    reader::{self, Question},
    recover::recover,
    schema,
    tails::{Key, Shared, rows_after},
    writer::{Answer, Append, Job, Work, Writer},
};

/// Questions that wait for each reader before askers wait to ask.
const QUESTIONS_PER_READER: usize = 256;

/// A journal and index in one SQLite file. Clones are handles of one store; the last one that is dropped closes it.
#[derive(Debug, Clone)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    /// `None` once the store is closed.
    doors: Mutex<Option<Doors>>,
    /// The readers', then the writer's.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Clone)]
struct Doors {
    jobs: mpsc::Sender<Job>,
    questions: mpsc::Sender<Question>,
}

/// What a store holds in memory, and what its writer did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Actors with rows in the log.
    pub tails: usize,
    /// Those rows.
    pub rows: usize,
    /// Transactions since the start.
    pub batches: u64,
    /// Appends and other writes in them; by the batch, how many shared one sync.
    pub jobs: u64,
    /// Jobs that wait for the writer now.
    pub waiting: usize,
}

/// The journal, in its directory.
const FILE: &str = "journal.sqlite";

impl SqliteStore {
    /// Open the store in this directory, and make it if there is none. Blocks while it reads the log (at most `Options::log_bytes_max`).
    ///
    /// # Errors
    /// [`OpenError`], whose texts say what to do.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        schema::check_sqlite()?;
        let (dir, lock) = (dir.as_ref(), lock(dir.as_ref())?);
        let file = dir.join(FILE);
        let unusable = |source| OpenError::Directory { dir: dir.to_owned(), source };
        inherit(&file, options.vfs.as_deref()).map_err(unusable)?;
        let conn = schema::open_writer(&file, &options)?;
        let (shared, log) = recover(&conn, &schema::open_reader(&file, &options)?)?;
        let shared = Arc::new(shared);
        let readers =
            (0..options.readers).map(|_| schema::open_reader(&file, &options)).collect::<Result<Vec<_>, _>>()?;
        let (questions, threads) = start_readers(readers, &shared).map_err(OpenError::Thread)?;
        let (jobs, waiting) = mpsc::channel(options.waiting_jobs_max);
        let writer =
            Writer { conn, shared: shared.clone(), log, file, options, stuck: Default::default(), has_written: false };
        let inner = Inner { shared, doors: Mutex::new(Some(Doors { jobs, questions })), threads: Mutex::new(threads) };
        inner.add_thread(start_writer(writer, waiting, lock).map_err(OpenError::Thread)?);
        Ok(Self(Arc::new(inner)))
    }

    /// Whether there is one in this directory: a file of no bytes holds nothing yet.
    pub fn is_in(dir: impl AsRef<Path>) -> bool {
        std::fs::metadata(dir.as_ref().join(FILE)).is_ok_and(|file| file.len() > 0)
    }

    /// Finish what waits, copy the WAL into the file, let go of the directory. Later calls of any handle fail.
    pub async fn close(self) {
        let inner = self.0;
        let (done, closed) = oneshot::channel();
        // Joining blocks, and this may be a thread of the runtime.
        std::thread::spawn(move || {
            inner.close();
            let _ = done.send(());
        });
        let _ = closed.await;
    }

    /// Make again, in the store of this directory, what is derived from other rows: SQLite's indexes and the totals. What is derived from commits is
    /// for [`reindex`](Index::reindex). If rows of actors are [damaged](Self::damaged), all stays as it is: indexes are then the only ones who know their names.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn rebuild(dir: impl AsRef<Path>, options: &Options) -> Result<(), OpenError> {
        schema::check_sqlite()?;
        let _lock = lock(dir.as_ref())?;
        let file = dir.as_ref().join(FILE);
        let unusable = |source| OpenError::Directory { dir: dir.as_ref().to_owned(), source };
        inherit(&file, options.vfs.as_deref()).map_err(unusable)?;
        Ok(inspect::rebuild(&mut schema::open_writer(&file, options)?)?)
    }

    /// What of the file contradicts itself, in words. Reads all of it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn inspect(&self) -> Result<Vec<String>, StoreError> {
        self.ask(inspect::inspect).await.map_err(Failure::store)
    }

    /// Which rows of actors are not what was written, in words. Reads all of them.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn damaged(&self) -> Result<Vec<String>, StoreError> {
        self.ask(|conn| Ok(inspect::damaged(conn)?)).await.map_err(Failure::store)
    }

    /// The open task instances of an actor, as the index has them.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn tasks(&self, address: &Address) -> Result<Vec<Opened>, StoreError> {
        let address = address.clone();
        self.ask(move |conn| inspect::tasks(conn, &address)).await.map_err(Failure::store)
    }

    /// What the store holds in memory now.
    pub fn stats(&self) -> Stats {
        let tails = self.0.shared.tails();
        let rows = tails.actors.values().map(|tail| tail.rows.len()).sum();
        let waiting = self.0.doors().map_or(0, |doors| doors.jobs.max_capacity() - doors.jobs.capacity());
        Stats { tails: tails.actors.len(), rows, batches: tails.batches, jobs: tails.jobs, waiting }
    }

    fn key(&self, address: &Address) -> Key {
        self.0.shared.key(address)
    }

    async fn write(&self, work: Work) -> Result<Answer, Failure> {
        self.0.shared.check()?;
        let (reply, answer) = oneshot::channel();
        let jobs = self.0.doors()?.jobs;
        jobs.send(Job { work, reply }).await.map_err(|_| Failure::Fatal(Cause::Gone))?;
        answer.await.map_err(|_| Failure::Fatal(Cause::Gone))?
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        self.0.shared.check()?;
        let answer = reader::ask(&self.0.doors()?.questions, work).await;
        if let Err(Failure::Fatal(cause)) = &answer {
            self.0.shared.fail(&cause.to_string());
        }
        answer
    }
}

/// The threads share one queue, so a long list keeps only one of them.
fn start_readers(
    conns: Vec<Connection>,
    shared: &Arc<Shared>,
) -> io::Result<(mpsc::Sender<Question>, Vec<JoinHandle<()>>)> {
    let (ask, questions) = mpsc::channel(QUESTIONS_PER_READER * conns.len());
    let questions = Arc::new(Mutex::new(questions));
    let start = |conn| {
        let (shared, questions) = (shared.clone(), questions.clone());
        let thread = std::thread::Builder::new().name("journal-reader".into());
        thread.spawn(move || reader::run(conn, &shared, &questions))
    };
    let threads = conns.into_iter().map(start).collect::<io::Result<_>>()?;
    Ok((ask, threads))
}

/// The writer keeps the lock until its connection is closed.
fn start_writer(writer: Writer, waiting: mpsc::Receiver<Job>, lock: File) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("journal-writer".into()).spawn(move || {
        let _lock = lock;
        writer.run(waiting);
    })
}

impl Inner {
    fn doors(&self) -> Result<Doors, Failure> {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        doors.clone().ok_or(Failure::Fatal(Cause::Closed))
    }

    fn add_thread(&self, thread: JoinHandle<()>) {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
    }

    /// Close the doors and wait for the threads. Readers first: the writer's last checkpoint waits for them, and SQLite's end of the WAL is for
    /// the connection that closes last.
    fn close(&self) {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut readers = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let writer = readers.pop();
        let jobs = doors.map(|doors| doors.jobs);
        // A thread that panicked has failed the store; there is nothing else to do about it here.
        for reader in readers {
            let _ = reader.join();
        }
        drop(jobs);
        let _ = writer.map(JoinHandle::join);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl Journal for SqliteStore {
    async fn append(&self, run: Run) -> Result<(), AppendError> {
        run.assert_sound();
        let (packed, begun) = (pack(&run.records), run.begun());
        let Run { address, expected, head, time, index, .. } = run;
        let append = Append { actor: self.key(&address), expected, head, begun, time, index, packed };
        self.write(Work::Append(Box::new(append))).await.map_err(Failure::append)?;
        Ok(())
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        let failed = |failure: Failure| failure.read(address);
        self.0.shared.check().map_err(failed)?;
        let live = self.0.shared.tails().actors.get(&self.key(address)).map(|tail| tail.check().map(|tail| tail.head));
        if let Some(head) = live {
            return head.map(Some).map_err(|damage| failed(damage.into()));
        }
        let wanted = address.clone();
        self.ask(move |conn| reader::journal::head(conn, &wanted)).await.map_err(failed)
    }

    async fn read(&self, address: &Address, after_seq: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let failed = |failure: Failure| failure.read(address);
        self.0.shared.check().map_err(failed)?;
        let tail = match self.0.shared.tails().actors.get(&self.key(address)) {
            // Nothing new is what a follower finds most often.
            Some(tail) if tail.head.seq <= after_seq => return Ok(Vec::new()),
            // Each row has a commit at least.
            Some(tail) => Some((tail.id, rows_after(&tail.rows, after_seq).iter().take(limit).copied().collect())),
            None => None,
        };
        let wanted = address.clone();
        let read = self.ask(move |conn| reader::journal::read(conn, &wanted, tail, after_seq, limit));
        read.await.map_err(failed)
    }

    async fn snapshot(&self, address: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        let wanted = address.clone();
        let read = self.ask(move |conn| reader::journal::snapshot(conn, &wanted));
        read.await.map_err(|failure| failure.read(address))
    }

    async fn put_snapshot(&self, address: &Address, snapshot: StoredSnapshot) -> Result<(), StoreError> {
        self.write(Work::PutSnapshot(self.key(address), snapshot)).await.map(drop).map_err(Failure::store)
    }

    async fn fence(&self, address: &Address, epoch: u32) -> Result<(), ReadError> {
        let fenced = self.write(Work::Fence(self.key(address), epoch)).await;
        fenced.map(drop).map_err(|failure| failure.read(address))
    }

    async fn delete(&self, address: &Address) -> Result<(), StoreError> {
        self.write(Work::Delete(self.key(address))).await.map(drop).map_err(Failure::store)
    }
}

#[async_trait]
impl Index for SqliteStore {
    async fn due(&self, now: Time, limit: usize) -> Result<Vec<(Time, Address)>, StoreError> {
        self.ask(move |conn| reader::rows::due(conn, now, limit)).await.map_err(Failure::store)
    }

    async fn lease(&self, kinds: &[&str], now: Time, until: Time, limit: usize) -> Result<Vec<Lease>, StoreError> {
        let kinds = kinds.iter().map(|&kind| kind.to_owned()).collect();
        match self.write(Work::Lease { kinds, now, until, limit }).await.map_err(Failure::store)? {
            Answer::Leases(leases) => Ok(leases),
            Answer::Done => unreachable!("a lease is answered with leases"),
        }
    }

    async fn release(&self, lease: &Lease, retry_at: Time, attempt: Attempt) -> Result<(), StoreError> {
        let work = Work::Release { actor: self.key(&lease.address), lease: lease.clone(), retry_at, attempt };
        self.write(work).await.map(drop).map_err(Failure::store)
    }

    async fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, StoreError> {
        let Ok(after) = after.map(str::parse::<Cursor>).transpose() else {
            return Ok(Page { rows: Vec::new(), next: None });
        };
        let (filter, dirty) = (filter.clone(), reader::list::dirty(&self.0.shared.tails(), filter, after.as_ref()));
        let list = self.ask(move |conn| reader::list::list(conn, &filter, after.as_ref(), limit, dirty));
        list.await.map_err(Failure::store)
    }

    async fn row(&self, address: &Address) -> Result<Option<Row>, StoreError> {
        let tail = self.0.shared.tails().actors.get(&self.key(address)).map(|tail| (tail.id, tail.head, tail.updated));
        let wanted = address.clone();
        self.ask(move |conn| reader::rows::one(conn, &wanted, tail)).await.map_err(Failure::store)
    }

    async fn sweep(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        let after = after.cloned();
        self.ask(move |conn| reader::rows::sweep(conn, after.as_ref(), limit)).await.map_err(Failure::store)
    }

    async fn present(&self, after: Option<&Address>, limit: usize) -> Result<Vec<Address>, StoreError> {
        let after = after.cloned();
        self.ask(move |conn| reader::rows::present(conn, after.as_ref(), limit)).await.map_err(Failure::store)
    }

    async fn reindex(&self, address: &Address, at: Position, change: IndexChange) -> Result<(), StoreError> {
        self.write(Work::Reindex(self.key(address), at, Box::new(change))).await.map(drop).map_err(Failure::store)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.0.shared.check().map_err(Failure::store)?;
        Ok(self.0.shared.tails().counts)
    }

    async fn activity(&self, since: Time) -> Result<Vec<(Time, u64)>, StoreError> {
        self.0.shared.check().map_err(Failure::store)?;
        let tails = self.0.shared.tails();
        Ok(tails.activity.range(activity_bucket(since)..).map(|(time, commits)| (*time, *commits)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_a_reader_is_fatal_to_every_later_call() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path(), Options::default()).unwrap();
        let answer = store.ask(|_| -> Result<(), Failure> { panic!("the test asked for this") }).await;
        assert!(matches!(answer, Err(Failure::Fatal(_))));
        let address: Address = "main/todo/a".parse().unwrap();
        assert!(matches!(store.head(&address).await, Err(ReadError::Store(StoreError::Fatal(_)))));
        assert!(matches!(store.delete(&address).await, Err(StoreError::Fatal(_))));
        assert!(matches!(store.counts().await, Err(StoreError::Fatal(_))));
    }

    #[tokio::test]
    async fn a_failed_read_of_the_disk_is_fatal_to_every_later_call() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path(), Options::default()).unwrap();
        assert!(store.ask(|_| Err::<(), _>(Failure::Unavailable(Cause::Gone))).await.is_err());
        assert!(store.counts().await.is_ok());
        assert!(store.ask(|_| Err::<(), _>(Failure::Fatal(Cause::Gone))).await.is_err());
        assert!(matches!(store.counts().await, Err(StoreError::Fatal(_))));
    }
}
