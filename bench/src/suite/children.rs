//! The servers and the driver as child processes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;

/// Longer than any start, a journal of a million commits included.
const START: Duration = Duration::from_secs(60);

/// As many a second as nobody sends.
const UNLIMITED: &str = "1000000000";

/// A server drains for ten seconds at most.
const STOP: Duration = Duration::from_secs(20);

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The driver.
    pub driver: PathBuf,
    /// The raw servers.
    pub raw: PathBuf,
    /// The Dormouse server: the counter of the README.
    pub dormouse: PathBuf,
    /// The server of the games.
    pub arcade: PathBuf,
}

impl Programs {
    /// The programs that were built together with the one that runs, and the server at `server` if it is elsewhere.
    ///
    /// # Errors
    /// If one is missing.
    pub fn beside_this(server: Option<PathBuf>) -> io::Result<Self> {
        let this = std::env::current_exe()?;
        let beside = |name: &str| this.with_file_name(name);
        let programs = Self {
            driver: beside("driver"),
            raw: beside("raw"),
            dormouse: server.unwrap_or_else(|| beside("examples/counter")),
            arcade: beside("arcade"),
        };
        for program in [&programs.driver, &programs.raw, &programs.dormouse, &programs.arcade] {
            if !program.is_file() {
                let missing = format!("{} is missing: build it with `cargo build --release`", program.display());
                return Err(io::Error::other(missing));
            }
        }
        Ok(programs)
    }
}

/// Which server to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    RawEcho,
    RawMemory,
    RawDurable,
    Dormouse,
    Arcade,
}

impl Kind {
    /// The driver's word for what it speaks.
    fn dialect(self) -> &'static str {
        match self {
            Self::RawEcho => "echo",
            Self::RawMemory | Self::RawDurable => "raw",
            Self::Dormouse | Self::Arcade => "dormouse",
        }
    }
}

/// A server that runs, in a directory that outlives it. Dropping it kills it.
pub(super) struct Server {
    child: Child,
    kind: Kind,
    port: u16,
    driver: PathBuf,
}

impl Server {
    /// Starts a server on a free port and waits until it accepts connections.
    pub(super) fn start(programs: &Programs, kind: Kind, dir: &Path) -> io::Result<Self> {
        let port = free_port()?;
        let data = dir.join("data");
        fs::create_dir_all(&data)?;
        let log_path = dir.join("server.log");
        let log = File::options().create(true).append(true).open(&log_path)?;
        let child = command(programs, kind, &data, port).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut server = Self { child, kind, port, driver: programs.driver.clone() };
        server.wait_until_it_accepts(&log_path)?;
        Ok(server)
    }

    fn wait_until_it_accepts(&mut self, log: &Path) -> io::Result<()> {
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if self.child.try_wait()?.is_some() || start.elapsed() > START {
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(io::Error::other(format!("{:?} did not start: {}", self.kind, last_lines(&said))));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs the driver against this server and reads its report.
    pub(super) fn drive<T: DeserializeOwned>(
        &self,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> io::Result<T> {
        let output = Command::new(&self.driver)
            .args(args)
            .args(["--dialect", self.kind.dialect()])
            .args(["--port", &self.port.to_string(), "--server-pid", &self.pid().to_string()])
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(io::Error::other(format!("the driver against {:?}: {}", self.kind, last_lines(&said))));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Asks the server to end, as an operator does, and waits for it.
    pub(super) fn stop(mut self) -> io::Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
        kill_process(pid, Signal::TERM)?;
        let start = Instant::now();
        while start.elapsed() < STOP {
            match self.child.try_wait()? {
                Some(status) => return ended(self.kind, status),
                None => sleep(Duration::from_millis(5)),
            }
        }
        Err(io::Error::other(format!("{:?} did not end within {} s", self.kind, STOP.as_secs())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, and nobody is left to tell otherwise.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A raw server has no way to end but the signal; ours must end well.
fn ended(kind: Kind, status: ExitStatus) -> io::Result<()> {
    if kind.dialect() != "dormouse" || status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("the server ended with {status}")))
}

fn command(programs: &Programs, kind: Kind, data: &Path, port: u16) -> Command {
    let port = port.to_string();
    let mut command = Command::new(match kind {
        Kind::RawEcho | Kind::RawMemory | Kind::RawDurable => &programs.raw,
        Kind::Dormouse => &programs.dormouse,
        Kind::Arcade => &programs.arcade,
    });
    match kind {
        Kind::RawEcho => command.args(["echo", "--port", &port]),
        Kind::RawMemory => command.args(["room", "--memory", "--port", &port]),
        Kind::RawDurable => command.args(["room", "--durable", "--port", &port, "--dir"]).arg(data),
        Kind::Dormouse | Kind::Arcade => {
            command.args(["serve", "--listen", "127.0.0.1", "--port", &port, "--data"]).arg(data)
        }
    };
    // What one principal may send in a second is a setting of ours, and no part of what is measured.
    command.env("DORMOUSE_RATE", UNLIMITED).stdin(Stdio::null());
    command
}

/// A port that nobody used a moment ago.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The end of what a program said: where the error is.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_at_the_end() {
        assert_eq!(last_lines("1\n2\n3\n4\n5\n6\n7\n"), "3 | 4 | 5 | 6 | 7");
        assert_eq!(last_lines("only"), "only");
        assert_eq!(last_lines(""), "");
    }
}
