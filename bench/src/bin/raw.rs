//! The raw servers: `raw echo`, `raw room --memory`, `raw room --durable --dir DIR`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use dormouse_bench::machine;
use dormouse_bench::raw::{Mode, serve};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime;

#[derive(Parser)]
#[command(about = "Baselines for the benchmark: tokio and tungstenite with nothing in between")]
struct Args {
    #[command(subcommand)]
    kind: Kind,
    /// Where to listen, always on 127.0.0.1.
    #[arg(long, global = true, default_value_t = 7100)]
    port: u16,
    /// Worker threads of the runtime.
    #[arg(long, global = true, default_value_t = 2)]
    threads: usize,
}

#[derive(Subcommand)]
enum Kind {
    /// Sends every frame back.
    Echo,
    /// Counter rooms.
    Room {
        /// Answer at once.
        #[arg(long, conflicts_with = "durable")]
        memory: bool,
        /// Answer after append and fdatasync.
        #[arg(long, requires = "dir", required_unless_present = "memory")]
        durable: bool,
        /// Where the durable rooms' file is.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    machine::raise_open_files()?;
    let mode = match args.kind {
        Kind::Echo => Mode::Echo,
        Kind::Room { durable: true, dir: Some(dir), .. } => Mode::Durable(dir),
        Kind::Room { .. } => Mode::Memory,
    };
    runtime::Builder::new_multi_thread()
        .worker_threads(args.threads)
        .enable_all()
        .build()?
        .block_on(async { serve(listen(args.port)?, mode).await })
}

/// With the longest queue that the kernel allows: thousands may come at once, and one that finds the queue full tries
/// again only a second later.
fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(u32::from(u16::MAX))
}
