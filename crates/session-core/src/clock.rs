//! Time: the [`Timestamp`] every record is written in, and the [`Clock`] it comes from.
//!
//! Time is injected. The core asks its [`Clock`] once per decision and hands the answer to the
//! backend, which never reads a clock of its own: so expiry is tested without waiting, and two
//! servers cannot disagree about one statement.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment, in whole microseconds since 1970-01-01T00:00:00 UTC.
///
/// Microseconds are what every supported database stores exactly. Displayed and serialised as
/// RFC 3339 in UTC, with the fraction if there is one. Arithmetic saturates at the years 0000
/// and 9999, the ends of what RFC 3339 can say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// 0000-01-01T00:00:00Z, the earliest moment that RFC 3339 can say.
    pub const MIN: Self = Self(-62_167_219_200_000_000);
    /// 9999-12-31T23:59:59.999999Z, the latest moment that RFC 3339 can say.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The moment this many microseconds after (or, negative, before) the epoch. Moments outside
    /// [`MIN`](Self::MIN) and [`MAX`](Self::MAX) become the nearer of the two.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down; 0 for what lies before it. This is the unit a
    /// ULID keeps.
    #[must_use]
    pub fn as_unix_millis(self) -> u64 {
        u64::try_from(self.0.div_euclid(1000)).unwrap_or(0)
    }

    /// How long after `earlier` this is; zero if `earlier` is later, as after a clock that
    /// jumped back.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This moment moved forward, at most to [`MAX`](Self::MAX).
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// This moment moved back, at least to [`MIN`](Self::MIN).
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.0.saturating_sub(micros))
    }
}

impl From<OffsetDateTime> for Timestamp {
    /// Cut to whole microseconds.
    fn from(value: OffsetDateTime) -> Self {
        let micros = value.unix_timestamp_nanos().div_euclid(1000);
        Self::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

impl From<Timestamp> for OffsetDateTime {
    fn from(value: Timestamp) -> Self {
        // MIN and MAX lie inside what `time` can hold, so the fallback is never taken.
        Self::from_unix_timestamp_nanos(i128::from(value.0) * 1000).unwrap_or(Self::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from(*self).format(&Rfc3339).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339).map(Self::from).map_err(de::Error::custom)
    }
}

/// Where the core takes the time from.
///
/// May jump, also back: nothing here assumes that two readings are in order.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock: the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        match since_epoch {
            // Seconds and their part, not one wide number: this is read twice in every request.
            Ok(after) => {
                let secs = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
                let micros = secs.saturating_mul(1_000_000);
                Timestamp::from_micros(micros.saturating_add(i64::from(after.subsec_micros())))
            }
            Err(before) => Timestamp::UNIX_EPOCH.minus(before.duration()),
        }
    }
}

/// A clock that stands still until it is told otherwise: for tests.
///
/// ```
/// use std::time::Duration;
/// use session_core::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().to_string(), "1970-01-01T00:01:00Z");
/// ```
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Puts the clock to `now`, also backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let moved = |micros| Some(Timestamp(micros).plus(by).0);
        // The closure always answers `Some`, so the update always happens.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_every_microsecond() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000001Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_795_305_600_123_456, "2026-11-22T00:00:00.123456Z"),
            (Timestamp::MAX.0, "9999-12-31T23:59:59.999999Z"),
            (Timestamp::MIN.0, "0000-01-01T00:00:00Z"),
        ] {
            let moment = Timestamp::from_micros(micros);
            assert_eq!(moment.to_string(), text);
            let json = serde_json::to_string(&moment).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), moment, "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Timestamp::MAX.plus(hour), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus(hour), Timestamp::MIN);
        assert_eq!(Timestamp::UNIX_EPOCH.plus(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::UNIX_EPOCH.since(Timestamp::MAX), Duration::ZERO);
        assert_eq!(Timestamp::UNIX_EPOCH.plus(hour).since(Timestamp::UNIX_EPOCH), hour);
    }
}
