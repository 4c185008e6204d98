//! How long to wait before trying again.

use std::time::Duration;

use crate::limits::FIRST_DELAY;

/// Before attempt `attempt + 1`. Half of the wait is random, so that the viewers of a restarted host do not return as one
/// wave. A host's `retry_after` is never undercut, for the same reason. `random` is at least 0 and below 1.
pub(crate) fn backoff(attempt: u32, random: f64, max_delay: Duration, retry_after: Option<Duration>) -> Duration {
    let ceiling = FIRST_DELAY.saturating_mul(1 << attempt.min(16)).min(max_delay);
    let delay = ceiling / 2 + (ceiling / 2).mul_f64(random);
    let asked = retry_after.unwrap_or_default();
    if delay >= asked { delay } else { asked + FIRST_DELAY.mul_f64(random) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_DELAY;

    #[test]
    fn waits_double_between_their_bounds_and_half_of_them_is_chance() {
        for (attempt, ceiling_ms) in [(0, 250), (1, 500), (3, 2_000), (6, 16_000), (7, 20_000), (1_000, 20_000)] {
            let ceiling = Duration::from_millis(ceiling_ms);
            assert_eq!(backoff(attempt, 0.0, MAX_DELAY, None), ceiling / 2, "{attempt}");
            assert_eq!(backoff(attempt, 0.5, MAX_DELAY, None), ceiling * 3 / 4, "{attempt}");
            assert!(backoff(attempt, 0.999_999, MAX_DELAY, None) <= ceiling, "{attempt}");
        }
    }

    #[test]
    fn what_the_host_asks_for_is_the_least_and_is_spread_too() {
        let asked = Duration::from_secs(3);
        assert_eq!(backoff(0, 0.0, MAX_DELAY, Some(asked)), asked);
        assert_eq!(backoff(0, 0.5, MAX_DELAY, Some(asked)), asked + FIRST_DELAY / 2);
        assert_eq!(backoff(9, 0.0, MAX_DELAY, Some(asked)), MAX_DELAY / 2, "its own wait is longer");
    }
}
