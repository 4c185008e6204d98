//! Makes rooms and gives each so many commits.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Instant;

use tokio::task::JoinSet;

use super::count::InFlight;
use super::dialect::{Dialect, Frame};
use super::http::Http;
use super::report::FillReport;
use super::session::{Session, Target, refused, source};

/// Who makes and drives rooms, side by side.
const WORKERS: usize = 16;

/// Commands in flight of one worker, all to one room.
const DEPTH: usize = 32;

/// Called with the number of rooms that are done.
pub type Progress = Rc<dyn Fn(usize)>;

/// Rooms that wait for a worker, and those that are done.
#[derive(Default)]
struct Work {
    waiting: Vec<String>,
    done: Vec<String>,
}

/// Makes `count` rooms and returns how clients name them. Raw rooms are made by the first who joins.
///
/// # Errors
/// If the server refuses one.
pub(super) async fn make(target: Target, count: usize) -> io::Result<Vec<String>> {
    if target.dialect != Dialect::Dormouse {
        return Ok((0..count).map(|index| format!("r{index}")).collect());
    }
    let workers = WORKERS.min(count);
    let mut made = JoinSet::new();
    for worker in 0..workers {
        made.spawn_local(make_some(target, worker, count / workers + usize::from(worker < count % workers)));
    }
    let mut rooms = Vec::with_capacity(count);
    while let Some(some) = made.join_next().await {
        rooms.extend(some.map_err(io::Error::other)??);
    }
    Ok(rooms)
}

async fn make_some(target: Target, worker: usize, count: usize) -> io::Result<Vec<String>> {
    let mut http = Http::open(target.port, source(worker)).await?;
    http.guest().await?;
    let mut rooms = Vec::with_capacity(count);
    for _ in 0..count {
        rooms.push(http.create().await?);
    }
    Ok(rooms)
}

/// Makes `rooms` rooms with `commands` commands each. Must be called in a `LocalSet`.
///
/// # Errors
/// If the server refuses something or goes away.
pub async fn fill(target: Target, rooms: usize, commands: usize, progress: Progress) -> io::Result<FillReport> {
    let waiting = make(target, rooms).await?;
    let work = Rc::new(RefCell::new(Work { waiting, done: Vec::with_capacity(rooms) }));
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS.min(rooms) {
        let session = target.join(worker, "", false).await?;
        workers.spawn_local(drive_all(session, target.dialect, commands, work.clone(), progress.clone()));
    }
    while let Some(worker) = workers.join_next().await {
        worker.map_err(io::Error::other)??;
    }
    let per_second = (rooms * commands) as f64 / start.elapsed().as_secs_f64();
    let rooms = std::mem::take(&mut work.borrow_mut().done);
    Ok(FillReport { rooms, commands, per_second })
}

/// One room after the other, so that a room's commands are neighbours in the worker's outbox: its deduplication window
/// is as full as it gets from one client.
async fn drive_all(
    mut session: Session,
    dialect: Dialect,
    commands: usize,
    work: Rc<RefCell<Work>>,
    progress: Progress,
) -> io::Result<()> {
    let mut in_flight = InFlight::new(DEPTH);
    loop {
        let Some(room) = work.borrow_mut().waiting.pop() else { return Ok(()) };
        session.aim(&room);
        drive(&mut session, dialect, &mut in_flight, commands).await?;
        let mut work = work.borrow_mut();
        work.done.push(room);
        progress(work.done.len());
    }
}

async fn drive(session: &mut Session, dialect: Dialect, in_flight: &mut InFlight, commands: usize) -> io::Result<()> {
    let last = in_flight.total() + commands as u64;
    let mut text = Vec::new();
    while in_flight.total() < last || in_flight.open() > 0 {
        let now = Instant::now();
        while in_flight.total() < last
            && let Some(n) = in_flight.send(now)
        {
            text.clear();
            session.commands.write(n, &mut text);
            session.socket.feed(&text);
        }
        session.socket.flush().await?;
        session.socket.read().await?;
        while let Some(frame) = session.socket.next()? {
            match dialect.read(frame) {
                Frame::Answer { n, .. } => {
                    in_flight.answered(n, now).ok_or_else(|| io::Error::other("a stray answer"))?;
                }
                Frame::Refused => return Err(refused(frame)),
                _ => {}
            }
        }
    }
    Ok(())
}
