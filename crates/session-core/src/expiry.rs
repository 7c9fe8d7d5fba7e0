//! When a session ends: pure functions over the configuration, a record, and `now`.
//!
//! 1. A session ends its idle lifetime after its last touch.
//! 2. No activity moves the end beyond the absolute lifetime, which counts from the last
//!    authentication, or from the making of an anonymous session.
//! 3. A configuration that was tightened since the record was written holds at once; one that was
//!    loosened holds from the next touch.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Settings;
use crate::record::SessionData;

/// The end of a session's life, and what bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) expires_at: Timestamp,
    pub(crate) absolute_expires_at: Option<Timestamp>,
}

/// The life of a session that is made, or authenticated anew, at `now`.
pub(crate) fn from_now(
    settings: &Settings,
    signed_in: bool,
    own_idle_secs: Option<u64>,
    now: Timestamp,
) -> Lifetime {
    let absolute_expires_at = settings.absolute_ttl().map(|ttl| now.plus(ttl));
    let idle_end = now.plus(settings.idle_ttl(signed_in, own_idle_secs));
    Lifetime { expires_at: earlier(idle_end, absolute_expires_at), absolute_expires_at }
}

/// When a session ends: what is stored, or sooner where the present configuration says so.
pub(crate) fn end(settings: &Settings, session: &SessionData) -> Timestamp {
    let idle_end = session.last_active_at.plus(idle_ttl(settings, session));
    earlier(session.expires_at.min(idle_end), bound(settings, session))
}

/// When a session ends that is touched at `now`.
pub(crate) fn end_after_touch(
    settings: &Settings,
    session: &SessionData,
    now: Timestamp,
) -> Timestamp {
    earlier(now.plus(idle_ttl(settings, session)), bound(settings, session))
}

/// Where a touch is due at `now`: the moment at or before which the session must have been last
/// active for it to apply.
pub(crate) fn touch_due(
    settings: &Settings,
    session: &SessionData,
    now: Timestamp,
) -> Option<Timestamp> {
    let interval = settings.touch_interval(idle_ttl(settings, session));
    let due_before = now.minus(interval);
    (session.last_active_at <= due_before).then_some(due_before)
}

fn idle_ttl(settings: &Settings, session: &SessionData) -> Duration {
    settings.idle_ttl(session.is_authenticated(), session.idle_ttl_secs)
}

fn bound(settings: &Settings, session: &SessionData) -> Option<Timestamp> {
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
    fn a_touch_slides_up_to_the_bound() {
        let settings = settings(100, Some(150));
        let session = session();
        assert_eq!(touch_due(&settings, &session, at(9)), None);
        assert_eq!(touch_due(&settings, &session, at(10)), Some(at(0)));
        assert_eq!(end_after_touch(&settings, &session, at(10)), at(110));
        assert_eq!(end_after_touch(&settings, &session, at(90)), at(150));
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
        let life = from_now(&settings, true, Some(20), at(5));
        assert_eq!(life.expires_at, at(25));
        assert_eq!(life.absolute_expires_at, Some(at(155)));
        assert_eq!(from_now(&settings, true, Some(1000), at(0)).expires_at, at(150));
    }
}
