//! What the store must hold: for each actor what was acknowledged, and what one unanswered call may have made of it.

use std::{collections::BTreeMap, sync::Arc};

use dormouse_core::{
    Address, Hash, Summary, TaskKey, Time,
    position::{Head, Position},
    record::{self, Body, Cause, Changes, Header, Opened},
};
use dormouse_journal::{IndexChange, Run, StoredSnapshot, conformance::sample::snapshot_at};

use crate::rng::Rng;

/// All that is known of one actor; of one that is not there, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) head: Option<Head>,
    pub(crate) records: Vec<Arc<[u8]>>,
    pub(crate) snapshot: Option<StoredSnapshot>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
    pub(crate) wake: Option<Time>,
    pub(crate) summary: Option<Summary>,
    pub(crate) present: bool,
    pub(crate) retired: bool,
    pub(crate) tasks: BTreeMap<(TaskKey, u64), Opened>,
}

/// An actor, and the call to the store that is not answered yet.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) address: Address,
    /// Where it surely stands.
    pub(crate) now: State,
    /// Where it stands if the unanswered call was done.
    pub(crate) then: Option<State>,
    /// The newest run that was sent: it may be sent again.
    last: Option<Run>,
    time: Time,
}

/// A call to the store.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Append(Run),
    /// Of a run that somebody else's came before.
    Conflicting(Run),
    Put(StoredSnapshot),
    Fence(u32),
    Delete,
    Reindex(Position, IndexChange),
}

/// Kinds of tasks, which a lease names.
pub(crate) const TASK_KINDS: [&str; 2] = ["think", "fetch"];

impl State {
    fn seq(&self) -> u64 {
        self.head.map_or(0, |head| head.seq)
    }

    fn change(&mut self, change: IndexChange) {
        if let Some(summary) = change.summary {
            self.summary = summary;
        }
        self.retired |= change.retired;
        if let Some(wake) = change.wake {
            self.wake = wake;
        }
        self.present = change.present.unwrap_or(self.present);
        if self.retired {
            (self.wake, self.present) = (None, false);
        }
        for opened in change.opened {
            self.tasks.insert((opened.key.clone(), opened.seq), opened);
        }
        for closed in change.closed {
            self.tasks.remove(&closed);
        }
    }

    /// As it stands after this call.
    fn after(&self, call: &Call) -> Self {
        let mut state = self.clone();
        match call {
            Call::Append(run) if run.head.seq > self.seq() => {
                if state.head.is_none() {
                    state.created = run.begun();
                }
                state.head = Some(run.head);
                state.records.extend(run.records.iter().cloned());
                state.updated = run.time;
                state.change(run.index.clone());
            }
            Call::Append(_) | Call::Conflicting(_) => {}
            Call::Put(snapshot) => state.snapshot = Some(snapshot.clone()),
            Call::Fence(epoch) => {
                state.head.iter_mut().for_each(|head| head.epoch = *epoch);
                state.snapshot = None;
            }
            Call::Delete => state = Self::default(),
            Call::Reindex(_, change) => state.change(change.clone()),
        }
        state
    }
}

impl Actor {
    pub(crate) fn new(address: &str) -> Self {
        let address = address.parse().expect("the driver chooses names");
        Self { address, now: State::default(), then: None, last: None, time: Time(1_790_000_000_000) }
    }

    /// Whether nothing is unanswered.
    pub(crate) fn is_idle(&self) -> bool {
        self.then.is_none()
    }

    /// What was asked for counts as done: a bug. How many commits there are in it.
    pub(crate) fn take_for_done(&mut self) -> u64 {
        let then = self.then.as_ref().expect("it was asked for");
        let commits = then.records.len().saturating_sub(self.now.records.len());
        self.now.clone_from(then);
        commits as u64
    }

    /// A run that would come next, of an actor that is there and has no unanswered call.
    pub(crate) fn next(mut self, rng: &mut Rng) -> Option<Run> {
        (self.now.head.is_some() && self.then.is_none()).then(|| self.run(rng))
    }

    /// Draw the next call. One that `must_write` changes the disk.
    pub(crate) fn call(&mut self, must_write: bool, rng: &mut Rng) -> Call {
        let call = self.draw(must_write, rng);
        self.then = Some(self.now.after(&call));
        call
    }

    fn draw(&mut self, must_write: bool, rng: &mut Rng) -> Call {
        let Some(head) = self.now.head else { return Call::Append(self.run(rng)) };
        if self.now.retired {
            return Call::Delete;
        }
        match rng.below(100) {
            0..12 => Call::Put(snapshot_at(head, 40 + rng.index(300))),
            12..15 => Call::Fence(head.epoch + 1),
            15..16 => Call::Delete,
            16..20 if !must_write => Call::Reindex(head.position(), self.small_change(rng)),
            20..25 if !must_write => self.again(rng),
            25..28 if !must_write && head.seq > 1 => self.rival(rng),
            _ => Call::Append(self.run(rng)),
        }
    }

    /// The newest run once more, if it is there.
    fn again(&mut self, rng: &mut Rng) -> Call {
        let is_there = |run: &&Run| self.now.records.get(run.head.seq as usize - 1) == run.records.last();
        match self.last.as_ref().filter(is_there) {
            Some(run) => Call::Append(run.clone()),
            None => Call::Append(self.run(rng)),
        }
    }

    /// A run at a place that is taken.
    fn rival(&mut self, rng: &mut Rng) -> Call {
        let (head, seq) = (self.now.head.expect("it has commits"), self.now.seq() - 1);
        let hash = record::trailing_hash(&self.now.records[seq as usize - 1]).expect("it was sealed");
        Call::Conflicting(self.sealed(Head { seq, hash, ..head }, 1, IndexChange::default(), rng))
    }

    fn run(&mut self, rng: &mut Rng) -> Run {
        let expected = self.now.head.unwrap_or(Head::start(1));
        let commits = 1 + rng.below(4);
        let change =
            if rng.percent(40) { self.big_change(expected.seq + commits, rng) } else { IndexChange::default() };
        let run = self.sealed(expected, commits, change, rng);
        self.last = Some(run.clone());
        run
    }

    fn sealed(&mut self, expected: Head, commits: u64, index: IndexChange, rng: &mut Rng) -> Run {
        self.time = Time(self.time.0 + rng.below(400_000));
        let mut head = expected;
        let mut records = Vec::new();
        for nth in 1..=commits {
            let last = Changes {
                wake: index.wake,
                opened: index.opened.clone(),
                closed: index.closed.clone(),
                ..Changes::default()
            };
            let changes = if nth == commits { last } else { Changes::default() };
            records.push(self.seal(&mut head, index.retired && nth == commits, &changes, rng));
        }
        Run { address: self.address.clone(), records, expected, head, time: self.time, index }
    }

    fn seal(&self, head: &mut Head, retires: bool, changes: &Changes, rng: &mut Rng) -> Arc<[u8]> {
        let (seq, prev) = (head.seq + 1, head.hash);
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&rng.next().to_le_bytes());
        let header = Header { retires, rules: 1, key_id: 0, seq, time: self.time, first_event: seq - 1, prev, nonce };
        // Mostly small, now and then more than a page.
        let bytes = if rng.percent(5) { 3_000 + rng.index(9_000) } else { 20 + rng.index(500) };
        let event = vec![rng.next() as u8; bytes];
        let body = Body { cause: Cause::Joined, by: None, events: vec![&event] };
        let (bytes, hash) = record::seal(&self.address, &header, changes, &body);
        *head = Head { seq, hash, ..*head };
        bytes.into()
    }

    fn small_change(&self, rng: &mut Rng) -> IndexChange {
        let wake = rng.percent(50).then(|| rng.percent(70).then(|| Time(self.time.0 + rng.below(1_000_000))));
        let present = rng.percent(30).then(|| rng.percent(50));
        IndexChange { wake, present, summary: rng.percent(50).then(|| summary(rng)), ..IndexChange::default() }
    }

    /// What the commit `seq` changes.
    fn big_change(&self, seq: u64, rng: &mut Rng) -> IndexChange {
        let retired = seq > 4 && rng.percent(3);
        let open = |nth| {
            let kind = TASK_KINDS[usize::from(nth) % 2].to_owned();
            Opened { key: format!("t{seq}-{nth}").as_str().into(), kind, seq, nth, at: self.time }
        };
        let opened = if retired { Vec::new() } else { (0..rng.below(3) as u16).map(open).collect() };
        let closed = self.now.tasks.keys().filter(|_| retired || rng.percent(40)).cloned().collect();
        IndexChange { opened, closed, retired, ..self.small_change(rng) }
    }
}

fn summary(rng: &mut Rng) -> Option<Summary> {
    let members = (0..rng.below(3)).map(|_| format!("p{}", rng.below(5))).collect::<std::collections::BTreeSet<_>>();
    rng.percent(80).then(|| Summary {
        title: format!("Table {}", rng.below(1_000)),
        status: ["open", "over"][rng.index(2)].to_owned(),
        members: members.into_iter().collect(),
        sort: rng.below(3) as i64,
        private: rng.percent(20),
    })
}

/// The records link to each other, each is under its own hash and address, and they end at the head.
pub(crate) fn verify_chain(address: &Address, head: Option<Head>, records: &[Arc<[u8]>]) -> Result<(), String> {
    let mut prev = Hash::default();
    for (nth, bytes) in records.iter().enumerate() {
        let opened = record::open(address, bytes).map_err(|damage| format!("commit {}: {damage}", nth + 1))?;
        if (opened.header.seq, opened.header.prev) != (nth as u64 + 1, prev) {
            return Err(format!("commit {} does not follow the one before", nth + 1));
        }
        prev = opened.hash;
    }
    let (seq, hash) = head.map_or((0, Hash::default()), |head| (head.seq, head.hash));
    let ends = (seq, hash) == (records.len() as u64, prev);
    ends.then_some(()).ok_or_else(|| format!("{} commits do not end at the head, {seq}", records.len()))
}
