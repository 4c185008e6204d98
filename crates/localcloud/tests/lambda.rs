//! Lambda as it is there: one invocation at a time in each environment, frozen in between, dead when it dies.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use dormouse_localcloud::{Clock, Failed, Function, Lambda};
use serde_json::{Value, json};
use support::echo;

fn event(body: &str) -> Bytes {
    json!({ "body": body }).to_string().into()
}

async fn pid(function: &Function, body: &str) -> u64 {
    let answer = function.invoke(event(body)).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let about: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    about["pid"].as_u64().unwrap()
}

#[tokio::test]
async fn an_environment_is_used_again_and_one_more_is_started_beside_one_that_is_at_work() {
    let function = echo();
    let first = pid(&function, "").await;
    assert_eq!(pid(&function, "").await, first);
    let (slow, quick) = tokio::join!(pid(&function, "sleep 500"), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        pid(&function, "").await
    });
    assert_eq!((slow == first, quick == first, function.cold_starts()), (true, false, 2));
    function.retire();
    assert!(![slow, quick].contains(&pid(&function, "").await), "all that were warm have ended");
}

#[tokio::test]
async fn between_two_invocations_nothing_goes_on() {
    let function = echo();
    let file = std::env::temp_dir().join(format!("localcloud-linger-{}", std::process::id()));
    let count = || std::fs::metadata(&file).unwrap().len();
    pid(&function, &format!("linger {}", file.display())).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let frozen = count();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(count(), frozen);
    pid(&function, "sleep 300").await;
    assert!(count() > frozen, "thawed, it goes on");
    std::fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn what_dies_fails_or_takes_too_long_is_told_and_the_next_is_served() {
    let mut lambda = support::lambda();
    lambda.timeout = Duration::from_millis(400);
    let function = Function::new(lambda, Clock::default());
    let first = pid(&function, "").await;
    assert!(
        matches!(function.invoke(event("fail on purpose")).await, Err(Failed::Said(said)) if said.starts_with(b"{"))
    );
    assert_eq!(pid(&function, "").await, first, "an error is an answer");
    assert!(matches!(function.invoke(event("die")).await, Err(Failed::Died)));
    let second = pid(&function, "").await;
    assert_ne!(second, first);
    assert!(matches!(function.invoke(event("sleep 60000")).await, Err(Failed::Died)));
    assert_ne!(pid(&function, "").await, second, "who takes too long is killed");
    let killed = tokio::spawn({
        let function = function.clone();
        async move { function.invoke(event("sleep 300")).await.map(drop) }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(function.kill_busy(), 1);
    assert!(matches!(killed.await.unwrap(), Err(Failed::Died)));
}

#[tokio::test]
async fn a_binary_that_is_none_cannot_be_started() {
    for bootstrap in ["/nowhere/bootstrap", "/bin/true"] {
        let function = Function::new(Lambda::new("none", bootstrap), Clock::default());
        assert!(matches!(function.invoke(event("")).await, Err(Failed::Start(_))), "{bootstrap}");
    }
}
