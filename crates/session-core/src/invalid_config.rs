//! [`InvalidConfig`]: what is said of a configuration that cannot be meant.

use std::borrow::Cow;
use std::fmt;

/// A configuration that cannot be meant: which key, and why, in one line. It never repeats a secret.
///
/// From [`SessionConfig::check`](crate::SessionConfig::check), from what makes a
/// [`SessionStore`](crate::SessionStore), and from [`CookieRules`](crate::CookieRules).
#[derive(Clone, PartialEq, Eq)]
pub struct InvalidConfig {
    key: &'static str,
    reason: Cow<'static, str>,
}

impl InvalidConfig {
    pub(crate) fn new(key: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { key, reason: reason.into() }
    }

    /// The key at fault, such as `session_ttl_secs` or `cookie.path`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// Why its value cannot be meant.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid session configuration: {}: {}", self.key, self.reason)
    }
}

impl fmt::Debug for InvalidConfig {
    /// The sentence: it is what is printed of an error that `main` returns.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for InvalidConfig {}
