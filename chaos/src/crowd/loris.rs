//! Connections that send a byte now and then and never finish: half before the upgrade, half between it and `hello`. One that the host has
//! closed comes again.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use dormouse_bench::driver::{Socket, connect_tcp, source};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{Broken, PATIENCE, dice};

/// Between two bytes.
const DRIP: Duration = Duration::from_secs(2);
/// They come within this, and not all at once.
const ARRIVAL_MS: u64 = 5_000;
/// One that could not connect waits this long.
const RETRY: Duration = Duration::from_millis(500);
/// A head that never ends, byte by byte.
const HEAD: &[u8] = b"GET /v1/connect HTTP/1.1\r\nhost: localhost\r\nx-slow: ";
/// The head of a text frame of 100 masked bytes, none of which is the last.
const FRAME: &[u8] = &[0x81, 0x80 | 100, 0, 0, 0, 0];

/// What became of them.
#[derive(Default)]
pub(super) struct Loris {
    pub(super) connections: u64,
    pub(super) told_408: u64,
    pub(super) told_1409: u64,
    pub(super) silent: u64,
    pub(super) turned_away: u64,
    pub(super) longest: Duration,
}

pub(super) struct Lorises {
    shared: Rc<Shared>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    over: Cell<bool>,
    loris: RefCell<Loris>,
}

impl Lorises {
    /// Must be called in a `LocalSet`.
    pub(super) fn start(port: u16, count: usize) -> Self {
        let (shared, mut tasks): (Rc<Shared>, _) = (Rc::default(), JoinSet::new());
        for index in 0..count {
            tasks.spawn_local(again_and_again(port, index, shared.clone()));
        }
        Self { shared, tasks }
    }

    /// None comes again. Those that are there stay until they are closed.
    pub(super) fn over(&self) {
        self.shared.over.set(true);
    }

    pub(super) async fn finish(mut self) -> Result<Loris, Broken> {
        while let Some(done) = timeout(PATIENCE, self.tasks.join_next())
            .await
            .map_err(|_| Broken("a connection that never finishes is never closed".into()))?
        {
            done?;
        }
        Ok(self.shared.loris.take())
    }
}

async fn again_and_again(port: u16, index: usize, shared: Rc<Shared>) {
    let mut random = dice(index as u64);
    sleep(Duration::from_millis(random.below(ARRIVAL_MS))).await;
    while !shared.over.get() {
        let since = Instant::now();
        let Ok(said) = drip(port, index).await else {
            shared.loris.borrow_mut().turned_away += 1;
            sleep(RETRY).await;
            continue;
        };
        shared.loris.borrow_mut().ended(&said, since.elapsed());
    }
}

/// One connection, from its first byte to its end; what the host said.
async fn drip(port: u16, index: usize) -> io::Result<Vec<u8>> {
    if index.is_multiple_of(2) {
        let mut stream = connect_tcp(port, source(index)).await?;
        stream.try_write(HEAD)?;
        let said = drip_into(&mut stream).await;
        stream.set_zero_linger()?;
        Ok(said)
    } else {
        let mut socket = Socket::open(port, source(index), "/v1/connect", "dormouse.v1").await?;
        socket.stream().try_write(FRAME)?;
        let said = drip_into(socket.stream()).await;
        socket.kill()?;
        Ok(said)
    }
}

async fn drip_into(stream: &mut TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    loop {
        match timeout(DRIP, stream.read_buf(&mut said)).await {
            // A reset ends it too.
            Ok(Ok(0) | Err(_)) => return said,
            Ok(Ok(_)) => {}
            Err(_) => drop(stream.try_write(b" ")),
        }
    }
}

impl Loris {
    fn ended(&mut self, said: &[u8], lasted: Duration) {
        let text = String::from_utf8_lossy(said);
        self.connections += 1;
        self.longest = self.longest.max(lasted);
        if text.starts_with("HTTP/1.1 408") {
            self.told_408 += 1;
        } else if text.contains("\"code\":1409") {
            self.told_1409 += 1;
        } else if text.is_empty() {
            self.silent += 1;
        } else {
            self.turned_away += 1;
        }
    }
}
