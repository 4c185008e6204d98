//! What environments share, served to their processes: one line of JSON asks, one answers. Appends can be held before and after they are written.

use std::sync::Arc;

use dormouse_core::{Address, Time, frame::As, position::Head};
use dormouse_journal::{AppendError, IndexChange, Journal, Run};
use dormouse_lambda::{Connections, SendError, Sender};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    common::Cloud,
    remote::{bytes, connected_from, connected_to, hex, watching_from, watching_to},
};

/// Served as long as its process lives.
#[derive(Clone)]
pub struct Shared {
    pub address: String,
    cloud: Cloud,
    gates: Arc<Gates>,
}

struct Gates {
    before: watch::Sender<bool>,
    after: watch::Sender<bool>,
    /// Appends go by again, but for the one that is held.
    passes: watch::Sender<bool>,
    held: watch::Sender<usize>,
}

impl Shared {
    pub async fn serve(cloud: Cloud) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let [before, after, passes] = [(); 3].map(|()| watch::Sender::new(false));
        let gates = Arc::new(Gates { before, after, passes, held: watch::Sender::new(0) });
        let shared = Self { address: listener.local_addr().unwrap().to_string(), cloud, gates };
        let serving = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().answer(stream));
            }
        });
        shared
    }

    /// Whether appends wait before they are written.
    pub fn hold_appends(&self, hold: bool) {
        self.gates.before.send_replace(hold);
    }

    /// Whether appends wait after they were written.
    pub fn hold_answers_of_appends(&self, hold: bool) {
        self.gates.after.send_replace(hold);
    }

    /// From now on appends go by, but for those that are held.
    pub fn hold_only_held(&self) {
        self.gates.passes.send_replace(true);
    }

    /// Resolves when an append is held.
    pub async fn held(&self) {
        self.gates.held.subscribe().wait_for(|held| *held > 0).await.unwrap();
    }

    async fn wait_at(&self, gate: &watch::Sender<bool>) {
        if *gate.borrow() && !*self.gates.passes.borrow() {
            self.gates.held.send_modify(|held| *held += 1);
            gate.subscribe().wait_for(|hold| !*hold).await.unwrap();
        }
    }

    async fn answer(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let asked: Value = serde_json::from_str(&line).unwrap();
        let answer = self.look_up(asked["ask"].as_str().unwrap(), &asked["with"]).await;
        // One that was killed meanwhile hears nothing.
        let _ = stream.get_mut().write_all(format!("{answer}\n").as_bytes()).await;
    }

    async fn look_up(&self, ask: &str, with: &Value) -> Value {
        let (store, rows, gateway) = (&self.cloud.store, &self.cloud.rows, &self.cloud.gateway);
        let text = |field: &str| with[field].as_str().unwrap().to_owned();
        let address = || -> Address { text("address").parse().unwrap() };
        let time = |field: &str| Time(with[field].as_u64().unwrap());
        let of = || -> As { serde_json::from_value(with["of"].clone()).unwrap() };
        let sent = |sent: Result<(), SendError>| json!(matches!(sent, Err(SendError::Gone)));
        match ask {
            "append" => self.append(with).await,
            "head" => json!(store.head(&address()).await.unwrap()),
            "read" => {
                let (after, limit) = (with["after"].as_u64().unwrap(), with["limit"].as_u64().unwrap() as usize);
                let entries = store.read(&address(), after, limit).await.unwrap();
                entries.iter().map(|entry| json!([entry.seq, hex(&entry.record)])).collect()
            }
            "take_ticket" => {
                json!(rows.take_ticket(&text("ticket"), &text("connection"), time("expires")).await.unwrap())
            }
            "open" => json!(rows.open(connected_from(&with["connected"])).await.unwrap()),
            "connected" => {
                let row = rows.connected(&text("connection"), time("now")).await.unwrap();
                row.map_or(Value::Null, |row| connected_to(&row))
            }
            "of_principal" => {
                let tenant = text("tenant").parse().unwrap();
                let found = rows.of_principal(&tenant, &text("principal"), time("now")).await.unwrap();
                found.iter().map(|connection| json!(**connection)).collect()
            }
            "close" => json!(rows.close(&text("connection")).await.unwrap()),
            "watch" => json!(rows.watch(watching_from(&with["watching"])).await.unwrap()),
            "unwatch" => json!(rows.unwatch(&address(), &text("connection"), of()).await.unwrap()),
            "of_actor" => {
                let watched = rows.of_actor(&address(), time("now")).await.unwrap();
                let rows: Vec<Value> = watched.rows.iter().map(watching_to).collect();
                json!({ "rows": rows, "pushed": watched.pushed })
            }
            "mark_pushed" => {
                let pushed = serde_json::from_value(with["pushed"].clone()).unwrap();
                json!(rows.mark_pushed(&address(), pushed, time("now")).await.unwrap())
            }
            "of_connection" => {
                rows.of_connection(&text("connection"), time("now")).await.unwrap().iter().map(watching_to).collect()
            }
            "send" => sent(gateway.send(&text("connection"), text("message").into()).await),
            "is_alive" => json!(gateway.is_alive(&text("connection")).await.unwrap()),
            "disconnect" => sent(gateway.disconnect(&text("connection")).await),
            other => panic!("an environment asks {other:?}"),
        }
    }

    async fn append(&self, with: &Value) -> Value {
        let head = |field: &str| -> Head { serde_json::from_value(with[field].clone()).unwrap() };
        let records = with["records"].as_array().unwrap().iter().map(|it| bytes(it.as_str().unwrap()).into()).collect();
        let run = Run {
            address: with["address"].as_str().unwrap().parse().unwrap(),
            records,
            expected: head("expected"),
            head: head("head"),
            time: Time(with["time"].as_u64().unwrap()),
            index: IndexChange::default(),
        };
        self.wait_at(&self.gates.before).await;
        let appended = self.cloud.store.append(run).await;
        self.wait_at(&self.gates.after).await;
        match appended {
            Ok(()) => Value::Null,
            Err(AppendError::Conflict(head)) => json!(head),
            Err(error) => panic!("memory does not fail: {error}"),
        }
    }
}
