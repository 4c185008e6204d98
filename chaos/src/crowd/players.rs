//! People who play: four at a list, each renames it about once a second and is shown what the others do.

use std::{
    cell::RefCell,
    io,
    net::Ipv4Addr,
    rc::Rc,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use dormouse_bench::driver::Http;
use hdrhistogram::Histogram;
use tokio::{
    sync::mpsc as asked,
    task::{JoinSet, LocalSet},
    time::{sleep_until, timeout},
};

use crate::{
    Broken, PATIENCE, dice,
    line::{Heard, Line},
    overload::latencies,
    renames::Promise,
    report::hold,
};

/// Players at one list.
const TABLE: usize = 4;
/// A player waits at least this long, and at most twice as long.
const THINKS_MS: u64 = 500;
/// Commands of one player have numbers below this.
const NUMBERS: u64 = 1_000_000;
/// What is shown has come by then.
const SHOWN: Duration = Duration::from_secs(5);

/// What they noticed since they were asked last.
pub(super) struct Lap {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) dropped: usize,
}

enum Ask {
    Lap(mpsc::Sender<Lap>),
    Finish,
}

type Finished = (Vec<String>, Vec<Promise>);

/// The thread in which they live.
pub(super) struct Players {
    asks: asked::UnboundedSender<Ask>,
    thread: JoinHandle<Result<Finished, Broken>>,
}

impl Players {
    /// Returns once all play.
    pub(super) fn start(port: u16, count: usize) -> Result<Self, Broken> {
        let (asks, asked) = asked::unbounded_channel();
        let (ready, all_play) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, play(port, count, &ready, asked))
        });
        // Fails at once if the thread has ended: then it says why.
        match all_play.recv_timeout(PATIENCE) {
            Ok(()) => Ok(Self { asks, thread }),
            Err(_) => Err(thread.join().ok().and_then(Result::err).unwrap_or_else(|| Broken("nobody plays".into()))),
        }
    }

    pub(super) fn lap(&self) -> Result<Lap, Broken> {
        let (answer, answered) = mpsc::channel();
        let _ = self.asks.send(Ask::Lap(answer));
        answered.recv_timeout(PATIENCE).map_err(|_| Broken("the players do not answer".into()))
    }

    /// Until all is answered and everybody has been shown the newest; the lists and what was promised.
    pub(super) fn finish(self) -> Result<Finished, Broken> {
        let _ = self.asks.send(Ask::Finish);
        self.thread.join().map_err(|_| Broken("the players panicked".into()))?
    }
}

/// What they count together.
struct Table {
    over: std::cell::Cell<bool>,
    nanos: RefCell<Histogram<u64>>,
    dropped: std::cell::Cell<usize>,
    promises: RefCell<Vec<Promise>>,
    /// The newest commit of each list that anybody was answered.
    newest: RefCell<Vec<u64>>,
}

async fn play(
    port: u16,
    count: usize,
    ready: &mpsc::Sender<()>,
    mut asked: asked::UnboundedReceiver<Ask>,
) -> Result<Finished, Broken> {
    let lists = make(port, count.div_ceil(TABLE)).await?;
    let table = Rc::new(Table {
        over: Default::default(),
        nanos: RefCell::new(latencies()),
        dropped: Default::default(),
        promises: RefCell::default(),
        newest: RefCell::new(vec![0; lists.len()]),
    });
    let mut playing = JoinSet::new();
    for index in 0..count {
        let mut line = Line::guest(port, index, &lists[index / TABLE]).await?;
        line.watch().await?;
        let player = Player { line, index, due: Vec::new(), open: 0, shown: 0 };
        playing.spawn_local(player.play(table.clone()));
    }
    let _ = ready.send(());
    while let Some(Ask::Lap(answer)) = asked.recv().await {
        let nanos = table.nanos.replace(latencies());
        let millis = |quantile| nanos.value_at_quantile(quantile) as f64 / 1e6;
        let _ = answer.send(Lap { p50_ms: millis(0.5), p99_ms: millis(0.99), dropped: table.dropped.take() });
    }
    table.over.set(true);
    while let Some(done) = timeout(PATIENCE, playing.join_next()).await.map_err(|_| Broken("no answer".into()))? {
        done??;
    }
    Ok((lists, table.promises.take()))
}

async fn make(port: u16, count: usize) -> io::Result<Vec<String>> {
    let mut http = Http::open(port, Ipv4Addr::LOCALHOST).await?;
    http.guest().await?;
    let mut lists = Vec::new();
    for _ in 0..count {
        let made = http.json("POST", "/v1/todo", "{}").await?;
        lists.push(made["id"].as_str().unwrap_or_default().to_owned());
    }
    Ok(lists)
}

struct Player {
    line: Line,
    index: usize,
    due: Vec<Instant>,
    open: usize,
    /// The newest commit that was shown.
    shown: u64,
}

impl Player {
    /// Until the end; one who is dropped is counted and does not come again.
    async fn play(mut self, table: Rc<Table>) -> Result<(), Broken> {
        if let Err(error) = self.stay(&table).await {
            eprintln!("player {} was dropped: {error}", self.index);
            table.dropped.set(table.dropped.get() + 1);
            return Ok(());
        }
        self.is_shown_all(&table).await
    }

    async fn stay(&mut self, table: &Table) -> io::Result<()> {
        let mut random = dice(self.index as u64);
        let mut next = Instant::now() + Duration::from_millis(random.below(2 * THINKS_MS));
        while !table.over.get() || self.open > 0 {
            tokio::select! {
                () = sleep_until(next.into()) => {
                    // Timed from when it was due: a late thread is not the player's.
                    if !table.over.get() {
                        self.rename(Instant::now());
                    }
                    next = Instant::now() + Duration::from_millis(THINKS_MS + random.below(THINKS_MS));
                    self.line.socket.flush().await?;
                }
                read = self.line.socket.read() => {
                    read?;
                    self.hear(table)?;
                }
            }
        }
        Ok(())
    }

    fn rename(&mut self, now: Instant) {
        self.due.push(now);
        self.open += 1;
        let n = self.due.len() as u64;
        self.line.rename(n, &(self.index as u64 * NUMBERS + n).to_string());
    }

    fn hear(&mut self, table: &Table) -> io::Result<()> {
        while let Some(heard) = self.line.hear()? {
            match heard {
                Heard::Accepted { n, seq } => {
                    self.open -= 1;
                    let took = self.due[n as usize - 1].elapsed();
                    table.nanos.borrow_mut().saturating_record(took.as_nanos() as u64);
                    let list = self.index / TABLE;
                    let newest = &mut table.newest.borrow_mut()[list];
                    *newest = seq.max(*newest);
                    let number = self.index as u64 * NUMBERS + n;
                    table.promises.borrow_mut().push(Promise { list, seq, number });
                }
                Heard::View { seq } => self.shown = seq.max(self.shown),
                Heard::Rejected { code, .. } | Heard::Refused { code } => {
                    return Err(io::Error::other(format!("refused with {code}")));
                }
                Heard::Other => {}
            }
        }
        Ok(())
    }

    /// Those who play with this one may still wait for their answers.
    async fn is_shown_all(&mut self, table: &Table) -> Result<(), Broken> {
        let since = Instant::now();
        loop {
            let newest = table.newest.borrow()[self.index / TABLE];
            if self.shown >= newest && since.elapsed() > Duration::from_millis(500) {
                return Ok(());
            }
            hold(since.elapsed() < SHOWN, || format!("player {} was shown {} of {newest}", self.index, self.shown))?;
            if let Ok(read) = timeout(Duration::from_millis(100), self.line.socket.read()).await {
                read?;
                self.hear(table)?;
            }
        }
    }
}
