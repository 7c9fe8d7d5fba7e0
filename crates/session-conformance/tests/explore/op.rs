//! What may be done to a session at the same moment as something else.

use http::StatusCode;
use session_core::{Error, Lifetime, Session, SessionId};

/// An operation that asks the backend, a write into the buffer, or the end of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Save,
    Update,
    Authenticate,
    /// As somebody else than the one who is signed in, if somebody is.
    SwitchUser,
    Reauthenticate,
    /// And ends the user's other sessions in the same step.
    EndOthers,
    Rotate,
    Logout,
    LogoutAll,
    LogoutOthers,
    RevokeItself,
    List,
    StartOver,
    /// Writes into the buffer, wherever the other one is. Reads are not among them: they show what the
    /// handle knows at that moment, and wait for nobody.
    Set,
    Remove,
    Clear,
    SetLifetime,
    /// The response's own, as adapters end it: first without a future.
    Finish,
    /// The same for a handler that failed.
    FinishFailed,
}

impl Op {
    pub(crate) const ALL: [Self; 19] = [
        Self::Save,
        Self::Update,
        Self::Authenticate,
        Self::SwitchUser,
        Self::Reauthenticate,
        Self::EndOthers,
        Self::Rotate,
        Self::Logout,
        Self::LogoutAll,
        Self::LogoutOthers,
        Self::RevokeItself,
        Self::List,
        Self::StartOver,
        Self::Set,
        Self::Remove,
        Self::Clear,
        Self::SetLifetime,
        Self::Finish,
        Self::FinishFailed,
    ];

    /// The status of the response that it ends.
    pub(crate) const fn ends_with(self) -> Option<StatusCode> {
        match self {
            Self::Finish => Some(StatusCode::OK),
            Self::FinishFailed => Some(StatusCode::INTERNAL_SERVER_ERROR),
            _ => None,
        }
    }

    /// Whether it ends the session: then a response after its failure hands out no new token.
    pub(crate) const fn signs_out(self) -> bool {
        matches!(self, Self::Logout | Self::LogoutAll | Self::RevokeItself)
    }

    /// Whether it ends sessions whose tokens the request presented, if it has none itself.
    pub(crate) const fn ends_what_was_presented(self) -> bool {
        matches!(self, Self::Logout | Self::StartOver | Self::Authenticate | Self::SwitchUser)
    }

    /// Whether it is done when it begins.
    pub(crate) const fn only_writes(self) -> bool {
        matches!(self, Self::Set | Self::Remove | Self::Clear | Self::SetLifetime)
    }

    /// Does it, if it is not the end of the request, and says what it returned.
    pub(crate) async fn act(self, session: Session, own: SessionId) -> String {
        match self {
            Self::Save => said(session.save().await),
            Self::Update => said(session.update("n", |n: Option<u64>| n.unwrap_or(0) + 1).await),
            Self::Authenticate => said(session.authenticate("ann").await),
            Self::SwitchUser => said(session.authenticate("bob").await),
            Self::Reauthenticate => said(session.reauthenticate().await),
            Self::EndOthers => {
                said(session.reauthenticate_and_end_others().await.map(|ids| ids.len()))
            }
            Self::Rotate => said(session.rotate().await),
            Self::Logout => said(session.logout().await),
            Self::LogoutAll => said(session.logout_all().await.map(|ids| ids.len())),
            Self::LogoutOthers => said(session.logout_others().await.map(|ids| ids.len())),
            Self::RevokeItself => said(session.revoke(own).await),
            Self::List => said(session.list().await.map(|sessions| sessions.len())),
            Self::StartOver => said(session.start_over().await),
            Self::Set => said(session.set("b", 2)),
            Self::Remove => said(session.remove("n")),
            Self::Clear => said(session.clear()),
            Self::SetLifetime => {
                let hour = std::time::Duration::from_secs(3600);
                said(session.set_lifetime(Lifetime::new().idle(hour).persistent(false)))
            }
            Self::Finish | Self::FinishFailed => {
                unreachable!("the end of a request is not an operation of its handler")
            }
        }
    }
}

pub(crate) fn said<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("Ok({value:?})"),
        Err(error) => format!("Err({:?})", error.kind()),
    }
}
