//! One run of the local cloud, and what it says at its end.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::{Value, json};

/// `arcade dev --cloud`.
pub(crate) struct Run {
    pub(crate) url: String,
    child: Child,
    said: BufReader<std::process::ChildStdout>,
}

/// What a run would have been charged for.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Usage {
    pub(crate) invocations: f64,
    pub(crate) gb_seconds: f64,
    pub(crate) messages: f64,
    pub(crate) requests: f64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) init_ms: f64,
}

impl Run {
    /// Start it, on a free port, with tables of this phase's own.
    pub(crate) fn start(arcade: &Path, phase: &str) -> io::Result<Self> {
        let tables = format!("bench-{phase}-{}", std::process::id());
        let mut command = Command::new(arcade);
        command.args(["dev", "--cloud", "--json", "--port", "0", "--tables", &tables]).stdout(Stdio::piped());
        let mut child = command.env("DORMOUSE_LOG", "warn").spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("it has no output"))?;
        let (mut said, mut url) = (BufReader::new(out), String::new());
        said.read_line(&mut url)?;
        if url.is_empty() {
            return Err(io::Error::other("the local cloud did not start; tools/cloud/run starts what it needs"));
        }
        Ok(Self { url: url.trim().to_owned(), child, said })
    }

    /// Stop it.
    pub(crate) fn end(mut self) -> io::Result<Usage> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.ok_or_else(|| io::Error::other("it has no id"))?, Signal::TERM)?;
        let mut rest = String::new();
        self.said.read_to_string(&mut rest)?;
        self.child.wait()?;
        Ok(serde_json::from_str(rest.lines().last().unwrap_or_default())?)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Usage {
    fn with(&self, other: &Self, of: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            invocations: of(self.invocations, other.invocations),
            gb_seconds: of(self.gb_seconds, other.gb_seconds),
            messages: of(self.messages, other.messages),
            requests: of(self.requests, other.requests),
            read_units: of(self.read_units, other.read_units),
            write_units: of(self.write_units, other.write_units),
            init_ms: self.init_ms,
        }
    }

    /// What this took more than that.
    pub(crate) fn less(&self, other: &Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    /// One of so many.
    pub(crate) fn per(&self, count: f64) -> Self {
        self.with(self, |a, _| a / count)
    }

    pub(crate) fn value(&self) -> Value {
        let Self { invocations, gb_seconds, messages, requests, read_units, write_units, .. } = self;
        json!({
            "invocations": invocations, "gb_seconds": gb_seconds, "messages": messages, "requests": requests,
            "read_units": read_units, "write_units": write_units,
        })
    }

    pub(crate) fn text(&self) -> String {
        let Self { invocations, gb_seconds, messages, requests, read_units, write_units, .. } = self;
        format!(
            "{write_units:.2} write units, {read_units:.2} read units, {invocations:.2} invocations, {messages:.2} messages, {requests:.2} requests, \
             {gb_seconds:.4} GB-seconds"
        )
    }
}
