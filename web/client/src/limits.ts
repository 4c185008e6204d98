/** Every bound of the client, with its reason. Those of a host arrive in `welcome`. */

/** Reconnects start here: quick enough to hide a network change. */
export const FIRST_DELAY_MS = 250;
/** … and never wait longer than this: a person looks at the screen meanwhile. */
export const MAX_DELAY_MS = 20_000;
/** A line that was live this long did not fail because of us, so the next attempt starts from the first delay. */
export const STABLE_MS = 10_000;
/** Token, socket and welcome must be through by then; browsers alone would wait for minutes. */
export const CONNECT_MS = 15_000;
/**
 * A host is pinged this often whatever it asks for: nothing else notices a line that died in silence, and API Gateway closes one that was idle for ten
 * minutes.
 */
export const PING_MS_MAX = 5 * 60_000;
/** A pong that is this late means a dead line (a phone that changed networks gets no close). */
export const PONG_MS = 10_000;
/** An unanswered `subscribe` or `send` is repeated after this; both are safe to repeat. */
export const ANSWER_MS = 15_000;
/** A snapshot may be under way when a patch does not fit. */
export const GAP_MS = 1_000;
/** A subscription without listeners lives on this long, since screens often unmount and mount again at once. */
export const LINGER_MS = 500;
/** Patches that overtook their base, kept per subscription until it comes. */
export const EARLY_PATCHES_MAX = 16;
/** Commands not yet answered, over all actors. Beyond it `send` says no instead of promising too much. */
export const WAITING_MAX = 256;
/** A host remembers the answers of the 64 numbers below the highest that an actor saw; older ones it refuses. */
export const ANSWER_WINDOW = 64;
/** What does not come over the line is read this often, or a quarter sooner or later: a lobby may be some seconds old, and each time is a request. */
export const POLL_MS = 4_000;
/** Times that a command is given a new id instead of being refused; a host that finds all of them old is not asked for ever. */
export const MOVES_MAX = 3;
/** Sockets that fail to open in a row before the client falls back to SSE: proxies that block them always do. */
export const SOCKET_FAILURES_MAX = 2;
/** How often a client on SSE tries a socket again. */
export const PROBE_MS = 60_000;
/** … and for the first time: its sockets may have failed only because the host was down. */
export const FIRST_PROBE_MS = 1_000;
/** Events that a subscription holds for a reader that does not come; then it ends and names its position. */
export const EVENTS_BUFFERED_MAX = 10_000;
/** Outboxes kept side by side in one storage: as many tabs as share it at one time. */
export const SLOTS_MAX = 16;
/** How often a tab looks for outboxes that closed tabs left. */
export const ORPHANS_MS = 30_000;
/** No row's status is longer, and a host refuses to look for one. */
export const STATUS_BYTES_MAX = 512;
/** Bytes that the frame around a command may take. */
export const ENVELOPE_BYTES = 512;
/** Until `welcome` says otherwise. */
export const FRAME_BYTES = 64 * 1024;
export const SIGNAL_BYTES = 4 * 1024;
/** SSE hosts send a comment every 15 seconds; two missing ones mean a dead line. */
export const SSE_SILENCE_MS = 40_000;
/** One message of an SSE stream; a snapshot of a large view fits. */
export const SSE_MESSAGE_CHARS_MAX = 16 * 1024 * 1024;
