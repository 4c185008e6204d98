//! Bugs that are planted, to see that each check finds what it is for: a check that was never seen to fail does not count.
//!
//! They are in the disk, in the driver, or done to the file behind the store's back, so that the store itself has no place for any.

use std::convert::Infallible;

use crate::{CUTS_PER_LIFE, Flaw, FlipTally, Image, Tally, Work, live, run::all};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// None.
    None,
    /// Of the disk.
    Disk(Flaw),
    /// What was asked for counts as acknowledged before it was.
    EarlyAcknowledgement,
    /// Somebody else writes too.
    Stranger,
    /// A run that comes after everybody's is sent as one that must conflict.
    FalseRival,
    /// This is done to the file each time before the store opens it.
    Sql(&'static str),
    /// This is done to it at the end of a life, before SQLite checks the file.
    SqlAtTheEnd(&'static str),
    /// Commits are read without looking at their hashes, after a bit flipped.
    Gullible,
    /// What `verify` says of the index is not heard, after a bit flipped.
    Deaf,
    /// An actor that a flipped bit damaged takes others with it from what the index answers.
    Hiding,
    /// This is done to the file after a flipped bit, when `verify --reindex` has made its indexes again.
    SqlAfterTheMend(&'static str),
}

/// A bug, the words that its check says, and what they are about.
#[derive(Debug)]
pub struct Planted {
    /// What goes wrong.
    pub name: &'static str,
    /// The bug.
    pub bug: Bug,
    /// Parts of what its check says: any of them.
    pub says: &'static [&'static str],
}

const fn planted(name: &'static str, bug: Bug, says: &'static [&'static str]) -> Planted {
    Planted { name, bug, says }
}

/// One byte of each nonce is another one. A run begins with the length of its first record, and that with 66 bytes before the nonce.
const SPOIL: &str =
    "UPDATE log SET bytes = CAST(substr(bytes, 1, 80) || '*' || substr(bytes, 82) AS BLOB) WHERE length(bytes) > 90";
/// An index has other columns than its entries.
const MISDEFINE: &str = "PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET sql = 'CREATE INDEX members_of_actor ON members(principal)' WHERE name = 'members_of_actor'";

/// The third actor of a small file is gone without a trace.
const FORGET: &str = "DELETE FROM actors WHERE id = 3; DELETE FROM members WHERE actor = 3; DELETE FROM tasks WHERE actor = 3;
    DELETE FROM segments WHERE actor = 3; DELETE FROM snapshots WHERE actor = 3; UPDATE log SET bytes = x'' WHERE actor = 3;
    UPDATE totals SET actors = actors - 1, retired = (SELECT count(*) FROM actors WHERE retired = 1),
        commits = (SELECT sum(head_seq) FROM actors), closed_live = 0, closed_end = 0";

/// All of them.
pub const ALL: [Planted; 20] = [
    planted("syncs of the WAL do nothing", Bug::Disk(Flaw::UnsyncedWal), &[LOST]),
    planted("no sync does anything", Bug::Disk(Flaw::UnsyncedAll), &[LOST]),
    planted("a disk that claims too much", Bug::Disk(Flaw::Claims), &[LOST, PHANTOM]),
    planted("a failed sync is not told", Bug::Disk(Flaw::QuietSync), &["acknowledged after"]),
    planted("an early acknowledgement, and a cut", Bug::EarlyAcknowledgement, &[LOST]),
    planted("an early acknowledgement, and a reader", Bug::EarlyAcknowledgement, &["a reader sees"]),
    planted("somebody else writes", Bug::Stranger, &[PHANTOM]),
    planted("a conflict that is none", Bug::FalseRival, &["a run at a place that is taken was acknowledged"]),
    planted("a record is another one", Bug::Sql(SPOIL), &["the record's hash is not"]),
    planted("a segment is gone", Bug::Sql("DELETE FROM segments"), &["is damaged"]),
    planted("a snapshot is gone", Bug::Sql("DELETE FROM snapshots"), &[SNAPSHOT]),
    planted("a summary is another one", Bug::Sql("UPDATE actors SET summary = NULL, private = 2"), &[INDEX]),
    planted("a task is gone", Bug::Sql("DELETE FROM tasks"), &[INDEX]),
    planted("the totals are others", Bug::Sql("UPDATE totals SET actors = actors + 1"), &["counts: found"]),
    planted("a commit is counted twice", Bug::Sql("UPDATE activity SET commits = commits + 1"), &["activity counts"]),
    planted("an index that SQLite cannot use", Bug::SqlAtTheEnd(MISDEFINE), &["the file is damaged"]),
    planted("hashes are not looked at", Bug::Gullible, &["is served as"]),
    planted("verify is not heard", Bug::Deaf, &["nothing tells"]),
    planted("a damaged actor hides others", Bug::Hiding, &["nothing tells"]),
    planted("an actor is lost by a new index", Bug::SqlAfterTheMend(FORGET), &["is served as"]),
];

/// What the comparison with the model says, by what differs.
pub(crate) const LOST: &str = "lost what was acknowledged";
pub(crate) const PHANTOM: &str = "holds what nobody wrote";
pub(crate) const SNAPSHOT: &str = "has another snapshot";
pub(crate) const INDEX: &str = "has another row or other tasks";

impl Planted {
    /// What its check says of it within so many cycles, or flips.
    ///
    /// # Errors
    /// It says nothing; what another check says, if one does.
    pub fn find(&self, seed: u64, within: u64) -> Result<String, Option<String>> {
        match self.bug {
            Bug::Gullible | Bug::Deaf | Bug::Hiding | Bug::SqlAfterTheMend(_) => self.flip(seed, within),
            _ => self.among((0..within / CUTS_PER_LIFE).map(|life| live(seed, life, self.bug, &mut Tally::default()))),
        }
    }

    /// Flip bits that are spread over the file.
    fn flip(&self, seed: u64, within: u64) -> Result<String, Option<String>> {
        let image = Image::small(seed).with(self.bug);
        let (bits, mut tally) = (image.bits(), FlipTally::default());
        self.among((0..within).map(|nth| image.flip(nth * bits / within, &mut tally)))
    }

    fn among<E: ToString>(&self, lived: impl Iterator<Item = Result<(), E>>) -> Result<String, Option<String>> {
        let mut other = None;
        for what in lived.filter_map(Result::err).map(|error| error.to_string()) {
            if self.says.iter().any(|says| what.contains(says)) {
                return Ok(what);
            }
            other = Some(what);
        }
        Err(other)
    }
}

/// A bug's name, and what [`find`](Planted::find) came to.
pub type Found = (&'static str, Result<String, Option<String>>);

/// Find each of them, on several threads.
pub fn find_all(work: Work, within: u64, step: &(dyn Fn() + Sync)) -> Vec<Found> {
    let found = all(work.jobs, ALL.len() as u64, |nth, found: &mut Vec<_>| {
        found.push((nth, ALL[nth as usize].find(work.seed, within)));
        step();
        Ok::<(), Infallible>(())
    });
    let Ok(found) = found;
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_by_key(|(nth, _)| *nth);
    found.into_iter().map(|(nth, what)| (ALL[nth as usize].name, what)).collect()
}
