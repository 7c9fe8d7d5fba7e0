//! For the metrics: why a request that sent a cookie has no session.

use super::load::Request;
use super::looked_up::LookedUp;
use super::{Loaded, Session};
use crate::lifecycle::Absence;

impl Session {
    /// Why a request that sent a cookie has no session; `None` if it has one, or sent none.
    pub(super) fn why_none(
        &self,
        request: &Request,
        found: &LookedUp,
    ) -> Option<crate::metrics::NoSession> {
        use crate::metrics::NoSession;

        match found.loaded {
            Loaded::With(_) => None,
            Loaded::Without(_) if found.visitor.is_some() => None,
            Loaded::Without(Absence::Refused(refusal)) => Some(NoSession::Refused(refusal)),
            Loaded::Without(_) if found.past.is_some() => Some(NoSession::Ended),
            Loaded::Without(_) => {
                let rules = &self.inner.store.settings().cookie;
                let candidates = request.candidates(rules);
                if !candidates.is_empty() {
                    Some(NoSession::Unknown)
                } else if candidates.is_named() {
                    Some(NoSession::Malformed)
                } else {
                    None
                }
            }
        }
    }
}
