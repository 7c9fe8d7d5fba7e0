//! Other errors of this crate as an [`Error`]: those that a handler may meet.

use std::error::Error as StdError;

use super::{BackendError, Error, ErrorKind};
use crate::id::{InvalidId, InvalidUserId};

impl Error {
    /// This error as one of ours, if it is one that a handler may meet: an [`Error`], a
    /// [`BackendError`], an [`InvalidUserId`] or an [`InvalidId`]. For adapters that look for it among
    /// an application's error and its [causes](crate::answer::causes).
    #[must_use]
    pub fn recognise(error: &(dyn StdError + 'static)) -> Option<Self> {
        if let Some(ours) = error.downcast_ref::<Self>() {
            return Some(ours.clone());
        }
        if let Some(failed) = error.downcast_ref::<BackendError>() {
            // What it says is for an operator, and may name a server or a path: it is a cause of the
            // answer, and not its text.
            return Some(Self::new(Self::kind_of(failed.kind()), failed.to_string()));
        }
        if let Some(invalid) = error.downcast_ref::<InvalidUserId>() {
            return Some((*invalid).into());
        }
        error.downcast_ref::<InvalidId>().map(|invalid| (*invalid).into())
    }
}

impl From<InvalidId> for Error {
    fn from(error: InvalidId) -> Self {
        Self::from_kind(ErrorKind::InvalidData).with_context(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::BackendErrorKind;
    use crate::id::{SessionId, UserId};

    #[test]
    fn ours_are_recognised() {
        let ended = Error::from_kind(ErrorKind::SessionEnded);
        let down = BackendError::new(BackendErrorKind::Unavailable, "refused").with_context("down");
        let id = "x".parse::<SessionId>().unwrap_err();
        let user = UserId::new("").unwrap_err();
        let other = std::io::Error::other("x");
        for (error, expected) in [
            (&ended as &(dyn StdError + 'static), Some(ErrorKind::SessionEnded)),
            (&down, Some(ErrorKind::Unavailable)),
            (&id, Some(ErrorKind::InvalidData)),
            (&user, Some(ErrorKind::InvalidData)),
            (&other, None),
        ] {
            let found = Error::recognise(error);
            assert_eq!(found.as_ref().map(Error::kind), expected, "{error}");
            let says = found.map(|found| found.public_message());
            let is_told =
                says.is_some_and(|says| says.contains("down") || says.contains("refused"));
            assert!(!is_told, "{error}: what is an operator's is told to everybody");
        }
    }
}
