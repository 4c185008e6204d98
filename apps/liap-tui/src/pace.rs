//! How long everything takes. The agenda waits for these; nothing else knows of time.

use std::time::Duration;

use dormouse::prelude::*;

/// Before the game looks for weak hands.
pub const AFTER_DEAL: Duration = Duration::from_secs(2);
/// The same after a redeal.
pub const AFTER_REDEAL: Duration = Duration::from_secs(4);
/// The starter and the reason are shown.
pub const ROUND_START: Duration = Duration::from_secs(5);
/// From a trick's last play, when all are flipped, to its result.
pub const FLIP: Duration = Duration::from_secs(5);
/// The winner of a trick is shown.
pub const TURN_RESULTS: Duration = Duration::from_secs(7);
/// The score sheet is shown.
pub const SCORING: Duration = Duration::from_secs(7);

/// To decide on a weak hand; then it is kept.
pub const DECIDE_WITHIN: Duration = Duration::from_secs(30);
/// When the page warns of that.
pub const DECIDE_WARNING: Duration = Duration::from_secs(20);
/// To declare; then a bot does.
pub const DECLARE_WITHIN: Duration = Duration::from_secs(30);
/// To play; then a bot does.
pub const PLAY_WITHIN: Duration = Duration::from_secs(45);
/// How long a room without people stays, and before the start a seat without its player.
pub const ABSENT: Duration = Duration::from_secs(30);

/// A bot thinks this long at least.
const BOT_MS: u64 = 500;
/// And up to this much longer.
const BOT_SPREAD_MS: u64 = 1000;
/// The fast pace divides by this what people only look at, and never what they decide in.
const FAST: u32 = 50;

/// How fast a room's presentation is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// For people.
    #[default]
    Normal,
    /// For games of bots alone, and for tests.
    Fast,
}

impl Pace {
    /// A pause of this room.
    pub fn pause(self, normal: Duration) -> Duration {
        match self {
            Self::Normal => normal,
            Self::Fast => normal / FAST,
        }
    }

    /// How long a bot thinks.
    pub fn thinking(self, dice: &mut Dice) -> Duration {
        self.pause(Duration::from_millis(BOT_MS + dice.below(BOT_SPREAD_MS + 1)))
    }
}
