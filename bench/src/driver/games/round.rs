//! Four clients of a raw room, who count in turns: the traffic of a game without a game.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::super::dialect::Frame;
use super::super::session::{Session, Target, refused};
use super::table::{Meter, Table};
use super::{Games, SEATS, begins, chance};

/// One room for ever.
pub(super) async fn take_turns(target: Target, games: Games, index: usize, meter: Rc<Meter>) -> io::Result<()> {
    sleep(begins(games, index)).await;
    let table = Rc::new(Table::new(meter));
    let mut clients = JoinSet::new();
    for seat in 0..SEATS {
        let session = target.join(index * SEATS + seat, &format!("r{index}"), true).await?;
        let think = Duration::from_secs_f64(games.games as f64 / games.rate);
        let client = Client { session, target, table: table.clone(), seat, index, think, seq: 0, count: 0 };
        clients.spawn_local(client.run());
    }
    clients.join_next().await.expect("there are four").map_err(io::Error::other)?
}

struct Client {
    session: Session,
    target: Target,
    table: Rc<Table>,
    seat: usize,
    index: usize,
    /// From one move of the room to the next, on average.
    think: Duration,
    /// The newest commit that it has seen.
    seq: u64,
    /// Its commands.
    count: u64,
}

impl Client {
    async fn run(mut self) -> io::Result<()> {
        loop {
            if self.seq as usize % SEATS == self.seat {
                self.take_turn().await?;
            }
            self.session.socket.read().await?;
            while let Some(frame) = self.session.socket.next()? {
                match self.target.dialect.read(frame) {
                    Frame::View(view) => self.seq = view.seq,
                    Frame::Refused => return Err(refused(frame)),
                    _ => {}
                }
                self.table.saw(self.seat, self.seq);
            }
        }
    }

    async fn take_turn(&mut self) -> io::Result<()> {
        self.count += 1;
        let after = self.think.mul_f64(0.5 + chance(self.index * SEATS + self.seat, self.count));
        sleep_until((Instant::now() + after).into()).await;
        let (mut text, sent) = (Vec::new(), Instant::now());
        self.session.commands.write(self.count, &mut text);
        self.session.socket.feed(&text);
        self.session.socket.flush().await?;
        loop {
            self.session.socket.read().await?;
            while let Some(frame) = self.session.socket.next()? {
                if let Frame::Answer { seq, .. } = self.target.dialect.read(frame) {
                    self.seq = seq;
                    self.table.answered(seq, sent);
                    self.table.saw(self.seat, seq);
                    return Ok(());
                }
            }
        }
    }
}
