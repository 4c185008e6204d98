//! What goes to an emulator is counted on its way: calls by their names, and the units that DynamoDB says it consumed.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

/// What was asked, by the name of the call, such as `DynamoDB.PutItem`.
pub type Calls = BTreeMap<String, Call>;

/// One kind of call.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Call {
    /// How often.
    pub count: u64,
    /// Read units, as the answers say.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
}

/// Stands in front of an emulator. Dropping it ends that.
pub struct Meter {
    address: SocketAddr,
    calls: Arc<Mutex<Calls>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Forward {
    to: String,
    client: reqwest::Client,
    calls: Arc<Mutex<Calls>>,
}

impl Meter {
    /// Listen on a free port, and ask this endpoint whatever is asked there.
    ///
    /// # Errors
    /// If there is no port.
    pub async fn before(endpoint: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let calls = Arc::<Mutex<Calls>>::default();
        let to = endpoint.trim_end_matches('/').to_owned();
        let forward = Forward { to, client: reqwest::Client::new(), calls: calls.clone() };
        let routes = Router::new().fallback(pass).with_state(forward);
        let server = tokio::spawn(async move { drop(axum::serve(listener, routes).await) });
        Ok(Self { address, calls, server })
    }

    /// Where to ask instead.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub fn calls(&self) -> Calls {
        locked(&self.calls).clone()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn locked(calls: &Mutex<Calls>) -> MutexGuard<'_, Calls> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass(State(forward): State<Forward>, request: Request) -> Response {
    let name = name(&request);
    match forward.ask(request).await {
        Ok((status, headers, body)) => {
            forward.count(name, &body);
            (status, headers, body).into_response()
        }
        Err(error) => {
            tracing::warn!(error = &*error, name, "an emulator does not answer");
            StatusCode::BAD_GATEWAY.into_response()
        }
    }
}

type Answer = (StatusCode, HeaderMap, bytes::Bytes);

impl Forward {
    async fn ask(&self, request: Request) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let (mut head, body) = request.into_parts();
        let body = axum::body::to_bytes(Body::new(body), usize::MAX).await?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.to);
        head.headers.remove(header::HOST);
        head.headers.remove(header::CONTENT_LENGTH);
        let answer = self.client.request(head.method, url).headers(head.headers).body(body).send().await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        for hop in [header::TRANSFER_ENCODING, header::CONNECTION, header::CONTENT_LENGTH] {
            headers.remove(hop);
        }
        Ok((status, headers, answer.bytes().await?))
    }

    fn count(&self, name: String, answer: &[u8]) {
        let (read, write) = if name.starts_with("DynamoDB.") { consumed(&name, answer) } else { (0.0, 0.0) };
        let mut calls = locked(&self.calls);
        let call = calls.entry(name).or_default();
        call.count += 1;
        call.read_units += read;
        call.write_units += write;
    }
}

/// `DynamoDB.PutItem`, `SQS.SendMessage`, or of those that are told by their paths the method and the first part of the path.
fn name(request: &Request) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    let Some((service, call)) = target.and_then(|target| target.split_once('.')) else {
        let first = request.uri().path().split('/').nth(1).unwrap_or_default();
        return format!("{} /{first}", request.method());
    };
    let service = service.split('_').next().unwrap_or_default();
    format!("{}.{call}", service.trim_start_matches("Amazon"))
}

/// What an answer says that it consumed, of all tables, their indexes included. DynamoDB tells reads and writes apart only by the call.
fn consumed(name: &str, answer: &[u8]) -> (f64, f64) {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let consumed = &answer["ConsumedCapacity"];
    let units = |table: &Value| table["CapacityUnits"].as_f64().unwrap_or_default();
    let units = consumed.as_array().map_or_else(|| units(consumed), |tables| tables.iter().map(units).sum());
    let reads = ["Get", "Query", "Scan", "BatchGet", "TransactGet"]
        .iter()
        .any(|verb| name.starts_with(&format!("DynamoDB.{verb}")));
    if reads { (units, 0.0) } else { (0.0, units) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_from_answers() {
        let one = br#"{"ConsumedCapacity":{"TableName":"a","CapacityUnits":2.5}}"#;
        assert_eq!(consumed("DynamoDB.Query", one), (2.5, 0.0));
        assert_eq!(consumed("DynamoDB.PutItem", one), (0.0, 2.5));
        let many = br#"{"ConsumedCapacity":[{"CapacityUnits":1.0},{"CapacityUnits":6.0}]}"#;
        assert_eq!(consumed("DynamoDB.TransactWriteItems", many), (0.0, 7.0));
        assert_eq!(consumed("DynamoDB.BatchGetItem", many), (7.0, 0.0));
        assert_eq!(consumed("DynamoDB.PutItem", b"{}"), (0.0, 0.0));
    }

    #[test]
    fn calls_are_named_by_their_target_or_their_path() {
        let named = |target: Option<&str>, path: &str| {
            let request = Request::builder().method("PUT").uri(path);
            let request = target.into_iter().fold(request, |request, target| request.header("x-amz-target", target));
            name(&request.body(Body::empty()).expect("a request"))
        };
        assert_eq!(named(Some("DynamoDB_20120810.PutItem"), "/"), "DynamoDB.PutItem");
        assert_eq!(named(Some("AmazonSQS.SendMessage"), "/"), "SQS.SendMessage");
        assert_eq!(named(None, "/bucket/some/key"), "PUT /bucket");
    }
}
