//! What is deferred, and dead letters.

use std::time::Duration;

use dormouse_core::{Time, record::Opened};

use super::QueueStage;
use crate::queue::Deferred;

/// Longer than a queue takes for something that is due.
const SOON: Duration = Duration::from_secs(10);
/// In which nothing must come.
const MOMENT: Duration = Duration::from_secs(2);

fn wake(actor: &str) -> Deferred {
    Deferred::Wake { actor: actor.parse().unwrap(), due: Time(1_790_000_000_123) }
}

/// Everything that comes until nothing comes for a moment, each once: a queue delivers at least once.
async fn all(stage: &impl QueueStage) -> Vec<Deferred> {
    let mut all = Vec::new();
    while let Some(what) = stage.next(MOMENT).await {
        if !all.contains(&what) {
            all.push(what);
        }
    }
    all
}

pub(super) async fn whatever_is_put_comes_as_it_was(stage: impl QueueStage) {
    let actor: dormouse_core::Address = "main/liap-tui/4F2A9CQ7RS".parse().unwrap();
    let task = |key: &str, attempt| {
        let opened = Opened { key: key.into(), kind: "model".into(), seq: u64::MAX, nth: u16::MAX, at: Time(1) };
        Deferred::Task { actor: actor.clone(), opened, attempt }
    };
    let put = [
        wake("main/todo/a"),
        task("t", 1),
        // What a queue could refuse, or read otherwise.
        task("\"<&>\\ \u{0}\u{1b}\u{7f}\u{fffe}\u{1f42d}", u32::MAX),
        Deferred::Repair { actor, after: u64::MAX },
    ];
    for what in &put {
        stage.queue().put(what, stage.now()).await.unwrap();
    }
    let came = all(&stage).await;
    assert_eq!(came.len(), put.len(), "{came:?}");
    assert!(put.iter().all(|what| came.contains(what)), "{came:?}");
}

pub(super) async fn nothing_comes_before_its_time(stage: impl QueueStage) {
    let at = stage.now().after(3 * MOMENT);
    stage.queue().put(&wake("main/todo/later"), at).await.unwrap();
    stage.queue().put(&wake("main/todo/now"), stage.now()).await.unwrap();
    assert_eq!(stage.next(SOON).await, Some(wake("main/todo/now")));
    assert_eq!(stage.next(3 * MOMENT + SOON).await, Some(wake("main/todo/later")));
    assert!(stage.now() >= at, "it came at {} and not after {at}", stage.now());
}

pub(super) async fn a_time_that_has_passed_means_at_once(stage: impl QueueStage) {
    stage.queue().put(&wake("main/todo/a"), Time(0)).await.unwrap();
    assert_eq!(stage.next(SOON).await, Some(wake("main/todo/a")));
}

pub(super) async fn what_is_put_twice_comes(stage: impl QueueStage) {
    for _ in 0..2 {
        stage.queue().put(&wake("main/todo/a"), stage.now()).await.unwrap();
    }
    assert_eq!(all(&stage).await, [wake("main/todo/a")]);
}

pub(super) async fn what_is_not_done_comes_again(stage: impl QueueStage) {
    stage.queue().put(&wake("main/todo/a"), stage.now()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(stage.leave(stage.hidden() + SOON).await, Some(wake("main/todo/a")));
    }
    assert_eq!(stage.next(stage.hidden() + SOON).await, Some(wake("main/todo/a")));
    assert_eq!(stage.next(stage.hidden() + MOMENT).await, None, "it was done");
}

pub(super) async fn a_dead_letter_stays_until_it_is_redriven(stage: impl QueueStage) {
    stage.queue().bury(&wake("main/todo/a"), "a reason: \u{1f480}").await.unwrap();
    stage.queue().bury(&wake("main/todo/b"), "").await.unwrap();
    assert_eq!(stage.next(MOMENT).await, None);
    assert_eq!(stage.queue().redrive(1).await.unwrap(), 1);
    let first = stage.next(SOON).await.unwrap();
    assert_eq!(stage.next(MOMENT).await, None, "one was asked for");
    assert_eq!(stage.queue().redrive(100).await.unwrap(), 1);
    let second = stage.next(SOON).await.unwrap();
    let mut both = [first, second].map(|what| serde_json::to_string(&what).unwrap());
    both.sort();
    assert_eq!(both, ["main/todo/a", "main/todo/b"].map(|it| serde_json::to_string(&wake(it)).unwrap()));
    assert_eq!(stage.queue().redrive(100).await.unwrap(), 0);
    assert_eq!(stage.next(MOMENT).await, None);
}

pub(super) async fn more_dead_letters_than_a_queue_hands_out_at_once_come_back(stage: impl QueueStage) {
    let letters: Vec<Deferred> = (0..23).map(|n| wake(&format!("main/todo/{n}"))).collect();
    for letter in &letters {
        stage.queue().bury(letter, "many").await.unwrap();
    }
    assert_eq!(stage.queue().redrive(100).await.unwrap(), letters.len());
    let came = all(&stage).await;
    assert!(came.len() == letters.len() && letters.iter().all(|letter| came.contains(letter)), "{came:?}");
}

pub(super) async fn what_is_never_done_becomes_a_dead_letter(stage: impl QueueStage) {
    stage.queue().put(&wake("main/todo/a"), stage.now()).await.unwrap();
    for nth in 1..=stage.receives() {
        assert_eq!(stage.leave(stage.hidden() + SOON).await, Some(wake("main/todo/a")), "time {nth}");
    }
    assert_eq!(stage.next(stage.hidden() + MOMENT).await, None);
    assert_eq!(stage.queue().redrive(100).await.unwrap(), 1);
    assert_eq!(stage.next(SOON).await, Some(wake("main/todo/a")));
}
