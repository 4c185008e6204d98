//! One environment of a function: a process, the Runtime API that it asks for work, and the freezer.
//!
//! Between an answer and the next event the process is stopped, as Lambda freezes it: nothing it left running goes on, and its timers find the time
//! moved on.

use std::{
    io,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{clock::Clock, function::Lambda, limits};

/// What an environment has answered.
pub(crate) type Answer = Result<Bytes, Bytes>;

/// An event on its way to the process.
struct Event {
    id: String,
    deadline_millis: u64,
    payload: Bytes,
}

/// What the Runtime API and the pool share.
struct Desk {
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    /// Which invocation is being worked on, and who waits for it.
    open: Mutex<Option<(String, oneshot::Sender<Answer>)>>,
    /// The process asked for work: it is idle.
    idle: mpsc::Sender<()>,
}

/// A running environment. Dropping it kills the process.
pub(crate) struct Environment {
    child: Child,
    desk: Arc<Desk>,
    events: mpsc::Sender<Event>,
    idle: mpsc::Receiver<()>,
    server: JoinHandle<()>,
    invocations: u64,
}

impl Environment {
    /// Start the process; returns when it asks for work.
    pub(crate) async fn start(lambda: &Lambda) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::channel(1);
        let (tell, idle) = mpsc::channel(1);
        let desk = Arc::new(Desk { events: waiting.into(), open: Mutex::default(), idle: tell });
        let routes = runtime_api(desk.clone());
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        let child = command(lambda, &address.to_string()).spawn()?;
        let mut environment = Self { child, desk, events, idle, server, invocations: 0 };
        environment.initialised().await?;
        environment.freeze()?;
        Ok(environment)
    }

    async fn initialised(&mut self) -> io::Result<()> {
        tokio::select! {
            _ = self.idle.recv() => Ok(()),
            status = self.child.wait() => Err(io::Error::other(format!("the function ended before it asked for work: {}", status?))),
            () = tokio::time::sleep(limits::INIT_MAX) => Err(io::Error::other("the function did not ask for work in ten seconds")),
        }
    }

    /// Thaw, hand over the event, and freeze again once the process has answered and asks for more. `None` if it died or took too long: then this
    /// environment is of no more use.
    pub(crate) async fn invoke(&mut self, lambda: &Lambda, clock: &Clock, payload: Bytes) -> Option<Answer> {
        self.invocations += 1;
        let (answer, answered) = oneshot::channel();
        let id = format!("{:08x}-{:08x}", self.child.id().unwrap_or_default(), self.invocations);
        *self.desk.open() = Some((id.clone(), answer));
        let timeout = lambda.timeout;
        let deadline_millis = clock.epoch_millis() + u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self.thaw().ok()?;
        self.events.send(Event { id, deadline_millis, payload }).await.ok()?;
        let work = async {
            let answer = answered.await.ok()?;
            self.idle.recv().await?;
            Some(answer)
        };
        let answer = tokio::select! {
            answer = work => answer,
            _ = self.child.wait() => None,
            () = tokio::time::sleep(timeout) => None,
        }?;
        self.freeze().ok()?;
        Some(answer)
    }

    fn freeze(&self) -> io::Result<()> {
        self.signal(Signal::STOP)
    }

    fn thaw(&self) -> io::Result<()> {
        self.signal(Signal::CONT)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let pid = pid.ok_or_else(|| io::Error::other("the process has ended"))?;
        Ok(kill_process(pid, signal)?)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.server.abort();
        let _ = self.child.start_kill();
    }
}

fn command(lambda: &Lambda, runtime_api: &str) -> Command {
    let mut command = Command::new(&lambda.bootstrap);
    command
        .envs(&lambda.variables)
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .env("AWS_LAMBDA_FUNCTION_NAME", &lambda.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

impl Desk {
    fn open(&self) -> std::sync::MutexGuard<'_, Option<(String, oneshot::Sender<Answer>)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only the invocation that is open can be answered, and once.
    fn answer(&self, id: &str, answer: Answer) -> StatusCode {
        match self.open().take_if(|(open, _)| open == id) {
            Some((_, waiting)) => {
                let _ = waiting.send(answer);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

/// Lambda's Runtime API, version 2018-06-01.
fn runtime_api(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(StatusCode::ACCEPTED))
        .layer(axum::extract::DefaultBodyLimit::max(limits::PAYLOAD_BYTES_MAX))
        .with_state(desk)
}

async fn next(State(desk): State<Arc<Desk>>) -> Response {
    // Who asks twice was answered once: the second question waits for the next event like the first.
    let mut events = desk.events.lock().await;
    let _ = desk.idle.try_send(());
    let Some(event) = events.recv().await else { return StatusCode::GONE.into_response() };
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", event.id),
        ("Lambda-Runtime-Deadline-Ms", event.deadline_millis.to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:local:000000000000:function:local".to_owned()),
        ("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Sampled=0".to_owned()),
        ("Content-Type", "application/json".to_owned()),
    ];
    (headers, event.payload).into_response()
}

async fn response(State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    desk.answer(&id, Ok(body))
}

async fn error(State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    desk.answer(&id, Err(body))
}
