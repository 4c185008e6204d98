//! What the Lambda host reaches on AWS: the implementations of its seams.
//!
//! | seam | on | begin with |
//! |---|---|---|
//! | `Connections` | one table of DynamoDB | `connections.rs`, its rows in `rows.rs` |
//! | `Sender` | API Gateway's management API | `sender.rs` |
//! | `Queue` | SQS, and EventBridge Scheduler for what is far away | `queue.rs` |
//!
//! [`Clients`] makes what they call with, from the environment, and the objects that the journal keeps its large snapshots in (`objects.rs`). Absent: rules, events and their answers (the host's), the journal (a crate of its own).

mod calls;
mod clients;
mod connections;
mod failure;
mod objects;
mod queue;
mod queues;
mod rows;
mod sender;
mod table;

pub use calls::Usage;
pub use clients::{Clients, NoRegion};
pub use connections::DynamoConnections;
pub use queue::SqsQueue;
pub use queues::Queues;
pub use sender::GatewaySender;
pub use table::Table;
