//! What a response asks of the backend: a pure function of what was loaded, what changed, and now.

use crate::backend::Touch;
use crate::client::meta::SessionMeta;
use crate::clock::Timestamp;
use crate::config::Settings;
use crate::data::Data;
use crate::error::ErrorKind;
use crate::expiry;
use crate::patch::Patch;
use crate::record::SessionData;

/// Why a request has no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// It brought no well-formed token, or one that is neither live nor known to have ended.
    Visitor,
    /// It brought a token that was refused, so it gets no session unless it signs in.
    Refused(Refusal),
    /// It signed out itself.
    SignedOut,
}

/// Why a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has ended, before this request or while it ran.
    Ended,
    /// It was presented by another browser.
    Fingerprint,
    /// Several live ones were presented.
    Ambiguous,
    /// The backend failed, and the configuration says to go on as a visitor.
    BackendFailed,
}

impl Refusal {
    /// What storing under a refused token is answered with.
    pub(crate) const fn error_kind(self) -> ErrorKind {
        match self {
            Self::Ended | Self::Fingerprint | Self::Ambiguous => ErrorKind::SessionEnded,
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
    /// Change the session: the buffered patch, and the touch where it is due, in one call.
    Update(Option<Touch>),
    /// Refuse what was buffered.
    Refuse(ErrorKind),
}

/// What a request without a session asks for.
pub(crate) fn without_session(settings: &Settings, absence: Absence, buffer: &Patch) -> Plan {
    let mut result = Data::new();
    buffer.apply(&mut result);
    // Visitors who store nothing get no row and no cookie: law `no_empty_sessions`.
    let stores = !result.is_empty();
    match absence {
        Absence::Refused(refusal) if stores => Plan::Refuse(refusal.error_kind()),
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
    now: Timestamp,
) -> Plan {
    let touch = due_before(settings, session, now).map(|due_before| Touch {
        due_before,
        expires_at: expiry::end_after_touch(settings, session, now),
        ip_address: client.meta.ip_address(),
        agent: if client.is_newer { client.meta.agent() } else { None },
    });
    if touch.is_none() && buffer.is_empty() { Plan::Nothing } else { Plan::Update(touch) }
}

/// Whether a request that changed nothing has to say that its session is still used.
pub(crate) fn is_touch_due(settings: &Settings, session: &SessionData, now: Timestamp) -> bool {
    due_before(settings, session, now).is_some()
}

fn due_before(settings: &Settings, session: &SessionData, now: Timestamp) -> Option<Timestamp> {
    if settings.config.save_unchanged {
        Some(now)
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
        ] {
            assert_eq!(
                without_session(&settings(save_unchanged), absence, buffer),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn with_a_session() {
        let start = Timestamp::UNIX_EPOCH;
        let session = testing::record(start);
        let sets = patch(|p| p.set("a", 1.into()));
        for (name, save_unchanged, secs, buffer, expected) in [
            ("soon, nothing changed", false, 10, &Patch::new(), None),
            ("soon, something changed", false, 10, &sets, Some(false)),
            ("later, nothing changed", false, 300, &Patch::new(), Some(true)),
            ("later, something changed", false, 300, &sets, Some(true)),
            ("soon, refreshed anyway", true, 10, &Patch::new(), Some(true)),
        ] {
            let meta = SessionMeta::default();
            let client = Client { meta: &meta, is_newer: false };
            let now = start.plus(Duration::from_secs(secs));
            let plan = with_session(&settings(save_unchanged), &session, &client, buffer, now);
            let touched = match plan {
                Plan::Update(touch) => Some(touch.is_some()),
                Plan::Nothing => None,
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(touched, expected, "{name}");
        }
    }
}
