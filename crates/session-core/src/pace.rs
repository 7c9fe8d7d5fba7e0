//! How fast a purge goes: the one policy for the size of its batches and the pauses between them.
//!
//! What a batch costs depends on the database, on the table's size and on what else goes on, so it
//! is measured: [`AIM`] is how long requests may find a database busy that has one writer, and the
//! next batch is as large as would have taken that long. [`SHARE`] is what is left to requests, and
//! to servers that write into the same file and can only try again and again.

use std::time::Duration;

/// How long a batch should take.
const AIM: Duration = Duration::from_millis(5);
/// The pauses take this part of the time that the batches take: an eighth.
const SHARE: u32 = 8;
/// Shorter pauses are saved up: a timer knows nothing below a millisecond.
const LEAST_PAUSE: Duration = Duration::from_millis(2);

/// How many rows the first batch looks at.
const FIRST: u32 = 250;
/// Below this a batch costs more than its rows do.
const FEWEST: u32 = 50;
/// Above this a batch saves nothing any more.
const MOST: u32 = 20_000;

/// The pace of one purge.
#[derive(Debug)]
pub(crate) struct Pace {
    rows: u32,
    owed: Duration,
}

impl Pace {
    pub(crate) const fn new() -> Self {
        Self { rows: FIRST, owed: Duration::ZERO }
    }

    /// How many rows the next batch looks at.
    pub(crate) const fn rows(&self) -> u32 {
        self.rows
    }

    /// Takes note of how long a batch of [`rows`](Self::rows) took; how long to pause after it,
    /// which is often not at all.
    pub(crate) fn after(&mut self, took: Duration) -> Duration {
        let micros = took.as_micros().max(1);
        let ideal = u128::from(self.rows) * AIM.as_micros() / micros;
        // A batch that had to wait for something says little about the next one: one step at a time.
        let (least, most) = (self.rows / 2, self.rows.saturating_mul(2));
        let ideal = u32::try_from(ideal).unwrap_or(u32::MAX).clamp(least, most);
        self.rows = ideal.clamp(FEWEST, MOST);

        self.owed += took / SHARE;
        if self.owed < LEAST_PAUSE {
            return Duration::ZERO;
        }
        std::mem::take(&mut self.owed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes of batches on a database that takes so long for a row and for a call.
    fn sizes(per_row: Duration, per_call: Duration, batches: usize) -> Vec<u32> {
        let mut pace = Pace::new();
        let mut sizes = Vec::new();
        for _ in 0..batches {
            sizes.push(pace.rows());
            pace.after(per_call + per_row * pace.rows());
        }
        sizes
    }

    #[test]
    fn a_batch_takes_as_long_as_requests_may_wait() {
        let micros = Duration::from_micros;
        for (name, per_row, per_call, expected) in [
            ("a slow disk", micros(50), micros(0), 100..=100),
            ("a usual one", micros(10), micros(500), 430..=470),
            ("a fast server", micros(2), micros(500), 2100..=2500),
            ("nothing at all", Duration::ZERO, Duration::ZERO, MOST..=MOST),
            ("slower than may be", micros(1000), micros(0), FEWEST..=FEWEST),
            ("a call that takes longer than a batch may", micros(1), micros(9000), FEWEST..=FEWEST),
        ] {
            let sizes = sizes(per_row, per_call, 40);
            let last = *sizes.last().unwrap();
            assert!(expected.contains(&last), "{name}: {last} of {sizes:?}");
        }
    }

    #[test]
    fn one_slow_batch_halves_the_next_and_no_more() {
        let mut pace = Pace::new();
        for _ in 0..10 {
            pace.after(Duration::from_micros(10) * pace.rows());
        }
        let before = pace.rows();
        assert_eq!(before, 500);
        pace.after(Duration::from_secs(2));
        assert_eq!(pace.rows(), before / 2);
        pace.after(Duration::from_micros(10) * pace.rows());
        assert_eq!(pace.rows(), before);
    }

    #[test]
    fn pauses_are_a_share_of_the_work_and_never_tiny() {
        let (mut pace, mut worked, mut paused) = (Pace::new(), Duration::ZERO, Duration::ZERO);
        for n in 0..1000 {
            let took = Duration::from_micros(300 + n * 17 % 9000);
            worked += took;
            let pause = pace.after(took);
            assert!(pause.is_zero() || pause >= LEAST_PAUSE, "{pause:?}");
            paused += pause;
        }
        let share = worked / SHARE;
        assert!(paused <= share && paused + LEAST_PAUSE >= share, "{paused:?} of {worked:?}");
    }
}
