//! Every bound of the client, with its reason. Those of a host arrive in `welcome`.

use std::time::Duration;

/// Reconnects start here: quick enough to hide a network change.
pub const FIRST_DELAY: Duration = Duration::from_millis(250);
/// … and never wait longer than this: somebody looks at the screen meanwhile.
pub const MAX_DELAY: Duration = Duration::from_secs(20);
/// A line that was live this long did not fail because of us, so the next attempt starts from the first delay.
pub const STABLE: Duration = Duration::from_secs(10);
/// Token, socket and welcome must be through by then.
pub const CONNECT: Duration = Duration::from_secs(15);
/// A host is pinged this often whatever it asks for: nothing else notices a line that died in silence, and API Gateway closes one that was idle for ten
/// minutes.
pub const PING_EVERY_MAX: Duration = Duration::from_secs(300);
/// A pong that is this late means a dead line (a machine that changed networks gets no close).
pub const PONG: Duration = Duration::from_secs(10);
/// An unanswered `subscribe` or `send` is repeated after this; both are safe to repeat.
pub const ANSWER: Duration = Duration::from_secs(15);
/// A snapshot may be under way when a patch does not fit.
pub const GAP: Duration = Duration::from_secs(1);
/// A subscription without listeners lives on this long, since another one often follows at once.
pub const LINGER: Duration = Duration::from_millis(500);
/// Patches that overtook their base, kept per subscription until it comes.
pub const EARLY_PATCHES_MAX: usize = 16;
/// Commands not yet answered, over all actors. Beyond it `send` says no instead of promising too much.
pub const WAITING_MAX: usize = 256;
/// A host remembers the answers of the 64 numbers below the highest that an actor saw; older ones it refuses.
pub const ANSWER_WINDOW: u64 = dormouse_core::limits::OUTBOX_ANSWERS_MAX as u64;
/// What does not come over the line is read this often, or a quarter sooner or later: a list may be some seconds old, and each time is a request.
pub const POLL: Duration = Duration::from_secs(4);
/// Times that a command is given a new id instead of being refused; a host that finds all of them old is not asked for ever.
pub const MOVES_MAX: u32 = 3;
/// Events that a subscription holds for a reader that does not come; then it ends and names its position.
pub const EVENTS_BUFFERED_MAX: usize = 10_000;
/// Frames that wait for one socket: every command in flight and every subscription fits; a line that holds more is dead.
pub const LINE_FRAMES_MAX: usize = 1024;
/// A signal is dropped when this many frames wait: it would be late, and it may be lost.
pub const SIGNAL_FRAMES_MAX: usize = 256;
/// Frames that wait between a socket and the session; then the socket is not read any further.
pub const HEARD_FRAMES_MAX: usize = 256;
/// Signals that wait for one who listens; older ones are lost first.
pub const SIGNALS_HELD_MAX: usize = 256;
/// Calls and frames worked off before the outbox is stored and frames leave: one write for all of them.
pub const BATCH_MAX: usize = 256;
/// Bytes that the frame around a command may take.
pub const ENVELOPE_BYTES: usize = 512;
/// Tries of a `create`, which its key makes safe to repeat.
pub const CREATE_TRIES: u32 = 4;
/// One HTTP request, from the first byte to the last.
pub const REQUEST: Duration = Duration::from_secs(30);
/// A guest's token this close to its end is not worth connecting with.
pub const EXPIRY_MARGIN: Duration = Duration::from_secs(60);
