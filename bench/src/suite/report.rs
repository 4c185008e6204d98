//! The rows that a run ends with.

use std::fmt::Write as _;

use serde::Serialize;

use super::stats::{Bar, Pair, Summary, ratios};
use crate::driver::{Busy, Limit};

/// Others that used more than this made the figure worse than it is.
const OTHERS_NOTED: f64 = 0.2;

/// One figure, alone or beside its baseline.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The cell, such as `b16`.
    pub cell: &'static str,
    /// What was measured.
    pub what: String,
    /// Of what the figures are.
    pub unit: &'static str,
    /// Ours.
    pub ours: Summary,
    /// The baseline's name and figure.
    pub baseline: Option<(&'static str, Summary)>,
    /// Ours through the baseline's, round by round.
    pub ratio: Option<Summary>,
    /// What must be reached.
    pub bar: Option<Bar>,
    /// Whether the bar is for the ratio; else it is for our figure.
    pub bar_is_for_ratio: bool,
    /// Whether it does.
    pub holds: Option<bool>,
    /// How many rounds counted.
    pub rounds: usize,
    /// What one must know to read the figure.
    pub notes: Vec<String>,
}

/// How a cell ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It measured something.
    Row(Row),
    /// It failed, and why.
    Failed {
        /// The cell.
        cell: &'static str,
        /// What went wrong.
        error: String,
    },
}

impl Row {
    /// Without a baseline. There must be a value.
    pub(super) fn alone(cell: &'static str, what: impl Into<String>, unit: &'static str, values: &[f64]) -> Self {
        let none = Summary { median: f64::NAN, low: f64::NAN, high: f64::NAN };
        Self {
            cell,
            what: what.into(),
            unit,
            ours: Summary::of(values.iter().copied()).unwrap_or(none),
            baseline: None,
            ratio: None,
            bar: None,
            bar_is_for_ratio: false,
            holds: None,
            rounds: values.len(),
            notes: Vec::new(),
        }
    }

    /// Beside a baseline, in pairs.
    pub(super) fn paired(
        cell: &'static str,
        what: impl Into<String>,
        unit: &'static str,
        baseline: &'static str,
        pairs: &[Pair],
    ) -> Self {
        let ours: Vec<f64> = pairs.iter().map(|pair| pair.ours).collect();
        let mut row = Self::alone(cell, what, unit, &ours);
        row.baseline = Summary::of(pairs.iter().map(|pair| pair.baseline)).map(|summary| (baseline, summary));
        row.ratio = ratios(pairs);
        row
    }

    /// With a bar for the ratio.
    pub(super) fn ratio_bar(mut self, bar: Bar) -> Self {
        self.bar = Some(bar);
        self.bar_is_for_ratio = true;
        self.holds = Some(self.ratio.is_some_and(|ratio| bar.holds(ratio.median)));
        self
    }

    /// With a bar for our figure.
    pub(super) fn figure_bar(mut self, bar: Bar) -> Self {
        self.bar = Some(bar);
        self.holds = Some(bar.holds(self.ours.median));
        self
    }

    /// With what one must know.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says who was the limit, if it was the driver, and whether others disturbed.
    pub(super) fn busy(mut self, side: &str, busy: &[&Busy]) -> Self {
        let full = busy.iter().filter(|busy| busy.limit == Limit::Driver).count();
        if full > 0 {
            self.notes.push(format!("the driver was the limit of {side} in {full} rounds"));
        }
        if let Some(others) = Summary::of(busy.iter().map(|busy| busy.other_cores))
            && others.median > OTHERS_NOTED
        {
            self.notes.push(format!("others used {:.1} cores beside {side}", others.median));
        }
        self
    }
}

/// The rows as a Markdown table, and what failed below it.
#[must_use]
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text =
        String::from("| cell | what | raw | dormouse | ratio [range] | bar | |\n|---|---|---|---|---|---|---|\n");
    for outcome in outcomes {
        if let Outcome::Row(row) = outcome {
            line(&mut text, row);
        }
    }
    for outcome in outcomes {
        match outcome {
            Outcome::Failed { cell, error } => writeln!(text, "\n{cell} FAILED: {error}"),
            Outcome::Row(row) if !row.notes.is_empty() => {
                writeln!(text, "\n{} {}: {}.", row.cell, row.what, row.notes.join("; "))
            }
            Outcome::Row(_) => Ok(()),
        }
        .expect("a string takes every write");
    }
    text
}

fn line(text: &mut String, row: &Row) {
    let baseline = row.baseline.map_or("–".to_owned(), |(name, it)| format!("{} ({name})", figure(it.median)));
    let ratio = row.ratio.map_or("–".to_owned(), |it| format!("{:.2} [{:.2}–{:.2}]", it.median, it.low, it.high));
    let of = if row.bar_is_for_ratio { "×" } else { row.unit };
    let bar = match row.bar {
        None => "–".to_owned(),
        Some(Bar::AtLeast(bar)) => format!("≥ {bar} {of}"),
        Some(Bar::AtMost(bar)) => format!("≤ {bar} {of}"),
    };
    let verdict = match row.holds {
        None => "",
        Some(true) => "holds",
        Some(false) => "MISSED",
    };
    let (cell, what, unit, ours) = (row.cell, &row.what, row.unit, figure(row.ours.median));
    writeln!(text, "| {cell} | {what}, {unit} | {baseline} | {ours} | {ratio} | {bar} | {verdict} |")
        .expect("a string takes every write");
}

/// Three digits that count.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e4 => format!("{:.0} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> Vec<Pair> {
        [(100.0, 40.0), (200.0, 60.0), (100.0, 50.0)].map(|(baseline, ours)| Pair { baseline, ours }).to_vec()
    }

    #[test]
    fn a_bar_is_for_the_ratio_or_the_figure() {
        let row = Row::paired("b16", "commands", "/s", "raw durable", &pairs()).ratio_bar(Bar::AtLeast(0.35));
        assert_eq!(row.ratio.unwrap().median, 0.4);
        assert_eq!(row.holds, Some(true));
        let row = Row::alone("d", "idle connection", "KiB", &[12.0]).figure_bar(Bar::AtMost(10.0));
        assert_eq!(row.holds, Some(false));
    }

    #[test]
    fn a_full_driver_is_said() {
        let busy = Busy { driver_cores: 0.97, server_cores: 0.5, other_cores: 0.5, limit: Limit::Driver };
        let row = Row::alone("b16", "commands", "/s", &[1.0]).busy("dormouse", &[&busy]);
        assert_eq!(row.notes.len(), 2);
        assert!(row.notes[0].contains("driver was the limit"));
    }

    #[test]
    fn the_table_says_what_was_missed_and_what_failed() {
        let row =
            Row::paired("b16", "commands", "/s", "raw durable", &pairs()).ratio_bar(Bar::AtLeast(0.5)).note("noisy");
        let failed = Outcome::Failed { cell: "g", error: "refused".to_owned() };
        let text = table(&[Outcome::Row(row), failed]);
        assert!(
            text.contains("| b16 | commands, /s | 100 (raw durable) | 50.0 | 0.40 [0.30–0.50] | ≥ 0.5 × | MISSED |")
        );
        assert!(text.contains("b16 commands: noisy."));
        assert!(text.contains("g FAILED: refused"));
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(figure(1_234_567.0), "1.23 M");
        assert_eq!(figure(482_300.0), "482 k");
        assert_eq!(figure(214.2), "214");
        assert_eq!(figure(0.047), "0.05");
    }
}
