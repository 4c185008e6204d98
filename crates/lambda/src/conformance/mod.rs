//! One suite per seam. Every implementation runs all of it: there are no flags and no skips.
//!
//! A case is a named function that gets a fresh store or gateway; the suites print each name before they run it, and return how many they ran.
//! Time is what the cases say.

#![expect(clippy::unwrap_used, reason = "a suite is a test")]

mod connections;
mod queue;
mod sender;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::Time;

use crate::{
    connections::Connections,
    queue::{Deferred, Queue},
    sender::Sender,
};

macro_rules! run_cases {
    ($seam:literal, $make:ident, [$($module:ident :: $case:ident),+ $(,)?]) => {{
        let mut count = 0;
        $(
            println!("{}: {}::{}", $seam, stringify!($module), stringify!($case));
            $module::$case($make().await).await;
            count += 1;
        )+
        println!("{}: {count} cases, none skipped", $seam);
        count
    }};
}

/// Run every case of the connections seam; `make` gives empty rows each time. Returns the number of cases.
///
/// # Panics
/// If the rows break the contract.
pub async fn connections_suite<C: Connections>(make: impl AsyncFn() -> C) -> usize {
    run_cases!(
        "connections",
        make,
        [
            connections::a_connection_is_there_until_it_is_closed,
            connections::a_row_is_written_over,
            connections::an_expired_row_is_not_there,
            connections::a_principal_finds_its_connections,
            connections::whoever_watches_is_found_by_actor_and_by_connection,
            connections::one_connection_may_watch_twice,
            connections::a_row_keeps_its_beginning,
            connections::to_close_leaves_what_is_watched,
            connections::of_racing_connections_one_gets_the_ticket,
            connections::a_taken_ticket_is_taken_again_by_its_connection,
            connections::two_hundred_watch_one_actor,
            connections::names_do_not_run_into_each_other,
            connections::a_mark_comes_with_the_rows,
            connections::marks_that_meet_are_one,
            connections::of_racing_marks_none_is_lost,
            connections::a_mark_that_expired_is_forgotten,
        ]
    )
}

/// A gateway with clients, for the suite of its sender.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// The sender.
    fn sender(&self) -> &dyn Sender;
    /// A client connects; what the gateway calls its connection.
    async fn connect(&self) -> String;
    /// What this client got since the last call, once it got so many messages.
    async fn received(&self, connection: &str, count: usize) -> Vec<Bytes>;
    /// The client closes.
    async fn hang_up(&self, connection: &str);
}

/// Run every case of the sender seam; `make` gives a gateway without clients each time. Returns the number of cases.
///
/// # Panics
/// If the sender breaks the contract.
pub async fn sender_suite<G: Gateway>(make: impl AsyncFn() -> G) -> usize {
    run_cases!(
        "sender",
        make,
        [
            sender::messages_arrive_in_order,
            sender::nobody_gets_what_is_for_somebody_else,
            sender::a_message_of_the_largest_size_arrives_whole,
            sender::one_byte_more_is_refused_and_the_connection_stays,
            sender::a_connection_that_is_gone_says_so,
            sender::to_disconnect_ends_it_and_may_be_done_twice,
        ]
    )
}

/// A queue and somebody who receives from it, for the suite of its seam.
#[async_trait]
pub trait QueueStage: Send + Sync {
    /// The queue.
    fn queue(&self) -> &dyn Queue;
    /// What time it is, by the queue's clock.
    fn now(&self) -> Time;
    /// For how long it hides what it handed out.
    fn hidden(&self) -> Duration;
    /// How often it hands something out that is not done.
    fn receives(&self) -> u32;
    /// The next thing that comes within this time, which is then done.
    async fn next(&self, within: Duration) -> Option<Deferred>;
    /// The next thing that comes within this time, which is then not done.
    async fn leave(&self, within: Duration) -> Option<Deferred>;
}

/// Run every case of the queue seam; `make` gives an empty queue each time. Returns the number of cases.
///
/// # Panics
/// If the queue breaks the contract.
pub async fn queue_suite<Q: QueueStage>(make: impl AsyncFn() -> Q) -> usize {
    run_cases!(
        "queue",
        make,
        [
            queue::whatever_is_put_comes_as_it_was,
            queue::nothing_comes_before_its_time,
            queue::a_time_that_has_passed_means_at_once,
            queue::what_is_put_twice_comes,
            queue::what_is_not_done_comes_again,
            queue::what_is_never_done_becomes_a_dead_letter,
            queue::a_dead_letter_stays_until_it_is_redriven,
            queue::more_dead_letters_than_a_queue_hands_out_at_once_come_back,
        ]
    )
}
