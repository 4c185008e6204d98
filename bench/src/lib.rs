//! How fast and how small a Dormouse server is, beside raw servers on the same machine.
//!
//! Three programs share this library. `raw` is the baseline: what tokio and tungstenite do with nothing in between.
//! `driver` is the load, a process of its own, that speaks to either side. `bench` starts both and compares.

pub mod driver;
pub mod machine;
pub mod raw;
pub mod suite;
