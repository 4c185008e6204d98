//! One actor as the engine drives it: rules, the engine's part of the state, and where its history stands.
//!
//! Input and time go in, the bytes of a commit come out. The machine never does IO: whether the commit becomes history is for the
//! journal to say, and a machine whose commit lost is thrown away.

mod known;
mod present;
mod stimulus;
mod upkeep;

use crate::planted::{Bug, planted};
use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;

use known::body_hash;
pub use stimulus::Stimulus;
pub(crate) use upkeep::Upkeep;

use crate::{
    address::Address,
    agenda::{Agenda, Summary, Task, TaskKey},
    codes::{Code, Failure},
    hash::Hash,
    limits::{COMMIT_EVENTS_MAX, RECORD_BYTES_MAX, STATE_BYTES_MAX, SUMMARY_MEMBERS_MAX, SUMMARY_TEXT_BYTES_MAX},
    position::{Head, Position},
    record::{self, Body, Cause, Changes, Damage, Header, Opened, Opening, Parked},
    rules::{Kind, Refusal, Rules},
    sight::{Principal, Sight, Viewer},
    time::{Moment, Time},
};

/// What became of an input.
#[derive(Debug)]
pub enum Decision {
    /// A commit to append; the machine stands after it.
    Commit(Box<Sealed>),
    /// This id was accepted before, at this position. One whose refusal is kept is an `Err` with the position of that.
    Before(Position),
    /// Nothing to write and nothing to say.
    Nothing,
}

/// A commit, ready for the journal.
#[derive(Debug)]
pub struct Sealed {
    /// Its bytes.
    pub record: Vec<u8>,
    /// The head after it.
    pub head: Head,
    /// Its time.
    pub time: Time,
    /// What the index must learn.
    pub changes: Changes,
    /// The summary, if it changed.
    pub summary: Option<Option<Summary>>,
    /// Whether anybody is present, if that changed.
    pub present: Option<bool>,
}

/// An actor's state at a position.
pub struct Machine {
    pub(crate) kind: Arc<Kind>,
    pub(crate) address: Address,
    pub(crate) rules: Box<dyn Rules>,
    pub(crate) upkeep: Upkeep,
    pub(crate) head: Head,
    pub(crate) time: Time,
    summary: Option<Summary>,
    spoiled: bool,
    /// Whether the newest snapshot was larger than it may be.
    is_full: bool,
}

impl Machine {
    /// The actor before its first commit.
    pub fn blank(kind: Arc<Kind>, address: Address, epoch: u32) -> Self {
        let rules = kind.blank();
        Self {
            kind,
            address,
            rules,
            upkeep: Upkeep::default(),
            head: Head::start(epoch),
            time: Time::default(),
            summary: None,
            spoiled: false,
            is_full: false,
        }
    }

    /// Where the state stands.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The journal raised the actor's epoch since this state was kept: the commits are the same, their positions are not.
    pub fn set_epoch(&mut self, epoch: u32) {
        self.head.epoch = epoch;
    }

    /// The time of the newest commit.
    pub fn time(&self) -> Time {
        self.time
    }

    /// Where it lives.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// This snapshot of it was made or served: one that is too large closes the actor to commands, so that it grows no further. Nothing is lost,
    /// and what the engine brings goes on.
    pub fn weigh(&mut self, snapshot: &[u8]) {
        self.is_full = snapshot.len() > STATE_BYTES_MAX;
    }

    /// Whether a refusal came after an event: the state is worthless and must be loaded afresh.
    pub fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// Whether its last commit has been made.
    pub fn is_retired(&self) -> bool {
        self.upkeep.retired
    }

    /// Events over the actor's life.
    pub fn events(&self) -> u64 {
        self.upkeep.events
    }

    /// Open task instances, parked ones left out.
    pub fn open_tasks(&self) -> impl Iterator<Item = &Opened> {
        self.upkeep.open.values()
    }

    /// What waits for an operator.
    pub fn parked(&self) -> impl Iterator<Item = &Parked> {
        self.upkeep.parked.iter()
    }

    /// Whose `Joined` made a commit and whose `Left` has not, connected or not.
    pub fn present(&self) -> impl Iterator<Item = Principal> {
        self.upkeep.present.iter()
    }

    /// When the agenda next wants a wake, parked ones left out.
    pub fn next_wake(&self) -> Option<Time> {
        self.upkeep.wake
    }

    /// The wake that has been due for longest, if any is due at `now`.
    pub fn due(&self, now: Time) -> Option<Stimulus> {
        let now = if planted(Bug::EarlyWakes) { now.after(Duration::from_secs(30)) } else { now };
        if planted(Bug::DeafToWakes) || self.upkeep.wake.is_none_or(|wake| wake > now) {
            return None;
        }
        let agenda = self.guarded(|rules| rules.agenda()).ok()?;
        let mut wakes: Vec<_> =
            agenda.wakes.into_iter().filter(|(due, key)| *due <= now && self.runs(key, *due)).collect();
        wakes.sort();
        wakes.into_iter().next().map(|(due, key)| Stimulus::Wake { key, due })
    }

    fn runs(&self, key: &str, due: Time) -> bool {
        !self.upkeep.parked.contains(&Parked::Wake(key.to_owned(), due))
    }

    /// Decide an input. On `Commit` the machine stands after the commit; on `Err` it stands where it was, unless it
    /// [is spoiled](Self::is_spoiled). `nonce` is 16 fresh random bytes.
    ///
    /// # Errors
    /// The answer for the sender; nothing is to be written.
    ///
    /// # Panics
    /// If the machine is spoiled.
    pub fn decide(&mut self, stimulus: &Stimulus, now: Time, nonce: [u8; 16]) -> Result<Decision, Failure> {
        assert!(!self.spoiled, "a spoiled machine decides nothing");
        let known = match self.known(stimulus, now) {
            // The first answer outlives the right to ask, and the actor.
            Ok(Some(before @ Decision::Before(_))) => return Ok(before),
            Err(kept) if kept.position.is_some() => return Err(kept),
            // It may have been carried out before the actor ended: nobody is told that it was not.
            Err(old) if old.code == Code::UnknownCommandAge && self.upkeep.retired => return Err(old),
            known => known,
        };
        self.admit(stimulus)?;
        if let Some(known) = known? {
            return Ok(known);
        }
        let at = self.moment(stimulus, now);
        let failed = self.failed_task(stimulus);
        let mut events = Vec::new();
        let decided = self.run_rules(stimulus, at, &mut events);
        let decided = decided.and_then(|cause| Ok(self.stays(stimulus, failed.as_ref())?.map(parked).or(cause)));
        let spoils = !events.is_empty();
        let result = decided.and_then(|cause| match cause {
            Some(cause) => {
                self.commit(cause, stimulus.by(), &events, at, nonce).map(|sealed| Decision::Commit(Box::new(sealed)))
            }
            None => Ok(Decision::Nothing),
        });
        self.spoiled = result.is_err() && spoils;
        result
    }

    /// Whether the actor is there to take this input.
    fn admit(&self, stimulus: &Stimulus) -> Result<(), Failure> {
        let creates = matches!(stimulus, Stimulus::Create { .. });
        match (creates, self.head.seq) {
            _ if self.upkeep.retired => Err(Code::Gone.into()),
            (false, 0) => Err(Code::NotFound.into()),
            _ => self.admit_sender(stimulus),
        }
    }

    /// Whoever may know nothing of the actor can ask nothing of it: the answer is that of an actor that is not there.
    fn admit_sender(&self, stimulus: &Stimulus) -> Result<(), Failure> {
        match stimulus {
            Stimulus::Command { by, .. } | Stimulus::Refuse { by, .. } | Stimulus::Retire { by }
                if self.sight(by)? == Sight::Nothing =>
            {
                Err(Code::NotFound.into())
            }
            Stimulus::Command { .. } | Stimulus::Refuse { .. } if self.is_full => Err(Failure::new(
                Code::TooLarge,
                "the state of this actor is as large as it may be; it takes no more commands",
            )),
            _ => Ok(()),
        }
    }

    /// Time never goes back within an actor, and a wake is never early.
    fn moment(&self, stimulus: &Stimulus, now: Time) -> Moment {
        let due = if let Stimulus::Wake { due, .. } = stimulus { *due } else { Time::default() };
        Moment { seq: self.head.seq + 1, time: now.max(self.time).max(due) }
    }

    /// Run the rules; `None` means that there is nothing to commit.
    fn run_rules(
        &mut self,
        stimulus: &Stimulus,
        at: Moment,
        events: &mut Vec<Vec<u8>>,
    ) -> Result<Option<Cause>, Failure> {
        let secret = if let Stimulus::Create { secret, .. } = stimulus { *secret } else { self.upkeep.secret };
        if let Some(input) = stimulus.raw() {
            let rules = &mut self.rules;
            let run = AssertUnwindSafe(|| rules.decide(input, at, secret, events));
            match catch_unwind(run) {
                Ok(Ok(())) => {}
                Ok(Err(_)) if events.is_empty() && self.ends_presence(stimulus) => {}
                Ok(Err(refusal)) => return refused(stimulus, refusal, events),
                Err(_) => {
                    // The rules may have died half-way through an `evolve`, whose event is not in `events` yet.
                    self.spoiled = true;
                    events.push(Vec::new());
                    return Err(Code::RulesPanicked.into());
                }
            }
        }
        Ok(self.cause(stimulus, events.is_empty()))
    }

    /// Whether the commit says that somebody is no longer present, whatever the rules make of it.
    fn ends_presence(&self, stimulus: &Stimulus) -> bool {
        matches!(stimulus, Stimulus::Left { who } if self.upkeep.present.holds(&who.principal))
    }

    fn cause(&self, stimulus: &Stimulus, nothing_happened: bool) -> Option<Cause> {
        Some(match stimulus {
            Stimulus::Create { config, secret, .. } => Cause::Created { secret: *secret, config: body_hash(config) },
            Stimulus::Command { id, command, .. } => Cause::Command { id: id.clone(), body: body_hash(command) },
            Stimulus::Refuse { id, command, words, .. } => {
                Cause::Refused { id: id.clone(), body: body_hash(command), words: words.clone() }
            }
            Stimulus::Wake { key, due } if nothing_happened => Cause::Parked { what: Parked::Wake(key.clone(), *due) },
            Stimulus::Wake { key, .. } => Cause::Wake { key: key.clone() },
            Stimulus::Report { key, .. } if nothing_happened => Cause::Parked { what: Parked::Task(key.clone()) },
            Stimulus::Report { key, opened, .. } => Cause::Report { key: key.clone(), opened: *opened },
            Stimulus::Left { .. } if self.ends_presence(stimulus) => Cause::Left,
            Stimulus::Joined { .. } | Stimulus::Left { .. } if nothing_happened => return None,
            Stimulus::Joined { .. } => Cause::Joined,
            Stimulus::Left { .. } => Cause::Left,
            Stimulus::Retire { .. } => Cause::Retire,
            Stimulus::Park { what } => Cause::Parked { what: what.clone() },
            Stimulus::Redrive { what, .. } => Cause::Redriven { what: what.clone() },
            Stimulus::Review => Cause::Reviewed,
        })
    }

    fn commit(
        &mut self,
        cause: Cause,
        by: Option<&Principal>,
        events: &[Vec<u8>],
        at: Moment,
        nonce: [u8; 16],
    ) -> Result<Sealed, Failure> {
        let changes = self.changes(&cause, at)?;
        let header = Header {
            retires: cause == Cause::Retire,
            rules: self.kind.rules,
            key_id: 0,
            seq: at.seq,
            time: at.time,
            first_event: self.upkeep.events,
            prev: self.head.hash,
            nonce,
        };
        let by = by.map(Cow::Borrowed);
        let body = Body { cause, by, events: events.iter().map(Vec::as_slice).collect() };
        let (record, hash) = record::seal(&self.address, &header, &changes, &body);
        if events.len() > COMMIT_EVENTS_MAX || record.len() > RECORD_BYTES_MAX {
            return Err(Failure::new(Code::TooLarge, "the commit of this command is larger than its limit"));
        }
        let before = !self.upkeep.present.is_empty();
        self.step(&header, &body, &changes, hash);
        let after = !self.upkeep.present.is_empty();
        let summary = self.summary_change();
        let present = (before != after).then_some(after);
        Ok(Sealed { record, head: self.head, time: at.time, changes, summary, present })
    }

    /// What the index must learn: the agenda after this commit against the one before.
    fn changes(&self, cause: &Cause, at: Moment) -> Result<Changes, Failure> {
        let agenda = if *cause == Cause::Retire { Agenda::default() } else { self.guarded(|rules| rules.agenda())? };
        if !agenda.is_sound() {
            return Err(Code::AgendaTooLong.into());
        }
        let newly_parked = if let Cause::Parked { what } = cause { Some(what) } else { None };
        let redriven = if let Cause::Redriven { what } = cause { Some(what) } else { None };
        let is_parked =
            |what: &Parked| Some(what) == newly_parked || (Some(what) != redriven && self.upkeep.parked.contains(what));
        let released = self.released(&agenda, redriven);
        let consumed = if let Cause::Report { key, .. } = cause { Some(key) } else { None };
        let stays = |key: &TaskKey, kind: &str| {
            consumed != Some(key) && self.upkeep.open.get(key).is_some_and(|open| open.kind == kind)
        };
        let runs: Vec<_> = agenda.tasks.iter().filter(|(key, _)| !is_parked(&Parked::Task(key.clone()))).collect();
        let opened = runs.iter().filter(|(key, kind)| !stays(key, kind)).enumerate();
        let opened: Vec<Opened> = opened
            .map(|(nth, (key, kind))| Opened {
                key: key.clone(),
                kind: kind.clone(),
                seq: at.seq,
                nth: nth as u16,
                at: at.time,
            })
            .collect();
        let still = |open: &Opened| runs.iter().any(|(key, kind)| *key == open.key && stays(key, kind));
        let closed = self.upkeep.open.values().filter(|open| !still(open));
        let closed = closed.map(|open| (open.key.clone(), open.seq)).collect();
        let wakes = agenda.wakes.iter().filter(|(due, key)| !is_parked(&Parked::Wake(key.clone(), *due)));
        let wake = wakes.map(|(due, _)| *due).min();
        Ok(Changes { wake: (wake != self.upkeep.wake).then_some(wake), opened, closed, released })
    }

    /// Whether the agenda lists other tasks than it did at the newest commit, which only other rules do.
    pub fn waits_for_others(&self) -> bool {
        let exists = self.head.seq > 0 && !self.upkeep.retired;
        exists
            && self.changes(&Cause::Reviewed, self.moment(&Stimulus::Review, self.time)).is_ok_and(|changes| {
                !(changes.opened.is_empty() && changes.closed.is_empty() && changes.released.is_empty())
            })
    }

    /// What was parked and is not listed any more, or is redriven now.
    fn released(&self, agenda: &Agenda, redriven: Option<&Parked>) -> Vec<Parked> {
        let listed = |what: &Parked| match what {
            Parked::Wake(key, due) => agenda.wakes.contains(&(*due, key.clone())),
            Parked::Task(key) => agenda.tasks.iter().any(|(listed, _)| listed == key),
        };
        self.upkeep.parked.iter().filter(|what| !listed(what) || Some(*what) == redriven).cloned().collect()
    }

    /// Move past a commit whose events have been folded.
    fn step(&mut self, header: &Header, body: &Body<'_>, changes: &Changes, hash: Hash) {
        self.head = Head { epoch: self.head.epoch, seq: header.seq, hash };
        self.time = header.time;
        self.upkeep.step(header, body, changes, hash.tag());
    }

    fn summary_change(&mut self) -> Option<Option<Summary>> {
        let now = self.bounded_summary();
        if now == self.summary {
            return None;
        }
        self.summary.clone_from(&now);
        Some(now)
    }

    /// The line that lists show, cut to its limits.
    pub fn bounded_summary(&self) -> Option<Summary> {
        let mut summary = self.guarded(|rules| rules.summary()).ok().flatten()?;
        summary.members.truncate(SUMMARY_MEMBERS_MAX);
        for text in [&mut summary.title, &mut summary.status] {
            let mut end = text.len().min(SUMMARY_TEXT_BYTES_MAX / 2);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
        }
        Some(summary)
    }

    /// Fold one commit of the journal.
    ///
    /// # Errors
    /// [`Damage`] if it does not verify or does not follow; the machine is worthless then.
    pub fn apply(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        let opening = record::open(&self.address, bytes)?;
        self.fold(&opening)
    }

    /// Fold one commit that was opened before.
    ///
    /// # Errors
    /// [`Damage`] if it does not follow or its events do not decode.
    pub fn fold(&mut self, opening: &Opening<'_>) -> Result<(), Damage> {
        let Opening { header, changes, body, hash } = opening;
        if header.seq != self.head.seq + 1 || header.prev != self.head.hash {
            return Err(Damage::Broken);
        }
        let at = Moment { seq: header.seq, time: header.time };
        let rules = &mut self.rules;
        let folded =
            catch_unwind(AssertUnwindSafe(|| body.events.iter().try_for_each(|event| rules.evolve(event, at))));
        if !matches!(folded, Ok(Ok(()))) {
            return Err(Damage::Undecodable);
        }
        self.step(header, body, changes, *hash);
        Ok(())
    }

    /// After a load: what the index should hold and may not, because the rules have changed since. Of an actor that does not exist yet it
    /// holds nothing, whatever the rules say of no state: else its first commit would seem to change nothing.
    pub fn settle(&mut self) -> Summarised {
        if self.head.seq == 0 {
            return Summarised { wake: None, summary: None, present: false };
        }
        let agenda = if self.upkeep.retired { Ok(Agenda::default()) } else { self.guarded(|rules| rules.agenda()) };
        // Rules that cannot say what they wait for are not woken.
        let agenda = agenda.unwrap_or_default();
        self.upkeep.wake = agenda.wakes.iter().filter(|(due, key)| self.runs(key, *due)).map(|(due, _)| *due).min();
        self.summary = self.bounded_summary();
        let present = !self.upkeep.present.is_empty();
        Summarised { wake: self.upkeep.wake, summary: self.summary.clone(), present }
    }

    /// The sight of a viewer now; `Nothing` if there is no such actor.
    ///
    /// # Errors
    /// [`Code::RulesPanicked`].
    pub fn sight(&self, viewer: &Viewer) -> Result<Sight, Failure> {
        if self.head.seq == 0 {
            return Ok(Sight::Nothing);
        }
        self.guarded(|rules| rules.sight(viewer))
    }

    /// The view of a sight, as compact JSON.
    ///
    /// # Errors
    /// [`Code::RulesPanicked`].
    pub fn view(&self, sight: &Sight) -> Result<Vec<u8>, Failure> {
        self.guarded(|rules| rules.view(sight))
    }

    /// What a sight may hear of a stored event.
    ///
    /// # Errors
    /// [`Code::RulesPanicked`], also if the event does not decode.
    pub fn reveal(&self, event: &[u8], sight: &Sight) -> Result<Option<Value>, Failure> {
        self.guarded(|rules| rules.reveal(event, sight))?.map_err(|_| Code::RulesPanicked.into())
    }

    /// The request of an open task.
    ///
    /// # Errors
    /// [`Code::Stale`] if that instance is not open, [`Code::RulesPanicked`].
    pub fn task(&self, key: &TaskKey, opened: u64) -> Result<(Task, Opened), Failure> {
        let open = self.upkeep.open.get(key).filter(|open| open.seq == opened).ok_or(Code::Stale)?;
        Ok((self.guarded(|rules| rules.task(key))?, open.clone()))
    }

    /// The hash of the rules' state: equal on every host that folded the same commits.
    pub fn state_hash(&self) -> Hash {
        Hash::of("dormouse/state/1", &[&self.rules.save()])
    }

    fn guarded<T>(&self, ask: impl FnOnce(&dyn Rules) -> T) -> Result<T, Failure> {
        catch_unwind(AssertUnwindSafe(|| ask(&*self.rules))).map_err(|_| Code::RulesPanicked.into())
    }
}

/// What a freshly loaded actor says of itself to the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summarised {
    /// The next wake.
    pub wake: Option<Time>,
    /// The line that lists show.
    pub summary: Option<Summary>,
    /// Whether anybody is present.
    pub present: bool,
}

fn parked(what: Parked) -> Cause {
    Cause::Parked { what }
}

/// A refused wake or report is parked, or it would come again at once and for ever.
fn refused(stimulus: &Stimulus, refusal: Refusal, events: &[Vec<u8>]) -> Result<Option<Cause>, Failure> {
    match stimulus {
        Stimulus::Wake { key, due } if events.is_empty() => {
            Ok(Some(Cause::Parked { what: Parked::Wake(key.clone(), *due) }))
        }
        Stimulus::Report { key, .. } if events.is_empty() => {
            Ok(Some(Cause::Parked { what: Parked::Task(key.clone()) }))
        }
        _ => Err(match refusal {
            Refusal::Rejected(rejection) => rejection.into(),
            Refusal::Failed(failure) => failure,
        }),
    }
}
