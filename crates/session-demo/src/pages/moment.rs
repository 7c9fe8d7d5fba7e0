//! Moments for people: a date and time in UTC, and how long ago that was.

use session_core::Timestamp;
use time::OffsetDateTime;

/// A moment as a page shows it.
pub(super) struct Moment {
    /// For machines: RFC 3339.
    pub(super) exact: String,
    /// For people, such as "22 November 2026, 14:05 UTC".
    pub(super) date: String,
    /// For people, such as "5 minutes ago".
    pub(super) ago: String,
}

impl Moment {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        let date = OffsetDateTime::from(at);
        Self {
            exact: at.to_string(),
            date: format!(
                "{} {} {}, {:02}:{:02} UTC",
                date.day(),
                date.month(),
                date.year(),
                date.hour(),
                date.minute()
            ),
            ago: ago(now.since(at).as_secs()),
        }
    }
}

fn ago(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago() {
        for (seconds, expected) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (3600, "1 hour ago"),
            (86_399, "23 hours ago"),
            (86_400, "1 day ago"),
            (30 * 86_400, "30 days ago"),
        ] {
            assert_eq!(ago(seconds), expected);
        }
    }

    #[test]
    fn dates() {
        let moment = Moment::new(Timestamp::from_micros(0), Timestamp::from_micros(90_000_000));
        assert_eq!(moment.date, "1 January 1970, 00:00 UTC");
        assert_eq!(moment.exact, "1970-01-01T00:00:00Z");
        assert_eq!(moment.ago, "1 minute ago");
    }
}
