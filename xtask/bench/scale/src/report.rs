//! What is handed on: one line of JSON per point on stdout, everything else on stderr.

use serde_json::{Value, json};

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
    /// Nobody asked for a number: it is stated.
    Stated,
}

impl Target {
    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("<= {bound}"),
            Self::Below(bound) => format!("< {bound}"),
            Self::AtLeast(bound) => format!(">= {bound}"),
            Self::Stated => "stated".to_owned(),
        }
    }

    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::Below(bound) => value < bound,
            Self::AtLeast(bound) => value >= bound,
            Self::Stated => value.is_finite(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) point: &'a str,
    pub(crate) what: &'a str,
    pub(crate) database: &'a str,
    pub(crate) value: f64,
    pub(crate) unit: &'a str,
    pub(crate) target: Target,
    pub(crate) detail: Value,
}

impl Line<'_> {
    pub(crate) fn print(self) {
        let line = json!({
            "point": self.point,
            "what": self.what,
            "database": self.database,
            "value": round(self.value),
            "unit": self.unit,
            "target": self.target.text(),
            "reached": self.target.is_reached(self.value),
            "detail": self.detail,
        });
        println!("{line}");
    }
}

/// Three decimals, and six where there is nothing before the point: more would be noise.
pub(crate) fn round(value: f64) -> f64 {
    let places = if value.abs() < 1.0 { 1e6 } else { 1e3 };
    (value * places).round() / places
}

/// Progress, for whoever watches.
macro_rules! say {
    ($($part:tt)*) => { eprintln!($($part)*) };
}
pub(crate) use say;
