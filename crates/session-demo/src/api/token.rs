//! The session for programs: its token in the body, and back as `Authorization: Bearer`. The one place
//! where the demo shows a token, to whoever just proved who they are.

use serde_json::json;
use session_core::Session;

use super::{sign_in, view};
use crate::answer::{Answer, Outcome};
use crate::problem::Code;

/// `POST /api/token` `{"user": "alice", "data": {…}?}`
pub(crate) async fn issue(session: &Session, body: &[u8]) -> Outcome {
    let sign_in = sign_in::read(body)?.bearer();
    session.authenticate_with(sign_in).await?;
    Ok(handed_out(session))
}

/// `GET /api/token`
pub(crate) fn show(session: &Session) -> Answer {
    view::current(session)
}

/// `POST /api/token/rotate`
pub(crate) async fn rotate(session: &Session) -> Outcome {
    if !session.is_bearer() || session.id().is_none() {
        return Err(Code::Unauthenticated.into());
    }
    session.rotate().await?;
    Ok(handed_out(session))
}

/// `DELETE /api/token`
pub(crate) async fn end(session: &Session) -> Outcome {
    sign_in::logout(session).await
}

/// The token is null if a parallel request has the new one.
fn handed_out(session: &Session) -> Answer {
    let token = session.take_bearer_token();
    let token = token.as_ref().map(session_core::BearerToken::expose);
    let expires_at = session.current().map(|session| session.expires_at);
    Answer::json(&json!({ "token": token, "expires_at": expires_at }))
}
