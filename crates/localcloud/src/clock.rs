//! Time that a test can move on: what takes ten minutes or two hours on AWS takes a call here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::{sync::watch, time::Instant};

/// The machine's clock, and how far it was moved on. Clones are one clock.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    ahead: watch::Sender<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { started: Instant::now(), ahead: watch::Sender::new(Duration::ZERO) }
    }
}

impl Clock {
    /// How long it has run, what it was moved on included.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed() + *self.ahead.borrow()
    }

    /// Milliseconds since 1970, as AWS writes them into events.
    pub fn epoch_millis(&self) -> u64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + *self.ahead.borrow();
        u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
    }

    /// Let so much time pass at once.
    pub fn advance(&self, time: Duration) {
        self.ahead.send_modify(|ahead| *ahead += time);
    }

    /// Return when it has run for so long.
    pub async fn sleep_until(&self, elapsed: Duration) {
        let mut ahead = self.ahead.subscribe();
        loop {
            ahead.mark_unchanged();
            let Some(left) = elapsed.checked_sub(self.elapsed()).filter(|left| !left.is_zero()) else { return };
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                _ = ahead.changed() => {}
            }
        }
    }

    /// Return after so long.
    pub async fn sleep(&self, time: Duration) {
        self.sleep_until(self.elapsed() + time).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_sleeps_wakes_when_the_clock_is_moved() {
        let clock = Clock::default();
        let before = clock.epoch_millis();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep(Duration::from_secs(3600)).await }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(3599));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(2));
        sleeper.await.unwrap();
        assert!(clock.epoch_millis() - before >= 3_601_000);
    }
}
