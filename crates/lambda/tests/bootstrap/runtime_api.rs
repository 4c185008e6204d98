//! Lambda's side: a Runtime API for each environment, and the environment as a process.

use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

type Answered = Result<Value, Value>;

/// One environment, which takes one event at a time.
pub struct Environment {
    child: Child,
    events: mpsc::UnboundedSender<Value>,
    answers: mpsc::UnboundedReceiver<Answered>,
}

struct Api {
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
    answers: mpsc::UnboundedSender<Answered>,
}

impl Environment {
    /// Start a process that finds what it shares at this address.
    pub async fn start(variable: &str, shared: &str) -> Self {
        let (events, given) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let api = Arc::new(Api { events: Mutex::new(given), answers: answered });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(api);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("AWS_LAMBDA_RUNTIME_API", address).env(variable, shared).stdin(Stdio::null());
        for (name, value) in [("NAME", "room"), ("MEMORY_SIZE", "128"), ("VERSION", "$LATEST")] {
            command.env(format!("AWS_LAMBDA_FUNCTION_{name}"), value);
        }
        Self { child: command.spawn().unwrap(), events, answers }
    }

    /// Give it an event and wait for the answer, or the error.
    pub async fn ask(&mut self, event: Value) -> Answered {
        self.give(event);
        self.answer().await
    }

    pub fn give(&self, event: Value) {
        self.events.send(event).unwrap();
    }

    pub async fn answer(&mut self) -> Answered {
        self.answers.recv().await.expect("an environment that lives")
    }

    pub fn stop(&self) {
        self.signal("-STOP");
    }

    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    pub async fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success(), "kill {signal}");
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "one-at-a-time"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:0:function:room"),
    ];
    (headers, event.to_string()).into_response()
}

async fn response(State(api): State<Arc<Api>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    let _ = api.answers.send(Ok(serde_json::from_slice(&body).unwrap()));
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Arc<Api>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    let _ = api.answers.send(Err(serde_json::from_slice(&body).unwrap()));
    StatusCode::ACCEPTED
}
