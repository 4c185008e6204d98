//! Lines between clients and hosts: late, held back in one direction or both, cut, or half-open, when one end is gone and the other has not
//! heard of it.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split},
    sync::watch,
    task::{AbortHandle, JoinHandle},
};

use crate::chance::Chance;

/// What is under way in one direction.
const PIPE_BYTES: usize = 64 * 1024;

/// One line, of a client to a host.
pub struct Wire {
    pub host: usize,
    /// Whether bytes pass, to the host and back.
    passes: [watch::Sender<bool>; 2],
    relays: [AbortHandle; 2],
    is_cut: AtomicBool,
}

impl Wire {
    /// A line whose bytes take so many milliseconds; the client's end and the host's.
    pub fn open(host: usize, chance: &Chance, most_ms: u64) -> (Arc<Self>, DuplexStream, DuplexStream) {
        let (client, near) = duplex(PIPE_BYTES);
        let (server, far) = duplex(PIPE_BYTES);
        let ((near_read, near_write), (far_read, far_write)) = (split(near), split(far));
        let passes = [watch::Sender::new(true), watch::Sender::new(true)];
        let up = relay(near_read, far_write, passes[0].subscribe(), chance.clone(), most_ms);
        let down = relay(far_read, near_write, passes[1].subscribe(), chance.clone(), most_ms);
        let relays = [up.abort_handle(), down.abort_handle()];
        let wire = Self { host, passes, relays, is_cut: AtomicBool::new(false) };
        (Arc::new(wire), client, server)
    }

    /// Hold back what goes to the host, or what comes from it; what is held arrives later.
    pub fn hold(&self, to_host: bool, held: bool) {
        self.passes[usize::from(!to_host)].send_replace(!held);
    }

    /// Both ends hear that it is over.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        self.relays.iter().for_each(AbortHandle::abort);
    }

    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }
}

fn relay(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    mut passes: watch::Receiver<bool>,
    chance: Chance,
    most_ms: u64,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut bytes = [0; 4096];
        loop {
            let Ok(count) = from.read(&mut bytes).await else { return };
            tokio::time::sleep(chance.millis(0, most_ms)).await;
            let _ = passes.wait_for(|passes| *passes).await;
            if count == 0 {
                let _ = to.shutdown().await;
                // The other direction may go on.
                return pending().await;
            }
            if to.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    })
}
