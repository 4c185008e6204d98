//! The load driver, a process of its own. Prints one line of JSON.

use std::io;
use std::time::Duration;

use clap::{Parser, Subcommand};
use dormouse_bench::driver::{Dialect, FanOut, Load, Target, fan_out, load};
use dormouse_bench::machine;
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
    /// Rooms with one client each.
    Load {
        /// How many rooms.
        #[arg(long, default_value_t = 1)]
        rooms: usize,
        /// Commands in flight of each client.
        #[arg(long, default_value_t = 1)]
        depth: usize,
    },
    /// One room with many viewers.
    Fan {
        /// How many viewers.
        #[arg(long, default_value_t = 200)]
        viewers: usize,
        /// Commits that not all viewers have seen, at most.
        #[arg(long, default_value_t = 4)]
        window: usize,
    },
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    machine::raise_open_files()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(args))
}

async fn run(args: Args) -> io::Result<()> {
    let target = Target { dialect: args.dialect, port: args.port };
    let (warmup, measure) = (Duration::from_secs_f64(args.warmup), Duration::from_secs_f64(args.seconds));
    let server = args.server_pid;
    match args.work {
        Work::Load { rooms, depth } => print(&load(target, Load { rooms, depth, warmup, measure, server }).await?),
        Work::Fan { viewers, window } => {
            print(&fan_out(target, FanOut { viewers, window, warmup, measure, server }).await?)
        }
    }
}

fn print(report: &impl Serialize) -> io::Result<()> {
    println!("{}", serde_json::to_string(report)?);
    Ok(())
}
