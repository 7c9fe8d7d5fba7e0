//! Errors: [`Error`] for applications, [`BackendError`] for backends. Both are opaque with a kind,
//! and the kind says what the caller does next.
//!
//! Absent, expired and malformed are all "no session" and never an error; an error means that the
//! system failed or that the application asked for what cannot be.

mod convert;
mod debug;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use http::StatusCode;

/// What a backend's error means for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// The id or the token hash is in use: mint another and try again.
    Conflict,
    /// The data would pass the ceiling in bytes; nothing was changed.
    TooLarge,
    /// The session that acts has ended, or its token is neither its current one nor in grace; nothing
    /// was changed.
    ActingEnded,
    /// The database cannot be reached, is too slow, or is too busy: try later. The operation may
    /// or may not have happened.
    Unavailable,
    /// What is stored cannot be read: an operator has to look.
    Corrupt,
    /// Anything else, such as a missing table or a read-only file: an operator has to look.
    Other,
}

impl BackendErrorKind {
    /// Whether the call has not happened, for sure.
    pub(crate) const fn says_that_nothing_happened(self) -> bool {
        matches!(self, Self::Conflict | Self::TooLarge | Self::ActingEnded)
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Conflict => "the session's id or token is already in use",
            Self::TooLarge => "the session's data would be too large",
            Self::ActingEnded => "the session that acts has ended",
            Self::Unavailable => "the session backend is unavailable",
            Self::Corrupt => "the stored session cannot be read",
            Self::Other => "the session backend failed",
        }
    }
}

/// What went wrong in a backend: a [kind](BackendErrorKind), and the driver's error as its
/// [source](StdError::source).
///
/// The message is the kind's own sentence or the context given with
/// [`with_context`](Self::with_context); it never repeats the source. Whoever makes one must not
/// put a token, a hash or a session's data into it.
pub struct BackendError {
    kind: BackendErrorKind,
    is_said: bool,
    context: Option<Box<str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl BackendError {
    /// An error with the driver's error behind it.
    pub fn new(kind: BackendErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, is_said: false, context: None, source: Some(source.into()) }
    }

    /// An error that says all by itself, such as a [`Conflict`](BackendErrorKind::Conflict).
    #[must_use]
    pub const fn from_kind(kind: BackendErrorKind) -> Self {
        Self { kind, is_said: false, context: None, source: None }
    }

    /// Replaces the kind's general sentence with one that tells an operator what to do: one line,
    /// lower-case.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into().into_boxed_str());
        self
    }

    /// The same after the store has told the operator of the outage that it belongs to.
    pub(crate) const fn said(mut self) -> Self {
        self.is_said = true;
        self
    }

    /// What the caller does next.
    #[must_use]
    pub const fn kind(&self) -> BackendErrorKind {
        self.kind
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.context.as_deref().unwrap_or(self.kind.text()))
    }
}

impl StdError for BackendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// What an [`Error`] means for the application that got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nobody is signed in, and the operation needs somebody. 401.
    Unauthenticated,
    /// There is no session to rotate or re-authenticate. 401.
    NoSession,
    /// The session ended while the request ran, or its token was refused: nothing was stored. 409.
    SessionEnded,
    /// Somebody is signed in, but last proved who they are longer ago than the operation allows. 403.
    StaleAuthentication,
    /// Somebody is signed in, where a visitor is wanted, as on a sign-in page. 409.
    AlreadySignedIn,
    /// The request comes from another site and may not make a session: nothing was stored. 409.
    CrossSite,
    /// The request comes from another origin and may change something:
    /// [`CrossSiteGuard`](crate::CrossSiteGuard) refused it. 403.
    CrossOrigin,
    /// The data would be larger than the configuration allows. 413.
    TooLarge,
    /// The key, the value or the user id cannot be stored: U+0000, nested too deeply, or not
    /// serialisable. 400.
    InvalidData,
    /// What is stored under the key, or the user's id, is not of the type that was asked for. 500.
    WrongType,
    /// The response was already decided, so this write could not reach the session. 500.
    LateWrite,
    /// The adapter's layer is missing, or mounted twice around one route. 500.
    Misconfigured,
    /// The backend cannot be reached or is too slow. 503.
    Unavailable,
    /// The backend failed in a way that waiting does not mend. 503 too: to the visitor it is an
    /// outage, and it must not look like a sign-out.
    BackendFailed,
    /// The operating system gave no randomness, or something as unlikely. 500.
    Internal,
}

impl ErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Unauthenticated => "nobody is signed in",
            Self::NoSession => "there is no session",
            Self::SessionEnded => "the session has ended",
            Self::StaleAuthentication => "the last sign-in was too long ago",
            Self::AlreadySignedIn => "somebody is signed in already",
            Self::CrossSite => "a request from another site makes no session",
            Self::CrossOrigin => "the request was sent from another site",
            Self::TooLarge => "the session's data would be too large",
            Self::InvalidData => "this cannot be stored in a session",
            Self::WrongType => "the stored value is not of the type asked for",
            Self::LateWrite => "the response was already decided",
            Self::Misconfigured => "the session layer is not mounted exactly once",
            Self::Unavailable => "the session backend is unavailable",
            Self::BackendFailed => "the session backend failed",
            Self::Internal => "the session library failed",
        }
    }

    /// A short name in lower case with underscores: for the bodies of error answers. With the
    /// [status](Self::status) that it comes with, these are all:
    ///
    /// | Code | Status | Says |
    /// | --- | --- | --- |
    /// | `unauthenticated` | 401 | nobody is signed in, or there is no session |
    /// | `stale_authentication` | 403 | the last sign-in was too long ago: confirm who you are |
    /// | `cross_origin` | 403 | the request was sent from another site, and was refused |
    /// | `already_signed_in` | 409 | somebody is signed in, where a visitor is wanted |
    /// | `session_ended` | 409 | the session ended meanwhile, and nothing was stored |
    /// | `cross_site` | 409 | the request comes from another site, and nothing was stored |
    /// | `data_too_large` | 413 | the session's data would be too large |
    /// | `invalid_data` | 400 | a key, a value or an id that cannot be |
    /// | `unavailable` | 503 | the backend failed: try again later |
    /// | `internal` | 500 | a mistake of the application's or of ours: the log says which |
    ///
    /// A later version may add some, but never says the same by another name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unauthenticated | Self::NoSession => "unauthenticated",
            Self::SessionEnded => "session_ended",
            Self::StaleAuthentication => "stale_authentication",
            Self::AlreadySignedIn => "already_signed_in",
            Self::CrossSite => "cross_site",
            Self::CrossOrigin => "cross_origin",
            Self::TooLarge => "data_too_large",
            Self::InvalidData => "invalid_data",
            Self::Unavailable | Self::BackendFailed => "unavailable",
            Self::WrongType | Self::LateWrite | Self::Misconfigured | Self::Internal => "internal",
        }
    }

    /// The HTTP status that fits.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::NoSession => StatusCode::UNAUTHORIZED,
            Self::StaleAuthentication | Self::CrossOrigin => StatusCode::FORBIDDEN,
            Self::SessionEnded | Self::CrossSite | Self::AlreadySignedIn => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InvalidData => StatusCode::BAD_REQUEST,
            Self::Unavailable | Self::BackendFailed => StatusCode::SERVICE_UNAVAILABLE,
            Self::WrongType | Self::LateWrite | Self::Misconfigured | Self::Internal => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

/// What an application gets: a [kind](ErrorKind) and, if another error caused it, that error as
/// its [source](StdError::source).
///
/// The message is lower-case, one line, and holds nothing secret. It is for the log: it may name a key
/// or a type of the application's. What people are shown is
/// [`public_message`](Error::public_message). A clone has the same source.
///
/// A handler returns the adapter's `SessionError`, into which this goes by `?`.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    /// Whether the operator knows already, because it belongs to an outage.
    is_said: bool,
    context: Option<Box<str>>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of this kind with the kind's own sentence.
    #[must_use]
    pub const fn from_kind(kind: ErrorKind) -> Self {
        Self { kind, is_said: false, context: None, source: None }
    }

    /// What storing is answered with if the request may not store. If that is because the backend failed when
    /// the session was loaded, the store has said so.
    pub(crate) fn refused(kind: ErrorKind) -> Self {
        Self { is_said: matches!(kind, ErrorKind::Unavailable), ..Self::from_kind(kind) }
    }

    /// What asking for somebody is answered with if the backend failed when the session was loaded.
    pub(crate) fn not_loaded() -> Self {
        Self::refused(ErrorKind::Unavailable)
    }

    /// An error with what caused it behind it.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, is_said: false, context: None, source: Some(source.into().into()) }
    }

    /// Replaces the kind's general sentence.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.context = Some(context.into().into_boxed_str());
        self
    }

    /// What the application does next.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// A short name for the bodies of error answers: [`ErrorKind::code`] lists them all.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.kind.code()
    }

    /// The HTTP status that fits: see [`ErrorKind::status`].
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.kind.status()
    }

    /// Whether the store has told the operator, so that no request has to.
    pub(crate) const fn is_said(&self) -> bool {
        self.is_said
    }

    const fn kind_of(kind: BackendErrorKind) -> ErrorKind {
        match kind {
            BackendErrorKind::TooLarge => ErrorKind::TooLarge,
            BackendErrorKind::ActingEnded => ErrorKind::SessionEnded,
            BackendErrorKind::Unavailable => ErrorKind::Unavailable,
            BackendErrorKind::Conflict | BackendErrorKind::Corrupt | BackendErrorKind::Other => {
                ErrorKind::BackendFailed
            }
        }
    }

    pub(crate) fn no_randomness(source: getrandom::Error) -> Self {
        Self::new(ErrorKind::Internal, source)
            .with_context("the operating system gave no randomness")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.context.as_deref().unwrap_or(self.kind.text()))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<BackendError> for Error {
    fn from(error: BackendError) -> Self {
        let is_said = error.is_said;
        Self { is_said, ..Self::new(Self::kind_of(error.kind), error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind there is: the match lets nobody add one and forget it here.
    fn all_kinds() -> Vec<ErrorKind> {
        let mut kinds = vec![ErrorKind::Unauthenticated];
        loop {
            let next = match kinds[kinds.len() - 1] {
                ErrorKind::Unauthenticated => ErrorKind::NoSession,
                ErrorKind::NoSession => ErrorKind::SessionEnded,
                ErrorKind::SessionEnded => ErrorKind::StaleAuthentication,
                ErrorKind::StaleAuthentication => ErrorKind::AlreadySignedIn,
                ErrorKind::AlreadySignedIn => ErrorKind::CrossSite,
                ErrorKind::CrossSite => ErrorKind::CrossOrigin,
                ErrorKind::CrossOrigin => ErrorKind::TooLarge,
                ErrorKind::TooLarge => ErrorKind::InvalidData,
                ErrorKind::InvalidData => ErrorKind::WrongType,
                ErrorKind::WrongType => ErrorKind::LateWrite,
                ErrorKind::LateWrite => ErrorKind::Misconfigured,
                ErrorKind::Misconfigured => ErrorKind::Unavailable,
                ErrorKind::Unavailable => ErrorKind::BackendFailed,
                ErrorKind::BackendFailed => ErrorKind::Internal,
                ErrorKind::Internal => return kinds,
            };
            kinds.push(next);
        }
    }

    #[test]
    fn the_documentation_lists_every_code_with_its_status() {
        let rows = include_str!("error.rs").lines().filter_map(|line| {
            let mut cells = line.trim().strip_prefix("/// | `")?.split(['`', '|']);
            let (code, status) = (cells.next()?, cells.nth(1)?.trim().parse().ok()?);
            Some((code.to_owned(), status))
        });
        let listed: std::collections::BTreeSet<(String, u16)> = rows.collect();
        let given = all_kinds().into_iter();
        let given = given.map(|kind| (kind.code().to_owned(), kind.status().as_u16())).collect();
        assert_eq!(listed, given);
    }

    #[test]
    fn a_clone_has_the_same_source() {
        let error = Error::new(ErrorKind::Internal, "because").with_context("failed");
        let copy = error.clone();
        assert_eq!((copy.kind(), copy.to_string()), (ErrorKind::Internal, "failed".to_owned()));
        for error in [error, copy] {
            assert_eq!(error.source().unwrap().to_string(), "because");
        }
    }
}
