//! Listening, and the handshake that says which room.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::conn::Client;
use super::echo::echo;
use super::journal::Journal;
use super::room::Rooms;

/// Small buffers: the default of 128 KiB doubles the memory of an idle connection and wins nothing for small frames.
const BUFFER_BYTES: usize = 4 * 1024;

/// Which baseline to be.
pub enum Mode {
    /// Sends every frame back.
    Echo,
    /// Rooms that answer at once and forget all at exit.
    Memory,
    /// Rooms that answer when the command is synced to a file in this directory.
    Durable(PathBuf),
}

struct Shared {
    echo: bool,
    rooms: Rooms,
    journal: Option<Journal>,
}

/// Serves on `listener` until the process ends.
///
/// # Errors
/// If the journal cannot be opened.
pub async fn serve(listener: TcpListener, mode: Mode) -> io::Result<()> {
    let journal = match &mode {
        Mode::Durable(dir) => Some(Journal::open(dir)?),
        Mode::Echo | Mode::Memory => None,
    };
    let shared = Arc::new(Shared { echo: matches!(mode, Mode::Echo), rooms: Rooms::default(), journal });
    loop {
        // An accept that failed concerns one connection, or passes when files are closed again.
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(connection(stream, shared.clone()));
    }
}

// The callback's type is the library's.
#[expect(clippy::result_large_err)]
async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let config = WebSocketConfig::default().read_buffer_size(BUFFER_BYTES).write_buffer_size(BUFFER_BYTES);
    let mut id = String::new();
    let read_path = |request: &Request, response: Response| {
        id = request.uri().path().trim_start_matches("/rooms/").to_owned();
        Ok(response)
    };
    let Ok(socket) = accept_hdr_async_with_config(stream, read_path, Some(config)).await else { return };
    if shared.echo {
        // A client that broke off is not the server's failure.
        let _ = echo(socket).await;
    } else {
        Client::join(socket, shared.rooms.open(&id), shared.journal.clone()).await;
    }
}
