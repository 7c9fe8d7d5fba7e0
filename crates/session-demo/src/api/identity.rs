//! Who is there: the session, its user, and a new token for it.

use std::time::Duration;

use serde_json::json;
use session_core::{Session, UserId};

use super::view;
use crate::answer::{Answer, Outcome};
use crate::problem::Code;
use crate::request;

/// `GET /api/session`
pub(crate) fn show(session: &Session) -> Answer {
    view::current(session)
}

/// `GET /api/me`, and what a layer found out for `GET /api/layer-user`
pub(crate) fn me(user: Option<UserId>) -> Outcome {
    let user = user.ok_or(Code::Unauthenticated)?;
    Ok(Answer::json(&json!({ "user_id": user })))
}

/// `POST /api/reauthenticate`
pub(crate) async fn reauthenticate(session: &Session) -> Outcome {
    session.reauthenticate().await?;
    Ok(view::current(session))
}

/// `POST /api/rotate`
pub(crate) async fn rotate(session: &Session) -> Outcome {
    // Whether this request or a parallel one did it is the same to the caller: a new token is on its
    // way to the browser.
    session.rotate().await?;
    // And nothing to rotate is nothing that a script may take for done.
    if session.id().is_none() {
        return Err(Code::Unauthenticated.into());
    }
    Ok(view::current(session))
}

/// `GET /api/fresh?within=60`
pub(crate) fn fresh(session: &Session, query: &str) -> Outcome {
    let within = Duration::from_secs(request::number(query, "within", 60)?);
    if session.authenticated_within(within) {
        Ok(Answer::ok())
    } else {
        Err(Code::StaleAuthentication.into())
    }
}
