//! [`Finding`]: what a backend says of itself when it is asked whether it is well.

/// One thing that a backend looked at, how it is, and what to do. Backends with something to look at have
/// a method `diagnose` for it, as `session-sqlite` and `session-postgres` do.
///
/// ```
/// use session_core::{Finding, FindingLevel};
///
/// let finding = Finding::warning("purge", "sessions that expired wait for the purge");
/// assert_eq!(finding.level, FindingLevel::Warning);
/// assert!(FindingLevel::Ok < FindingLevel::Warning && FindingLevel::Warning < FindingLevel::Error);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Finding {
    /// What was looked at, in one word that programs may compare: `schema`, `clock`.
    pub name: &'static str,
    /// How it is.
    pub level: FindingLevel,
    /// A sentence for the operator: how it is, and what to do. It holds no secret and no session's data.
    pub message: String,
}

/// How something is; the worse, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingLevel {
    /// As it should be.
    Ok,
    /// Sessions work, and somebody should look.
    Warning,
    /// Sessions do not work, or a promise does not hold.
    Error,
}

impl FindingLevel {
    /// In one word: `ok`, `warning`, `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    /// It is as it should be.
    pub fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, level: FindingLevel::Ok, message: message.into() }
    }

    /// Somebody should look.
    pub fn warning(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, level: FindingLevel::Warning, message: message.into() }
    }

    /// It does not work so.
    pub fn error(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, level: FindingLevel::Error, message: message.into() }
    }
}
