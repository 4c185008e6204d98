//! The time as one actor counts it: the wall clock, but never behind its newest commit and what has passed since then.
//!
//! So a clock that is set back, or that was wrong by a year when a commit was made, delays no wake: what a commit asked to come after five seconds
//! comes after five seconds.

use std::time::Duration;

use dormouse_core::Time;
use tokio::time::Instant;

pub(crate) struct Clock {
    at: Time,
    since: Instant,
}

impl Clock {
    /// It is this late now, or later if the wall clock says so.
    pub(crate) fn at(time: Time) -> Self {
        Self { at: time, since: Instant::now() }
    }

    pub(crate) fn now(&self, wall: Time) -> Time {
        wall.max(self.at.after(self.since.elapsed()))
    }

    /// How far the actor's time is ahead of the wall clock.
    pub(crate) fn ahead(&self, wall: Time) -> Duration {
        self.now(wall).since(wall)
    }

    /// What the wall clock will show at this time of the actor's.
    pub(crate) fn on_the_wall(&self, time: Time, wall: Time) -> Time {
        let ahead = u64::try_from(self.ahead(wall).as_millis()).unwrap_or(u64::MAX);
        Time(time.0.saturating_sub(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_goes_on_whatever_the_wall_clock_shows() {
        let clock = Clock::at(Time(5_000));
        assert_eq!((clock.now(Time(5_000)), clock.ahead(Time(5_000))), (Time(5_000), Duration::ZERO));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.now(Time(7_100)), Time(7_100), "a wall clock that is ahead is believed");
        assert_eq!(clock.now(Time(1_000)), Time(7_000), "one that is behind is not");
        assert_eq!(clock.on_the_wall(Time(9_000), Time(1_000)), Time(3_000), "two seconds from now");
    }
}
