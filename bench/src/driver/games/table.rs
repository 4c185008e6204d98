//! What the four of a room have seen, and what all rooms count together.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::super::report::latencies;
use super::SEATS;

/// What all rooms count together.
pub(super) struct Meter {
    pub(super) measuring: Cell<bool>,
    pub(super) finished: Cell<u64>,
    /// From a command to the last of the four.
    pub(super) everyone: RefCell<Histogram<u64>>,
    /// From a command to its answer.
    pub(super) answer: RefCell<Histogram<u64>>,
}

impl Default for Meter {
    fn default() -> Self {
        let (everyone, answer) = (RefCell::new(latencies()), RefCell::new(latencies()));
        Self { measuring: Cell::default(), finished: Cell::default(), everyone, answer }
    }
}

impl Meter {
    fn record(&self, into: &RefCell<Histogram<u64>>, since: Instant) {
        if self.measuring.get() {
            let nanos = u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            into.borrow_mut().saturating_record(nanos);
        }
    }

    pub(super) fn game_over(&self) {
        if self.measuring.get() {
            self.finished.set(self.finished.get() + 1);
        }
    }
}

/// One room.
pub(super) struct Table {
    meter: Rc<Meter>,
    /// The newest commit that each has seen.
    seen: RefCell<[u64; SEATS]>,
    /// Answered moves that somebody has not seen: the commit, and when the command was sent.
    open: RefCell<Vec<(u64, Instant)>>,
}

impl Table {
    pub(super) fn new(meter: Rc<Meter>) -> Self {
        Self { meter, seen: RefCell::default(), open: RefCell::default() }
    }

    /// The command that was sent then is commit `seq`.
    pub(super) fn answered(&self, seq: u64, sent: Instant) {
        self.meter.record(&self.meter.answer, sent);
        self.open.borrow_mut().push((seq, sent));
        self.complete();
    }

    /// This seat has seen commit `seq`.
    pub(super) fn saw(&self, seat: usize, seq: u64) {
        self.seen.borrow_mut()[seat] = seq;
        self.complete();
    }

    fn complete(&self) {
        let all = *self.seen.borrow().iter().min().expect("there are four");
        for (_, sent) in self.open.borrow_mut().extract_if(.., |(seq, _)| *seq <= all) {
            self.meter.record(&self.meter.everyone, sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_complete_when_the_last_has_seen_it() {
        let meter = Rc::new(Meter::default());
        meter.measuring.set(true);
        let table = Table::new(meter.clone());
        (0..SEATS - 1).for_each(|seat| table.saw(seat, 9));
        table.answered(5, Instant::now());
        table.answered(7, Instant::now());
        let complete = || meter.everyone.borrow().len();
        table.saw(3, 4);
        assert_eq!((complete(), meter.answer.borrow().len()), (0, 2));
        table.saw(3, 6);
        assert_eq!(complete(), 1);
        table.saw(3, 8);
        assert_eq!(complete(), 2);
    }
}
