//! [`Failure`]: why a command was not done, and with which code the program ends.

use std::process::ExitCode;

use session_core::{BackendError, BackendErrorKind, Error, ErrorKind};

/// Why a command was not done.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was looked at is not as it should be.
    Unwell,
    /// The arguments make no sense.
    Usage,
    NotFound,
    Unavailable,
    Refused,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Unwell => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Unavailable => 4,
            Self::Refused => 5,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unwell => "unwell",
            Self::Usage => "usage",
            Self::NotFound => "not_found",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
        }
    }
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.code())
    }
}

/// Backends' errors never repeat a URL, and so never a password.
impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        let kind = match error.kind() {
            BackendErrorKind::Unavailable => Kind::Unavailable,
            _ => Kind::Refused,
        };
        Self::new(kind, with_sources(&error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Unavailable => Kind::Unavailable,
            _ => Kind::Refused,
        };
        Self::new(kind, with_sources(&error))
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some repeat their cause.
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
