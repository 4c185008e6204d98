//! What an actor hides, said so that the checks of [`testing`](crate::testing) can exchange it.

use dormouse_core::{Actor, Dice, Sight};

/// An actor that keeps something from somebody.
///
/// Who looks must get the same bytes whichever of the states it is that it could be, as far as it may know.
pub trait Hides: Actor {
    /// Exchange everything that this sight may not know for something else that it could as well be. What the sight knows stays as it is, and
    /// so does what is hidden from nobody of that sight, such as how many pieces each hand has.
    fn permute(&mut self, sight: &Sight, dice: &mut Dice);

    /// The same with what an event holds.
    fn permute_event(event: &mut Self::Event, sight: &Sight, dice: &mut Dice);
}
