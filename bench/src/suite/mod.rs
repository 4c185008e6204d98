//! The whole run: servers as child processes, cells in rounds, ratios and their bars.

mod cells;
mod children;
mod report;
mod rounds;
mod stats;

pub use cells::{CELLS, Cell, run};
pub use children::Programs;
pub use report::{Outcome, Row, table};
pub use rounds::Plan;
pub use stats::{Bar, Summary};
