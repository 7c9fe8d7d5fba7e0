//! What a request has to pass, alike for the page and for the JSON: whether it comes from this site,
//! and whether its user signed in lately.

use std::time::Duration;

use session_core::{CrossSiteGuard, Error, RequestHead, Session, SessionId};

use crate::problem::Problem;

/// What has to be so before anything is ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) guard: CrossSiteGuard,
    pub(crate) fresh: Option<Duration>,
}

impl Rules {
    /// Whether the request may go on, before its session is loaded.
    pub(crate) fn comes_from_here(&self, head: RequestHead<'_>) -> Result<(), Problem> {
        self.guard.check(head).map_err(|_| Problem::OtherSite)
    }

    /// Whether the user signed in lately enough to end other sessions than their own.
    pub(crate) fn is_fresh(&self, session: &Session) -> Result<(), Problem> {
        match self.fresh {
            Some(within) if !session.authenticated_within(within) => Err(Problem::NotFresh),
            _ => Ok(()),
        }
    }
}

/// The session that a segment of a path names.
pub(crate) fn id(segment: &str) -> Result<SessionId, Problem> {
    segment.parse().map_err(|_| Problem::InvalidId)
}

/// What an error means here. One of the server's is told to the log: its reader is the operator.
pub(crate) fn problem(error: &Error) -> Problem {
    session_core::answer::log(error);
    Problem::of(error)
}
