//! The user's sessions on all devices: list them, end one, end the others, end all.

use serde::Serialize;
use session_core::{Session, SessionId};

use super::sign_in::ended;
use super::view::SessionView;
use crate::answer::{Answer, Outcome};
use crate::problem::{Code, Problem};
use crate::request;

/// `GET /api/sessions`
pub(crate) async fn list(session: &Session) -> Outcome {
    #[derive(Serialize)]
    struct Shape<'a> {
        sessions: Vec<SessionView<'a>>,
    }
    // Whether this session may ask. What it shows of the others is less than is told here.
    session.list().await?;
    let (user, current) = (session.user_id().ok_or(Code::Unauthenticated)?, session.id());
    let sessions = session.store().list(&user).await?;
    let sessions = sessions.iter().map(|one| SessionView::listed(one, current)).collect();
    Ok(Answer::json(&Shape { sessions }))
}

/// `DELETE /api/sessions/{id}`
pub(crate) async fn revoke(session: &Session, segment: &str) -> Outcome {
    if !session.is_authenticated() {
        return Err(Code::Unauthenticated.into());
    }
    let id = id(segment)?;
    // Nobody learns whether another user's session is there.
    if session.revoke(id).await? { Ok(ended(1)) } else { Err(Code::NoSuchSession.into()) }
}

/// `POST /api/logout-others`
pub(crate) async fn logout_others(session: &Session) -> Outcome {
    Ok(ended(session.logout_others().await?.len()))
}

/// `POST /api/logout-all`
pub(crate) async fn logout_all(session: &Session) -> Outcome {
    Ok(ended(session.logout_all().await?.len()))
}

/// The id that a segment of a path names.
pub(crate) fn id(segment: &str) -> Result<SessionId, Problem> {
    let text = request::key(segment).map_err(|_| Code::InvalidId)?;
    Ok(text.parse().map_err(|_| Code::InvalidId)?)
}
