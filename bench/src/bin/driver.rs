//! The load driver, a process of its own. Prints one line of JSON.

use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use dormouse_bench::driver::{
    Crowd, Dialect, FanOut, First, Games, Load, Pace, Progress, Target, fan_out, fill, first_answers, games as play,
    idle, live, load, storm,
};
use dormouse_bench::machine;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;
use tokio::runtime;
use tokio::task::LocalSet;

#[derive(Parser)]
#[command(about = "Load for a Dormouse server or a raw one")]
struct Args {
    #[command(subcommand)]
    work: Work,
    /// What the server speaks.
    #[arg(long, global = true, value_enum, default_value = "dormouse")]
    dialect: Dialect,
    /// Where it listens on 127.0.0.1.
    #[arg(long, global = true, default_value_t = 7100)]
    port: u16,
    /// The server's process, whose processor time and memory are read.
    #[arg(long, global = true, default_value_t = 1)]
    server_pid: u32,
    /// How long to measure.
    #[arg(long, global = true, default_value_t = 3.0)]
    seconds: f64,
    /// How long to run before.
    #[arg(long, global = true, default_value_t = 1.0)]
    warmup: f64,
}

#[derive(Subcommand)]
enum Work {
    /// Commands a second and their latency, in rooms with one client each.
    Load {
        /// How many rooms.
        #[arg(long, default_value_t = 1)]
        rooms: usize,
        /// Commands in flight of each client.
        #[arg(long, default_value_t = 1)]
        depth: usize,
    },
    /// Deliveries a second in one room with many viewers.
    Fan {
        /// How many viewers.
        #[arg(long, default_value_t = 200)]
        viewers: usize,
        /// Commits that not all viewers have seen, at most.
        #[arg(long, default_value_t = 4)]
        window: usize,
    },
    /// Games of Liap Tui with four clients each, or raw rooms in which four take turns.
    Games {
        /// How many at once.
        #[arg(long, default_value_t = 500)]
        games: usize,
        /// How fast everybody is.
        #[arg(long, value_enum, default_value = "human")]
        pace: Pace,
        /// Moves a second over all raw rooms.
        #[arg(long, default_value_t = 250.0)]
        rate: f64,
    },
    /// Makes rooms and gives each so many commands.
    Fill {
        /// How many rooms.
        #[arg(long)]
        rooms: usize,
        /// Commands of each room.
        #[arg(long, default_value_t = 1)]
        commands: usize,
    },
    /// Memory of rooms that are awake.
    Live {
        /// How many rooms.
        #[arg(long, default_value_t = 2_000)]
        rooms: usize,
        /// Commands of each room.
        #[arg(long, default_value_t = 100)]
        commands: usize,
    },
    /// Memory of connections that do nothing.
    Idle(CrowdArgs),
    /// Everybody loses the connection and comes back at once.
    Storm(CrowdArgs),
    /// First answers of rooms that sleep.
    First {
        /// A file with the rooms, one a line.
        #[arg(long)]
        rooms: PathBuf,
        /// Commits that each has at least.
        #[arg(long)]
        commits: u64,
        /// Drop the page cache of this data directory before each request.
        #[arg(long)]
        cold: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct CrowdArgs {
    /// How many clients.
    #[arg(long, default_value_t = 5_000)]
    clients: usize,
    /// Watch rooms, four clients each.
    #[arg(long)]
    watch: bool,
    /// Seconds of quiet before memory is read.
    #[arg(long, default_value_t = 3.0)]
    quiet: f64,
}

fn main() -> ExitCode {
    match start(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("driver: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> io::Result<()> {
    machine::raise_open_files()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(args))
}

async fn run(args: Args) -> io::Result<()> {
    let target = Target { dialect: args.dialect, port: args.port };
    let (warmup, measure) = (Duration::from_secs_f64(args.warmup), Duration::from_secs_f64(args.seconds));
    let server = args.server_pid;
    let crowd =
        |CrowdArgs { clients, watch, quiet }| Crowd { clients, watch, quiet: Duration::from_secs_f64(quiet), server };
    match args.work {
        Work::Load { rooms, depth } => print(&load(target, Load { rooms, depth, warmup, measure, server }).await?),
        Work::Fan { viewers, window } => {
            print(&fan_out(target, FanOut { viewers, window, warmup, measure, server }).await?)
        }
        Work::Games { games, pace, rate } => {
            print(&play(target, Games { games, pace, rate, warmup, measure, server }).await?)
        }
        Work::Fill { rooms, commands } => print(&fill(target, rooms, commands, bar(rooms)).await?),
        Work::Live { rooms, commands } => print(&live(target, rooms, commands, server, bar(rooms)).await?),
        Work::Idle(args) => print(&idle(target, crowd(args)).await?),
        Work::Storm(args) => print(&storm(target, crowd(args)).await?),
        Work::First { rooms, commits, cold } => {
            let rooms = fs::read_to_string(rooms)?.lines().map(str::to_owned).collect();
            print(&first_answers(target, First { rooms, commits, cold }).await?)
        }
    }
}

/// A bar on the terminal, nothing in a pipe. It goes to standard error, the report to standard output.
fn bar(rooms: usize) -> Progress {
    if !io::stderr().is_terminal() {
        return Rc::new(|_| {});
    }
    let bar = ProgressBar::with_draw_target(Some(rooms as u64), ProgressDrawTarget::stderr_with_hz(5));
    Rc::new(move |done| {
        bar.set_position(done as u64);
        if done == rooms {
            bar.finish_and_clear();
        }
    })
}

fn print(report: &impl Serialize) -> io::Result<()> {
    println!("{}", serde_json::to_string(report)?);
    Ok(())
}
