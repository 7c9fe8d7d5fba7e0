//! Whether the browser is still the one that the session began in.

use super::load::Request;
use super::turn::Told;
use super::{Live, Loaded, Session};
use crate::backend::{EndedBy, SessionRef};
use crate::client::fingerprint::{FingerprintMode, MismatchAction};
use crate::client::verdict::{self, Verdict};
use crate::error::Error;
use crate::event::EventKind;
use crate::lifecycle::{Absence, Refusal};
use crate::record::SessionData;

impl Session {
    /// Whether the browser is the one of the session without another look: nobody asks, or its agent is byte
    /// for byte the one that is stored.
    pub(super) fn is_known_browser(&self, session: &SessionData, request: &Request) -> bool {
        let config = self.inner.store.config();
        !config.validate_fingerprint
            || (config.fingerprint_mode == FingerprintMode::Stable
                && request.meta().agent_is(session.user_agent.as_deref()))
    }

    /// For one that is not [known](Self::is_known_browser).
    pub(super) async fn check_fingerprint(
        &self,
        mut live: Live,
        request: &Request,
        mut tell: impl FnMut(Told),
    ) -> Result<Loaded, Error> {
        let config = self.inner.store.config();
        let session: &SessionData = &live.session;
        match self.verdict(session, request) {
            Verdict::Match => {
                let agent = request.meta().user_agent();
                live.newer_agent = session.user_agent.as_deref() != agent.as_deref();
            }
            Verdict::Unrecognised => {
                tell(Told::of(EventKind::FingerprintUnrecognised, session));
            }
            Verdict::Mismatch => {
                let action = config.on_fingerprint_mismatch;
                tell(Told::of(EventKind::FingerprintMismatch(action), session));
                warn(session, request);
                match action {
                    MismatchAction::Report => {}
                    MismatchAction::Reject => {
                        return Ok(Loaded::Without(Absence::Refused(Refusal::Fingerprint)));
                    }
                    // Boxed, so that the common path does not carry room for it.
                    MismatchAction::Revoke => {
                        return Box::pin(self.revoke_mismatched(&live, tell)).await;
                    }
                }
            }
        }
        Ok(Loaded::With(live))
    }

    /// How the browser compares with the one of the session.
    pub(super) fn verdict(&self, session: &SessionData, request: &Request) -> Verdict {
        verdict::check(
            self.inner.store.config().fingerprint_mode,
            session.fingerprint.as_ref(),
            session.user_agent.as_deref(),
            request.meta().user_agent().as_deref(),
            || request.meta().fingerprint(),
        )
    }

    async fn revoke_mismatched(
        &self,
        live: &Live,
        mut tell: impl FnMut(Told),
    ) -> Result<Loaded, Error> {
        let store = &self.inner.store;
        let target: SessionRef = live.reference();
        let removal = store.backend().remove(&target, None, None, EndedBy::Revoked, store.now());
        // If another request did it first, that one clears the cookie: a sign-in that replaced
        // the session may have set a new one meanwhile.
        if store.call(removal).await? {
            tell(Told::of(EventKind::Revoked, &live.session));
            let mut state = self.unsettled();
            // Not over what the handler did meanwhile, if another load was faster.
            if state.cookie == super::Cookie::Keep && !matches!(state.loaded, Loaded::With(_)) {
                state.cookie = super::Cookie::Remove;
            }
        }
        Ok(Loaded::Without(Absence::Refused(Refusal::Fingerprint)))
    }
}

/// Says what to do about it: it is more often a program of one's own than a thief.
fn warn(session: &SessionData, request: &Request) {
    tracing::warn!(
        target: "session",
        session = %session.id,
        began_in = session.device_name,
        presented_by = request.meta().device_name(),
        "a session was presented by another kind of browser; if that is a program of your own (rendering \
         on a server, an app's web view), let it forward the User-Agent, or set \
         on_fingerprint_mismatch to report"
    );
}
