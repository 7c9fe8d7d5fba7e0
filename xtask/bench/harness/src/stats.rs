//! The middle of some measurements, and how far they spread.

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 if middle > 0 => f64::midpoint(at(middle - 1), at(middle)),
            _ => at(middle),
        };
        Self { median, least: at(0), most: at(sorted.len().saturating_sub(1)) }
    }

    /// Of the ratios of what was measured in the same round.
    pub(crate) fn of_ratios(values: &[f64], beside: &[f64]) -> Self {
        let ratios = values.iter().zip(beside).map(|(value, beside)| value / beside);
        Self::of(&ratios.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        for (values, median, least, most) in [
            (&[3.0, 1.0, 2.0][..], 2.0, 1.0, 3.0),
            (&[4.0, 1.0, 2.0, 3.0], 2.5, 1.0, 4.0),
            (&[7.0], 7.0, 7.0, 7.0),
        ] {
            assert_eq!(Spread::of(values), Spread { median, least, most });
        }
        let ratios = Spread::of_ratios(&[2.0, 9.0], &[1.0, 3.0]);
        assert_eq!(ratios, Spread { median: 2.5, least: 2.0, most: 3.0 });
    }
}
