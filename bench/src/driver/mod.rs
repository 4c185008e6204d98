//! The load: clients of either side, and what they count.
//!
//! An answer is counted by its command's id, a delivery by its commit and its viewer. No frame counts because it is a
//! frame: a server that answers with two frames gains nothing, and one that merges five commits delivers once.

mod count;
mod dialect;
mod fan;
mod http;
mod load;
mod report;
mod scan;
mod session;
mod socket;

pub use dialect::Dialect;
pub use fan::{FanOut, fan_out};
pub use load::{Load, load};
pub use report::{Busy, FanReport, Latency, Limit, LoadReport};
pub use session::Target;
