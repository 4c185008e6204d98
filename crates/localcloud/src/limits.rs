//! What AWS allows, by its documentation of 2026; a quota that an account can raise is the one that it begins with.

use std::time::Duration;

/// A frame of a client that is larger ends the connection with 1009. API Gateway, WebSocket quotas.
pub const FRAME_BYTES_MAX: usize = 32 * 1024;

/// A message, either way: a client's ends the connection with 1009, a function's is refused with 413. API Gateway, WebSocket quotas.
pub const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// A connection on which nothing is said for so long is closed with 1001. API Gateway, WebSocket quotas.
pub const IDLE_MAX: Duration = Duration::from_secs(10 * 60);

/// Every connection is closed with 1001 after so long. API Gateway, WebSocket quotas.
pub const LIFE_MAX: Duration = Duration::from_secs(2 * 3600);

/// How long API Gateway waits for a function. API Gateway, WebSocket quotas; of an HTTP API it is 30 s, so this is the stricter one.
pub const INTEGRATION_MAX: Duration = Duration::from_secs(29);

/// New connections in a second, of an account in a region. API Gateway, account quotas.
pub const CONNECTIONS_A_SECOND: usize = 500;

/// Messages of clients that one connection may have waiting for a function here. AWS names no number; it holds so many bytes at least.
pub const WAITING_MAX: usize = 64;

/// A request to an HTTP API, with its body. API Gateway, HTTP API quotas say 10 MB; what a function is invoked with is at most this: Lambda, quotas.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Environments of one function at once. Lambda begins with 1,000 for an account; a machine with a few cores does not run as many processes.
pub const ENVIRONMENTS_MAX: usize = 64;

/// How long an environment may take from its start to its first question for work. Lambda, quotas: the init phase.
pub const INIT_MAX: Duration = Duration::from_secs(10);

/// How long one invocation may take unless the function says otherwise. Lambda's default is 3 s, its maximum 15 minutes; this outlasts the gateway.
pub const INVOCATION_MAX: Duration = Duration::from_secs(30);

/// Records of a stream that a function gets at once. Lambda's default for DynamoDB.
pub const STREAM_BATCH_MAX: usize = 100;

/// How often a batch is tried before it is halved, or given up if it is one record. Lambda tries until the record is a day old unless the mapping says how
/// often; ours does.
pub const STREAM_ATTEMPTS: usize = 5;

/// Messages of a queue that a function gets at once. Lambda's default for SQS.
pub const QUEUE_BATCH_MAX: i32 = 10;

/// Batches of a queue that are with a function at once. Lambda begins with five and adds some every minute.
pub const QUEUE_BATCHES_AT_ONCE: usize = 16;

const _: () = assert!(INVOCATION_MAX.as_secs() > INTEGRATION_MAX.as_secs(), "who is slow is told so by the gateway");
