//! What the shape of AWS takes and costs on this machine: the real binary as a Lambda function behind a strict gateway, beside emulators.
//!
//! Every phase is a run of `arcade dev --cloud` of its own, which says at its end what AWS would have charged for; the difference of two runs is what lies
//! between them. The baseline of a command's way to a viewer is a ping over the same connection: one invocation that reads rows and sends one message,
//! without an actor. The last line is JSON.

mod run;
mod talk;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use run::{Run, Usage};
use talk::Talk;

/// How long a game of bots may take here.
const GAME_MAX: Duration = Duration::from_secs(1_200);

/// One sweep lies within it.
const IDLE: Duration = Duration::from_secs(70);

#[derive(Parser)]
#[command(about = "Latency and cost of the path through AWS, on this machine; tools/cloud/run starts the emulators")]
struct Args {
    /// The binary; else the one beside this program.
    #[arg(long)]
    arcade: Option<PathBuf>,
    /// What would be uploaded, made of that binary.
    #[arg(long)]
    zip: PathBuf,
    /// Commands of the measured run.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    commands: u32,
    /// Leave out the game and the idle minutes.
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(measure(&Args::parse()))) {
        Ok(measured) => {
            println!("{measured}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cloud: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(args: &Args) -> io::Result<Value> {
    let arcade = match &args.arcade {
        Some(arcade) => arcade.clone(),
        None => std::env::current_exe()?.with_file_name("arcade"),
    };
    let zip_bytes = std::fs::metadata(&args.zip)?.len();
    // Warm before it counts: a cold start is a figure of its own.
    let (_, without) = latencies(&arcade, 0).await?;
    let (times, with) = latencies(&arcade, args.commands).await?;
    let each = with.less(&without).per(f64::from(args.commands));
    eprintln!("a command: {}", each.text());
    let millis = |times: &Histogram<u64>, quantile: f64| times.value_at_quantile(quantile) as f64 / 1_000.0;
    let (p50, ping) = (millis(&times.command, 0.5), millis(&times.ping, 0.5));
    let mut measured = json!({
        "write_units_per_command": each.write_units,
        "p50_ms": p50,
        "p99_ms": millis(&times.command, 0.99),
        "zip_bytes": zip_bytes,
        "init_ms": with.init_ms,
        "ping_p50_ms": ping,
        "p50_to_ping": p50 / ping,
        "command": each.value(),
    });
    if !args.quick {
        let game = game(&arcade).await?;
        eprintln!("a Liap Tui game of four bots, watched by one: {}", game.text());
        measured["game"] = game.value();
        let (one, many) = (idle(&arcade, 1).await?, idle(&arcade, 50).await?);
        let hour = 3_600.0 / IDLE.as_secs_f64();
        measured["idle_hour"] = one.per(1.0 / hour).value();
        measured["idle_hour_per_actor"] = many.less(&one).per(49.0 / hour).value();
        eprintln!("an hour with nothing to do: {}", one.per(1.0 / hour).text());
    }
    Ok(measured)
}

/// How long things took, in microseconds.
struct Times {
    /// From a command to the view of somebody else.
    command: Histogram<u64>,
    /// From a ping to its pong.
    ping: Histogram<u64>,
}

/// One sends so many commands, one after the other, and one watches; between them as many pings.
async fn latencies(arcade: &Path, commands: u32) -> io::Result<(Times, Usage)> {
    let run = Run::start(arcade, &format!("latency-{commands}"))?;
    let new = || Histogram::new(3).map_err(io::Error::other);
    let mut times = Times { command: new()?, ping: new()? };
    let (mut sender, mut viewer) = (Talk::join(&run.url).await?, Talk::join(&run.url).await?);
    let todo = sender.make("todo", json!({ "title": "Begin" })).await?;
    for talk in [&mut sender, &mut viewer] {
        talk.watch(&todo).await?;
    }
    for nth in 0..commands.max(50) {
        let began = Instant::now();
        viewer.ping().await?;
        times.ping.record(micros(began)).map_err(io::Error::other)?;
        if nth < commands {
            let title = format!("Title {nth} of many");
            let began = Instant::now();
            sender.send(&todo, json!({ "type": "rename_list", "title": title })).await?;
            viewer.hear(&title).await?;
            times.command.record(micros(began)).map_err(io::Error::other)?;
            sender.hear("accepted").await?;
        }
    }
    // What goes on behind the answers belongs to them: rows of the index, marks.
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok((times, run.end()?))
}

fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Four bots play to the end at the pace of tests, and somebody watches.
async fn game(arcade: &Path) -> io::Result<Usage> {
    let run = Run::start(arcade, "game")?;
    let mut host = Talk::join(&run.url).await?;
    let room = host.make("liap-tui", json!({ "pace": "fast" })).await?;
    host.watch(&room).await?;
    host.send(&room, json!({ "type": "start_game" })).await?;
    tokio::time::timeout(GAME_MAX, host.hear("game_over")).await??;
    run.end()
}

/// So many rooms that nobody asks anything.
async fn idle(arcade: &Path, rooms: usize) -> io::Result<Usage> {
    let made = |name: &str| Run::start(arcade, &format!("{name}-{rooms}"));
    let (mut usages, waits) = (Vec::new(), [Duration::ZERO, IDLE]);
    for (name, wait) in ["made", "idle"].into_iter().zip(waits) {
        let run = made(name)?;
        let mut host = Talk::join(&run.url).await?;
        for _ in 0..rooms {
            host.make("todo", json!({ "title": "Idle" })).await?;
        }
        drop(host);
        tokio::time::sleep(Duration::from_secs(3) + wait).await;
        usages.push(run.end()?);
    }
    Ok(usages[1].less(&usages[0]))
}
