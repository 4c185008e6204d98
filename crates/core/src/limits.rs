//! Every bound of Dormouse, in one place, with its reason. Reaching one is a defined behaviour with a test.
//!
//! `docs/limits.md` is generated from the table that the macro makes.

use std::time::Duration;

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident : $type:ty = $value:expr;)+) => {
        $($(#[doc = $doc])+ pub const $name: $type = $value;)+

        /// Every limit: name, value, reason.
        pub fn table() -> Vec<(&'static str, String, String)> {
            vec![$((stringify!($name), format!("{:?}", $name), concat!($($doc),+).trim().to_owned())),+]
        }
    };
}

limits! {
    /// A tenant, a kind, an id: fits a DynamoDB key and a URL many times over.
    NAME_BYTES_MAX: usize = 64;
    /// A principal's id or name: OIDC allows 255 for `sub`, real ones stay under 128, and every commit carries it.
    PRINCIPAL_BYTES_MAX: usize = 128;
    /// A task's or wake's key.
    KEY_BYTES_MAX: usize = 64;
    /// Wakes in one agenda: rules with more timers keep a heap in their state and list the earliest.
    AGENDA_WAKES_MAX: usize = 32;
    /// Open tasks of one actor: their openings must fit into one commit's header.
    AGENDA_TASKS_MAX: usize = 32;
    /// One attempt at a task, unless the task says otherwise.
    TASK_DEADLINE: Duration = Duration::from_secs(60);
    /// Attempts at a task, unless the task says otherwise.
    TASK_ATTEMPTS: u32 = 5;
    /// The most attempts that a task may ask for; with backoff that is about a day.
    TASK_ATTEMPTS_MAX: u32 = 100;
    /// The longest pause between two attempts; pauses double from one second.
    TASK_BACKOFF_MAX: Duration = Duration::from_secs(300);
    /// How long past its deadline a lease lasts before another worker may take the task.
    TASK_LEASE_GRACE: Duration = Duration::from_secs(10);
    /// How long a task waits when its actor could not be asked what there is to do and does not say when it can be.
    TASK_UNASKED: Duration = Duration::from_secs(60);
    /// Tasks that one host performs at once: a worker is a socket and a buffer, not a thread.
    TASKS_AT_ONCE: usize = 64;
    /// Members in a summary: "mine" is an index row for each.
    SUMMARY_MEMBERS_MAX: usize = 64;
    /// A summary's title and status together.
    SUMMARY_TEXT_BYTES_MAX: usize = 512;

    /// Commands of one connection that may be unanswered: two round trips of a busy client.
    IN_FLIGHT_MAX: usize = 64;
    /// Answers that an actor remembers for each outbox: what a client may have in flight, so a retry always finds its first answer.
    OUTBOX_ANSWERS_MAX: usize = 64;
    /// Outboxes that an actor remembers: a room of 200 and their second devices. The one idle for longest goes first.
    OUTBOXES_MAX: usize = 256;
    /// How far ahead of the host's clock a new outbox may be stamped: the clocks of hosts differ by seconds.
    OUTBOX_AHEAD_MAX: Duration = Duration::from_secs(60);
    /// Outboxes of one principal that an actor remembers, so that one principal cannot push out everybody else's.
    OUTBOXES_PER_PRINCIPAL_MAX: usize = 16;

    /// Refusals that an actor remembers, of commands that may be on several lines: two for each outbox. Of those that go first, later copies are
    /// too old.
    REFUSALS_MAX: usize = 512;
    /// The message of a refusal that is kept: a sentence or two. With it all of them are a twentieth of a state.
    REFUSAL_BYTES_MAX: usize = 512;

    /// One client frame; also one HTTP body. API Gateway carries 128 KB a message, a command is far smaller.
    FRAME_BYTES_MAX: usize = 64 * 1024;
    /// Bytes on the line of one message, with the heads of its fragments: a message of many tiny fragments ends here, with 1008.
    MESSAGE_WIRE_BYTES_MAX: usize = 2 * 64 * 1024;
    /// Nesting of a client's JSON: no command is this deep, and the stack stays flat.
    JSON_DEPTH_MAX: usize = 64;
    /// Keys of one object of a client's JSON: duplicates are found by comparing, so the number must be small.
    JSON_KEYS_MAX: usize = 1024;
    /// One signal: cursors and tokens, not documents.
    SIGNAL_BYTES_MAX: usize = 4 * 1024;
    /// One command or config after parsing its frame.
    COMMAND_BYTES_MAX: usize = 60 * 1024;
    /// Events of one commit.
    COMMIT_EVENTS_MAX: usize = 1024;
    /// One commit's record: what DynamoDB's 400 KB item leaves after its key and index attributes.
    RECORD_BYTES_MAX: usize = 350 * 1024;
    /// One run of commits: one row, one item.
    RUN_BYTES_MAX: usize = 380 * 1024;
    /// Commits of one run: bounds what a failed append decides again.
    RUN_COMMITS_MAX: usize = 256;
    /// One view: a frame of this size still reaches a phone on a slow line within seconds.
    VIEW_BYTES_MAX: usize = 1024 * 1024;
    /// A snapshot: what is written every 128 commits and read at each wake. An actor whose newest one is larger takes no more commands; all else goes on.
    STATE_BYTES_MAX: usize = 8 * 1024 * 1024;

    /// Inputs that wait for one actor; the next is told `busy`.
    MAILBOX_MAX: usize = 1024;
    /// A snapshot is never more than this many commits old: wakes stay under a millisecond (performance notes in bench/).
    SNAPSHOT_COMMITS: u64 = 128;
    /// An actor without inputs leaves memory after this long.
    IDLE: Duration = Duration::from_secs(10);
    /// The same on a host that lives for an invocation at a time: what it holds costs nothing while it is frozen, and saves a load.
    HELD_IDLE: Duration = Duration::from_secs(300);
    /// Actors that such a host holds for so long; with more of them each leaves memory as on any other.
    HELD_MAX: usize = 256;
    /// An actor whose next wake is nearer than this stays in memory.
    WAKE_SOON: Duration = Duration::from_secs(2);
    /// How often the wake loop asks the index for what is due; the most that a sleeping actor's wake is late.
    WAKE_POLL: Duration = Duration::from_millis(250);
    /// Due actors woken at once, oldest first: a million timers drain in bounded steps.
    DUE_BATCH: usize = 256;
    /// Times an input is decided again after a conflict before its sender is told `busy`.
    REBASE_MAX: u32 = 64;
    /// Pause between two puts of a run whose outcome is unknown.
    UNKNOWN_RETRY: Duration = Duration::from_millis(100);

    /// Subscriptions of one connection.
    SUBSCRIPTIONS_MAX: usize = 256;
    /// From this many bytes that wait for one connection, views collapse to the newest, signals are left out, and events wait in the journal.
    CONNECTION_CROWDED_BYTES: usize = 512 * 1024;
    /// Bytes that wait for one connection, one frame more or less; the next frame closes it with `too_slow`. Sixteen of the largest views: a
    /// reader that keeps up gets them all when it comes back.
    CONNECTION_QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;
    /// Frames that wait for one connection; the next closes it with `too_slow`. From half of them it is crowded.
    CONNECTION_QUEUE_FRAMES_MAX: usize = 4096;
    /// What the system may keep of what was written to one connection and not taken. By itself it would keep up to 4 MB for each, and a few
    /// hundred readers that stop would use up what it has for all connections.
    SEND_BUFFER_BYTES: u32 = 64 * 1024;
    /// A connection that takes not one byte of what waits for this long is gone.
    WRITE_STALL_MAX: Duration = Duration::from_secs(20);
    /// Frames handed to the socket before one flush.
    FLUSH_FRAMES: usize = 64;
    /// Connections of one host.
    CONNECTIONS_MAX: usize = 20_000;
    /// Connections of one address: a school behind one router, not a flood.
    CONNECTIONS_PER_ADDRESS_MAX: usize = 1024;
    /// Connections of one principal: devices and tabs.
    CONNECTIONS_PER_PRINCIPAL_MAX: usize = 32;
    /// Commands and subscriptions of one principal per second, over all its connections.
    RATE_PER_PRINCIPAL: u32 = 2_000;
    /// Frames of one connection per second, pings among them.
    RATE_PER_CONNECTION: u32 = 2_000;
    /// Subscriptions of one connection per second, and pings that name positions, after twice [`SUBSCRIPTIONS_MAX`] at once: whoever comes and
    /// goes makes commits where the rules care who is present, and frames for all who watch.
    SUBSCRIPTIONS_PER_SECOND: u32 = 32;
    /// Signals of one connection per second, and as many again at once: every frame of a screen, not a flood for all who watch.
    SIGNALS_PER_SECOND: u32 = 100;
    /// Requests of one address per second that are not signed in (guests, docs, health).
    RATE_PER_ADDRESS: u32 = 200;
    /// From accept to the end of the request's head, and from upgrade to `hello`.
    HANDSHAKE: Duration = Duration::from_secs(5);
    /// One request's head.
    HEAD_BYTES_MAX: usize = 16 * 1024;
    /// Header lines of one request.
    HEADERS_MAX: usize = 64;
    /// From the end of a request's head to the end of its body: 64 KiB on a slow line.
    BODY: Duration = Duration::from_secs(10);
    /// Connections beyond those allowed that are told so at the same time; in a flood the others are closed without a word.
    REFUSED_AT_ONCE: usize = 256;
    /// How long a connection that has been ended is read on, so that the peer gets to read why.
    LINGER: Duration = Duration::from_secs(1);
    /// How often an open connection's token is looked at: the longest that a revoked principal stays connected.
    SESSION_CHECK: Duration = Duration::from_secs(10);
    /// A client pings this often.
    PING: Duration = Duration::from_secs(25);
    /// A connection that was silent this long is gone.
    SILENCE_MAX: Duration = Duration::from_secs(90);
    /// How long a principal that was connected to a host that ended is expected back before it has left: what a connection may be silent.
    PRESENCE_EXPIRY: Duration = Duration::from_secs(90);
    /// Principals whose presence an actor remembers in its state: a room of 200 five times over. Beyond it, who was connected to a host that ended has
    /// never left.
    PRESENT_MAX: usize = 1024;
    /// Principals named in one `presence`; the rest are counted.
    PRESENCE_NAMED_MAX: usize = 100;

    /// Rows of one page.
    PAGE_MAX: usize = 200;
    /// Rows that the statistics of one kind count, in pages: they are asked for by operators, and would else read a million.
    STATS_ROWS_MAX: usize = 20_000;
    /// Rows of a page that names no number, and of a list that is followed: more than a screen shows, and with the most members still half a view.
    LIST_ROWS: usize = 50;
    /// A list that is followed is read, and told of, at most this often: a hundred rooms that change in one moment are one frame.
    LIST_EVERY: Duration = Duration::from_millis(100);
    /// A list that is followed is read this often though nothing was heard: for what other hosts wrote, and for who woke or fell asleep.
    LIST_LOOK: Duration = Duration::from_secs(5);
    /// Events of one page, and of one `events` frame of a tail.
    EVENTS_PAGE_MAX: usize = 1000;
    /// Bytes of the commits of one such page, unless its first commit alone is larger: a thousand of the largest would be 350 MB in one frame.
    EVENTS_PAGE_BYTES_MAX: usize = 512 * 1024;
    /// One message over API Gateway: larger ones close the connection. A view that is larger is fetched over HTTP.
    GATEWAY_MESSAGE_BYTES_MAX: usize = 128 * 1024;
    /// One frame of a WebSocket there, and what it meters: a client's message is one frame.
    GATEWAY_FRAME_BYTES_MAX: usize = 32 * 1024;
    /// Bytes of the commits of one `events` frame there, unless its first commit alone is larger: half a message, since JSON is longer.
    GATEWAY_EVENTS_BYTES: usize = 64 * 1024;
    /// How long the row of a connection stays that nobody closed: a connection there lives for two hours, and stores delete what has expired within
    /// days.
    CONNECTION_ROW: Duration = Duration::from_secs(24 * 3600);
    /// Connections that one invocation sends to at the same time: a room of 200 in a few round trips, within the sockets of a small function.
    PUSHES_AT_ONCE: usize = 64;
    /// How long it is remembered up to which commit an actor's viewers were told: a stream keeps its records for a day.
    PUSHED_MARK: Duration = Duration::from_secs(25 * 3600);
    /// A commit that is younger and that nobody has pushed is probably being pushed.
    REPAIR_AFTER: Duration = Duration::from_secs(5);
    /// A wake that is nearer than this has a keeper, which waits for it: a queue counts in seconds.
    KEEPER_NEAR: Duration = Duration::from_secs(2);
    /// How long an invocation keeps an actor before it passes it on: within the time that most functions are given.
    KEEPER_STAYS: Duration = Duration::from_secs(10);
    /// What a task streams is sent this often while it runs.
    STREAM_FLUSH: Duration = Duration::from_millis(250);
    /// A task that is still open so long after a sweep saw it first is put again, and from then on each time after twice as long, up to
    /// [`SWEEP_TASK_MAX`]: nobody knows whether its message was lost or somebody is at it.
    SWEEP_TASK: Duration = Duration::from_secs(20 * 60);
    /// The longest that a sweep leaves an open task alone.
    SWEEP_TASK_MAX: Duration = Duration::from_secs(24 * 3600);
    /// How long a message of the queue is hidden while somebody is at it: longer than the longest invocation, or it is done twice at once.
    QUEUE_HIDES: Duration = Duration::from_secs(16 * 60);
    /// How often a message of the queue is handed out before it is buried: more often than most tasks ask to be attempted, since a process that died of
    /// one counts as an attempt and the rules are to hear of the last.
    QUEUE_RECEIVES_MAX: u32 = 10;
    /// One token: with all the roles and names it may carry it is shorter, and it must fit into a request's head.
    TOKEN_BYTES_MAX: usize = 8 * 1024;
    /// Roles of one token: more is a group directory.
    ROLES_MAX: usize = 32;
    /// One role.
    ROLE_BYTES_MAX: usize = 64;
    /// Principals that are remembered as revoked: about two megabytes, and more than anybody bans by hand.
    REVOCATIONS_MAX: usize = 10_000;
    /// How often key files are looked at: a key that was taken away signs nobody in for longer than that.
    KEY_FILES_LOOK: Duration = Duration::from_secs(60);
    /// Slots that keep the rates of addresses which are not signed in. To slow others, a flood has to fill most of them at full rate; a full
    /// table is 2 MB.
    ADDRESS_SLOTS: u64 = 1 << 16;
    /// Slots that keep the rates of principals: with as many active as a host has connections, one in fifty shares its slot. A full table is 40 MB.
    PRINCIPAL_SLOTS: u64 = 1 << 20;
    /// A one-use ticket for a query string.
    TICKET: Duration = Duration::from_secs(30);
    /// Tickets that wait to be used, over all principals.
    TICKETS_MAX: usize = 10_000;
    /// A guest's token; it is renewed at each start of the page.
    GUEST_TOKEN: Duration = Duration::from_secs(30 * 24 * 3600);
    /// How long a draining host waits for commits before it says goodbye.
    DRAIN: Duration = Duration::from_secs(10);
    /// How long a host that has said goodbye waits for the attempts at tasks that run there; with the rest of draining that is less than the 30 s that
    /// most supervisors give. The lease of one that takes longer ends by itself, and the next attempt is another host's.
    DRAIN_TASKS: Duration = Duration::from_secs(10);
    /// A host whose store was not available, such as with a full disk, is not ready for so long; then somebody may try again.
    UNREADY: Duration = Duration::from_secs(10);
    /// A host that was told to end and has not, since rules that loop hold its threads, is ended: just before most supervisors would.
    END_MAX: Duration = Duration::from_secs(28);
    /// What `goodbye` tells clients to wait, at most; each connection gets its own share, so that they do not return together.
    RETURN_SPREAD: Duration = Duration::from_secs(3);
}

const _: () = assert!(RECORD_BYTES_MAX < RUN_BYTES_MAX, "one record must fit into a run");
const _: () =
    assert!(CONNECTION_CROWDED_BYTES < CONNECTION_QUEUE_BYTES_MAX && VIEW_BYTES_MAX < CONNECTION_QUEUE_BYTES_MAX);
const _: () = assert!(MESSAGE_WIRE_BYTES_MAX > FRAME_BYTES_MAX, "a frame of the largest size is no flood");
const _: () = assert!(COMMAND_BYTES_MAX < FRAME_BYTES_MAX, "a command travels in a frame");
const _: () = assert!(IN_FLIGHT_MAX <= OUTBOX_ANSWERS_MAX, "a retry must find its first answer");
const _: () = assert!(GATEWAY_EVENTS_BYTES < GATEWAY_MESSAGE_BYTES_MAX, "a page travels in a message");
const _: () = assert!(TOKEN_BYTES_MAX < HEAD_BYTES_MAX, "a token travels in a request's head");
const _: () = assert!(OUTBOXES_PER_PRINCIPAL_MAX < OUTBOXES_MAX);
const _: () =
    assert!(REFUSALS_MAX * (REFUSAL_BYTES_MAX + KEY_BYTES_MAX + 32) < STATE_BYTES_MAX / 20, "refusals fill no state");
