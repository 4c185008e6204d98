//! The seams of an environment: each call is a question to the process that all environments share.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{Address, Name, Principal, Time, Viewer, frame::As, position::Head};
use dormouse_engine::identity::Session;
use dormouse_journal::{AppendError, Entry, Journal, ReadError, Run, StoreError, StoredSnapshot};
use dormouse_lambda::{Connected, Connections, Info, Pushed, SendError, Sender, Watched, Watching};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// Where what is shared is.
pub struct Remote(pub String);

impl Remote {
    async fn ask(&self, what: &str, with: Value) -> Value {
        let mut stream = BufReader::new(TcpStream::connect(&self.0).await.unwrap());
        let asked = format!("{}\n", json!({ "ask": what, "with": with }));
        stream.get_mut().write_all(asked.as_bytes()).await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn viewer_to(viewer: &Viewer) -> Value {
    json!([viewer.principal, viewer.roles])
}

fn viewer_from(value: &Value) -> Viewer {
    let (principal, roles): (Principal, Vec<String>) = serde_json::from_value(value.clone()).unwrap();
    Viewer::new(principal, roles)
}

pub fn connected_to(row: &Connected) -> Value {
    let Session { viewer, tenant, issued, expires } = &row.session;
    json!({
        "connection": *row.connection, "viewer": viewer_to(viewer), "tenant": tenant, "issued": issued.0,
        "session_expires": expires.0, "outbox": row.outbox, "expires": row.expires.0,
    })
}

pub fn connected_from(value: &Value) -> Connected {
    let time = |field: &str| Time(value[field].as_u64().unwrap());
    let session = Session {
        viewer: viewer_from(&value["viewer"]),
        tenant: value["tenant"].as_str().unwrap().parse().unwrap(),
        issued: time("issued"),
        expires: time("session_expires"),
    };
    let connection = value["connection"].as_str().unwrap().into();
    let outbox = serde_json::from_value(value["outbox"].clone()).unwrap();
    Connected { connection, session, outbox, expires: time("expires") }
}

pub fn watching_to(row: &Watching) -> Value {
    json!({
        "address": row.address.to_string(), "connection": *row.connection, "of": row.of, "viewer": viewer_to(&row.viewer),
        "since": row.since.0, "expires": row.expires.0,
    })
}

pub fn watching_from(value: &Value) -> Watching {
    Watching {
        address: value["address"].as_str().unwrap().parse().unwrap(),
        connection: value["connection"].as_str().unwrap().into(),
        of: serde_json::from_value(value["of"].clone()).unwrap(),
        viewer: viewer_from(&value["viewer"]),
        since: Time(value["since"].as_u64().unwrap()),
        expires: Time(value["expires"].as_u64().unwrap()),
    }
}

#[async_trait]
impl Journal for Remote {
    fn is_shared(&self) -> bool {
        true
    }

    async fn append(&self, run: Run) -> Result<(), AppendError> {
        let records: Vec<String> = run.records.iter().map(|record| hex(record)).collect();
        let Run { address, expected, head, time, .. } = run;
        let with = json!({
            "address": address.to_string(), "records": records, "expected": expected, "head": head, "time": time.0,
        });
        let answer = self.ask("append", with).await;
        match serde_json::from_value::<Option<Head>>(answer).unwrap() {
            None => Ok(()),
            Some(head) => Err(AppendError::Conflict(head)),
        }
    }

    async fn head(&self, address: &Address) -> Result<Option<Head>, ReadError> {
        let head = self.ask("head", json!({ "address": address.to_string() })).await;
        Ok(serde_json::from_value(head).unwrap())
    }

    async fn read(&self, address: &Address, after: u64, limit: usize) -> Result<Vec<Entry>, ReadError> {
        let with = json!({ "address": address.to_string(), "after": after, "limit": limit });
        let entries: Vec<(u64, String)> = serde_json::from_value(self.ask("read", with).await).unwrap();
        Ok(entries.into_iter().map(|(seq, record)| Entry { seq, record: bytes(&record).into() }).collect())
    }

    async fn snapshot(&self, _: &Address) -> Result<Option<StoredSnapshot>, ReadError> {
        Ok(None)
    }

    async fn put_snapshot(&self, _: &Address, _: StoredSnapshot) -> Result<(), StoreError> {
        Ok(())
    }

    async fn fence(&self, _: &Address, _: u32) -> Result<(), ReadError> {
        unreachable!("no environment fences")
    }

    async fn delete(&self, _: &Address) -> Result<(), StoreError> {
        unreachable!("no environment deletes")
    }
}

#[async_trait]
impl Connections for Remote {
    async fn take_ticket(&self, ticket: &str, connection: &str, expires: Time) -> Result<bool, StoreError> {
        let with = json!({ "ticket": ticket, "connection": connection, "expires": expires.0 });
        Ok(self.ask("take_ticket", with).await == true)
    }

    async fn open(&self, connected: Connected) -> Result<(), StoreError> {
        self.ask("open", json!({ "connected": connected_to(&connected) })).await;
        Ok(())
    }

    async fn connected(&self, connection: &str, now: Time) -> Result<Option<Connected>, StoreError> {
        let row = self.ask("connected", json!({ "connection": connection, "now": now.0 })).await;
        Ok((!row.is_null()).then(|| connected_from(&row)))
    }

    async fn of_principal(&self, tenant: &Name, principal: &str, now: Time) -> Result<Vec<Arc<str>>, StoreError> {
        let with = json!({ "tenant": tenant, "principal": principal, "now": now.0 });
        let found: Vec<String> = serde_json::from_value(self.ask("of_principal", with).await).unwrap();
        Ok(found.into_iter().map(Arc::from).collect())
    }

    async fn close(&self, connection: &str) -> Result<(), StoreError> {
        self.ask("close", json!({ "connection": connection })).await;
        Ok(())
    }

    async fn watch(&self, watching: Watching) -> Result<(), StoreError> {
        self.ask("watch", json!({ "watching": watching_to(&watching) })).await;
        Ok(())
    }

    async fn unwatch(&self, address: &Address, connection: &str, of: As) -> Result<(), StoreError> {
        self.ask("unwatch", json!({ "address": address.to_string(), "connection": connection, "of": of })).await;
        Ok(())
    }

    async fn of_actor(&self, address: &Address, now: Time) -> Result<Watched, StoreError> {
        let watched = self.ask("of_actor", json!({ "address": address.to_string(), "now": now.0 })).await;
        let rows = watched["rows"].as_array().unwrap().iter().map(watching_from).collect();
        Ok(Watched { rows, pushed: serde_json::from_value(watched["pushed"].clone()).unwrap() })
    }

    async fn mark_pushed(&self, address: &Address, pushed: Pushed, now: Time) -> Result<(), StoreError> {
        self.ask("mark_pushed", json!({ "address": address.to_string(), "pushed": pushed, "now": now.0 })).await;
        Ok(())
    }

    async fn of_connection(&self, connection: &str, now: Time) -> Result<Vec<Watching>, StoreError> {
        let rows = self.ask("of_connection", json!({ "connection": connection, "now": now.0 })).await;
        Ok(rows.as_array().unwrap().iter().map(watching_from).collect())
    }
}

fn unless_gone(is_gone: &Value) -> Result<(), SendError> {
    if *is_gone == true { Err(SendError::Gone) } else { Ok(()) }
}

#[async_trait]
impl Sender for Remote {
    async fn send(&self, connection: &str, message: Bytes) -> Result<(), SendError> {
        let message = std::str::from_utf8(&message).unwrap();
        unless_gone(&self.ask("send", json!({ "connection": connection, "message": message })).await)
    }

    async fn info(&self, connection: &str) -> Result<Option<Info>, SendError> {
        let is_alive = self.ask("is_alive", json!({ "connection": connection })).await == true;
        Ok(is_alive.then(|| Info { connected: Time(0), last_active: Time(0), source: String::new() }))
    }

    async fn disconnect(&self, connection: &str) -> Result<(), SendError> {
        self.ask("disconnect", json!({ "connection": connection })).await;
        Ok(())
    }
}
