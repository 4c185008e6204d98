//! Which rows of the log still live, in the order of their ids: what may be trimmed, and who owns the oldest.

use std::collections::VecDeque;

/// The log's rows from the oldest that lives to the newest.
#[derive(Debug)]
pub(crate) struct Log {
    slots: VecDeque<Slot>,
    /// The id of the first slot.
    first: i64,
    /// Rows below this are gone from the table.
    trimmed: i64,
    bytes: u64,
}

/// A row of the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// Whose; `None` once it was moved or deleted.
    pub(crate) actor: Option<i64>,
    pub(crate) bytes: u32,
}

impl Log {
    /// A log whose first row in the table has this id.
    pub(crate) fn new(first: i64) -> Self {
        Self { slots: VecDeque::new(), first, trimmed: first, bytes: 0 }
    }

    /// The id of the next row.
    pub(crate) fn next_id(&self) -> i64 {
        self.first + self.slots.len() as i64
    }

    /// A row was added, with this id. Ids that were passed over hold nothing.
    pub(crate) fn push(&mut self, id: i64, slot: Slot) {
        while self.next_id() < id {
            self.slots.push_back(Slot { actor: None, bytes: 0 });
        }
        self.bytes += u64::from(slot.bytes);
        self.slots.push_back(slot);
        self.advance();
    }

    /// This row lives no longer.
    pub(crate) fn kill(&mut self, id: i64) {
        if let Some(slot) = self.slots.get_mut((id - self.first) as usize) {
            slot.actor = None;
        }
        self.advance();
    }

    fn advance(&mut self) {
        while let Some(Slot { actor: None, bytes }) = self.slots.front().copied() {
            self.bytes -= u64::from(bytes);
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Rows from the oldest that lives to the newest.
    pub(crate) fn rows(&self) -> usize {
        self.slots.len()
    }

    /// Their bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Owners of rows, oldest row first.
    pub(crate) fn owners(&self) -> impl Iterator<Item = i64> {
        self.slots.iter().filter_map(|slot| slot.actor)
    }

    /// The end of the rows that may be trimmed now, if there are at least `at_least`; at most `at_most` of them. Never the newest row: the
    /// next one is numbered after it.
    pub(crate) fn trim_end(&self, at_least: i64, at_most: i64) -> Option<i64> {
        let dead = self.first.min(self.next_id() - 1) - self.trimmed;
        (dead >= at_least).then(|| self.trimmed + dead.min(at_most))
    }

    /// Rows below this are gone from the table.
    pub(crate) fn trimmed_to(&mut self, end: i64) {
        self.trimmed = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(actor: i64) -> Slot {
        Slot { actor: Some(actor), bytes: 10 }
    }

    #[test]
    fn what_is_dead_at_the_front_may_be_trimmed() {
        let mut log = Log::new(5);
        for id in 5..15 {
            assert_eq!(log.next_id(), id);
            log.push(id, slot(id % 2));
        }
        log.kill(7);
        assert_eq!((log.rows(), log.trim_end(1, 10)), (10, None));
        log.kill(5);
        log.kill(6);
        assert_eq!((log.rows(), log.bytes(), log.trim_end(3, 10)), (7, 70, Some(8)));
        assert_eq!((log.trim_end(4, 10), log.trim_end(1, 2)), (None, Some(7)));
        log.trimmed_to(8);
        assert_eq!(log.trim_end(1, 10), None);
        assert_eq!(log.owners().collect::<Vec<_>>(), [0, 1, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn the_newest_is_never_trimmed() {
        let mut log = Log::new(1);
        for id in 1..4 {
            log.push(id, slot(1));
            log.kill(id);
        }
        assert_eq!((log.rows(), log.next_id(), log.trim_end(1, 10)), (0, 4, Some(3)));
    }

    #[test]
    fn ids_that_were_passed_over_hold_nothing() {
        let mut log = Log::new(1);
        log.push(4, slot(9));
        assert_eq!((log.rows(), log.next_id(), log.bytes()), (1, 5, 10));
    }
}
