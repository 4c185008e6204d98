//! A Lambda function for the tests: it says what it was asked and by which process, and does on request what functions do at worst.

use std::{io::Write, time::Duration};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let event = event.payload;
    log(&event)?;
    if let Some(records) = event["Records"].as_array() {
        return done(records);
    }
    let said = event["body"].as_str().unwrap_or_default();
    match said.split_once(' ').unwrap_or((said, "")) {
        ("sleep", millis) => tokio::time::sleep(Duration::from_millis(millis.parse()?)).await,
        ("die", _) => std::process::exit(1),
        ("fail", why) => return Err(why.into()),
        // What goes on after the answer: a thread that says so, by and by, unless it is frozen.
        ("linger", file) => linger(file.to_owned()),
        _ => {}
    }
    let refused = event["queryStringParameters"]["ticket"] == "none";
    let about = json!({ "pid": std::process::id(), "event": event });
    let headers = json!({ "content-type": "application/json", "Sec-WebSocket-Protocol": "echo" });
    Ok(
        json!({ "statusCode": if refused { 401 } else { 200 }, "headers": headers, "cookies": ["a=1"], "body": about.to_string() }),
    )
}

/// A batch of a stream or a queue: logged as a line of its words, and those that begin with `poison` are not done. With a `bomb` in it all of it fails.
fn done(records: &[Value]) -> Result<Value, Error> {
    let word = |record: &Value| {
        let word = record["body"].as_str().or_else(|| record["dynamodb"]["NewImage"]["word"]["S"].as_str());
        word.unwrap_or_default().to_owned()
    };
    let words: Vec<String> = records.iter().map(word).collect();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(std::env::var("ECHO_LOG")?)?;
    writeln!(file, "{}", words.join(" "))?;
    if words.iter().any(|word| word.starts_with("bomb")) {
        return Err("a bomb".into());
    }
    let name = |record: &Value| {
        let name = record["messageId"].as_str().or_else(|| record["dynamodb"]["SequenceNumber"].as_str());
        json!({ "itemIdentifier": name })
    };
    let poison = records.iter().filter(|record| word(record).starts_with("poison"));
    Ok(json!({ "batchItemFailures": poison.map(name).collect::<Vec<_>>() }))
}

/// A line for each event on a WebSocket, where somebody asked for it.
fn log(event: &Value) -> std::io::Result<()> {
    let context = &event["requestContext"];
    let (Ok(file), Some(_)) = (std::env::var("ECHO_LOG"), context.as_object()) else { return Ok(()) };
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(file, "{} {}", context["routeKey"].as_str().unwrap_or_default(), context["disconnectStatusCode"])
}

fn linger(file: String) {
    std::thread::spawn(move || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file)?;
        loop {
            file.write_all(b".")?;
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}
