//! One room, one sender, many viewers.
//!
//! The sender's window is the commits that not every viewer has seen: the server always has work, and never a viewer
//! that is far behind, so nothing is merged because the driver was slow.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::count::{Fan, InFlight, Seen};
use super::dialect::{Dialect, Frame};
use super::fill::make;
use super::report::{BusyMeter, FanReport, Latency, latencies};
use super::session::{Session, Target, refused};

/// How many and how long.
#[derive(Clone, Copy)]
pub struct FanOut {
    /// Viewers, the sender not among them.
    pub viewers: usize,
    /// Commits that not all viewers have seen, at most.
    pub window: usize,
    /// Before it is measured.
    pub warmup: Duration,
    /// While it is measured.
    pub measure: Duration,
    /// The server's process.
    pub server: u32,
}

/// What the viewers count together, and what the sender waits for.
struct Room {
    fan: RefCell<Fan>,
    completed: Notify,
    measuring: Cell<bool>,
    deliveries: Cell<u64>,
    spanned: Cell<u64>,
    nanos: RefCell<Histogram<u64>>,
}

/// Runs the fan-out. Must be called in a `LocalSet`.
///
/// # Errors
/// If the server refuses something or goes away.
pub async fn fan_out(target: Target, fan: FanOut) -> io::Result<FanReport> {
    let made = make(target, 1).await?;
    let room = Rc::new(Room::new(fan.viewers));
    let mut clients = JoinSet::new();
    for index in 0..fan.viewers {
        let session = target.join(index, &made[0], true).await?;
        // Read from now on: each who joins is announced to all who are there.
        clients.spawn_local(viewer(session, target.dialect, room.clone()));
    }
    let sender = target.join(fan.viewers, &made[0], false).await?;
    clients.spawn_local(send(sender, target.dialect, fan.window, room.clone()));
    tokio::select! {
        report = measure(&room, fan) => report,
        // Clients run for ever, so the first that ends has failed.
        Some(ended) = clients.join_next() => match ended.map_err(io::Error::other)? {
            Ok(()) => Err(io::Error::other("a client went before the end")),
            Err(error) => Err(error),
        },
    }
}

async fn measure(room: &Room, fan: FanOut) -> io::Result<FanReport> {
    sleep(fan.warmup).await;
    let busy = BusyMeter::start(fan.server)?;
    let start = Instant::now();
    room.measuring.set(true);
    sleep(fan.measure).await;
    room.measuring.set(false);
    let elapsed = start.elapsed();
    let busy = busy.stop()?;
    let deliveries = room.deliveries.get();
    Ok(FanReport {
        deliveries,
        per_second: deliveries as f64 / elapsed.as_secs_f64(),
        commits_per_frame: room.spanned.get() as f64 / deliveries.max(1) as f64,
        latency: Latency::of(&room.nanos.borrow()),
        busy,
    })
}

async fn viewer(mut session: Session, dialect: Dialect, room: Rc<Room>) -> io::Result<()> {
    room.fan.borrow_mut().advance(0, session.seen.seq);
    loop {
        session.socket.flush().await?;
        session.socket.read().await?;
        let before = session.seen.seq;
        while let Some(frame) = session.socket.next()? {
            match dialect.read(frame) {
                Frame::View(view) => room.count(&mut session.seen, view.seq),
                Frame::Refused => return Err(refused(frame)),
                _ => {}
            }
        }
        if room.fan.borrow_mut().advance(before, session.seen.seq) {
            room.completed.notify_one();
        }
    }
}

impl Room {
    fn new(viewers: usize) -> Self {
        Self {
            fan: RefCell::new(Fan::new(viewers)),
            completed: Notify::new(),
            measuring: Cell::new(false),
            deliveries: Cell::default(),
            spanned: Cell::default(),
            nanos: RefCell::new(latencies()),
        }
    }

    fn count(&self, seen: &mut Seen, seq: u64) {
        let spanned = seen.advance(seq);
        if self.measuring.get() && spanned > 0 {
            self.deliveries.set(self.deliveries.get() + 1);
            self.spanned.set(self.spanned.get() + spanned);
        }
    }
}

/// Sends whenever the window has room. A commit's place is known by its answer, so it is timed from there on back.
async fn send(mut session: Session, dialect: Dialect, window: usize, room: Rc<Room>) -> io::Result<()> {
    let mut commands = InFlight::new(window);
    let mut behind = Behind::default();
    let mut text = Vec::new();
    loop {
        let now = Instant::now();
        behind.complete(room.fan.borrow().full(), now, |nanos| {
            if room.measuring.get() {
                room.nanos.borrow_mut().saturating_record(nanos);
            }
        });
        while commands.open() + behind.len() < window
            && let Some(n) = commands.send(now)
        {
            text.clear();
            session.commands.write(n, &mut text);
            session.socket.feed(&text);
        }
        session.socket.flush().await?;
        tokio::select! {
            () = room.completed.notified() => {}
            read = session.socket.read() => read?,
        }
        let now = Instant::now();
        while let Some(frame) = session.socket.next()? {
            match dialect.read(frame) {
                Frame::Answer { n, seq } => {
                    let latency = commands.answered(n, now).ok_or_else(|| io::Error::other("a stray answer"))?;
                    behind.push(seq, now - latency);
                }
                Frame::Refused => return Err(refused(frame)),
                _ => {}
            }
        }
    }
}

/// Answered commits that some viewer has not seen, and when their commands were sent.
#[derive(Default)]
struct Behind(VecDeque<(u64, Instant)>);

impl Behind {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, seq: u64, sent: Instant) {
        self.0.push_back((seq, sent));
    }

    fn complete(&mut self, full: u64, now: Instant, mut record: impl FnMut(u64)) {
        while let Some((_, sent)) = self.0.pop_front_if(|(seq, _)| *seq <= full) {
            record(u64::try_from(now.duration_since(sent).as_nanos()).unwrap_or(u64::MAX));
        }
    }
}
