//! The queue seam on SQS, and on EventBridge Scheduler for what is further away than SQS reaches.
//!
//! A message is the JSON of what is to be done. A schedule is named by what it says and when, so that the same put twice is one; it puts the
//! message into the queue within the minute after its time, and is gone then. Whoever receives is the host's: Lambda polls the queue for it.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_scheduler::{
    operation::create_schedule::CreateScheduleError,
    primitives::{DateTime, DateTimeFormat},
    types::{ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, Target},
};
use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use dormouse_core::{Hash, Time};
use dormouse_journal::StoreError;
use dormouse_lambda::{Deferred, Queue};

use crate::{clients::Clients, failure::unavailable, queues::Queues};

/// How long SQS holds a message back, at most.
const DELAY_MAX: Duration = Duration::from_secs(15 * 60);
/// The end of 9999, the last year that a schedule can name.
const LAST: Time = Time(253_402_300_799_000);
/// Bytes of the reason beside a dead letter: enough for an error and its causes.
const WHY_BYTES_MAX: usize = 1024;
/// The attribute of a dead letter that says why it is one.
const WHY: &str = "why";
/// Messages that SQS hands out at once, at most.
const RECEIVE_MAX: usize = 10;
/// How long it looks for dead letters: with no wait at all it asks a part of its servers, and may say that there are none.
const LOOK_SECONDS: i32 = 1;

/// Puts into a queue of SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    sqs: aws_sdk_sqs::Client,
    scheduler: aws_sdk_scheduler::Client,
    queues: Queues,
    clock: fn() -> Time,
}

impl SqsQueue {
    /// These queues, by the wall's clock.
    pub fn new(clients: &Clients, queues: Queues) -> Self {
        Self { sqs: clients.sqs(), scheduler: clients.scheduler(), queues, clock: wall }
    }

    /// The same by another clock: for tests.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Time) -> Self {
        Self { clock, ..self }
    }

    async fn send(&self, body: String, delay: Duration) -> Result<(), StoreError> {
        let seconds = delay.as_millis().div_ceil(1_000).try_into().unwrap_or(i32::MAX);
        let send = self.sqs.send_message().queue_url(&self.queues.url).message_body(body).delay_seconds(seconds);
        send.send().await.map_err(unavailable)?;
        Ok(())
    }

    async fn schedule(&self, body: String, at: Time) -> Result<(), StoreError> {
        let at = timestamp(at)?;
        let undelivered = DeadLetterConfig::builder().arn(&self.queues.dead_arn).build();
        let target = Target::builder().arn(&self.queues.arn).role_arn(&self.queues.role_arn).input(&body);
        let target = target.dead_letter_config(undelivered).build().map_err(unavailable)?;
        let exactly = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().map_err(unavailable)?;
        let create = self.scheduler.create_schedule().group_name(&self.queues.group).name(name(&body, &at));
        let create = create.schedule_expression(format!("at({at})")).schedule_expression_timezone("UTC");
        let create = create.action_after_completion(ActionAfterCompletion::Delete);
        match create.target(target).flexible_time_window(exactly).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(CreateScheduleError::ConflictException(_)) => Ok(()),
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Up to so many dead letters. Nobody else gets them for a while.
    async fn dead(&self, limit: usize) -> Result<Vec<Message>, StoreError> {
        let limit = limit.min(RECEIVE_MAX).try_into().unwrap_or(i32::MAX);
        let receive = self.sqs.receive_message().queue_url(&self.queues.dead_url).max_number_of_messages(limit);
        let received = receive.wait_time_seconds(LOOK_SECONDS).send().await.map_err(unavailable)?;
        Ok(received.messages.unwrap_or_default())
    }

    /// There before it is taken away here, so that it comes twice sooner than never.
    async fn bring_back(&self, letter: Message) -> Result<(), StoreError> {
        self.send(letter.body.unwrap_or_default(), Duration::ZERO).await?;
        let delete = self.sqs.delete_message().queue_url(&self.queues.dead_url);
        delete.set_receipt_handle(letter.receipt_handle).send().await.map_err(unavailable)?;
        Ok(())
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn put(&self, what: &Deferred, at: Time) -> Result<(), StoreError> {
        let delay = at.since((self.clock)());
        if delay <= DELAY_MAX { self.send(body(what)?, delay).await } else { self.schedule(body(what)?, at).await }
    }

    async fn bury(&self, what: &Deferred, why: &str) -> Result<(), StoreError> {
        let why = MessageAttributeValue::builder().data_type("String").string_value(plain(why));
        let bury = self.sqs.send_message().queue_url(&self.queues.dead_url).message_body(body(what)?);
        bury.message_attributes(WHY, why.build().map_err(unavailable)?).send().await.map_err(unavailable)?;
        Ok(())
    }

    async fn redrive(&self, limit: usize) -> Result<usize, StoreError> {
        let mut count = 0;
        while count < limit {
            let letters = self.dead(limit - count).await?;
            if letters.is_empty() {
                break;
            }
            for letter in letters {
                self.bring_back(letter).await?;
                count += 1;
            }
        }
        Ok(count)
    }
}

/// The body of a message, in ASCII: SQS refuses some letters that a task's key may hold.
fn body(what: &Deferred) -> Result<String, StoreError> {
    let json = serde_json::to_string(what).map_err(unavailable)?;
    let mut body = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            body.push(letter);
        } else {
            // JSON spells a letter by its halves of UTF-16.
            body.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|half| format!("\\u{half:04x}")));
        }
    }
    Ok(body)
}

/// A reason as an attribute can hold it: some printable ASCII, and not too much.
fn plain(why: &str) -> String {
    let fits = |letter: char| if letter == ' ' || letter.is_ascii_graphic() { letter } else { '?' };
    let plain: String = why.chars().map(fits).take(WHY_BYTES_MAX).collect();
    if plain.is_empty() { "no reason was given".to_owned() } else { plain }
}

/// `2026-12-01T18:30:00`, the first second that is not before this time.
fn timestamp(at: Time) -> Result<String, StoreError> {
    let seconds = at.0.min(LAST.0).div_ceil(1_000).try_into().unwrap_or(i64::MAX);
    let written = DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).map_err(unavailable)?;
    Ok(written.trim_end_matches('Z').to_owned())
}

/// A schedule's name: 32 letters of the hash of what it says.
fn name(body: &str, at: &str) -> String {
    let hash = Hash::of("dormouse/schedule/1", &[body.as_bytes(), at.as_bytes()]);
    hash.0[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn wall() -> Time {
    Time(UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use dormouse_core::record::Opened;

    use super::*;

    #[test]
    fn a_body_is_ascii_and_reads_back() {
        let opened =
            Opened { key: "Dürer \u{fffe}\u{1f42d}".into(), kind: "model".into(), seq: 4, nth: 1, at: Time(5) };
        let what = Deferred::Task { actor: "main/todo/a".parse().unwrap(), opened, attempt: 2 };
        let body = body(&what).unwrap();
        assert!(body.is_ascii(), "{body}");
        assert_eq!(serde_json::from_str::<Deferred>(&body).unwrap(), what);
    }

    #[test]
    fn a_reason_is_what_an_attribute_can_hold() {
        assert_eq!(plain("it took\ntoo long: 5 µs"), "it took?too long: 5 ?s");
        assert_eq!(plain(&"x".repeat(5_000)).len(), WHY_BYTES_MAX);
        assert!(!plain("").is_empty());
    }

    #[test]
    fn a_schedule_is_never_early_and_its_year_has_four_digits() {
        assert_eq!(timestamp(Time(1_796_149_800_000)).unwrap(), "2026-12-01T18:30:00");
        assert_eq!(timestamp(Time(1_796_149_800_001)).unwrap(), "2026-12-01T18:30:01");
        assert_eq!(timestamp(Time(u64::MAX)).unwrap(), "9999-12-31T23:59:59");
    }

    #[test]
    fn a_schedule_is_named_by_what_it_says_and_when() {
        let of = name("{}", "2026-12-01T18:30:00");
        assert_eq!(of, name("{}", "2026-12-01T18:30:00"));
        assert!(of != name("{}", "2026-12-01T18:30:01") && of != name("[]", "2026-12-01T18:30:00"));
        assert!(of.len() <= 64 && of.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{of}");
    }
}
