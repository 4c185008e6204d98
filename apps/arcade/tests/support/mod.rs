//! The real binary as a child process, and the little that tests ask of it beside the client.

#![allow(dead_code)] // Each test file uses its own part.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde_json::Value;

pub(crate) const ARCADE: &str = env!("CARGO_BIN_EXE_arcade");

/// How long anything that should happen may take on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `arcade serve`.
pub(crate) struct Host {
    child: Child,
    pub(crate) address: String,
}

impl Host {
    /// Resolves once it listens.
    pub(crate) fn start(data: &Path, port: u16) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(log_of(data)).expect("a log file");
        let mut child = serve(data, port).stderr(log).spawn().expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let Some(address) = line.trim().strip_prefix("http://") else {
            let log = std::fs::read_to_string(log_of(data)).unwrap_or_default();
            panic!("the host did not start and said {line:?}; its log:\n{log}");
        };
        Self { child, address: address.to_owned() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it was not waited for before");
    }

    pub(crate) fn sigterm(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Until it has ended by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            match self.child.try_wait().expect("it is ours") {
                Some(status) => return status,
                None if since.elapsed() > PATIENCE => panic!("the host does not end"),
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

fn serve(data: &Path, port: u16) -> Command {
    let mut command = Command::new(ARCADE);
    command.arg("serve").arg("--port").arg(port.to_string()).arg("--data").arg(data).env("DORMOUSE_LOG", "warn");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn log_of(data: &Path) -> PathBuf {
    data.with_extension("log")
}

/// Any command of the binary, to its end.
pub(crate) fn arcade(arguments: &[&str]) -> Output {
    let mut command = Command::new(ARCADE);
    command.args(arguments).env("DORMOUSE_LOG", "warn").stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let pid = child.id().to_string();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    ended.recv_timeout(PATIENCE).map(|output| output.expect("it is ours")).unwrap_or_else(|_| {
        let _ = Command::new("kill").args(["-KILL", &pid]).status();
        panic!("{arguments:?} does not end");
    })
}

/// A command that must succeed and prints one JSON object.
pub(crate) fn arcade_json(arguments: &[&str]) -> Value {
    let output = arcade(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

/// A command that must fail; what it says.
pub(crate) fn arcade_fails(arguments: &[&str]) -> String {
    let output = arcade(arguments);
    assert!(!output.status.success(), "{arguments:?} should fail: {}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty(), "{arguments:?} failed and yet said {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("text")
}

/// A port that stays free while nobody listens. Not one of those that the kernel gives to outgoing connections: a client
/// that knocks there while the host is away could meet itself.
pub(crate) fn free_port() -> u16 {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

/// One GET over a connection of its own, or over one that was opened before: status and body.
pub(crate) fn get(connection: &mut TcpStream, path: &str) -> std::io::Result<(u16, String)> {
    connection.set_read_timeout(Some(PATIENCE))?;
    write!(connection, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    Ok((status, body))
}

/// Cuts a file at `bytes`.
pub(crate) fn cut(path: &Path, bytes: u64) {
    File::options().write(true).open(path).and_then(|file| file.set_len(bytes)).expect("it can be cut");
}
