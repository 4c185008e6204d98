//! Thousands of clients that mostly wait: what each of them costs, and what happens when all come back at once.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use hdrhistogram::Histogram;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use super::dialect::Dialect;
use super::fill::make;
use super::http::Http;
use super::report::{Latency, MemoryReport, StormReport, latencies};
use super::session::{Place, Session, Target, source};
use crate::machine::pss_kib;

/// Handshakes at once while a crowd gathers; only a storm comes all at once.
const GATHERING: usize = 64;

/// Clients of one room: a table of four.
const TABLE: usize = 4;

/// The pause of a client whose connection failed.
const RETRY: Duration = Duration::from_millis(250);

/// A client that is not back by then never will be.
const GIVE_UP: Duration = Duration::from_secs(60);

/// How often memory is read while it may peak.
const SAMPLE: Duration = Duration::from_millis(25);

/// A crowd and the server that it meets.
#[derive(Clone, Copy)]
pub struct Crowd {
    /// How many clients.
    pub clients: usize,
    /// Whether they watch a room, four at a table, or have only said hello.
    pub watch: bool,
    /// How long memory may settle before it is read.
    pub quiet: Duration,
    /// The server's process.
    pub server: u32,
}

/// Who a client is, connected or not.
struct Member {
    index: usize,
    room: String,
    token: String,
    place: Option<Place>,
}

/// Measures what a connection costs that does nothing. Must be called in a `LocalSet`.
///
/// # Errors
/// If the server refuses somebody or goes away.
pub async fn idle(target: Target, crowd: Crowd) -> io::Result<MemoryReport> {
    let rooms = make(target, crowd.clients.div_ceil(TABLE)).await?;
    // The first connections pay for what all share, and for code that is paged in.
    let (stay, _) = watch::channel(true);
    let mut clients = JoinSet::new();
    let warm = GATHERING.min(crowd.clients);
    gather(target, crowd.watch, &rooms, 0..warm, &stay, &mut clients).await?;
    sleep(crowd.quiet).await;
    let before = pss_kib(crowd.server)?;
    gather(target, crowd.watch, &rooms, warm..crowd.clients, &stay, &mut clients).await?;
    sleep(crowd.quiet).await;
    let after = pss_kib(crowd.server)?;
    check_present(&mut clients)?;
    Ok(MemoryReport::new(crowd.clients - warm, before, after))
}

/// Connects clients a few at a time and leaves each with a task that reads what comes.
async fn gather(
    target: Target,
    watch: bool,
    rooms: &[String],
    indices: std::ops::Range<usize>,
    stay: &watch::Sender<bool>,
    clients: &mut JoinSet<io::Result<()>>,
) -> io::Result<Vec<Member>> {
    let joined = stream::iter(indices).map(|index| join(target, index, &rooms[index / TABLE], watch));
    let mut joined = joined.buffer_unordered(GATHERING);
    let mut members = Vec::new();
    while let Some((member, session)) = joined.try_next().await? {
        members.push(member);
        clients.spawn_local(wait(session, stay.subscribe()));
    }
    Ok(members)
}

async fn join(target: Target, index: usize, room: &str, watch: bool) -> io::Result<(Member, Session)> {
    let token = target.guest(index).await?;
    let mut member = Member { index, room: room.to_owned(), token, place: None };
    let mut session = target.open(index, room, &member.token).await?;
    if watch && target.dialect == Dialect::Dormouse {
        session.subscribe(room, None).await?;
        member.place = session.place.clone();
    }
    Ok((member, session))
}

/// Reads and forgets until told to go; then goes without a word.
async fn wait(mut session: Session, mut stay: watch::Receiver<bool>) -> io::Result<()> {
    loop {
        while session.socket.next()?.is_some() {}
        session.socket.flush().await?;
        tokio::select! {
            _ = stay.wait_for(|stay| !stay) => return session.socket.kill(),
            read = session.socket.read() => read?,
        }
    }
}

/// Nobody may have left while memory was read.
fn check_present(clients: &mut JoinSet<io::Result<()>>) -> io::Result<()> {
    match clients.try_join_next() {
        None => Ok(()),
        Some(left) => Err(io::Error::other(format!("a client was disconnected: {left:?}"))),
    }
}

/// Everybody loses the connection at once, half of the rooms go on meanwhile, and everybody comes back at once; then all
/// of it again, because an allocator keeps what the first storm took, and only what the second adds would add up. Must
/// be called in a `LocalSet`.
///
/// # Errors
/// If the server refuses somebody for good or goes away.
pub async fn storm(target: Target, crowd: Crowd) -> io::Result<StormReport> {
    let rooms = make(target, crowd.clients.div_ceil(TABLE)).await?;
    let (stay, _) = watch::channel(true);
    let mut clients = JoinSet::new();
    let mut members = gather(target, crowd.watch, &rooms, 0..crowd.clients, &stay, &mut clients).await?;
    sleep(crowd.quiet).await;
    let before_kib = pss_kib(crowd.server)?;
    let peak = Peak::watch(crowd.server);
    let mut waits = Waits { nanos: latencies(), retries: Rc::default() };
    let mut after = [0; 2];
    for after_kib in &mut after {
        check_present(&mut clients)?;
        stay.send_replace(false);
        while let Some(gone) = clients.join_next().await {
            gone.map_err(io::Error::other)??;
        }
        if target.dialect == Dialect::Dormouse {
            go_on(target, &rooms).await?;
        }
        stay.send_replace(true);
        members = come_back(target, members, &stay, &mut clients, &mut waits).await?;
        sleep(crowd.quiet).await;
        *after_kib = pss_kib(crowd.server)?;
    }
    check_present(&mut clients)?;
    let (wait, retries) = (Latency::of(&waits.nanos), waits.retries.get());
    let [after_kib, again_kib] = after;
    Ok(StormReport { clients: crowd.clients, wait, retries, before_kib, peak_kib: peak.stop(), after_kib, again_kib })
}

/// One commit in every second room, so that half of the crowd has missed something.
async fn go_on(target: Target, rooms: &[String]) -> io::Result<()> {
    let mut http = Http::open(target.port, source(0)).await?;
    http.guest().await?;
    for room in rooms.iter().step_by(2) {
        let path = format!("/v1/{room}/commands");
        http.json("POST", &path, r#"{"command":{"type":"add","by":1}}"#).await?;
    }
    Ok(())
}

/// How long the members waited, and what they tried in vain, over all storms.
struct Waits {
    nanos: Histogram<u64>,
    retries: Rc<Cell<u64>>,
}

async fn come_back(
    target: Target,
    members: Vec<Member>,
    stay: &watch::Sender<bool>,
    clients: &mut JoinSet<io::Result<()>>,
    waits: &mut Waits,
) -> io::Result<Vec<Member>> {
    let start = Instant::now();
    let mut returning = JoinSet::new();
    for member in members {
        let retries = waits.retries.clone();
        returning.spawn_local(async move {
            let back = timeout(GIVE_UP, resume(target, member, &retries)).await;
            back.map(|(member, session)| (member, session, start.elapsed()))
        });
    }
    let mut members = Vec::new();
    while let Some(back) = returning.join_next().await {
        let (member, session, waited) = back.map_err(io::Error::other)??;
        waits.nanos.saturating_record(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX));
        clients.spawn_local(wait(session, stay.subscribe()));
        members.push(member);
    }
    Ok(members)
}

/// Tries until the session is open and the subscription resumed. The member remembers the view that it got.
async fn resume(target: Target, mut member: Member, retries: &Cell<u64>) -> (Member, Session) {
    loop {
        match try_resume(target, &member).await {
            Ok(mut session) => {
                member.place = session.place.take().or(member.place);
                return (member, session);
            }
            Err(_) => {
                retries.set(retries.get() + 1);
                sleep(RETRY).await;
            }
        }
    }
}

async fn try_resume(target: Target, member: &Member) -> io::Result<Session> {
    let mut session = target.open(member.index, &member.room, &member.token).await?;
    if let Some(place) = &member.place {
        session.subscribe(&member.room, Some(place)).await?;
    }
    Ok(session)
}

/// The highest memory of a process since it was watched.
struct Peak {
    highest: Rc<Cell<u64>>,
    sampler: tokio::task::JoinHandle<()>,
}

impl Peak {
    fn watch(pid: u32) -> Self {
        let highest = Rc::new(Cell::new(0));
        let sampled = highest.clone();
        let sampler = tokio::task::spawn_local(async move {
            let mut ticks = interval(SAMPLE);
            loop {
                ticks.tick().await;
                sampled.set(sampled.get().max(pss_kib(pid).unwrap_or_default()));
            }
        });
        Self { highest, sampler }
    }

    fn stop(self) -> u64 {
        self.sampler.abort();
        self.highest.get()
    }
}
