//! What counts, and how often.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The unanswered commands of one client. An answer counts once, by its id.
pub(super) struct InFlight {
    sent: Vec<Option<(u64, Instant)>>,
    last: u64,
    open: usize,
    depth: usize,
}

impl InFlight {
    pub(super) fn new(depth: usize) -> Self {
        // Answers come nearly in order, so an id modulo twice the depth has its place for itself.
        Self { sent: vec![None; (depth * 2).next_power_of_two()], last: 0, open: 0, depth }
    }

    pub(super) fn is_full(&self) -> bool {
        self.open == self.depth
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// How many were sent.
    pub(super) fn total(&self) -> u64 {
        self.last
    }

    /// The next id, or nothing if its place still waits for a much older answer.
    pub(super) fn send(&mut self, now: Instant) -> Option<u64> {
        let n = self.last + 1;
        let slot = self.slot(n);
        if self.is_full() || self.sent[slot].is_some() {
            return None;
        }
        self.sent[slot] = Some((n, now));
        self.last = n;
        self.open += 1;
        Some(n)
    }

    /// How long command `n` took; nothing if no such command is open.
    pub(super) fn answered(&mut self, n: u64, now: Instant) -> Option<Duration> {
        let slot = self.slot(n);
        let (_, sent) = self.sent[slot].take_if(|(open, _)| *open == n)?;
        self.open -= 1;
        Some(now.duration_since(sent))
    }

    fn slot(&self, n: u64) -> usize {
        n as usize & (self.sent.len() - 1)
    }
}

/// What one viewer has seen of one room. A frame counts once per commit that it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) seq: u64,
}

impl Seen {
    /// The commits that a view as of `seq` is the first to show: none if it is old or came twice.
    pub(super) fn advance(&mut self, seq: u64) -> u64 {
        let spanned = seq.saturating_sub(self.seq);
        self.seq += spanned;
        spanned
    }
}

/// The commits that not every viewer has seen yet. Viewers see them in order.
pub(super) struct Fan {
    viewers: usize,
    /// How many viewers have seen the commits after `full`, the oldest first.
    seen_by: VecDeque<usize>,
    full: u64,
}

impl Fan {
    pub(super) fn new(viewers: usize) -> Self {
        Self { viewers, seen_by: VecDeque::new(), full: 0 }
    }

    /// The newest commit that all viewers have seen.
    pub(super) fn full(&self) -> u64 {
        self.full
    }

    /// One viewer went on from `before` to `after`. True if that completed a commit.
    pub(super) fn advance(&mut self, before: u64, after: u64) -> bool {
        for seq in before.max(self.full) + 1..=after {
            let at = (seq - self.full - 1) as usize;
            if at >= self.seen_by.len() {
                self.seen_by.resize(at + 1, 0);
            }
            self.seen_by[at] += 1;
        }
        let full = self.full;
        while self.seen_by.front() == Some(&self.viewers) {
            self.seen_by.pop_front();
            self.full += 1;
        }
        self.full > full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_only_for_an_open_command() {
        let now = Instant::now();
        let mut commands = InFlight::new(2);
        assert_eq!(commands.send(now), Some(1));
        assert_eq!(commands.send(now), Some(2));
        assert_eq!(commands.send(now), None);
        assert!(commands.is_full());
        assert!(commands.answered(2, now).is_some());
        assert!(commands.answered(2, now).is_none(), "the same answer again");
        assert!(commands.answered(7, now).is_none(), "an id that was not sent");
        assert_eq!(commands.open(), 1);
    }

    #[test]
    fn a_straggler_is_never_overwritten() {
        let now = Instant::now();
        let mut commands = InFlight::new(2);
        commands.send(now);
        for n in 2..=4 {
            assert_eq!(commands.send(now), Some(n));
            assert!(commands.answered(n, now).is_some());
        }
        assert_eq!(commands.send(now), None, "its place is still that of command 1");
        assert!(commands.answered(1, now).is_some());
        assert_eq!(commands.send(now), Some(5));
    }

    #[test]
    fn a_frame_counts_once_per_commit_and_viewer() {
        let mut seen = Seen { seq: 10 };
        let frames = [11, 11, 10, 14, 12, 15];
        let spans: Vec<u64> = frames.iter().map(|seq| seen.advance(*seq)).collect();
        // 11 came twice, 10 and 12 are old; 14 merges three commits and is still one delivery.
        assert_eq!(spans, [1, 0, 0, 3, 0, 1]);
        assert_eq!(spans.iter().filter(|span| **span > 0).count(), 3);
    }

    #[test]
    fn a_commit_is_complete_when_the_last_viewer_has_it() {
        let mut fan = Fan::new(2);
        fan.advance(0, 10);
        assert!(fan.advance(0, 10));
        assert!(!fan.advance(10, 12));
        assert_eq!(fan.full(), 10);
        assert!(fan.advance(10, 11));
        assert_eq!(fan.full(), 11);
        assert!(!fan.advance(12, 13));
        assert!(fan.advance(11, 13));
        assert_eq!(fan.full(), 13);
    }
}
