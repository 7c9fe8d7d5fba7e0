//! [`Problem`]: every error that the demo answers with, by its code.

use std::borrow::Cow;

use http::StatusCode;
use session_core::{Error, ErrorKind, InvalidUserId};

/// What went wrong, as scripts are told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidJson,
    InvalidKey,
    InvalidUser,
    InvalidId,
    InvalidQuery,
    InvalidForm,
    Unauthenticated,
    StaleAuthentication,
    ForeignForm,
    NotStaff,
    NoSuchKey,
    NoSuchSession,
    NotFound,
    MethodNotAllowed,
    NotANumber,
    SessionEnded,
    CrossSite,
    DataTooLarge,
    Internal,
    Unavailable,
    /// The script asked for this very status.
    Requested(StatusCode),
}

impl Code {
    /// How it is written in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidKey => "invalid_key",
            Self::InvalidUser => "invalid_user",
            Self::InvalidId => "invalid_id",
            Self::InvalidQuery => "invalid_query",
            Self::InvalidForm => "invalid_form",
            Self::Unauthenticated => "unauthenticated",
            Self::StaleAuthentication => "stale_authentication",
            Self::ForeignForm => "foreign_form",
            Self::NotStaff => "not_staff",
            Self::NoSuchKey => "no_such_key",
            Self::NoSuchSession => "no_such_session",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotANumber => "not_a_number",
            Self::SessionEnded => "session_ended",
            Self::CrossSite => "cross_site",
            Self::DataTooLarge => "data_too_large",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::Requested(_) => "requested",
        }
    }

    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::InvalidJson
            | Self::InvalidKey
            | Self::InvalidUser
            | Self::InvalidId
            | Self::InvalidQuery
            | Self::InvalidForm => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::StaleAuthentication | Self::ForeignForm | Self::NotStaff => StatusCode::FORBIDDEN,
            Self::NoSuchKey | Self::NoSuchSession | Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotANumber | Self::SessionEnded | Self::CrossSite => StatusCode::CONFLICT,
            Self::DataTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Requested(status) => status,
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::InvalidJson => "The body is no JSON that can be stored.",
            Self::InvalidKey => "A key is UTF-8 without U+0000, percent-encoded.",
            Self::InvalidUser => "A user is a string of 1 to 255 bytes without U+0000.",
            Self::InvalidId => "A session's id is a ULID: 26 characters of Crockford's base 32.",
            Self::InvalidQuery => "The query is not what this address takes.",
            Self::InvalidForm => "The form is not one of this site's.",
            Self::Unauthenticated => "Nobody is signed in.",
            Self::StaleAuthentication => "Sign in again: the last time was too long ago.",
            Self::ForeignForm => "The form was sent from another site.",
            Self::NotStaff => "Only the user “support” may see what others see.",
            Self::NoSuchKey => "There is nothing under this key.",
            Self::NoSuchSession => "You have no such session.",
            Self::NotFound => "There is nothing at this address.",
            Self::MethodNotAllowed => "This address does not take this method.",
            Self::NotANumber => "What is there is no whole number that can grow by one.",
            Self::SessionEnded => "The session has ended, and nothing was stored.",
            Self::CrossSite => "A request from another site makes no session; nothing was stored.",
            Self::DataTooLarge => "The session's data would be too large.",
            Self::Internal => "Something went wrong on the server.",
            Self::Unavailable => "The sessions cannot be reached just now; try again shortly.",
            Self::Requested(_) => "You asked for this answer.",
        }
    }
}

/// An error answer: a code for scripts, and a sentence for people.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    message: Cow<'static, str>,
}

impl Problem {
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    pub(crate) const fn status(&self) -> StatusCode {
        self.code.status()
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Says more than the code's own sentence.
    pub(crate) fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self { code, message: code.sentence().into() }
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Unauthenticated | ErrorKind::NoSession => Code::Unauthenticated.into(),
            ErrorKind::SessionEnded => Code::SessionEnded.into(),
            ErrorKind::CrossSite => Code::CrossSite.into(),
            ErrorKind::CrossOrigin => Code::ForeignForm.into(),
            ErrorKind::StaleAuthentication => Code::StaleAuthentication.into(),
            ErrorKind::NoSuchSlot => Code::NotFound.into(),
            ErrorKind::TooLarge => Code::DataTooLarge.into(),
            ErrorKind::Unavailable | ErrorKind::BackendFailed => Code::Unavailable.into(),
            ErrorKind::InvalidData => {
                Self::from(Code::InvalidJson).with_message(sentence(&error.to_string()))
            }
            // Mistakes in the demo itself.
            _ => Code::Internal.into(),
        }
    }
}

impl From<Error> for Problem {
    /// A server's error is logged: its reader is the operator, not the visitor.
    fn from(error: Error) -> Self {
        if error.status().is_server_error() {
            tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
        }
        Self::from(&error)
    }
}

impl From<InvalidUserId> for Problem {
    fn from(error: InvalidUserId) -> Self {
        Self::from(Code::InvalidUser).with_message(sentence(&error.to_string()))
    }
}

/// An error's message as a sentence.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}
