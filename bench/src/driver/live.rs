//! What a room costs that is awake.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::fill::{Progress, fill};
use super::report::MemoryReport;
use super::session::Target;
use crate::machine::pss_kib;

/// Rooms that pay for what all share before memory is read for the first time.
const PRACTICE: usize = 200;

/// Rooms fall asleep ten seconds after their last command; a measurement that took longer is of something else.
const AWAKE: Duration = Duration::from_secs(9);

/// Fills `rooms` rooms with `commands` commands each, from one outbox a room, and reads memory while all are awake.
/// Must be called in a `LocalSet`.
///
/// # Errors
/// If the server refuses something, or was too slow to keep all rooms awake.
pub async fn live(
    target: Target,
    rooms: usize,
    commands: usize,
    server: u32,
    progress: Progress,
) -> io::Result<MemoryReport> {
    let start = Instant::now();
    fill(target, PRACTICE, commands, Rc::new(|_| {})).await?;
    let before = pss_kib(server)?;
    fill(target, rooms, commands, progress).await?;
    let after = pss_kib(server)?;
    if start.elapsed() > AWAKE {
        return Err(io::Error::other("the first rooms fell asleep before the last were awake: take fewer"));
    }
    Ok(MemoryReport::new(rooms, before, after))
}
