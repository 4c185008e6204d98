//! The seams in memory pass every case of their suites.

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_lambda::{
    MemoryConnections, MemorySender, Sender,
    conformance::{Gateway, connections_suite, sender_suite},
};
use std::sync::atomic::{AtomicUsize, Ordering};

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
