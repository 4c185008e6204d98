//! `serve`: the long-lived host over the embedded journal.

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use dormouse_core::limits::END_MAX;
use dormouse_engine::{
    Engine, describe_metrics,
    http::Api,
    identity::GuestKey,
    world::{System, World},
};
use dormouse_journal_sqlite::SqliteStore;
use dormouse_server::{Ended, Render, Server};
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::{Problem, open, openapi, say, seams};
use crate::app::{App, Serve};

/// Bounds of the histograms of durations, in seconds: from a memory access to a stalled disk.
const SECONDS: [f64; 14] =
    [0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// How often samples are folded into histograms: until then each takes memory.
const UPKEEP: Duration = Duration::from_secs(2);

/// Bounds of the histograms of counts.
const COUNTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

pub(crate) async fn serve(app: App, options: Serve) -> Result<ExitCode, Problem> {
    let (name, (_, aliases)) = (app.name, openapi(&app)?);
    let store = open(&options.data.data)?;
    let world: Arc<dyn World> = Arc::new(System);
    let guest_key = GuestKey::open(&options.data.data, &*world)?;
    let report_key = guest_key.derived("reports");
    let access = options.access;
    let revoked = options.data.data.join("keys").join("revoked.json");
    let identity = access.identity(guest_key, &world)?.keep_revocations(revoked)?;
    let origins = access.origins()?;
    let metrics = start_metrics(store.clone());
    let engine = Engine::with_report_key(app.kinds, seams(&store), world, app.workers, report_key);
    let (admission, connections) = (access.admission(), AtomicUsize::new(0));
    let (app, connect_url) = (name.to_owned(), None);
    let api = Api { engine, identity, admission, origins, app, aliases, connect_url, connections };
    let address = SocketAddr::new(options.listen, options.port);
    let server = Server::bind(address, Arc::new(api), metrics).await;
    let server = server.map_err(|error| Problem::Io(format!("{address} cannot be listened on"), error))?;
    let server = server.with_pages(crate::console::pages());
    let bound = server.address().map_err(|error| Problem::Io("the listener is gone".into(), error))?;
    tracing::info!(app = name, data = %options.data.data.display(), "listening on http://{bound}");
    say(format_args!("http://{bound}"))?;
    let ended = server.run(stopped()).await;
    store.close().await;
    Ok(match ended {
        Ended::Drained => ExitCode::SUCCESS,
        Ended::StoreFailed => ExitCode::FAILURE,
    })
}

fn start_metrics(store: SqliteStore) -> Option<Render> {
    let seconds = Matcher::Suffix("_seconds".into());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS);
    let builder =
        builder.and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_commits".into()), &COUNTS));
    // A recorder that somebody installed before, such as a test's, stays; then there is nothing to render here.
    let handle = builder.ok()?.install_recorder().ok()?;
    describe_metrics();
    describe_counter!("dormouse_journal_jobs_total", Unit::Count, "Runs, snapshots and changes of the index written");
    describe_counter!("dormouse_journal_batches_total", Unit::Count, "Transactions, so syncs, that they shared");
    describe_gauge!("dormouse_journal_waiting", Unit::Count, "Jobs that wait for the writer");
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Some(Box::new(move || {
        let stats = store.stats();
        counter!("dormouse_journal_jobs_total").absolute(stats.jobs);
        counter!("dormouse_journal_batches_total").absolute(stats.batches);
        gauge!("dormouse_journal_waiting").set(stats.waiting as f64);
        handle.render()
    }))
}

/// Resolves at SIGTERM or Ctrl-C. They are listened for on a thread of their own, since rules that loop may hold every thread of the
/// runtime; if the process has not ended after [`END_MAX`], that thread ends it.
async fn stopped() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let listen = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            signalled().await;
            let _ = tell.send(());
            tokio::time::sleep(END_MAX).await;
        });
        eprintln!("error: what ran did not end in time; what it had not answered is not committed");
        std::process::exit(1);
    };
    let listening = std::thread::Builder::new().name("signals".into()).spawn(listen);
    if listening.is_err() || told.await.is_err() {
        signalled().await;
    }
}

/// Resolves at SIGTERM or Ctrl-C.
pub(crate) async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
