//! Rules that show every sight a state in which all that it may not know is something else. What happens is decided on the true one.

use std::marker::PhantomData;

use dormouse_core::{
    Agenda, Dice, Hash, Kind, Rejection, Seed, Sight, Summary, Task, TaskKey, Time, Viewer,
    dice::Secret,
    rules::{Corrupt, RawInput, Refusal, Rules},
    time::Moment,
};
use serde_json::Value;

use crate::Hides;

/// The kind of `A`, permuted for whoever looks.
pub(super) fn kind<A: Hides>() -> Kind {
    Kind::behind::<A>(
        || Box::new(Permuted::<A>::of(Kind::of::<A>().blank())),
        |state| Ok(Box::new(Permuted::<A>::of(Kind::of::<A>().load(state)?))),
    )
}

/// A copy of the state as it could as well be for all that this sight may know.
pub(super) fn permuted<A: Hides>(state: &[u8], sight: &Sight, dice: &mut Dice) -> A {
    let mut other: A = serde_json::from_slice(state).expect("what a state serialises to decodes");
    other.permute(known(sight), dice);
    other
}

/// Whoever may know nothing knows at most what everybody does.
pub(super) fn known(sight: &Sight) -> &Sight {
    if *sight == Sight::Nothing { &Sight::Public } else { sight }
}

/// What somebody's having this sight may rest on. That somebody may know all, or nothing, is for everybody to know, or it tells on its own.
pub(super) fn grounds(sight: &Sight) -> &Sight {
    if matches!(sight, Sight::Nothing | Sight::All) { &Sight::Public } else { sight }
}

/// When the actor wakes next, which is all that lists show of an agenda.
pub(super) fn next_wake(agenda: &Agenda) -> Option<Time> {
    agenda.wakes.iter().map(|(due, _)| *due).min()
}

struct Permuted<A> {
    truth: Box<dyn Rules>,
    of: PhantomData<fn() -> A>,
}

impl<A: Hides> Permuted<A> {
    fn of(truth: Box<dyn Rules>) -> Self {
        Self { truth, of: PhantomData }
    }

    fn other(&self, sight: &Sight) -> Box<dyn Rules> {
        let state = self.truth.save();
        let other: A = permuted(&state, sight, &mut dice(&state, sight));
        let other = serde_json::to_vec(&other).expect("states serialise to JSON");
        Kind::of::<A>().load(&other).expect("what a state serialises to decodes")
    }

    /// What the sender of this is told if the rules refuse it: as seen from a state that it cannot tell from the true one.
    fn answer(&self, input: RawInput<'_>, at: Moment, secret: Secret) -> Option<Result<(), Refusal>> {
        let (RawInput::Command { by, .. } | RawInput::Retire { by }) = input else { return None };
        Some(self.other(&self.truth.sight(by)).decide(input, at, secret, &mut vec![]))
    }
}

/// The same choice whenever the same sight looks at the same state.
fn dice(bytes: &[u8], sight: &Sight) -> Dice {
    let sight = serde_json::to_vec(sight).expect("sights serialise");
    Seed(Hash::of("dormouse/permute/1", &[bytes, &sight]).0).dice()
}

impl<A: Hides> Rules for Permuted<A> {
    fn decide(
        &mut self,
        input: RawInput<'_>,
        at: Moment,
        secret: Secret,
        events: &mut Vec<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let Some(answer) = self.answer(input, at, secret) else {
            return self.truth.decide(input, at, secret, events);
        };
        answer?;
        self.truth.decide(input, at, secret, events).map_err(|_| {
            let message = "This was allowed for all that its sender knows.";
            Refusal::Rejected(Rejection::new("allowed_otherwise", message))
        })
    }

    fn evolve(&mut self, event: &[u8], at: Moment) -> Result<(), Corrupt> {
        self.truth.evolve(event, at)
    }

    fn sight(&self, viewer: &Viewer) -> Sight {
        self.other(grounds(&self.truth.sight(viewer))).sight(viewer)
    }

    fn view(&self, sight: &Sight) -> Vec<u8> {
        self.other(sight).view(sight)
    }

    /// Tasks are between the rules and their workers, and keys are shown to nobody.
    fn agenda(&self) -> Agenda {
        let (truth, other) = (self.truth.agenda(), self.other(&Sight::Public).agenda());
        if next_wake(&truth) == next_wake(&other) { truth } else { Agenda { wakes: other.wakes, ..truth } }
    }

    fn task(&self, key: &TaskKey) -> Task {
        let task = self.truth.task(key);
        if task.hear == Sight::Nothing { task } else { self.other(&task.hear).task(key) }
    }

    fn reveal(&self, event: &[u8], sight: &Sight) -> Result<Option<Value>, Corrupt> {
        let mut other: A::Event = serde_json::from_slice(event)?;
        A::permute_event(&mut other, known(sight), &mut dice(event, sight));
        self.other(sight).reveal(&serde_json::to_vec(&other)?, sight)
    }

    fn summary(&self) -> Option<Summary> {
        self.other(&Sight::Public).summary()
    }

    fn save(&self) -> Vec<u8> {
        self.truth.save()
    }
}
