//! What an experiment measured, the bars that it was held against, and what did not hold.

use std::{fmt, io, time::Duration};

use dormouse_client::Fault;
use serde_json::{Map, Value, json};

/// A promise that was not kept, or a machine that does not let the experiment be made: it ends there.
#[derive(Debug)]
pub struct Broken(pub String);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self(format!("{fault:?}"))
    }
}

impl From<tokio::task::JoinError> for Broken {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(error.to_string())
    }
}

/// Go on only if this is so.
pub(crate) fn hold(so: bool, otherwise: impl FnOnce() -> String) -> Result<(), Broken> {
    if so { Ok(()) } else { Err(Broken(otherwise())) }
}

/// Which side of a bar is good.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// It and what is below.
    AtMost(f64),
    /// It and what is above.
    AtLeast(f64),
}

/// One figure that has to be on the good side.
#[derive(Debug, Clone)]
pub struct Bar {
    name: &'static str,
    value: f64,
    bound: Bound,
}

impl Bar {
    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.value <= most,
            Bound::AtLeast(least) => self.value >= least,
        }
    }

    fn json(&self) -> Value {
        let (side, bound) = match self.bound {
            Bound::AtMost(most) => ("at_most", most),
            Bound::AtLeast(least) => ("at_least", least),
        };
        json!({ "name": self.name, "value": round(self.value), side: bound, "met": self.is_met() })
    }
}

/// An experiment's outcome.
#[derive(Debug, Default)]
pub struct Report {
    name: &'static str,
    took: Duration,
    figures: Map<String, Value>,
    bars: Vec<Bar>,
    broken: Option<String>,
    skipped: Option<String>,
}

impl Report {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, ..Self::default() }
    }

    /// What this experiment said, also when it ended early.
    pub(crate) fn of(name: &'static str, experiment: impl FnOnce(&mut Self) -> Result<(), Broken>) -> Self {
        let (since, mut report) = (std::time::Instant::now(), Self::new(name));
        report.broken = experiment(&mut report).err().map(|broken| broken.0);
        report.took = since.elapsed();
        report
    }

    pub(crate) fn figure(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// A measured figure with a few digits.
    pub(crate) fn measured(&mut self, name: &str, value: f64) {
        self.figure(name, round(value));
    }

    pub(crate) fn bar(&mut self, name: &'static str, value: f64, bound: Bound) {
        self.bars.push(Bar { name, value, bound });
    }

    /// A time, which is judged only where there is a bound.
    pub(crate) fn time(&mut self, name: &'static str, value: f64, bound: Option<Bound>) {
        match bound {
            Some(bound) => self.bar(name, value, bound),
            None => self.measured(name, value),
        }
    }

    pub(crate) fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    /// Whether all was as it has to be; what was skipped says nothing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.broken.is_none() && self.bars.iter().all(Bar::is_met)
    }

    /// Whether this machine did not let it be made.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.skipped.is_some()
    }

    /// For a program.
    #[must_use]
    pub fn json(&self) -> Value {
        let bars: Vec<Value> = self.bars.iter().map(Bar::json).collect();
        json!({
            "experiment": self.name, "good": self.is_good(), "seconds": round(self.took.as_secs_f64()), "figures": self.figures,
            "bars": bars, "broken": self.broken, "skipped": self.skipped,
        })
    }
}

/// For people.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match (&self.skipped, self.is_good()) {
            (Some(why), _) => format!("SKIPPED: {why}"),
            (None, true) => "good".to_owned(),
            (None, false) => "NOT GOOD".to_owned(),
        };
        writeln!(f, "{} ({:.0} s): {verdict}", self.name, self.took.as_secs_f64())?;
        for (name, value) in &self.figures {
            writeln!(f, "  {:<40} {value}", name.replace('_', " "))?;
        }
        for bar in &self.bars {
            let (side, bound) = match bar.bound {
                Bound::AtMost(most) => ("at most", most),
                Bound::AtLeast(least) => ("at least", least),
            };
            let met = if bar.is_met() { "" } else { "  MISSED" };
            writeln!(f, "  {:<40} {} ({side} {bound}){met}", bar.name.replace('_', " "), round(bar.value))?;
        }
        self.broken.iter().try_for_each(|broken| writeln!(f, "  broken: {broken}"))
    }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(value: f64, bound: Bound) -> Report {
        Report::of("any", |report| {
            report.bar("bar", value, bound);
            Ok(())
        })
    }

    #[test]
    fn a_missed_bar_and_a_broken_promise_are_not_good() {
        assert!(report(2.0, Bound::AtMost(2.0)).is_good() && report(2.0, Bound::AtLeast(2.0)).is_good());
        assert!(!report(2.1, Bound::AtMost(2.0)).is_good() && !report(1.9, Bound::AtLeast(2.0)).is_good());
        assert!(!report(f64::NAN, Bound::AtMost(2.0)).is_good(), "what could not be measured meets nothing");
        let broken = Report::of("any", |_| Err(Broken("a promise".into())));
        assert!(!broken.is_good() && broken.json()["broken"] == "a promise");
    }
}
