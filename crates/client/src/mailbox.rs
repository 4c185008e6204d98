//! What one reader has not taken yet, and how it ends.

use std::{
    collections::VecDeque,
    task::{Poll, Waker},
};

use crate::fault::Fault;

#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    pub(crate) waiting: VecDeque<T>,
    ended: Option<Option<Fault>>,
    waker: Option<Waker>,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), ended: None, waker: None }
    }
}

impl<T> Mailbox<T> {
    pub(crate) fn put(&mut self, update: T) {
        if self.ended.is_none() {
            self.waiting.push_back(update);
            self.wake();
        }
    }

    /// In the place of all that waits.
    pub(crate) fn put_newest(&mut self, update: T) {
        self.waiting.clear();
        self.put(update);
    }

    pub(crate) fn end(&mut self, fault: Option<Fault>) {
        if self.ended.is_none() {
            self.ended = Some(fault);
            self.wake();
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The next update; what waits is still handed out after the end.
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Option<Result<T, Fault>>> {
        if let Some(update) = self.waiting.pop_front() {
            return Poll::Ready(Some(Ok(update)));
        }
        match &mut self.ended {
            // The reason is told once.
            Some(fault) => Poll::Ready(fault.take().map(Err)),
            None => {
                self.waker = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
