//! A moment as [`Words`](crate::Words) are told of it.

/// How long ago something was, as exactly as people want to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ago {
    /// Less than a minute.
    JustNow,
    /// 1 to 59 of them.
    Minutes(u64),
    /// 1 to 23 of them.
    Hours(u64),
    /// 1 or more of them.
    Days(u64),
}

impl Ago {
    pub(crate) fn of(seconds: u64) -> Self {
        match seconds {
            0..60 => Self::JustNow,
            60..3600 => Self::Minutes(seconds / 60),
            3600..86_400 => Self::Hours(seconds / 3600),
            _ => Self::Days(seconds / 86_400),
        }
    }
}

/// A date and a time of day, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// Such as 2026.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago() {
        for (seconds, expected) in [
            (0, Ago::JustNow),
            (59, Ago::JustNow),
            (60, Ago::Minutes(1)),
            (3599, Ago::Minutes(59)),
            (3600, Ago::Hours(1)),
            (86_399, Ago::Hours(23)),
            (86_400, Ago::Days(1)),
            (30 * 86_400, Ago::Days(30)),
        ] {
            assert_eq!(Ago::of(seconds), expected);
        }
    }
}
