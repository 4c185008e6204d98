//! The first answer of rooms that sleep.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use super::http::Http;
use super::report::{FirstReport, Latency, latencies};
use super::session::{Target, source};
use crate::machine::drop_page_cache;

/// Which rooms, and from where.
pub struct First {
    /// The rooms, as `kind/id`. All of them sleep.
    pub rooms: Vec<String>,
    /// Commits that each has at least, which the answer must show.
    pub commits: u64,
    /// The data directory whose page cache is dropped before each request; none for a warm cache.
    pub cold: Option<PathBuf>,
}

/// Asks each room once, over a connection that is open. The first room is asked for practice: it pays for the code that
/// is paged in. Must be called in a `LocalSet`.
///
/// # Errors
/// If the server refuses, or an answer is older than the room.
pub async fn first_answers(target: Target, first: First) -> io::Result<FirstReport> {
    let mut http = Http::open(target.port, source(0)).await?;
    http.guest().await?;
    let mut nanos = latencies();
    for (index, room) in first.rooms.iter().enumerate() {
        if let Some(dir) = &first.cold {
            drop_page_cache(dir)?;
        }
        let start = Instant::now();
        let answer = http.json("GET", &format!("/v1/{room}"), "").await?;
        let waited = start.elapsed();
        let count = answer["view"]["count"].as_u64().unwrap_or_default();
        if count < first.commits {
            return Err(io::Error::other(format!("{room} counts {count}, not {}", first.commits)));
        }
        if index > 0 {
            nanos.saturating_record(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX));
        }
    }
    Ok(FirstReport { rooms: first.rooms.len().saturating_sub(1), latency: Latency::of(&nanos) })
}
