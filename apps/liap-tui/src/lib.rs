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

/// This app with rooms to play in, tournaments, a look at what a seed deals, and the addresses at which the game was known before.
#[must_use]
pub fn app(app: App) -> App {
    app.actor::<Room>()
        .command(tournament::run)
        .command(deal::run)
        .alias("/api/health", "/health")
        .alias("/api/health/detailed", "/health/detailed")
        .alias("/api/health/metrics", "/metrics")
        .alias("/api/system/stats", "/stats")
        .alias("/api/debug/room-stats", "/stats/liap-tui")
        .alias("/api/rooms/{id}/state", "/v1/liap-tui/{id}")
        .alias("/api/rooms/{id}/events", "/v1/liap-tui/{id}/events")
        .alias("/api/rooms/{id}/events/{since}", "/v1/liap-tui/{id}/events?after_seq={since}")
}
