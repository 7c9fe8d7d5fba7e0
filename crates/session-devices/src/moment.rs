//! Moments for people: a date and time in UTC, and how long ago that was.

use session_core::Timestamp;
use time::OffsetDateTime;

use crate::when::{Ago, Date};
use crate::words::Words;

/// A moment as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// For machines: RFC 3339.
    pub exact: String,
    /// For people, such as "22 November 2026, 14:05 UTC".
    pub date: String,
    /// For people, such as "5 minutes ago".
    pub ago: String,
}

impl Moment {
    pub(crate) fn new(at: Timestamp, now: Timestamp, words: &Words) -> Self {
        let date = OffsetDateTime::from(at);
        let date = Date {
            year: date.year(),
            month: u8::from(date.month()),
            day: date.day(),
            hour: date.hour(),
            minute: date.minute(),
        };
        Self {
            exact: at.to_string(),
            date: (words.date)(date),
            ago: (words.ago)(Ago::of(now.since(at).as_secs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let at = Timestamp::from_micros(0);
        let moment = Moment::new(at, Timestamp::from_micros(90_000_000), &Words::default());
        assert_eq!(moment.date, "1 January 1970, 00:00 UTC");
        assert_eq!(moment.exact, "1970-01-01T00:00:00Z");
        assert_eq!(moment.ago, "1 minute ago");
    }
}
