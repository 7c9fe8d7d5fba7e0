//! What a response asks of the backend: a pure function of what was loaded, what changed, and now.

use crate::backend::{NewLifetime, Touch};
use crate::client::meta::SessionMeta;
use crate::clock::Timestamp;
use crate::data::Data;
use crate::error::ErrorKind;
use crate::expiry;
use crate::lifetime::Lifetime;
use crate::patch::Patch;
use crate::record::SessionData;
use crate::settings::Settings;

/// Why a request has no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// It brought no well-formed token, one that nobody knows, or a dead one that is not followed.
    Visitor,
    /// It may not make a session, unless it signs in or starts over.
    Refused(Refusal),
    /// It signed out itself.
    SignedOut,
}

/// Why a request may not make a session by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its token is dead and followed by a newer one, or its session ended while it ran.
    Ended,
    /// Its token was presented by another browser.
    Fingerprint,
    /// Several live ones were presented.
    Ambiguous,
    /// It comes from another site, and its cookie may have been held back.
    CrossSite,
    /// The backend failed, and the configuration says to go on as a visitor.
    BackendFailed,
}

impl Refusal {
    /// What storing is answered with.
    pub(crate) const fn error_kind(self) -> ErrorKind {
        match self {
            Self::Ended | Self::Fingerprint | Self::Ambiguous => ErrorKind::SessionEnded,
            Self::CrossSite => ErrorKind::CrossSite,
            Self::BackendFailed => ErrorKind::Unavailable,
        }
    }
}

/// What to ask of the backend.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// Nothing.
    Nothing,
    /// Make an anonymous session of what was buffered.
    Create,
    /// Change the session: the buffered patch, the lifetime if it is another, and the touch if it
    /// is due, in one call.
    Update { touch: Option<Touch>, lifetime: Option<NewLifetime> },
    /// Refuse what was buffered.
    Refuse(ErrorKind),
}

/// What a request without a session asks for. A lifetime alone makes none, and if it was meant for one
/// that ended meanwhile, it is refused like data.
pub(crate) fn without_session(
    settings: &Settings,
    absence: Absence,
    buffer: &Patch,
    lifetime: Option<Lifetime>,
) -> Plan {
    let mut result = Data::new();
    buffer.apply(&mut result);
    // Visitors who store nothing get no row and no cookie: law `no_empty_sessions`.
    let stores = !result.is_empty();
    match absence {
        Absence::Refused(refusal) if stores || lifetime.is_some() => {
            Plan::Refuse(refusal.error_kind())
        }
        Absence::Refused(_) => Plan::Nothing,
        Absence::Visitor if settings.config.save_unchanged => Plan::Create,
        Absence::Visitor | Absence::SignedOut if stores => Plan::Create,
        Absence::Visitor | Absence::SignedOut => Plan::Nothing,
    }
}

/// What a request with a session asks for.
pub(crate) fn with_session(
    settings: &Settings,
    session: &SessionData,
    client: &Client<'_>,
    buffer: &Patch,
    lifetime: Option<Lifetime>,
    now: Timestamp,
) -> Plan {
    let own = lifetime.unwrap_or_else(|| session.lifetime());
    let ends = || expiry::end_after_touch(settings, session, own, now);
    // A lifetime begins when it is chosen.
    let due_before = match lifetime {
        Some(_) => Some(now),
        None => due_before(settings, session, client.is_first, now),
    };
    let touch = due_before.map(|due_before| Touch {
        due_before,
        expires_at: ends(),
        ip_address: client.meta.ip_address(),
        agent: if client.is_newer { client.meta.agent() } else { None },
    });
    if touch.is_none() && buffer.is_empty() {
        return Plan::Nothing;
    }
    let lifetime = lifetime.map(|lifetime| NewLifetime { lifetime, expires_at: ends() });
    Plan::Update { touch, lifetime }
}

/// Whether a request that changed nothing has to say that its session is still used. `is_first`: see
/// [`Client::is_first`].
pub(crate) fn is_touch_due(
    settings: &Settings,
    session: &SessionData,
    is_first: bool,
    now: Timestamp,
) -> bool {
    due_before(settings, session, is_first, now).is_some()
}

fn due_before(
    settings: &Settings,
    session: &SessionData,
    is_first: bool,
    now: Timestamp,
) -> Option<Timestamp> {
    if settings.config.save_unchanged {
        Some(now)
    } else if is_first {
        // Applies whenever the session was touched before.
        Some(expiry::touched_before(settings, session, now))
    } else {
        expiry::touch_due(settings, session, now)
    }
}

/// Who asks.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pub(crate) meta: &'a SessionMeta,
    /// Whether the agent differs from the stored one and was found to be a newer one of the same
    /// kind: it is then stored with the next touch, so that it is parsed no more.
    pub(crate) is_newer: bool,
    /// Whether nobody has presented the session's token before: one write for each change of token tells
    /// that its browser has it.
    pub(crate) is_first: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SessionConfig;
    use crate::testing;
    use std::time::Duration;

    fn settings(save_unchanged: bool) -> Settings {
        Settings::new(SessionConfig { save_unchanged, ..SessionConfig::default() }).unwrap()
    }

    fn patch(change: impl FnOnce(&mut Patch)) -> Patch {
        let mut patch = Patch::new();
        change(&mut patch);
        patch
    }

    #[test]
    fn without_a_session() {
        let sets = patch(|p| p.set("a", 1.into()));
        let removes = patch(|p| p.remove("a"));
        let nothing = Patch::new();
        let ended = Absence::Refused(Refusal::Ended);
        let failed = Absence::Refused(Refusal::BackendFailed);
        let cross_site = Absence::Refused(Refusal::CrossSite);
        for (name, save_unchanged, absence, buffer, expected) in [
            ("a visitor who looks", false, Absence::Visitor, &nothing, Plan::Nothing),
            ("a visitor who stores", false, Absence::Visitor, &sets, Plan::Create),
            ("a visitor who removes", false, Absence::Visitor, &removes, Plan::Nothing),
            ("a visitor who clears", false, Absence::Visitor, &patch(Patch::clear), Plan::Nothing),
            ("a visitor who looks, saved anyway", true, Absence::Visitor, &nothing, Plan::Create),
            ("a note after sign-out", false, Absence::SignedOut, &sets, Plan::Create),
            ("sign-out is not undone", true, Absence::SignedOut, &nothing, Plan::Nothing),
            ("an ended token looks", true, ended, &nothing, Plan::Nothing),
            ("an ended token stores", true, ended, &sets, Plan::Refuse(ErrorKind::SessionEnded)),
            ("an ended token removes", false, ended, &removes, Plan::Nothing),
            ("an outage looks", false, failed, &nothing, Plan::Nothing),
            ("an outage stores", false, failed, &sets, Plan::Refuse(ErrorKind::Unavailable)),
            ("another site looks", true, cross_site, &nothing, Plan::Nothing),
            ("another site stores", false, cross_site, &sets, Plan::Refuse(ErrorKind::CrossSite)),
        ] {
            assert_eq!(
                without_session(&settings(save_unchanged), absence, buffer, None),
                expected,
                "{name}"
            );
        }
        let lives =
            |absence| without_session(&settings(false), absence, &nothing, Some(Lifetime::new()));
        assert_eq!(lives(Absence::Visitor), Plan::Nothing, "a lifetime alone");
        assert_eq!(lives(Absence::SignedOut), Plan::Nothing, "a lifetime alone");
        let refused = Plan::Refuse(ErrorKind::SessionEnded);
        assert_eq!(lives(ended), refused, "a lifetime of what has ended");
    }

    #[test]
    fn with_a_session() {
        let start = Timestamp::UNIX_EPOCH;
        let session = testing::record(start);
        let sets = patch(|p| p.set("a", 1.into()));
        for (name, save_unchanged, secs, is_first, buffer, expected) in [
            ("soon, nothing changed", false, 10, false, &Patch::new(), None),
            ("soon, something changed", false, 10, false, &sets, Some(false)),
            ("later, nothing changed", false, 300, false, &Patch::new(), Some(true)),
            ("later, something changed", false, 300, false, &sets, Some(true)),
            ("soon, refreshed anyway", true, 10, false, &Patch::new(), Some(true)),
            ("soon, by a new token", false, 10, true, &Patch::new(), Some(true)),
        ] {
            let meta = SessionMeta::default();
            let client = Client { meta: &meta, is_newer: false, is_first };
            let now = start.plus(Duration::from_secs(secs));
            let plan =
                with_session(&settings(save_unchanged), &session, &client, buffer, None, now);
            let touched = match plan {
                Plan::Update { touch, .. } => Some(touch.is_some()),
                Plan::Nothing => None,
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(touched, expected, "{name}");
        }
    }

    #[test]
    fn with_a_lifetime_of_its_own() {
        let start = Timestamp::UNIX_EPOCH;
        let session = testing::record(start);
        let now = start.plus(Duration::from_secs(10));
        let (meta, nothing) = (SessionMeta::default(), Patch::new());
        let client = Client { meta: &meta, is_newer: false, is_first: false };
        let chosen = Lifetime::new().idle(Duration::from_secs(3600)).persistent(false);
        let plan = |session: &SessionData| {
            with_session(&settings(false), session, &client, &nothing, Some(chosen), now)
        };
        let Plan::Update { touch: Some(touch), lifetime: Some(new) } = plan(&session) else {
            panic!("it is chosen at once");
        };
        let end = now.plus(Duration::from_secs(3600));
        assert_eq!((new.lifetime, new.expires_at, touch.expires_at), (chosen, end, end));
    }
}
