//! The host as a child process, and what can be done to it from outside.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Broken, PATIENCE, report::hold};

/// The binary, a data folder and a port: all that is needed to begin a host, again and again.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) arcade: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) port: u16,
}

/// `arcade serve`. Dropping it kills it.
pub(crate) struct Host {
    child: Child,
}

impl Place {
    pub(crate) fn new(arcade: &Path, data: PathBuf) -> Result<Self, Broken> {
        let missing = || format!("{} is missing: build it with `cargo build -p arcade`", arcade.display());
        hold(arcade.is_file(), missing)?;
        Ok(Self { arcade: arcade.to_owned(), data, port: free_port()? })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// Returns once it listens.
    pub(crate) fn start(&self) -> Result<Host, Broken> {
        let mut child = self.spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line)?;
        let host = Host { child };
        hold(line.starts_with("http://"), || {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            format!("the host did not start and said {line:?}; its log: {log}")
        })?;
        Ok(host)
    }

    /// A host that may start or not.
    pub(crate) fn spawn(&self) -> Result<Child, Broken> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let mut command = self.command(&["serve", "--port", &self.port.to_string()]);
        Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn()?)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.arcade);
        command.args(arguments).arg("--data").arg(&self.data).env("DORMOUSE_LOG", "warn");
        command
    }

    /// A command of the binary over the same data, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Output, Broken> {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let since = Instant::now();
        while child.try_wait()?.is_none() {
            if since.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                return Err(Broken(format!("{arguments:?} does not end")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(child.wait_with_output()?)
    }

    /// Walks every hash chain and replays every actor; the number of commits.
    pub(crate) fn verify(&self) -> Result<u64, Broken> {
        let output = self.run(&["verify", "--json"])?;
        let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        hold(output.status.success() && is_whole(&said), || {
            format!("the journal is not whole: {said} {}", String::from_utf8_lossy(&output.stderr))
        })?;
        said["commits"].as_u64().ok_or_else(|| Broken(format!("no number of commits in {said}")))
    }

    /// One GET: status and body.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, String), Broken> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        connection.set_read_timeout(Some(PATIENCE))?;
        write!(connection, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        Ok((status, body))
    }

    /// A gauge or counter without labels.
    pub(crate) fn metric(&self, name: &str) -> Result<f64, Broken> {
        let (_, metrics) = self.get("/metrics")?;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).ok_or_else(|| Broken(format!("no {name} in the metrics")))
    }
}

/// Whether `verify` found nothing wrong, of the histories or of the index.
fn is_whole(said: &Value) -> bool {
    ["failures", "index"].iter().all(|part| said[part].as_array().is_some_and(Vec::is_empty))
}

impl Host {
    /// Of a process that is known to serve.
    pub(crate) fn of(child: Child) -> Self {
        Self { child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) -> Result<(), Broken> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a child has a number");
        kill_process(pid, signal).map_err(|error| Broken(format!("{signal:?}: {error}")))
    }

    /// kill -9.
    pub(crate) fn kill(mut self) -> Result<(), Broken> {
        self.still_runs()?;
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGSTOP.
    pub(crate) fn stop(&self) -> Result<(), Broken> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) -> Result<(), Broken> {
        self.signal(Signal::CONT)
    }

    /// Nobody asked it to end.
    pub(crate) fn still_runs(&mut self) -> Result<(), Broken> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(Broken(format!("the host ended by itself: {status}"))),
        }
    }

    /// SIGTERM: it drains and ends well.
    pub(crate) fn drain(mut self) -> Result<(), Broken> {
        self.signal(Signal::TERM)?;
        let since = Instant::now();
        loop {
            match self.child.try_wait()? {
                Some(status) => return hold(status.success(), || format!("the host ended with {status}")),
                None if since.elapsed() > PATIENCE => return Err(Broken("the host does not end".into())),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that stays free while nobody listens. Not one of those that the kernel gives to outgoing connections: a client
/// that knocks there while the host is away could meet itself.
fn free_port() -> Result<u16, Broken> {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    let free = (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.ok_or_else(|| Broken("no port is free".into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_in_the_index_is_no_whole_journal() {
        assert!(is_whole(&json!({ "failures": [], "index": [] })));
        for said in [
            json!({ "failures": [{ "actor": "main/todo/a", "why": "damaged" }], "index": [] }),
            json!({ "failures": [], "index": ["main/todo/a: its row is elsewhere"] }),
            json!({ "failures": [] }),
            Value::Null,
        ] {
            assert!(!is_whole(&said), "{said}");
        }
    }
}
