//! A host whose rules never return ends all the same when it is told to. This program is both the test and that host.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use dormouse::{core::limits::END_MAX, prelude::*};

/// Busy processors may be this late.
const LATE: Duration = Duration::from_secs(10);

/// A room whose first input is its last.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stuck;

#[derive(Debug, Deserialize, JsonSchema)]
struct Nothing {}

impl Actor for Stuck {
    const KIND: &'static str = "stuck";
    const RULES: u32 = 1;
    type Config = Nothing;
    type Command = ();
    type Event = ();
    type View = ();

    fn decide(_: &mut Draft<'_, Self>, _: Input<Self>) -> Result<(), Rejection> {
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    }

    fn evolve(&mut self, (): &(), _: Moment) {}

    fn view(&self, _: &Sight) {}
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return App::new("stuck").actor::<Stuck>().run();
    }
    rules_that_loop_do_not_keep_a_host();
    println!("test rules_that_loop_do_not_keep_a_host ... ok");
    ExitCode::SUCCESS
}

fn rules_that_loop_do_not_keep_a_host() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["serve", "--port", "0", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap().to_owned();
    let token = token(&ask(&address, "/v1/guest", "", Duration::from_secs(20)));
    // More of them than the runtime has threads.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..=cores {
        assert_eq!(ask(&address, "/v1/stuck", &token, Duration::from_millis(300)), "", "it is never answered");
    }
    let since = Instant::now();
    assert!(Command::new("kill").arg(host.id().to_string()).status().unwrap().success());
    let status = loop {
        match host.try_wait().unwrap() {
            Some(status) => break status,
            None if since.elapsed() < END_MAX + LATE => thread::sleep(Duration::from_millis(100)),
            None => {
                host.kill().unwrap();
                panic!("it does not end");
            }
        }
    };
    assert_eq!(status.code(), Some(1), "it tells that not everything ended well");
    assert!(since.elapsed() >= END_MAX, "what could end had the time for it: {:?}", since.elapsed());
}

/// What a POST brings within this time.
fn ask(address: &str, path: &str, token: &str, patience: Duration) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}content-length: 2\r\nconnection: close\r\n");
    write!(stream, "{head}\r\n{{}}").unwrap();
    let mut answer = Vec::new();
    // The time is over, or the answer is complete: both are an end.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn token(answer: &str) -> String {
    let (_, rest) = answer.split_once(r#""token":""#).unwrap_or_else(|| panic!("no token: {answer}"));
    rest.split('"').next().unwrap().to_owned()
}
