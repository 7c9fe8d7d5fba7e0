//! [`DevicesApi`]: the same for programs, in JSON.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use session_core::{CrossSiteGuard, Error, RequestHead, Session};

use crate::answer::{self, Answer};
use crate::problem::Problem;
use crate::rules::{self, Rules};

/// The devices of a user as JSON, ready to mount: with `axum_routes` (feature `axum`) or
/// `salvo_router` (feature `salvo`), at any path, behind the sessions' layer.
///
/// | Request | Answer |
/// | --- | --- |
/// | `GET /` | 200 `{"sessions":[…]}`, most recently active first: each a [`DeviceView`](session_core::DeviceView) |
/// | `DELETE /{id}` | 200 `{"ended":1}`; 400 `invalid_id`; 404 `no_such_session` for one that is unknown or another user's, alike to the byte |
/// | `POST /logout-others` | 200 `{"ended":N}` |
/// | `POST /logout-all` | 200 `{"ended":N}`, this one counted too |
///
/// Errors are `{"error":"<code>","message":"<a sentence>"}`, with the status and the code that
/// [`Problem`] says: 401 before everything that needs a user, 403 `cross_origin` for what another site
/// made a browser send, 409, and 503 with Retry-After if the backend fails. Another method is the
/// framework's 405.
#[derive(Debug, Clone, Default)]
pub struct DevicesApi {
    rules: Rules,
}

/// What is asked of [`DevicesApi`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiAction<'a> {
    /// `GET /`
    List,
    /// `DELETE /{id}`, with the id as it was sent.
    End(&'a str),
    /// `POST /logout-others`
    EndOthers,
    /// `POST /logout-all`
    EndAll,
}

impl DevicesApi {
    /// With no other origin than the site's own, and no matter how long ago the user signed in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts what this guard trusts. Without it, nothing but the site's own pages.
    #[must_use]
    pub fn cross_site_guard(mut self, guard: CrossSiteGuard) -> Self {
        self.rules.guard = guard;
        self
    }

    /// Ends other sessions only for a user who signed in, or proved anew who they are, within this
    /// time; else 403 `stale_authentication`. Without it, whoever has the cookie of a signed-in session
    /// ends all of them. A session may always end itself.
    #[must_use]
    pub fn require_fresh(mut self, within: Duration) -> Self {
        self.rules.fresh = Some(within);
        self
    }

    /// Answers one request, in any framework and at any address.
    ///
    /// `session` is awaited only once the request has passed what needs no session. A dropped future
    /// leaves what [`Session::revoke`], [`logout_others`](Session::logout_others) and
    /// [`logout_all`](Session::logout_all) leave.
    pub async fn answer(
        &self,
        action: ApiAction<'_>,
        head: RequestHead<'_>,
        session: impl Future<Output = Result<Session, Error>>,
    ) -> Answer {
        self.done(action, head, session).await.unwrap_or_else(failed)
    }

    async fn done(
        &self,
        action: ApiAction<'_>,
        head: RequestHead<'_>,
        session: impl Future<Output = Result<Session, Error>>,
    ) -> Result<Answer, Problem> {
        self.rules.comes_from_here(head)?;
        let session = session.await.map_err(|error| rules::problem(&error))?;
        session.require_user().map_err(|error| rules::problem(&error))?;
        let fails = |error: Error| rules::problem(&error);
        let count = match action {
            ApiAction::List => {
                let sessions = session.list().await.map_err(fails)?;
                return Ok(answer::json(StatusCode::OK, &json!({ "sessions": sessions })));
            }
            ApiAction::End(segment) => {
                let id = rules::id(segment)?;
                if session.id() != Some(id) {
                    self.rules.is_fresh(&session)?;
                }
                // Nobody learns whether another user's session is there.
                if !session.revoke(id).await.map_err(fails)? {
                    return Err(Problem::NoSuchSession);
                }
                1
            }
            ApiAction::EndOthers => {
                self.rules.is_fresh(&session)?;
                session.logout_others().await.map_err(fails)?.len()
            }
            ApiAction::EndAll => {
                self.rules.is_fresh(&session)?;
                session.logout_all().await.map_err(fails)?.len()
            }
        };
        Ok(answer::json(StatusCode::OK, &json!({ "ended": count })))
    }
}

fn failed(problem: Problem) -> Answer {
    let body = json!({ "error": problem.code(), "message": problem.message() });
    answer::about(answer::json(problem.status(), &body), problem)
}
