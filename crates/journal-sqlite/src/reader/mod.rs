//! Reading: a few threads, each with a connection of its own, that take what is asked from one queue.
//!
//! Readers see the last commit and never wait for the writer. What they read of a moving actor is laid over with its head in memory.

pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod rows;

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    failure::{Cause, Failure},
    tails::{FailOnPanic, Shared},
};

/// One question, with where to answer it.
pub(crate) type Question = Box<dyn FnOnce(&mut Connection) + Send>;

/// Ask; the answer is computed on a reader's thread.
pub(crate) async fn ask<T: Send + 'static>(
    readers: &mpsc::Sender<Question>,
    work: impl FnOnce(&mut Connection) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let (reply, answer) = oneshot::channel();
    let question: Question = Box::new(move |conn| {
        // A caller that went away does not want to know.
        let _ = reply.send(work(conn));
    });
    let gone = |_| Failure::Fatal(Cause::Gone);
    readers.send(question).await.map_err(|_| Failure::Fatal(Cause::Gone))?;
    answer.await.map_err(gone)?
}

/// Answer questions until every handle is gone.
pub(crate) fn run(mut conn: Connection, shared: &Shared, questions: &Arc<Mutex<mpsc::Receiver<Question>>>) {
    let _guard = FailOnPanic(shared);
    loop {
        let question = questions.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(question) = question else { return };
        question(&mut conn);
    }
}
