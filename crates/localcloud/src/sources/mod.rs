//! What Lambda asks on a function's behalf: streams, queues and the clock. Each hands what it finds to the function, in batches, and goes on when the
//! function has done them.

mod queue;
mod schedule;
mod stream;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub use queue::Queue;
pub use schedule::Schedule;
pub use stream::Stream;

use crate::function::Function;

/// What a test lets go wrong with batches, as it may on AWS.
#[derive(Debug, Default)]
pub struct Faults {
    /// Each batch comes twice, one after the other.
    pub doubles: AtomicBool,
    /// Each record comes in a batch of its own.
    pub splits: AtomicBool,
    /// Each batch comes so many milliseconds late.
    pub delay_ms: AtomicU64,
}

/// Something that is asked for as long as this is not dropped.
struct Asking(JoinHandle<()>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// All of it is done.
    Done,
    /// All but these, by the names that records have.
    Except(Vec<String>),
    /// The function failed, so nobody knows what is done.
    Failed,
}

/// Invoke the function with these records.
async fn hand_over(function: &Function, records: &[Value]) -> Outcome {
    let event = Bytes::from(json!({ "Records": records }).to_string());
    match function.invoke(event).await {
        Ok(answer) => outcome(&answer),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a batch failed");
            Outcome::Failed
        }
    }
}

/// What the function says is not done: with no list, or an empty one, all is. A list that names nothing is a failure of the whole batch.
fn outcome(answer: &Bytes) -> Outcome {
    let said: Value = serde_json::from_slice(answer).unwrap_or_default();
    let failures = said["batchItemFailures"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named: Vec<String> =
        failures.iter().filter_map(|failure| failure["itemIdentifier"].as_str()).map(str::to_owned).collect();
    match () {
        () if failures.is_empty() => Outcome::Done,
        () if named.len() < failures.len() || named.iter().any(String::is_empty) => Outcome::Failed,
        () => Outcome::Except(named),
    }
}

impl Faults {
    /// The batches in which these records come.
    fn batches(&self, records: Vec<Value>) -> Vec<Vec<Value>> {
        let batches = if self.splits.load(Ordering::Relaxed) {
            records.into_iter().map(|record| vec![record]).collect()
        } else {
            vec![records]
        };
        let times = if self.doubles.load(Ordering::Relaxed) { 2 } else { 1 };
        batches.into_iter().flat_map(|batch| std::iter::repeat_n(batch, times)).collect()
    }

    async fn delay(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(self.delay_ms.load(Ordering::Relaxed))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_answers_is_read_as_lambda_reads_it() {
        let read = |answer: &'static str| outcome(&Bytes::from(answer));
        for done in ["null", "{}", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#, "no json"] {
            assert_eq!(read(done), Outcome::Done, "{done}");
        }
        let one = r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#;
        assert_eq!(read(one), Outcome::Except(vec!["b".to_owned()]));
        for failed in [r#"{"batchItemFailures":[{}]}"#, r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#] {
            assert_eq!(read(failed), Outcome::Failed, "{failed}");
        }
    }

    #[test]
    fn batches_come_as_the_faults_say() {
        let (faults, records) = (Faults::default(), vec![json!(1), json!(2)]);
        assert_eq!(faults.batches(records.clone()), std::slice::from_ref(&records));
        faults.doubles.store(true, Ordering::Relaxed);
        assert_eq!(faults.batches(records.clone()), [records.clone(), records.clone()]);
        faults.splits.store(true, Ordering::Relaxed);
        assert_eq!(faults.batches(records), [[json!(1)], [json!(1)], [json!(2)], [json!(2)]]);
    }
}
