//! Medians, ratios, bars.

use serde::Serialize;

/// A median and the range around it. With few rounds the range says more than a deviation would.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The middle; of an even number, between the two in the middle.
    pub median: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Summary {
    /// Of at least one value.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { median, low, high })
    }
}

/// What one round measured of both sides, a moment apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) baseline: f64,
    pub(super) ours: f64,
}

/// The ratios of pairs: each is of one moment, so a machine that was slow for a while slowed both sides. A ratio of
/// medians would compare moments.
pub(super) fn ratios(pairs: &[Pair]) -> Option<Summary> {
    Summary::of(pairs.iter().filter(|pair| pair.baseline > 0.0).map(|pair| pair.ours / pair.baseline))
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Bar {
    pub(super) fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value >= bar,
            Self::AtMost(bar) => value <= bar,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(values: &[f64]) -> (f64, f64, f64) {
        let summary = Summary::of(values.iter().copied()).unwrap();
        (summary.low, summary.median, summary.high)
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(summary(&[3.0]), (3.0, 3.0, 3.0));
        assert_eq!(summary(&[9.0, 1.0, 2.0]), (1.0, 2.0, 9.0));
        assert_eq!(summary(&[4.0, 1.0, 3.0, 2.0]), (1.0, 2.5, 4.0));
        assert_eq!(Summary::of([]), None);
    }

    #[test]
    fn ratios_are_paired() {
        // The machine halved its speed between the rounds: every pair says 0.5, the medians' ratio would not.
        let pairs = [Pair { baseline: 100.0, ours: 50.0 }, Pair { baseline: 200.0, ours: 100.0 }];
        assert_eq!(ratios(&pairs), Some(Summary { median: 0.5, low: 0.5, high: 0.5 }));
        assert_eq!(ratios(&[Pair { baseline: 0.0, ours: 1.0 }]), None);
    }

    #[test]
    fn a_bar_holds_at_its_edge() {
        assert!(Bar::AtLeast(0.35).holds(0.35));
        assert!(!Bar::AtLeast(0.35).holds(0.34));
        assert!(Bar::AtMost(1.3).holds(1.3));
        assert!(!Bar::AtMost(1.3).holds(f64::NAN));
    }
}
