//! Liap Tui: four players say how many piles they will take, and then try to take exactly that many.
//!
//! Begin with `room.rs`, the actor; `flow.rs` says what follows what, `game.rs` folds it, and `pieces.rs`, `plays.rs` and `score.rs` are the
//! rules that know nothing of rooms. Absent on purpose: networking, timers, storage.

pub mod bot;
pub mod deal;
mod flow;
pub mod game;
pub mod pace;
pub mod pieces;
pub mod plays;
mod room;
pub mod score;
pub mod seats;
mod secrecy;
pub mod tournament;
pub mod view;

use dormouse::prelude::App;

pub use room::{Room, RoomCommand, RoomConfig, RoomEvent, Settings};

/// A room without a host, for the tournament and for tests.
pub type Table = dormouse::Solo<Room>;

/// This app with rooms to play in, tournaments, and a look at what a seed deals.
#[must_use]
pub fn app(app: App) -> App {
    app.actor::<Room>().command(tournament::run).command(deal::run)
}
