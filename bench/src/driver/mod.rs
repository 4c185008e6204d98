//! The load: clients of either side, and what they count.
//!
//! An answer is counted by its command's id, a delivery by its commit and its viewer. No frame counts because it is a
//! frame: a server that answers with two frames gains nothing, and one that merges five commits delivers once.

mod count;
mod crowd;
mod dialect;
mod fan;
mod fill;
mod first;
mod games;
mod http;
mod live;
mod load;
mod report;
mod scan;
mod session;
mod socket;

pub use crowd::{Crowd, idle, storm};
pub use dialect::Dialect;
pub use fan::{FanOut, fan_out};
pub use fill::{Progress, fill};
pub use first::{First, first_answers};
pub use games::{Games, Pace, games};
pub use http::Http;
pub use live::live;
pub use load::{Load, load};
pub use report::{
    Busy, FanReport, FillReport, FirstReport, GamesReport, Latency, Limit, LoadReport, MemoryReport, StormReport,
};
pub use scan::{Fields, number, text};
pub use session::{Target, source};
pub use socket::{Socket, connect_tcp};
