//! What is measured. Each cell starts its own servers.

mod games;
mod memory;
mod replay;
mod sleeping;
mod speed;
mod storm;

use std::io;

use super::children::Kind;
use super::report::{Outcome, Row};
use super::rounds::Plan;
use serde::de::DeserializeOwned;

/// A part of the run that can be asked for by name.
pub struct Cell {
    /// Its name: the letter of the issue, and the depth or window where there are several.
    pub name: &'static str,
    /// What it measures, in a line.
    pub about: &'static str,
    run: fn(&Plan) -> io::Result<Vec<Row>>,
}

/// All cells, in the order in which they run.
pub const CELLS: &[Cell] = &[
    Cell { name: "echo", about: "raw echo, 64 clients, 16 in flight: what the sockets carry", run: speed::echo },
    Cell { name: "a", about: "round trip of one client in one room", run: speed::round_trip },
    Cell { name: "b16", about: "durable commands/s, 64 rooms, 16 in flight each", run: speed::depth_16 },
    Cell { name: "b1", about: "durable commands/s, 64 rooms, 1 in flight each", run: speed::depth_1 },
    Cell { name: "c4", about: "deliveries/s, one room, 200 viewers, window of 4 commits", run: speed::fan_4 },
    Cell { name: "c1", about: "the same with a window of 1: nothing to batch", run: speed::fan_1 },
    Cell { name: "d1", about: "memory of a sleeping room, over 20,000", run: memory::sleeping },
    Cell { name: "d2", about: "memory of a live room, over 2,000", run: memory::live },
    Cell { name: "d3", about: "memory of an idle connection, over 5,000", run: memory::idle },
    Cell { name: "e", about: "first answer of a sleeping room", run: sleeping::first_answers },
    Cell { name: "f", about: "replay of a journal", run: replay::replay },
    Cell { name: "g", about: "5,000 clients reconnect at once", run: storm::storm },
    Cell { name: "h500", about: "500 games of Liap Tui at people's pace", run: games::human },
    Cell { name: "hfull", about: "the same at full pace", run: games::full },
];

impl Cell {
    /// Whether `word` asks for this cell: its name, or only its letter.
    #[must_use]
    pub fn is_meant_by(&self, word: &str) -> bool {
        let letter = self.name.strip_suffix("full").unwrap_or(self.name);
        let letter = letter.trim_end_matches(|digit: char| digit.is_ascii_digit());
        word == self.name || word == letter
    }
}

/// Runs the cells, one after the other. One that fails does not keep the others from running.
pub fn run<'a>(plan: &Plan, cells: impl IntoIterator<Item = &'a Cell>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for cell in cells {
        plan.bar.set_prefix(cell.name);
        match (cell.run)(plan) {
            Ok(rows) => outcomes.extend(rows.into_iter().map(Outcome::Row)),
            Err(error) => {
                plan.say(&format!("{} FAILED: {error}", cell.name));
                outcomes.push(Outcome::Failed { cell: cell.name, error: error.to_string() });
            }
        }
        plan.bar.inc(1);
    }
    outcomes
}

/// One run of the driver against a server that starts for it, in a directory of its own.
fn drive_fresh<T: DeserializeOwned>(plan: &Plan, kind: Kind, args: &[&str]) -> io::Result<T> {
    let dir = plan.fresh()?;
    plan.start(kind, dir.path())?.drive(args)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(word: &str) -> Vec<&'static str> {
        CELLS.iter().filter(|cell| cell.is_meant_by(word)).map(|cell| cell.name).collect()
    }

    #[test]
    fn a_letter_means_all_its_cells() {
        assert_eq!(meant("b"), ["b16", "b1"]);
        assert_eq!(meant("b1"), ["b1"]);
        assert_eq!(meant("c"), ["c4", "c1"]);
        assert_eq!(meant("e"), ["e"]);
        assert_eq!(meant("h"), ["h500", "hfull"]);
        assert_eq!(meant("echo"), ["echo"]);
        assert!(meant("x").is_empty());
    }
}
