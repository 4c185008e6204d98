//! Five times as much as the host can take: it goes on taking what it can, quickly, and refuses the rest by number.
//!
//! A closed loop finds the peak: with twice as much in flight, until that brings nothing more. Then an open loop offers a multiple
//! of it, whatever the answers. Clients keep to the window that `welcome` gave them; what comes while it is full they turn away themselves.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io,
    net::Ipv4Addr,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use dormouse_bench::{
    driver::Http,
    machine::{pss_kib, raise_open_files},
};
use dormouse_core::limits::IN_FLIGHT_MAX;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{interval, sleep, timeout},
};

use crate::{
    Bound, Broken, PATIENCE, Report,
    host::Place,
    line::{Heard, Line},
    renames::{Promise, settle},
};

/// Arrivals of this long go out together; they are timed from when each was due.
const TICK: Duration = Duration::from_millis(5);
/// A rung of the ladder that brings less than this much more is the last.
const WORTH: f64 = 1.05;
/// Commands of one line have numbers below this, so that no two lines use one twice.
const NUMBERS: u64 = 1_000_000_000;
/// Memory is read this often.
const SAMPLE: Duration = Duration::from_millis(100);

/// From so many samples on, ten seconds, the second half is a steady state …
const SAMPLES_FLAT: usize = 100;
/// … and memory may grow by the noise of an allocator.
const GROWN_FLAT: f64 = 1.1;
/// Before that, also by what fills up.
const GROWN_FILLING: f64 = 1.5;

/// How many and how long.
pub struct Overload {
    /// The binary.
    pub arcade: PathBuf,
    /// Clients, each a guest with one line.
    pub lines: usize,
    /// Lists, over which the clients are spread.
    pub lists: usize,
    /// One rung of the ladder.
    pub rung: Duration,
    /// The overload.
    pub flood: Duration,
    /// What is offered, in peaks.
    pub factor: f64,
    /// The share of the peak that has to be accepted.
    pub goodput_min: Option<f64>,
    /// How much longer than at the peak 99 of 100 accepted commands may take.
    pub p99_max: Option<f64>,
}

/// What all lines count together.
struct Meter {
    measuring: Cell<bool>,
    over: Cell<bool>,
    accepted: Cell<u64>,
    offered: Cell<u64>,
    turned_away: Cell<u64>,
    refused: RefCell<BTreeMap<u64, u64>>,
    nanos: RefCell<Histogram<u64>>,
    promises: Rc<RefCell<Vec<Promise>>>,
}

/// One client.
struct Client {
    line: Line,
    index: usize,
    list: usize,
    /// When each command was due, from command 1.
    due: Vec<Instant>,
    open: usize,
}

/// One rung, or the flood.
struct Phase {
    /// Accepted a second.
    goodput: f64,
    p50_ms: f64,
    p99_ms: f64,
    meter: Rc<Meter>,
}

impl Overload {
    /// Play it. `bar` counts phases.
    #[must_use]
    pub fn run(&self, bar: &ProgressBar) -> Report {
        Report::of("overload", |report| {
            raise_open_files()?;
            crate::flood(self.play(bar, report))
        })
    }

    async fn play(&self, bar: &ProgressBar, report: &mut Report) -> Result<(), Broken> {
        let folder = tempfile::tempdir()?;
        let place = Place::new(&self.arcade, folder.path().join("data"))?;
        let mut host = place.start()?;
        let (lists, mut clients) = self.gather(place.port).await?;
        let promises: Rc<RefCell<Vec<Promise>>> = Rc::default();
        let peak = self.peak(&mut clients, &promises, bar, report).await?;
        let before = pss_kib(host.pid())?;
        let memory = Memory::watch(host.pid());
        let meter = Meter::new(&promises);
        let rate = peak.goodput * self.factor / self.lines as f64;
        let flood = run(&mut clients, &meter, self.flood, |client, meter| client.flood(rate, meter)).await?;
        let samples = memory.stop();
        host.still_runs()?;
        sleep(Duration::from_secs(1)).await;
        let after = pss_kib(host.pid())?;
        bar.inc(1);
        drop(clients);
        // Whatever it said it had written has to be there for the next process too.
        host.kill()?;
        let host = place.start()?;
        let promises = std::mem::take(&mut *promises.borrow_mut());
        settle(&place, host, &lists, &promises).await?;
        report.figure("acknowledged", promises.len());
        self.tell(report, &peak, &flood);
        tell_memory(report, before, &samples, after);
        Ok(())
    }

    async fn gather(&self, port: u16) -> Result<(Vec<String>, Vec<Client>), Broken> {
        let mut http = Http::open(port, Ipv4Addr::LOCALHOST).await?;
        http.guest().await?;
        let mut lists = Vec::new();
        for _ in 0..self.lists {
            let made = http.json("POST", "/v1/todo", "{}").await?;
            lists.push(made["id"].as_str().unwrap_or_default().to_owned());
        }
        let mut clients = Vec::new();
        for index in 0..self.lines {
            let list = index % self.lists;
            let line = Line::guest(port, index, &lists[list]).await?;
            clients.push(Client { line, index, list, due: Vec::new(), open: 0 });
        }
        Ok((lists, clients))
    }

    /// Twice as much in flight, until it brings nothing more.
    async fn peak(
        &self,
        clients: &mut Vec<Client>,
        promises: &Rc<RefCell<Vec<Promise>>>,
        bar: &ProgressBar,
        report: &mut Report,
    ) -> Result<Phase, Broken> {
        let (mut best, mut depth, mut rungs): (Option<Phase>, _, _) = (None, 1, Vec::new());
        while depth <= IN_FLIGHT_MAX {
            let meter = Meter::new(promises);
            let rung = run(clients, &meter, self.rung, |client, meter| client.keep(depth, meter)).await?;
            bar.inc(1);
            rungs.push(json!({ "in_flight": depth * self.lines, "goodput": rung.goodput.round(), "p99_ms": rung.p99_ms.round() }));
            let worth = best.as_ref().is_none_or(|best| rung.goodput > best.goodput * WORTH);
            if !worth {
                break;
            }
            best = Some(rung);
            depth *= 2;
        }
        report.figure("closed_loop", rungs);
        best.ok_or_else(|| Broken("nothing was accepted".into()))
    }

    fn tell(&self, report: &mut Report, peak: &Phase, flood: &Phase) {
        report.measured("peak_a_second", peak.goodput);
        report.measured("normal_p50_ms", peak.p50_ms);
        report.measured("normal_p99_ms", peak.p99_ms);
        report.measured("offered_a_second", flood.meter.offered.get() as f64 / self.flood.as_secs_f64());
        report.measured("accepted_a_second", flood.goodput);
        report.measured("accepted_p50_ms", flood.p50_ms);
        report.measured("accepted_p99_ms", flood.p99_ms);
        report.figure("turned_away_by_clients", flood.meter.turned_away.get());
        let refused = flood.meter.refused.borrow();
        let refused = refused.iter().map(|(code, count)| (code.to_string(), json!(count)));
        report.figure("refused_by_code", serde_json::Map::from_iter(refused));
        report.time("goodput_of_peak", flood.goodput / peak.goodput, self.goodput_min.map(Bound::AtLeast));
        report.time("p99_of_normal", flood.p99_ms / peak.p99_ms, self.p99_max.map(Bound::AtMost));
    }
}

fn tell_memory(report: &mut Report, before: u64, samples: &[u64], after: u64) {
    report.figure("memory_before_kib", before);
    report.figure("memory_peak_kib", samples.iter().copied().max().unwrap_or_default());
    report.figure("memory_after_kib", after);
    // Flat: once what may wait waits, nothing more is taken. A short run on a slow machine is still filling up in its second half.
    let half = |samples: &[u64]| samples.iter().copied().max().unwrap_or_default() as f64;
    let (first, second) = samples.split_at(samples.len() / 2);
    let most = if samples.len() < SAMPLES_FLAT { GROWN_FILLING } else { GROWN_FLAT };
    report.bar("memory_of_second_half_by_first", half(second) / half(first), Bound::AtMost(most));
}

/// Let every client do this for so long, and then until all is answered.
async fn run<F: Future<Output = io::Result<Client>> + 'static>(
    clients: &mut Vec<Client>,
    meter: &Rc<Meter>,
    measure: Duration,
    work: impl Fn(Client, Rc<Meter>) -> F,
) -> Result<Phase, Broken> {
    let mut working = JoinSet::new();
    for client in clients.drain(..) {
        working.spawn_local(work(client, meter.clone()));
    }
    // A quarter to get going; then all that is accepted counts.
    sleep(measure / 4).await;
    meter.measuring.set(true);
    let since = Instant::now();
    sleep(measure - measure / 4).await;
    meter.measuring.set(false);
    let goodput = meter.accepted.get() as f64 / since.elapsed().as_secs_f64();
    meter.over.set(true);
    while let Some(done) = timeout(PATIENCE, working.join_next()).await.map_err(|_| Broken("no answer".into()))? {
        clients.push(done??);
    }
    clients.sort_by_key(|client| client.index);
    let millis = |quantile| meter.nanos.borrow().value_at_quantile(quantile) as f64 / 1e6;
    Ok(Phase { goodput, p50_ms: millis(0.5), p99_ms: millis(0.99), meter: meter.clone() })
}

impl Client {
    fn send(&mut self, due: Instant) {
        self.due.push(due);
        self.open += 1;
        let n = self.due.len() as u64;
        self.line.rename(n, &(self.index as u64 * NUMBERS + n).to_string());
    }

    fn hear(&mut self, meter: &Meter) -> io::Result<()> {
        let now = Instant::now();
        while let Some(heard) = self.line.hear()? {
            match heard {
                Heard::Accepted { n, seq } => {
                    self.open -= 1;
                    meter.accept(now.saturating_duration_since(self.due[n as usize - 1]));
                    let number = self.index as u64 * NUMBERS + n;
                    meter.promises.borrow_mut().push(Promise { list: self.list, seq, number });
                }
                Heard::Rejected { code, .. } => {
                    self.open -= 1;
                    *meter.refused.borrow_mut().entry(code).or_default() += 1;
                }
                Heard::Refused { code } => return Err(io::Error::other(format!("a line was ended with {code}"))),
                Heard::View { .. } | Heard::Other => {}
            }
        }
        Ok(())
    }

    /// A closed loop: always so many in flight.
    async fn keep(mut self, depth: usize, meter: Rc<Meter>) -> io::Result<Self> {
        loop {
            while self.open < depth && !meter.over.get() {
                self.send(Instant::now());
            }
            if self.open == 0 {
                return Ok(self);
            }
            self.line.socket.flush().await?;
            self.line.socket.read().await?;
            self.hear(&meter)?;
        }
    }

    /// An open loop: so many a second, whatever the answers.
    async fn flood(mut self, rate: f64, meter: Rc<Meter>) -> io::Result<Self> {
        // Not all in the same moment.
        sleep(TICK.mul_f64(self.index as f64 % 16.0 / 16.0)).await;
        let (start, mut arrived, mut ticks) = (Instant::now(), 0, interval(TICK));
        loop {
            tokio::select! {
                _ = ticks.tick() => self.arrive(start, rate, &mut arrived, &meter),
                read = self.line.socket.read() => {
                    read?;
                    self.hear(&meter)?;
                }
            }
            self.line.socket.try_flush()?;
            if meter.over.get() && self.open == 0 {
                return Ok(self);
            }
        }
    }

    /// What is due goes out, or is turned away.
    fn arrive(&mut self, start: Instant, rate: f64, arrived: &mut u64, meter: &Meter) {
        if meter.over.get() {
            return;
        }
        let due = (start.elapsed().as_secs_f64() * rate) as u64;
        meter.offered.set(meter.offered.get() + due - *arrived);
        for at in *arrived..due {
            if self.open == IN_FLIGHT_MAX {
                meter.turned_away.set(meter.turned_away.get() + due - at);
                break;
            }
            self.send(start + Duration::from_secs_f64(at as f64 / rate));
        }
        *arrived = due;
    }
}

impl Meter {
    fn new(promises: &Rc<RefCell<Vec<Promise>>>) -> Rc<Self> {
        Rc::new(Self {
            measuring: Cell::new(false),
            over: Cell::new(false),
            accepted: Cell::default(),
            offered: Cell::default(),
            turned_away: Cell::default(),
            refused: RefCell::default(),
            nanos: RefCell::new(latencies()),
            promises: promises.clone(),
        })
    }

    fn accept(&self, latency: Duration) {
        if self.measuring.get() {
            self.accepted.set(self.accepted.get() + 1);
            self.nanos.borrow_mut().saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
    }
}

/// Nanoseconds up to a minute, three digits.
pub(crate) fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are valid")
}

/// The host's memory while something goes on.
pub(crate) struct Memory {
    samples: Rc<RefCell<Vec<u64>>>,
    sampler: tokio::task::JoinHandle<()>,
}

impl Memory {
    /// Must be called in a `LocalSet`.
    pub(crate) fn watch(pid: u32) -> Self {
        let samples: Rc<RefCell<Vec<u64>>> = Rc::default();
        let taken = samples.clone();
        let sampler = tokio::task::spawn_local(async move {
            let mut ticks = interval(SAMPLE);
            loop {
                ticks.tick().await;
                taken.borrow_mut().extend(pss_kib(pid));
            }
        });
        Self { samples, sampler }
    }

    pub(crate) fn stop(self) -> Vec<u64> {
        self.sampler.abort();
        self.samples.take()
    }
}
