//! When an outage of the backend begins, lasts and ends, and what is said of it: a line for each failed
//! request would be thousands a second, and hide the one that says why. Pure.

use std::time::Duration;

use crate::clock::Timestamp;

/// Between two lines that say that an outage goes on; and how long no call may fail before one that some
/// calls survive counts as over.
const INTERVAL: Duration = Duration::from_secs(10);

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// A call failed, and the one before it did not.
    Began,
    /// How long it has lasted, and how many calls have failed since the last line.
    GoesOn { lasted: Duration, failed: u64 },
    /// How long it lasted, and how many calls failed in all.
    Ended { lasted: Duration, failed: u64 },
}

/// What is known of a backend's outages.
///
/// One ends at the first call that the backend answers. But if only some calls fail (a full disk still
/// reads), every second call would begin one and every other end it. So what fails again soon after an end
/// is an outage that [comes and goes](Outage::comes_and_goes), and ends when nothing has failed for a while.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    present: Option<Outage>,
    last_end: Option<Timestamp>,
}

#[derive(Debug)]
struct Outage {
    began: Timestamp,
    comes_and_goes: bool,
    failed: u64,
    /// Of these, the calls that no line has counted.
    unsaid: u64,
    said: Timestamp,
    last_failure: Timestamp,
    /// The first answer since.
    answered: Option<Timestamp>,
}

impl Outages {
    pub(crate) const fn is_present(&self) -> bool {
        self.present.is_some()
    }

    /// A call failed.
    pub(crate) fn failed(&mut self, now: Timestamp) -> Option<News> {
        let Some(outage) = &mut self.present else {
            self.present = Some(Outage {
                began: now,
                comes_and_goes: self.last_end.is_some_and(|end| now.since(end) < INTERVAL),
                failed: 1,
                unsaid: 0,
                said: now,
                last_failure: now,
                answered: None,
            });
            return Some(News::Began);
        };
        outage.failed += 1;
        outage.unsaid += 1;
        outage.last_failure = now;
        outage.answered = None;
        // A clock that jumped back must not keep it silent until it has caught up.
        outage.said = outage.said.min(now);
        if now.since(outage.said) < INTERVAL {
            return None;
        }
        outage.said = now;
        let failed = std::mem::take(&mut outage.unsaid);
        Some(News::GoesOn { lasted: now.since(outage.began), failed })
    }

    /// The backend answered a call.
    pub(crate) fn answered(&mut self, now: Timestamp) -> Option<News> {
        let outage = self.present.as_mut()?;
        let answered = *outage.answered.get_or_insert(now);
        // As above.
        outage.last_failure = outage.last_failure.min(now);
        if outage.comes_and_goes && now.since(outage.last_failure) < INTERVAL {
            return None;
        }
        let news = News::Ended { lasted: answered.since(outage.began), failed: outage.failed };
        self.present = None;
        self.last_end = Some(now);
        Some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    enum Call {
        Fails,
        Succeeds,
    }
    use Call::{Fails, Succeeds};

    /// Each step: so many milliseconds later (or, negative, before), a call, and what is said.
    fn check(name: &str, steps: &[(i64, Call, Option<News>)]) {
        let clock = ManualClock::new(Timestamp::from_micros(1_000_000_000));
        let mut outages = Outages::default();
        for (step, (later, call, expected)) in steps.iter().enumerate() {
            clock.set(Timestamp::from_micros(clock.now().as_micros() + later * 1000));
            let said = match call {
                Fails => outages.failed(clock.now()),
                Succeeds => outages.answered(clock.now()),
            };
            assert_eq!(said, *expected, "{name}: step {step}");
        }
    }

    const BEGAN: Option<News> = Some(News::Began);

    fn goes_on(millis: u64, failed: u64) -> Option<News> {
        Some(News::GoesOn { lasted: Duration::from_millis(millis), failed })
    }

    fn ended(millis: u64, failed: u64) -> Option<News> {
        Some(News::Ended { lasted: Duration::from_millis(millis), failed })
    }

    #[test]
    fn what_is_said() {
        check("nothing", &[(0, Succeeds, None), (1, Succeeds, None)]);
        check(
            "an outage",
            &[
                (0, Succeeds, None),
                (1, Fails, BEGAN),
                (1, Fails, None),
                (9998, Fails, None),
                (1, Fails, goes_on(10_000, 3)),
                (1, Fails, None),
                (60_000, Fails, goes_on(70_001, 2)),
                (1000, Fails, None),
                (10, Succeeds, ended(71_011, 7)),
                (0, Succeeds, None),
            ],
        );
        check(
            "two of them",
            &[
                (0, Fails, BEGAN),
                (5, Succeeds, ended(5, 1)),
                (10_000, Fails, BEGAN),
                (5, Succeeds, ended(5, 1)),
            ],
        );
        check(
            "one that comes and goes",
            &[
                (0, Fails, BEGAN),
                (1, Succeeds, ended(1, 1)),
                (1, Fails, BEGAN),
                (1, Succeeds, None),
                (1, Fails, None),
                (9998, Fails, goes_on(10_000, 2)),
                (1000, Succeeds, None),
                (8999, Succeeds, None),
                // Its end was when calls began to succeed, not when that was believed.
                (1, Succeeds, ended(11_000, 3)),
                (1, Succeeds, None),
            ],
        );
    }

    #[test]
    fn a_clock_that_jumps_back_hides_nothing() {
        check(
            "while it fails",
            &[(0, Fails, BEGAN), (-500_000, Fails, None), (10_000, Fails, goes_on(0, 2))],
        );
        check(
            "while it comes and goes",
            &[
                (0, Fails, BEGAN),
                (1, Succeeds, ended(1, 1)),
                (1, Fails, BEGAN),
                (-500_000, Succeeds, None),
                (10_000, Succeeds, ended(0, 1)),
            ],
        );
    }
}
