//! Says back what the host at this address says, case by case: what `tools/conformance` lets suites talk to.

use std::{env, error::Error};

use dormouse_client::{Bare, bare};
use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};

/// Cases mostly wait.
const AT_ONCE: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let host = env::args().nth(1).ok_or("say which host, such as ws://127.0.0.1:9001")?;
    let cases = bare(&format!("{host}/getCaseCount")).await?.try_next().await?.ok_or("the host names no cases")?;
    let cases: u32 = cases.into_text()?.parse()?;
    let case = async |case: u32| {
        if let Ok(line) = bare(&format!("{host}/runCase?case={case}&agent=dormouse-client")).await {
            echo(line).await;
        }
    };
    stream::iter(1..=cases).for_each_concurrent(AT_ONCE, case).await;
    bare(&format!("{host}/updateReports?agent=dormouse-client")).await?;
    Ok(())
}

/// Until either side is done.
async fn echo(mut line: Bare) {
    while let Some(Ok(message)) = line.next().await {
        let is_data = message.is_text() || message.is_binary();
        if is_data && line.send(message).await.is_err() {
            break;
        }
    }
}
