//! The seams in memory pass every case of their suites.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Time,
    limits::{QUEUE_HIDES, QUEUE_RECEIVES_MAX},
};
use dormouse_lambda::{
    MemoryConnections, MemorySender, Sender,
    conformance::{Gateway, QueueStage, connections_suite, queue_suite, sender_suite},
    memory::MemoryQueue,
    queue::{Deferred, Queue},
};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

#[derive(Default)]
struct InMemory {
    sender: MemorySender,
    connected: AtomicUsize,
}

#[async_trait]
impl Gateway for InMemory {
    fn sender(&self) -> &dyn Sender {
        &self.sender
    }

    async fn connect(&self) -> String {
        let connection = format!("c{}", self.connected.fetch_add(1, Ordering::Relaxed));
        self.sender.connect(&connection);
        connection
    }

    async fn received(&self, connection: &str, count: usize) -> Vec<Bytes> {
        let received = self.sender.received(connection);
        assert_eq!(received.len(), count, "nothing is on its way in memory");
        received
    }

    async fn hang_up(&self, connection: &str) {
        self.sender.vanish(connection);
    }
}

#[tokio::test]
async fn rows_in_memory_are_connections() {
    assert_eq!(connections_suite(async || MemoryConnections::default()).await, 16);
}

#[tokio::test]
async fn a_gateway_in_memory_is_a_sender() {
    assert_eq!(sender_suite(async || InMemory::default()).await, 6);
}

/// A queue in memory and its time, which goes on when somebody waits.
struct Deliveries {
    queue: MemoryQueue,
    now: Mutex<Time>,
}

impl Deliveries {
    fn receive(&self, within: Duration, is_done: bool) -> Option<Deferred> {
        let mut now = self.now.lock().unwrap();
        let until = now.after(within);
        let due = self.queue.waiting().into_iter().map(|(at, _)| at).min();
        *now = due.map_or(until, |at| at.clamp(*now, until));
        let received = self.queue.receive(*now, 1).pop()?;
        if is_done {
            self.queue.done(received.id);
        }
        Some(received.what)
    }
}

#[async_trait]
impl QueueStage for Deliveries {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn now(&self) -> Time {
        *self.now.lock().unwrap()
    }

    fn hidden(&self) -> Duration {
        QUEUE_HIDES
    }

    fn receives(&self) -> u32 {
        QUEUE_RECEIVES_MAX
    }

    async fn next(&self, within: Duration) -> Option<Deferred> {
        self.receive(within, true)
    }

    async fn leave(&self, within: Duration) -> Option<Deferred> {
        self.receive(within, false)
    }
}

#[tokio::test]
async fn a_queue_in_memory_is_a_queue() {
    let make = async || Deliveries { queue: MemoryQueue::default(), now: Mutex::new(Time(1_790_000_000_000)) };
    assert_eq!(queue_suite(make).await, 8);
}
