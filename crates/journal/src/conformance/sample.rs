//! Real runs for tests: sealed records that link to each other.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use dormouse_core::{
    Address, Hash, Time,
    position::Head,
    record::{self, Body, Cause, Changes, Header},
};

use crate::journal::{IndexChange, Journal, Run, StoredSnapshot};

/// Drawn for each record, so that two rivals never seal the same bytes.
static NONCE: AtomicU64 = AtomicU64::new(1);

/// Writes one actor's history.
#[derive(Debug, Clone)]
pub struct Writer {
    /// Whose.
    pub address: Address,
    /// Where it stands.
    pub head: Head,
    /// The time of the next run.
    pub time: Time,
}

impl Writer {
    /// A writer before the first commit.
    ///
    /// # Panics
    /// If the text is no address.
    pub fn new(address: &str) -> Self {
        let address = address.parse().expect("the test names an address");
        Self { address, head: Head::start(1), time: Time(1_790_000_000_000) }
    }

    /// The next run, of so many commits. The writer stands after it.
    pub fn run(&mut self, commits: usize) -> Run {
        self.run_of(commits, 60)
    }

    /// The next run, of so many commits, each with an event of so many bytes.
    pub fn run_of(&mut self, commits: usize, event_bytes: usize) -> Run {
        let expected = self.head;
        let event = vec![b'e'; event_bytes];
        let records = (0..commits).map(|_| self.seal(&event)).collect();
        let address = self.address.clone();
        Run { address, records, expected, head: self.head, time: self.time, index: IndexChange::default() }
    }

    /// The next run, of one commit that changes the index.
    pub fn changing(&mut self, index: IndexChange) -> Run {
        Run { index, ..self.run(1) }
    }

    /// Append the next run.
    ///
    /// # Panics
    /// If it is not committed.
    pub async fn append(&mut self, journal: &impl Journal, commits: usize) -> Run {
        let run = self.run(commits);
        journal.append(run.clone()).await.expect("nobody else writes here");
        run
    }

    /// Append the next run, of one commit that changes the index.
    ///
    /// # Panics
    /// If it is not committed.
    pub async fn change(&mut self, journal: &impl Journal, index: IndexChange) {
        let run = self.changing(index);
        journal.append(run).await.expect("nobody else writes here");
    }

    /// A snapshot where the writer stands.
    pub fn snapshot(&self) -> StoredSnapshot {
        snapshot_at(self.head, 100)
    }

    fn seal(&mut self, event: &[u8]) -> Arc<[u8]> {
        let seq = self.head.seq + 1;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&NONCE.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        let prev = self.head.hash;
        let header =
            Header { retires: false, rules: 1, key_id: 0, seq, time: self.time, first_event: seq - 1, prev, nonce };
        let body = Body { cause: Cause::Joined, by: None, events: vec![event] };
        let (bytes, hash) = record::seal(&self.address, &header, &Changes::default(), &body);
        self.head = Head { seq, hash, ..self.head };
        bytes.into()
    }
}

/// Bytes that stand for a snapshot at this head.
pub fn snapshot_at(head: Head, bytes: usize) -> StoredSnapshot {
    let mark = Hash::of("sample", &[&head.seq.to_le_bytes(), &head.hash.0]);
    let bytes: Vec<u8> = mark.0.iter().copied().cycle().take(bytes).collect();
    StoredSnapshot { head, bytes: bytes.into() }
}

/// Read a whole history, in pages of `limit`, and open every record.
///
/// # Panics
/// If there is a hole, or a record is not what was sealed.
pub async fn read_all(journal: &impl Journal, address: &Address, limit: usize) -> Vec<Arc<[u8]>> {
    let mut records: Vec<Arc<[u8]>> = Vec::new();
    let mut prev = Hash::default();
    loop {
        let after = records.len() as u64;
        let page = journal.read(address, after, limit).await.expect("the history reads");
        assert!(page.len() <= limit, "a page is bounded");
        if page.is_empty() {
            return records;
        }
        for entry in page {
            let opened = record::open(address, &entry.record).expect("the record is whole");
            assert_eq!((entry.seq, opened.header.seq), (records.len() as u64 + 1, entry.seq), "no hole");
            assert_eq!(opened.header.prev, prev, "each record links to the one before");
            prev = opened.hash;
            records.push(entry.record);
        }
    }
}
