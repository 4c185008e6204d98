//! Rooms with one client each, every client with so many commands in flight.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::count::InFlight;
use super::dialect::{Dialect, Frame};
use super::fill::make;
use super::report::{BusyMeter, Latency, LoadReport, latencies};
use super::session::{Session, Target, refused};

/// A server that answers no more within this long has lost commands.
const DRAIN: Duration = Duration::from_secs(10);

/// How hard and how long.
#[derive(Clone, Copy)]
pub struct Load {
    /// Rooms, with one client each.
    pub rooms: usize,
    /// Unanswered commands of each client.
    pub depth: usize,
    /// Before it is measured.
    pub warmup: Duration,
    /// While it is measured.
    pub measure: Duration,
    /// The server's process.
    pub server: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Warmup,
    Measure,
    Drain,
}

/// What the clients of one thread count together.
struct Meter {
    phase: Cell<Phase>,
    answers: Cell<u64>,
    strays: Cell<u64>,
    nanos: RefCell<Histogram<u64>>,
}

/// Runs the load. Must be called in a `LocalSet`.
///
/// # Errors
/// If the server refuses something, goes away or loses an answer.
pub async fn load(target: Target, load: Load) -> io::Result<LoadReport> {
    let meter = Rc::new(Meter::new());
    let mut sessions = Vec::with_capacity(load.rooms);
    for (index, room) in make(target, load.rooms).await?.iter().enumerate() {
        sessions.push(target.join(index, room, true).await?);
    }
    let mut clients = JoinSet::new();
    for session in sessions {
        clients.spawn_local(client(session, target.dialect, load.depth, meter.clone()));
    }
    sleep(load.warmup).await;
    let busy = BusyMeter::start(load.server)?;
    let start = Instant::now();
    meter.phase.set(Phase::Measure);
    sleep(load.measure).await;
    meter.phase.set(Phase::Drain);
    let elapsed = start.elapsed();
    let busy = busy.stop()?;
    let drained = timeout(DRAIN, all(&mut clients)).await;
    drained.map_err(|_| io::Error::other("commands were never answered"))??;
    let latency = Latency::of(&meter.nanos.borrow());
    let answers = meter.answers.get();
    let per_second = answers as f64 / elapsed.as_secs_f64();
    Ok(LoadReport { answers, per_second, latency, strays: meter.strays.get(), busy })
}

/// Keeps its commands in flight, in one write for all that an answer made room for.
async fn client(mut session: Session, dialect: Dialect, depth: usize, meter: Rc<Meter>) -> io::Result<()> {
    let mut commands = InFlight::new(depth);
    let mut text = Vec::new();
    let mut newest = 0;
    loop {
        if meter.phase.get() == Phase::Drain && commands.open() == 0 {
            return check(newest, commands.total(), dialect);
        }
        if meter.phase.get() != Phase::Drain {
            let now = Instant::now();
            while let Some(n) = commands.send(now) {
                text.clear();
                session.commands.write(n, &mut text);
                session.socket.feed(&text);
            }
        }
        session.socket.flush().await?;
        session.socket.read().await?;
        let now = Instant::now();
        while let Some(frame) = session.socket.next()? {
            match dialect.read(frame) {
                Frame::Answer { n, seq } => {
                    newest = newest.max(seq);
                    meter.count(commands.answered(n, now));
                }
                Frame::Refused => return Err(refused(frame)),
                _ => {}
            }
        }
    }
}

/// A room with one client has at least as many commits as its client has answers.
fn check(newest: u64, commands: u64, dialect: Dialect) -> io::Result<()> {
    if dialect == Dialect::Echo || newest >= commands {
        return Ok(());
    }
    Err(io::Error::other(format!("{commands} commands were answered, but the newest commit is {newest}")))
}

async fn all(clients: &mut JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(client) = clients.join_next().await {
        client.map_err(io::Error::other)??;
    }
    Ok(())
}

impl Meter {
    fn new() -> Self {
        let (phase, nanos) = (Cell::new(Phase::Warmup), RefCell::new(latencies()));
        Self { phase, answers: Cell::default(), strays: Cell::default(), nanos }
    }

    fn count(&self, latency: Option<Duration>) {
        let Some(latency) = latency else {
            self.strays.set(self.strays.get() + 1);
            return;
        };
        if self.phase.get() == Phase::Measure {
            self.answers.set(self.answers.get() + 1);
            let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            self.nanos.borrow_mut().saturating_record(nanos);
        }
    }
}
