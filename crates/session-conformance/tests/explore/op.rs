//! What may be done to a session at the same moment as something else.

use session_core::{Error, Session, SessionId};

/// An operation that asks the backend, or the end of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Save,
    Update,
    Authenticate,
    /// As somebody else than the one who is signed in, if somebody is.
    SwitchUser,
    Reauthenticate,
    Rotate,
    Logout,
    LogoutAll,
    LogoutOthers,
    RevokeItself,
    List,
    /// The response's own.
    Finish,
}

impl Op {
    pub(crate) const ALL: [Self; 12] = [
        Self::Save,
        Self::Update,
        Self::Authenticate,
        Self::SwitchUser,
        Self::Reauthenticate,
        Self::Rotate,
        Self::Logout,
        Self::LogoutAll,
        Self::LogoutOthers,
        Self::RevokeItself,
        Self::List,
        Self::Finish,
    ];

    /// Does it, all but [`Finish`](Self::Finish), and says what it returned.
    pub(crate) async fn act(self, session: Session, own: SessionId) -> String {
        match self {
            Self::Save => said(session.save().await),
            Self::Update => said(session.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await),
            Self::Authenticate => said(session.authenticate("ann").await),
            Self::SwitchUser => said(session.authenticate("bob").await),
            Self::Reauthenticate => said(session.reauthenticate().await),
            Self::Rotate => said(session.rotate().await),
            Self::Logout => said(session.logout().await),
            Self::LogoutAll => said(session.logout_all().await.map(|ids| ids.len())),
            Self::LogoutOthers => said(session.logout_others().await.map(|ids| ids.len())),
            Self::RevokeItself => said(session.revoke(own).await),
            Self::List => said(session.list().await.map(|sessions| sessions.len())),
            Self::Finish => unreachable!("the end of a request is not an operation of its handler"),
        }
    }
}

pub(crate) fn said<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("Ok({value:?})"),
        Err(error) => format!("Err({:?})", error.kind()),
    }
}
