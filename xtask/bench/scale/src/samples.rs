//! Measured durations, and what is said of them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::report::round;

#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The smallest sample that `part` of all do not exceed, in milliseconds.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (part * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).map_or(f64::NAN, |took| took.as_secs_f64() * 1e3)
    }

    pub(crate) fn summary(&self) -> Value {
        json!({
            "count": self.0.len(),
            "median_ms": round(self.quantile(0.5)),
            "p99_ms": round(self.quantile(0.99)),
            "p999_ms": round(self.quantile(0.999)),
            "max_ms": round(self.quantile(1.0)),
        })
    }
}

/// The middle one; of an even number the lower of the two in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
