//! The queue on SQS and Scheduler, beside an emulator of both: the suite of its seam, schedules, and why a letter is dead.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::time::{Duration, Instant, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use dormouse_aws::{Clients, Queues, SqsQueue};
use dormouse_core::Time;
use dormouse_lambda::{
    Deferred, Queue,
    conformance::{QueueStage, queue_suite},
};
use support::{Emulator, unused};

const HIDES: Duration = Duration::from_secs(3);
const RECEIVES: u32 = 3;

fn now() -> Time {
    Time(UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap())
}

fn wake(actor: &str) -> Deferred {
    Deferred::Wake { actor: actor.parse().unwrap(), due: Time(7) }
}

/// Queues that nobody else uses, and somebody who receives.
struct Sqs {
    clients: Clients,
    queues: Queues,
    queue: SqsQueue,
}

impl Sqs {
    async fn start() -> Self {
        let clients = Emulator::Ministack.clients();
        let queues = Queues::create(&clients, &unused(), HIDES, RECEIVES).await.unwrap();
        let queue = SqsQueue::new(&clients, queues.clone());
        Self { clients, queues, queue }
    }

    async fn receive(&self, url: &str, within: Duration) -> Option<Message> {
        let begun = Instant::now();
        loop {
            let receive = self.clients.sqs().receive_message().queue_url(url).wait_time_seconds(1);
            let received = receive.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default();
            if let Some(message) = received.into_iter().next() {
                return Some(message);
            }
            if begun.elapsed() >= within {
                return None;
            }
        }
    }

    /// Dead letters that wait, and those that are hidden.
    async fn dead(&self) -> [String; 2] {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let about = self.clients.sqs().get_queue_attributes().queue_url(&self.queues.dead_url);
        let about = about.set_attribute_names(Some(names.to_vec())).send().await.unwrap().attributes.unwrap();
        names.map(|name| about[&name].clone())
    }

    async fn schedules(&self) -> Vec<String> {
        let list = self.clients.scheduler().list_schedules().group_name(&self.queues.group).send().await.unwrap();
        list.schedules.into_iter().filter_map(|schedule| schedule.name).collect()
    }
}

fn what(message: &Message) -> Deferred {
    serde_json::from_str(message.body().unwrap()).unwrap()
}

#[async_trait]
impl QueueStage for Sqs {
    fn queue(&self) -> &dyn Queue {
        &self.queue
    }

    fn now(&self) -> Time {
        now()
    }

    fn hidden(&self) -> Duration {
        HIDES
    }

    fn receives(&self) -> u32 {
        RECEIVES
    }

    async fn next(&self, within: Duration) -> Option<Deferred> {
        let message = self.receive(&self.queues.url, within).await?;
        let delete = self.clients.sqs().delete_message().queue_url(&self.queues.url);
        delete.receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
        Some(what(&message))
    }

    async fn leave(&self, within: Duration) -> Option<Deferred> {
        self.receive(&self.queues.url, within).await.as_ref().map(what)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_of_sqs_is_a_queue() {
    assert_eq!(queue_suite(Sqs::start).await, 8);
}

/// By a clock that is sixteen minutes late, what is due in a few seconds is further away than SQS reaches.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_far_away_is_a_schedule_and_comes_once_and_not_early() {
    let stage = Sqs::start().await;
    let late = stage.queue.clone().with_clock(|| Time(now().0 - 16 * 60 * 1_000));
    let at = now().after(Duration::from_secs(4));
    for _ in 0..2 {
        late.put(&wake("main/todo/far"), at).await.unwrap();
    }
    assert_eq!(stage.schedules().await.len(), 1, "the same put twice is one");
    late.put(&wake("main/todo/far"), at.after(Duration::from_secs(3600))).await.unwrap();
    late.put(&wake("main/todo/other"), at.after(Duration::from_secs(3600))).await.unwrap();
    assert_eq!(stage.schedules().await.len(), 3, "another time, and another actor");
    assert_eq!(stage.next(Duration::from_secs(60)).await, Some(wake("main/todo/far")));
    assert!(now() >= at, "it came at {} and not after {at}", now());
    assert_eq!(stage.next(Duration::from_secs(3)).await, None);
    let ends = Instant::now() + Duration::from_secs(20);
    while stage.schedules().await.len() > 2 {
        assert!(Instant::now() < ends, "a schedule that is over is deleted: {:?}", stage.schedules().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let next = stage.schedules().await.into_iter().next().unwrap();
    let made =
        stage.clients.scheduler().get_schedule().group_name(&stage.queues.group).name(next).send().await.unwrap();
    let target = made.target.unwrap();
    assert_eq!((target.arn, target.role_arn), (stage.queues.arn.clone(), stage.queues.role_arn.clone()));
    assert_eq!(target.dead_letter_config.unwrap().arn, Some(stage.queues.dead_arn.clone()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifteen_minutes_are_a_delay_and_a_second_more_is_a_schedule() {
    let stage = Sqs::start().await;
    let fixed = stage.queue.clone().with_clock(|| Time(1_790_000_000_500));
    let after = |seconds| Time(1_790_000_000_500).after(Duration::from_secs(seconds));
    fixed.put(&wake("main/todo/a"), after(900)).await.unwrap();
    assert_eq!(stage.schedules().await.len(), 0);
    fixed.put(&wake("main/todo/a"), Time(after(900).0 + 1)).await.unwrap();
    assert_eq!(stage.schedules().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_came_back_is_no_dead_letter_any_more() {
    let stage = Sqs::start().await;
    for actor in ["main/todo/a", "main/todo/b"] {
        stage.queue.bury(&wake(actor), "it panicked").await.unwrap();
    }
    assert_eq!(stage.dead().await, ["2", "0"]);
    assert_eq!(stage.queue.redrive(1).await.unwrap(), 1);
    assert_eq!(stage.dead().await, ["1", "0"], "nor is one hidden, to come again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_says_why() {
    let stage = Sqs::start().await;
    stage.queue.bury(&wake("main/todo/a"), "it panicked").await.unwrap();
    let letter = stage.receive(&stage.queues.dead_url, Duration::from_secs(10)).await.unwrap();
    assert_eq!(what(&letter), wake("main/todo/a"));
    assert_eq!(letter.message_attributes.unwrap()["why"].string_value(), Some("it panicked"));
}
