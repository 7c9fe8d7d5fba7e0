//! [`Lifetime`]: what a session chose for itself, in the place of what the configuration says.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::settings::MAX_TTL;

/// A session's own lifetime: see [`Session::set_lifetime`](crate::Session::set_lifetime).
///
/// It says all three; what is not named is as the configuration says, and without a fixed end.
///
/// ```
/// use std::time::Duration;
/// use session_core::{Lifetime, Timestamp};
///
/// // "Remember me": two weeks without use, and the browser may be closed meanwhile.
/// let remembered = Lifetime::new().idle(Duration::from_secs(14 * 24 * 3600)).persistent(true);
/// // Never longer than what the identity provider vouches for.
/// let until = Timestamp::from_micros(1_900_000_000_000_000);
/// let vouched_for = Lifetime::new().until(until);
/// # assert_eq!((remembered.cookie_persistent, vouched_for.not_after), (Some(true), Some(until)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Lifetime {
    /// After how many seconds without use the session ends. `None`: `session_ttl_secs`, or
    /// `anonymous_ttl_secs`.
    pub idle_ttl_secs: Option<u64>,
    /// Whether the cookie outlives the browser. `None`: `cookie.persistent`.
    pub cookie_persistent: Option<bool>,
    /// A fixed end, which no activity and no re-authentication moves.
    pub not_after: Option<Timestamp>,
}

impl Lifetime {
    /// As the configuration says, and without a fixed end.
    #[must_use]
    pub const fn new() -> Self {
        Self { idle_ttl_secs: None, cookie_persistent: None, not_after: None }
    }

    /// Ends after so long without use, in whole seconds: at least one, at most 400 days. The absolute
    /// lifetime of the configuration still bounds it.
    #[must_use]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle_ttl_secs = Some(idle.as_secs());
        self
    }

    /// Whether the cookie outlives the browser (`true`), or ends with it. The session itself ends at
    /// its expiry either way.
    #[must_use]
    pub const fn persistent(mut self, persistent: bool) -> Self {
        self.cookie_persistent = Some(persistent);
        self
    }

    /// Ends no later than at this moment, whatever happens before.
    #[must_use]
    pub const fn until(mut self, end: Timestamp) -> Self {
        self.not_after = Some(end);
        self
    }

    /// Whether it can be meant at `now`.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Error> {
        let refuse =
            |reason: &str| Err(Error::from_kind(ErrorKind::InvalidData).with_context(reason));
        match self.idle_ttl_secs {
            Some(0) => return refuse("a session's idle lifetime must be at least one second"),
            Some(secs) if secs > MAX_TTL.as_secs() => {
                return refuse(
                    "a session's idle lifetime must be at most 400 days, as cookies' is",
                );
            }
            _ => {}
        }
        match self.not_after {
            Some(end) if end <= now => refuse("a session's fixed end must be in the future"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, lifetime: Lifetime, is_good: bool) {
        let now = Timestamp::from_micros(1_000_000);
        let checked = lifetime.check(now);
        assert_eq!(checked.is_ok(), is_good, "{name}: {checked:?}");
        if let Err(error) = checked {
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{name}");
        }
    }

    #[test]
    fn bounds() {
        let idle = |duration| Lifetime::new().idle(duration);
        let until = |micros| Lifetime::new().until(Timestamp::from_micros(micros));
        check("as configured", Lifetime::new(), true);
        check("a second", idle(Duration::from_secs(1)), true);
        check("less than a second", idle(Duration::from_millis(999)), false);
        check("none", idle(Duration::ZERO), false);
        check("400 days", idle(MAX_TTL), true);
        check("longer than a cookie", idle(MAX_TTL + Duration::from_secs(1)), false);
        check("an end in the future", until(1_000_001), true);
        check("an end that is now", until(1_000_000), false);
        check("an end in the past", until(0), false);
    }
}
