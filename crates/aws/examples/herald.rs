//! A function for the tests of the sender: it lets everybody in and fails at whatever they say, so that the gateway tells them what it calls their connection.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let says_something = event.payload["requestContext"]["eventType"] == "MESSAGE";
    if says_something { Err("so that you hear your name".into()) } else { Ok(json!({ "statusCode": 200 })) }
}
