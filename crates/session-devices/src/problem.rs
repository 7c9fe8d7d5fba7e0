//! [`Problem`]: everything that can go wrong here, each with its status and its code.

use http::StatusCode;
use session_core::{Error, ErrorKind};

/// What went wrong. [`Words::problem`](crate::Words::problem) says it to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nobody is signed in. 401.
    NotSignedIn,
    /// The last sign-in is longer ago than
    /// [`require_fresh`](crate::DevicesPage::require_fresh) allows. 403.
    NotFresh,
    /// Another site made the browser send this. 403.
    OtherSite,
    /// What should be a session's id is none. 400.
    InvalidId,
    /// The user has no such session: it is another user's, or was never there. Only the JSON says so.
    /// 404.
    NoSuchSession,
    /// The session ended while the request ran; nothing was changed. 409.
    SessionEnded,
    /// The backend failed. 503, with Retry-After.
    Unavailable,
    /// A mistake of the application's or of ours: the log says which. 500.
    Internal,
}

impl Problem {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::NotFresh | Self::OtherSite => StatusCode::FORBIDDEN,
            Self::InvalidId => StatusCode::BAD_REQUEST,
            Self::NoSuchSession => StatusCode::NOT_FOUND,
            Self::SessionEnded => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its name in JSON. What [`ErrorKind::code`] has a name for has the same here.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSignedIn => "unauthenticated",
            Self::NotFresh => "stale_authentication",
            Self::OtherSite => "cross_origin",
            Self::InvalidId => "invalid_id",
            Self::NoSuchSession => "no_such_session",
            Self::SessionEnded => "session_ended",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// A sentence in English: the JSON's message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::NotSignedIn => "Nobody is signed in.",
            Self::NotFresh => "Sign in again: the last time was too long ago.",
            Self::OtherSite => "The form was sent from another site.",
            Self::InvalidId => "A session's id is a ULID: 26 characters of Crockford's base 32.",
            Self::NoSuchSession => "You have no such session.",
            Self::SessionEnded => "The session has ended, and nothing was changed.",
            Self::Unavailable => "The sessions cannot be reached just now; try again shortly.",
            Self::Internal => "Something went wrong on the server.",
        }
    }

    /// What an error of the session's means here.
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Unauthenticated | ErrorKind::NoSession => Self::NotSignedIn,
            ErrorKind::SessionEnded => Self::SessionEnded,
            ErrorKind::CrossSite | ErrorKind::CrossOrigin => Self::OtherSite,
            ErrorKind::StaleAuthentication => Self::NotFresh,
            ErrorKind::Unavailable | ErrorKind::BackendFailed => Self::Unavailable,
            // Nothing is stored here, so that nothing is too large or cannot be stored.
            _ => Self::Internal,
        }
    }
}
