//! Append and fdatasync, one thread for all rooms.

use std::fs::File;
use std::io::{self, Write as _};
use std::mem;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use super::outbox::Outbox;
use super::room::Room;

/// The commands of one connection that arrived together.
pub(super) struct Batch {
    pub(super) room: Arc<Room>,
    pub(super) from: Arc<Outbox>,
    pub(super) commands: Vec<u64>,
}

/// The way to the writer thread.
#[derive(Clone)]
pub(super) struct Journal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Vec<Batch>>,
    filled: Condvar,
}

impl Journal {
    /// Opens the file in `dir` and starts the writer thread, which lives as long as the process.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(dir.join("journal"))?;
        let shared = Arc::new(Shared::default());
        let journal = Self(shared.clone());
        thread::Builder::new().name("journal".to_owned()).spawn(move || write_forever(&shared, file))?;
        Ok(journal)
    }

    pub(super) fn push(&self, batch: Batch) {
        let mut queue = self.0.queue.lock().expect("nothing panics while it holds the queue");
        let was_empty = queue.is_empty();
        queue.push(batch);
        drop(queue);
        if was_empty {
            self.0.filled.notify_one();
        }
    }
}

impl Shared {
    fn take(&self, into: &mut Vec<Batch>) {
        let mut queue = self.queue.lock().expect("nothing panics while it holds the queue");
        while queue.is_empty() {
            queue = self.filled.wait(queue).expect("nothing panics while it holds the queue");
        }
        mem::swap(&mut *queue, into);
    }
}

/// The group commit: whatever gathered during the last sync is appended and synced together, then answered.
fn write_forever(shared: &Shared, mut file: File) {
    let mut batches = Vec::new();
    let mut bytes = Vec::new();
    loop {
        shared.take(&mut batches);
        bytes.clear();
        for batch in &batches {
            encode(batch, &mut bytes);
        }
        // A write or sync that failed leaves unknown bytes; answering after it would be a lie.
        file.write_all(&bytes).and_then(|()| file.sync_data()).expect("the journal's disk takes writes");
        for batch in batches.drain(..) {
            batch.room.commit(&batch.from, &batch.commands);
            batch.from.wake();
        }
    }
}

/// A line of JSON for each command. Replaying a room's lines in order gives its count.
fn encode(batch: &Batch, bytes: &mut Vec<u8>) {
    for n in &batch.commands {
        writeln!(bytes, r#"{{"room":{},"n":{n},"by":1}}"#, batch.room.number).expect("a vector takes every write");
    }
}
