//! When a session ends: pure functions over the configuration, a record, and `now`.
//!
//! 1. A session ends its idle lifetime after its last touch.
//! 2. No activity moves the end beyond the absolute lifetime, which counts from the last
//!    authentication, or from the making of an anonymous session; nothing moves it beyond a fixed end
//!    that the session chose.
//! 3. A configuration that was tightened since the record was written holds at once; one that was
//!    loosened holds from the next touch.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::lifetime::Lifetime;
use crate::record::SessionData;
use crate::settings::Settings;

/// The end of a session's life, and what bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) expires_at: Timestamp,
    pub(crate) absolute_expires_at: Option<Timestamp>,
}

/// The life of a session that is made, or authenticated anew, at `now`.
pub(crate) fn from_now(
    settings: &Settings,
    signed_in: bool,
    own: Lifetime,
    now: Timestamp,
) -> Life {
    let absolute_expires_at = settings.absolute_ttl().map(|ttl| now.plus(ttl));
    let idle_end = now.plus(settings.idle_ttl(signed_in, own.idle_ttl_secs));
    let expires_at = earlier(earlier(idle_end, absolute_expires_at), own.not_after);
    Life { expires_at, absolute_expires_at }
}

/// When a session ends: what is stored, or sooner if the present configuration says so.
pub(crate) fn end(settings: &Settings, session: &SessionData) -> Timestamp {
    let idle_end = session.last_active_at.plus(idle_ttl(settings, session));
    let end = earlier(session.expires_at.min(idle_end), absolute_end(settings, session));
    earlier(end, session.not_after)
}

/// When a session ends that is touched at `now`, with this lifetime of its own.
pub(crate) fn end_after_touch(
    settings: &Settings,
    session: &SessionData,
    own: Lifetime,
    now: Timestamp,
) -> Timestamp {
    let idle_end = now.plus(settings.idle_ttl(session.is_authenticated(), own.idle_ttl_secs));
    earlier(earlier(idle_end, absolute_end(settings, session)), own.not_after)
}

/// When a session must have been used last, at least, that is stored to end when this record says.
pub(crate) fn active_since(settings: &Settings, session: &SessionData) -> Timestamp {
    session.expires_at.minus(idle_ttl(settings, session))
}

/// If a touch is due at `now`: the moment at or before which the session must have been last
/// active for it to apply.
pub(crate) fn touch_due(
    settings: &Settings,
    session: &SessionData,
    now: Timestamp,
) -> Option<Timestamp> {
    let due_before = touched_before(settings, session, now);
    (session.last_active_at <= due_before).then_some(due_before)
}

/// When the session must have been touched last for a touch at `now` to be due.
pub(crate) fn touched_before(
    settings: &Settings,
    session: &SessionData,
    now: Timestamp,
) -> Timestamp {
    now.minus(settings.touch_interval(idle_ttl(settings, session)))
}

fn idle_ttl(settings: &Settings, session: &SessionData) -> Duration {
    settings.idle_ttl(session.is_authenticated(), session.idle_ttl_secs)
}

fn absolute_end(settings: &Settings, session: &SessionData) -> Option<Timestamp> {
    let counts_from = session.authenticated_at.unwrap_or(session.created_at);
    let configured = settings.absolute_ttl().map(|ttl| counts_from.plus(ttl));
    match (session.absolute_expires_at, configured) {
        (Some(stored), Some(configured)) => Some(stored.min(configured)),
        (stored, configured) => stored.or(configured),
    }
}

fn earlier(moment: Timestamp, bound: Option<Timestamp>) -> Timestamp {
    bound.map_or(moment, |bound| moment.min(bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SessionConfig;
    use crate::testing;

    fn at(secs: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH.plus(Duration::from_secs(secs))
    }

    /// A signed-in session made at 0 with an idle lifetime of 100 s and no absolute one.
    fn session() -> SessionData {
        let mut session = testing::record(at(0));
        session.user_id = Some("u".try_into().unwrap());
        session.authenticated_at = Some(at(0));
        session.expires_at = at(100);
        session
    }

    fn settings(idle: u64, absolute: Option<u64>) -> Settings {
        Settings::new(SessionConfig {
            session_ttl_secs: idle,
            absolute_ttl_secs: absolute,
            touch_interval_secs: Some(10),
            ..SessionConfig::default()
        })
        .unwrap()
    }

    #[test]
    fn ends() {
        for (name, idle, absolute, expected) in [
            ("as stored", 100, None, 100),
            ("a longer life holds from the next touch", 200, None, 100),
            ("a shorter life holds at once", 50, None, 50),
            ("so does an overall life", 100, Some(70), 70),
        ] {
            assert_eq!(end(&settings(idle, absolute), &session()), at(expected), "{name}");
        }
    }

    #[test]
    fn nothing_passes_a_fixed_end() {
        let mut session = session();
        session.not_after = Some(at(60));
        assert_eq!(end(&settings(100, None), &session), at(60));
    }

    #[test]
    fn a_touch_slides_up_to_the_bound() {
        let settings = settings(100, Some(150));
        let session = session();
        assert_eq!(touch_due(&settings, &session, at(9)), None);
        assert_eq!(touch_due(&settings, &session, at(10)), Some(at(0)));
        let end_after =
            |own, secs| end_after_touch(&settings, &session, own, at(secs)).since(at(0)).as_secs();
        assert_eq!(end_after(Lifetime::new(), 10), 110);
        assert_eq!(end_after(Lifetime::new(), 90), 150);
        assert_eq!(end_after(Lifetime::new().idle(Duration::from_secs(20)), 10), 30);
        assert_eq!(end_after(Lifetime::new().until(at(120)), 90), 120);
    }

    #[test]
    fn a_clock_that_jumps_back_ends_nothing() {
        let settings = settings(100, None);
        let mut session = session();
        session.last_active_at = at(1000);
        session.expires_at = at(1100);
        assert_eq!(touch_due(&settings, &session, at(50)), None);
        assert_eq!(end(&settings, &session), at(1100));
    }

    #[test]
    fn a_sign_in_may_choose_its_own_life() {
        let settings = settings(100, Some(150));
        let idle = |secs| Lifetime::new().idle(Duration::from_secs(secs));
        let life = from_now(&settings, true, idle(20), at(5));
        assert_eq!(life.expires_at, at(25));
        assert_eq!(life.absolute_expires_at, Some(at(155)));
        assert_eq!(from_now(&settings, true, idle(1000), at(0)).expires_at, at(150));
        assert_eq!(from_now(&settings, true, idle(50).until(at(40)), at(0)).expires_at, at(40));
    }
}
